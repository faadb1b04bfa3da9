//! Records that rules emit.

use super::Shape::*;
use super::condition::CONDITION;
use super::value::{DATA, EXPRESSION};
use super::{Key, Mapping, Together, words};
use crate::engine::record::RecordKind;
use crate::engine::rules::record;

/// An element of `emit`.
pub static RECORD: Mapping = Mapping {
    name: "record",
    what: "a record: `profile`, `event` or `token`",
    doc: "A record for CleverTap.",
    keys: &[
        Key::may("profile", Mapping(|| &PROFILE), "What CleverTap knows of a user."),
        Key::may("event", Mapping(|| &EVENT), "Something a user did."),
        Key::may("token", Mapping(|| &TOKEN), "A token for push messages."),
    ],
    others: None,
    together: &[Together::ExactlyOne(&["profile", "event", "token"])],
};

/// The shape of a kind of record.
pub fn of(kind: RecordKind) -> &'static Mapping {
    match kind {
        RecordKind::Profile => &PROFILE,
        RecordKind::Event => &EVENT,
        RecordKind::Token => &TOKEN,
    }
}

/// A profile.
pub static PROFILE: Mapping = Mapping {
    name: "profile",
    what: "a record",
    doc: "A profile: what CleverTap knows of a user.",
    keys: &[ADDRESS_KEY, TIME, MAX_FIELDS, LIMITS, WHEN, DATA_KEY],
    others: None,
    together: &[],
};

/// An event.
pub static EVENT: Mapping = Mapping {
    name: "event",
    what: "a record",
    doc: "An event: something a user did.",
    keys: &[
        ADDRESS_KEY,
        Key::must("name", EXPRESSION, "The event's name."),
        TIME,
        MAX_FIELDS,
        LIMITS,
        WHEN,
        DATA_KEY,
    ],
    others: None,
    together: &[],
};

/// A push token.
pub static TOKEN: Mapping = Mapping {
    name: "token",
    what: "a record",
    doc: "A token for push messages.",
    keys: &[ADDRESS_KEY, MAX_FIELDS, LIMITS, WHEN, DATA_KEY],
    others: None,
    together: &[],
};

const ADDRESS_KEY: Key =
    Key::must("address", List(&Mapping(|| &ADDRESS)), "Whom it is about: the first that yields something.");
const TIME: Key = Key::may(
    "ts",
    EXPRESSION,
    "The record's time, in seconds. The event's time where it is not written, none at all with `ts: []`.",
);
const MAX_FIELDS: Key =
    Key::may("max_fields", Either(&[Count, Mapping(|| &OPTION_OF)]), "How many values it may have.");
const LIMITS: Key = Key::may(
    "limits",
    Choice(|| words(&record::LIMITS)),
    "Whether what is longer than CleverTap takes is cut with a warning, or sent as it is.",
);
const WHEN: Key = Key::may("when", Mapping(|| &CONDITION), "When this record is made at all.");
const DATA_KEY: Key = Key::may("data", Mapping(|| &DATA), "What is in it.");

/// Whom a record is about.
pub static ADDRESS: Mapping = Mapping {
    name: "address",
    what: "`identity: $user` or `objectId: $device`",
    doc: "One way to say whom a record is about.",
    keys: &[
        Key::may("identity", Origin, "A user, by the id that the business knows."),
        Key::may("objectId", Origin, "A device, by the id that CleverTap knows."),
    ],
    others: None,
    together: &[],
};

/// A number that an option of the pack holds.
pub static OPTION_OF: Mapping = Mapping {
    name: "option-of",
    what: "a whole number from 0, or an option that holds one, as `{ option: max_event_properties }`",
    doc: "A number that an option of the pack holds.",
    keys: &[Key::must("option", Text, "The option's name.")],
    others: None,
    together: &[],
};
