//! The log as it grows: newly accepted events that a filter lets through, and what becomes of them.
//!
//! A tail is a cursor over the log and holds no event: it is woken when events or ends became durable, reads on from its
//! place, and reads no further than it is asked to. So whoever is slow costs nothing, nothing is sampled, and a place is
//! all that is needed to go on, also after a restart.
//!
//! What is told, in one order: an event once it is let through ([`Told::Event`]), which for a filter by state or code may
//! be with its end; that an event which was told has its end now ([`Told::Change`]); and what is not told
//! ([`Told::Gap`]). Whoever goes on from a [`Mark`] gets each event that came after it exactly once. An end that was told
//! shortly before may be told again: it says the same. Deliberately not told: an end that a job replaces later on; the
//! job tells that.
//!
//! First thing to know: places only grow and an end comes once, so "told" is two numbers.

mod mark;
mod open;

pub use mark::Mark;

use super::event::{Filter, Row, Stage, end_of};
use super::{Admin, AdminError};
use crate::journal::{Block, End, Entry, Journal, JournalError, Seq};
use open::{Open, Stretch};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// Tails at once, console and API together. Each may read a few blocks of the log four times a second.
pub const MOST_TAILS: usize = 32;

/// Something is told at least this often, if only how far the log was looked at.
pub const BEAT: Duration = Duration::from_secs(15);

/// News are gathered for this long, so that a busy log is told in few pieces.
const GATHER: Duration = Duration::from_millis(200);

/// Rows of one piece.
const ROWS: usize = 100;

/// Bytes of names and ids in one piece, which bounds it where they are long.
const BYTES: usize = 256 * 1024;

/// Blocks read for one piece: some 12,000 events of 2 KB.
const BLOCKS: usize = 64;

/// How many places back ends are still told to whoever goes on. Further back a list is the better answer.
pub(super) const BACK: u64 = 100_000;

/// One thing told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An event that the filter lets through.
    Event {
        /// The event, as it stands.
        row: Row,
        /// How far this is, where it is in the order of the log. None where an end let it through later.
        mark: Option<Mark>,
    },
    /// An event that was told has its end.
    Change {
        /// The event, as it stands.
        row: Row,
        /// Whether the filter still lets it through.
        matches: bool,
    },
    /// Of these places nothing more is told: they were dropped, or so many are on their way that the oldest are let go.
    Gap {
        /// The first.
        from: Seq,
        /// The last.
        to: Seq,
    },
}

/// What is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// In order; nothing when this only says how far the log was looked at.
    pub told: Vec<Told>,
    /// How far all of it is.
    pub mark: Mark,
}

/// The places for tails, and the word that ends them.
#[derive(Debug)]
pub(super) struct TailDesk {
    places: Arc<Semaphore>,
    over: watch::Sender<bool>,
}

impl Default for TailDesk {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_TAILS)), over: watch::Sender::new(false) }
    }
}

impl Admin {
    /// Tells what `filter` lets through from `mark` on, or from now on. None while there are [`MOST_TAILS`], and once the
    /// process is stopping.
    pub fn tail(&self, filter: Filter, mark: Option<Mark>) -> Option<Tail> {
        let place = Arc::clone(&self.tails.places).try_acquire_owned().ok()?;
        let over = self.tails.over.subscribe();
        if *over.borrow() {
            return None;
        }
        let journal = Arc::clone(&self.ground.journal);
        let mark = mark.unwrap_or_else(|| Mark::new(journal.end(), journal.end()));
        Some(Tail {
            filter,
            grown: journal.grown(),
            ended: journal.ended(),
            journal,
            next: mark.next,
            open: Open::of(mark),
            from_mark: Some(mark),
            look_back: LookBack { is_due: true, at: Seq(0) },
            is_behind: true,
            over,
            _place: place,
        })
    }

    /// Ends every tail, and lets none begin: the process is stopping.
    pub fn end_tails(&self) {
        self.tails.over.send_replace(true);
    }
}

/// The log as it grows, for one client.
pub struct Tail {
    filter: Filter,
    journal: Arc<dyn Journal>,
    grown: watch::Receiver<Seq>,
    ended: watch::Receiver<u64>,
    /// Events before this have been looked at.
    next: Seq,
    open: Open,
    /// Where a client goes on, until that was compared with the log.
    from_mark: Option<Mark>,
    look_back: LookBack,
    /// Whether the last piece was cut short.
    is_behind: bool,
    over: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// How far the open stretches have been looked at since ends last came.
#[derive(Debug)]
struct LookBack {
    /// Whether ends came since the last look began.
    is_due: bool,
    /// Where the last look had to stop; nought where it came to its end.
    at: Seq,
}

impl LookBack {
    fn has_rest(&self) -> bool {
        self.is_due || self.at > Seq(0)
    }
}

impl Tail {
    /// What is told next; waits for it, up to [`BEAT`]. None once the process is stopping.
    pub async fn next(&mut self) -> Result<Option<Piece>, AdminError> {
        let beat = Instant::now() + BEAT;
        loop {
            let is_new = self.is_behind || self.wait(beat).await;
            if self.is_over() {
                return Ok(None);
            }
            let told = if is_new { self.look().await? } else { Vec::new() };
            if !told.is_empty() || Instant::now() >= beat {
                return Ok(Some(Piece { told, mark: self.mark() }));
            }
            // A long search shares the thread with other requests.
            tokio::task::yield_now().await;
        }
    }

    /// Waits for news and gathers them; false when there were none for too long.
    async fn wait(&mut self, beat: Instant) -> bool {
        tokio::select! {
            _ = self.over.wait_for(|over| *over) => return true,
            () = std::future::ready(()), if self.look_back.has_rest() => {}
            // Without a sender the journal is closed, and the process about to stop.
            Ok(()) = self.grown.changed() => {}
            Ok(()) = self.ended.changed() => self.look_back.is_due = true,
            () = sleep_until(beat) => return false,
        }
        tokio::select! {
            _ = self.over.wait_for(|over| *over) => {}
            () = sleep(GATHER) => {}
        }
        true
    }

    fn is_over(&self) -> bool {
        *self.over.borrow() || self.over.has_changed().is_err()
    }

    fn mark(&self) -> Mark {
        Mark::new(self.next, self.open.first().unwrap_or(self.next))
    }

    async fn look(&mut self) -> Result<Vec<Told>, JournalError> {
        let mut piece = Pending { told: Vec::new(), bytes: 0, blocks: 0 };
        self.fit(&mut piece);
        // Marked as seen before reading, so that what comes meanwhile wakes again.
        self.look_back.is_due |= self.ended.has_changed().unwrap_or(false);
        self.ended.mark_unchanged();
        let end = *self.grown.borrow_and_update();
        self.look_back(&mut piece).await?;
        self.read_on(end.max(self.journal.end()), &mut piece).await?;
        if let Some(Stretch { first, last }) = self.open.trim() {
            piece.told.push(Told::Gap { from: first, to: last });
        }
        self.is_behind = self.next < end;
        Ok(piece.told)
    }

    /// Brings a client's mark and the log together: the log may have been swept, or be an older copy.
    fn fit(&mut self, piece: &mut Pending) {
        let Some(mark) = self.from_mark.take() else { return };
        let (kept, end) = (self.journal.kept_from(), self.journal.end());
        if mark.next > end {
            self.next = end;
            self.open = Open::default();
            piece.told.push(Told::Gap { from: end, to: Seq(mark.next.0.saturating_sub(1)) });
            return;
        }
        let back = kept.max(Seq(mark.next.0.saturating_sub(BACK)));
        if mark.open_from < back {
            piece.told.push(Told::Gap { from: mark.open_from, to: Seq(back.0.saturating_sub(1)) });
        }
        self.next = mark.next.max(kept);
        self.open = Open::of(Mark::new(self.next, mark.open_from.max(back)));
    }

    /// Looks again at events that had no end, as far as the piece goes.
    async fn look_back(&mut self, piece: &mut Pending) -> Result<(), JournalError> {
        if !self.look_back.has_rest() {
            return Ok(());
        }
        let from = self.look_back.at;
        if from == Seq(0) {
            self.look_back.is_due = false;
        }
        let mut stopped_at = None;
        for stretch in self.open.take() {
            if stopped_at.is_some() || stretch.last < from {
                self.open.add(stretch);
            } else {
                let first = stretch.first.max(from);
                if stretch.first < first {
                    self.open.add(Stretch { first: stretch.first, last: Seq(first.0.saturating_sub(1)) });
                }
                stopped_at = self.look_through(Stretch { first, last: stretch.last }, piece).await?;
                if let Some(at) = stopped_at {
                    self.open.add(Stretch { first: at, last: stretch.last });
                }
            }
            self.open.close();
        }
        self.look_back.at = stopped_at.unwrap_or_default();
        Ok(())
    }

    /// Looks at one stretch and keeps what still has no end of it; where it had to stop.
    async fn look_through(
        &mut self,
        stretch: Stretch,
        piece: &mut Pending,
    ) -> Result<Option<Seq>, JournalError> {
        let mut at = stretch.first;
        while at <= stretch.last {
            if piece.is_full() {
                return Ok(Some(at));
            }
            let Some(block) = self.journal.block_from(at).await? else { break };
            let ends = self.journal.ends(&block).await?;
            piece.blocks += 1;
            for (place, entry) in block.iter().filter(|(place, _)| (at..=stretch.last).contains(place)) {
                let Some(summary) = self.filter.admit_entry(entry) else { continue };
                let end = end_of(&block, &ends, place);
                if is_open(entry, end) {
                    self.open.keep(place);
                    continue;
                }
                self.open.close();
                let (was_told, matches) =
                    (self.filter.admit_end(entry, None), self.filter.admit_end(entry, end));
                let row = Row::of(place, entry, end, summary);
                match (was_told, matches) {
                    (true, matches) => piece.tell(Told::Change { row, matches }),
                    (false, true) => piece.tell(Told::Event { row, mark: None }),
                    (false, false) => {}
                }
            }
            at = block.end();
        }
        Ok(None)
    }

    /// Reads on, to `end` or until the piece is full.
    async fn read_on(&mut self, end: Seq, piece: &mut Pending) -> Result<(), JournalError> {
        while self.next < end && !piece.is_full() {
            let Some(block) = self.journal.block_from(self.next).await? else { return Ok(()) };
            if block.first > self.next {
                piece.told.push(Told::Gap { from: self.next, to: Seq(block.first.0.saturating_sub(1)) });
                self.next = block.first;
            }
            let ends = self.journal.ends(&block).await?;
            piece.blocks += 1;
            self.read_block(&block, &ends, piece);
        }
        Ok(())
    }

    fn read_block(&mut self, block: &Block, ends: &[Option<End>], piece: &mut Pending) {
        let from = self.next;
        for (place, entry) in block.iter().filter(|(place, _)| *place >= from) {
            if piece.has_its_rows() {
                return;
            }
            self.next = place.next();
            let Some(summary) = self.filter.admit_entry(entry) else { continue };
            let end = end_of(block, ends, place);
            match is_open(entry, end) {
                true => self.open.keep(place),
                false => self.open.close(),
            }
            if self.filter.admit_end(entry, end) {
                let row = Row::of(place, entry, end, summary);
                let mark = Some(self.mark());
                piece.tell(Told::Event { row, mark });
            }
        }
    }
}

/// Whether an end is still to come that would be told.
fn is_open(entry: &Entry, end: Option<&End>) -> bool {
    Stage::of(entry, end) == Stage::Pending
}

/// A piece on its way.
struct Pending {
    told: Vec<Told>,
    bytes: usize,
    blocks: usize,
}

impl Pending {
    fn tell(&mut self, told: Told) {
        if let Told::Event { row, .. } | Told::Change { row, .. } = &told {
            self.bytes = self.bytes.saturating_add(row.summary.name.len() + row.summary.anonymous_id.len());
        }
        self.told.push(told);
    }

    fn has_its_rows(&self) -> bool {
        self.told.len() >= ROWS || self.bytes >= BYTES
    }

    fn is_full(&self) -> bool {
        self.has_its_rows() || self.blocks >= BLOCKS
    }
}
