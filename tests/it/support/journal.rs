//! A journal whose commits wait until the test lets them go.

use async_trait::async_trait;
use std::sync::Arc;
use tapline::clock::Millis;
use tapline::journal::memory::MemoryJournal;
use tapline::journal::{
    AppendError, Appended, Block, Counts, End, Erasure, Journal, JournalError, NewEvent, Replaced, ResendId,
    Seq, Settling, UploadId, UploadNote,
};
use tokio::sync::watch;

/// A [`MemoryJournal`] with a gate before it.
#[derive(Debug)]
pub(crate) struct GatedJournal {
    inner: Arc<MemoryJournal>,
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl GatedJournal {
    /// A closed gate before `inner`.
    pub(crate) fn before(inner: Arc<MemoryJournal>) -> Self {
        Self { inner, open: watch::Sender::new(false), waiting: watch::Sender::new(0) }
    }

    /// Lets every commit go, now and later.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until `count` appends have come to the gate.
    pub(crate) async fn waiting(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting >= count).await.expect("a living gate");
    }
}

#[async_trait]
impl Journal for GatedJournal {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.open.subscribe().wait_for(|open| *open).await.expect("a living gate");
        self.inner.append(events).await
    }

    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.inner.block_from(at).await
    }

    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.inner.block_before(before).await
    }

    fn end(&self) -> Seq {
        self.inner.end()
    }

    fn grown(&self) -> watch::Receiver<Seq> {
        self.inner.grown()
    }

    fn ended(&self) -> watch::Receiver<u64> {
        self.inner.ended()
    }

    fn settled_until(&self) -> Seq {
        self.inner.settled_until()
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.inner.settle(settling).await
    }

    async fn replace(&self, by: ResendId, settling: Settling) -> Result<(), JournalError> {
        self.inner.replace(by, settling).await
    }

    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        self.inner.replaced(block).await
    }

    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        self.inner.ends(block).await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        self.inner.upload(id).await
    }

    fn next_upload(&self) -> UploadId {
        self.inner.next_upload()
    }

    fn counts(&self) -> Counts {
        self.inner.counts()
    }

    fn broken(&self) -> Option<String> {
        self.inner.broken()
    }

    async fn erase(&self, erasures: Vec<Erasure>, now: Millis) -> Result<(), JournalError> {
        self.inner.erase(erasures, now).await
    }
}
