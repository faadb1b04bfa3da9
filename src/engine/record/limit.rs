//! CleverTap's limits on records. What is over a limit is cut or dropped here, with a warning, before CleverTap refuses it.
//!
//! Sources: <https://developer.clevertap.com/docs/upload-events-api> and
//! <https://developer.clevertap.com/docs/upload-user-profiles-api>, read 2026-06; the limit on event names is that of
//! CleverTap's own SDKs.

use super::RecordKind;

/// Longest event name, in characters.
pub const EVENT_NAME_CHARS: usize = 512;

/// Longest value of an event property or profile field, in bytes of UTF-8.
pub const VALUE_BYTES: usize = 512;

/// Most custom fields of one profile record.
pub const PROFILE_FIELDS: usize = 256;

/// Properties an event may have unless CleverTap has raised the account's limit. Copies of the page before 2026-06 say 256.
pub const EVENT_PROPERTIES: usize = 100;

/// Most items of a `Charged` event.
pub const ITEMS: usize = 256;

/// Longest objectId, in characters.
pub const OBJECT_ID_CHARS: usize = 64;

const KEY: usize = 120;

/// The part of a key that CleverTap takes: 120 characters of an event property's, 120 bytes of a profile field's; all of a call's, because
/// the SDK cuts it then.
pub fn cut_key(kind: RecordKind, key: &str) -> &str {
    match kind {
        RecordKind::Event => crate::engine::event::text::cut_chars(key, KEY),
        RecordKind::Profile | RecordKind::Token => crate::engine::event::text::cut_bytes(key, KEY),
        RecordKind::Call => key,
    }
}
