//! The durable journal on one machine, on sled.
//!
//! A data directory holds `main/` (ends, upload notes, counters, the small tables), `gen-<first place>/` (the events, a
//! fresh database every half million) and `lock`. Generations are only added to and dropped whole, so disk space comes
//! back at once; sled's own collection of what was deleted does not keep up (measured 2026-11).
//! Two threads write: the committer events, the settler ends. Everything else reads, and one more thread makes indices.
//!
//! It deliberately trusts sled with nothing that it does not keep: see `database.rs` for syncing, `format.rs` for checksums.
//! What damage leaves is read without sled by `salvage/` and put in place by `repair.rs`; `shield.rs` has that done before
//! sled opens what is damaged.
//! Erased events are noted in `main/` and hidden from readers by `erasure.rs` until `purge.rs` has written their generation
//! anew.
//!
//! First thing to know: events are durable before their ends can be, so after a crash no end refers to a lost event.

mod cache;
mod chain;
mod committer;
mod damage;
mod database;
mod digest;
mod erasure;
mod format;
mod generation;
mod health;
mod index;
mod indexer;
mod inspection;
mod ledger;
mod lock;
mod main_database;
mod options;
mod page;
mod page_copy;
mod purge;
mod queue;
mod rebuild;
mod repair;
mod retention;
mod room;
mod rotation;
mod salvage;
mod search;
mod settler;
mod shield;
mod snapshot;
mod start;
mod store;
mod watermark;
mod witness;

pub use options::{Options, SyncHook};
pub use purge::{PurgeHook, PurgeStep};
pub use rebuild::RestoreError;
pub use repair::{Repair, RepairError, RepairStep, Repaired};
pub use salvage::Salvaged;
pub use store::SledStore;

use self::cache::Cache;
use self::chain::Chain;
use self::committer::Intake;
use self::damage::Damage;
use self::erasure::Erasures;
use self::health::Health;
use self::index::Index;
use self::lock::DirectoryLock;
use self::main_database::MainDatabase;
use self::page::{Page, locate};
use self::room::Room;
use self::settler::Settler;
use self::snapshot::Snapshot;
use super::backup::{BackupError, Finding, Findings, Source};
use super::room::is_longer_ago;
use super::{
    AppendError, Appended, Block, Counts, Effort, End, Erasure, Full, Journal, JournalError, NewEvent,
    Notice, Purged, Query, Replaced, ResendId, Retention, Seq, Settling, Sought, Swept, UploadId, UploadNote,
    Usage,
};
use crate::clock::Millis;
use async_trait::async_trait;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The [`Journal`] of one machine.
pub struct SledJournal {
    parts: Arc<Parts>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What callers and threads share.
struct Parts {
    intake: Arc<Intake>,
    settler: Settler,
    chain: Arc<Chain>,
    cache: Arc<Cache>,
    index: Arc<Index>,
    damage: Damage,
    erasures: Erasures,
    on_purge: Option<PurgeHook>,
    room: Arc<Room>,
    main: Arc<MainDatabase>,
    health: Arc<Health>,
    log_end: Arc<AtomicU64>,
    notices: Vec<Notice>,
    grown: watch::Sender<Seq>,
    sweeping: Mutex<()>,
    lock: Arc<DirectoryLock>,
}

impl std::fmt::Debug for SledJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledJournal").field("end", &self.parts.end()).finish_non_exhaustive()
    }
}

impl SledJournal {
    /// Opens the journal and the store in `directory`, which is made if there is none.
    /// Blocks while databases are opened and the window of known events is read: about 0.2 s for a million events.
    pub fn open(directory: &Path, options: Options) -> Result<(Arc<Self>, Arc<SledStore>), JournalError> {
        start::open(directory, options)
    }

    /// Waits until everything that is durable now is indexed, so that no list has to look through it. Blocks.
    pub fn wait_until_indexed(&self) {
        self.parts.index.wait_until_idle();
    }

    /// Makes `directory`, which is empty or new, what the backup was taken of; says what that is. Blocks.
    pub fn restore(source: &mut dyn Source, directory: &Path) -> Result<Findings, RestoreError> {
        rebuild::restore(source, directory)
    }

    /// Makes a damaged directory one that opens, with everything that can be read, and keeps the damaged files beside it.
    /// Calls `told` after each step. After a kill at any moment the directory is as it was, or is repaired by the next
    /// opening or repair. Blocks.
    pub fn repair(
        directory: &Path,
        now: Millis,
        told: &mut dyn FnMut(RepairStep),
    ) -> Result<Repaired, RepairError> {
        repair::repair(directory, now, told)
    }

    /// What is wrong with a directory whose logs are damaged, read without opening it; none where they are whole. Blocks.
    pub fn inspect_damage(directory: &Path, now: Millis) -> Result<Option<Findings>, BackupError> {
        inspection::inspect_damage(directory, now)
    }

    /// Compares the indices in files with the events they were made of; says which disagree, and has those made anew
    /// where that is asked for. Blocks.
    pub fn inspect_indices(&self, is_to_renew: bool) -> Vec<Finding> {
        inspection::inspect_indices(&self.parts, is_to_renew)
    }

    /// Reads everything that a backup or [`Journal::snapshot`] hands out, and whether it fits together. Blocks.
    pub fn inspect(source: &mut dyn Source) -> Result<Findings, BackupError> {
        inspection::inspect(source)
    }

    /// Makes durable what was handed over, ends the threads and takes nothing more. Reading still works.
    /// Blocks; dropping the last handle does the same.
    pub fn close(&self) {
        self.parts.intake.close();
        self.parts.settler.close();
        self.parts.index.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let is_first_time = !threads.is_empty();
        for thread in threads {
            // A thread that panicked has told so through the health.
            let _ = thread.join();
        }
        if is_first_time && self.parts.health.broken().is_none() {
            shield::note_clean_stop(self.parts.lock.directory());
        }
    }
}

impl Drop for SledJournal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Parts {
    fn end(&self) -> Seq {
        Seq(self.log_end.load(Ordering::Acquire))
    }

    fn settled_until(&self) -> Seq {
        Seq(self.main.standing().settled_until)
    }

    // What is written and not synced yet is not there for readers: it starts at the end.
    fn durable(&self, block: Option<Block>) -> Option<Arc<Block>> {
        let block = block.filter(|block| block.first < self.end())?;
        Some(self.erasures.apply(block, |block| {
            // What stands for lost events is made anew each time, and would only push others out.
            if !block.entries.iter().any(|entry| entry.is_lost) {
                self.cache.put(block.clone());
            }
        }))
    }

    /// What the pages of ends say of consecutive events.
    fn of_pages<T>(
        &self,
        first: Seq,
        count: u64,
        of: impl Fn(&Page, usize) -> Option<T>,
    ) -> Result<Vec<Option<T>>, JournalError> {
        let mut page: Option<(u64, Page)> = None;
        let mut ends = Vec::new();
        for at in (first.0..first.0.saturating_add(count)).map(Seq) {
            let (number, index) = locate(at);
            let (_, page) = match page.take_if(|(known, _)| *known == number) {
                Some(same) => page.insert(same),
                None => page.insert((number, self.main.page(number)?)),
            };
            ends.push(of(page, index));
        }
        Ok(ends)
    }

    fn sweep(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let _one_at_a_time = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        // What a backup has not read yet must stay.
        if self.main.copies().is_active() {
            return Ok(Swept::default());
        }
        let settled_until = self.settled_until();
        let Self { chain, main, cache, room, damage, .. } = self;
        let swept =
            retention::Sweep { chain, main, cache, room, damage, settled_until }.run(retention, now)?;
        self.index.forget_below(chain.oldest());
        // What was dropped is gone from the disk, too.
        self.erasures.forget(main, Seq(0), chain.oldest())?;
        Ok(swept)
    }

    // Whether the newest generation has gone on for so long that its first events would outstay their time.
    fn is_to_rotate(&self, retention: Retention, now: Millis) -> Result<bool, JournalError> {
        let (Some(span), Some(active)) = (retention.part_span(), self.chain.newest()) else {
            return Ok(false);
        };
        if active.first() >= self.end() {
            return Ok(false);
        }
        let block = self.block_at(active.first())?;
        let first = block.and_then(|block| block.entries.first().map(|entry| entry.received_at));
        Ok(first.is_some_and(|first| is_longer_ago(first, span, now)))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(JournalError::Storage(format!("reading stopped unexpectedly: {error}"))))
}

#[async_trait]
impl Journal for SledJournal {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        self.parts.intake.append(events).await
    }

    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        if at >= self.end() {
            return Ok(None);
        }
        if let Some(block) = self.parts.cache.holding(at) {
            return Ok(Some(block));
        }
        let parts = self.parts.clone();
        blocking(move || Ok(parts.durable(parts.block_from(at)?))).await
    }

    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        let before = before.min(self.end());
        let Some(last) = before.0.checked_sub(1) else { return Ok(None) };
        if let Some(block) = self.parts.cache.holding(Seq(last)) {
            return Ok(Some(block));
        }
        let parts = self.parts.clone();
        blocking(move || Ok(parts.durable(parts.block_at(Seq(last))?))).await
    }

    async fn seek(&self, query: &Query, before: Seq, effort: &mut Effort) -> Result<Sought, JournalError> {
        let (parts, query, mut left) = (self.parts.clone(), query.clone(), *effort);
        let (sought, left) =
            blocking(move || parts.seek(&query, before, &mut left).map(|sought| (sought, left))).await?;
        *effort = left;
        Ok(sought)
    }

    fn end(&self) -> Seq {
        self.parts.end()
    }

    fn grown(&self) -> watch::Receiver<Seq> {
        self.parts.grown.subscribe()
    }

    fn ended(&self) -> watch::Receiver<u64> {
        self.parts.settler.ended()
    }

    fn settled_until(&self) -> Seq {
        self.parts.settled_until()
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.parts.settler.settle(None, settling).await
    }

    async fn replace(&self, by: ResendId, settling: Settling) -> Result<(), JournalError> {
        self.parts.settler.settle(Some(by), settling).await
    }

    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        let (parts, first, count) = (self.parts.clone(), block.first, block.entries.len() as u64);
        blocking(move || parts.of_pages(first, count, Page::replaced)).await
    }

    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        let (parts, first, count) = (self.parts.clone(), block.first, block.entries.len() as u64);
        blocking(move || parts.of_pages(first, count, Page::end)).await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        let parts = self.parts.clone();
        blocking(move || parts.main.upload(id)).await
    }

    fn next_upload(&self) -> UploadId {
        self.parts.settler.next_upload()
    }

    fn counts(&self) -> Counts {
        // In this order, because an event is accepted before it ends.
        let standing = self.parts.main.standing();
        standing.counts(self.parts.end())
    }

    fn broken(&self) -> Option<String> {
        self.parts.health.broken()
    }

    fn full(&self) -> Option<Full> {
        self.parts.room.full()
    }

    fn notices(&self) -> Vec<Notice> {
        self.parts.notices.clone()
    }

    fn usage(&self) -> Usage {
        Usage { lost_events: self.parts.damage.events(), ..self.parts.room.usage() }
    }

    fn kept_from(&self) -> Seq {
        self.parts.chain.oldest()
    }

    async fn sweep(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let parts = self.parts.clone();
        if blocking(move || parts.is_to_rotate(retention, now)).await? {
            self.parts.intake.rotate().await;
        }
        let parts = self.parts.clone();
        blocking(move || parts.sweep(retention, now)).await
    }

    async fn erase(&self, erasures: Vec<Erasure>, now: Millis) -> Result<(), JournalError> {
        let parts = self.parts.clone();
        blocking(move || parts.erasures.note(&parts.main, &parts.cache, erasures, parts.end(), now)).await
    }

    async fn purge(&self) -> Result<Purged, JournalError> {
        if self.unpurged() == 0 {
            return Ok(Purged::default());
        }
        let newest = self.parts.chain.newest().map(|generation| generation.first());
        if newest.is_some_and(|first| self.parts.erasures.reach(first)) {
            self.parts.intake.rotate().await;
        }
        let parts = self.parts.clone();
        blocking(move || parts.purge()).await
    }

    fn unpurged(&self) -> u64 {
        self.parts.erasures.count()
    }

    async fn snapshot(&self, now: Millis) -> Result<Box<dyn Source>, BackupError> {
        let parts = self.parts.clone();
        let begun = tokio::task::spawn_blocking(move || Snapshot::begin(parts, now)).await;
        let begun = begun
            .map_err(|error| JournalError::Storage(format!("a backup stopped unexpectedly: {error}")))?;
        Ok(Box::new(begun?))
    }
}
