//! Explanations: what a code means, by example, and what to do about it, for every code the engine gives.
//!
//! Reasons that rules give carry their own words; ingest, delivery and `admin` explain the codes of their own.

use super::diagnostic::{Code, Severity};
use super::reason::OwnReason;
use super::warning::WarningCode;
use std::fmt;

/// The long text of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// As `R103`, `nested_dropped` or `missing_user_id`.
    pub code: String,
    /// What kind of code, and who gives it.
    pub kind: String,
    /// What happened, in sentences.
    pub happened: String,
    /// What leads to it; empty where there is none.
    pub example: String,
    /// What to do.
    pub remedy: String,
}

impl Explanation {
    /// An explanation from its three texts: what happened, an example, the remedy.
    pub fn new(code: &str, kind: &str, [happened, example, remedy]: [&str; 3]) -> Self {
        Self {
            code: code.to_owned(),
            kind: kind.to_owned(),
            happened: happened.to_owned(),
            example: example.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n\n{}", self.code, self.kind, self.happened)?;
        if !self.example.is_empty() {
            writeln!(f, "\nFor example:\n")?;
            for line in self.example.lines() {
                writeln!(f, "    {line}")?;
            }
        }
        writeln!(f, "\nWhat to do: {}", self.remedy)
    }
}

/// Every code that the engine gives.
pub fn every() -> impl Iterator<Item = Explanation> {
    let problems =
        Code::ALL.into_iter().map(|code| Explanation::new(code.as_str(), kind_of(code), of_problem(code)));
    let warnings =
        WarningCode::ALL.into_iter().map(|code| Explanation::new(code.as_str(), "warning", of_warning(code)));
    let reasons = OwnReason::ALL
        .into_iter()
        .map(|reason| Explanation::new(reason.as_str(), "reason, given by the engine", of_reason(reason)));
    problems.chain(warnings).chain(reasons)
}

fn kind_of(code: Code) -> &'static str {
    match code.severity() {
        Severity::Error => "problem of a rule or test file",
        Severity::Warning => "lint of a rule file; `allow` in the rule or at the top of the file silences it",
    }
}

fn of_problem(code: Code) -> [&'static str; 3] {
    match code {
        Code::R101 => [
            "A rule file can not be read as YAML, or it is longer than 256 KB.",
            "rules: [",
            "Correct the line that is named; YAML wants blanks for indentation, and closing brackets and quotes.",
        ],
        Code::R102 => [
            "One mapping holds the same key twice, or `disable` the same rule, so that one of the two would silently be lost.",
            "when: { type: track, type: page }",
            "Keep one of the two, or write one key with a list.",
        ],
        Code::R103 => [
            "A key means nothing where it stands. Unknown keys are never ignored, because most are misspelt ones.",
            "whne: { type: track }",
            "Correct the key; the help names the nearest one, or all that are known there.",
        ],
        Code::R104 => [
            "A value is of another type than its key takes.",
            "id: [track]",
            "Write what the message says was expected; put text that looks like a number or a date in quotes.",
        ],
        Code::R105 => [
            "Something that must be there is not.",
            "- filter: { code: bot, message: no bots }   # a rule without an id",
            "Add the key that the message names.",
        ],
        Code::R106 => [
            "A value is not one of those that its key takes.",
            "rest: { keys: snakecase }",
            "Take one of those that the message lists.",
        ],
        Code::R107 => [
            "Two rules have the same id, so that nobody could say which of them decided.",
            "- id: track\n- id: track",
            "Rename one; ids are shown in the console and named by local rules.",
        ],
        Code::R108 => [
            "A local rule names a rule of the pack that does not exist.",
            "replaces: grop",
            "Correct the id; `tapline check` passes once the pack has such a rule.",
        ],
        Code::R110 => [
            "There is no pack of that name below `packs/`.",
            "pack: segment-clod",
            "Correct the name in `tapline.yaml`, in `--pack` or in the settings, or add the file.",
        ],
        Code::R111 => [
            "The pack has no option of that name.",
            "options: { require_both: false }",
            "Correct the name; the head of the pack lists its options.",
        ],
        Code::R112 => [
            "A pack option has a value of another type than the pack declares.",
            "options: { require_both_ids: maybe }",
            "Give it a value of the declared type.",
        ],
        Code::R201 => [
            "A path into the event can not be read.",
            "from: properties..total",
            "Separate keys by single dots, and quote a key that holds a dot, a bracket, a quote or a blank.",
        ],
        Code::R202 => [
            "A `$name` is used that `values` does not define above.",
            "missing: $usr",
            "Define it under `values`, above its first use, or correct the name.",
        ],
        Code::R301 => [
            "A rule does nothing, or two things that exclude each other.",
            "- id: a\n  filter: { code: a, message: m }\n  fail: { code: a, message: m }",
            "Leave exactly one of `emit`, `filter` and `fail`, and at most one of `before`, `after` and `replaces`; \
             `require` and `script` stand beside `emit` only.",
        ],
        Code::R310 => [
            "The pack that is to be live makes calls to CleverTap's SDK on a device. There is no device here, so nothing of it can be sent; such packs show what Segment's device mode does.",
            "pack: segment-device-web   # in tapline.yaml",
            "Let another pack be live, in `tapline.yaml`, with `--pack` or in the settings; preview the device pack with `tapline preview --pack`.",
        ],
        Code::R401 => [
            "Two cases of one test file have the same name, so that a report could mean either.",
            "- name: seen\n- name: seen",
            "Rename one of them so that it says what holds.",
        ],
        Code::R402 => [
            "A case has no event, or both `event` and `event_file`.",
            "- name: seen\n  expect: { outcome: mapped }",
            "Give it exactly one of the two.",
        ],
        Code::R403 => [
            "The file that a case takes its event from can not be read.",
            "event_file: evnts/seen.json",
            "Correct the path; it is relative to the test file.",
        ],
        Code::R404 => [
            "A case expects nothing, or what can not be together.",
            "expect: { reason: missing_user_id, records: [{ type: event }] }",
            "Expect records, or an outcome and a reason; warnings go with either.",
        ],
        Code::R501 => [
            "A script can not be read as Rhai, or is too long.",
            "script: event.properties.total *",
            "Correct it at the place shown; <https://rhai.rs/book/> has the language.",
        ],
        Code::R502 => [
            "`script: { file: … }` names a script that does not exist.",
            "script: { file: scripts/total.rhai } without such a file",
            "Correct the path; it is relative to the rules directory and ends in `.rhai`.",
        ],
        Code::R503 => [
            "A script calls a function that does not exist, or with more or fewer arguments than it takes.",
            "script: phone(event.traits.phone)",
            "Call one that exists; `rules/README.md` lists what scripts are given.",
        ],
        Code::R504 => [
            "A script uses what no script may: `eval`, `sleep`, `import` and the like.",
            "script: eval(event.properties.code)",
            "Say it without; scripts reach nothing but the event, the record and the options.",
        ],
        Code::R505 => [
            "A script names a variable that there is not.",
            "script: evnt.properties.total",
            "`event` and `options` are always in hand, `record` in a rule's script, `item` in a list's element; others begin with `let`.",
        ],
        Code::R601 => [
            "No event reaches a rule, because rules before it decide all of its events.",
            "- id: all-track\n  when: { type: track }\n- id: order\n  when: { type: track, event: Order Completed }",
            "Put the rule before those that the message names, narrow their conditions, or take it out.",
        ],
        Code::R602 => [
            "Two rules that make records share some events but not all, so only their order says what those become.",
            "- id: gold\n  when: { type: track, where: { properties.plan: gold } }\n- id: order\n  when: { type: track, event: Order Completed }",
            "Exclude one from the other by `not`, make one rule of both, or write `allow: [R602]` where the order is meant.",
        ],
        Code::R603 => [
            "A condition, or a part of one, always holds or never does, whatever the event. Options count as open, because they differ from one deployment to the next.",
            "when: { present: userId, missing: userId }",
            "Correct the part that the message names, or leave it out.",
        ],
        Code::R604 => [
            "A rule gives an event a name that only CleverTap itself may give; CleverTap refuses it with code 513.",
            "name: { value: App Launched }",
            "Take another name, as `App Opened`.",
        ],
        Code::R605 => [
            "A key or a name is nearly one that CleverTap knows, but not quite, so CleverTap takes it for one of your own.",
            "profile: { data: { email: traits.email } }",
            "Write it as CleverTap does. A copy under a name of your own beside the right one is not complained of.",
        ],
        Code::R606 => [
            "Two lines of a record write the same key, or two that differ in case and `_` only.",
            "data: { order_id: properties.order_id, \"*\": { rest: properties } }",
            "Leave one out; what a line names is taken out of the copied rest by `except`.",
        ],
        Code::R607 => [
            "A path leads to a member that Segment's specification does not know, or not for that type of call.",
            "when: { type: track, present: traits.plan }",
            "Correct the path. Who did something stands in `context.traits` of track, page and screen calls.",
        ],
        Code::R608 => [
            "None of the cases in `tests/` makes a rule decide or add a record, so nobody would see it break.",
            "- id: refund\n  when: { type: track, event: Order Refunded }   # and no case with such an event",
            "Add a case with an event that the rule is for; `tapline test --accept` fills in what it becomes.",
        ],
        Code::R609 => [
            "A rule file holds what looks like a secret or like something about a person, and rule files live in git.",
            "where: { traits.email: jane@company.com }",
            "Take it out, and treat a secret as known: renew it. Addresses and numbers for examples are those at example.com.",
        ],
        Code::R610 => [
            "A key is written by an old name, or by the one that other tools have for it. It still works.",
            "drop: { code: bot, message: no bots }",
            "Write the key that the message names.",
        ],
        Code::R611 => [
            "An `allow` silences nothing: what it was written for is gone.",
            "allow: [R602]",
            "Take the code out of the list.",
        ],
    }
}

fn of_warning(code: WarningCode) -> [&'static str; 3] {
    match code {
        WarningCode::NestedDropped => [
            "An object or array was left out of a record, because CleverTap takes text, numbers and booleans there.",
            "{\"properties\":{\"size\":{\"w\":1}}}",
            "Flatten it in the sender, or set `objects: flatten` or `arrays: stringify` in the rule that copies it.",
        ],
        WarningCode::ValueCut => [
            "A text was longer than CleverTap takes, and was cut.",
            "{\"properties\":{\"note\":\"a very long text …\"}}",
            "Send a shorter text; what was cut off is still in the event.",
        ],
        WarningCode::KeyCut => [
            "A key was longer than CleverTap takes, and was cut.",
            "{\"properties\":{\"a_key_of_more_than_120_characters…\":1}}",
            "Send a shorter key, or name the target in a rule.",
        ],
        WarningCode::EventNameCut => [
            "The event's name was longer than CleverTap takes, and was cut.",
            "{\"type\":\"track\",\"event\":\"A very long name …\"}",
            "Send a shorter name, and what varies as a property.",
        ],
        WarningCode::PropertyLimit => [
            "The record had more properties than CleverTap takes; those over the limit were left out.",
            "{\"properties\":{\"p1\":1,\"p2\":1,\"…\":1,\"p101\":1}}",
            "Send fewer, leave some out by `except`, or raise the pack's option where CleverTap raised the limit.",
        ],
        WarningCode::KeyCollision => [
            "Two keys of the event have the same result, and a record holds each key once.",
            "{\"properties\":{\"orderID\":1,\"order_id\":2}}",
            "Send one of the two; the one already in its final form wins, else the first.",
        ],
        WarningCode::KeyKept => [
            "Nothing would be left of a key in the case that the rule asks for, so it stays as received.",
            "{\"properties\":{\"---\":1}}",
            "Rename the key in the sender, or leave it out by `except`.",
        ],
        WarningCode::InvalidField => [
            "CleverTap would refuse the value of one of its own fields, and with it the whole profile, so the field was left out.",
            "{\"traits\":{\"email\":\"jane at example.com\"}}",
            "Correct the value at its source; the warning says what form is expected.",
        ],
        WarningCode::InvalidObjectId => [
            "The anonymousId is not one that CleverTap takes as objectId; it was left out and counts as missing.",
            "{\"anonymousId\":\"a 1\"}",
            "Send 1 to 64 letters, digits or `=|<>;+.()!:$@_-`.",
        ],
        WarningCode::InvalidValue => [
            "A value is not of the form that the rule asks for, and was left out.",
            "{\"properties\":{\"total\":\"a lot\"}}",
            "Correct the value at its source, or take another `as` in the rule.",
        ],
        WarningCode::ItemLimit => [
            "A list of items was longer than CleverTap takes; those over the limit were left out.",
            "{\"event\":\"Order Completed\",\"properties\":{\"products\":[\"… 257 objects …\"]}}",
            "Split the order, or send the most important items first.",
        ],
        WarningCode::ItemDropped => [
            "An element of a list of items is no object, and was left out.",
            "{\"event\":\"Order Completed\",\"properties\":{\"products\":[\"sku1\"]}}",
            "Send each item as an object.",
        ],
        WarningCode::RecordIncomplete => [
            "A record could not be sent without something it lacks, and was left out.",
            "{\"context\":{\"device\":{\"token\":\"t\",\"type\":\"toaster\"}}}",
            "Send what is missing: an address, or for a push token a `context.device.type` such as `ios` or `android`.",
        ],
        WarningCode::DeletesPerson => [
            "The event deletes a person. No rule maps it: CleverTap is asked to delete the profile, then the person's earlier events are erased.",
            "{\"type\":\"delete\",\"userId\":\"u1\"}",
            "Nothing, if that is intended. What is deleted does not come back.",
        ],
    }
}

/// What the reasons of the engine itself mean.
fn of_reason(reason: OwnReason) -> [&'static str; 3] {
    match reason {
        OwnReason::InvalidJson => [
            "What was handed in is not JSON.",
            "{\"type\":\"track\"",
            "Correct the text at the place that the message names.",
        ],
        OwnReason::InvalidEvent => {
            ["The event is JSON, but no object.", "[\"track\"]", "Send each event as a JSON object."]
        }
        OwnReason::InvalidTs => [
            "A rule gives the record's `ts`, and what it gives is no time. Without it the record would be dated to its arrival.",
            "`ts: properties.when` and {\"properties\":{\"when\":\"soon\"}}",
            "Send a time such as `2026-01-31T12:00:00Z`, or give the rule's `ts` a `default` or a `when`.",
        ],
        OwnReason::NoRule => [
            "No rule of the pack applies to the call.",
            "{\"type\":\"page\"} with a pack that has rules for track only",
            "Add a rule for such calls; one without `when` at the end applies to everything.",
        ],
        OwnReason::NoRecord => [
            "The rule that applies made no record, because each lacks something it can not be sent without, or because the rule's script left each out.",
            "a rule whose record is addressed by userId, and a call without one",
            "Read the warnings, which say what was missing. In a script, `filter(code, message)` leaves out the whole event with a reason.",
        ],
        OwnReason::ScriptFailed => [
            "A script went wrong at the place that the message names, and its event failed rather than being sent half changed.",
            "script: event.properties.total * 100, and {\"properties\":{\"total\":\"ten\"}}",
            "Make the script ready for what comes, as `as_number(event.properties.total) ?? 0`; `tapline preview --trace` shows what it prints.",
        ],
        OwnReason::ScriptLimit => [
            "A script took more operations, memory or time than scripts may, and was stopped.",
            "script: loop {}",
            "Make the script do less; `rules/README.md` lists the limits.",
        ],
    }
}
