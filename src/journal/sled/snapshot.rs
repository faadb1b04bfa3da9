//! The data directory as a source of backups, while it is written to.
//!
//! Blocks never change, and pages are had as they stood (see `page_copy.rs`), so nothing stops meanwhile but the
//! dropping of what is old. Rows are as they are when their turn comes.
//!
//! First thing to know: damaged events are left out, and the gap in the places tells of them, as in the log itself.

use super::Parts;
use super::main_database::Standing;
use super::page::{EVENTS, Page};
use crate::clock::Millis;
use crate::journal::backup::{BackupError, Head, Item, Source};
use crate::journal::{JournalError, Seq};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// What is left to be handed out.
pub(super) struct Snapshot {
    parts: Arc<Parts>,
    head: Head,
    standing: Standing,
    is_begun: bool,
    next_page: Option<u64>,
    rows: VecDeque<(String, sled::Iter)>,
    generations: VecDeque<Seq>,
    at: Seq,
}

impl Snapshot {
    /// Fixes what the backup is of.
    pub(super) fn begin(parts: Arc<Parts>, now: Millis) -> Result<Self, BackupError> {
        {
            // Whoever drops holds this, and sees afterwards that a backup is under way.
            let _nothing_is_dropped = parts.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
            if !parts.main.copies().begin() {
                return Err(BackupError::Running);
            }
        }
        // From here on the copies end with the snapshot, whatever happens.
        let mut snapshot = Self {
            head: Head {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                made_at: now,
                kept_from: parts.chain.oldest(),
                end: Seq(0),
                counts: Standing::default().counts(Seq(0)),
            },
            standing: Standing::default(),
            is_begun: false,
            next_page: Some(0),
            rows: VecDeque::new(),
            generations: VecDeque::new(),
            at: parts.chain.oldest(),
            parts,
        };
        snapshot.fix()?;
        Ok(snapshot)
    }

    fn fix(&mut self) -> Result<(), JournalError> {
        let (main, chain) = (&self.parts.main, &self.parts.chain);
        let (standing, end) = main.fixed(|| self.parts.end());
        self.standing = Standing { log_until: end.0, ..standing };
        self.head.end = end;
        self.head.counts = standing.counts(end);
        self.rows = main.rows()?.into();
        let firsts = chain.spans().into_iter().map(|(slot, _)| slot.first);
        self.generations = firsts.filter(|first| *first < end || *first == self.head.kept_from).collect();
        Ok(())
    }

    fn page(&mut self) -> Result<Option<Item>, JournalError> {
        while let Some(from) = self.next_page {
            let found = self.parts.main.next_page(from)?.filter(|number| number * EVENTS < self.head.end.0);
            self.next_page = found.map(|number| number + 1);
            let Some(number) = found else { break };
            let bytes = self.parts.main.page_bytes(number)?;
            let bytes = self.parts.main.copies().take(number, bytes);
            Page::parse(number, &bytes)?;
            // One that did not exist at the beginning is empty.
            if !bytes.is_empty() {
                return Ok(Some(Item::Page { number, bytes }));
            }
        }
        Ok(None)
    }

    fn row(&mut self) -> Result<Option<Item>, JournalError> {
        while let Some((tree, rows)) = self.rows.front_mut() {
            let Some(row) = rows.next() else {
                self.rows.pop_front();
                continue;
            };
            let (key, value) = row.map_err(super::main_database::unreadable)?;
            // A note about an upload whose number a restored journal would give again.
            if tree.is_empty() && !self.standing.knows_upload(&key) {
                continue;
            }
            return Ok(Some(Item::Row { tree: tree.clone(), key: key.to_vec(), value: value.to_vec() }));
        }
        Ok(None)
    }

    fn log(&mut self) -> Result<Option<Item>, JournalError> {
        loop {
            if let Some(first) = self.generations.front().copied().filter(|first| *first <= self.at) {
                self.generations.pop_front();
                return Ok(Some(Item::Generation(first)));
            }
            if self.at >= self.head.end {
                return Ok(None);
            }
            let at = self.at;
            if let Some((end, bytes)) = self.parts.stored_at(at)? {
                self.at = end;
                return Ok(Some(Item::Block { first: at, bytes }));
            }
            let lost = self.parts.block_at(at)?;
            self.at = lost.map_or(at.next(), |block| block.end());
        }
    }
}

impl Source for Snapshot {
    fn head(&self) -> &Head {
        &self.head
    }

    fn next(&mut self) -> Result<Option<Item>, BackupError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Ok(Some(Item::Standing(self.standing.render()?)));
        }
        if let Some(page) = self.page()? {
            return Ok(Some(page));
        }
        if let Some(row) = self.row()? {
            return Ok(Some(row));
        }
        Ok(self.log()?)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.parts.main.copies().end();
    }
}

impl Parts {
    /// The stored bytes of the block that begins at `at`, and the place after it; none when they can not be read.
    fn stored_at(&self, at: Seq) -> Result<Option<(Seq, Vec<u8>)>, JournalError> {
        let Some((slot, _)) = self.chain.slot_at(at) else { return Ok(None) };
        let stored = self.chain.generation(&slot).and_then(|generation| match generation {
            Some(generation) => generation.stored_at(at),
            None => Ok(None),
        });
        match stored {
            Err(JournalError::Damaged { .. }) => Ok(None),
            other => other,
        }
    }
}
