//! The durable journal on one machine, on sled.
//!
//! A data directory holds `main/` (ends, upload notes, counters, the small tables), `gen-<first place>/` (the events, a
//! fresh database every half million) and `lock`. Generations are only added to and dropped whole, so disk space comes
//! back at once; sled's own collection of what was deleted does not keep up (measured 2026-11).
//! Two threads write: the committer events, the settler ends. Everything else reads.
//!
//! It deliberately trusts sled with nothing that it does not keep: see `database.rs` for syncing, `format.rs` for checksums.
//!
//! First thing to know: events are durable before their ends can be, so after a crash no end refers to a lost event.

mod cache;
mod chain;
mod committer;
mod database;
mod format;
mod generation;
mod health;
mod ledger;
mod lock;
mod main_database;
mod options;
mod page;
mod queue;
mod retention;
mod rotation;
mod settler;
mod start;
mod store;

pub use options::{Options, SyncHook};
pub use retention::{Retention, Swept};
pub use store::SledStore;

use self::cache::Cache;
use self::chain::Chain;
use self::committer::Intake;
use self::health::Health;
use self::lock::DirectoryLock;
use self::main_database::MainDatabase;
use self::page::{Page, locate};
use self::settler::Settler;
use super::{
    AppendError, Appended, Block, Counts, End, Journal, JournalError, NewEvent, Seq, Settling, UploadId,
    UploadNote,
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
    main: Arc<MainDatabase>,
    health: Arc<Health>,
    log_end: Arc<AtomicU64>,
    grown: watch::Sender<Seq>,
    sweeping: Mutex<()>,
    _lock: Arc<DirectoryLock>,
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

    /// Makes durable what was handed over, ends the threads and takes nothing more. Reading still works.
    /// Blocks; dropping the last handle does the same.
    pub fn close(&self) {
        self.parts.intake.close();
        self.parts.settler.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has told so through the health.
            let _ = thread.join();
        }
    }

    /// Drops the generations that are past `retention` at `now`, with all that is known of their events.
    pub async fn sweep(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let parts = self.parts.clone();
        blocking(move || parts.sweep(retention, now)).await
    }

    /// Bytes that all databases take on the disk.
    pub fn bytes(&self) -> u64 {
        self.parts.chain.newest().map_or(0, |active| self.parts.chain.bytes(&active))
            + self.parts.main.bytes()
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
        let block = Arc::new(block.filter(|block| block.first < self.end())?);
        self.cache.put(block.clone());
        Some(block)
    }

    fn ends(&self, first: Seq, count: u64) -> Result<Vec<Option<End>>, JournalError> {
        let mut page: Option<(u64, Page)> = None;
        let mut ends = Vec::new();
        for at in (first.0..first.0.saturating_add(count)).map(Seq) {
            let (number, index) = locate(at);
            let (_, page) = match page.take_if(|(known, _)| *known == number) {
                Some(same) => page.insert(same),
                None => page.insert((number, self.main.page(number)?)),
            };
            ends.push(page.end(index));
        }
        Ok(ends)
    }

    fn sweep(&self, retention: Retention, now: Millis) -> Result<Swept, JournalError> {
        let _one_at_a_time = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(active) = self.chain.newest() else { return Ok(Swept::default()) };
        let settled_until = self.settled_until();
        retention::Sweep {
            chain: &self.chain,
            main: &self.main,
            cache: &self.cache,
            settled_until,
            active: &active,
        }
        .run(retention, now)
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
        blocking(move || Ok(parts.durable(parts.chain.block_from(at)?))).await
    }

    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        let before = before.min(self.end());
        let Some(last) = before.0.checked_sub(1) else { return Ok(None) };
        if let Some(block) = self.parts.cache.holding(Seq(last)) {
            return Ok(Some(block));
        }
        let parts = self.parts.clone();
        blocking(move || Ok(parts.durable(parts.chain.block_before(before)?))).await
    }

    fn end(&self) -> Seq {
        self.parts.end()
    }

    fn grown(&self) -> watch::Receiver<Seq> {
        self.parts.grown.subscribe()
    }

    fn settled_until(&self) -> Seq {
        self.parts.settled_until()
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.parts.settler.settle(settling).await
    }

    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        let (parts, first, count) = (self.parts.clone(), block.first, block.entries.len() as u64);
        blocking(move || parts.ends(first, count)).await
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
}
