//! Test files: from YAML as written to checked cases.

use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::event::time;
use crate::engine::rules::pack::check_version;
use crate::engine::rules::reader::Node;
use crate::engine::rules::shape;
use crate::engine::rules::source::Source;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name, unique in the file.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// The pack it is about; none means the live one.
    pub pack: Option<String>,
    /// Options of the pack.
    pub options: BTreeMap<String, Value>,
    /// Where pack or options are set; the name otherwise.
    pub setup_place: Place,
    /// Milliseconds since 1970 at which the event is received, where it does not say so itself.
    pub now: Option<i64>,
    /// The event, as its sender would write it.
    pub event: String,
    /// What is expected.
    pub expect: Expect,
    /// Where the key `expect` stands.
    pub expect_place: Place,
}

/// What is expected of an event. What is none is not looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expect {
    /// Whether more than what is written may be there.
    pub subset: bool,
    /// The records, in order.
    pub records: Option<Vec<ExpectedRecord>>,
    /// How the event ends.
    pub outcome: Option<End>,
    /// The code of the reason.
    pub reason: Option<String>,
    /// The reason's message.
    pub message: Option<String>,
    /// The ids of the rules that applied: the one that decided, then those that added records.
    pub rules: Option<Vec<String>>,
    /// The codes of the warnings, in order.
    pub warnings: Option<Vec<String>>,
}

/// An expected record.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedRecord {
    /// Written as a mapping: compared by value.
    Value(Value),
    /// Written as text: compared byte for byte.
    Text(String),
}

/// How records are compared, and whether more than what is written may be there.
pub const MATCHES: [(&str, bool); 2] = [("exact", false), ("subset", true)];

/// How an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Records were made.
    Mapped,
    /// *Filtered at destination*.
    Filtered,
    /// It can not become a record.
    Failed,
}

impl End {
    /// Every end, by the name cases use.
    pub const CHOICES: [(&'static str, Self); 3] =
        [("mapped", Self::Mapped), ("filtered", Self::Filtered), ("failed", Self::Failed)];

    /// As shown, `mapped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Filtered => "filtered",
            Self::Failed => "failed",
        }
    }
}

/// Reads a test file. `read` gives the text of a path relative to the rules directory, or says why not.
pub fn parse(
    file: &str,
    text: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
    problems: &mut Diagnostics,
) -> Vec<Case> {
    let Some(source) = Source::parse(file, text, problems) else { return Vec::new() };
    let Some(fields) = Node::root(&source).fields(problems, &shape::case::CASES) else {
        return Vec::new();
    };
    check_version(&fields, problems);
    let nodes = fields.require(problems, "cases").map(|node| node.list(problems, "a list of cases"));
    fields.finish(problems);
    let mut names = HashMap::new();
    let mut cases = Vec::new();
    for node in nodes.unwrap_or_default() {
        let Some(case) = parse_case(&node, file, read, problems) else { continue };
        if let Some(first) = names.insert(case.name.clone(), case.place.line) {
            let message = format!("two cases are called `{}`, the first in line {first}", case.name);
            problems.push(Code::R401, Some(case.place.clone()), message, Some("rename one of them".into()));
        }
        cases.push(case);
    }
    cases
}

fn parse_case(
    node: &Node<'_>,
    file: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
    problems: &mut Diagnostics,
) -> Option<Case> {
    let fields = node.fields(problems, &shape::case::CASE)?;
    let name_node = fields.require(problems, "name");
    let name = name_node.as_ref().and_then(|node| node.text(problems, "what holds, in a sentence"));
    let pack_node = fields.get("pack");
    let pack = pack_node.as_ref().and_then(|node| node.text(problems, "a pack's name"));
    let options_node = fields.get("options");
    let options = options_node.as_ref().map(|node| parse_options(node, problems)).unwrap_or_default();
    let now = fields.get("now").and_then(|node| {
        let now = node.value.as_str().and_then(time::parse_iso);
        if now.is_none() {
            node.expected(problems, "a time like `2026-01-31T12:00:00Z`");
        }
        now
    });
    let event = match (fields.get("event"), fields.get("event_file")) {
        (Some(node), None) => parse_event(&node, problems),
        (None, Some(node)) => read_event(&node, file, read, problems),
        (inline, _) => {
            let message = "expected exactly one of `event` and `event_file`";
            let found = if inline.is_some() { "both" } else { "neither" };
            node.problem(problems, Code::R402, format!("{message}, found {found}"), None);
            None
        }
    };
    let subset = fields.get("match").and_then(|node| node.choice(problems, &MATCHES)).unwrap_or_default();
    let expect_node = fields.require(problems, "expect");
    let expect = expect_node.as_ref().and_then(|node| parse_expect(node, subset, problems));
    fields.finish(problems);
    let place = name_node?.place();
    let setup = options_node.or(pack_node);
    Some(Case {
        name: name?.to_owned(),
        pack: pack.map(str::to_owned),
        options,
        setup_place: setup.map_or_else(|| place.clone(), |node| node.key_place()),
        place,
        now,
        event: event?,
        expect: expect?,
        expect_place: expect_node?.key_place(),
    })
}

fn parse_options(node: &Node<'_>, problems: &mut Diagnostics) -> BTreeMap<String, Value> {
    let mut options = BTreeMap::new();
    for (name, node) in node.members(problems, "the pack's options and their values") {
        if let Some(value) = json(&node, problems) {
            options.insert(name.to_owned(), value);
        }
    }
    options
}

/// A mapping stands for the JSON it would be; text is the event itself, byte for byte.
fn parse_event(node: &Node<'_>, problems: &mut Diagnostics) -> Option<String> {
    match node.value.as_str() {
        Some(text) => Some(text.to_owned()),
        None if node.value.is_mapping() => json(node, problems).map(|value| value.to_string()),
        None => {
            node.expected(problems, "an event as a mapping, or as text of JSON");
            None
        }
    }
}

fn read_event(
    node: &Node<'_>,
    file: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
    problems: &mut Diagnostics,
) -> Option<String> {
    let name = node.text(problems, "a path, relative to this file")?;
    let path = match file.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{name}"),
        None => name.to_owned(),
    };
    match read(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let help = "the path is relative to the file that names it";
            let message = format!("can not read the event file `{name}`: {error}");
            node.problem(problems, Code::R403, message, Some(help.into()));
            None
        }
    }
}

fn parse_expect(node: &Node<'_>, subset: bool, problems: &mut Diagnostics) -> Option<Expect> {
    let before = problems.len();
    let fields = node.fields(problems, &shape::case::EXPECT)?;
    let records = fields.get("records").map(|node| {
        let nodes = node.list(problems, "a list of records");
        nodes.iter().filter_map(|node| parse_record(node, problems)).collect::<Vec<_>>()
    });
    let outcome = fields.get("outcome").and_then(|node| node.choice(problems, &End::CHOICES));
    let reason = fields.get("reason").and_then(|node| node.text(problems, "a reason's code"));
    let message = fields.get("message").and_then(|node| node.text(problems, "a reason's message"));
    let rules = fields.get("rules").map(|node| node.texts(problems, "a rule's id"));
    let warnings = fields.get("warnings").map(|node| {
        let nodes = node.list(problems, "a list of codes of warnings");
        let codes = nodes.iter().filter_map(|node| node.text(problems, "a warning's code"));
        codes.map(str::to_owned).collect::<Vec<_>>()
    });
    fields.finish(problems);
    let has_records = records.as_ref().is_some_and(|list| !list.is_empty());
    let has_reason = reason.is_some() || message.is_some();
    let has_other = outcome.is_some() || rules.is_some() || warnings.is_some();
    if problems.len() > before {
        // What is expected can not be read, so nothing is known of what is absent or can not be together.
    } else if records.is_none() && !has_reason && !has_other {
        let message =
            "expected at least one of `records`, `outcome`, `reason`, `message`, `rules` and `warnings`";
        let help = "write `records: []`, and `tapline test --accept` fills it in";
        node.problem(problems, Code::R404, message, Some(help.into()));
    } else if has_records && outcome.is_some_and(|end| end != End::Mapped)
        || has_reason && (has_records || outcome == Some(End::Mapped))
    {
        let message = "records together with a reason or another outcome than `mapped` can not be";
        node.problem(problems, Code::R404, message, Some("an event is mapped, filtered or failed".into()));
    }
    let (reason, message) = (reason.map(str::to_owned), message.map(|message| message.trim().to_owned()));
    Some(Expect { subset, records, outcome, reason, message, rules, warnings })
}

fn parse_record(node: &Node<'_>, problems: &mut Diagnostics) -> Option<ExpectedRecord> {
    match node.value.as_str() {
        Some(text) => Some(ExpectedRecord::Text(text.trim().to_owned())),
        None if node.value.is_mapping() => json(node, problems).map(ExpectedRecord::Value),
        None => {
            node.expected(problems, "a record as a mapping, or as text of JSON");
            None
        }
    }
}

fn json(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    let value = serde_json::to_value(node.value).ok();
    if value.is_none() {
        node.expected(problems, "a value that JSON has");
    }
    value
}
