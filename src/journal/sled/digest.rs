//! What the ends of each page have in common use: which states and codes occur, and how many events have ended.
//!
//! Kept in memory so that a list by state or code passes over pages without reading them: 40 bytes for 256 events.
//! Read from the stored pages after every start, in the background; deliberately nothing of it is stored.
//!
//! First thing to know: a digest only grows, so it does not matter in which order an older and a newer state of a page
//! are noted. An end that was replaced may leave its bit behind, which costs a look at the page and hides nothing.

use super::page::EVENTS;
use crate::journal::{Query, Standing, State};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{PoisonError, RwLock};

/// Codes that are told apart; there are about a hundred in all, and those beyond share the last bit.
const CODES_MOST: usize = 127;

/// What one page has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Digest {
    ended: u16,
    states: u8,
    codes: BTreeSet<String>,
}

/// The digests of all pages.
#[derive(Debug)]
pub(super) struct Digests(RwLock<Held>);

#[derive(Debug)]
struct Held {
    /// The number of the first page here.
    first: u64,
    packed: VecDeque<Packed>,
    codes: Vec<String>,
    /// Pages from this one on are all here, but for those without an end.
    known_from: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Packed {
    codes: u128,
    ended: u16,
    states: u8,
}

impl Digest {
    /// A page in which this many events have ended.
    pub(super) fn new(ended: u16) -> Self {
        Self { ended, ..Self::default() }
    }

    /// Adds what one or more of its ends have.
    pub(super) fn add(&mut self, state: State, code: Option<&String>) {
        self.states |= bit(state);
        self.codes.extend(code.cloned());
    }
}

impl Default for Digests {
    fn default() -> Self {
        let held = Held { first: 0, packed: VecDeque::new(), codes: Vec::new(), known_from: u64::MAX };
        Self(RwLock::new(held))
    }
}

impl Digests {
    /// Whether an event of page `number`, which has `events` events by now, can be one that `query` admits by its end.
    pub(super) fn may_admit(&self, number: u64, events: u64, query: &Query) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if number < held.known_from {
            return true;
        }
        let packed = held.get(number);
        let stands = match query.standing {
            None => true,
            Some(Standing::Pending) => u64::from(packed.ended) < events.min(EVENTS),
            Some(Standing::Ended(state)) => packed.states & bit(state) != 0,
        };
        stands && query.code.as_deref().is_none_or(|code| packed.codes & held.mask(code) != 0)
    }

    /// Whether an event of page `number` can be pending.
    pub(super) fn may_be_pending(&self, number: u64, events: u64) -> bool {
        self.may_admit(number, events, &Query { standing: Some(Standing::Pending), ..Query::default() })
    }

    /// Takes up what was written.
    pub(super) fn note(&self, digests: Vec<(u64, Digest)>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        digests.into_iter().for_each(|(number, digest)| held.merge(number, &digest));
    }

    /// Takes up what was stored; every page after `number` has been taken up before.
    pub(super) fn load(&self, number: u64, digest: Digest) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.merge(number, &digest);
        held.known_from = number;
    }

    /// Says that no further page is stored.
    pub(super) fn all_loaded(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).known_from = 0;
    }

    /// Lets go of the pages below `number`.
    pub(super) fn forget_below(&self, number: u64) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let gone = number.saturating_sub(held.first).min(held.packed.len() as u64);
        held.packed.drain(..usize::try_from(gone).unwrap_or_default());
        held.first = held.first.saturating_add(gone);
    }
}

impl Held {
    fn get(&self, number: u64) -> Packed {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.packed.get(index)).copied().unwrap_or_default()
    }

    fn merge(&mut self, number: u64, digest: &Digest) {
        if self.packed.is_empty() {
            self.first = number;
        }
        while number < self.first {
            self.packed.push_front(Packed::default());
            self.first -= 1;
        }
        let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if index >= self.packed.len() {
            self.packed.resize(index.saturating_add(1), Packed::default());
        }
        let codes = digest.codes.iter().fold(0, |codes, code| codes | self.enter(code));
        if let Some(packed) = self.packed.get_mut(index) {
            packed.codes |= codes;
            packed.states |= digest.states;
            packed.ended = packed.ended.max(digest.ended);
        }
    }

    fn enter(&mut self, code: &str) -> u128 {
        if self.codes.len() < CODES_MOST && !self.codes.iter().any(|known| known == code) {
            self.codes.push(code.to_owned());
        }
        self.mask(code)
    }

    fn mask(&self, code: &str) -> u128 {
        match self.codes.iter().position(|known| known == code) {
            Some(index) => 1 << index,
            None if self.codes.len() < CODES_MOST => 0,
            None => 1 << CODES_MOST,
        }
    }
}

fn bit(state: State) -> u8 {
    match state {
        State::Delivered => 1,
        State::Filtered => 2,
        State::Failed => 4,
        State::Dead => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(ended: u16, state: State, code: &str) -> Digest {
        let mut digest = Digest::new(ended);
        digest.add(state, Some(&code.to_owned()));
        digest
    }

    fn query(standing: Option<Standing>, code: Option<&str>) -> Query {
        Query { standing, code: code.map(str::to_owned), ..Query::default() }
    }

    #[test]
    fn a_page_is_passed_over_when_nothing_in_it_can_match_and_only_then() {
        let digests = Digests::default();
        digests.note(vec![(7, digest(10, State::Dead, "x"))]);
        let dead = query(Some(Standing::Ended(State::Dead)), None);
        assert!(digests.may_admit(3, 256, &dead), "nothing is known of it yet");
        digests.load(5, digest(256, State::Filtered, "y"));
        digests.all_loaded();
        for (number, events, standing, code, expected) in [
            (7, 256, Some(Standing::Ended(State::Dead)), None, true),
            (7, 256, Some(Standing::Ended(State::Filtered)), None, false),
            (7, 256, None, Some("x"), true),
            (7, 256, None, Some("y"), false),
            (7, 256, None, Some("never"), false),
            (7, 11, Some(Standing::Pending), None, true),
            (7, 10, Some(Standing::Pending), None, false),
            (5, 256, Some(Standing::Pending), None, false),
            (5, 256, Some(Standing::Ended(State::Filtered)), Some("y"), true),
            (6, 256, Some(Standing::Pending), None, true),
            (6, 256, Some(Standing::Ended(State::Dead)), None, false),
            (900, 256, Some(Standing::Pending), None, true),
        ] {
            let found = digests.may_admit(number, events, &query(standing, code));
            assert_eq!(found, expected, "page {number}: {standing:?} {code:?}");
        }
        digests.note(vec![(5, digest(3, State::Dead, "x"))]);
        assert!(!digests.may_be_pending(5, 256), "an older state of the page takes nothing away");
        digests.forget_below(7);
        assert!(digests.may_admit(7, 256, &dead) && !digests.may_admit(5, 256, &dead));
        digests.forget_below(900);
        assert!(!digests.may_admit(7, 256, &dead));
    }

    #[test]
    fn codes_beyond_those_that_are_told_apart_are_found_all_the_same() {
        let digests = Digests::default();
        for number in 0..200 {
            digests.note(vec![(number, digest(1, State::Failed, &format!("code_{number}")))]);
        }
        digests.all_loaded();
        let pages = |code: &str| {
            let query = query(None, Some(code));
            (0..200).filter(|number| digests.may_admit(*number, 256, &query)).collect::<Vec<_>>()
        };
        assert_eq!(pages("code_5"), [5]);
        assert_eq!(pages("code_150"), (127..200).collect::<Vec<_>>());
    }
}
