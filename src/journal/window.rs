//! The window of known events: what recognises a repetition.
//!
//! It lives in memory only; a durable log rebuilds it from its own entries when it opens.
//! It deliberately reads no clock: ages are told by the `received_at` of the events themselves, and nothing is forgotten
//! because of its age alone, so that a wall clock that jumps ahead and comes back forgets nobody.
//!
//! First thing to know: entries follow one another without gaps, so a place is its distance from the oldest one, and a
//! million entries take about 35 MB. An event that damage took has its entry, too, and no key is ever found there.

use super::{DedupKey, Seq};
use crate::clock::Millis;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::time::Duration;

/// How long and how many events are remembered, to tell a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowPolicy {
    /// An event received this long after the first of its key, or before it, is a new one.
    pub span: Duration,
    /// How many events are remembered at most; the oldest are forgotten first.
    pub most: usize,
}

impl Default for WindowPolicy {
    /// 24 hours, as Segment itself promises at least, and a million events.
    fn default() -> Self {
        Self { span: Duration::from_secs(24 * 60 * 60), most: 1_000_000 }
    }
}

/// The newest events of the log, by key.
#[derive(Debug)]
pub(crate) struct Window {
    span_ms: u64,
    most: usize,
    /// The place of the oldest remembered event.
    first: u64,
    keys: VecDeque<u128>,
    received: VecDeque<i64>,
    /// The low half of the places, found by key: a window is far shorter than 2³² events.
    places: HashTable<u32>,
    /// When the newest event was received that a rebuilt window knows.
    newest: Option<i64>,
    hasher: foldhash::fast::RandomState,
}

impl Window {
    /// An empty window.
    pub(crate) fn new(policy: WindowPolicy) -> Self {
        Self {
            span_ms: u64::try_from(policy.span.as_millis()).unwrap_or(u64::MAX),
            most: policy.most.min(1 << 30),
            first: 0,
            keys: VecDeque::new(),
            received: VecDeque::new(),
            places: HashTable::new(),
            newest: None,
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// An empty window of a log that ends at `end`, to be filled backwards by [`Self::push_older`].
    pub(crate) fn of_log(policy: WindowPolicy, end: Seq) -> Self {
        Self { first: end.0, ..Self::new(policy) }
    }

    /// The place of the event that `key` repeats, if it does.
    pub(crate) fn find(&self, key: DedupKey, received_at: Millis) -> Option<Seq> {
        let index = self.index_of(key.0)?;
        let then = self.received.get(index)?;
        (then.abs_diff(received_at.0) <= self.span_ms).then(|| Seq(self.first.saturating_add(index as u64)))
    }

    /// Remembers the event at `at`, the newest one, and forgets the oldest when there are too many.
    pub(crate) fn push(&mut self, at: Seq, key: DedupKey, received_at: Millis) {
        if at.0 != self.first.saturating_add(self.keys.len() as u64) {
            self.clear(at);
        }
        if self.most == 0 {
            self.first = at.next().0;
            return;
        }
        if self.keys.len() >= self.most {
            self.forget_oldest();
        }
        self.keys.push_back(key.0);
        self.received.push_back(received_at.0);
        self.enter(key.0, at.0 as u32);
    }

    /// Remembers an event before the oldest one, while a window is rebuilt backwards; says whether it was taken. Places
    /// between the two belong to events that can not be read any more, and count as remembered.
    pub(crate) fn push_older(&mut self, at: Seq, key: DedupKey, received_at: Millis) -> bool {
        let newest = *self.newest.get_or_insert(received_at.0);
        let too_old = received_at.0 < newest && newest.abs_diff(received_at.0) > self.span_ms;
        if too_old || at.0 >= self.first {
            return false;
        }
        while self.first > at.next().0 && self.keys.len() < self.most {
            self.first -= 1;
            self.keys.push_front(0);
            self.received.push_front(received_at.0);
        }
        if self.keys.len() >= self.most {
            return false;
        }
        self.first = at.0;
        self.keys.push_front(key.0);
        self.received.push_front(received_at.0);
        // A later event under the same key, stored after the span had passed, is the one that counts.
        if self.index_of(key.0).is_none() {
            self.enter(key.0, at.0 as u32);
        }
        true
    }

    /// How many events are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    fn clear(&mut self, first: Seq) {
        self.keys.clear();
        self.received.clear();
        self.places.clear();
        self.first = first.0;
    }

    fn index_of(&self, key: u128) -> Option<usize> {
        let (keys, first) = (&self.keys, self.first);
        let known = |place: &u32| keys.get(index(*place, first)) == Some(&key);
        self.places.find(self.hasher.hash_one(key), known).map(|place| index(*place, first))
    }

    fn enter(&mut self, key: u128, place: u32) {
        let (keys, first, hasher) = (&self.keys, self.first, &self.hasher);
        let key_at = |place: &u32| keys.get(index(*place, first)).copied().unwrap_or_default();
        let entry = self.places.entry(
            hasher.hash_one(key),
            |other| key_at(other) == key,
            |other| hasher.hash_one(key_at(other)),
        );
        entry.and_modify(|known| *known = place).or_insert(place);
    }

    fn forget_oldest(&mut self) {
        let (Some(&key), first) = (self.keys.front(), self.first) else { return };
        // When the key was stored again since, the table holds the later place, which stays.
        if let Ok(entry) = self.places.find_entry(self.hasher.hash_one(key), |place| *place == first as u32) {
            entry.remove();
        }
        self.keys.pop_front();
        self.received.pop_front();
        self.first = first.saturating_add(1);
    }
}

fn index(place: u32, first: u64) -> usize {
    place.wrapping_sub(first as u32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(most: usize) -> Window {
        Window::new(WindowPolicy { span: Duration::from_secs(10), most })
    }

    #[test]
    fn a_key_is_known_within_the_span_both_ways_and_new_after_it() {
        let mut window = window(100);
        window.push(Seq(7), DedupKey(1), Millis(50_000));
        for (at, expected) in [
            (50_000, Some(Seq(7))),
            (60_000, Some(Seq(7))),
            (60_001, None),
            (40_000, Some(Seq(7))),
            (39_999, None),
        ] {
            assert_eq!(window.find(DedupKey(1), Millis(at)), expected, "at {at}");
        }
        assert_eq!(window.find(DedupKey(2), Millis(50_000)), None);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_a_key_stored_again_outlives_its_first_place() {
        let mut window = window(3);
        for (place, key) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
            window.push(Seq(place), DedupKey(key), Millis(place as i64 * 20_000));
        }
        assert_eq!(window.len(), 3);
        assert_eq!(window.find(DedupKey(1), Millis(40_000)), Some(Seq(2)));
        window.push(Seq(4), DedupKey(4), Millis(80_000));
        assert_eq!(window.find(DedupKey(2), Millis(20_000)), None);
        assert_eq!(window.find(DedupKey(1), Millis(40_000)), Some(Seq(2)));
        window.push(Seq(5), DedupKey(5), Millis(80_000));
        assert_eq!(window.find(DedupKey(1), Millis(40_000)), None);
    }

    #[test]
    fn a_window_rebuilt_backwards_knows_what_the_one_before_knew() {
        let entries: Vec<(u64, u128, i64)> =
            (0..500).map(|i| (i, u128::from(i % 120), i as i64 * 100)).collect();
        let mut forwards = window(300);
        let mut backwards =
            Window::of_log(WindowPolicy { span: Duration::from_secs(10), most: 300 }, Seq(500));
        for &(at, key, received) in &entries {
            forwards.push(Seq(at), DedupKey(key), Millis(received));
        }
        for &(at, key, received) in entries.iter().rev() {
            if !backwards.push_older(Seq(at), DedupKey(key), Millis(received)) {
                break;
            }
        }
        for key in 0..130 {
            let at = Millis(49_900);
            assert_eq!(forwards.find(DedupKey(key), at), backwards.find(DedupKey(key), at), "key {key}");
        }
        for window in [&mut forwards, &mut backwards] {
            window.push(Seq(500), DedupKey(999), Millis(50_000));
            assert_eq!(window.find(DedupKey(999), Millis(50_000)), Some(Seq(500)));
        }
    }

    #[test]
    fn a_window_is_rebuilt_around_events_that_can_not_be_read_any_more() {
        let policy = WindowPolicy { span: Duration::from_secs(10), most: 30 };
        let mut window = Window::of_log(policy, Seq(100));
        // The last five and ten in the middle are lost.
        for place in (80..95).rev().chain((60..70).rev()) {
            let taken = window.push_older(Seq(place), DedupKey(u128::from(place)), Millis(0));
            assert_eq!(taken, place >= 80, "{place}: thirty places are all that is remembered");
        }
        assert_eq!(window.len(), 30);
        let mut window = Window::of_log(WindowPolicy { most: 1000, ..policy }, Seq(100));
        for place in (80..95).rev().chain((60..70).rev()) {
            assert!(window.push_older(Seq(place), DedupKey(u128::from(place)), Millis(0)));
        }
        window.push(Seq(100), DedupKey(100), Millis(0));
        for place in 50..=100 {
            let is_known = (80..95).contains(&place) || (60..70).contains(&place) || place == 100;
            let found = window.find(DedupKey(u128::from(place)), Millis(0));
            assert_eq!(found, is_known.then_some(Seq(place)), "{place}");
        }
        assert_eq!(window.find(DedupKey(0), Millis(0)), None);
    }

    #[test]
    fn memory_is_bounded_by_the_count_however_many_events_there_were() {
        let mut window = window(1000);
        for place in 0..50_000_u64 {
            window.push(Seq(place), DedupKey(u128::from(place)), Millis(0));
        }
        assert_eq!((window.len(), window.places.len()), (1000, 1000));
        let most = window.keys.capacity().max(window.received.capacity()).max(window.places.capacity());
        assert!(most < 4000, "room for {most}");
    }

    #[test]
    fn places_past_the_low_half_of_a_number_are_kept_whole() {
        let mut window = window(10);
        let start = u64::from(u32::MAX) - 3;
        for offset in 0..8 {
            window.push(Seq(start + offset), DedupKey(u128::from(offset)), Millis(0));
        }
        for offset in 0..8 {
            assert_eq!(window.find(DedupKey(u128::from(offset)), Millis(0)), Some(Seq(start + offset)));
        }
    }

    #[test]
    fn a_window_of_none_knows_nothing() {
        let mut window = window(0);
        window.push(Seq(0), DedupKey(1), Millis(0));
        window.push(Seq(1), DedupKey(1), Millis(0));
        assert_eq!(window.find(DedupKey(1), Millis(0)), None);
    }
}
