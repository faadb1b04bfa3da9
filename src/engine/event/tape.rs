//! A flat index of one JSON text: where every value starts and ends, in reading order.
//!
//! It is not a tree: one reused vector of 16-byte entries, no text is copied, nothing is decoded. That is what lets
//! paths be looked up in any order while values stream from the event straight into the record.
//! Deliberately no writing: how values become output is `engine/write.rs`.

use super::text;
use std::borrow::Cow;
use std::ops::Range;

/// What kind of value an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `{…}`; its members follow as pairs of [`Kind::Key`] and a value.
    Object,
    /// `[…]`; its elements follow.
    Array,
    /// A member's name. The member's value is the next entry.
    Key,
    /// Text; start and end are inside the quotes.
    String,
    /// A number, kept as written.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl Kind {
    /// The kind in words, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Key => "a key",
            Self::String => "text",
            Self::Number => "a number",
            Self::True | Self::False => "a boolean",
            Self::Null => "null",
        }
    }
}

/// One entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// First byte; for text and keys, of what is inside the quotes.
    pub start: u32,
    /// The byte after the last; for text and keys, of what is inside the quotes.
    pub end: u32,
    /// The entry after this value and all it holds.
    pub next: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether text or a key holds a backslash.
    pub escaped: bool,
}

/// The place of an entry in the index. The root is [`At::ROOT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u32);

impl At {
    /// The whole text's value.
    pub const ROOT: Self = Self(0);
}

/// A scanned text with its index: the one way to look into an event.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: &'a [Node],
}

/// What stands where an entry should be when there is none; only a foreign [`At`] can lead here.
const NOTHING: Node = Node { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false };

impl<'a> Json<'a> {
    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Whether there are none, which no scanned text has.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The entry at a place.
    #[inline]
    pub fn node(&self, at: At) -> Node {
        self.nodes.get(at.0 as usize).copied().unwrap_or(NOTHING)
    }

    /// What kind of value stands there.
    #[inline]
    pub fn kind(&self, at: At) -> Kind {
        self.node(at).kind
    }

    /// What is between start and end: inside the quotes for text and keys, verbatim for the rest.
    #[inline]
    pub fn content(&self, at: At) -> &'a str {
        let node = self.node(at);
        self.text.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    /// The value as JSON, quotes included, exactly as received.
    #[inline]
    pub fn raw(&self, at: At) -> &'a str {
        self.text.get(self.range(at)).unwrap_or_default()
    }

    /// Where the value stands in the text, in bytes, quotes included.
    #[inline]
    pub fn range(&self, at: At) -> Range<usize> {
        let node = self.node(at);
        match node.kind {
            Kind::String | Kind::Key => (node.start as usize).saturating_sub(1)..node.end as usize + 1,
            _ => node.start as usize..node.end as usize,
        }
    }

    /// Text or a key with its escapes resolved; other values as written.
    pub fn decoded(&self, at: At) -> Cow<'a, str> {
        let node = self.node(at);
        if node.escaped {
            Cow::Owned(text::unescape(self.content(at)))
        } else {
            Cow::Borrowed(self.content(at))
        }
    }

    /// The members of an object as (key, value); none for anything else.
    #[inline]
    pub fn members(&self, of: At) -> Members<'a> {
        let node = self.node(of);
        let end = if node.kind == Kind::Object { node.next } else { 0 };
        Members { nodes: self.nodes, at: of.0 + 1, end }
    }

    /// The elements of an array; none for anything else.
    #[inline]
    pub fn elements(&self, of: At) -> Elements<'a> {
        let node = self.node(of);
        let end = if node.kind == Kind::Array { node.next } else { 0 };
        Elements { nodes: self.nodes, at: of.0 + 1, end }
    }

    /// The value of a member. Of several with the same name the last counts, as `JSON.parse` has it.
    #[inline]
    pub fn get(&self, of: At, key: &str) -> Option<At> {
        let mut found = None;
        for (name, value) in self.members(of) {
            if self.key_is(name, key) {
                found = Some(value);
            }
        }
        found
    }

    #[inline]
    fn key_is(&self, name: At, key: &str) -> bool {
        let node = self.node(name);
        if node.escaped {
            return self.decoded(name) == key;
        }
        let found = self.text.as_bytes().get(node.start as usize..node.end as usize).unwrap_or_default();
        // Most keys differ in length or in the last byte, which is cheaper to see than to call a comparison.
        found.len() == key.len() && found.last() == key.as_bytes().last() && found == key.as_bytes()
    }

    /// Whether nothing stands there: `null` or empty text. `false` and `0` are something.
    #[inline]
    pub fn is_blank(&self, at: At) -> bool {
        let node = self.node(at);
        match node.kind {
            Kind::Null => true,
            Kind::String => node.start == node.end,
            _ => false,
        }
    }

    /// Where a value or key stands, as `properties.products[1].price`; a key that holds a dot is quoted.
    pub fn path_of(&self, target: At) -> String {
        let mut path = String::new();
        let mut here = At::ROOT;
        while here != target {
            let step = match self.kind(here) {
                Kind::Object => self
                    .members(here)
                    .find(|&(key, value)| key == target || self.holds(value, target))
                    .map(|(key, value)| (Some(key), value)),
                Kind::Array => {
                    self.elements(here).enumerate().find(|&(_, value)| self.holds(value, target)).map(
                        |(index, value)| {
                            path.push_str(&format!("[{index}]"));
                            (None, value)
                        },
                    )
                }
                _ => None,
            };
            let Some((key, value)) = step else { break };
            if let Some(key) = key {
                super::path::push_segment(&mut path, &self.decoded(key));
                if key == target {
                    break;
                }
            }
            here = value;
        }
        path
    }

    fn holds(&self, outer: At, inner: At) -> bool {
        outer <= inner && inner.0 < self.node(outer).next
    }
}

/// See [`Json::members`].
#[derive(Debug, Clone)]
pub struct Members<'a> {
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl Iterator for Members<'_> {
    type Item = (At, At);

    #[inline]
    fn next(&mut self) -> Option<(At, At)> {
        if self.at >= self.end {
            return None;
        }
        let key = self.at;
        self.at = self.nodes.get(key as usize + 1)?.next;
        Some((At(key), At(key + 1)))
    }
}

/// See [`Json::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl Iterator for Elements<'_> {
    type Item = At;

    #[inline]
    fn next(&mut self) -> Option<At> {
        if self.at >= self.end {
            return None;
        }
        let here = self.at;
        self.at = self.nodes.get(here as usize)?.next;
        Some(At(here))
    }
}
