//! How much of the log is read for one person: what their events stand in, and not the rest. Counted in blocks.

use super::bench::{NoSandbox, SaidRemapping};
use super::rig::{Rig, record};
use super::script::{Script, success};
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tapline::admin::event::Filter;
use tapline::admin::resend::{OrderOutcome, Payload, ResendOrder, Selection};
use tapline::admin::{Admin, Environment, Ground};
use tapline::clock::Millis;
use tapline::delivery::{Parts, Slots, start};
use tapline::engine::event::Person;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{
    AppendError, Appended, Block, Counts, DedupKey, Effort, End, Erasure, Journal, JournalError, NewEvent,
    Purged, Query, Replaced, ResendId, Seq, Settling, Sought, State, Store, Table, UploadId, UploadNote,
};
use tapline::resend;
use tapline::rulebook::LiveRules;
use tokio::sync::watch;

const EVENTS: u64 = 12_000;
const USERS: u64 = 3_000;

/// Counts the blocks that are read.
struct Counting {
    journal: Arc<SledJournal>,
    read: AtomicUsize,
}

impl Counting {
    fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Journal for Counting {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        self.journal.append(events).await
    }
    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.journal.block_from(at).await
    }
    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.journal.block_before(before).await
    }
    async fn seek(&self, query: &Query, before: Seq, effort: &mut Effort) -> Result<Sought, JournalError> {
        self.journal.seek(query, before, effort).await
    }
    fn end(&self) -> Seq {
        self.journal.end()
    }
    fn grown(&self) -> watch::Receiver<Seq> {
        self.journal.grown()
    }
    fn settled_until(&self) -> Seq {
        self.journal.settled_until()
    }
    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.journal.settle(settling).await
    }
    async fn replace(&self, by: ResendId, settling: Settling) -> Result<(), JournalError> {
        self.journal.replace(by, settling).await
    }
    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        self.journal.replaced(block).await
    }
    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        self.journal.ends(block).await
    }
    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        self.journal.upload(id).await
    }
    fn next_upload(&self) -> UploadId {
        self.journal.next_upload()
    }
    fn counts(&self) -> Counts {
        self.journal.counts()
    }
    fn broken(&self) -> Option<String> {
        self.journal.broken()
    }
    fn kept_from(&self) -> Seq {
        self.journal.kept_from()
    }
    async fn erase(&self, erasures: Vec<Erasure>, now: Millis) -> Result<(), JournalError> {
        self.journal.erase(erasures, now).await
    }
    async fn purge(&self) -> Result<Purged, JournalError> {
        self.journal.purge().await
    }
    fn unpurged(&self) -> u64 {
        self.journal.unpurged()
    }
}

fn event(n: u64) -> NewEvent {
    let user = format!("user_{}", n % USERS);
    let body = json!({"type": "track", "userId": user, "user": user, "records": [record(&user, n)]});
    NewEvent {
        dedup: DedupKey(n.into()),
        received_at: Millis(1_700_000_000_000),
        refusal: None,
        body: body.to_string().into_bytes(),
    }
}

fn dead() -> End {
    End {
        state: State::Dead,
        code: Some("clevertap_528".to_owned()),
        message: None,
        upload: None,
        revision: "r1".to_owned(),
    }
}

/// Mutations: give `Route::Everywhere` in `admin::resend::route`; the same in the eraser's `Wanted::route`.
#[tokio::test]
async fn a_job_and_an_erasure_of_one_person_read_what_holds_their_events_and_not_the_log() {
    let rig = Rig::new("http://127.0.0.1:1");
    let directory = tempfile::tempdir().unwrap();
    let options =
        Options { generation_events: 4_000, block_bytes: 6_000, disk_reserve: 0, ..Options::default() };
    let (sled, store) = SledJournal::open(directory.path(), options).unwrap();
    for first in (0..EVENTS).step_by(1_000) {
        sled.append((first..first + 1_000).map(event).collect()).await.unwrap();
    }
    let ends = (0..EVENTS).map(|n| (Seq(n), dead())).collect();
    sled.settle(Settling { upload: None, ends }).await.unwrap();
    sled.wait_until_indexed();
    let (mut blocks, mut at) = (0, Seq(0));
    while let Some(block) = sled.block_from(at).await.unwrap() {
        (blocks, at) = (blocks + 1, block.end());
    }
    assert!(blocks > 200, "{blocks} blocks");

    let journal = Arc::new(Counting { journal: sled, read: AtomicUsize::new(0) });
    let (settings, _) = rig.settings.load().as_ref().clone();
    let rules = Arc::new(LiveRules::open(directory.path().join("none"), &settings).unwrap());
    let slots = Slots::default();
    let admin = Admin::new(Ground {
        clock: rig.clock.clone(),
        store: store.clone(),
        journal: journal.clone(),
        settings: rig.settings.clone(),
        rules,
        delivery: rig.status.clone(),
        slots: slots.clone(),
        tallies: Arc::default(),
        write_rules: false,
        stand_in: Arc::new(NoSandbox),
        data: directory.path().to_owned(),
        environment: Arc::new(Environment::read(|_| None).unwrap()),
    });
    let script = Arc::new(Script::new(|_, records| success(records)));
    let delivery = start(Parts {
        journal: journal.clone(),
        store: store.clone(),
        settings: rig.settings.clone(),
        clock: rig.clock.clone(),
        status: rig.status.clone(),
        mapping: rig.mapping(),
        uploader: script.clone(),
        slots,
        policy: rig.policy.clone(),
    });
    let resends = resend::start(resend::Parts {
        journal: journal.clone(),
        store: store.clone(),
        clock: rig.clock.clone(),
        desk: delivery.desk(),
        remapping: Box::new(SaidRemapping { now: rig.revision.clone() }),
        changed: admin.resends_changed(),
    });

    let before = journal.read();
    let filter = Filter { user: Some("user_7".to_owned()), ..Filter::default() };
    let selection = Selection::Matching { states: Vec::new(), filter };
    let order = ResendOrder { selection, payload: Payload::Current, include_delivered: false };
    let survey = admin.resend_survey(order.clone()).await.unwrap().unwrap();
    assert_eq!((survey.tally.selected, survey.complete), (4, true));
    let surveyed = journal.read() - before;
    let OrderOutcome::Taken(job) = admin.resend(order, "admin", None).await.unwrap() else { panic!() };
    let job = loop {
        let job = admin.resend_job(job.id).await.unwrap().unwrap();
        if job.state.is_over() {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((job.tally.selected, job.tally.delivered), (4, 4));
    let sent = journal.read() - before - surveyed;
    assert!(surveyed <= 5 && sent <= 5, "{surveyed} blocks for the survey, {sent} for the job, of {blocks}");
    let reasons = admin.resend_reasons(&job).await.unwrap();
    assert!(reasons.complete && reasons.reasons.is_empty());

    let before = journal.read();
    let person = Person::User("user_7".to_owned());
    assert!(admin.unknown_persons(std::slice::from_ref(&person)).await.unwrap().is_empty());
    assert_eq!(admin.unknown_persons(&[Person::User("nobody".to_owned())]).await.unwrap(), [0]);
    admin.delete_persons(vec![person.clone()]).await.unwrap();
    delivery.idle().await;
    while store.list(Table::Erasures).unwrap().iter().any(|(key, _)| key.len() == 8) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let read = journal.read() - before;
    assert!(read <= 20, "{read} blocks for the erasure, of {blocks}");
    let block = journal.block_from(Seq(7)).await.unwrap().unwrap();
    assert!(block.get(Seq(7)).unwrap().erased_at.is_some());
    let stored = admin.resend_job(job.id).await.unwrap().unwrap();
    let Selection::Matching { filter, .. } = stored.selection else { panic!() };
    assert_eq!(filter.user.as_deref(), Some("(erased)"), "no job names them any more");
    assert_eq!(admin.unknown_persons(&[person]).await.unwrap(), [0]);
    resends.stop(Duration::from_secs(5)).await.unwrap();
    delivery.stop(Duration::from_secs(5)).await.unwrap();
    crate::support::figure::note("a job of one person: blocks read", sent);
    crate::support::figure::note("a job of one person: blocks of the log", blocks);
}
