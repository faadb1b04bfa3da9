//! An event without the personal data in it, for files that live in git: every personal value gives way to a stand-in of
//! the same shape and the same class of length, the same value to the same stand-in.
//!
//! What is personal is told by keys (`email`, `firstName`, ids, addresses) and by how values look (mail addresses, phone
//! numbers, IP addresses, keys and tokens). Text that is neither stays as it is, unless a personal value found anywhere in
//! the event occurs in it; then it gives way as a whole. Deliberately no promise beyond that: a name that stands only in a
//! free text and under no key that says so can not be told from a word, so whoever saves a case sees what was replaced.
//!
//! First thing to know: it goes over the event twice, first to learn what is personal, then to replace it.

use super::stand_in::{Kind, StandIns};
use crate::engine::event::path::push_segment;
use crate::engine::lint::is_personal;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Shorter values are no evidence of a person when they occur in other text.
const LEAST_CHARS: usize = 3;

/// Bytes from which on a personal value counts also as a part of a word: shorter ones are in too many words.
const LEAST_PART: usize = 6;

/// An event with stand-ins.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted {
    /// The event.
    pub event: Value,
    /// What was replaced, in the event's order.
    pub replaced: Vec<Replaced>,
}

/// One value that gave way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Where it stood; a key that was replaced is shown by its stand-in.
    pub path: String,
    /// What it was taken for.
    pub what: &'static str,
    /// What stands there now.
    pub stand_in: String,
}

/// Replaces what is personal in `event`.
pub fn redact(event: Value) -> Redacted {
    let mut work = Work::default();
    work.learn(&event, &mut Vec::new());
    let mut replaced = Vec::new();
    let event = work.replace(event, &mut Vec::new(), "", &mut replaced);
    Redacted { event, replaced }
}

#[derive(Default)]
struct Work {
    /// Personal text in small letters, whole values and the words of names.
    known: BTreeSet<String>,
    stand_ins: StandIns,
}

impl Work {
    fn learn(&mut self, value: &Value, keys: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    if is_personal(key) {
                        self.know(key);
                    }
                    keys.push(key.clone());
                    self.learn(value, keys);
                    keys.pop();
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.learn(element, keys)),
            Value::String(text) => {
                if let Some(kind) = Kind::of(keys, text) {
                    self.know(text);
                    if kind == Kind::Name {
                        text.split_whitespace().for_each(|word| self.know(word));
                    }
                }
            }
            Value::Number(number) => {
                let text = number.to_string();
                if Kind::of_number(keys).is_some() {
                    self.know(&text);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn know(&mut self, text: &str) {
        let text = text.trim().to_lowercase();
        if text.chars().count() >= LEAST_CHARS {
            self.known.insert(text);
        }
    }

    /// Whether a text holds something personal, as a word of its own or as a longer part.
    fn gives_away(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.known.iter().any(|known| match known.len() < LEAST_PART {
            true => is_word_of(known, &text),
            false => text.contains(known.as_str()),
        })
    }

    fn replace(
        &mut self,
        value: Value,
        keys: &mut Vec<String>,
        path: &str,
        replaced: &mut Vec<Replaced>,
    ) -> Value {
        match value {
            Value::Object(members) => {
                let mut new = serde_json::Map::new();
                for (key, value) in members {
                    let shown = match keys_are_free(keys) && (is_personal(&key) || self.gives_away(&key)) {
                        true => self.stand_ins.of(Kind::Text, &key),
                        false => key.clone(),
                    };
                    let mut inner = path.to_owned();
                    push_segment(&mut inner, &shown);
                    if shown != key {
                        let stand_in = shown.clone();
                        replaced.push(Replaced { path: inner.clone(), what: "a key", stand_in });
                    }
                    keys.push(key);
                    new.insert(shown, self.replace(value, keys, &inner, replaced));
                    keys.pop();
                }
                Value::Object(new)
            }
            Value::Array(elements) => {
                let element =
                    |(index, element)| self.replace(element, keys, &format!("{path}[{index}]"), replaced);
                Value::Array(elements.into_iter().enumerate().map(element).collect())
            }
            Value::String(text) => {
                let kind = Kind::of(keys, &text).or_else(|| self.gives_away(&text).then_some(Kind::Text));
                // The words of the specification are nobody's.
                let Some(kind) = kind.filter(|_| !is_fixed(keys)) else { return Value::String(text) };
                let stand_in = self.stand_ins.of(kind, &text);
                if stand_in != text {
                    let (path, stand_in) = (path.to_owned(), stand_in.clone());
                    replaced.push(Replaced { path, what: kind.words(), stand_in });
                }
                Value::String(stand_in)
            }
            Value::Number(number) => {
                let text = number.to_string();
                let Some(kind) = Kind::of_number(keys).or_else(|| {
                    // A number that is somebody's id elsewhere is no price here.
                    self.known.contains(&text).then_some(Kind::Id)
                }) else {
                    return Value::Number(number);
                };
                let stand_in = self.stand_ins.of_number(kind, &text);
                let (path, shown) = (path.to_owned(), stand_in.to_string());
                replaced.push(Replaced { path, what: kind.words(), stand_in: shown });
                Value::Number(stand_in)
            }
            other => other,
        }
    }
}

/// Whether `word` stands in `text` with nothing that continues it.
fn is_word_of(word: &str, text: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether keys at this place are the sender's own words; the members of a call are Segment's.
fn keys_are_free(keys: &[String]) -> bool {
    !keys.is_empty()
}

/// Whether the value says what kind of call it is, or when.
fn is_fixed(keys: &[String]) -> bool {
    const FIXED: [&str; 7] =
        ["type", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "channel", "version"];
    matches!(keys, [key] if FIXED.contains(&key.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_the_same_stand_in_and_free_text_goes_only_where_it_gives_somebody_away() {
        let event: Value = serde_json::from_str(
            r#"{"type":"track","event":"Order Completed","userId":"ada-77","anonymousId":"507f191e810c19729de860ea",
                "properties":{"email":"Ada.Lovelace@analytical.org","note":"call Ada before noon","coupon":"SPRING",
                "total":49.9,"customer_id":"ada-77","account_id":880077},
                "context":{"ip":"203.0.113.9","traits":{"firstName":"Ada","lastName":"Lovelace","phone":"+44 20 7946 0958"}}}"#,
        )
        .unwrap();
        let Redacted { event, replaced } = redact(event);
        let shown = event.to_string();
        for seeded in ["ada", "Lovelace", "507f191e", "203.0.113.9", "7946", "880077"] {
            assert!(!shown.to_lowercase().contains(&seeded.to_lowercase()), "{seeded} in {shown}");
        }
        assert_eq!(event["userId"], event["properties"]["customer_id"], "{shown}");
        assert_eq!(event["properties"]["coupon"], "SPRING");
        assert_eq!(event["properties"]["total"].to_string(), "49.9");
        assert_eq!(event["event"], "Order Completed");
        assert_eq!(event["properties"]["email"], "user_1@example.com");
        assert!(
            replaced
                .iter()
                .any(|one| one.path == "properties.note" && one.what == "text with a personal value")
        );
        assert_eq!(redact(event.clone()).event["properties"]["email"], event["properties"]["email"]);
    }
}
