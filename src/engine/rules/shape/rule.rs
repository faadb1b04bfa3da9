//! Rules, of a pack and local ones.

use super::Shape::*;
use super::condition::{CONDITION, LINES};
use super::pack::ALLOWED;
use super::record::RECORD;
use super::value::SCRIPT_KEY;
use super::{Key, Mapping, Together, words};
use crate::engine::reason::Class;

/// A rule of a pack.
pub static RULE: Mapping = Mapping {
    name: "rule",
    what: RULE_IS,
    doc: "A rule: when it applies, and one thing to do. The first that applies decides.",
    keys: &[ID, ALLOW, WHEN, REQUIRE, EMIT, SCRIPT, FILTER, FAIL],
    others: None,
    together: &[ONE_ACTION, SCRIPT_WITH_EMIT, REQUIRE_WITH_EMIT],
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
        REQUIRE,
        EMIT,
        SCRIPT,
        FILTER,
        FAIL,
    ],
    others: None,
    together: &[
        ONE_ACTION,
        SCRIPT_WITH_EMIT,
        REQUIRE_WITH_EMIT,
        Together::AtMostOne(&["before", "after", "replaces"]),
    ],
};

const RULE_IS: &str = "a rule with `id`, `when` and `emit`, `filter` or `fail`";
const ONE_ACTION: Together = Together::ExactlyOne(&["emit", "filter", "fail"]);
const ID: Key = Key::must("id", Text, "The rule's name, unique in the set.");
const ALLOW: Key = Key::may("allow", ALLOWED, "Lints that are silenced in this rule.");
const WHEN: Key =
    Key::may("when", Mapping(|| &CONDITION), "When it applies. Always, where it is not written.");
const REQUIRE: Key = Key::may(
    "require",
    List(&Mapping(|| &REQUIREMENT)),
    "What must hold once it applies; else the event fails. Beside `emit`.",
);
const REQUIRE_WITH_EMIT: Together = Together::Needs("require", "emit");
const EMIT: Key = Key::may("emit", List(&Mapping(|| &RECORD)), "Makes these records.");
const SCRIPT: Key = Key::may(
    "script",
    SCRIPT_KEY,
    "A script in Rhai that changes each record the rule makes; beside `emit`.",
);
const SCRIPT_WITH_EMIT: Together = Together::Needs("script", "emit");
const FILTER: Key =
    Key::may("filter", Mapping(|| &REASON), "Ends the event as *Filtered at destination*, with a reason.");
const FAIL: Key = Key::may("fail", Mapping(|| &FAILURE), "Ends the event as failed, with a reason.");

/// Why an event is not mapped.
pub static REASON: Mapping = Mapping {
    name: "reason",
    what: "a reason with `code` and `message`",
    doc: "Why an event is not mapped. The console lists it.",
    keys: &[CODE, MESSAGE],
    others: None,
    together: &[],
};

/// Why an event fails.
pub static FAILURE: Mapping = Mapping {
    name: "failure",
    what: "a reason with `code` and `message`",
    doc: "Why an event fails. The console lists it.",
    keys: &[CODE, MESSAGE, CLASS],
    others: None,
    together: &[],
};

/// What a rule requires.
pub static REQUIREMENT: Mapping = Mapping {
    name: "requirement",
    what: "a condition with `code` and `message`",
    doc: "A condition that must hold, and why the event fails where it does not.",
    keys: &REQUIREMENT_KEYS,
    others: None,
    together: &[Together::AtLeastOne(&LINE_NAMES)],
};

const REQUIREMENT_KEYS: [Key; LINES.len() + 3] = {
    let mut keys = [CODE; LINES.len() + 3];
    let mut index = 0;
    while index < LINES.len() {
        keys[index] = LINES[index];
        index += 1;
    }
    keys[index + 1] = MESSAGE;
    keys[index + 2] = CLASS;
    keys
};

const LINE_NAMES: [&str; LINES.len()] = {
    let mut names = [""; LINES.len()];
    let mut index = 0;
    while index < LINES.len() {
        names[index] = LINES[index].name;
        index += 1;
    }
    names
};

const CODE: Key = Key::must(
    "code",
    Pattern("^[a-z0-9_]+$"),
    "A code of small letters, digits and `_`, as `missing_user_id`.",
);
const MESSAGE: Key = Key::must("message", Text, "A sentence: what is the matter, and what to do about it.");
const CLASS: Key = Key::may(
    "class",
    Choice(|| words(&Class::ALL)),
    "Who must act: whoever sends the event, whoever keeps the rules, or whoever configures Tapline.",
);
