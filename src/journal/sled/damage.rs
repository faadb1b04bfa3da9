//! What damage took out of the log, and what stands there instead.
//!
//! Places follow one another without a gap, so whatever is between two blocks that can be read, and was not dropped, was
//! accepted and is lost. Readers get blocks of lost entries for it, so that each such event gets its one end, is counted
//! and is listed, and what comes after it goes on. Deliberately nothing is repaired, removed or overwritten here.
//!
//! First thing to know: only bytes that were read and found wrong are damage. A disk that can not be read is an error,
//! because it may answer tomorrow.

use super::Parts;
use super::chain::Slot;
use super::format::MOST_EVENTS;
use super::generation::Generation;
use crate::clock::Millis;
use crate::journal::{Block, Entry, JournalError, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::DamageFound;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lost parts of the log that were come upon so far.
#[derive(Debug, Default)]
pub(super) struct Damage(Mutex<BTreeMap<u64, Lost>>);

#[derive(Debug, Clone, Copy)]
struct Lost {
    end: Seq,
    received_at: Millis,
}

impl Damage {
    /// How many events are lost, as far as is known.
    pub(super) fn events(&self) -> u64 {
        self.known().iter().map(|(first, lost)| lost.end.0.saturating_sub(*first)).sum()
    }

    /// Lets go of what is not in the log any more.
    pub(super) fn forget_below(&self, at: Seq) {
        self.known().retain(|_, lost| lost.end > at);
    }

    /// A block that stands for the lost events around `at`, if they are known to be lost.
    fn stand_in(&self, at: Seq) -> Option<Block> {
        let known = self.known();
        let (first, lost) = known.range(..=at.0).next_back().filter(|(_, lost)| lost.end > at)?;
        // Cut as written blocks are, so that losing many costs no memory.
        let most = u64::from(MOST_EVENTS);
        let start = first + (at.0 - first) / most * most;
        let count = lost.end.0.saturating_sub(start).min(most);
        let entries = (0..count).map(|_| Entry::lost(lost.received_at)).collect();
        Some(Block { first: Seq(start), entries })
    }

    fn note(&self, first: Seq, lost: Lost) {
        self.known().insert(first.0, lost);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    /// The block that holds `at`, else the first one after it.
    pub(super) fn block_from(&self, at: Seq) -> Result<Option<Block>, JournalError> {
        let mut at = at;
        loop {
            let oldest = self.chain.oldest();
            if at >= oldest {
                return self.block_at(at).map(|found| found.filter(|_| at >= self.chain.oldest()));
            }
            at = oldest;
        }
    }

    /// The block that holds `at`: as it was written, or one of lost entries. None when it was dropped.
    pub(super) fn block_at(&self, at: Seq) -> Result<Option<Block>, JournalError> {
        if let Some(block) = self.damage.stand_in(at) {
            return Ok(Some(block));
        }
        let Some((slot, end)) = self.chain.slot_at(at) else { return Ok(None) };
        let generation = match self.chain.generation(&slot) {
            Ok(Some(generation)) => Ok(generation),
            Ok(None) => return Ok(None),
            Err(JournalError::Damaged { what, .. }) => Err(what),
            Err(error) => return Err(error),
        };
        let what = match &generation {
            Ok(generation) => match generation.block_holding(at) {
                Ok(Some(block)) => return Ok(Some(block)),
                Ok(None) => "nothing is stored there".to_owned(),
                Err(JournalError::Damaged { what, .. }) => what,
                Err(error) => return Err(error),
            },
            Err(what) => what.clone(),
        };
        let until = end.unwrap_or_else(|| self.end());
        let (first, lost) = self.survey(at, &slot, generation.ok().as_deref(), until)?;
        let (end, events) = (lost.end, lost.end.0.saturating_sub(first.0));
        DamageFound { from: first.0, until: end.0, events, error: Cause::told(&what) }.tell();
        self.damage.note(first, lost);
        Ok(self.damage.stand_in(at))
    }

    // How far what can not be read at `at` goes, both ways.
    fn survey(
        &self,
        at: Seq,
        slot: &Slot,
        generation: Option<&Generation>,
        until: Seq,
    ) -> Result<(Seq, Lost), JournalError> {
        let before = generation.map(|generation| generation.readable_before(at)).transpose()?.flatten();
        let next =
            generation.map(|generation| generation.readable_from(at.next(), until)).transpose()?.flatten();
        let (end, after) = next.map_or((until, None), |(next, received_at)| (next, Some(received_at)));
        let received_at = before.map(|(_, received_at)| received_at).or(after);
        let received_at = received_at.or_else(|| self.received_before(slot.first)).unwrap_or(Millis(0));
        Ok((before.map_or(slot.first, |(end, _)| end), Lost { end, received_at }))
    }

    // For show only, so whatever stands in the way is passed over.
    fn received_before(&self, at: Seq) -> Option<Millis> {
        let (slot, _) = self.chain.slot_at(Seq(at.0.checked_sub(1)?))?;
        let generation: Option<Arc<Generation>> = self.chain.generation(&slot).ok()?;
        generation?.readable_before(at).ok()?.map(|(_, received_at)| received_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_events_are_handed_out_in_blocks_that_follow_one_another() {
        let damage = Damage::default();
        damage.note(Seq(100), Lost { end: Seq(2300), received_at: Millis(7) });
        assert_eq!(damage.stand_in(Seq(99)), None);
        assert_eq!(damage.stand_in(Seq(2300)), None);
        let mut at = Seq(100);
        for count in [1024, 1024, 152] {
            let block = damage.stand_in(at).unwrap();
            assert_eq!((block.first, block.entries.len()), (at, count));
            assert!(block.entries.iter().all(|entry| entry.is_lost && entry.received_at == Millis(7)));
            assert_eq!(damage.stand_in(Seq(block.end().0 - 1)), Some(block.clone()), "from its last place");
            at = block.end();
        }
        assert_eq!((at, damage.events()), (Seq(2300), 2200));
        damage.forget_below(Seq(2300));
        assert_eq!(damage.events(), 0);
    }
}
