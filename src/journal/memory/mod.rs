//! A journal and a store that live in memory: for tests, and as the plain statement of what the durable ones must do.
//!
//! Deliberately not durable and never forgetting: everything is gone with the process and nothing before that.
//!
//! First thing to know: the bound counts events that have not ended, so settling makes room again.

mod store;

pub use store::MemoryStore;

use super::window::{Window, WindowPolicy};
use super::{
    AppendError, Appended, Block, Counts, End, Entry, Erasure, Journal, JournalError, NewEvent, Replaced,
    ResendId, Seq, Settling, UploadId, UploadNote,
};
use crate::clock::Millis;
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many events a block holds at most.
const BLOCK_EVENTS: usize = 256;

/// A [`Journal`] in memory.
#[derive(Debug)]
pub struct MemoryJournal {
    log: Mutex<Log>,
    grown: watch::Sender<Seq>,
    ended: watch::Sender<u64>,
    next_upload: AtomicU64,
}

#[derive(Debug)]
struct Log {
    blocks: BTreeMap<u64, Arc<Block>>,
    ends: Vec<Option<End>>,
    replaced: HashMap<usize, Replaced>,
    settled_until: usize,
    counts: Counts,
    uploads: HashMap<UploadId, UploadNote>,
    window: Window,
    bound: usize,
    broken: Option<String>,
    append_failures: VecDeque<AppendError>,
    settle_failures: VecDeque<JournalError>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal without a bound, with the usual window.
    pub fn new() -> Self {
        Self::with_window(WindowPolicy::default())
    }

    /// An empty journal without a bound.
    pub fn with_window(window: WindowPolicy) -> Self {
        let log = Log {
            blocks: BTreeMap::new(),
            ends: Vec::new(),
            replaced: HashMap::new(),
            settled_until: 0,
            counts: Counts::default(),
            uploads: HashMap::new(),
            window: Window::new(window),
            bound: usize::MAX,
            broken: None,
            append_failures: VecDeque::new(),
            settle_failures: VecDeque::new(),
        };
        let (grown, ended) = (watch::Sender::new(Seq(0)), watch::Sender::default());
        Self { log: Mutex::new(log), grown, ended, next_upload: AtomicU64::new(1) }
    }

    /// From now on an append that would leave more than `events` without an end is answered [`AppendError::Full`].
    pub fn set_bound(&self, events: usize) {
        self.log().bound = events;
    }

    /// Makes the next append fail with `error` and store nothing. Several failures are used up in turn;
    /// [`AppendError::Broken`] lasts, as it does on a disk.
    pub fn fail_next_append(&self, error: AppendError) {
        self.log().append_failures.push_back(error);
    }

    /// Makes the next settling fail with `error` and store nothing. Several failures are used up in turn.
    pub fn fail_next_settle(&self, error: JournalError) {
        self.log().settle_failures.push_back(error);
    }

    fn settle_by(&self, by: Option<ResendId>, settling: Settling) -> Result<(), JournalError> {
        let settled = self.log().settle(by, settling);
        self.ended.send_modify(|count| *count += 1);
        settled
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn end(&self) -> Seq {
        Seq(self.ends.len() as u64)
    }

    fn append(&mut self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        if let Some(error) = self.append_failures.pop_front() {
            if let AppendError::Broken(reason) = &error {
                self.broken = Some(reason.clone());
            }
            return Err(error);
        }
        if let Some(reason) = &self.broken {
            return Err(AppendError::Broken(reason.clone()));
        }
        let pending = usize::try_from(self.counts.pending).unwrap_or(usize::MAX);
        if !events.is_empty() && pending.saturating_add(events.len()) > self.bound {
            return Err(AppendError::Full { retry_after: Duration::from_secs(1) });
        }
        let mut open = Block { first: self.end(), entries: Vec::new() };
        let answers = events.into_iter().map(|event| self.store(event, &mut open)).collect();
        self.close_block(open);
        Ok(answers)
    }

    fn store(&mut self, event: NewEvent, open: &mut Block) -> Appended {
        if let Some(first) = self.window.find(event.dedup, event.received_at) {
            return Appended::Duplicate(first);
        }
        let at = self.end();
        self.window.push(at, event.dedup, event.received_at);
        let body = bytes::Bytes::from(event.body);
        let NewEvent { received_at, refusal, .. } = event;
        open.entries.push(Entry { received_at, refusal, is_lost: false, erased_at: None, body });
        self.ends.push(None);
        self.counts.accepted += 1;
        self.counts.pending += 1;
        if open.entries.len() >= BLOCK_EVENTS {
            let next = Block { first: self.end(), entries: Vec::new() };
            self.close_block(std::mem::replace(open, next));
        }
        Appended::Stored(at)
    }

    // A block never changes once it can be read, so a reader that goes on at its end misses nothing.
    fn close_block(&mut self, block: Block) {
        if !block.entries.is_empty() {
            self.blocks.insert(block.first.0, Arc::new(block));
        }
    }

    fn settle(&mut self, by: Option<ResendId>, settling: Settling) -> Result<(), JournalError> {
        if let Some(error) = self.settle_failures.pop_front() {
            return Err(error);
        }
        if let Some(reason) = &self.broken {
            return Err(JournalError::Storage(reason.clone()));
        }
        if let Some(note) = settling.upload {
            self.uploads.insert(note.id, note);
        }
        for (at, end) in settling.ends {
            let Ok(index) = usize::try_from(at.0) else { continue };
            match (self.ends.get_mut(index), by) {
                (Some(slot @ None), None) => {
                    self.counts.end_one(end.state);
                    *slot = Some(end);
                }
                (Some(Some(known)), Some(by)) => {
                    self.counts.move_one(known.state, end.state);
                    let first = std::mem::replace(known, end);
                    self.replaced.entry(index).or_insert(Replaced { first, by }).by = by;
                }
                _ => {}
            }
        }
        while let Some(Some(_)) = self.ends.get(self.settled_until) {
            self.settled_until += 1;
        }
        Ok(())
    }

    fn erase(&mut self, erasures: Vec<Erasure>, now: Millis) -> Result<(), JournalError> {
        for Erasure { at, remains } in erasures {
            let Some((_, block)) = self.blocks.range_mut(..=at.0).next_back() else { continue };
            let index = at.0.checked_sub(block.first.0).and_then(|index| usize::try_from(index).ok());
            let entry = index.and_then(|index| Arc::make_mut(block).entries.get_mut(index));
            if let Some(entry) = entry {
                *entry = Entry::erased(entry.received_at, now, remains.into());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        let mut log = self.log();
        let answer = log.append(events);
        let end = log.end();
        drop(log);
        self.grown.send_if_modified(|known| {
            let moved = *known < end;
            *known = end.max(*known);
            moved
        });
        answer
    }

    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        let log = self.log();
        let holding = log.blocks.range(..=at.0).next_back().filter(|(_, block)| block.get(at).is_some());
        let found = holding.or_else(|| log.blocks.range(at.0..).next());
        Ok(found.map(|(_, block)| block.clone()))
    }

    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        Ok(self.log().blocks.range(..before.0).next_back().map(|(_, block)| block.clone()))
    }

    fn end(&self) -> Seq {
        self.log().end()
    }

    fn grown(&self) -> watch::Receiver<Seq> {
        self.grown.subscribe()
    }

    fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn settled_until(&self) -> Seq {
        Seq(self.log().settled_until as u64)
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.settle_by(None, settling)
    }

    async fn replace(&self, by: ResendId, settling: Settling) -> Result<(), JournalError> {
        self.settle_by(Some(by), settling)
    }

    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        let log = self.log();
        let of = |at: Seq| usize::try_from(at.0).ok().and_then(|index| log.replaced.get(&index).cloned());
        Ok(block.iter().map(|(at, _)| of(at)).collect())
    }

    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        let log = self.log();
        let end_of =
            |at: Seq| usize::try_from(at.0).ok().and_then(|index| log.ends.get(index).cloned().flatten());
        Ok(block.iter().map(|(at, _)| end_of(at)).collect())
    }

    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        Ok(self.log().uploads.get(&id).cloned())
    }

    fn next_upload(&self) -> UploadId {
        UploadId(self.next_upload.fetch_add(1, Ordering::Relaxed))
    }

    fn counts(&self) -> Counts {
        self.log().counts
    }

    fn broken(&self) -> Option<String> {
        self.log().broken.clone()
    }

    async fn erase(&self, erasures: Vec<Erasure>, now: Millis) -> Result<(), JournalError> {
        self.log().erase(erasures, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{DedupKey, State};

    fn event(number: u128) -> NewEvent {
        NewEvent { dedup: DedupKey(number), received_at: Millis(0), refusal: None, body: b"{}".to_vec() }
    }

    #[tokio::test]
    async fn past_its_bound_it_is_full_until_events_end() {
        let journal = MemoryJournal::new();
        journal.set_bound(2);
        journal.append(vec![event(1), event(2)]).await.unwrap();
        assert!(matches!(journal.append(vec![event(3)]).await, Err(AppendError::Full { .. })));
        let end =
            End { state: State::Delivered, code: None, message: None, upload: None, revision: String::new() };
        journal.settle(Settling { upload: None, ends: vec![(Seq(0), end)] }).await.unwrap();
        assert_eq!(journal.append(vec![event(3)]).await.unwrap(), [Appended::Stored(Seq(2))]);
    }

    #[tokio::test]
    async fn injected_failures_come_once_and_a_broken_disk_stays_broken() {
        let journal = MemoryJournal::new();
        journal.fail_next_append(AppendError::Full { retry_after: Duration::from_secs(7) });
        journal.fail_next_settle(JournalError::Storage("slow".to_owned()));
        let full = journal.append(vec![event(1)]).await;
        assert!(matches!(full, Err(AppendError::Full { retry_after }) if retry_after.as_secs() == 7));
        assert!(journal.settle(Settling::default()).await.is_err());
        journal.settle(Settling::default()).await.unwrap();
        assert_eq!(journal.append(vec![event(1)]).await.unwrap(), [Appended::Stored(Seq(0))]);
        journal.fail_next_append(AppendError::Broken("gone".to_owned()));
        for _ in 0..2 {
            assert!(matches!(journal.append(vec![event(2)]).await, Err(AppendError::Broken(_))));
        }
        assert_eq!(journal.broken().as_deref(), Some("gone"));
        assert_eq!(journal.end(), Seq(1));
    }
}
