//! Values on their way into a record: copied as received where they fit, cut where they are too long.

use super::event::text::{self, Unit, push_escaped, push_unit};
use super::event::{At, Json, Kind};

/// Appends a value as received; text of more bytes than `most` is cut. Says whether it was.
#[inline]
pub fn push_scalar(out: &mut Vec<u8>, json: Json<'_>, at: At, most: usize) -> bool {
    let node = json.node(at);
    let long = (node.end - node.start) as usize > most;
    if long && node.kind == Kind::String {
        return push_long(out, json, at, most);
    }
    out.extend_from_slice(json.raw(at).as_bytes());
    false
}

/// Text that may be over the limit; its escapes count as what they stand for.
#[cold]
fn push_long(out: &mut Vec<u8>, json: Json<'_>, at: At, most: usize) -> bool {
    let content = json.content(at);
    let length = |unit| match unit {
        Unit::Char(c) => c.len_utf8(),
        Unit::Half(_) => char::REPLACEMENT_CHARACTER.len_utf8(),
    };
    let mut total = 0;
    let fits = text::units(content).all(|unit| {
        total += length(unit);
        total <= most
    });
    if fits {
        out.extend_from_slice(json.raw(at).as_bytes());
        return false;
    }
    out.push(b'"');
    let mut left = most;
    for unit in text::units(content) {
        let Some(rest) = left.checked_sub(length(unit)) else { break };
        left = rest;
        push_unit(out, unit);
    }
    out.push(b'"');
    true
}

/// Appends plain text as a JSON string, cut at `most` bytes. Says whether it was.
pub fn push_text(out: &mut Vec<u8>, plain: &str, most: usize) -> bool {
    let cut = text::cut_bytes(plain, most);
    out.push(b'"');
    push_escaped(out, cut);
    out.push(b'"');
    cut.len() < plain.len()
}

/// Appends a value's compact JSON, as `JSON.stringify` writes it: no blanks, characters unescaped, numbers verbatim.
pub fn push_compact(out: &mut Vec<u8>, json: Json<'_>, at: At) {
    match json.kind(at) {
        Kind::Object => {
            out.push(b'{');
            for (i, (key, value)) in json.members(at).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                push_compact(out, json, key);
                out.push(b':');
                push_compact(out, json, value);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for (i, value) in json.elements(at).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                push_compact(out, json, value);
            }
            out.push(b']');
        }
        Kind::String | Kind::Key => {
            out.push(b'"');
            text::units(json.content(at)).for_each(|unit| push_unit(out, unit));
            out.push(b'"');
        }
        Kind::Number | Kind::True | Kind::False | Kind::Null => {
            out.extend_from_slice(json.raw(at).as_bytes())
        }
    }
}

/// Appends an array's compact JSON without the nulls among its elements.
pub fn push_dense(out: &mut Vec<u8>, json: Json<'_>, at: At) {
    out.push(b'[');
    let elements = json.elements(at).filter(|element| json.kind(*element) != Kind::Null);
    for (i, element) in elements.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_compact(out, json, element);
    }
    out.push(b']');
}

/// Appends compact JSON without nulls and without objects and arrays that are empty or become so. Says whether anything
/// is left; where not, nothing is appended.
pub fn push_pruned(out: &mut Vec<u8>, json: Json<'_>, at: At) -> bool {
    let (start, open, close) = (out.len(), out.len() + 1, json.kind(at));
    match close {
        Kind::Null => return false,
        Kind::Object => {
            out.push(b'{');
            for (key, value) in json.members(at) {
                let before = out.len();
                push_compact(out, json, key);
                out.push(b':');
                match push_pruned(out, json, value) {
                    true => out.push(b','),
                    false => out.truncate(before),
                }
            }
        }
        Kind::Array => {
            out.push(b'[');
            for value in json.elements(at) {
                if push_pruned(out, json, value) {
                    out.push(b',');
                }
            }
        }
        _ => {
            push_compact(out, json, at);
            return true;
        }
    }
    let empty = out.len() == open;
    match out.last_mut() {
        Some(last) if !empty => *last = if close == Kind::Object { b'}' } else { b']' },
        _ => out.truncate(start),
    }
    !empty
}

/// Appends a value's compact JSON as text, cut at `most` bytes. Says whether it was.
pub fn push_stringified(out: &mut Vec<u8>, json: Json<'_>, at: At, most: usize) -> bool {
    let mut compact = Vec::new();
    push_compact(&mut compact, json, at);
    push_text(out, &String::from_utf8_lossy(&compact), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;
    use crate::engine::record::limit::VALUE_BYTES;

    fn written(text: &str, write: impl Fn(&mut Vec<u8>, Json<'_>) -> bool) -> (String, bool) {
        let mut scanner = Scanner::default();
        let mut out = Vec::new();
        let cut = write(&mut out, scanner.scan(text).unwrap());
        (String::from_utf8(out).unwrap(), cut)
    }

    #[test]
    fn text_is_cut_at_512_bytes_of_what_it_says_not_of_how_it_is_escaped() {
        let scalar = |out: &mut Vec<u8>, json: Json<'_>| push_scalar(out, json, At::ROOT, VALUE_BYTES);
        let fits = format!("\"{}\"", "\\u00e9".repeat(256));
        assert_eq!(written(&fits, scalar), (fits.clone(), false));
        let over = format!("\"{}\"", "\\u00e9".repeat(257));
        assert_eq!(written(&over, scalar), (format!("\"{}\"", "é".repeat(256)), true));
        let odd = format!("\"a{}\"", "é".repeat(256));
        assert_eq!(written(&odd, scalar), (format!("\"a{}\"", "é".repeat(255)), true));
        let number = "1".repeat(600);
        assert_eq!(written(&number, scalar), (number.clone(), false));
    }

    #[test]
    fn compact_json_is_what_json_stringify_writes() {
        let compact = |out: &mut Vec<u8>, json: Json<'_>| {
            push_compact(out, json, At::ROOT);
            false
        };
        let text =
            r#" { "a" : [ 1.50 , "\u00e9\/\n\u0001\ud800" , null , { } ] , "b" : 12345678901234567890 } "#;
        let expected = r#"{"a":[1.50,"é/\n\u0001\ud800",null,{}],"b":12345678901234567890}"#;
        assert_eq!(written(text, compact).0, expected);
        let stringified =
            |out: &mut Vec<u8>, json: Json<'_>| push_stringified(out, json, At::ROOT, VALUE_BYTES);
        assert_eq!(written(r#"["a\"b"]"#, stringified).0, r#""[\"a\\\"b\"]""#);
    }
}
