//! The index of the generation that is written to: a row of terms for each event, looked through from end to end.
//!
//! Half a million rows are looked through in about two milliseconds, and adding one costs nothing but its 32 bytes; so a
//! generation takes 16 MB while it is open, and becomes a file of sorted terms ([`super::file`]) when it is full.

use super::Narrowed;
use crate::clock::Millis;
use crate::journal::sled::page::EVENTS;
use crate::journal::{Block, Entry, Query, Seq, Term};
use serde::{Deserialize, Serialize};

/// What the events of one generation are found by, in the order of their places.
#[derive(Debug)]
pub(in crate::journal::sled) struct Rows {
    pub(super) first: Seq,
    pub(super) terms: Vec<[Term; 4]>,
    /// Offsets of refused events, each with the code.
    pub(super) refusals: Vec<(u32, Term)>,
    pub(super) times: Times,
}

/// What is read from the events of a block before it is added.
pub(in crate::journal::sled) struct Reading {
    first: Seq,
    events: Vec<([Term; 4], Option<Term>, Millis)>,
}

impl Reading {
    /// Reads the events of `block` from `from` on.
    pub(in crate::journal::sled) fn of(block: &Block, from: Seq) -> Self {
        let read = |entry: &Entry| {
            let refused = entry.refusal.as_ref().map(|refusal| Term::refused_with(&refusal.code));
            (Term::of_entry(entry), refused, entry.received_at)
        };
        let events = block.iter().filter(|(at, _)| *at >= from).map(|(_, entry)| read(entry)).collect();
        Self { first: block.first.max(from), events }
    }
}

impl Rows {
    /// No rows yet, of the generation that starts at `first`.
    pub(in crate::journal::sled) fn new(first: Seq) -> Self {
        Self { first, terms: Vec::new(), refusals: Vec::new(), times: Times::new(first) }
    }

    /// The place after the last row.
    pub(in crate::journal::sled) fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.terms.len() as u64))
    }

    /// Adds what was read. It must follow the last row.
    pub(in crate::journal::sled) fn add(&mut self, reading: Reading) {
        debug_assert_eq!(reading.first, self.end());
        for (terms, refused, received_at) in reading.events {
            self.times.add(self.end(), received_at);
            let offset = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
            self.refusals.extend(refused.map(|code| (offset, code)));
            self.terms.push(terms);
        }
    }

    /// What is left for `query`.
    pub(super) fn narrow(&self, query: &Query) -> Narrowed {
        let has_all = |terms: &[Term; 4]| query.terms.iter().all(|term| terms.contains(term));
        let matching = || {
            let numbered = (0_u32..).zip(&self.terms);
            numbered.filter(|(_, terms)| has_all(terms)).map(|(offset, _)| offset).collect()
        };
        let code = query.code.as_deref().map(Term::refused_with);
        let is_meant = |term: &Term| code.is_none_or(|code| *term == code);
        let refused = self.refusals.iter().filter(|(_, term)| query.may_be_refused() && is_meant(term));
        Narrowed {
            first: self.first,
            end: self.end(),
            matching: (!query.terms.is_empty()).then(matching),
            refused: refused.map(|(offset, _)| *offset).collect(),
            times: self.times.clone().into(),
        }
    }
}

/// Between which times the events of each page were received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::journal::sled) struct Times {
    first_page: u64,
    bounds: Vec<(i64, i64)>,
}

impl Times {
    fn new(first: Seq) -> Self {
        Self { first_page: first.0 / EVENTS, bounds: Vec::new() }
    }

    fn add(&mut self, at: Seq, received_at: Millis) {
        let index = at.0 / EVENTS - self.first_page;
        match usize::try_from(index).ok().and_then(|index| self.bounds.get_mut(index)) {
            Some((oldest, newest)) => {
                (*oldest, *newest) = ((*oldest).min(received_at.0), (*newest).max(received_at.0));
            }
            None => self.bounds.push((received_at.0, received_at.0)),
        }
    }

    /// Whether an event of a page can have been received when `query` asks for.
    pub(in crate::journal::sled) fn meet(&self, page: u64, query: &Query) -> bool {
        let index = page.checked_sub(self.first_page).and_then(|index| usize::try_from(index).ok());
        let bounds = index.and_then(|index| self.bounds.get(index));
        bounds.is_none_or(|(oldest, newest)| query.meets(Millis(*oldest), Millis(*newest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Refusal, Standing, State};

    fn block(first: u64, count: u64) -> Block {
        let refusal = Refusal { code: "too_deep".to_owned(), message: String::new(), pointer: String::new() };
        let entry = |number: u64| Entry {
            received_at: Millis(number as i64 * 1000),
            refusal: number.is_multiple_of(4).then(|| refusal.clone()),
            is_lost: false,
            erased_at: None,
            body: format!(
                r#"{{"type":"track","event":"E{}","userId":"u{}","anonymousId":"a{number}"}}"#,
                number % 2,
                number % 3
            )
            .into(),
        };
        Block { first: Seq(first), entries: (first..first + count).map(entry).collect() }
    }

    fn rows() -> Rows {
        let mut rows = Rows::new(Seq(250));
        rows.add(Reading::of(&block(245, 10), Seq(250)));
        rows.add(Reading::of(&block(255, 5), Seq(250)));
        rows
    }

    #[test]
    fn rows_are_found_by_all_their_terms_together() {
        let rows = rows();
        assert_eq!(rows.end(), Seq(260));
        let found = |terms: &[Term]| {
            rows.narrow(&Query { terms: terms.to_vec(), ..Query::default() }).matching.unwrap()
        };
        assert_eq!(found(&[Term::user("u1")]), [0, 3, 6, 9]);
        assert_eq!(found(&[Term::user("u1"), Term::name("e0"), Term::kind("TRACK")]), [0, 6]);
        assert_eq!(found(&[Term::user("a257")]), [7]);
        assert!(found(&[Term::user("u9")]).is_empty());
        assert_eq!(rows.narrow(&Query::default()).matching, None);
    }

    #[test]
    fn refused_events_are_found_where_failures_or_codes_are_asked_for() {
        let rows = rows();
        let found = |standing, code: Option<&str>| {
            let code = code.map(str::to_owned);
            rows.narrow(&Query { standing, code, ..Query::default() }).refused
        };
        assert_eq!(found(Some(Standing::Ended(State::Failed)), None), [2, 6]);
        assert_eq!(found(None, Some("too_deep")), [2, 6]);
        assert!(found(None, Some("other")).is_empty() && found(Some(Standing::Pending), None).is_empty());
    }

    #[test]
    fn times_are_kept_for_each_page_whichever_way_the_clock_jumped() {
        let mut times = Times::new(Seq(250));
        for (at, millis) in [(250, 5), (255, 9), (256, 3), (257, 100), (258, -4)] {
            times.add(Seq(at), Millis(millis));
        }
        let meet = |page, from: i64, to: i64| {
            times.meet(page, &Query { from: Some(Millis(from)), to: Some(Millis(to)), ..Query::default() })
        };
        assert!(meet(0, 9, 10) && !meet(0, 10, 90) && !meet(0, 0, 5));
        assert!(meet(1, 50, 60) && meet(1, -4, -3) && !meet(1, 101, 200));
        assert!(meet(2, 0, 1), "what is not known can match");
    }
}
