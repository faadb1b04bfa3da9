//! Places in an event, as rules write them: `properties.total`, `properties.products[0].price`, `traits."a.b"`.
//!
//! Keys are compared exactly, case and all, unless a `~` stands before them: then letters and digits alone count, in any
//! case, and the first key that fits is meant. A key that holds a dot, a bracket, a quote or a blank is quoted, with `"`
//! doubled inside.

use super::{At, Call, Json, Member};
use std::fmt;
use std::sync::Arc;

/// A checked path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    text: Arc<str>,
    /// The first segment when it is one of the members every call has a fixed place for.
    member: Option<Member>,
    rest: Arc<[Segment]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Key(Box<str>),
    /// Folded by [`fold`].
    Loose(Box<str>),
    Index(u32),
}

impl Path {
    /// Reads a path. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = parse_segments(text)?;
        let member = match segments.first() {
            Some(Segment::Key(key)) => Member::parse(key),
            Some(Segment::Loose(_)) => None,
            _ => return Err(format!("expected a path like `properties.total`, found `{text}`")),
        };
        if member.is_some() {
            segments.remove(0);
        }
        Ok(Self { text: text.into(), member, rest: segments.into() })
    }

    /// The path of one of the members every call has.
    pub fn of(member: Member) -> Self {
        Self { text: member.name().into(), member: Some(member), rest: Arc::new([]) }
    }

    /// Where the path leads in a call; none when it leads nowhere. What stands there may still be null.
    #[inline]
    pub fn locate(&self, call: &Call<'_>) -> Option<At> {
        let start = match self.member {
            Some(member) => call.member(member)?,
            None => At::ROOT,
        };
        self.locate_from(call.json, start)
    }

    /// The same path for looking into any object, not only a call.
    #[must_use]
    pub fn anywhere(self) -> Self {
        let first = self.member.map(|member| Segment::Key(member.name().into()));
        let rest = first.into_iter().chain(self.rest.iter().cloned()).collect();
        Self { text: self.text, member: None, rest }
    }

    /// Where the path leads from a place on.
    #[inline]
    pub fn locate_from(&self, json: Json<'_>, start: At) -> Option<At> {
        let mut at = start;
        for segment in self.rest.iter() {
            at = match segment {
                Segment::Key(key) => json.get(at, key)?,
                Segment::Loose(key) => find_loosely(json, at, key)?,
                Segment::Index(index) => json.elements(at).nth(*index as usize)?,
            };
        }
        Some(at)
    }

    /// Where the path would lead in a call if only the letters and digits of keys counted: what was most likely meant
    /// where it leads nowhere.
    #[cold]
    pub fn locate_nearly(&self, call: &Call<'_>) -> Option<At> {
        let near = |at: At, key: &str| {
            let folded: String = fold(key).collect();
            call.json
                .get(at, key)
                .or_else(|| find_loosely(call.json, at, &folded).filter(|_| !folded.is_empty()))
        };
        let mut at = match self.member {
            Some(member) => near(At::ROOT, member.name())?,
            None => At::ROOT,
        };
        for segment in self.rest.iter() {
            at = match segment {
                Segment::Key(key) => near(at, key)?,
                Segment::Loose(key) => find_loosely(call.json, at, key)?,
                Segment::Index(index) => call.json.elements(at).nth(*index as usize)?,
            };
        }
        Some(at)
    }

    /// The keys it goes by, from the call on, as far as they are exact.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let exact = self.rest.iter().take_while(|segment| !matches!(segment, Segment::Loose(_)));
        let rest = exact.filter_map(|segment| match segment {
            Segment::Key(key) => Some(&**key),
            Segment::Loose(_) | Segment::Index(_) => None,
        });
        self.member.map(Member::name).into_iter().chain(rest)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first member whose key has the same letters and digits. Source: how `obj-case` 0.2 compares keys, read 2026-11.
#[cold]
fn find_loosely(json: Json<'_>, object: At, wanted: &str) -> Option<At> {
    json.members(object).find(|(key, _)| fold(&json.decoded(*key)).eq(wanted.chars())).map(|(_, value)| value)
}

/// The letters and digits of a key, in small letters; dots stay.
fn fold(key: &str) -> impl Iterator<Item = char> {
    let counts = |c: &char| c.is_ascii_alphanumeric() || *c == '.';
    key.chars().filter(counts).map(|c| c.to_ascii_lowercase())
}

/// Appends one key to a path, quoted where it must be.
pub fn push_segment(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let plain = !key.is_empty() && !key.contains(|c: char| ".[]\"".contains(c) || c.is_whitespace());
    if plain {
        path.push_str(key);
    } else {
        path.push('"');
        path.push_str(&key.replace('"', "\"\""));
        path.push('"');
    }
}

fn parse_segments(text: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (key, after) = parse_quoted(quoted)
                .ok_or_else(|| format!("expected a closing `\"` in the path `{text}`"))?;
            segments.push(Segment::Key(key.into()));
            rest = after;
        } else {
            let end = rest.find(['.', '[', '"']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() || key.contains(']') || key.contains(char::is_whitespace) {
                return Err(format!(
                    "expected a key in the path `{text}`; quote keys that hold blanks or dots: `a.\"b c\"`"
                ));
            }
            let loose = key.strip_prefix('~').map(|key| fold(key).collect::<String>());
            segments.push(match loose {
                Some(key) if key.is_empty() => {
                    return Err(format!("expected a key after `~` in the path `{text}`"));
                }
                Some(key) => Segment::Loose(key.into()),
                None => Segment::Key(key.into()),
            });
            rest = after;
        }
        while let Some(inside) = rest.strip_prefix('[') {
            let (digits, after) =
                inside.split_once(']').ok_or_else(|| format!("expected `]` in the path `{text}`"))?;
            let index = digits
                .parse()
                .map_err(|_| format!("expected a number from 0 between `[` and `]` in the path `{text}`"))?;
            segments.push(Segment::Index(index));
            rest = after;
        }
        if rest.is_empty() {
            return Ok(segments);
        }
        rest = rest
            .strip_prefix('.')
            .ok_or_else(|| format!("expected `.` or `[` after a key in the path `{text}`"))?;
    }
}

/// The key up to its closing quote, and what follows.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        key.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                key.push('"');
                rest = more;
            }
            None => return Some((key, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;

    #[test]
    fn paths_lead_to_members_elements_and_quoted_keys() {
        let text = r#"{"properties":{"a.b":{"c \"d":[1,{"e":2}]}},"other":{"x":3}}"#;
        let mut scanner = Scanner::default();
        let call = Call::new(scanner.scan(text).unwrap());
        for (path, found) in [
            (r#"properties."a.b"."c ""d"[1].e"#, Some("2")),
            (r#"properties."a.b"."c ""d"[0]"#, Some("1")),
            ("other.x", Some("3")),
            ("other.x.y", None),
            ("traits.name", None),
            ("properties[0]", None),
        ] {
            let at = Path::parse(path).unwrap().locate(&call);
            assert_eq!(at.map(|at| call.json.raw(at)), found, "{path}");
            if let Some(at) = at {
                assert_eq!(call.json.path_of(at), path);
            }
        }
    }

    #[test]
    fn a_bad_path_is_refused_with_words() {
        for bad in ["", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a b", "\"a", "[0]", "a]b", "a[0]b"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
