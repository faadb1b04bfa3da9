//! What a script's value is written as.

use super::node::JsonNode;
use crate::engine::event::text::push_escaped;
use rhai::{Array, Dynamic, ImmutableString, Map};
use std::sync::Arc;

/// A script's value, ready for a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// `()` or empty text, which is nothing.
    Nothing,
    /// Text, as it reads.
    Text(Arc<str>),
    /// Anything else, as compact JSON.
    Json(Arc<str>),
}

/// How deep arrays and maps may be nested.
const DEEPEST: usize = 32;

impl Written {
    /// What a value is written as.
    ///
    /// # Errors
    /// What of it JSON can not say, in words.
    pub fn of(value: &Dynamic) -> Result<Self, String> {
        if value.is_unit() {
            return Ok(Self::Nothing);
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return Ok(if text.is_empty() { Self::Nothing } else { Self::Text(text.as_str().into()) });
        }
        if let Some(c) = value.clone().try_cast::<char>() {
            return Ok(Self::Text(c.to_string().into()));
        }
        let mut out = Vec::new();
        push(&mut out, value, 0)?;
        Ok(Self::Json(String::from_utf8_lossy(&out).into()))
    }
}

/// Appends a value as compact JSON.
pub fn push(out: &mut Vec<u8>, value: &Dynamic, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("expected at most {DEEPEST} arrays and maps inside one another"));
    }
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(b'"');
        push_escaped(out, text);
        out.push(b'"');
    };
    if value.is_unit() {
        out.extend_from_slice(b"null");
    } else if let Ok(is) = value.as_bool() {
        out.extend_from_slice(if is { b"true" } else { b"false" });
    } else if let Ok(number) = value.as_int() {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    } else if let Ok(number) = value.as_float() {
        push_number(out, number)?;
    } else if let Ok(c) = value.as_char() {
        text(out, c.encode_utf8(&mut [0; 4]));
    } else if let Some(string) = value.read_lock::<ImmutableString>() {
        text(out, &string);
    } else if let Some(node) = value.read_lock::<JsonNode>() {
        node.push_compact(out);
    } else if let Some(array) = value.read_lock::<Array>() {
        out.push(b'[');
        for (i, inner) in array.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push(out, inner, depth + 1)?;
        }
        out.push(b']');
    } else if let Some(map) = value.read_lock::<Map>() {
        out.push(b'{');
        for (i, (key, inner)) in map.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            text(out, key);
            out.push(b':');
            push(out, inner, depth + 1)?;
        }
        out.push(b'}');
    } else {
        return Err(format!("expected a value that JSON has, found `{}`", value.type_name()));
    }
    Ok(())
}

/// A number as JSON writes it; one without a fraction as a whole number, as `JSON.stringify` does.
fn push_number(out: &mut Vec<u8>, number: f64) -> Result<(), String> {
    let json = serde_json::Number::from_f64(number);
    let Some(json) = json else { return Err(format!("expected a number that JSON has, found `{number}`")) };
    let text = json.to_string();
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(&text).as_bytes());
    Ok(())
}
