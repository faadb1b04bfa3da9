//! Push tokens. Only an objectId can address them.

use super::Refusal;
use super::address::is_object_id;
use serde_json::{Map, Value};

/// The kinds of token there are (<https://support.clevertap.com/import-device-token-api.html>).
const KINDS: [&str; 6] = ["apns", "gcm", "fcm", "wns", "mpns", "chrome"];

/// Checks a token record.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let object_id = fields.get("objectId").and_then(Value::as_str).unwrap_or_default();
    let other = ["identity", "FBID", "GPID"].iter().any(|name| fields.contains_key(*name));
    if other || !is_object_id(object_id) {
        return Err(Refusal::new(530, "Token data is incorrect. Invalid objectId. "));
    }
    let Some(Value::Object(data)) = fields.get("tokenData") else {
        return Err(Refusal::new(531, "Token data is incorrect. Invalid token data. "));
    };
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, kind) = (text("id"), text("type"));
    if id.is_empty() {
        return Err(Refusal::new(532, "Token data is incorrect. Token id is not present. "));
    }
    if kind.is_empty() {
        return Err(Refusal::new(533, "Token data is incorrect. Token type is not present. "));
    }
    if !KINDS.contains(&kind) || !suits(kind, object_id) {
        return Err(Refusal::new(534, "Token data is incorrect. Token type is not valid for objectId. "));
    }
    let key = |name: &str| data.get("keys").and_then(|keys| keys.get(name)).is_some_and(Value::is_string);
    if kind == "chrome" && !(key("p256dh") && key("auth")) {
        return Err(Refusal::new(535, "Token data is incorrect. Invalid token data. "));
    }
    Ok(())
}

/// A CleverTap ID made by an SDK begins with its platform: `__` Android, `-` iOS, `~` Windows. Others suit any kind.
fn suits(kind: &str, object_id: &str) -> bool {
    match object_id {
        id if id.starts_with("__") => matches!(kind, "fcm" | "gcm"),
        id if id.starts_with('-') => kind == "apns",
        id if id.starts_with('~') => matches!(kind, "wns" | "mpns"),
        _ => true,
    }
}
