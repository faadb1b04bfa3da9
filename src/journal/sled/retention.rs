//! Giving disk space back: whole generations, the oldest first, and only those whose events have all ended.
//!
//! Deliberately no clock and no thread: whoever knows the time and the settings calls [`Sweep::run`].

use super::cache::Cache;
use super::chain::{Chain, Slot};
use super::damage::Damage;
use super::main_database::MainDatabase;
use super::page::EVENTS;
use super::room::Room;
use crate::clock::Millis;
use crate::journal::{JournalError, Retention, Seq, Swept, UploadId};
use crate::point::{self, CommitPoint};
use crate::telemetry::event::GenerationDropped;
use std::sync::Arc;

/// Pages that are looked at for the lowest upload still referred to: 16,384 events, far more than wait at a time.
const PAGES_LOOKED_AT: usize = 64;

/// What a sweep needs.
pub(super) struct Sweep<'a> {
    pub(super) chain: &'a Arc<Chain>,
    pub(super) main: &'a MainDatabase,
    pub(super) cache: &'a Cache,
    pub(super) settled_until: Seq,
    pub(super) room: &'a Room,
    pub(super) damage: &'a Damage,
}

impl Sweep<'_> {
    /// Drops what is past its retention at `now`.
    pub(super) fn run(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let mut swept = Swept::default();
        for (slot, end) in self.chain.spans() {
            let Some(end) = end.filter(|end| *end <= self.settled_until) else { break };
            if !self.is_past(&slot, end, retention, now)? {
                break;
            }
            self.chain.drop_oldest(&slot)?;
            point::pass(CommitPoint::DropEmptied);
            self.cache.forget_below(end);
            self.damage.forget_below(end);
            self.main.forget_below(end.0 / EVENTS, self.lowest_upload_from(end)?)?;
            point::pass(CommitPoint::DropForgotten);
            swept.generations += 1;
            swept.events = swept.events.saturating_add(end.0.saturating_sub(slot.first.0));
            swept.bytes = swept.bytes.saturating_add(slot.bytes());
            GenerationDropped { from: slot.first.0, until: end.0, bytes: slot.bytes() }.tell();
        }
        Ok(swept)
    }

    // Accepting comes before keeping: what has ended goes early when the disk is full.
    fn is_past(
        &self,
        slot: &Arc<Slot>,
        end: Seq,
        retention: Retention,
        now: Millis,
    ) -> Result<bool, JournalError> {
        if retention.bytes.is_some_and(|most| self.chain.bytes() > most) || self.room.disk_full().is_some() {
            return Ok(true);
        }
        if retention.age.is_none() {
            return Ok(false);
        }
        let newest = match self.chain.generation(slot) {
            Ok(generation) => {
                generation.map(|generation| generation.readable_before(end)).transpose()?.flatten()
            }
            // What can not be read tells no age, and goes when its room is needed.
            Err(JournalError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(newest.is_some_and(|(_, newest)| retention.is_past(newest, now)))
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
