//! Limits of keys and values.

use serde_json::Value;

/// Length of a key: characters of an event property's (the events page, 2026-06), bytes of a profile's (the profiles page).
const KEY: usize = 120;

/// Bytes of a value (both pages).
const VALUE_BYTES: usize = 512;

/// Whether the key of an event property is within the limits.
pub(super) fn property_key_fits(key: &str) -> bool {
    !key.trim().is_empty() && key.chars().count() <= KEY
}

/// Whether the key of a profile's attribute is within the limits.
pub(super) fn attribute_key_fits(key: &str) -> bool {
    !key.trim().is_empty() && key.len() <= KEY
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
