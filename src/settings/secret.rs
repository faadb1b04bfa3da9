//! Text that must not be shown.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A passcode, token or key. `Debug` and `Display` never show it; [`Secret::expose`] is the one way to read it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes trimmed text; none when nothing is left.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters, to recognise it by; none when it is so short that they would give it away.
    pub fn ending(&self) -> Option<&str> {
        let count = self.0.chars().count();
        if count < 12 {
            return None;
        }
        let start = self.0.char_indices().nth(count - 4).map(|(i, _)| i)?;
        self.0.get(start..)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
