//! How far one job has got: pure, no sending and no storing.
//!
//! Events end out of order, and the cursor only moves over what has ended. So what a job came to is kept in two parts:
//! the tally up to the cursor, which is stored with it, and what is known of the events behind it, which is not: after a
//! restart it is read from the journal again.

use crate::admin::resend::{Known, ResendJob, SkipReason, Tally};
use crate::delivery::Ended;
use crate::journal::Seq;
use std::collections::BTreeMap;

/// Selected events that are remembered behind the cursor. One that is tried again for hours holds the cursor, so this is
/// how far a job goes on meanwhile.
const WINDOW_MOST: usize = 10_000;

/// Bytes of records under way.
const BYTES_MOST: usize = 8 << 20;

/// One job under way.
#[derive(Debug)]
pub(super) struct Run {
    /// Where reading goes on.
    pub(super) at: Seq,
    cursor: Seq,
    tally: Tally,
    window: BTreeMap<Seq, Standing>,
    bytes: usize,
    read_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not ended yet, with so many bytes of records.
    UnderWay(usize),
    Known(Known),
}

impl Run {
    /// Goes on where a job was stored.
    pub(super) fn of(job: &ResendJob) -> Self {
        Self {
            at: job.cursor,
            cursor: job.cursor,
            tally: job.tally.clone(),
            window: BTreeMap::new(),
            bytes: 0,
            read_all: false,
        }
    }

    /// Whether there is room for more of the log.
    pub(super) fn wants_more(&self) -> bool {
        !self.read_all && self.window.len() < WINDOW_MOST && self.bytes < BYTES_MOST
    }

    /// The log has been read up to here.
    pub(super) fn read_to(&mut self, at: Seq) {
        self.at = at;
        self.advance();
    }

    /// There is nothing more to read.
    pub(super) fn has_read_all(&mut self) {
        self.read_all = true;
    }

    /// Whether everything selected has ended.
    pub(super) fn is_done(&self) -> bool {
        self.read_all && self.window.is_empty()
    }

    /// An event has been handed to the workers, or its end to the journal.
    pub(super) fn begin(&mut self, seq: Seq, bytes: usize) {
        self.bytes += bytes;
        self.window.insert(seq, Standing::UnderWay(bytes));
    }

    /// An event needs nothing done.
    pub(super) fn note(&mut self, seq: Seq, known: Known) {
        self.window.insert(seq, Standing::Known(known));
    }

    /// Events have their new ends.
    pub(super) fn end(&mut self, ended: Vec<Ended>) {
        for Ended { seq, state, sent } in ended {
            if let Some(standing) = self.window.get_mut(&seq) {
                if let Standing::UnderWay(bytes) = standing {
                    self.bytes = self.bytes.saturating_sub(*bytes);
                }
                *standing = Standing::Known(Known::Done(state, sent));
            }
        }
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(first) = self.window.first_entry()
            && let Standing::Known(known) = *first.get()
        {
            self.cursor = first.remove_entry().0.next();
            count(&mut self.tally, known);
        }
        if self.window.is_empty() {
            self.cursor = self.cursor.max(self.at);
        }
    }

    /// Counts what is behind the cursor, too, because the job goes no further; what was not sent is passed over.
    pub(super) fn cancel(&mut self) {
        for (_, standing) in std::mem::take(&mut self.window) {
            match standing {
                Standing::Known(known) => count(&mut self.tally, known),
                Standing::UnderWay(_) => self.tally.skip(SkipReason::Cancelled),
            }
        }
    }

    /// Puts the cursor and the tally up to it into the job.
    pub(super) fn write(&self, job: &mut ResendJob) {
        job.cursor = self.cursor;
        job.tally = self.tally.clone();
    }
}

fn count(tally: &mut Tally, known: Known) {
    match known {
        Known::Skipped(reason) => tally.skip(reason),
        Known::Done(state, sent) => tally.end(state, sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::State;

    fn run() -> Run {
        Run {
            at: Seq(0),
            cursor: Seq(0),
            tally: Tally::default(),
            window: BTreeMap::new(),
            bytes: 0,
            read_all: false,
        }
    }

    fn delivered(seq: u64) -> Vec<Ended> {
        vec![Ended { seq: Seq(seq), state: State::Delivered, sent: true }]
    }

    #[test]
    fn the_cursor_moves_only_over_what_has_ended_and_the_tally_with_it() {
        let mut run = run();
        run.begin(Seq(2), 10);
        run.begin(Seq(3), 10);
        run.note(Seq(5), Known::Skipped(SkipReason::Pending));
        run.read_to(Seq(9));
        assert_eq!((run.cursor, run.tally.selected), (Seq(0), 0));
        run.end(delivered(3));
        assert_eq!((run.cursor, run.tally.selected, run.bytes), (Seq(0), 0, 10));
        run.end(delivered(2));
        assert_eq!((run.cursor, run.tally.selected, run.bytes), (Seq(9), 3, 0));
        run.has_read_all();
        assert!(run.is_done());
    }

    #[test]
    fn what_was_not_sent_when_it_is_cancelled_counts_as_passed_over() {
        let mut run = run();
        run.begin(Seq(2), 10);
        run.begin(Seq(3), 10);
        run.read_to(Seq(4));
        run.end(delivered(3));
        run.cancel();
        let Tally { selected, delivered, .. } = run.tally;
        assert_eq!((selected, delivered), (2, 1));
        assert_eq!(run.tally.skipped, [(SkipReason::Cancelled, 1)].into());
    }

    #[test]
    fn reading_waits_while_much_is_under_way() {
        let mut run = run();
        assert!(run.wants_more());
        run.begin(Seq(0), BYTES_MOST);
        assert!(!run.wants_more());
        run.end(delivered(0));
        assert!(run.wants_more());
        for seq in 1..=WINDOW_MOST as u64 {
            run.begin(Seq(seq), 0);
        }
        assert!(!run.wants_more());
    }
}
