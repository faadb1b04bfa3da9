//! From a body's bytes to its indexed JSON.
//!
//! One scan indexes a whole batch. Only when that fails for depth is the batch taken apart value by value, so that one
//! absurd call does not sink its neighbours: it is replaced by the little that can be said about it.

use super::code::{Code, Complaint};
use crate::engine::event::scan::{MAX_DEPTH, ScanError};
use crate::engine::event::{Json, Scanner};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The body's object and its array stand around each call of a batch.
const BATCH_DEPTH: usize = MAX_DEPTH + 2;

/// The body as text, without a byte-order mark.
pub(crate) fn text(body: &[u8]) -> Result<&str, Complaint> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| {
        let message = format!("expected JSON in UTF-8, found another byte at offset {}", error.valid_up_to());
        Complaint::new(Code::InvalidJson, message)
    })?;
    if text.trim().is_empty() {
        return Err(Complaint::new(Code::InvalidJson, "expected a JSON object, found an empty body"));
    }
    Ok(text)
}

/// Indexes the body of a single call.
pub(crate) fn scan_call<'a>(text: &'a str, scanner: &'a mut Scanner) -> Result<Json<'a>, Complaint> {
    scanner.scan_within(text, MAX_DEPTH).map_err(|error| match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => too_deep(),
        Err(_) => not_json(text, error),
    })
}

/// Complains of an array that is no JSON, with the place where the sender wrote it.
pub(crate) fn check_array(text: &str) -> Result<(), Complaint> {
    match Scanner::default().scan_within(text, BATCH_DEPTH) {
        Err(error) if serde_json::from_str::<&RawValue>(text).is_err() => Err(not_json(text, error)),
        _ => Ok(()),
    }
}

/// Memory for indexing one batch.
#[derive(Debug, Default)]
pub(crate) struct BatchIndex {
    whole: Scanner,
    flat: String,
    flat_index: Scanner,
    deep: Vec<usize>,
}

/// Indexes a batch, and says which of its calls were too deep, ascending: what the index has of those is only a part.
pub(crate) fn scan_batch<'a>(
    text: &'a str,
    memory: &'a mut BatchIndex,
) -> Result<(Json<'a>, &'a [usize]), Complaint> {
    let error = match memory.whole.scan_within(text, BATCH_DEPTH) {
        Ok(json) => return Ok((json, &[])),
        Err(error) => error,
    };
    (memory.flat, memory.deep) = flatten(text).ok_or_else(|| not_json(text, error))?;
    let json = memory.flat_index.scan_within(&memory.flat, BATCH_DEPTH).map_err(|_| too_deep())?;
    Ok((json, &memory.deep))
}

/// The complaint about a call that nests too deep.
pub(crate) fn too_deep() -> Complaint {
    let message = format!("expected objects and arrays to nest at most {MAX_DEPTH} deep, found more");
    Complaint::new(Code::TooDeep, message)
}

/// How deep a value nests: 0 for one that is neither object nor array.
pub(crate) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut inside_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside_text,
            b'"' => inside_text = !inside_text,
            _ if inside_text => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn not_json(text: &str, error: ScanError) -> Complaint {
    Complaint::new(Code::InvalidJson, error.render(text))
}

/// Writes a batch anew with each call that is too deep replaced by its type and id, and says which were.
/// None when it is not JSON at all.
#[cold]
fn flatten(text: &str) -> Option<(String, Vec<usize>)> {
    let mut flat = String::from("{");
    let mut deep = Vec::new();
    for (key, value) in serde_json::from_str::<Members<'_>>(text).ok()?.0 {
        if flat.len() > 1 {
            flat.push(',');
        }
        flat.push_str(&serde_json::to_string(&key).ok()?);
        flat.push(':');
        match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            Ok(calls) if key == "batch" => {
                deep.clear();
                flat.push('[');
                for (index, call) in calls.into_iter().enumerate() {
                    if index > 0 {
                        flat.push(',');
                    }
                    if depth(call.get()) > MAX_DEPTH {
                        deep.push(index);
                        push_remains(&mut flat, call.get());
                    } else {
                        flat.push_str(call.get());
                    }
                }
                flat.push(']');
            }
            _ => flat.push_str(value.get()),
        }
    }
    flat.push('}');
    Some((flat, deep))
}

/// Writes what is left of a call that is too deep to look into.
fn push_remains(flat: &mut String, call: &str) {
    let members = serde_json::from_str::<Members<'_>>(call).map(|members| members.0).unwrap_or_default();
    let scalar = |name: &str| {
        let value = members.iter().rev().find(|(key, _)| key == name)?.1.get();
        (!value.starts_with(['{', '['])).then(|| format!("\"{name}\":{value}"))
    };
    let remains: Vec<_> = ["messageId", "type"].into_iter().filter_map(scalar).collect();
    flat.push('{');
    flat.push_str(&remains.join(","));
    flat.push('}');
}

/// An object's members in order, values unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::At;

    /// A call whose objects nest `levels` deep.
    fn nested(levels: usize) -> String {
        let inner = levels - 1;
        format!(r#"{{"messageId":"m","type":"page","p":{}1{}}}"#, r#"{"k":"#.repeat(inner), "}".repeat(inner))
    }

    #[test]
    fn depth_counts_brackets_outside_text_only() {
        for (json, expected) in
            [("1", 0), ("[]", 1), (r#"{"a":[{}]}"#, 3), (r#"["\"[[[", "\\"]"#, 1), ("[[],[[]]]", 3)]
        {
            assert_eq!(depth(json), expected, "{json}");
        }
        assert_eq!(depth(&nested(64)), 64);
    }

    #[test]
    fn a_single_call_may_nest_64_deep_and_not_deeper() {
        assert!(scan_call(&nested(64), &mut Scanner::default()).is_ok());
        assert_eq!(scan_call(&nested(65), &mut Scanner::default()).unwrap_err().code, Code::TooDeep);
        assert_eq!(scan_call(&nested(50_000), &mut Scanner::default()).unwrap_err().code, Code::TooDeep);
        let broken = nested(65).replace('1', "tru");
        assert_eq!(scan_call(&broken, &mut Scanner::default()).unwrap_err().code, Code::InvalidJson);
    }

    #[test]
    fn a_call_that_is_too_deep_does_not_sink_its_batch() {
        let text = format!(r#"{{"batch":[{},{},7,{}],"sentAt":"s"}}"#, nested(64), nested(65), nested(9000));
        let mut memory = BatchIndex::default();
        let (json, deep) = scan_batch(&text, &mut memory).unwrap();
        assert_eq!(deep, [1, 3]);
        let calls: Vec<_> =
            json.elements(json.get(At::ROOT, "batch").unwrap()).map(|call| json.raw(call)).collect();
        let remains = r#"{"messageId":"m","type":"page"}"#;
        assert_eq!(calls, [nested(64).as_str(), remains, "7", remains]);
        assert_eq!(json.raw(json.get(At::ROOT, "sentAt").unwrap()), r#""s""#);
    }

    #[test]
    fn what_is_too_deep_beside_the_calls_is_refused_whole() {
        let text = format!(r#"{{"batch":[],"context":{}}}"#, nested(70));
        assert_eq!(scan_batch(&text, &mut BatchIndex::default()).unwrap_err().code, Code::TooDeep);
    }

    #[test]
    fn broken_json_is_located() {
        let refused = scan_batch("{\"batch\": [\n  {} {} ]}", &mut BatchIndex::default()).unwrap_err();
        assert_eq!(refused.code, Code::InvalidJson);
        assert_eq!(refused.message, "invalid JSON at line 2, column 6: expected `,` or `]`");
        assert_eq!(text(b"{\"a\":\"\xFF\"}").unwrap_err().code, Code::InvalidJson);
        assert_eq!(text(b" \n").unwrap_err().code, Code::InvalidJson);
        assert_eq!(text(b"\xEF\xBB\xBF{}").unwrap(), "{}");
    }
}
