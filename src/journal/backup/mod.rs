//! Backups: everything a data directory holds, as one stream that is recognised when it is cut, changed or foreign.
//!
//! A backup is logical: blocks, pages of ends and rows as they are stored, each with its own version and checksum, but
//! nothing of the database under them. Whatever hands such things out is a [`Source`]: a running journal, or a file.
//! Deliberately not sealed: settings are in it with their secrets, so whoever writes one keeps it to its owner.
//!
//! First thing to know: the place where the log ends is fixed when a source is made. What is accepted later is not in
//! the backup, and the ends and counts in it are those of that moment.

mod finding;
mod item;
mod reader;
mod writer;

pub use finding::{Finding, Findings};
pub use item::Item;
pub use reader::Reader;
pub use writer::Writer;

use super::{Counts, JournalError, Seq};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::io;

/// The version of the format that this code writes, and the only one so far.
pub const VERSION: u32 = 1;
/// What a backup begins with, before its version as four bytes, the lowest first.
const MAGIC: &[u8; 8] = b"TAPLINE\x1a";
/// Kind, length of the payload (4) and checksum (8) before each frame's payload.
const FRAME_HEAD: usize = 13;
/// Bytes of things that are packed into one frame, before compression.
const FRAME_USUAL: usize = 1 << 20;
/// No frame is larger than this, packed or unpacked, whatever it says: the largest block, and something around it.
const FRAME_MOST: usize = 320 << 20;

const HEAD: u8 = 1;
const ITEMS: u8 = 2;
const TRAILER: u8 = 3;

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the program that made it.
    pub program: String,
    /// When it was begun.
    pub made_at: Millis,
    /// The first place that was kept then.
    pub kept_from: Seq,
    /// The place after the last event in it.
    pub end: Seq,
    /// How many events stood where, of those before [`Self::end`].
    pub counts: Counts,
}

/// How many things there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Parts of the log.
    pub generations: u64,
    /// Blocks of events.
    pub blocks: u64,
    /// Pages of ends.
    pub pages: u64,
    /// Rows of the small tables, upload notes among them.
    pub rows: u64,
}

impl Totals {
    fn count(&mut self, item: &Item) {
        match item {
            Item::Standing(_) => {}
            Item::Generation(_) => self.generations += 1,
            Item::Block { .. } => self.blocks += 1,
            Item::Page { .. } => self.pages += 1,
            Item::Row { .. } => self.rows += 1,
        }
    }
}

/// Hands out everything a data directory holds: the standing first, then pages in order, rows, and the log in order.
pub trait Source: Send {
    /// What it is of.
    fn head(&self) -> &Head;

    /// The next thing; none after the last, once everything was found to be whole.
    fn next(&mut self) -> Result<Option<Item>, BackupError>;
}

/// Why a backup can not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal is of a kind that keeps nothing.
    #[error("this journal is in memory, and there is nothing to back up")]
    NothingKept,
    /// One backup at a time.
    #[error("another backup is being made; wait until it is done")]
    Running,
    /// It does not begin as backups do.
    #[error("this is no backup: expected it to begin with `TAPLINE`, found something else")]
    Foreign,
    /// Another format.
    #[error(
        "the backup has format version `{found}`, this program reads `{VERSION}`; use the version that wrote it"
    )]
    Version {
        /// Which.
        found: u32,
    },
    /// It ends too early.
    #[error("the backup is cut off after {at} bytes; take another one")]
    Cut {
        /// Bytes that were there.
        at: u64,
    },
    /// It is not as it was written.
    #[error("the backup is damaged at byte {at}: {what}; take another one")]
    Damaged {
        /// Where, from its beginning.
        at: u64,
        /// What was found.
        what: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}
