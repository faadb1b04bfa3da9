//! Expressions: how one value of a record is made.
//!
//! A path, or a list of alternatives of which the first that yields something counts. An alternative is a path or a
//! mapping: `from` or `template` or `value`, then `lookup`, then `as`, all under `when`.
//! Nothing, null and empty text yield nothing; `false` and `0` are something.

use super::condition::Condition;
use super::reader::Node;
use super::rest::Rest;
use super::{Origin, Scope};
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::record::Format;
use std::sync::Arc;

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
    /// Text with places in it; yields nothing unless every place does.
    Template(Vec<Part>),
    /// Always the same text.
    Text(Arc<str>),
    /// Always the same value, as JSON.
    Constant(Arc<str>),
    /// A list of objects, each rewritten.
    Each(Origin, Box<Rest>),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// What stands there, as text.
    Origin(Origin),
}

/// What is done to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is brought into a form; yields nothing, with a warning, where that can not be.
    Format(Format),
    /// It is looked up in a table, case ignored; yields nothing where the table has no line for it.
    Lookup(Vec<(String, String)>),
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
    let Some(fields) = node.fields(problems, "a value") else { return Vec::new() };
    let when = fields.get("when").and_then(|node| Condition::parse(&node, scope, problems));
    let lookup = fields.get("lookup").map(|node| parse_table(&node, problems));
    let format = fields.get("as").map(|node| node.one_or_many());
    let from = parse_from(&fields, scope, problems);
    fields.finish(problems);
    let mut steps: Vec<Step> = lookup.map(Step::Lookup).into_iter().collect();
    match format {
        None => steps.extend(usual_steps),
        Some(nodes) => {
            let formats = nodes.iter().filter_map(|node| node.choice(problems, &Format::ALL));
            steps.extend(formats.map(Step::Format));
        }
    }
    from.into_iter()
        .map(|from| Alternative { from, steps: steps.clone(), when: when.clone(), place: place.clone() })
        .collect()
}

fn parse_from(
    fields: &super::reader::Fields<'_>,
    scope: &Scope<'_>,
    problems: &mut Diagnostics,
) -> Vec<From> {
    let from = fields.get("from");
    let template = fields.get("template");
    let value = fields.get("value");
    let each = fields.get("each");
    let rest = fields.get("item");
    match (from, template, value, each) {
        (Some(node), None, None, None) => {
            Origin::parse_list(&node, scope, problems).into_iter().map(From::Origin).collect()
        }
        (None, Some(node), None, None) => parse_template(&node, scope, problems).into_iter().collect(),
        (None, None, Some(node), None) => match (node.value.as_str(), serde_json::to_string(node.value)) {
            (Some(text), _) => vec![From::Text(text.into())],
            (None, Ok(json)) => vec![From::Constant(json.into())],
            (None, Err(_)) => {
                node.expected(problems, "a value that JSON has");
                Vec::new()
            }
        },
        (None, None, None, Some(node)) => {
            let origin = Origin::parse(&node, scope, problems);
            let item = rest.and_then(|node| Rest::parse_item(&node, scope, problems));
            match (origin, item) {
                (Some(origin), Some(item)) => vec![From::Each(origin, Box::new(item))],
                (Some(_), None) => {
                    node.problem(problems, Code::R105, "expected `item` beside `each`", None);
                    Vec::new()
                }
                _ => Vec::new(),
            }
        }
        _ => {
            let message = "expected one of `from`, `template`, `value` or `each`";
            fields.node.problem(problems, Code::R105, message, None);
            Vec::new()
        }
    }
}

fn parse_table(node: &Node<'_>, problems: &mut Diagnostics) -> Vec<(String, String)> {
    let members = node.members(problems, "a table of texts, as `{ ios: apns }`");
    let lines = members
        .iter()
        .filter_map(|(key, node)| Some((key.to_lowercase(), node.text(problems, "text")?.into())));
    lines.collect()
}

/// `{traits.firstName} {traits.lastName}`; a brace is written twice.
fn parse_template(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<From> {
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
        let Some((path, after)) = after.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            let message = format!("expected a path in braces in `{text}`");
            node.problem(problems, Code::R201, message, Some("write a brace itself twice".into()));
            return None;
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Origin(Origin::parse_text(path.trim(), node, scope, problems)?));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Some(From::Template(parts))
}
