//! Expressions: how one value of a record is made.
//!
//! A path, or a list of alternatives of which the first that yields something counts. An alternative is a path or a
//! mapping: `from`, `template`, `value`, `script`, `object` or `each` with `item`, then `lookup`, then `as`, all under `when`;
//! `default` stands in where nothing else yields anything.
//! Nothing, null and empty text yield nothing; `false` and `0` are something.

use super::condition::Condition;
use super::data::Data;
use super::reader::{Fields, Node};
use super::rest::{self, Blank};
use super::{Origin, Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::record::{Format, limit};
use crate::engine::script::{Purpose, Script};
use std::sync::Arc;

/// What becomes of a value that a table does not hold, and whether it passes.
pub(super) const MISSES: [(&str, bool); 2] = [("drop", false), ("pass", true)];
/// What is escaped for, and whether anything is.
pub(super) const ESCAPES: [(&str, bool); 2] = [("html", true), ("none", false)];

/// How one value is made: the first alternative that yields something.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// The alternatives, in order.
    pub alternatives: Vec<Alternative>,
}

/// One way to make a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Where it starts from.
    pub from: From,
    /// What is done to it, in order.
    pub steps: Vec<Step>,
    /// When it is tried at all.
    pub when: Option<Condition>,
    /// Where it is written.
    pub place: Place,
}

/// Where a value starts from.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// A place or a named value.
    Origin(Origin),
    /// The same, where null or empty text counts as something.
    Kept(Box<Kept>),
    /// Text with places in it; yields nothing unless every place does or has a default.
    Template(Box<Template>),
    /// Always the same text.
    Text(Arc<str>),
    /// Always the same value, as JSON.
    Constant(Arc<str>),
    /// An object.
    Object(Box<Data>),
    /// A list of objects, each rewritten, and how many of them at most.
    Each(Origin, Box<Data>, usize),
    /// What a script makes.
    Script(Arc<Script>),
}

/// A place of which null or empty text is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The place.
    pub origin: Origin,
    /// What becomes of null.
    pub nulls: Blank,
    /// What becomes of empty text.
    pub empty: Blank,
}

/// Text with places in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// Which blanks around the result are removed.
    pub trim: Trim,
    /// Whether what is put in is escaped for HTML: `&`, `<`, `>`, `"`, `'`, `` ` ``, `=`.
    pub escape_html: bool,
}

/// Which blanks are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// None.
    No,
    /// Those at both ends.
    Both,
    /// Those at the end only.
    End,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// What stands at the first place that holds something, as text, else the default.
    Origins(Vec<Origin>, Option<String>),
}

/// What becomes of a value that a table has no line for.
#[derive(Debug, Clone, PartialEq)]
pub enum Miss {
    /// It yields nothing.
    Drop,
    /// It passes as it is.
    Pass,
    /// This text stands in.
    Text(Arc<str>),
}

/// What is done to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is brought into a form; yields nothing, with a warning, where that can not be.
    Format(Format),
    /// It is looked up in a table.
    Lookup(Box<Table>),
}

/// A table of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What is found, and what it becomes.
    pub lines: Vec<(String, String)>,
    /// What becomes of the rest.
    pub otherwise: Miss,
    /// Whether case counts.
    pub match_case: bool,
}

impl Step {
    /// How a trace names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Format(format) => format.name(),
            Self::Lookup(_) => "lookup",
        }
    }
}

impl Expression {
    /// Reads an expression. `usual` is the format applied where an alternative names none.
    pub fn parse(
        node: &Node<'_>,
        usual: Option<Format>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Self {
        let nodes = node.one_or_many();
        let alternatives =
            nodes.iter().flat_map(|node| parse_alternative(node, usual, scope, problems)).collect();
        Self { alternatives }
    }
}

fn parse_alternative(
    node: &Node<'_>,
    usual: Option<Format>,
    scope: &Scope<'_>,
    problems: &mut Diagnostics,
) -> Vec<Alternative> {
    let place = node.place();
    let usual_steps: Vec<Step> = usual.map(Step::Format).into_iter().collect();
    if !node.value.is_mapping() {
        let origin = Origin::parse(node, scope, problems);
        return origin
            .map(|origin| Alternative { from: From::Origin(origin), steps: usual_steps, when: None, place })
            .into_iter()
            .collect();
    }
    let Some(fields) = node.fields(problems, &shape::value::VALUE) else { return Vec::new() };
    let when = fields.get("when").and_then(|node| Condition::parse(&node, scope, problems));
    let lookup = fields.get("lookup").and_then(|node| parse_table(&node, problems));
    let format = fields.get("as").map(|node| node.one_or_many());
    let from = parse_from(&fields, scope, problems);
    let start =
        ["from", "template", "value", "object", "each", "script"].into_iter().find_map(|key| fields.get(key));
    let place = start.map_or(place, |node| node.place());
    let default = fields
        .get("default")
        .and_then(|node| Some((parse_constant(&node, problems)?, Vec::new(), node.place())));
    fields.finish(problems);
    let mut steps: Vec<Step> = lookup.map(|table| Step::Lookup(Box::new(table))).into_iter().collect();
    match format {
        None => steps.extend(usual_steps),
        Some(nodes) => {
            let formats = nodes.iter().filter_map(|node| node.choice(problems, &Format::ALL));
            steps.extend(formats.map(Step::Format));
        }
    }
    let made = from.into_iter().map(|from| (from, steps.clone(), place.clone())).chain(default);
    made.map(|(from, steps, place)| Alternative { from, steps, when: when.clone(), place }).collect()
}

fn parse_from(fields: &Fields<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Vec<From> {
    let (from, template, value) = (fields.get("from"), fields.get("template"), fields.get("value"));
    let (object, each, item) = (fields.get("object"), fields.get("each"), fields.get("item"));
    let script = fields.get("script");
    let trim = fields.get("trim").and_then(|node| parse_trim(&node, problems)).unwrap_or(Trim::No);
    let escape = fields.get("escape").and_then(|node| node.choice(problems, &ESCAPES));
    let mut blank = |key| fields.get(key).and_then(|node| node.choice(problems, &rest::BLANKS));
    let (nulls, empty) = (blank("nulls"), blank("empty"));
    match (from, template, value, object, each, script) {
        (Some(node), None, None, None, None, None) => {
            let start = |origin| match (nulls.unwrap_or(Blank::Drop), empty.unwrap_or(Blank::Drop)) {
                (Blank::Drop, Blank::Drop) => From::Origin(origin),
                (nulls, empty) => From::Kept(Box::new(Kept { origin, nulls, empty })),
            };
            Origin::parse_list(&node, scope, problems).into_iter().map(start).collect()
        }
        _ if nulls.is_some() || empty.is_some() => {
            let message = "expected `from` beside `nulls` and `empty`, and nothing else to start from";
            fields.node.problem(problems, Code::R301, message, None);
            Vec::new()
        }
        (None, Some(node), None, None, None, None) => {
            let parts = parse_template(&node, scope, problems);
            let template = parts.map(|parts| Template { parts, trim, escape_html: escape.unwrap_or(false) });
            template.map(|template| From::Template(Box::new(template))).into_iter().collect()
        }
        (None, None, Some(node), None, None, None) => parse_constant(&node, problems).into_iter().collect(),
        (None, None, None, Some(node), None, None) => {
            vec![From::Object(Box::new(Data::parse(&node, false, scope, problems)))]
        }
        (None, None, None, None, Some(node), None) => {
            let origin = Origin::parse(&node, scope, problems);
            let Some(item) = item else {
                node.problem(problems, Code::R105, "expected `item` beside `each`", None);
                return Vec::new();
            };
            let item = Data::parse(&item, false, &scope.inside_item(), problems);
            let most = scope.limits.most(limit::ITEMS);
            origin.map(|origin| From::Each(origin, Box::new(item), most)).into_iter().collect()
        }
        (None, None, None, None, None, Some(node)) => {
            let purpose = Purpose::Value { in_item: scope.in_item };
            scope.scripts.compile(&node, purpose, problems).map(From::Script).into_iter().collect()
        }
        _ => {
            let keys = ["from", "template", "value", "script", "object", "each"];
            let list = keys.map(|key| format!("`{key}`")).join(", ");
            let message = format!("expected exactly one of {list}, {}", fields.found(&keys));
            fields.node.problem(problems, Code::R105, message, None);
            Vec::new()
        }
    }
}

/// `true`, `false` or `end`.
fn parse_trim(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Trim> {
    match (node.value.as_bool(), node.value.as_str()) {
        (Some(true), _) => Some(Trim::Both),
        (Some(false), _) => Some(Trim::No),
        (None, Some("end")) => Some(Trim::End),
        (None, _) => {
            node.expected(problems, "`true`, `false` or `end`");
            None
        }
    }
}

fn parse_constant(node: &Node<'_>, problems: &mut Diagnostics) -> Option<From> {
    match (node.value.as_str(), serde_json::to_string(node.value)) {
        (Some(text), _) => Some(From::Text(text.into())),
        (None, Ok(json)) => Some(From::Constant(json.into())),
        (None, Err(_)) => {
            node.expected(problems, "a value that JSON has");
            None
        }
    }
}

/// A table, or a mapping with `table` and how to use it.
fn parse_table(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Table> {
    let members = node.members(problems, shape::value::TABLE.what);
    let (table, otherwise, match_case) = match members.iter().any(|(key, _)| *key == "table") {
        false => (Some(node.clone()), Miss::Drop, false),
        true => {
            let fields = node.fields(problems, &shape::value::LOOKUP)?;
            let table = fields.require(problems, "table");
            let choice = fields.get("otherwise").and_then(|node| match node.value.is_mapping() {
                false => {
                    node.choice(problems, &MISSES).map(|pass| if pass { Miss::Pass } else { Miss::Drop })
                }
                true => {
                    let fields = node.fields(problems, &shape::value::OTHERWISE)?;
                    let text = fields.require(problems, "value").and_then(|node| node.text(problems, "text"));
                    fields.finish(problems);
                    text.map(|text| Miss::Text(text.into()))
                }
            });
            let match_case =
                fields.get("match_case").and_then(|node| node.boolean(problems)).unwrap_or(false);
            fields.finish(problems);
            (table, choice.unwrap_or(Miss::Drop), match_case)
        }
    };
    let members = table?.members(problems, shape::value::TABLE.what);
    let key = |key: &str| if match_case { key.to_owned() } else { key.to_lowercase() };
    let lines =
        members.iter().filter_map(|(found, node)| Some((key(found), node.text(problems, "text")?.into())));
    Some(Table { lines: lines.collect(), otherwise, match_case })
}

/// `{traits.first, traits.firstName|someone} {traits.lastName}`: places after one another, a default behind the bar; a
/// brace is written twice.
fn parse_template(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Vec<Part>> {
    let text = node.text(problems, "text with paths in braces")?;
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            plain.push_str(rest.get(at..=at).unwrap_or_default());
            rest = after;
            continue;
        }
        let Some((inside, after)) = after.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            let message = format!("expected a path in braces in `{text}`");
            node.problem(problems, Code::R201, message, Some("write a brace itself twice".into()));
            return None;
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        let (paths, default) = match inside.split_once('|') {
            Some((paths, default)) => (paths, Some(default.to_owned())),
            None => (inside, None),
        };
        let origins =
            paths.split(',').filter_map(|path| Origin::parse_text(path.trim(), node, scope, problems));
        parts.push(Part::Origins(origins.collect(), default));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Some(parts)
}
