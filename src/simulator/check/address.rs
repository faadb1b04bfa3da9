//! Whom a record is for.

use super::Refusal;
use serde_json::{Map, Value};

/// As recorded from the real API in 2017: `identity` and its like are "necessary under 120 chars".
const IDENTITY_CHARS: usize = 120;

/// Characters CleverTap's SDKs take in a CleverTap ID besides letters and digits (Android's set, the wider one).
const OBJECT_ID_MARKS: &str = "=|<>;+.()!:$@_-";

/// An objectId has 1 to 64 characters (the SDKs' check).
const OBJECT_ID_CHARS: usize = 64;

/// Exactly one of the four ways to address a user, and not blank.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let given: Vec<(&str, &Value)> = ["identity", "objectId", "FBID", "GPID"]
        .into_iter()
        .filter_map(|name| Some((name, fields.get(name)?)))
        .collect();
    let &[(name, value)] = given.as_slice() else { return Err(missing()) };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(missing()),
    };
    if text.trim().is_empty() || text.chars().count() > IDENTITY_CHARS {
        return Err(missing());
    }
    if name == "objectId" && !is_object_id(&text) {
        return Err(Refusal::new(526, "objectId is invalid. "));
    }
    Ok(())
}

fn missing() -> Refusal {
    let words =
        "'identity' or 'fbId' or 'gpId' or 'objectId' is necessary under 120 chars to identify the user. ";
    Refusal::new(523, words)
}

/// Whether this can be a CleverTap ID.
pub(super) fn is_object_id(text: &str) -> bool {
    let taken = |c: char| c.is_ascii_alphanumeric() || OBJECT_ID_MARKS.contains(c);
    (1..=OBJECT_ID_CHARS).contains(&text.chars().count()) && text.chars().all(taken)
}
