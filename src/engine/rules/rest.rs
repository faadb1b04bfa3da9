//! Copying the rest: every member of an object that no other line has taken.

use super::reader::{Fields, Node};
use super::{Origin, Scope};
use crate::engine::diagnostic::{Diagnostics, Place};

/// How the members of objects are copied.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// Its number in the pack.
    pub id: u16,
    /// The objects, in order of precedence. Of an `item` there is none: the item itself is copied.
    pub sources: Vec<Origin>,
    /// What keys become.
    pub keys: KeyCase,
    /// What becomes of objects.
    pub objects: Nested,
    /// What becomes of arrays.
    pub arrays: Nested,
    /// Keys left out, exactly as received.
    pub except: Vec<String>,
    /// Keys whose members are copied untouched, key and value.
    pub keep: Vec<Pattern>,
    /// Where it is written.
    pub place: Place,
}

/// What keys become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCase {
    /// `orderID` becomes `order_id`.
    Snake,
    /// As received.
    Preserve,
}

/// What becomes of a nested value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    /// It is left out, with a warning.
    Drop,
    /// Its members are copied, with the path joined by `_` as their key.
    Flatten,
    /// It becomes its JSON text, as `JSON.stringify` writes it.
    Stringify,
    /// It stays as it is.
    Keep,
}

/// A key, or with `*` at its end all keys that start so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a key is meant.
    pub fn matches(&self, key: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => key.starts_with(start),
            None => self.0 == key,
        }
    }
}

const CASES: [(&str, KeyCase); 2] = [("snake_case", KeyCase::Snake), ("preserve", KeyCase::Preserve)];
const OBJECTS: [(&str, Nested); 4] = [
    ("drop", Nested::Drop),
    ("flatten", Nested::Flatten),
    ("stringify", Nested::Stringify),
    ("keep", Nested::Keep),
];
const ARRAYS: [(&str, Nested); 3] =
    [("drop", Nested::Drop), ("stringify", Nested::Stringify), ("keep", Nested::Keep)];

impl Rest {
    /// Reads the value of `"*"`.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields =
            node.fields(problems, "how to copy the rest, as `{ rest: properties, keys: snake_case }`")?;
        let sources = fields
            .require(problems, "rest")
            .map(|node| Origin::parse_list(&node, scope, problems))
            .unwrap_or_default();
        Some(Self::parse_manner(fields, sources, scope, problems))
    }

    /// Reads the value of `item`.
    pub fn parse_item(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields = node.fields(problems, "how to copy an item, as `{ keys: snake_case }`")?;
        Some(Self::parse_manner(fields, Vec::new(), scope, problems))
    }

    fn parse_manner(
        fields: Fields<'_>,
        sources: Vec<Origin>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Self {
        let keys = fields.get("keys").and_then(|node| node.choice(problems, &CASES));
        let objects = fields.get("objects").and_then(|node| node.choice(problems, &OBJECTS));
        let arrays = fields.get("arrays").and_then(|node| node.choice(problems, &ARRAYS));
        let except = fields.get("except").map(|node| node.texts(problems, "a key"));
        let keep = fields.get("keep").map(|node| node.texts(problems, "a key, or `PREFIX*`"));
        let place = fields.node.key_place();
        fields.finish(problems);
        Self {
            id: scope.next_rest(),
            sources,
            keys: keys.unwrap_or(KeyCase::Preserve),
            objects: objects.unwrap_or(Nested::Drop),
            arrays: arrays.unwrap_or(Nested::Drop),
            except: except.unwrap_or_default(),
            keep: keep.unwrap_or_default().into_iter().map(Pattern).collect(),
            place,
        }
    }
}
