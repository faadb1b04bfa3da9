//! The attempts of events that were sent more than once, for the page of an event.
//!
//! What is taken at the first attempt costs nothing here: its upload's note says it all. Of everything else the attempts
//! are held in memory while the event waits, and written once, after its end is durable. So a process that dies in between
//! loses them, and never an event or its end. Bounded: the first [`FIRST`] and the last [`LAST`] attempts of an event, of
//! at most [`WAITING_MOST`] events that wait and [`KEPT_MOST`] that have ended; those that ended longest ago go first.
//!
//! Nothing of an answer's text is kept, because it echoes personal data: words are the program's own.

use crate::clock::Millis;
use crate::journal::{JournalError, Seq, Store, Table};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// First attempts of an event that are kept.
pub const FIRST: usize = 2;
/// Last attempts of an event that are kept.
pub const LAST: usize = 6;
/// Events that wait to be sent again of which attempts are held.
pub const WAITING_MOST: usize = 20_000;
/// Events that have ended of which attempts are kept.
pub const KEPT_MOST: usize = 20_000;

/// After so many kept events the table is looked through; before that it may hold as many more.
const FORGET_EVERY: usize = 1000;

/// Rows that go into one durable write.
const ROWS: usize = 200;

/// One attempt to send an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// The upload it travelled in.
    pub upload: u64,
    /// When that was sent.
    pub at: Millis,
    /// How long the answer took.
    pub duration_ms: u64,
    /// How many records the upload carried, those of other events included.
    pub records: u32,
    /// HTTP status of the answer; none when no answer came.
    pub status: Option<u16>,
    /// What the upload came to: `success`, `partial`, `fail`, or what happened instead.
    pub answer: String,
    /// What was said of this event's records, each by its number from 1; empty where the answer was about the whole upload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<(u32, String)>,
    /// Not to be tried again before, as planned then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Millis>,
}

/// The attempts of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// In order.
    pub shown: Vec<Attempt>,
    /// How many between the first and the last ones are not kept.
    pub left_out: u32,
}

impl Attempts {
    /// Adds one, leaving out what is between the first and the last ones.
    pub fn push(&mut self, attempt: Attempt) {
        self.shown.push(attempt);
        if self.shown.len() > FIRST + LAST {
            self.shown.remove(FIRST);
            self.left_out = self.left_out.saturating_add(1);
        }
    }
}

/// What is held of events that wait.
#[derive(Debug, Default)]
pub struct History {
    waiting: Mutex<HashMap<Seq, Attempts>>,
    /// Events kept since the process started.
    kept: AtomicUsize,
}

impl History {
    /// The attempts of an event that waits to be sent again.
    pub fn waiting(&self, seq: Seq) -> Option<Attempts> {
        self.lock().get(&seq).cloned()
    }

    /// Notes an attempt after which the event waits.
    pub(super) fn note(&self, seq: Seq, attempt: Attempt) {
        let mut waiting = self.lock();
        if waiting.len() < WAITING_MOST || waiting.contains_key(&seq) {
            waiting.entry(seq).or_default().push(attempt);
        }
    }

    /// Takes out the attempts of an event that has ended with this one; none where it was the first.
    pub(super) fn end(&self, seq: Seq, last: Attempt) -> Option<Attempts> {
        let mut attempts = self.lock().remove(&seq)?;
        attempts.push(last);
        Some(attempts)
    }

    /// Keeps the attempts of events that have ended, and now and then forgets those that are beyond the most that are
    /// kept and those that ended before `kept_from`. Blocks for the disk.
    pub(super) fn keep(
        &self,
        store: &dyn Store,
        ended: Vec<(Seq, Attempts)>,
        kept_from: Seq,
    ) -> Result<(), JournalError> {
        let before = self.kept.fetch_add(ended.len(), Ordering::Relaxed);
        let is_due = before == 0 || before / FORGET_EVERY != (before + ended.len()) / FORGET_EVERY;
        keep_attempts(store, ended)?;
        if is_due { forget_attempts(store, kept_from, KEPT_MOST) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Seq, Attempts>> {
        // Nothing that a panic could leave half done is done under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempts that are kept of an event that has ended. Blocks for the disk.
pub fn kept_attempts(store: &dyn Store, seq: Seq) -> Result<Attempts, JournalError> {
    let row = store.get(Table::Attempts, &key(seq))?;
    // What an older or newer version wrote is no reason to show nothing else of the event.
    Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
}

/// Keeps the attempts of events that have ended, behind those they had before they were sent again. Blocks for the disk.
fn keep_attempts(store: &dyn Store, ended: Vec<(Seq, Attempts)>) -> Result<(), JournalError> {
    for chunk in ended.chunks(ROWS) {
        let mut rows = Vec::with_capacity(chunk.len());
        for (seq, attempts) in chunk {
            let mut kept = kept_attempts(store, *seq)?;
            kept.left_out = kept.left_out.saturating_add(attempts.left_out);
            attempts.shown.iter().for_each(|attempt| kept.push(attempt.clone()));
            rows.push((key(*seq), serde_json::to_vec(&kept).ok()));
        }
        store.put_all(Table::Attempts, &rows)?;
    }
    Ok(())
}

/// Forgets the events that are beyond `most`, and those that the log has dropped. The rows are read as a whole.
fn forget_attempts(store: &dyn Store, kept_from: Seq, most: usize) -> Result<(), JournalError> {
    let rows = store.list(Table::Attempts)?;
    let too_many = rows.len().saturating_sub(most);
    let first_kept = key(kept_from);
    let dropped = rows.partition_point(|(key, _)| *key < first_kept);
    let gone: Vec<_> = rows.into_iter().take(too_many.max(dropped)).map(|(key, _)| (key, None)).collect();
    gone.chunks(ROWS).try_for_each(|chunk| store.put_all(Table::Attempts, chunk))
}

/// Keys sort as places do.
fn key(seq: Seq) -> Vec<u8> {
    seq.0.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            number,
            upload: u64::from(number),
            at: Millis(i64::from(number)),
            duration_ms: 1,
            records: 1,
            status: Some(503),
            answer: "CleverTap had a problem of its own (503)".to_owned(),
            said: Vec::new(),
            next: None,
        }
    }

    fn numbers(attempts: &Attempts) -> Vec<u32> {
        attempts.shown.iter().map(|attempt| attempt.number).collect()
    }

    #[test]
    fn the_first_and_the_last_attempts_of_an_event_are_kept_and_the_rest_counted() {
        let (history, store) = (History::default(), MemoryStore::new());
        assert_eq!(history.end(Seq(7), attempt(1)), None, "taken at once: nothing to keep");
        (1..=11).for_each(|number| history.note(Seq(7), attempt(number)));
        let ended = history.end(Seq(7), attempt(12)).unwrap();
        assert_eq!((numbers(&ended), ended.left_out), (vec![1, 2, 7, 8, 9, 10, 11, 12], 4));
        assert_eq!(history.waiting(Seq(7)), None);
        keep_attempts(&store, vec![(Seq(7), ended.clone())]).unwrap();
        assert_eq!(kept_attempts(&store, Seq(7)).unwrap(), ended);
        let again = Attempts { shown: vec![attempt(1), attempt(2)], left_out: 0 };
        keep_attempts(&store, vec![(Seq(7), again)]).unwrap();
        let kept = kept_attempts(&store, Seq(7)).unwrap();
        assert_eq!((numbers(&kept), kept.left_out), (vec![1, 2, 9, 10, 11, 12, 1, 2], 6));
    }

    #[test]
    fn the_oldest_are_forgotten_and_so_is_what_the_log_has_dropped() {
        let store = MemoryStore::new();
        let one = |seq| (Seq(seq), Attempts { shown: vec![attempt(1)], left_out: 0 });
        keep_attempts(&store, (0..10).map(one).collect()).unwrap();
        forget_attempts(&store, Seq(0), 8).unwrap();
        let kept = || store.list(Table::Attempts).unwrap().len();
        assert_eq!(kept(), 8);
        forget_attempts(&store, Seq(7), 8).unwrap();
        assert_eq!(kept(), 3);
        assert!(kept_attempts(&store, Seq(6)).unwrap().shown.is_empty());
    }
}
