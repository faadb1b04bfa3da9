//! Questions to the log, newest first: which events may match, and how far was looked.
//!
//! Deliberately only what an index can answer; whoever asks looks at each place that is found, because hashes can agree
//! and ends can come meanwhile.
//!
//! First thing to know: an answer may leave nothing out of what it covers, and may always hold too much.

use super::facet::Term;
use super::{Seq, State};
use crate::clock::Millis;

/// How an event stands, to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has no end, and was not refused on ingest.
    Pending,
    /// It ended so. One that was refused on ingest counts as [`State::Failed`], also while its end is on the way.
    Ended(State),
}

/// All of what is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What the event has: each of them.
    pub terms: Vec<Term>,
    /// How it stands.
    pub standing: Option<Standing>,
    /// The reason code: that of its end, which is the same as the one it was refused with, if it was.
    pub code: Option<String>,
    /// Received at this time or later.
    pub from: Option<Millis>,
    /// Received before this time.
    pub to: Option<Millis>,
}

impl Query {
    /// Whether ends decide, beside the events themselves.
    pub fn asks_for_ends(&self) -> bool {
        self.standing.is_some() || self.code.is_some()
    }

    /// Whether an event that was not refused on ingest and ended with this state and code, or is pending, matches as far
    /// as ends decide.
    pub(super) fn admits(&self, end: Option<(State, Option<&str>)>) -> bool {
        let stands = match self.standing {
            None => true,
            Some(Standing::Pending) => end.is_none(),
            Some(Standing::Ended(state)) => end.is_some_and(|(ended, _)| ended == state),
        };
        stands && self.code.as_deref().is_none_or(|code| end.and_then(|(_, code)| code) == Some(code))
    }

    /// Whether events can match because they were refused on ingest.
    pub(super) fn may_be_refused(&self) -> bool {
        match self.standing {
            Some(standing) => standing == Standing::Ended(State::Failed),
            None => self.code.is_some(),
        }
    }

    /// Whether a time between `oldest` and `newest` matches.
    pub fn meets(&self, oldest: Millis, newest: Millis) -> bool {
        self.from.is_none_or(|from| newest >= from) && self.to.is_none_or(|to| oldest < to)
    }
}

/// How much may still be done for an answer, counted in steps and not in time, so that an answer is the same on every
/// machine. A step is a page of ends that is read, 10 to 20 µs (measured 2026-11-23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort(u32);

impl Effort {
    /// This many steps.
    pub fn new(steps: u32) -> Self {
        Self(steps)
    }

    /// Whether nothing more may be done.
    pub fn is_spent(self) -> bool {
        self.0 == 0
    }

    /// Counts a step.
    pub(super) fn spend(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Places that may match, newest first.
    pub places: Vec<Seq>,
    /// Every place from here on was looked at; go on before it. At the first place that is kept there is nothing more.
    pub looked_to: Seq,
}

/// Places of one person's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Newest first.
    pub places: Vec<Seq>,
    /// Go on before this; none once everything was looked at.
    pub next: Option<Seq>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_admitted_by_state_and_code() {
        let query = |standing, code: Option<&str>| Query {
            standing,
            code: code.map(str::to_owned),
            ..Query::default()
        };
        let (dead, delivered) = ((State::Dead, Some("x")), (State::Delivered, None));
        let is_dead = Some(Standing::Ended(State::Dead));
        for (standing, code, ends) in [
            (None, None, [true, true, true]),
            (Some(Standing::Pending), None, [true, false, false]),
            (is_dead, None, [false, true, false]),
            (None, Some("x"), [false, true, false]),
            (is_dead, Some("y"), [false, false, false]),
        ] {
            let query = query(standing, code);
            let found = [None, Some(dead), Some(delivered)].map(|end| query.admits(end));
            assert_eq!(found, ends, "{query:?}");
        }
    }

    #[test]
    fn a_range_of_time_has_its_first_moment_and_not_its_last() {
        let query = Query { from: Some(Millis(10)), to: Some(Millis(20)), ..Query::default() };
        for (oldest, newest, expected) in [(0, 9, false), (0, 10, true), (19, 30, true), (20, 30, false)] {
            assert_eq!(query.meets(Millis(oldest), Millis(newest)), expected, "{oldest} to {newest}");
        }
    }
}
