//! Files with cases next to rules.

use super::Shape::*;
use super::pack::VERSION;
use super::{Key, Mapping, Together, words};
use crate::engine::proof::{End, MATCHES};

/// A file with cases.
pub static CASES: Mapping = Mapping {
    name: "cases",
    what: "`version` and `cases`",
    doc: "Cases next to the rules; `tapline test` runs them.",
    keys: &[VERSION, Key::must("cases", List(&Mapping(|| &CASE)), "The cases.")],
    others: None,
    together: &[],
};

/// A case.
pub static CASE: Mapping = Mapping {
    name: "case",
    what: "a case with `name`, `event` and `expect`",
    doc: "A call, and what is expected of it.",
    keys: &[
        Key::must("name", Text, "What holds, in a sentence."),
        Key::may("pack", Text, "Another pack than the live one."),
        Key::may("options", Members(&Json), "Options of the pack."),
        Key::may(
            "now",
            Text,
            "When the call is received, as `2026-01-31T12:00:00Z`. Without it there is no clock at all.",
        ),
        Key::may(
            "event",
            Either(&[Object, Text]),
            "The call, as a mapping, or as text of JSON where exact bytes matter.",
        ),
        Key::may("event_file", Text, "A file that holds the call, beside the cases."),
        Key::may(
            "match",
            Choice(|| words(&MATCHES)),
            "`exact`, or `subset`: what is written must be there, more may be.",
        ),
        Key::must("expect", Mapping(|| &EXPECT), "What is expected. What is not named is not looked at."),
    ],
    others: None,
    together: &[Together::ExactlyOne(&["event", "event_file"])],
};

/// What is expected.
pub static EXPECT: Mapping = Mapping {
    name: "expect",
    what: "`records`, `outcome`, `reason` or `warnings`",
    doc: "What is expected of a call.",
    keys: &[
        Key::may("outcome", Choice(|| words(&End::CHOICES)), "How the call ends."),
        Key::may("reason", Text, "The code of the reason why it is not mapped."),
        Key::may(
            "records",
            List(&Either(&[Object, Text])),
            "The records. A mapping is compared by value, text byte for byte.",
        ),
        Key::may("warnings", List(&Text), "The codes of the warnings, in order."),
    ],
    others: None,
    together: &[Together::AtLeastOne(&["outcome", "reason", "records", "warnings"])],
};
