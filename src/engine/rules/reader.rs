//! Reading checked values out of a rule file, with every problem noted and none fatal.
//!
//! Which keys a mapping may have is not said here but in `shape/`.

use super::shape::Mapping;
use super::source::{Source, escape};
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use serde_yaml::Value;
use std::ops::Range;
use std::sync::Arc;

/// A value of a rule file and where it stands.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    source: &'a Source,
    pointer: String,
    /// The value.
    pub value: &'a Value,
}

/// Old names of keys, which still work and are complained of: what people write who come from other tools.
pub const RENAMED: [(&str, &str); 2] = [("drop", "filter"), ("if", "when")];

/// How many characters of a text are repeated in a message.
const LONGEST_SHOWN: usize = 60;

/// What a node is, in words.
fn noun(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(n) => format!("the number `{n}`"),
        Value::String(s) => {
            let line = s.lines().next().unwrap_or_default();
            let short: String = line.chars().take(LONGEST_SHOWN).collect();
            let more = if short.len() < s.trim_end().len() { "…" } else { "" };
            format!("the text `{short}{more}`")
        }
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a mapping".into(),
        Value::Tagged(t) => format!("the tag `{}`", t.tag),
    }
}

impl<'a> Node<'a> {
    /// The whole document.
    pub fn root(source: &'a Source) -> Self {
        Self { source, pointer: String::new(), value: &source.value }
    }

    /// Where the value stands.
    pub fn place(&self) -> Place {
        self.source.place(&self.pointer)
    }

    /// Where a part of the node's text stands.
    pub fn part(&self, part: &str) -> Place {
        self.source.part(&self.place(), part)
    }

    /// Where the member's key stands, or the value when it is no member.
    pub fn key_place(&self) -> Place {
        self.source.key_place(&self.pointer)
    }

    /// The text of its file.
    pub fn file_text(&self) -> Arc<str> {
        self.source.text.clone()
    }

    /// The file, and from where to where in it the value reaches, in bytes.
    pub fn extent(&self) -> Extent {
        Extent { file: self.source.file.clone(), bytes: self.source.extent(&self.pointer) }
    }

    /// Calls `look` with every text at or below this node, keys too, and where it stands.
    pub fn each_text(&self, look: &mut dyn FnMut(&'a str, Place)) {
        match self.value {
            Value::String(text) => look(text, self.place()),
            Value::Sequence(_) => self.one_or_many().iter().for_each(|node| node.each_text(look)),
            Value::Mapping(mapping) => {
                for (key, value) in mapping {
                    if let Some(name) = key.as_str() {
                        let node = self.child(name, value);
                        look(name, node.key_place());
                        node.each_text(look);
                    }
                }
            }
            _ => {}
        }
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        Self { source: self.source, pointer: format!("{}/{}", self.pointer, escape(key)), value }
    }

    /// Notes a problem with this value.
    pub fn problem(
        &self,
        problems: &mut Diagnostics,
        code: Code,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        problems.push(code, Some(self.place()), message, help);
    }

    /// Notes that something else was expected.
    pub fn expected(&self, problems: &mut Diagnostics, what: &str) {
        let message = format!("expected {what}, found {}", noun(self.value));
        let help = self.requoted(what);
        self.problem(problems, Code::R104, message, help.map(str::to_owned));
    }

    /// Whether quotes are what is wrong.
    fn requoted(&self, what: &str) -> Option<&'static str> {
        let switch = what.starts_with("`true`");
        match self.value {
            Value::String(text) if switch => match text.to_lowercase().as_str() {
                "true" | "false" => Some("take the quotes away"),
                "yes" | "on" => Some("write `true`"),
                "no" | "off" => Some("write `false`"),
                _ => None,
            },
            Value::String(text) => {
                let number =
                    ["a number", "a whole number", "version"].iter().any(|start| what.starts_with(start));
                (number && text.parse::<f64>().is_ok()).then_some("take the quotes away")
            }
            Value::Number(_) | Value::Bool(_) => {
                let text = ["text", "a key", "a sentence", "the rule's name"]
                    .iter()
                    .any(|start| what == *start || what.starts_with("a key"));
                text.then_some("put it in quotes")
            }
            _ => None,
        }
    }

    /// Text.
    pub fn text(&self, problems: &mut Diagnostics, what: &str) -> Option<&'a str> {
        let text = match self.value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        };
        if text.is_none() {
            self.expected(problems, what);
        }
        text
    }

    /// `true` or `false`.
    pub fn boolean(&self, problems: &mut Diagnostics) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.expected(problems, "`true` or `false`");
        }
        value
    }

    /// One of a fixed set of words.
    pub fn choice<T: Copy>(&self, problems: &mut Diagnostics, choices: &[(&str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let list = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let found = self.text(problems, &format!("one of {list}"))?;
        let chosen = choices.iter().find(|(name, _)| *name == found).map(|(_, value)| *value);
        if chosen.is_none() {
            let message = format!("expected one of {list}, found `{found}`");
            self.problem(problems, Code::R106, message, did_you_mean(found, names()));
        }
        chosen
    }

    /// The elements of a list; a single value counts as a list of one.
    pub fn one_or_many(&self) -> Vec<Node<'a>> {
        match self.value {
            Value::Sequence(list) => {
                list.iter().enumerate().map(|(i, value)| self.child(&i.to_string(), value)).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// The elements of a list.
    pub fn list(&self, problems: &mut Diagnostics, what: &str) -> Vec<Node<'a>> {
        match self.value {
            Value::Sequence(_) => self.one_or_many(),
            _ => {
                self.expected(problems, what);
                Vec::new()
            }
        }
    }

    /// Whether it is a list without elements.
    pub fn is_empty_list(&self) -> bool {
        self.value.as_sequence().is_some_and(Vec::is_empty)
    }

    /// A list of texts, or one.
    pub fn texts(&self, problems: &mut Diagnostics, what: &str) -> Vec<String> {
        self.one_or_many().iter().filter_map(|node| node.text(problems, what)).map(str::to_owned).collect()
    }

    /// The members of a mapping, in the order written.
    pub fn members(&self, problems: &mut Diagnostics, what: &str) -> Vec<(&'a str, Node<'a>)> {
        let Value::Mapping(mapping) = self.value else {
            self.expected(problems, what);
            return Vec::new();
        };
        let mut members = Vec::with_capacity(mapping.len());
        for (key, value) in mapping {
            match key.as_str() {
                Some(name) => members.push((name, self.child(name, value))),
                None => {
                    let written = match key {
                        Value::Bool(value) => value.to_string(),
                        Value::Number(number) => number.to_string(),
                        _ => String::new(),
                    };
                    let place = self.child(&written, value).key_place();
                    let message = format!("expected text as a key, found {}", noun(key));
                    let help = if written.is_empty() { "write a single word" } else { "put it in quotes" };
                    problems.push(Code::R104, Some(place), message, Some(help.into()));
                }
            }
        }
        members
    }

    /// A mapping of this shape; every key that the shape does not have is a problem in the end.
    pub fn fields(&self, problems: &mut Diagnostics, shape: &'static Mapping) -> Option<Fields<'a>> {
        let is_mapping = self.value.is_mapping();
        let members = self.members(problems, shape.what);
        is_mapping.then(|| Fields { node: self.clone(), members, shape })
    }
}

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The file.
    pub file: Arc<str>,
    /// From where to where, in bytes.
    pub bytes: Range<usize>,
}

impl Extent {
    /// Whether a place is in it.
    pub fn holds(&self, place: &Place) -> bool {
        place.file == self.file && self.bytes.contains(&place.start)
    }
}

/// See [`Node::fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    /// The mapping.
    pub node: Node<'a>,
    members: Vec<(&'a str, Node<'a>)>,
    shape: &'static Mapping,
}

impl<'a> Fields<'a> {
    /// The keys that are there.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.members.iter().map(|(key, _)| *key)
    }

    /// Those of some keys that are there, in words: "found none", or "found `a` and `b`".
    pub fn found(&self, keys: &[&str]) -> String {
        let found: Vec<_> = keys.iter().filter(|key| self.keys().any(|there| there == **key)).collect();
        match found.as_slice() {
            [] => "found none".to_owned(),
            found => format!(
                "found {}",
                found.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
            ),
        }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &'static str) -> Option<Node<'a>> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert((self.shape.name, key)));
        let find =
            |key: &str| self.members.iter().find(|(name, _)| *name == key).map(|(_, node)| node.clone());
        find(key).or_else(|| RENAMED.into_iter().find(|(_, new)| *new == key).and_then(|(old, _)| find(old)))
    }

    /// The value of a key that must be there.
    pub fn require(&self, problems: &mut Diagnostics, key: &'static str) -> Option<Node<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let message = format!("expected the key `{key}` here");
            problems.push(Code::R105, Some(self.node.place()), message, None);
        }
        found
    }

    /// The members under keys of one's own choosing, in the order written.
    pub fn others(&self) -> impl Iterator<Item = &(&'a str, Node<'a>)> {
        self.members.iter().filter(|(name, _)| !self.shape.knows(name))
    }

    /// Complains of every key that the shape does not have.
    pub fn finish(self, problems: &mut Diagnostics) {
        let mut known: Vec<&str> = self.shape.keys.iter().map(|key| key.name).collect();
        known.sort_unstable();
        let there = |key: &str| self.members.iter().any(|(name, _)| *name == key);
        for (name, node) in &self.members {
            let renamed =
                RENAMED.into_iter().find(|(old, new)| old == name && known.contains(new) && !there(new));
            if let (Some((old, new)), false) = (renamed, known.contains(name)) {
                let message = format!("`{old}` is an old name of the key `{new}`");
                let help = format!("write `{new}`; it means the same");
                problems.push(Code::R610, Some(node.key_place()), message, Some(help));
            } else if !known.contains(name) {
                let list = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                let help = did_you_mean(name, known.iter().copied())
                    .unwrap_or_else(|| format!("known here: {list}"));
                problems.push(
                    Code::R103,
                    Some(node.key_place()),
                    format!("unknown key `{name}`"),
                    Some(help),
                );
            }
        }
    }
}

#[cfg(test)]
thread_local! {
    /// The keys that were asked for, each with the name of its mapping.
    static ASKED: std::cell::RefCell<std::collections::BTreeSet<(&'static str, &'static str)>> = Default::default();
}

/// The keys that were asked for in this thread, each with the name of its mapping.
#[cfg(test)]
pub(super) fn asked() -> std::collections::BTreeSet<(&'static str, &'static str)> {
    ASKED.with_borrow(Clone::clone)
}
