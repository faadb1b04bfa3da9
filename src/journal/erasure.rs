//! Erasing a person: what is asked of a journal, and what it says of it.
//!
//! Two steps, because they cost differently. Taking events away from every reader is a small write and is done at once;
//! removing their bytes means writing the part of the log that holds them anew, which several erasures share.
//! Deliberately no persons here: which events are whose is known to whoever reads them.

use super::Seq;

/// One event to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Which.
    pub at: Seq,
    /// What stands in place of its body: JSON without personal data, or nothing. 16 KiB at most.
    pub remains: Vec<u8>,
}

impl Erasure {
    /// Bytes that may remain of an event.
    pub const REMAINS_MOST: usize = 16 << 10;

    /// An event of which nothing remains but when it came and how it ended.
    pub fn whole(at: Seq) -> Self {
        Self { at, remains: Vec::new() }
    }
}

/// What a purge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Parts of the log that were written anew.
    pub generations: u64,
    /// Events whose bytes are gone from the disk since.
    pub events: u64,
}
