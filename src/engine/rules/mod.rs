//! Rules: from YAML as written to checked values.
//!
//! `source.rs` reads a file, `reader.rs` takes values out of it and notes every problem, the rest are the parts of a
//! rule. Deliberately no running: that is `engine/evaluate.rs`, on the plan that `engine/plan.rs` makes of these.

pub mod allow;
pub mod call;
pub mod condition;
pub mod data;
pub mod expression;
pub mod layer;
pub mod operator;
pub mod option;
pub mod pack;
pub mod predicate;
pub mod reader;
mod reading;
pub mod record;
pub mod rest;
pub mod rule;
pub mod shape;
pub mod source;
pub mod survey;
mod value_type;

use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use crate::engine::event::Path;
use crate::engine::script::Compiler;
use option::PackOption;
use reader::Node;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use survey::Survey;

/// What a part of a rule may refer to, and the numbers it is given.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The pack's options with the values in force.
    pub options: &'a [PackOption],
    /// Names of the pack's `values`, in order; an index is a [`ValueId`].
    pub values: &'a [String],
    /// The keys that rules name, numbered.
    pub names: &'a RefCell<Vec<Arc<str>>>,
    /// How many [`rest::Rest`]s there are so far.
    pub rests: &'a Cell<u16>,
    /// Compiles scripts.
    pub scripts: &'a Compiler<'a>,
    /// What is noted for lints.
    pub survey: &'a RefCell<Survey>,
    /// Whether `item` means something.
    pub in_item: bool,
    /// Whether what is too long for CleverTap is cut.
    pub limits: Limits,
}

/// What becomes of keys, names and values that are longer than CleverTap takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limits {
    /// They are cut, with a warning.
    #[default]
    Cut,
    /// They pass, and CleverTap decides.
    Pass,
}

impl Limits {
    /// A limit, where it is in force.
    pub fn most(self, limit: usize) -> usize {
        match self {
            Self::Cut => limit,
            Self::Pass => usize::MAX,
        }
    }
}

impl Scope<'_> {
    /// The same inside the `item` of a list.
    #[must_use]
    pub fn inside_item(&self) -> Self {
        Scope { in_item: true, ..*self }
    }

    /// The same inside a record with its own way with limits.
    #[must_use]
    pub fn inside_record(&self, limits: Limits) -> Self {
        Scope { limits, ..*self }
    }

    /// The number of a key that a rule names.
    pub fn name(&self, key: &str) -> NameId {
        let mut names = self.names.borrow_mut();
        let found = names.iter().position(|name| &**name == key);
        NameId(found.unwrap_or_else(|| {
            names.push(key.into());
            names.len() - 1
        }) as u32)
    }

    /// The number of the next rest.
    pub fn next_rest(&self) -> u16 {
        self.rests.replace(self.rests.get() + 1)
    }
}

/// A key of a record, numbered, so that two can be told apart without comparing text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameId(pub u32);

/// A value that a pack computes once per event, by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueId(pub u16);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A place in the event.
    Path(Path),
    /// `$name`, one of the pack's `values`.
    Value(ValueId, Arc<str>),
    /// `item` or a place in it: the element of the list that is being rewritten.
    Item(Option<Path>, Arc<str>),
}

impl Origin {
    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Path(path) => path.as_str(),
            Self::Value(_, text) | Self::Item(_, text) => text,
        }
    }

    /// Reads a path or `$name`.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let text = node.text(problems, "a path like `properties.total`")?;
        Self::parse_text(text, node, scope, problems)
    }

    /// Reads a path or `$name` that stands in the text of a node.
    pub fn parse_text(
        text: &str,
        node: &Node<'_>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        Self::parse_at(text, node.part(text), scope, problems)
    }

    /// Reads a path or `$name` that is the key of a node.
    pub fn parse_key(
        text: &str,
        node: &Node<'_>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        Self::parse_at(text, node.key_place(), scope, problems)
    }

    fn parse_at(text: &str, place: Place, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        if let Some(path) = text.strip_prefix("$.") {
            let message = format!("expected a path like `properties.total`, found `{text}`");
            problems.push(Code::R201, Some(place), message, Some(format!("write `{path}`")));
            return None;
        }
        let Some(name) = text.strip_prefix('$') else {
            if scope.in_item && text == "item" {
                return Some(Self::Item(None, text.into()));
            }
            let within = text.strip_prefix("item.").filter(|_| scope.in_item);
            return match Path::parse(within.unwrap_or(text)) {
                Ok(path) if within.is_some() => Some(Self::Item(Some(path.anywhere()), text.into())),
                Ok(path) => {
                    scope.survey.borrow_mut().paths.push((path.clone(), place));
                    Some(Self::Path(path))
                }
                Err(message) => {
                    problems.push(Code::R201, Some(place), message, None);
                    None
                }
            };
        };
        let found = scope.values.iter().position(|value| value == name);
        if found.is_none() {
            let help = did_you_mean(name, scope.values.iter().map(String::as_str))
                .unwrap_or_else(|| "define it under `values`, above its first use".to_owned());
            problems.push(Code::R202, Some(place), format!("`values` defines no `{name}`"), Some(help));
        }
        found.map(|index| Self::Value(ValueId(index as u16), text.into()))
    }

    /// Reads a list of them, or one.
    pub fn parse_list(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        node.one_or_many().iter().filter_map(|node| Self::parse(node, scope, problems)).collect()
    }
}
