//! What events are found by: type, name and the two ids of a person.
//!
//! The one place where the journal looks into an event's JSON, and the one reading of these four members for lists,
//! indices and erasure, so that what is found is what is shown. Deliberately no checks: what is not there is empty.
//!
//! First thing to know: indices keep [`Term`]s, which are hashes; what they find is looked at again in the event itself.

use super::Entry;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The members of an event that it is found by; empty where there is none. A number counts as its digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets<'a> {
    /// `type`, as written.
    pub kind: Cow<'a, str>,
    /// `event`, else `name`, as pages and screens have it.
    pub name: Cow<'a, str>,
    /// `userId`.
    pub user_id: Cow<'a, str>,
    /// `anonymousId`.
    pub anonymous_id: Cow<'a, str>,
}

impl<'a> Facets<'a> {
    /// Reads an event's JSON. What is no JSON object has none. Of a member that stands twice the last counts, as
    /// `JSON.parse` has it.
    pub fn of(body: &'a [u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether this is the person's: their `userId` or `anonymousId`, whole.
    pub fn is_of(&self, user: &str) -> bool {
        !user.is_empty() && (self.user_id == user || self.anonymous_id == user)
    }
}

/// Something that an event is found by, as a hash. Hashes are stored, so what they are made of never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub(super) u64);

impl Term {
    /// No term: the event has nothing there.
    pub(super) const NONE: Self = Self(0);

    /// The type, whatever the case.
    pub fn kind(kind: &str) -> Self {
        Self::of(1, &folded(kind))
    }

    /// The whole name, whatever the case.
    pub fn name(name: &str) -> Self {
        Self::of(2, &folded(name))
    }

    /// The `userId` or the `anonymousId`.
    pub fn user(id: &str) -> Self {
        Self::of(3, id)
    }

    /// Whether it was refused on ingest.
    pub(super) fn refused() -> Self {
        Self::of(4, "refused")
    }

    /// The code with which it was refused on ingest.
    pub(super) fn refused_with(code: &str) -> Self {
        Self::of(5, code)
    }

    /// The terms of a stored event: type, name, `userId`, `anonymousId`.
    pub(super) fn of_entry(entry: &Entry) -> [Self; 4] {
        let Facets { kind, name, user_id, anonymous_id } = Facets::of(&entry.body);
        [Self::kind(&kind), Self::name(&name), Self::user(&user_id), Self::user(&anonymous_id)]
    }

    fn of(seed: u64, text: &str) -> Self {
        if text.is_empty() { Self::NONE } else { Self(xxh3_64_with_seed(text.as_bytes(), seed).max(1)) }
    }
}

fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text.into();
    }
    text.to_lowercase().into()
}

enum Member {
    Kind,
    Event,
    Name,
    UserId,
    AnonymousId,
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl Visitor<'_> for Named {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "type" => Member::Kind,
                    "event" => Member::Event,
                    "name" => Member::Name,
                    "userId" => Member::UserId,
                    "anonymousId" => Member::AnonymousId,
                    _ => Member::Other,
                })
            }
        }

        deserializer.deserialize_identifier(Named)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Facets<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Event;

        impl<'de> Visitor<'de> for Event {
            type Value = Facets<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Facets<'de>, A::Error> {
                let (mut found, mut plain_name) = (Facets::default(), Cow::default());
                while let Some(member) = members.next_key()? {
                    let place = match member {
                        Member::Kind => &mut found.kind,
                        Member::Event => &mut found.name,
                        Member::Name => &mut plain_name,
                        Member::UserId => &mut found.user_id,
                        Member::AnonymousId => &mut found.anonymous_id,
                        Member::Other => {
                            members.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *place = text(members.next_value::<&RawValue>()?.get());
                }
                if found.name.is_empty() {
                    found.name = plain_name;
                }
                Ok(found)
            }
        }

        deserializer.deserialize_map(Event)
    }
}

/// Text, or a number as text; everything else is none.
fn text(json: &str) -> Cow<'_, str> {
    match json.as_bytes() {
        [b'"', inside @ .., b'"'] if !inside.contains(&b'\\') => {
            json.get(1..json.len().saturating_sub(1)).unwrap_or_default().into()
        }
        [b'"', ..] => serde_json::from_str::<String>(json).unwrap_or_default().into(),
        [b'-' | b'0'..=b'9', ..] => json.into(),
        _ => Cow::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    fn facets(body: &str) -> [String; 4] {
        let Facets { kind, name, user_id, anonymous_id } = Facets::of(body.as_bytes());
        [kind, name, user_id, anonymous_id].map(Cow::into_owned)
    }

    #[test]
    fn facets_are_read_as_javascript_would_read_them() {
        for (body, expected) in [
            (
                r#"{"type":"Track","event":"Bo\u0061t","userId":7,"anonymousId":"a1","name":"x","properties":{"userId":"no"}}"#,
                ["Track", "Boat", "7", "a1"],
            ),
            (r#"{"type":"page","name":"Home","anonymousId":"a1","userId":null}"#, ["page", "Home", "", "a1"]),
            (r#"{"user\u0049d":"u","event":"","name":"n"}"#, ["", "n", "u", ""]),
            (r#"{"userId":"first","userId":"last"}"#, ["", "", "last", ""]),
            (r#"{"type":[],"userId":{"a":1},"event":true}"#, ["", "", "", ""]),
            ("[]", ["", "", "", ""]),
            ("", ["", "", "", ""]),
            ("{\"userId\":\"u\"", ["", "", "", ""]),
        ] {
            assert_eq!(facets(body), expected, "{body}");
        }
    }

    #[test]
    fn a_person_is_found_by_either_id_and_nobody_by_none() {
        let facets = Facets::of(br#"{"userId":"u1","anonymousId":"a1"}"#);
        assert!(facets.is_of("u1") && facets.is_of("a1"));
        assert!(!facets.is_of("U1") && !facets.is_of("u") && !Facets::of(b"{}").is_of(""));
    }

    #[test]
    fn terms_stay_what_they_are_for_ever() {
        // They are stored in indices: never change them.
        let terms = [
            Term::kind("Track"),
            Term::name("Order Completed"),
            Term::user("user_1"),
            Term::refused(),
            Term::refused_with("missing_event_name"),
        ];
        let hashes = [
            7_154_948_386_170_120_876,
            9_138_943_162_583_187_127,
            17_276_155_543_980_583_601,
            10_419_692_108_665_976_552,
            1_780_811_291_615_677_037,
        ];
        assert_eq!(terms.map(|term| term.0), hashes);
    }

    #[test]
    fn terms_ignore_the_case_of_types_and_names_and_not_that_of_ids() {
        assert_eq!(Term::kind("TRACK"), Term::kind("track"));
        assert_eq!(Term::name("Ärger"), Term::name("äRGER"));
        assert_ne!(Term::user("U1"), Term::user("u1"));
        assert_ne!(Term::user("x"), Term::name("x"));
        let nothing = Entry {
            received_at: Millis(0),
            refusal: None,
            is_lost: false,
            erased_at: None,
            body: "{}".into(),
        };
        assert_eq!(Term::of_entry(&nothing), [Term::NONE; 4]);
    }
}
