//! The members of a request's object, each as raw JSON, so that every one can be judged and all problems be named.

use super::{Problem, RequestError};
use crate::admin::Candidate;
use serde::Deserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// More than any call knows; what is looked for in a list must not be a long list.
const MOST_MEMBERS: usize = 64;

/// The members, not yet judged, and the problems found so far.
pub(super) struct Members<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// What is wrong.
    pub(super) errors: Vec<RequestError>,
}

impl<'a> Members<'a> {
    /// Takes a body apart. What is no JSON object at all is the only problem then.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let whole = |detail: String| Problem::Invalid(vec![RequestError::new("", detail)]);
        let text = std::str::from_utf8(body).map_err(|error| {
            whole(format!("expected UTF-8, found other bytes at byte {}", error.valid_up_to()))
        })?;
        let mut parser = serde_json::Deserializer::from_str(text);
        let read = parser.deserialize_map(MembersVisitor).and_then(|members| parser.end().map(|()| members));
        let members = read.map_err(|error| match error.classify() {
            // The visitor is the only one to complain of data, and the visitor wants an object.
            serde_json::error::Category::Data => whole("expected a JSON object".to_owned()),
            _ => whole(format!("this is not JSON: {error}")),
        })?;
        if members.len() > MOST_MEMBERS {
            return Err(whole(format!("expected at most {MOST_MEMBERS} members, found {}", members.len())));
        }
        let mut errors = Vec::new();
        for (index, (name, _)) in members.iter().enumerate() {
            if members.iter().take(index).any(|(earlier, _)| earlier == name) {
                errors.push(RequestError::new(pointer(name), "it stands here twice; send it once"));
            }
        }
        Ok(Self { members, errors })
    }

    /// Takes a member out, as it stands. `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.take_or_null(name).filter(|raw| raw.get() != "null")
    }

    /// Takes a member out, as it stands, `null` too.
    pub(super) fn take_or_null(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.members.retain(|(member, raw)| {
            let is_it = member == name;
            if is_it {
                found = Some(*raw);
            }
            !is_it
        });
        found
    }

    /// Takes a member out and reads it; `expected` says what it should be.
    pub(super) fn read<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        let raw = self.take(name)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(_) => {
                self.errors.push(RequestError::new(
                    pointer(name),
                    format!("expected {expected}, found {}", kind(raw)),
                ));
                None
            }
        }
    }

    /// Takes out the members that name candidate rules.
    pub(super) fn candidate(&mut self) -> Candidate {
        Candidate {
            pack: self.read("pack", "a pack's name as text"),
            options: self.read("options", "an object of option names and values").unwrap_or_default(),
            files: self.read("rules", "an object of file names and their text").unwrap_or_default(),
        }
    }

    /// Whatever was not taken is not known; ends in all the problems, if there are any.
    pub(super) fn finish(mut self, known: &[&str]) -> Result<(), Problem> {
        for (name, _) in &self.members {
            let detail = format!("it is not known; known are `{}`", known.join("`, `"));
            self.errors.push(RequestError::new(pointer(name), detail));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.errors)) }
    }
}

/// RFC 6901, for one member.
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a value is, in a word.
pub(super) fn kind(raw: &RawValue) -> &'static str {
    match raw.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            members.push((name.0, map.next_value()?));
        }
        Ok(members)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
