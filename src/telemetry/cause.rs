//! What failed, in the program's own words.

use std::error::Error;
use std::fmt;

/// Why something failed. Made from an error, or from words that this program put together; a plain text that came from
/// outside does not turn into one by itself.
#[derive(Clone, Copy)]
pub struct Cause<'a>(&'a dyn fmt::Display);

impl<'a> Cause<'a> {
    /// The words of an error.
    pub fn of(error: &'a impl Error) -> Self {
        Self(error)
    }

    /// Words that the program itself put together for an operator. Whoever calls this answers for it that they quote no
    /// event, no record and no secret.
    pub fn told(words: &'a impl fmt::Display) -> Self {
        Self(words)
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}
