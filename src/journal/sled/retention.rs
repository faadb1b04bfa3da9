//! Giving disk space back: whole generations, the oldest first, and only those whose events have all ended.
//!
//! Deliberately no clock and no thread: whoever knows the time and the settings calls [`Sweep::run`].

use super::cache::Cache;
use super::chain::{Chain, Slot};
use super::generation::Generation;
use super::main_database::MainDatabase;
use super::page::EVENTS;
use crate::clock::Millis;
use crate::journal::{JournalError, Seq, UploadId};
use std::sync::Arc;
use std::time::Duration;

/// Pages that are looked at for the lowest upload still referred to: 16,384 events, far more than wait at a time.
const PAGES_LOOKED_AT: usize = 64;

/// How long events are kept after all of their generation have ended. What has not ended is always kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// A generation is dropped when its newest event was received longer ago than this.
    pub age: Option<Duration>,
    /// Generations are dropped while all together take more bytes than this on the disk.
    pub bytes: Option<u64>,
}

/// What a sweep gave back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Generations dropped.
    pub generations: u64,
    /// Events that were in them.
    pub events: u64,
    /// Bytes given back to the disk.
    pub bytes: u64,
}

/// What a sweep needs.
pub(super) struct Sweep<'a> {
    pub(super) chain: &'a Arc<Chain>,
    pub(super) main: &'a MainDatabase,
    pub(super) cache: &'a Cache,
    pub(super) settled_until: Seq,
    pub(super) active: &'a Generation,
}

impl Sweep<'_> {
    /// Drops what is past its retention at `now`.
    pub(super) fn run(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let mut swept = Swept::default();
        for (slot, end) in self.chain.spans() {
            let Some(end) = end.filter(|end| *end <= self.settled_until) else { break };
            if !self.is_past(&slot, retention, now)? {
                break;
            }
            self.chain.drop_oldest(&slot)?;
            self.cache.forget_below(end);
            self.main.forget_below(end.0 / EVENTS, self.lowest_upload_from(end)?)?;
            swept.generations += 1;
            swept.events = swept.events.saturating_add(end.0.saturating_sub(slot.first.0));
            swept.bytes = swept.bytes.saturating_add(slot.bytes());
            tracing::info!(first = %slot.first, %end, bytes = slot.bytes(), "a generation was dropped");
        }
        Ok(swept)
    }

    fn is_past(&self, slot: &Arc<Slot>, retention: Retention, now: Millis) -> Result<bool, JournalError> {
        if retention.bytes.is_some_and(|most| self.chain.bytes(self.active) > most) {
            return Ok(true);
        }
        let Some(age) = retention.age else { return Ok(false) };
        let generation = self.chain.generation(slot)?;
        let newest = generation.map(|generation| generation.tip()).transpose()?.flatten();
        let Some((_, newest)) = newest else { return Ok(false) };
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Ok(newest.0.saturating_add(age) < now.0)
    }

    // Uploads are numbered in time, so notes below the lowest number that is still referred to are of no use.
    fn lowest_upload_from(&self, end: Seq) -> Result<Option<UploadId>, JournalError> {
        let mut lowest = None;
        for number in self.main.pages_from(end.0 / EVENTS).take(PAGES_LOOKED_AT) {
            let found = self.main.page(number?)?.lowest_upload();
            lowest = lowest.into_iter().chain(found).min();
        }
        Ok(lowest)
    }
}
