//! One thing in a backup, and its bytes.
//!
//! Kind (1), number (8), length of the key (4), length of the value (4), then both. All numbers have their lowest byte
//! first. Values are as the data directory stores them and say their own version.

use crate::journal::Seq;

/// Bytes before key and value.
const FIXED: usize = 17;

const STANDING: u8 = 1;
const GENERATION: u8 = 2;
const BLOCK: u8 = 3;
const PAGE: u8 = 4;
const ROW: u8 = 5;

/// One thing of a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The counts, and how far everything has ended.
    Standing(Vec<u8>),
    /// Here a part of the log begins, which is dropped as a whole.
    Generation(Seq),
    /// Consecutive events.
    Block {
        /// The place of the first one.
        first: Seq,
        /// As stored.
        bytes: Vec<u8>,
    },
    /// What became of consecutive events.
    Page {
        /// Its number.
        number: u64,
        /// As stored.
        bytes: Vec<u8>,
    },
    /// Anything else: upload notes, settings, accounts, revisions of rules.
    Row {
        /// The stored name of its tree; empty for the one without a name.
        tree: String,
        /// Its key.
        key: Vec<u8>,
        /// As stored.
        value: Vec<u8>,
    },
}

impl Item {
    /// Adds the bytes to `out`.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        let (kind, number, name, key, value): (u8, u64, &[u8], &[u8], &[u8]) = match self {
            Self::Standing(bytes) => (STANDING, 0, &[], &[], bytes),
            Self::Generation(first) => (GENERATION, first.0, &[], &[], &[]),
            Self::Block { first, bytes } => (BLOCK, first.0, &[], &[], bytes),
            Self::Page { number, bytes } => (PAGE, *number, &[], &[], bytes),
            // The number tells where the name ends and the key begins.
            Self::Row { tree, key, value } => (ROW, tree.len() as u64, tree.as_bytes(), key, value),
        };
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        for length in [name.len() + key.len(), value.len()] {
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        for part in [name, key, value] {
            out.extend_from_slice(part);
        }
    }

    /// Takes one off the front of `bytes`; none when they hold no such thing.
    pub(super) fn parse(bytes: &mut &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_at_checked(FIXED)?;
        let (kind, fixed) = fixed.split_first()?;
        let (number, fixed) = fixed.split_first_chunk::<8>()?;
        let (key, value) = fixed.split_first_chunk::<4>()?;
        let number = u64::from_le_bytes(*number);
        let length = |bytes: [u8; 4]| usize::try_from(u32::from_le_bytes(bytes)).ok();
        let (key, rest) = rest.split_at_checked(length(*key)?)?;
        let (value, rest) = rest.split_at_checked(length(*value.first_chunk::<4>()?)?)?;
        *bytes = rest;
        let stored = value.to_vec();
        Some(match *kind {
            STANDING => Self::Standing(stored),
            GENERATION => Self::Generation(Seq(number)),
            BLOCK => Self::Block { first: Seq(number), bytes: stored },
            PAGE => Self::Page { number, bytes: stored },
            ROW => {
                let (tree, key) = key.split_at_checked(usize::try_from(number).ok()?)?;
                Self::Row { tree: String::from_utf8(tree.to_vec()).ok()?, key: key.to_vec(), value: stored }
            }
            _ => return None,
        })
    }
}
