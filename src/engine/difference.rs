//! Where two JSON values differ, path by path: the one comparison behind `tapline test` and `tapline diff`.
//!
//! Works on indexed text, so that a number is what was written and not what a float makes of it.
//! Deliberately no opinion on what a difference means: whoever calls gets both sides and words them.

use super::event::{At, Json, Kind};

/// How two values are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Whether the second may hold more than the first: members of objects, elements of lists.
    pub subset: bool,
    /// Whether `1.50` and `1.5` are the same. Else a number is the digits it is written with.
    pub numbers_by_value: bool,
}

/// A value in an indexed text.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The text.
    pub json: Json<'a>,
    /// The place in it.
    pub at: At,
}

impl<'a> Side<'a> {
    /// The whole of a text.
    pub fn whole(json: Json<'a>) -> Self {
        Self { json, at: At::ROOT }
    }

    /// The value as JSON, as it is written.
    pub fn raw(self) -> &'a str {
        self.json.raw(self.at)
    }

    /// What kind of value it is.
    pub fn kind(self) -> Kind {
        self.json.kind(self.at)
    }

    /// A member of an object.
    pub fn get(self, key: &str) -> Option<Self> {
        self.json.get(self.at, key).map(|at| Self { at, ..self })
    }
}

/// Tells `found` of every place where `before` and `after` differ: its path, and what stands there on either side.
/// At least one of the two is something.
pub fn walk<'a>(
    comparison: Comparison,
    path: &str,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
    found: &mut dyn FnMut(String, Option<Side<'a>>, Option<Side<'a>>),
) {
    let (Some(left), Some(right)) = (before, after) else {
        if before.is_some() || after.is_some() {
            found(path.to_owned(), before, after);
        }
        return;
    };
    match (left.kind(), right.kind()) {
        (Kind::Object, Kind::Object) => {
            for (key, at) in left.json.members(left.at) {
                let key = left.json.decoded(key);
                let side = Side { at, ..left };
                walk(comparison, &member(path, &key), Some(side), right.get(&key), found);
            }
            for (key, at) in right.json.members(right.at).filter(|_| !comparison.subset) {
                let key = right.json.decoded(key);
                if left.get(&key).is_none() {
                    found(member(path, &key), None, Some(Side { at, ..right }));
                }
            }
        }
        (Kind::Array, Kind::Array) => {
            let mut rights = right.json.elements(right.at).map(|at| Side { at, ..right });
            let mut index = 0;
            for at in left.json.elements(left.at) {
                let side = Side { at, ..left };
                walk(comparison, &format!("{path}[{index}]"), Some(side), rights.next(), found);
                index += 1;
            }
            for (more, side) in rights.filter(|_| !comparison.subset).enumerate() {
                found(format!("{path}[{}]", index + more), None, Some(side));
            }
        }
        _ if is_same_scalar(comparison, left, right) => {}
        _ => found(path.to_owned(), before, after),
    }
}

fn is_same_scalar(comparison: Comparison, left: Side<'_>, right: Side<'_>) -> bool {
    let (kind, other) = (left.kind(), right.kind());
    if kind != other {
        return false;
    }
    match kind {
        Kind::String => left.json.decoded(left.at) == right.json.decoded(right.at),
        Kind::Number => {
            let parse = |side: Side<'_>| side.raw().parse::<serde_json::Number>().ok();
            let by_value = || parse(left).is_some_and(|number| parse(right) == Some(number));
            left.raw() == right.raw() || comparison.numbers_by_value && by_value()
        }
        _ => left.raw() == right.raw(),
    }
}

/// The path of a member, quoted where its key is no plain word.
pub fn member(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let dot = if path.is_empty() { "" } else { "." };
    if plain { format!("{path}{dot}{key}") } else { format!("{path}{dot}{}", serde_json::Value::from(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;

    fn differences(comparison: Comparison, before: &str, after: &str) -> Vec<String> {
        let (mut one, mut other) = (Scanner::default(), Scanner::default());
        let (before, after) = (one.scan(before).unwrap(), other.scan(after).unwrap());
        let mut lines = Vec::new();
        let say = |side: Option<Side<'_>>| side.map_or("nothing".to_owned(), |side| side.raw().to_owned());
        walk(
            comparison,
            "r",
            Some(Side::whole(before)),
            Some(Side::whole(after)),
            &mut |path, before, after| lines.push(format!("{path}: {} {}", say(before), say(after))),
        );
        lines
    }

    #[test]
    fn each_difference_is_named_by_its_path() {
        for (before, after, exact, subset) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, vec![], vec![]),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, vec![r#"r.a: 1 "1""#], vec![r#"r.a: 1 "1""#]),
            (r#"{"a":1}"#, "{}", vec!["r.a: 1 nothing"], vec!["r.a: 1 nothing"]),
            ("{}", r#"{"a b":1}"#, vec![r#"r."a b": nothing 1"#], vec![]),
            (r#"{"a":[1]}"#, r#"{"a":[2,3]}"#, vec!["r.a[0]: 1 2", "r.a[1]: nothing 3"], vec!["r.a[0]: 1 2"]),
            ("[]", "{}", vec!["r: [] {}"], vec!["r: [] {}"]),
            (r#"{"é":"\u00e9"}"#, r#"{"\u00e9":"é"}"#, vec![], vec![]),
            ("[true,null]", "[true,null]", vec![], vec![]),
        ] {
            assert_eq!(differences(Comparison::default(), before, after), exact, "{before} {after}");
            let comparison = Comparison { subset: true, ..Comparison::default() };
            assert_eq!(differences(comparison, before, after), subset, "{before} {after}");
        }
    }

    #[test]
    fn numbers_are_what_is_written_unless_their_value_is_asked_for() {
        for (before, after, by_value) in [
            ("1.50", "1.5", true),
            ("12345678901234567890123", "12345678901234567890124", true),
            ("1", "2", false),
            ("1", "1.0", false),
        ] {
            assert_eq!(differences(Comparison::default(), before, after).len(), 1, "{before} {after}");
            let comparison = Comparison { numbers_by_value: true, ..Comparison::default() };
            assert_eq!(differences(comparison, before, after).is_empty(), by_value, "{before} {after}");
        }
    }
}
