//! Removing the bytes of erased events from the disk: a generation that holds some is written anew without them.
//!
//! sled keeps old bytes in its log, so nothing is taken out in place. The copy is made under another name, made durable,
//! and put in the place of the old generation by names alone; [`super::chain`] finishes that after a crash, so that the
//! old generation or the new one is there, and never neither. What can not be read in the old one is not carried over:
//! its events are lost already, and nobody could say whose they were.
//!
//! First thing to know: the generation that is written to is never touched; it is ended first.

use super::Parts;
use super::chain::Slot;
use super::erasure::{Mark, cover};
use super::format::{Draft, Encoder};
use super::generation::Generation;
use crate::journal::{JournalError, Purged, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::{GenerationInUse, GenerationNotPurged, GenerationPurged};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// How far a purge has come with one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeStep {
    /// The copy is begun.
    Begun,
    /// The copy is whole and durable, under a name that the next start removes.
    Copied,
    /// The copy has a name that the next start puts in place.
    Whole,
    /// The old generation is set aside.
    Aside,
    /// The copy is in place; the old one is still to be removed.
    Swapped,
    /// The old one is removed; the notes are still there.
    Removed,
    /// Nothing is left to do.
    Done,
}

impl PurgeStep {
    /// Every step, in order.
    pub const ALL: [Self; 7] =
        [Self::Begun, Self::Copied, Self::Whole, Self::Aside, Self::Swapped, Self::Removed, Self::Done];
}

/// Called after each step of a purge, on the thread that purges: this is how tests look at what a kill would leave.
#[derive(Clone)]
pub struct PurgeHook(Arc<dyn Fn(PurgeStep) + Send + Sync>);

impl PurgeHook {
    /// A hook that calls `call`.
    pub fn new(call: impl Fn(PurgeStep) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }
}

impl std::fmt::Debug for PurgeHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PurgeHook")
    }
}

impl Parts {
    /// Writes every generation but the newest anew that holds erased events. Blocks for as long as that takes.
    pub(super) fn purge(&self) -> Result<Purged, JournalError> {
        let _one_at_a_time = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut purged = Purged::default();
        for (slot, end) in self.chain.spans() {
            let Some(end) = end else { break };
            let marks = self.erasures.within(slot.first, end);
            if marks.is_empty() {
                continue;
            }
            match self.write_anew(&slot, end, &marks) {
                Ok(true) => {
                    purged.generations += 1;
                    purged.events = purged.events.saturating_add(marks.len() as u64);
                }
                // A reader holds on to it, or damage; the others need not wait for that.
                Ok(false) => GenerationInUse { from: slot.first.0 }.tell(),
                Err(error @ JournalError::Damaged { .. }) => {
                    GenerationNotPurged { from: slot.first.0, error: Cause::of(&error) }.tell();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(purged)
    }

    fn write_anew(&self, slot: &Slot, end: Seq, marks: &BTreeMap<u64, Mark>) -> Result<bool, JournalError> {
        let Some(old) = self.chain.generation_of(slot)? else { return Ok(true) };
        let fresh = self.chain.draft(slot.first)?;
        self.step(PurgeStep::Begun);
        let kept = copy(&old, &fresh, slot.first, end, marks)?;
        fresh
            .commit()
            .map_err(|error| JournalError::Storage(format!("a generation could not be synced: {error}")))?;
        drop((old, fresh));
        self.step(PurgeStep::Copied);
        if !self.chain.replace(slot, &|step| self.step(step))? {
            return Ok(false);
        }
        self.erasures.forget(&self.main, slot.first, end)?;
        // The old index knew the persons by their hashes.
        self.index.renew(slot.first);
        self.step(PurgeStep::Done);
        let lost = end.0.saturating_sub(slot.first.0).saturating_sub(kept);
        GenerationPurged { from: slot.first.0, until: end.0, erased: marks.len() as u64, lost }.tell();
        Ok(true)
    }

    fn step(&self, step: PurgeStep) {
        if let Some(PurgeHook(call)) = &self.on_purge {
            call(step);
        }
    }
}

/// Copies what can be read, with what remains in the place of what is erased; says how many events that is.
fn copy(
    from: &Generation,
    to: &Generation,
    first: Seq,
    end: Seq,
    marks: &BTreeMap<u64, Mark>,
) -> Result<u64, JournalError> {
    let storage = |error: &dyn std::fmt::Display| {
        JournalError::Storage(format!("a block could not be written: {error}"))
    };
    let mut encoder = Encoder::new().map_err(|error| storage(&error))?;
    let (mut at, mut kept) = (first, 0_u64);
    while let Some((next, _)) = from.readable_from(at, end)? {
        let (mut block, keys) = from.block_with_keys(next)?;
        at = block.end();
        cover(&mut block, marks);
        let mut draft = Draft::new(next);
        for (entry, key) in block.entries.into_iter().zip(keys) {
            draft.push_entry(key, entry);
        }
        kept = kept.saturating_add(draft.len() as u64);
        let (bytes, _) = draft.finish(&mut encoder)?;
        to.add(next, &bytes).map_err(|error| storage(&error))?;
    }
    Ok(kept)
}
