//! The journal and delivery as they run, opened again after every stop, and what the model knows of every event.

use super::peer::{Part, Peer};
use super::{Call, Kind};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapline::clock::{FixedClock, Millis};
use tapline::delivery::{
    Delivery, DeliveryPolicy, DeliveryStatus, LaneKey, Mapped, MappedRecord, Mapping, Parts, RetryPolicy,
    Slots, start,
};
use tapline::engine::Reason;
use tapline::journal::sled::{Options, SledJournal, SyncHook};
use tapline::journal::{
    AppendError, Appended, DedupKey, End, Journal, JournalError, NewEvent, Refusal, Retention, Seq, State,
};
use tapline::settings::{BaseUrl, LiveSettings, Origins, Secret, Settings};
use tempfile::TempDir;

/// So many syncs never come.
const NEVER: i64 = i64::MAX;

/// Everything under test.
pub(super) struct World {
    pub(super) peer: Arc<Peer>,
    directory: TempDir,
    running: Option<Running>,
    /// How many more syncs the disk does.
    syncs: Arc<AtomicI64>,
    revision: Arc<Mutex<Arc<str>>>,
    revisions: usize,
    /// By number: every call that was answered, with where it is stored.
    acknowledged: BTreeMap<u64, (Seq, Call)>,
    /// Calls that were handed over and not answered; each may be there or not.
    unanswered: BTreeMap<u64, Call>,
    /// By place: the end that was seen first.
    ends: BTreeMap<Seq, End>,
    next: u64,
}

struct Running {
    journal: Arc<SledJournal>,
    delivery: Delivery,
}

impl World {
    /// An empty data directory, in memory where there is such a place: what a disk does is not the matter here.
    pub(super) async fn new() -> Self {
        let in_memory = Path::new("/dev/shm");
        let directory =
            if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
        let mut world = Self {
            peer: Arc::default(),
            directory: directory.unwrap(),
            running: None,
            syncs: Arc::new(AtomicI64::new(NEVER)),
            revision: Arc::new(Mutex::new("r0".into())),
            revisions: 0,
            acknowledged: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            ends: BTreeMap::new(),
            next: 0,
        };
        world.open().await;
        world
    }

    async fn open(&mut self) {
        self.syncs.store(NEVER, Ordering::SeqCst);
        let syncs = self.syncs.clone();
        let hook = SyncHook::new(move |_| match syncs.fetch_sub(1, Ordering::SeqCst) {
            left if left > 0 => Ok(()),
            _ => Err(io::Error::other("as told")),
        });
        let options = Options {
            generation_events: 25,
            block_bytes: 300,
            disk_reserve: 0,
            cache_bytes: 2000,
            on_sync: Some(hook),
            ..Options::default()
        };
        // A reader on a thread of its own may hold the last journal a moment longer.
        let (journal, store) = loop {
            match SledJournal::open(self.directory.path(), options.clone()) {
                Err(JournalError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                opened => break opened.expect("a journal that opens"),
            }
        };
        let settings = Settings {
            account_id: Some("ACCOUNT".to_owned()),
            passcode: Secret::parse("passcode_1"),
            clevertap_url: Some(BaseUrl::parse("http://127.0.0.1:1").unwrap()),
            ..Settings::default()
        };
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        self.peer.seen().answered.clear();
        let delivery = start(Parts {
            journal: journal.clone(),
            store,
            settings: Arc::new(LiveSettings::new(settings, Origins::new())),
            clock: Arc::new(FixedClock::at(Millis(1_700_000_000_000))),
            status: Arc::new(DeliveryStatus::default()),
            mapping: Box::new(Said { revision: self.revision.clone(), current: "".into() }),
            uploader: self.peer.clone(),
            slots: Slots::default(),
            policy: DeliveryPolicy {
                retry: RetryPolicy { age_limit: year, ..RetryPolicy::default() },
                seed: Some(7),
                ..DeliveryPolicy::default()
            },
        });
        self.running = Some(Running { journal, delivery });
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a running world")
    }

    /// Calls come and are answered.
    pub(super) async fn ingest(&mut self, calls: &[Call]) {
        let numbered = self.number(calls);
        let answers = self.append(&numbered).await.expect("a journal that takes");
        for ((number, call), answer) in numbered.into_iter().zip(answers) {
            let Appended::Stored(at) = answer else { panic!("event {number} is new, and {answer:?}") };
            self.acknowledged.insert(number, (at, call));
        }
    }

    /// An earlier call comes again, and is known. What a sweep dropped may be forgotten with it.
    pub(super) async fn repeat(&mut self, which: usize) {
        let kept_from = self.running().journal.kept_from();
        let kept: Vec<_> = self.acknowledged.iter().filter(|(_, (at, _))| *at >= kept_from).collect();
        if kept.is_empty() {
            return;
        }
        let (&number, &(at, call)) = kept[which % kept.len()];
        let answers = self.append(&[(number, call)]).await.expect("a journal that takes");
        assert_eq!(answers, [Appended::Duplicate(at)], "event {number} came again");
    }

    fn number(&mut self, calls: &[Call]) -> Vec<(u64, Call)> {
        let numbered: Vec<_> = (self.next..).zip(calls.iter().copied()).collect();
        self.next += calls.len() as u64;
        let mut seen = self.peer.seen();
        for (number, call) in &numbered {
            seen.expected.entry(call.user).or_default().extend(parts(*number, call.kind));
        }
        numbered
    }

    async fn append(&self, numbered: &[(u64, Call)]) -> Result<Vec<Appended>, AppendError> {
        self.running()
            .journal
            .append(numbered.iter().map(|(number, call)| event(*number, *call)).collect())
            .await
    }

    /// Waits until everything has ended.
    pub(super) async fn idle(&self) {
        self.running().delivery.idle().await;
    }

    /// Other rules from now on.
    pub(super) fn reload(&mut self) {
        self.revisions += 1;
        *self.revision.lock().unwrap() = format!("r{}", self.revisions).into();
    }

    /// Drops what may be dropped.
    pub(super) async fn sweep(&mut self) {
        let journal = self.running().journal.clone();
        let pending_from = journal.settled_until();
        journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(0)).await.expect("a sweep");
        assert!(
            journal.kept_from() <= journal.settled_until().max(pending_from),
            "what has not ended was dropped"
        );
    }

    /// A stop that finishes what is in flight, and another start.
    pub(super) async fn restart(&mut self) {
        let Running { journal, delivery } = self.running.take().expect("a running world");
        delivery.stop(Duration::from_secs(60)).await.expect("a good stop");
        self.note(&journal).await;
        drop(journal);
        self.open().await;
    }

    /// The disk takes nothing any more while calls come, then the process ends and another starts.
    pub(super) async fn crash(&mut self, syncs: u8, calls: &[Call]) {
        self.syncs.store(syncs.into(), Ordering::SeqCst);
        let numbered = self.number(calls);
        match self.append(&numbered).await {
            Ok(answers) => {
                for ((number, call), answer) in numbered.into_iter().zip(answers) {
                    let Appended::Stored(at) = answer else {
                        panic!("event {number} is new, and {answer:?}")
                    };
                    self.acknowledged.insert(number, (at, call));
                }
            }
            Err(_) => self.unanswered.extend(numbered),
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        // Dropped, not stopped: nobody waits for uploads in flight.
        let Running { journal, delivery } = self.running.take().expect("a running world");
        drop(delivery);
        drop(journal);
        self.open().await;
        self.find_unanswered().await;
    }

    /// Of calls that were not answered, some are there and count from now on, and the others never came.
    async fn find_unanswered(&mut self) {
        let there: BTreeMap<u64, Seq> =
            self.stored().await.into_iter().map(|(at, number, _)| (number, at)).collect();
        for (number, call) in std::mem::take(&mut self.unanswered) {
            match there.get(&number) {
                Some(at) => drop(self.acknowledged.insert(number, (*at, call))),
                None => {
                    let mut seen = self.peer.seen();
                    let gone: Vec<Part> = parts(number, call.kind).collect();
                    seen.expected.entry(call.user).or_default().retain(|part| !gone.contains(part));
                }
            }
        }
    }

    /// Everything in the journal: place, number, end.
    async fn stored(&self) -> Vec<(Seq, u64, Option<End>)> {
        let journal = &self.running().journal;
        stored(journal).await
    }

    async fn note(&mut self, journal: &SledJournal) {
        let found = stored(journal).await;
        self.note_ends(&found);
    }

    fn note_ends(&mut self, found: &[(Seq, u64, Option<End>)]) {
        let mut seen = self.peer.seen();
        for (at, number, end) in found {
            let first = self.ends.get(at);
            assert!(first.is_none() || first == end.as_ref(), "{at} had {first:?} and has {end:?}");
            if let Some(end) = end {
                self.ends.insert(*at, end.clone());
                seen.ended.insert(*number);
            }
        }
    }

    /// What holds at every moment.
    pub(super) async fn check(&mut self) {
        let found = self.stored().await;
        self.note_ends(&found);
        let journal = &self.running().journal;
        let counts = journal.counts();
        assert_eq!(
            counts.accepted,
            counts.delivered + counts.filtered + counts.failed + counts.dead + counts.pending,
            "{counts:?}"
        );
        assert_eq!(counts.accepted, journal.end().0);
        let there: BTreeMap<Seq, u64> = found.iter().map(|(at, number, _)| (*at, *number)).collect();
        let kept_from = journal.kept_from();
        for (number, (at, _)) in &self.acknowledged {
            let is_dropped = *at < kept_from && self.ends.contains_key(at);
            assert!(
                there.get(at) == Some(number) || is_dropped,
                "event {number} was answered and is not at {at}"
            );
        }
        let seen = self.peer.seen();
        assert!(seen.violations.is_empty(), "{:?}", seen.violations);
    }

    /// Delivers everything, checks every end, and gives how many events were accepted and how many records came twice.
    pub(super) async fn finish(mut self) -> (usize, usize) {
        self.peer.answer_well();
        self.idle().await;
        self.check().await;
        let counts = self.running().journal.counts();
        assert_eq!((counts.accepted as usize, counts.pending), (self.acknowledged.len(), 0), "{counts:?}");
        let seen = self.peer.seen();
        for (number, (at, call)) in &self.acknowledged {
            // What was dropped before anybody looked has no end that could be looked at; the counts have it.
            let Some(end) = self.ends.get(at) else { continue };
            let expected = match call.kind {
                Kind::One | Kind::Two => State::Delivered,
                Kind::Bad => State::Dead,
                Kind::Filtered => State::Filtered,
                Kind::Failed | Kind::Refused => State::Failed,
            };
            assert_eq!(end.state, expected, "event {number}: {end:?}");
            if let Some(revision) = seen.revisions.get(number) {
                assert_eq!(&end.revision, revision, "event {number} names other rules than its records");
            }
            if end.state == State::Delivered {
                let missing: Vec<Part> =
                    parts(*number, call.kind).filter(|part| !seen.taken.contains_key(part)).collect();
                assert!(missing.is_empty(), "event {number} counts as delivered, and {missing:?} never came");
            }
        }
        let twice = seen.taken.values().map(|times| times - 1).sum();
        (self.acknowledged.len(), twice)
    }
}

async fn stored(journal: &SledJournal) -> Vec<(Seq, u64, Option<End>)> {
    let (mut found, mut at) = (Vec::new(), Seq(0));
    while let Some(block) = journal.block_from(at).await.expect("a readable journal") {
        let ends = journal.ends(&block).await.expect("readable ends");
        found.extend(block.iter().zip(ends).map(|((at, entry), end)| {
            let event: Value = serde_json::from_slice(&entry.body).expect("an event as it came");
            (at, event["n"].as_u64().unwrap(), end)
        }));
        at = block.end();
    }
    found
}

/// The records that an event becomes.
fn parts(number: u64, kind: Kind) -> impl Iterator<Item = Part> {
    let count = match kind {
        Kind::One | Kind::Bad => 1,
        Kind::Two => 2,
        Kind::Filtered | Kind::Failed | Kind::Refused => 0,
    };
    (0..count).map(move |part| (number, part))
}

fn event(number: u64, call: Call) -> NewEvent {
    let Call { user, kind } = call;
    let refusal = (kind == Kind::Refused).then(|| Refusal {
        code: "missing_event_name".to_owned(),
        message: "as told".to_owned(),
        pointer: "/event".to_owned(),
    });
    let body = json!({"n": number, "user": user, "kind": format!("{kind:?}")}).to_string().into_bytes();
    NewEvent { dedup: DedupKey(number.into()), received_at: Millis(0), refusal, body }
}

/// Rules that do with an event what it says, and put their revision into every record.
struct Said {
    revision: Arc<Mutex<Arc<str>>>,
    current: Arc<str>,
}

impl Mapping for Said {
    fn refresh(&mut self) -> Arc<str> {
        self.current = self.revision.lock().unwrap().clone();
        self.current.clone()
    }

    fn map(&mut self, event: &[u8], _received_at: Millis) -> Mapped {
        let event: Value = serde_json::from_slice(event).unwrap();
        let kind = event["kind"].as_str().unwrap();
        let record = |part: u8| {
            let data = json!({"n": event["n"], "part": part, "user": event["user"], "bad": kind == "Bad",
                "revision": &*self.current});
            let identity = format!("user_{}", event["user"]);
            let record = json!({"type": "event", "identity": identity, "evtName": "Tested", "evtData": data});
            MappedRecord { json: Bytes::from(record.to_string()), token: None }
        };
        let records = match kind {
            "One" | "Bad" => vec![record(0)],
            "Two" => vec![record(0), record(1)],
            "Filtered" => return Mapped::Filtered(Reason::new("filtered", "as told")),
            _ => return Mapped::Failed(Reason::new("failed", "as told")),
        };
        Mapped::Records { key: Some(LaneKey::of(&format!("user_{}", event["user"]))), records }
    }
}
