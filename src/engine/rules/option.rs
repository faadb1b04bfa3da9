//! Typed options of a pack: what the command line and the Settings page may set.

use super::reader::Node;
use super::shape;
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use serde_json::Value;
use std::collections::BTreeMap;

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackOption {
    /// Name, as in `--option NAME=VALUE`.
    pub name: String,
    /// What it takes.
    pub kind: OptionKind,
    /// The pack's own value.
    pub default: Value,
    /// The value in force.
    pub value: Value,
    /// What a settings form says.
    pub label: String,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A whole number from 0.
    Integer,
}

impl OptionKind {
    /// Every kind, by the name packs use.
    pub const ALL: [(&'static str, Self); 3] =
        [("boolean", Self::Boolean), ("string", Self::String), ("integer", Self::Integer)];

    /// What is taken, in words.
    pub fn expects(self) -> &'static str {
        match self {
            Self::Boolean => "`true` or `false`",
            Self::String => "text",
            Self::Integer => "a whole number from 0",
        }
    }

    /// Takes a value of this kind, or text that holds one, as the command line and forms send it.
    pub fn parse(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Boolean, Value::Bool(_)) | (Self::String, Value::String(_)) => Some(value.clone()),
            (Self::Integer, Value::Number(number)) => number.as_u64().map(Value::from),
            (Self::Boolean, Value::String(text)) => text.trim().parse::<bool>().ok().map(Value::from),
            (Self::Integer, Value::String(text)) => text.trim().parse::<u64>().ok().map(Value::from),
            _ => None,
        }
    }
}

/// Values for options, and where each is written; nowhere when a flag or the settings give it.
pub type Given = BTreeMap<String, (Value, Option<Place>)>;

/// Reads a pack's `options` and puts `given` values over the defaults.
pub fn parse(node: Option<Node<'_>>, given: &Given, problems: &mut Diagnostics) -> Vec<PackOption> {
    let members = node.map(|node| node.members(problems, "a mapping of options")).unwrap_or_default();
    let mut options: Vec<PackOption> =
        members.iter().filter_map(|(name, node)| parse_one(name, node, problems)).collect();
    for (name, (value, place)) in given {
        let known = options.iter().map(|option| option.name.clone()).collect::<Vec<_>>();
        match options.iter_mut().find(|option| option.name == *name) {
            None => problems.push(
                Code::R111,
                place.clone(),
                format!("the pack has no option `{name}`"),
                did_you_mean(name, known.iter().map(String::as_str)),
            ),
            Some(option) => match option.kind.parse(value) {
                Some(value) => option.value = value,
                None => problems.push(
                    Code::R112,
                    place.clone(),
                    format!("expected {} for the option `{name}`, found `{value}`", option.kind.expects()),
                    None,
                ),
            },
        }
    }
    options
}

fn parse_one(name: &str, node: &Node<'_>, problems: &mut Diagnostics) -> Option<PackOption> {
    let fields = node.fields(problems, &shape::pack::OPTION)?;
    let kind = fields.require(problems, "type").and_then(|node| node.choice(problems, &OptionKind::ALL));
    let default = fields.require(problems, "default");
    let label = fields.require(problems, "label").and_then(|node| node.text(problems, "text"));
    fields.finish(problems);
    let (kind, default, label) = (kind?, default?, label?);
    let Some(value) = serde_json::to_value(default.value).ok().and_then(|value| kind.parse(&value)) else {
        default.expected(problems, kind.expects());
        return None;
    };
    Some(PackOption { name: name.to_owned(), kind, default: value.clone(), value, label: label.to_owned() })
}
