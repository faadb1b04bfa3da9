//! Keys by which a caller may ask for a thing again, after an answer that never came, without it being done twice.
//!
//! What was done for a key, and with which request, is kept by whoever does the thing.

use super::Digest;

/// A caller's own name for one request, as its hash: callers put anything into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Digest);

impl IdempotencyKey {
    /// The most characters a key may have.
    pub const MOST: usize = 255;

    /// Reads a key: 1 to [`Self::MOST`] visible ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let visible = (1..=Self::MOST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        visible.then(|| Self(Digest::of(text)))
    }

    /// The hash, by which it is kept.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}
