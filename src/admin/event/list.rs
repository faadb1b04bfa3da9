//! The list of events, newest first, a page at a time.
//!
//! A page is named by the place it begins before. Places only grow, so going on neither skips nor repeats an event while
//! new ones arrive. What the journal's index knows is passed over in no time; what has to be looked at is bounded, and a
//! page that comes to its bound says how far it got.

use super::filter::reason_code;
use super::{Filter, Stage, Summary, end_of};
use crate::admin::tail::{BACK, Mark};
use crate::admin::{Admin, AdminError};
use crate::clock::Millis;
use crate::journal::{Block, Effort, End, Entry, Journal, JournalError, Seq};
use std::sync::Arc;

/// Rows on a page, unless more or fewer are asked for.
const ROWS: usize = 50;
/// The most rows that can be asked for at once.
pub const MOST_ROWS: usize = 200;
/// Events looked at for one page; what remains is a click away.
const LOOKED_AT_MOST: usize = 10_000;
/// Bytes of events looked at for one page, which bounds the time where events are large.
const BYTES_AT_MOST: usize = 16 * 1024 * 1024;
/// Steps of the journal for one page: about 50 ms.
const STEPS: u32 = 4000;

/// One event of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place and name.
    pub seq: Seq,
    /// When it was received.
    pub received_at: Millis,
    /// Whether it was erased at the person's request.
    pub is_erased: bool,
    /// How it stands.
    pub stage: Stage,
    /// Type, name and person.
    pub summary: Summary,
    /// Why it stands so, if there is a reason.
    pub code: Option<String>,
}

impl Row {
    /// The row of an event with this end.
    pub(in crate::admin) fn of(place: Seq, entry: &Entry, end: Option<&End>, summary: Summary) -> Self {
        Self {
            seq: place,
            received_at: entry.received_at,
            is_erased: entry.erased_at.is_some(),
            stage: Stage::of(entry, end),
            summary,
            code: reason_code(entry, end).cloned(),
        }
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventList {
    /// The rows, newest first.
    pub rows: Vec<Row>,
    /// The next page begins before this; none where there is nothing more.
    pub next: Option<Seq>,
    /// How many events are covered, by looking at them or by an index that rules them out.
    pub searched: u64,
    /// When the oldest of them was received, where the page is cut short.
    pub back_to: Option<Millis>,
    /// Whether the page is short because it looked at as many events as it may.
    pub cut_short: bool,
    /// Where a tail goes on from a page of the newest events, so that neither an event nor an end is missed between.
    pub mark: Mark,
}

impl Admin {
    /// The events before `before` (or the newest) that `filter` lets through, a page of them.
    pub async fn events(&self, filter: &Filter, before: Option<Seq>) -> Result<EventList, AdminError> {
        self.events_at_most(filter, before, ROWS).await
    }

    /// The same, with so many rows at most: 1 to [`MOST_ROWS`].
    pub async fn events_at_most(
        &self,
        filter: &Filter,
        before: Option<Seq>,
        most: usize,
    ) -> Result<EventList, AdminError> {
        let journal = &*self.ground.journal;
        let most = most.clamp(1, MOST_ROWS);
        // Before any row is read: an end that comes meanwhile is told once more, and none is missed.
        let (end, settled_until) = (journal.end(), journal.settled_until());
        let start = before.unwrap_or(end).min(end);
        let mut search = Search::new(journal, filter, most);
        let (query, mut effort) = (filter.query(), Effort::new(STEPS));
        let mut at = start;
        while at > journal.kept_from() && search.goes_on() {
            let sought = journal.seek(&query, at, &mut effort).await?;
            at = search.look_at(&sought.places, at).await?.unwrap_or(sought.looked_to);
            search.is_over |= effort.is_spent();
            // A long search shares the thread with other requests.
            tokio::task::yield_now().await;
        }
        let next = Some(at).filter(|at| *at > journal.kept_from());
        let cut_short = next.is_some() && search.rows.len() < most;
        let searched = start.0.saturating_sub(at.0.max(journal.kept_from().0));
        let back_to = if cut_short { search.received_at(at).await? } else { None };
        let pending = search.rows.iter().rev().find(|row| row.stage == Stage::Pending).map(|row| row.seq);
        let open_from = match filter.shows_pending() {
            true => pending.unwrap_or(end),
            // Any event on its way may come to be let through.
            false => settled_until.max(Seq(end.0.saturating_sub(BACK))),
        };
        let mark = Mark::new(end, open_from);
        Ok(EventList { rows: search.rows, next, searched, back_to, cut_short, mark })
    }
}

/// One page on its way.
struct Search<'a> {
    journal: &'a dyn Journal,
    filter: &'a Filter,
    rows: Vec<Row>,
    most: usize,
    looked_at: usize,
    bytes: usize,
    is_over: bool,
    block: Option<Arc<Block>>,
    /// The ends of that block, once they were needed.
    ends: Option<Vec<Option<End>>>,
}

impl<'a> Search<'a> {
    fn new(journal: &'a dyn Journal, filter: &'a Filter, most: usize) -> Self {
        let (rows, block, ends) = (Vec::new(), None, None);
        Self { journal, filter, rows, most, looked_at: 0, bytes: 0, is_over: false, block, ends }
    }

    fn goes_on(&self) -> bool {
        let is_bounded = self.looked_at < LOOKED_AT_MOST && self.bytes < BYTES_AT_MOST;
        is_bounded && !self.is_over && self.rows.len() < self.most
    }

    // Looks at the events at these places; where it had to stop, after which one.
    async fn look_at(&mut self, places: &[Seq], from: Seq) -> Result<Option<Seq>, JournalError> {
        let mut at = from;
        for &place in places {
            if !self.goes_on() {
                return Ok(Some(at));
            }
            at = place;
            self.looked_at += 1;
            let Some(block) = self.block_of(place).await? else { continue };
            let Some(entry) = block.get(place) else { continue };
            self.bytes = self.bytes.saturating_add(entry.body.len());
            let Some(summary) = self.filter.admit_entry(entry) else { continue };
            let ends = match self.ends.take() {
                Some(ends) => ends,
                None => self.journal.ends(&block).await?,
            };
            let end = end_of(&block, &ends, place);
            if self.filter.admit_end(entry, end) {
                self.rows.push(Row::of(place, entry, end, summary));
            }
            self.ends = Some(ends);
        }
        Ok(None)
    }

    async fn block_of(&mut self, place: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        if self.block.as_ref().is_none_or(|block| block.get(place).is_none()) {
            self.block = self.journal.block_from(place).await?;
            self.ends = None;
        }
        Ok(self.block.clone())
    }

    async fn received_at(&mut self, place: Seq) -> Result<Option<Millis>, JournalError> {
        let block = self.block_of(place).await?;
        Ok(block.and_then(|block| block.get(place).map(|entry| entry.received_at)))
    }
}
