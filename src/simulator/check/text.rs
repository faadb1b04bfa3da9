//! Limits of keys and values.

use serde_json::Value;

/// Characters of an event property's key (the events page, 2026-06) and bytes of a profile key (the profiles page).
/// Bytes are the stricter reading for both.
pub(super) const KEY_BYTES: usize = 120;

/// Bytes of a value (both pages).
pub(super) const VALUE_BYTES: usize = 512;

/// Whether a key is within the limits.
pub(super) fn key_fits(key: &str) -> bool {
    !key.trim().is_empty() && key.len() <= KEY_BYTES
}

/// Whether a value is text within the limits, a number, a boolean or null.
pub(super) fn scalar_fits(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= VALUE_BYTES,
        Value::Number(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// Strings of a multi-value property: ≤100, each within the limits (CleverTap's platform page).
pub(super) fn list_fits(value: &Value) -> bool {
    const ITEMS: usize = 100;
    value.as_array().is_some_and(|list| {
        list.len() <= ITEMS && list.iter().all(|item| item.is_string() && scalar_fits(item))
    })
}
