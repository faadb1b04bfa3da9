//! The events of a tail whose ends are still to be told, as stretches of the log.
//!
//! Deliberately not a list of events: what is in a stretch is read again from the log, so that a million events on their
//! way take as little room as one.

use super::Mark;
use crate::journal::Seq;
use std::collections::VecDeque;

/// More stretches than this are not kept: 64 KiB.
const MOST: usize = 4096;

/// A stretch of the log, from its first to its last place. No event in it that the filter may let through has been told
/// with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: Seq,
    pub(super) last: Seq,
}

/// Stretches, in order.
#[derive(Debug, Default)]
pub(super) struct Open {
    stretches: VecDeque<Stretch>,
    /// Whether what comes next begins a stretch of its own, because what was before it has its end.
    is_closed: bool,
}

impl Open {
    /// From `open_from` to `next`, as a client's mark says it.
    pub(super) fn of(mark: Mark) -> Self {
        let mut open = Self::default();
        if let Some(last) = mark.next.0.checked_sub(1).map(Seq).filter(|last| *last >= mark.open_from) {
            open.add(Stretch { first: mark.open_from, last });
            open.close();
        }
        open
    }

    /// The first place whose end may still have to be told.
    pub(super) fn first(&self) -> Option<Seq> {
        self.stretches.front().map(|stretch| stretch.first)
    }

    /// The next event has no end.
    pub(super) fn keep(&mut self, place: Seq) {
        self.add(Stretch { first: place, last: place });
    }

    /// The next event has its end.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// What comes next, as one stretch with what is before it unless that is closed.
    pub(super) fn add(&mut self, stretch: Stretch) {
        match self.stretches.back_mut().filter(|_| !self.is_closed) {
            Some(last) => last.last = stretch.last,
            None => self.stretches.push_back(stretch),
        }
        self.is_closed = false;
    }

    /// Everything, to be looked at again.
    pub(super) fn take(&mut self) -> VecDeque<Stretch> {
        self.is_closed = false;
        std::mem::take(&mut self.stretches)
    }

    /// Lets the oldest go where there are too many; says which.
    pub(super) fn trim(&mut self) -> Option<Stretch> {
        let excess = self.stretches.len().checked_sub(MOST).filter(|excess| *excess > 0)?;
        let mut dropped = self.stretches.drain(..excess);
        let first = dropped.next()?;
        let last = dropped.next_back().unwrap_or(first);
        Some(Stretch { first: first.first, last: last.last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(first: u64, last: u64) -> Stretch {
        Stretch { first: Seq(first), last: Seq(last) }
    }

    #[test]
    fn events_without_an_end_are_one_stretch_until_one_with_an_end_is_between() {
        let mut open = Open::default();
        for place in [3, 4, 9] {
            open.keep(Seq(place));
        }
        open.close();
        open.keep(Seq(12));
        assert_eq!(open.first(), Some(Seq(3)));
        assert_eq!(open.take(), [stretch(3, 9), stretch(12, 12)]);
        assert_eq!(open.first(), None);
    }

    #[test]
    fn a_mark_is_a_stretch_and_nothing_joins_it() {
        let mut open = Open::of(Mark::new(Seq(9), Seq(4)));
        open.keep(Seq(9));
        assert_eq!(open.take(), [stretch(4, 8), stretch(9, 9)]);
        assert_eq!(Open::of(Mark::new(Seq(9), Seq(9))).first(), None);
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many() {
        let mut open = Open::default();
        for place in 0..4100 {
            open.keep(Seq(place * 2));
            open.close();
        }
        assert_eq!(open.trim(), Some(stretch(0, 6)));
        assert_eq!(open.first(), Some(Seq(8)));
        assert_eq!(open.trim(), None);
    }
}
