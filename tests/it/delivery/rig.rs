//! A journal in memory, settings, and events that say themselves what they become.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapline::clock::{FixedClock, Millis};
use tapline::delivery::{
    BreakerPolicy, CleverTap, Delivery, DeliveryPolicy, DeliveryStatus, LaneKey, Mapped, MappedRecord,
    Mapping, Parts, RetryPolicy, Slots, Timeouts, TokenKey, Uploader, start,
};
use tapline::engine::Reason;
use tapline::journal::memory::{MemoryJournal, MemoryStore};
use tapline::journal::{Counts, DedupKey, End, Journal, NewEvent, Refusal, Seq, State};
use tapline::settings::{BaseUrl, LiveSettings, Origins, Secret, Settings};
use tapline::simulator::{Fault, Options, Simulator};

/// What every test starts with.
pub struct Rig {
    pub journal: Arc<MemoryJournal>,
    pub store: Arc<MemoryStore>,
    pub settings: Arc<LiveSettings>,
    pub clock: Arc<FixedClock>,
    pub status: Arc<DeliveryStatus>,
    /// The revision of the rules in force.
    pub revision: Arc<Mutex<Arc<str>>>,
    pub policy: DeliveryPolicy,
    /// Where uploads take their place; made from the policy at every start when none.
    pub slots: Option<Slots>,
    accepted: AtomicU64,
}

/// A simulator on a free port.
pub async fn simulator(faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap()).collect();
    let options = Options { faults, seed: 11, ..Options::default() };
    Simulator::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).await.unwrap()
}

/// Settings for an account at this address.
pub fn settings(base_url: &str, passcode: &str) -> Settings {
    Settings {
        account_id: Some("ACCOUNT".to_owned()),
        passcode: Secret::parse(passcode),
        clevertap_url: Some(BaseUrl::parse(base_url).unwrap()),
        ..Settings::default()
    }
}

impl Rig {
    /// Delivers to this address, with waits short enough for real time.
    pub fn new(base_url: &str) -> Self {
        let quick = RetryPolicy {
            base: Duration::from_millis(2),
            cap: Duration::from_millis(20),
            ..RetryPolicy::default()
        };
        let policy = DeliveryPolicy {
            retry: quick,
            breaker: BreakerPolicy {
                probe_base: Duration::from_millis(2),
                probe_cap: Duration::from_millis(20),
                ..BreakerPolicy::default()
            },
            linger: Duration::from_millis(1),
            seed: Some(5),
            ..DeliveryPolicy::default()
        };
        Self {
            journal: Arc::new(MemoryJournal::new()),
            store: Arc::new(MemoryStore::default()),
            settings: Arc::new(LiveSettings::new(settings(base_url, "passcode"), Origins::new())),
            clock: Arc::new(FixedClock::at(Millis(1_700_000_000_000))),
            status: Arc::new(DeliveryStatus::default()),
            revision: Arc::new(Mutex::new("r1".into())),
            policy,
            slots: None,
            accepted: AtomicU64::new(0),
        }
    }

    /// For tests on the paused clock: real waits, nobody at the address.
    pub fn paused() -> Self {
        let mut rig = Self::new("http://127.0.0.1:1");
        rig.policy.retry = RetryPolicy::default();
        rig.policy.breaker = BreakerPolicy::default();
        rig
    }

    /// Starts to deliver over HTTP.
    pub fn start(&self) -> Delivery {
        self.start_with(Arc::new(CleverTap::new(Timeouts::default())))
    }

    /// Starts to deliver by this.
    pub fn start_with(&self, uploader: Arc<dyn Uploader>) -> Delivery {
        start(Parts {
            journal: self.journal.clone(),
            store: self.store.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            status: self.status.clone(),
            mapping: self.mapping(),
            uploader,
            slots: self.slots.clone().unwrap_or_else(|| Slots::new(&self.policy.slots)),
            policy: self.policy.clone(),
        })
    }

    /// What maps events by what they say.
    pub fn mapping(&self) -> Box<dyn Mapping> {
        Box::new(SaidMapping { revision: self.revision.clone() })
    }

    /// Accepts events, in order.
    pub async fn accept(&self, events: impl IntoIterator<Item = Value>) {
        let events = events.into_iter().map(|event| self.event(event, None)).collect();
        self.journal.append(events).await.unwrap();
    }

    /// Accepts an event that ingest refused.
    pub async fn accept_refused(&self, refusal: Refusal) {
        self.journal.append(vec![self.event(json!({}), Some(refusal))]).await.unwrap();
    }

    fn event(&self, event: Value, refusal: Option<Refusal>) -> NewEvent {
        let dedup = DedupKey(self.accepted.fetch_add(1, Ordering::Relaxed).into());
        NewEvent { dedup, received_at: Millis(0), refusal, body: event.to_string().into_bytes() }
    }

    /// How many events stand where.
    pub fn journal_counts(&self) -> Counts {
        self.journal.counts()
    }

    /// The ends of all events, in the log's order.
    pub async fn ends(&self) -> Vec<Option<End>> {
        let (mut at, mut ends) = (Seq(0), Vec::new());
        while let Some(block) = self.journal.block_from(at).await.unwrap() {
            ends.extend(self.journal.ends(&block).await.unwrap());
            at = block.end();
        }
        ends
    }

    /// How many events ended how: `delivered`, or the code.
    pub async fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for end in self.ends().await {
            let name = match end {
                None => "pending".to_owned(),
                Some(End { state: State::Delivered, .. }) => "delivered".to_owned(),
                Some(end) => end.code.unwrap_or_default(),
            };
            *tally.entry(name).or_default() += 1;
        }
        tally
    }
}

/// The number a record of [`track`] carries.
pub fn number(record: &Value) -> u64 {
    record["evtData"]["n"].as_u64().unwrap()
}

/// The numbers the simulator took, in order.
pub fn taken(simulator: &Simulator) -> Vec<u64> {
    simulator.received().iter().map(|record| number(&serde_json::from_str(record).unwrap())).collect()
}

/// `0..n`, as a sorted list of what must have arrived.
pub fn all(n: u64) -> Vec<u64> {
    (0..n).collect()
}

/// Sorted, duplicates kept.
pub fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

/// An event that becomes one record.
pub fn track(user: &str, n: u64) -> Value {
    said(user, vec![record(user, n)])
}

/// So many events, spread over so many users in turn; event `n` carries the number `n`.
pub fn tracks(events: u64, users: u64) -> impl Iterator<Item = Value> {
    (0..events).map(move |n| track(&format!("user_{}", n % users), n))
}

/// The record of [`track`].
pub fn record(user: &str, n: u64) -> Value {
    json!({"type": "event", "identity": user, "evtName": "Tested", "evtData": {"n": n}, "ts": 1_700_000_000})
}

/// A push token record.
pub fn token(object_id: &str, id: &str) -> Value {
    json!({"type": "token", "objectId": object_id, "tokenData": {"id": id, "type": "fcm"}})
}

/// An event that becomes these records.
pub fn said(user: &str, records: Vec<Value>) -> Value {
    json!({"user": user, "records": records})
}

/// Maps events that say themselves what they become.
struct SaidMapping {
    revision: Arc<Mutex<Arc<str>>>,
}

#[derive(Deserialize)]
struct SaidDoc<'a> {
    user: Option<String>,
    #[serde(borrow, default)]
    records: Vec<&'a RawValue>,
    filtered: Option<String>,
    failed: Option<String>,
    #[serde(default)]
    panic: bool,
}

impl Mapping for SaidMapping {
    fn refresh(&mut self) -> Arc<str> {
        self.revision.lock().unwrap().clone()
    }

    fn map(&mut self, event: &[u8], _received_at: Millis) -> Mapped {
        become_said(event)
    }
}

/// What an event says that it becomes.
pub fn become_said(event: &[u8]) -> Mapped {
    let said: SaidDoc<'_> = serde_json::from_slice(event).unwrap();
    assert!(!said.panic, "as told");
    let reason = |code: String| Reason::new(code, "as told");
    match said {
        SaidDoc { filtered: Some(code), .. } => Mapped::Filtered(reason(code)),
        SaidDoc { failed: Some(code), .. } => Mapped::Failed(reason(code)),
        SaidDoc { user, records, .. } => Mapped::Records {
            key: user.as_deref().map(LaneKey::of),
            records: records.into_iter().map(mapped).collect(),
        },
    }
}

fn mapped(raw: &RawValue) -> MappedRecord {
    let record: Value = serde_json::from_str(raw.get()).unwrap();
    let is_token = record["type"] == "token";
    let token = is_token.then(|| TokenKey::of(record["objectId"].as_str().unwrap(), raw.get().as_bytes()));
    MappedRecord { json: Bytes::copy_from_slice(raw.get().as_bytes()), token }
}
