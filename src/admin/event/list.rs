//! The list of events, newest first, a page at a time.
//!
//! A page is named by the place it begins before. Places only grow, so going on neither skips nor repeats an event while
//! new ones arrive. A filter that finds little looks at a bounded number of events and says how far it got.

use super::filter::reason_code;
use super::{Filter, Stage, Summary, end_of};
use crate::admin::{Admin, AdminError};
use crate::clock::Millis;
use crate::journal::Seq;

/// Rows on a page.
const ROWS: usize = 50;
/// Events looked at for one page; what remains is a click away.
const SCANNED_AT_MOST: usize = 10_000;
/// Bytes of events looked at for one page, which bounds the time where events are large.
const BYTES_AT_MOST: usize = 32 * 1024 * 1024;

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

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventList {
    /// The rows, newest first.
    pub rows: Vec<Row>,
    /// The next page begins before this; none where there is nothing more.
    pub next: Option<Seq>,
    /// How many events were looked at.
    pub scanned: usize,
    /// When the oldest event looked at was received.
    pub back_to: Option<Millis>,
    /// Whether the page is short because it looked at as many as it may.
    pub cut_short: bool,
}

impl Admin {
    /// The events before `before` (or the newest) that `filter` lets through.
    pub async fn events(&self, filter: &Filter, before: Option<Seq>) -> Result<EventList, AdminError> {
        let journal = &self.ground.journal;
        let mut list =
            EventList { rows: Vec::new(), next: None, scanned: 0, back_to: None, cut_short: false };
        let mut bytes = 0_usize;
        let mut at = before.unwrap_or_else(|| journal.end());
        while let Some(block) = journal.block_before(at).await? {
            let ends = journal.ends(&block).await?;
            for (seq, entry) in block.iter().rev() {
                let end = end_of(&block, &ends, seq);
                if seq >= at {
                    continue;
                }
                if list.rows.len() == ROWS || list.scanned == SCANNED_AT_MOST || bytes >= BYTES_AT_MOST {
                    // There is at least this one more.
                    list.next = Some(at);
                    list.cut_short = list.rows.len() < ROWS;
                    return Ok(list);
                }
                at = seq;
                list.scanned += 1;
                bytes = bytes.saturating_add(entry.body.len());
                list.back_to = Some(entry.received_at);
                if let Some(summary) = filter.admit(entry, end) {
                    list.rows.push(Row {
                        seq,
                        received_at: entry.received_at,
                        is_erased: entry.erased_at.is_some(),
                        stage: Stage::of(entry, end),
                        summary,
                        code: reason_code(entry, end).cloned(),
                    });
                }
            }
            at = at.min(block.first);
            // A long search shares the thread with other requests.
            tokio::task::yield_now().await;
        }
        Ok(list)
    }
}
