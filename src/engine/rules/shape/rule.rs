//! Rules, of a pack and local ones.

use super::Shape::*;
use super::condition::CONDITION;
use super::pack::ALLOWED;
use super::record::RECORD;
use super::value::SCRIPT_KEY;
use super::{Key, Mapping, Together};

/// A rule of a pack.
pub static RULE: Mapping = Mapping {
    name: "rule",
    what: RULE_IS,
    doc: "A rule: when it applies, and one thing to do. The first that applies decides.",
    keys: &[ID, ALLOW, WHEN, EMIT, SCRIPT, FILTER, FAIL],
    others: None,
    together: &[ONE_ACTION, SCRIPT_WITH_EMIT],
};

/// A rule of the entry file.
pub static LOCAL_RULE: Mapping = Mapping {
    name: "local-rule",
    what: RULE_IS,
    doc: "A rule over the pack's: before all of them, or where `before`, `after` or `replaces` puts it.",
    keys: &[
        ID,
        ALLOW,
        Key::may("before", Text, "The id of the rule that it comes before."),
        Key::may("after", Text, "The id of the rule that it comes after."),
        Key::may("replaces", Text, "The id of the rule in whose place it comes."),
        WHEN,
        EMIT,
        SCRIPT,
        FILTER,
        FAIL,
    ],
    others: None,
    together: &[ONE_ACTION, SCRIPT_WITH_EMIT, Together::AtMostOne(&["before", "after", "replaces"])],
};

const RULE_IS: &str = "a rule with `id`, `when` and `emit`, `filter` or `fail`";
const ONE_ACTION: Together = Together::ExactlyOne(&["emit", "filter", "fail"]);
const ID: Key = Key::must("id", Text, "The rule's name, unique in the set.");
const ALLOW: Key = Key::may("allow", ALLOWED, "Lints that are silenced in this rule.");
const WHEN: Key =
    Key::may("when", Mapping(|| &CONDITION), "When it applies. Always, where it is not written.");
const EMIT: Key = Key::may("emit", List(&Mapping(|| &RECORD)), "Makes these records.");
const SCRIPT: Key = Key::may(
    "script",
    SCRIPT_KEY,
    "A script in Rhai that changes each record the rule makes; beside `emit`.",
);
const SCRIPT_WITH_EMIT: Together = Together::Needs("script", "emit");
const FILTER: Key =
    Key::may("filter", Mapping(|| &REASON), "Ends the event as *Filtered at destination*, with a reason.");
const FAIL: Key = Key::may("fail", Mapping(|| &REASON), "Ends the event as failed, with a reason.");

/// Why an event is not mapped.
pub static REASON: Mapping = Mapping {
    name: "reason",
    what: "a reason with `code` and `message`",
    doc: "Why an event is not mapped. The console lists it.",
    keys: &[
        Key::must(
            "code",
            Pattern("^[a-z0-9_]+$"),
            "A code of small letters, digits and `_`, as `missing_user_id`.",
        ),
        Key::must("message", Text, "A sentence: what is the matter, and what to do about it."),
    ],
    others: None,
    together: &[],
};
