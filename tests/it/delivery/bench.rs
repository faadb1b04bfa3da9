//! Delivery with jobs beside it, over a journal whose sums are checked at every settling.

use super::rig::{Rig, become_said};
use super::script::Script;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapline::admin::resend::{
    Mode, OrderOutcome, Payload, Remapped, Remapping, ResendJob, ResendOrder, Selection,
};
use tapline::admin::{Admin, Environment, Ground, StandIn, Taken};
use tapline::clock::Millis;
use tapline::delivery::{Delivery, Parts, Slots, start};
use tapline::journal::memory::MemoryJournal;
use tapline::journal::{
    AppendError, Appended, Block, Counts, End, Journal, JournalError, NewEvent, Replaced, ResendId, Seq,
    Settling, UploadId, UploadNote,
};
use tapline::resend::{self, Resends};
use tapline::rulebook::LiveRules;
use tokio::sync::watch;

/// Took nothing.
pub(super) struct NoSandbox;

impl StandIn for NoSandbox {
    fn taken(&self, _: usize) -> Taken {
        Taken::default()
    }
}

/// Delivery, and jobs beside it.
pub struct Bench {
    pub rig: Rig,
    pub admin: Arc<Admin>,
    pub script: Arc<Script>,
    pub slots: Slots,
    running: Option<(Delivery, Resends)>,
    _data: tempfile::TempDir,
}

impl Bench {
    /// Over this journal, answered by this script; not started.
    pub fn new(rig: Rig, script: Script) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (settings, _) = rig.settings.load().as_ref().clone();
        let rules = Arc::new(LiveRules::open(data.path().join("none"), &settings).unwrap());
        let slots = Slots::default();
        let admin = Admin::new(Ground {
            clock: rig.clock.clone(),
            store: rig.store.clone(),
            journal: Arc::new(Summed(rig.journal.clone())),
            settings: rig.settings.clone(),
            rules,
            delivery: rig.status.clone(),
            slots: slots.clone(),
            tallies: Arc::default(),
            write_rules: false,
            stand_in: Arc::new(NoSandbox),
            data: data.path().to_owned(),
            environment: Arc::new(Environment::read(|_| None).unwrap()),
        });
        Self { rig, admin: Arc::new(admin), script: Arc::new(script), slots, running: None, _data: data }
    }

    /// Starts both.
    pub fn start(&mut self) {
        let rig = &self.rig;
        let journal = Arc::new(Summed(rig.journal.clone()));
        let delivery = start(Parts {
            journal: journal.clone(),
            store: rig.store.clone(),
            settings: rig.settings.clone(),
            clock: rig.clock.clone(),
            status: rig.status.clone(),
            mapping: rig.mapping(),
            uploader: self.script.clone(),
            slots: self.slots.clone(),
            policy: rig.policy.clone(),
        });
        let resends = resend::start(resend::Parts {
            journal,
            store: rig.store.clone(),
            clock: rig.clock.clone(),
            desk: delivery.desk(),
            remapping: Box::new(SaidRemapping { now: rig.revision.clone() }),
            changed: self.admin.resends_changed(),
        });
        self.running = Some((delivery, resends));
    }

    /// Waits until every event has an end.
    pub async fn idle(&self) {
        self.running.as_ref().unwrap().0.idle().await;
    }

    /// Ends both as a stop of the process does.
    pub async fn stop(&mut self) {
        let (delivery, resends) = self.running.take().unwrap();
        let within = Duration::from_secs(30);
        let (delivered, resent) = tokio::join!(delivery.stop(within), resends.stop(within));
        delivered.and(resent.map_err(|error| panic!("{error}"))).unwrap();
    }

    /// Ends both in the middle of whatever they do, as kill -9 does.
    pub async fn kill(&mut self) {
        let (delivery, resends) = self.running.take().unwrap();
        resends.stop(Duration::ZERO).await.unwrap();
        drop(delivery);
    }

    /// Asks for a job.
    pub async fn ask(&self, selection: Selection, payload: Payload, include_delivered: bool) -> ResendId {
        let order = ResendOrder { selection, payload, include_delivered };
        match self.admin.resend(order, "admin", None).await.unwrap() {
            OrderOutcome::Taken(job) => job.id,
            other => panic!("{other:?}"),
        }
    }

    /// A job as it is stored.
    pub async fn job(&self, id: ResendId) -> ResendJob {
        self.admin.resend_job(id).await.unwrap().unwrap()
    }

    /// Waits until a job is over.
    pub async fn over(&self, id: ResendId) -> ResendJob {
        loop {
            let job = self.job(id).await;
            if job.state.is_over() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What an event had before it was sent again.
    pub async fn replaced(&self, at: u64) -> Option<Replaced> {
        let block = self.rig.journal.block_from(Seq(at)).await.unwrap().unwrap();
        let replaced = self.rig.journal.replaced(&block).await.unwrap();
        replaced[(at - block.first.0) as usize].clone()
    }

    /// How often every number was sent.
    pub fn sent(&self) -> BTreeMap<u64, usize> {
        let mut sent = BTreeMap::new();
        for number in self.script.numbers().concat() {
            *sent.entry(number).or_default() += 1;
        }
        sent
    }
}

/// Maps by what events say: `then` by the rules of `r1`, else what they say themselves. Other revisions are not kept.
pub struct SaidRemapping {
    pub now: Arc<Mutex<Arc<str>>>,
}

impl Remapping for SaidRemapping {
    fn refresh(&mut self) {}

    fn map(&mut self, mode: Mode, revision: &str, event: &[u8], _: Millis) -> Remapped {
        if mode != Mode::Same {
            return Some((self.now.lock().unwrap().clone(), become_said(event)));
        }
        let said: Value = serde_json::from_slice(event).unwrap();
        let then = said.get("then").unwrap_or(&said).to_string();
        (revision == "r1").then(|| (revision.into(), become_said(then.as_bytes())))
    }
}

/// A journal in memory that counts for itself whenever something has ended.
#[derive(Debug)]
struct Summed(Arc<MemoryJournal>);

impl Summed {
    fn check(&self) {
        let Counts { accepted, delivered, filtered, failed, dead, pending } = self.0.counts();
        assert_eq!(accepted, delivered + filtered + failed + dead + pending);
        assert_eq!(accepted, self.0.end().0);
    }
}

#[async_trait]
impl Journal for Summed {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        self.0.append(events).await
    }
    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.0.block_from(at).await
    }
    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.0.block_before(before).await
    }
    fn end(&self) -> Seq {
        self.0.end()
    }
    fn grown(&self) -> watch::Receiver<Seq> {
        self.0.grown()
    }
    fn settled_until(&self) -> Seq {
        self.0.settled_until()
    }
    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.0.settle(settling).await.inspect(|()| self.check())
    }
    async fn replace(&self, by: ResendId, settling: Settling) -> Result<(), JournalError> {
        let pending = self.0.counts().pending;
        self.0.replace(by, settling).await?;
        assert_eq!(self.0.counts().pending, pending, "a job ends nothing that is on its way");
        self.check();
        Ok(())
    }
    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        self.0.replaced(block).await
    }
    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        self.0.ends(block).await
    }
    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        self.0.upload(id).await
    }
    fn next_upload(&self) -> UploadId {
        self.0.next_upload()
    }
    fn counts(&self) -> Counts {
        self.0.counts()
    }
    fn broken(&self) -> Option<String> {
        self.0.broken()
    }
}
