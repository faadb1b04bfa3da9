//! CleverTap's standard profile fields and the form each takes.
//!
//! Source: <https://developer.clevertap.com/docs/upload-user-profiles-api>, read 2026-11; the codes are those of
//! <https://developer.clevertap.com/docs/api-errors>.

use super::Format;

/// A field that CleverTap knows and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardField {
    /// The key, exactly as CleverTap spells it.
    pub key: &'static str,
    /// The form it takes; rules apply it unless they say otherwise.
    pub format: Format,
    /// The code with which CleverTap refuses the whole profile over a bad value, where it does.
    pub code: Option<u16>,
}

impl StandardField {
    /// Every field the packs map.
    pub const ALL: [Self; 6] = [
        Self { key: "Name", format: Format::Text, code: None },
        Self { key: "Email", format: Format::Email, code: Some(515) },
        Self { key: "Phone", format: Format::Phone, code: Some(516) },
        Self { key: "Gender", format: Format::Gender, code: Some(514) },
        Self { key: "DOB", format: Format::Date, code: None },
        Self { key: "Photo", format: Format::Text, code: None },
    ];

    /// Every key of a profile that means something to CleverTap, those that the packs do not map too.
    pub const KEYS: [&str; 16] = [
        "Name",
        "Email",
        "Phone",
        "Gender",
        "DOB",
        "Photo",
        "Age",
        "Employed",
        "Married",
        "Education",
        "Customer Type",
        "MSG-email",
        "MSG-sms",
        "MSG-push",
        "MSG-push-all",
        "MSG-whatsapp",
    ];

    /// The field with this key.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key == key)
    }
}
