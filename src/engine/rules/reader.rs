//! Reading checked values out of a rule file, with every problem noted and none fatal.
//!
//! Which keys a mapping may have is not said here but in `shape/`.

use super::shape::Mapping;
use super::source::{Source, escape};
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use serde_yaml::Value;
use std::sync::Arc;

/// A value of a rule file and where it stands.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    source: &'a Source,
    pointer: String,
    /// The value.
    pub value: &'a Value,
}

/// What a node is, in words.
fn noun(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(n) => format!("the number `{n}`"),
        Value::String(s) => format!("the text `{s}`"),
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

    /// Where the member's key stands, or the value when it is no member.
    pub fn key_place(&self) -> Place {
        self.source.key_place(&self.pointer)
    }

    /// The text of its file.
    pub fn file_text(&self) -> Arc<str> {
        self.source.text.clone()
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
        self.problem(problems, Code::R104, message, None);
    }

    /// Text.
    pub fn text(&self, problems: &mut Diagnostics, what: &str) -> Option<&'a str> {
        let text = self.value.as_str();
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
                None => self.problem(
                    problems,
                    Code::R104,
                    format!("expected text as a key, found {}", noun(key)),
                    Some("put it in quotes".into()),
                ),
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

/// See [`Node::fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    /// The mapping.
    pub node: Node<'a>,
    members: Vec<(&'a str, Node<'a>)>,
    shape: &'static Mapping,
}

impl<'a> Fields<'a> {
    /// The value of a key, if it is there.
    pub fn get(&self, key: &'static str) -> Option<Node<'a>> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert((self.shape.name, key)));
        self.members.iter().find(|(name, _)| *name == key).map(|(_, node)| node.clone())
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
        for (name, node) in &self.members {
            if !known.contains(name) {
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
