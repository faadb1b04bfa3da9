//! Which events are erased while their bytes are still on the disk: what stands between them and every reader.
//!
//! The notes are in the main database and here in memory; [`super::purge`] writes the generations anew and lets go of
//! them. A note is some 40 bytes, and lives until the next purge.
//!
//! First thing to know: a block goes into the cache under the same lock under which notes come in, so that no reader who
//! was on the way keeps a block with what was erased meanwhile.

use super::cache::Cache;
use super::main_database::MainDatabase;
use crate::clock::Millis;
use crate::journal::{Block, Entry, Erasure, JournalError, Seq};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Since when an event is erased, and what remains of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Millis,
    pub(super) remains: Bytes,
}

/// The notes.
#[derive(Debug, Default)]
pub(super) struct Erasures(RwLock<BTreeMap<u64, Mark>>);

impl Erasures {
    /// The notes as the database holds them.
    pub(super) fn load(main: &MainDatabase) -> Result<Self, JournalError> {
        Ok(Self(RwLock::new(main.erased()?.into_iter().map(|(at, mark)| (at.0, mark)).collect())))
    }

    /// Notes erasures of events before `end` durably, and takes them from readers.
    pub(super) fn note(
        &self,
        main: &MainDatabase,
        cache: &Cache,
        erasures: Vec<Erasure>,
        end: Seq,
        now: Millis,
    ) -> Result<(), JournalError> {
        let mut marks = Vec::with_capacity(erasures.len());
        for Erasure { at, remains } in erasures.into_iter().filter(|erasure| erasure.at < end) {
            if remains.len() > Erasure::REMAINS_MOST {
                return Err(JournalError::Storage(format!(
                    "{} bytes were to remain of an erased event, the most is {}",
                    remains.len(),
                    Erasure::REMAINS_MOST
                )));
            }
            marks.push((at, Mark { at: now, remains: remains.into() }));
        }
        main.put_erased(&marks)?;
        let mut noted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        cache.forget(marks.iter().map(|(at, _)| *at));
        noted.extend(marks.into_iter().map(|(at, mark)| (at.0, mark)));
        Ok(())
    }

    /// A block as readers may see it; `keep` gets it before another erasure can come in.
    pub(super) fn apply(&self, mut block: Block, keep: impl FnOnce(&Arc<Block>)) -> Arc<Block> {
        let noted = self.read();
        cover(&mut block, &noted);
        let block = Arc::new(block);
        keep(&block);
        block
    }

    /// The notes of events from `from` on and before `until`.
    pub(super) fn within(&self, from: Seq, until: Seq) -> BTreeMap<u64, Mark> {
        self.read().range(from.0..until.0).map(|(at, mark)| (*at, mark.clone())).collect()
    }

    /// Whether some event from `from` on is noted.
    pub(super) fn reach(&self, from: Seq) -> bool {
        self.read().range(from.0..).next().is_some()
    }

    /// How many events are noted.
    pub(super) fn count(&self) -> u64 {
        self.read().len() as u64
    }

    /// Lets go of these notes: what they are about is not on the disk any more.
    pub(super) fn forget(&self, main: &MainDatabase, from: Seq, until: Seq) -> Result<(), JournalError> {
        main.forget_erased(from, until)?;
        let mut noted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|at, _| *at < from.0 || *at >= until.0);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Mark>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what remains in the place of every event of the block that is noted.
pub(super) fn cover(block: &mut Block, marks: &BTreeMap<u64, Mark>) {
    let (first, end) = (block.first.0, block.end().0);
    for (at, mark) in marks.range(first..end) {
        let index = usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
        // What is lost to damage holds nothing that could be erased.
        if let Some(entry) = block.entries.get_mut(index).filter(|entry| !entry.is_lost) {
            *entry = Entry::erased(entry.received_at, mark.at, mark.remains.clone());
        }
    }
}
