//! What a batch says once for all its calls: `context`, `integrations` and `sentAt`.
//!
//! A call's own word wins, top-level member by member: a batch's `context.app` reaches every call that has no
//! `context.app` of its own, and is never mixed into one that has.

use super::code::{Code, Complaint};
use super::envelope::{depth, too_deep};
use super::incoming::{Incoming, is_section, wrong_type};
use super::limit::Limits;
use crate::engine::event::scan::MAX_DEPTH;
use crate::engine::event::{At, Json, Kind};
use std::borrow::Cow;
use std::collections::HashSet;

/// The shared parts of a batch; empty for a single call.
#[derive(Debug, Default)]
pub(crate) struct Shared<'a> {
    /// To be merged into each call's `context`.
    pub(crate) context: Option<Section<'a>>,
    /// To be merged into each call's `integrations`.
    pub(crate) integrations: Option<Section<'a>>,
    /// `sentAt` as JSON, for calls without one.
    pub(crate) sent_at: Option<&'a str>,
}

/// An object to be merged.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    raw: &'a str,
    members: Vec<Member<'a>>,
}

#[derive(Debug)]
struct Member<'a> {
    name: Cow<'a, str>,
    raw_name: &'a str,
    raw_value: &'a str,
}

impl<'a> Shared<'a> {
    /// The shared parts of a batch of `count` calls.
    pub(crate) fn of(batch: &Incoming<'a>, count: usize, limits: &Limits) -> Result<Self, Complaint> {
        let shared = Self {
            context: Section::of(batch, "context")?,
            integrations: Section::of(batch, "integrations")?,
            sent_at: batch.member("sentAt").map(|value| batch.json.raw(value)),
        };
        // Repeated in every call, a few bytes of a body could become gigabytes.
        let size = shared.len();
        if size > limits.event_bytes || size.saturating_mul(count) > limits.inflated_bytes {
            let message = format!(
                "expected `context` and `integrations` of a batch to have at most {} bytes, and at most {} repeated \
                 for each of its calls; send them with the calls that need them, or smaller batches",
                limits.event_bytes, limits.inflated_bytes
            );
            return Err(Complaint::new(Code::SharedPartsTooLarge, message));
        }
        Ok(shared)
    }

    fn len(&self) -> usize {
        [&self.context, &self.integrations].into_iter().flatten().map(|section| section.raw.len()).sum()
    }
}

impl<'a> Section<'a> {
    fn of(batch: &Incoming<'a>, name: &str) -> Result<Option<Self>, Complaint> {
        let json = &batch.json;
        let Some(value) = batch.member(name) else { return Ok(None) };
        if !is_section(json, value) {
            return Err(wrong_type(name, "an object", json.kind(value)));
        }
        if depth(json.raw(value)) >= MAX_DEPTH {
            return Err(too_deep().at(format!("/{name}")));
        }
        let members: Vec<_> = json
            .members(value)
            .map(|(key, value)| Member {
                name: json.decoded(key),
                raw_name: json.raw(key),
                raw_value: json.raw(value),
            })
            .collect();
        Ok((!members.is_empty()).then(|| Self { raw: json.raw(value), members }))
    }

    /// The merged object as JSON; none where the call's own needs nothing added.
    pub(crate) fn merge(&self, json: &Json<'_>, own: Option<At>) -> Option<Cow<'a, str>> {
        let Some(own) = own.filter(|&own| json.kind(own) == Kind::Object) else {
            return Some(Cow::Borrowed(self.raw));
        };
        let names: HashSet<Cow<'_, str>> = json.members(own).map(|(key, _)| json.decoded(key)).collect();
        let mut merged = String::with_capacity(self.raw.len() + json.raw(own).len());
        for member in self.members.iter().filter(|member| !names.contains(&member.name)) {
            push_member(&mut merged, member.raw_name, member.raw_value);
        }
        if merged.is_empty() {
            return None;
        }
        for (key, value) in json.members(own) {
            push_member(&mut merged, json.raw(key), json.raw(value));
        }
        merged.push('}');
        Some(Cow::Owned(merged))
    }
}

fn push_member(object: &mut String, raw_name: &str, raw_value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(raw_name);
    object.push(':');
    object.push_str(raw_value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;

    fn merged(shared: &str, own: &str) -> Option<String> {
        let text = format!(r#"{{"context":{shared},"own":{own}}}"#);
        let mut scanner = Scanner::default();
        let json = scanner.scan(&text).unwrap();
        let batch = Incoming { json, at: At::ROOT };
        let shared = Shared::of(&batch, 1, &Limits::default()).unwrap();
        shared.context.and_then(|context| context.merge(&json, batch.member("own"))).map(Cow::into_owned)
    }

    #[test]
    fn the_calls_own_member_wins_whole() {
        for (shared, own, expected) in [
            (r#"{"a":1}"#, "null", Some(r#"{"a":1}"#)),
            (r#"{"a":1}"#, "[]", Some(r#"{"a":1}"#)),
            (r#"{"a":1}"#, "{}", Some(r#"{"a":1}"#)),
            (r#"{ "a" : 1.0 }"#, r#"{"b":2e3}"#, Some(r#"{"a":1.0,"b":2e3}"#)),
            (r#"{"a":{"x":1},"b":2}"#, r#"{"a":{"y":1}}"#, Some(r#"{"b":2,"a":{"y":1}}"#)),
            (r#"{"a":1}"#, r#"{"\u0061":null}"#, None),
            ("{}", r#"{"a":1}"#, None),
            ("[]", "null", None),
        ] {
            assert_eq!(merged(shared, own).as_deref(), expected, "{shared} into {own}");
        }
    }

    #[test]
    fn shared_parts_are_bounded_alone_and_repeated() {
        let limits = Limits { event_bytes: 20, inflated_bytes: 100, ..Limits::default() };
        let refused = |context: &str, count| {
            let text = format!(r#"{{"context":{context}}}"#);
            let mut scanner = Scanner::default();
            let batch = Incoming { json: scanner.scan(&text).unwrap(), at: At::ROOT };
            Shared::of(&batch, count, &limits).err().map(|complaint| complaint.code)
        };
        assert_eq!(refused(r#"{"a":"0123456789"}"#, 5), None);
        assert_eq!(refused(r#"{"a":"0123456789"}"#, 6), Some(Code::SharedPartsTooLarge));
        assert_eq!(refused(r#"{"a":"0123456789012"}"#, 1), Some(Code::SharedPartsTooLarge));
        assert_eq!(refused("7", 1), Some(Code::InvalidType));
    }
}
