//! Leave to have a request at CleverTap: the one count of all requests of this process.
//!
//! CleverTap counts requests in flight and not their rate: 15 uploads of an account at once (developer.clevertap.com,
//! "Upload Events", read 2026-07-03). The lanes have a share of them, 12 by default, of which [`super::limit`] says how
//! many may be used now; the others are for what a person or a job asks for beside the stream of events: connection
//! tests, deletions and resends.
//!
//! First thing to know: the two shares are apart, so that neither can starve the other, and in each whoever waited
//! longest is next, so that lanes take turns when the limit is low.

use super::lane::LANES;
use super::limit::{Limit, LimitPolicy, LimitReason, LimitStatus, Sample};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many requests CleverTap takes at once from one account.
pub const IN_FLIGHT: usize = 15;

/// How the requests are shared out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPolicy {
    /// Requests in flight in all.
    pub in_flight: usize,
    /// How many of them are the lanes' at most, and no more than [`LANES`]. At least one is left for all else.
    pub lanes: usize,
    /// How the lanes' share moves.
    pub limit: LimitPolicy,
}

impl Default for SlotPolicy {
    fn default() -> Self {
        Self { in_flight: IN_FLIGHT, lanes: LANES, limit: LimitPolicy::default() }
    }
}

/// The places there are, one set for a process and account. Clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    spare: Arc<Semaphore>,
    spares: Arc<Mutex<usize>>,
    lanes: Arc<LaneSlots>,
}

/// Leave for one request; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _held: Held,
}

/// Where a place is given back to; held for that alone.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its effect when dropped")]
enum Held {
    Spare(Option<OwnedSemaphorePermit>),
    Lane(LaneSlot),
}

impl Slot {
    /// A lane's place.
    pub(super) fn of_lane(slot: LaneSlot) -> Self {
        Self { _held: Held::Lane(slot) }
    }
}

/// Leave for one upload of a lane; given back when dropped.
#[derive(Debug)]
pub(super) struct LaneSlot {
    held: Option<OwnedSemaphorePermit>,
    of: Arc<LaneSlots>,
}

#[derive(Debug)]
struct LaneSlots {
    turns: Arc<Semaphore>,
    share: Mutex<Share>,
}

#[derive(Debug)]
struct Share {
    limit: Limit,
    /// Places that were taken away while they were in use; each goes when it is given back.
    owed: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self::new(&SlotPolicy::default())
    }
}

impl Slots {
    /// Shares the requests out.
    pub fn new(policy: &SlotPolicy) -> Self {
        let (lanes, spare) = shares(policy.in_flight, policy.lanes);
        let share = Share { limit: Limit::new(policy.limit.clone(), lanes), owed: 0 };
        Self {
            spare: Arc::new(Semaphore::new(spare)),
            spares: Arc::new(Mutex::new(spare)),
            lanes: Arc::new(LaneSlots { turns: Arc::new(Semaphore::new(lanes)), share: Mutex::new(share) }),
        }
    }

    /// Shares other numbers out from now on. Places that are in use go when they are given back. Needs a running tokio.
    pub fn resize(&self, in_flight: usize, lanes: usize) {
        let (lanes, spare) = shares(in_flight, lanes);
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *spares, spare);
        drop(spares);
        if spare >= before {
            self.spare.add_permits(spare - before);
        } else {
            let places = Arc::clone(&self.spare);
            tokio::spawn(async move {
                for _ in spare..before {
                    if let Ok(place) = places.acquire().await {
                        place.forget();
                    }
                }
            });
        }
        let mut share = self.lanes.share();
        let before = share.limit.status().now;
        share.limit.set_most(lanes);
        self.move_limit(&mut share, before);
    }

    /// A place beside the lanes, once one is free.
    pub async fn spare(&self) -> Slot {
        // The semaphore is never closed, so an error can not come.
        Slot { _held: Held::Spare(self.spare.clone().acquire_owned().await.ok()) }
    }

    /// How many of the lanes' places may be used now, and why not all.
    pub fn limit(&self) -> LimitStatus {
        self.lanes.share().limit.status()
    }

    /// A lane's place, once it is its turn.
    pub(super) async fn lane(&self) -> LaneSlot {
        LaneSlot { held: self.lanes.turns.clone().acquire_owned().await.ok(), of: self.lanes.clone() }
    }

    /// Learns from an upload that was answered and still holds its place; says why when the limit fell by it.
    pub(super) fn answered(&self, sample: Sample, now: Instant) -> Option<LimitReason> {
        let reached = self.lanes.turns.available_permits() == 0;
        let mut share = self.lanes.share();
        let before = share.limit.status().now;
        let fell = share.limit.answered(sample, reached, now);
        self.move_limit(&mut share, before);
        fell
    }

    /// Makes the places of the lanes as many as the limit says now, where it said `before`.
    fn move_limit(&self, share: &mut Share, before: usize) {
        let after = share.limit.status().now;
        if after < before {
            let taken = self.lanes.turns.forget_permits(before - after);
            share.owed += before - after - taken;
        } else {
            let forgiven = share.owed.min(after - before);
            share.owed -= forgiven;
            self.lanes.turns.add_permits(after - before - forgiven);
        }
    }
}

/// The lanes' places and the others.
fn shares(in_flight: usize, lanes: usize) -> (usize, usize) {
    let lanes = lanes.clamp(1, LANES);
    (lanes, in_flight.saturating_sub(lanes).max(1))
}

impl LaneSlots {
    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LaneSlot {
    fn drop(&mut self) {
        let mut share = self.of.share();
        if share.owed > 0
            && let Some(held) = self.held.take()
        {
            share.owed -= 1;
            held.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limit::SampleKind;
    use super::*;
    use futures_util::FutureExt;

    fn refused() -> Sample {
        Sample { begun: Instant::now(), records: 1, kind: SampleKind::TooMany }
    }

    #[test]
    fn beside_the_lanes_three_requests_are_let_through_and_a_fourth_waits_for_one_of_them() {
        let slots = Slots::default();
        let mut held: Vec<_> = (0..3).map(|_| slots.spare().now_or_never().unwrap()).collect();
        assert!(slots.spare().now_or_never().is_none());
        held.pop();
        assert!(slots.spare().now_or_never().is_some());
    }

    #[test]
    fn neither_share_takes_from_the_other() {
        let slots = Slots::new(&SlotPolicy { in_flight: 6, lanes: 4, ..SlotPolicy::default() });
        let lanes: Vec<_> = (0..4).map(|_| slots.lane().now_or_never().unwrap()).collect();
        assert!(slots.lane().now_or_never().is_none());
        let spare: Vec<_> = (0..2).map(|_| slots.spare().now_or_never().unwrap()).collect();
        assert!(slots.spare().now_or_never().is_none());
        drop(lanes);
        assert!(slots.spare().now_or_never().is_none());
        assert!(slots.lane().now_or_never().is_some());
        drop(spare);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_taken_away_while_it_is_used_goes_when_it_is_given_back() {
        let slots = Slots::default();
        let mut held: Vec<_> = (0..12).map(|_| slots.lane().now_or_never().unwrap()).collect();
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
        assert_eq!(slots.answered(refused(), Instant::now()), Some(LimitReason::TooManyRequests));
        assert_eq!(slots.limit().now, 10);
        held.truncate(10);
        assert!(slots.lane().now_or_never().is_none(), "two places are gone");
        held.truncate(9);
        assert!(slots.lane().now_or_never().is_some());
        held.clear();
        let again: Vec<_> = (0..12).map_while(|_| slots.lane().now_or_never()).collect();
        assert_eq!(again.len(), 10);
    }

    #[tokio::test]
    async fn other_numbers_count_at_once_and_places_in_use_go_when_they_are_given_back() {
        let slots = Slots::default();
        let mut lanes: Vec<_> = (0..12).map(|_| slots.lane().now_or_never().unwrap()).collect();
        let mut spare: Vec<_> = (0..3).map(|_| slots.spare().now_or_never().unwrap()).collect();
        slots.resize(5, 4);
        assert_eq!((slots.limit().now, slots.limit().most), (4, 4));
        lanes.truncate(4);
        assert!(slots.lane().now_or_never().is_none(), "eight places are gone");
        lanes.truncate(3);
        lanes.push(slots.lane().now_or_never().unwrap());
        spare.truncate(1);
        tokio::task::yield_now().await;
        assert!(slots.spare().now_or_never().is_none(), "two places are gone");
        slots.resize(15, 12);
        tokio::task::yield_now().await;
        let more: Vec<_> = (0..20).map_while(|_| slots.lane().now_or_never()).collect();
        assert_eq!(more.len(), 8);
        assert_eq!((0..20).map_while(|_| slots.spare().now_or_never().map(|s| spare.push(s))).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_take_turns_when_the_limit_is_low() {
        let slots = Slots::new(&SlotPolicy { lanes: 1, ..SlotPolicy::default() });
        let turns = Arc::new(Mutex::new(Vec::new()));
        let lane = |lane: usize| {
            let (slots, turns) = (slots.clone(), turns.clone());
            async move {
                for _ in 0..5 {
                    let _slot = slots.lane().await;
                    turns.lock().unwrap().push(lane);
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            }
        };
        tokio::join!(lane(0), lane(1), lane(2));
        assert_eq!(*turns.lock().unwrap(), [0, 1, 2].repeat(5));
    }
}
