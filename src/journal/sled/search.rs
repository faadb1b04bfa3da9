//! Asking the log: newest first, page by page of ends, with whatever index there is.
//!
//! A page is passed over where its times, its terms or the digest of its ends show that nothing in it matches. What has no
//! index yet is handed out as it is, to be looked at event by event.
//!
//! First thing to know: whoever asks goes on from the place that an answer names. Places only grow, so events that arrive
//! meanwhile neither shift nor repeat anything.

use super::Parts;
use super::index::{Narrowed, between};
use super::page::{EVENTS, locate};
use crate::journal::{Effort, JournalError, Query, Seq, Sought, Standing};

/// Places that are handed out at once, so that the same lists are not decoded over and over for one page of the list.
const PLACES: usize = 2048;
/// The same where each page of ends has to be read for it, which costs more than decoding lists again.
const PLACES_BY_ENDS: usize = 256;

/// A stretch of one generation of which the same is known throughout.
struct Stretch<'a> {
    from: Seq,
    narrowed: Option<&'a Narrowed>,
}

impl Parts {
    pub(super) fn seek(
        &self,
        query: &Query,
        before: Seq,
        effort: &mut Effort,
    ) -> Result<Sought, JournalError> {
        let mut sought = Sought { places: Vec::new(), looked_to: before.min(self.end()) };
        while let Some(last) = sought.looked_to.0.checked_sub(1).map(Seq) {
            let oldest = self.chain.oldest();
            let has_ended = query.standing == Some(Standing::Pending) && last < self.settled_until();
            let slot = self.chain.slot_at(last).filter(|_| !has_ended && last >= oldest);
            let Some((slot, _)) = slot else {
                sought.looked_to = sought.looked_to.min(oldest);
                break;
            };
            let narrowed = self.index.narrow(slot.first, query);
            let indexed = narrowed.as_ref().filter(|narrowed| last < narrowed.end);
            let from = match (indexed, &narrowed) {
                (None, Some(narrowed)) => narrowed.end,
                _ => slot.first,
            };
            if !self.look_through(query, &Stretch { from, narrowed: indexed }, effort, &mut sought)? {
                break;
            }
        }
        Ok(sought)
    }

    // Goes down to the start of `stretch`; says whether it came there with something left to give.
    fn look_through(
        &self,
        query: &Query,
        stretch: &Stretch<'_>,
        effort: &mut Effort,
        sought: &mut Sought,
    ) -> Result<bool, JournalError> {
        if stretch.is_empty() {
            sought.looked_to = stretch.from;
            return Ok(true);
        }
        let enough = if query.asks_for_ends() { PLACES_BY_ENDS } else { PLACES };
        while sought.looked_to > stretch.from {
            let number = (sought.looked_to.0 - 1) / EVENTS;
            let low = Seq((number * EVENTS).max(stretch.from.0));
            if stretch.times_meet(number, query) {
                if query.asks_for_ends() {
                    self.find_by_ends(query, stretch, low, effort, sought)?;
                } else {
                    sought.places.extend(stretch.places(low, sought.looked_to));
                }
            }
            sought.looked_to = low;
            if sought.places.len() >= enough || effort.is_spent() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    // Hands out those places of one page, from `low` on, that can match by their ends.
    fn find_by_ends(
        &self,
        query: &Query,
        stretch: &Stretch<'_>,
        low: Seq,
        effort: &mut Effort,
        sought: &mut Sought,
    ) -> Result<(), JournalError> {
        let (number, _) = locate(low);
        let events = self.end().0.saturating_sub(number * EVENTS);
        let digests = self.main.digests();
        // Without an index it is not known which of the pending events were refused.
        let pending_may_be_refused = stretch.narrowed.is_none() && query.may_be_refused();
        let may_admit = digests.may_admit(number, events, query)
            || pending_may_be_refused && digests.may_be_pending(number, events);
        // Most pages end here, before anything is made of them.
        if !may_admit && !stretch.has_refused(low, sought.looked_to) {
            return Ok(());
        }
        let places = stretch.places(low, sought.looked_to);
        let page = if may_admit && !places.is_empty() {
            effort.spend();
            Some(self.main.page(number)?)
        } else {
            None
        };
        let admitted = page.as_ref().map(|page| page.admitted(query));
        let by_end = |at: &Seq| {
            let (_, index) = locate(*at);
            admitted.as_ref().is_some_and(|admitted| admitted(index))
                || pending_may_be_refused && page.as_ref().is_some_and(|page| page.is_pending(index))
        };
        sought.places.extend(places.into_iter().filter(|at| by_end(at) || stretch.was_refused(*at)));
        Ok(())
    }
}

impl Stretch<'_> {
    fn is_empty(&self) -> bool {
        self.narrowed.is_some_and(|narrowed| narrowed.matching.as_ref().is_some_and(Vec::is_empty))
    }

    fn times_meet(&self, page: u64, query: &Query) -> bool {
        self.narrowed.is_none_or(|narrowed| narrowed.times.meet(page, query))
    }

    // The places from `low` on and below `high` that have the terms, the last first.
    fn places(&self, low: Seq, high: Seq) -> Vec<Seq> {
        match self.narrowed.and_then(|narrowed| Some((narrowed.first, narrowed.matching.as_ref()?))) {
            None => (low.0..high.0).rev().map(Seq).collect(),
            Some((first, matching)) => {
                let offsets = between(matching, offset(first, low), offset(first, high)).iter().rev();
                offsets.map(|offset| Seq(first.0.saturating_add(u64::from(*offset)))).collect()
            }
        }
    }

    fn has_refused(&self, low: Seq, high: Seq) -> bool {
        self.narrowed.is_some_and(|narrowed| {
            let (low, high) = (offset(narrowed.first, low), offset(narrowed.first, high));
            !between(&narrowed.refused, low, high).is_empty()
        })
    }

    fn was_refused(&self, at: Seq) -> bool {
        self.narrowed
            .is_some_and(|narrowed| narrowed.refused.binary_search(&offset(narrowed.first, at)).is_ok())
    }
}

fn offset(first: Seq, at: Seq) -> u32 {
    u32::try_from(at.0.saturating_sub(first.0)).unwrap_or(u32::MAX)
}
