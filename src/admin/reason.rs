//! What a reason code means and what to do about it, for the codes that come from elsewhere.
//!
//! Reasons that the rules give carry their own sentence; these are CleverTap's. Source of the meanings:
//! <https://developer.clevertap.com/docs/api-errors>, read 2026-11.

/// A code, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy {
    /// What happened, in a sentence.
    pub meaning: &'static str,
    /// What to do, in a sentence.
    pub remedy: &'static str,
}

/// Looks a code up.
pub fn remedy(_code: &str) -> Option<Remedy> {
    None
}
