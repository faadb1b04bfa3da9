//! The thread that makes indices: of the newest events as they come, of full generations, and of old ones that have none.
//!
//! It reads what was committed and nothing waits for it; what it can not read it leaves to be looked through, and says so.
//!
//! First thing to know: the newest events come first, and old generations get a block at a time between them.

use super::Parts;
use super::index::{Part, Reading, Rows, TermFile};
use crate::journal::{Block, JournalError, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::{EndsNotIndexed, IndexDamaged, IndexNotMade};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// What the thread is at.
pub(super) struct Indexer {
    parts: Arc<Parts>,
    /// The generation that is written to, as far as it is read.
    newest: Making,
    /// Old generations without an index.
    missing: BTreeSet<u64>,
    /// One of them that is being read.
    old: Option<Making>,
}

/// An index that is being made.
struct Making {
    first: Seq,
    rows: Arc<RwLock<Rows>>,
}

impl Making {
    fn new(first: Seq) -> Self {
        Self { first, rows: Arc::new(RwLock::new(Rows::new(first))) }
    }

    fn end(&self) -> Seq {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).end()
    }

    fn add(&self, block: &Block) {
        let reading = Reading::of(block, self.end());
        self.rows.write().unwrap_or_else(PoisonError::into_inner).add(reading);
    }
}

impl Indexer {
    /// The work of the thread, until the journal is closed.
    pub(super) fn run(parts: Arc<Parts>) {
        let newest = parts.chain.newest().map_or(Seq(0), |newest| newest.first());
        let mut indexer = Self { parts, newest: Making::new(newest), missing: BTreeSet::new(), old: None };
        indexer.begin();
        let index = indexer.parts.index.clone();
        while !index.is_closed() {
            let went_on = indexer.follow();
            indexer.missing.extend(index.take_wanted());
            let caught_up = indexer.catch_up();
            if !went_on && !caught_up && !index.wait() {
                break;
            }
        }
    }

    // Takes up what the last run left. Until then everything is looked through.
    fn begin(&mut self) {
        let parts = self.parts.clone();
        for (slot, end) in parts.chain.spans() {
            let Some(end) = end else { continue };
            match TermFile::load(&parts.chain.directory_of(slot.first), slot.first, end) {
                Ok(Some(file)) => parts.index.put(slot.first, Part::File(file.into())),
                Ok(None) => drop(self.missing.insert(slot.first.0)),
                Err(error) => {
                    IndexDamaged { generation: slot.first.0, error: Cause::of(&error) }.tell();
                    self.missing.insert(slot.first.0);
                }
            }
        }
        parts.index.put(self.newest.first, Part::Rows(self.newest.rows.clone()));
        let index = parts.index.clone();
        if let Err(error) = parts.main.load_digests(|| !index.is_closed()) {
            EndsNotIndexed { error: Cause::of(&error) }.tell();
        }
    }

    // Reads the next block of the newest generation; says whether there was one.
    fn follow(&mut self) -> bool {
        let at = self.newest.end();
        if at >= self.parts.end() {
            return false;
        }
        let Some((slot, _)) = self.parts.chain.slot_at(at) else { return false };
        if slot.first > self.newest.first {
            let full = std::mem::replace(&mut self.newest, Making::new(slot.first));
            self.parts.index.put(slot.first, Part::Rows(self.newest.rows.clone()));
            self.finish(&full, slot.first);
            return true;
        }
        match self.block_at(at) {
            Ok(Some(block)) => self.newest.add(&block),
            Ok(None) => return false,
            Err(error) => {
                IndexNotMade { generation: self.newest.first.0, error: Cause::of(&error) }.tell();
                return false;
            }
        }
        true
    }

    // Reads the next block of an old generation without an index; says whether there was one.
    fn catch_up(&mut self) -> bool {
        let making = match self.old.take() {
            Some(making) => making,
            None => match self.missing.pop_last() {
                Some(first) => Making::new(Seq(first)),
                None => return false,
            },
        };
        let at = making.end();
        let until = self.parts.chain.slot_at(making.first).filter(|(slot, _)| slot.first == making.first);
        let Some((_, Some(until))) = until else { return true };
        if at >= until {
            self.finish(&making, until);
            return true;
        }
        match self.block_at(at) {
            Ok(Some(block)) => {
                making.add(&block);
                self.old = Some(making);
            }
            // It was dropped meanwhile.
            Ok(None) => {}
            Err(error) => {
                IndexNotMade { generation: making.first.0, error: Cause::of(&error) }.tell();
            }
        }
        true
    }

    // Blocks that nobody else reads are not kept in memory.
    fn block_at(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        let block = match self.parts.cache.holding(at) {
            Some(block) => Some(block),
            None => self.parts.block_at(at)?.map(Arc::new),
        };
        Ok(block.filter(|block| block.get(at).is_some()))
    }

    fn finish(&self, making: &Making, end: Seq) {
        let Parts { chain, index, .. } = &*self.parts;
        let rows = making.rows.read().unwrap_or_else(PoisonError::into_inner);
        debug_assert_eq!(rows.end(), end);
        match TermFile::save(&chain.directory_of(making.first), &rows) {
            Ok(file) => {
                index.put(making.first, Part::File(file.into()));
                chain.measure_again(making.first);
            }
            Err(error) => {
                // Rows of full generations would fill the memory one after another.
                index.remove(making.first);
                IndexNotMade { generation: making.first.0, error: Cause::of(&error) }.tell();
            }
        }
        // It was dropped while its index was written.
        if making.first < chain.oldest() {
            index.forget_below(chain.oldest());
        }
    }
}
