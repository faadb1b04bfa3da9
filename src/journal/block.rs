//! Blocks: what is written, read and settled at once.

use super::{Refusal, Seq};
use crate::clock::Millis;

/// Consecutive events of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The place of the first entry.
    pub first: Seq,
    /// The entries, in order; never empty.
    pub entries: Vec<Entry>,
}

impl Block {
    /// The place after the last entry.
    pub fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.entries.len() as u64))
    }

    /// The entries with their places.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Seq, &Entry)> {
        self.entries.iter().enumerate().map(|(i, entry)| (Seq(self.first.0.saturating_add(i as u64)), entry))
    }

    /// The entry at a place, if this block holds it.
    pub fn get(&self, at: Seq) -> Option<&Entry> {
        let index = at.0.checked_sub(self.first.0)?;
        self.entries.get(usize::try_from(index).ok()?)
    }
}

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was received.
    pub received_at: Millis,
    /// Why it failed on ingest, if it did.
    pub refusal: Option<Refusal>,
    /// Whether its stored bytes are damaged: nothing is known of it but that it was accepted. Then `body` is empty, and
    /// `received_at` is that of the last readable event before it.
    pub is_lost: bool,
    /// When it was erased at the person's request, if it was. Then `refusal` is gone, and `body` is what may remain: JSON
    /// without personal data, or nothing.
    pub erased_at: Option<Millis>,
    /// The event as JSON.
    pub body: bytes::Bytes,
}

impl Entry {
    /// What stands for an event whose stored bytes are damaged.
    pub fn lost(received_at: Millis) -> Self {
        Self { received_at, refusal: None, is_lost: true, erased_at: None, body: bytes::Bytes::new() }
    }

    /// What stands for an event of a person who is forgotten.
    pub fn erased(received_at: Millis, at: Millis, remains: bytes::Bytes) -> Self {
        Self { received_at, refusal: None, is_lost: false, erased_at: Some(at), body: remains }
    }
}
