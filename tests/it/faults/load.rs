//! Senders that post numbered calls until each is answered 200, and a judge of what became of them.
//!
//! First thing to know: a call that was not answered is posted again, as SDKs do, so whatever is stored twice or sent
//! without an answer shows in the sums.

use crate::support::app::post;
use crate::support::http::Connection;
use crate::support::stand::{Kept, Stand};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tapline::delivery::LANES;
use tapline::journal::{Counts, State};
use tokio::sync::watch;
use tokio::task::JoinSet;

const SENDERS: usize = 4;
const PEOPLE: usize = 60;

/// One event in so many lacks an id, and is listed instead of sent.
const FILTERED: usize = 50;

/// One event in so many brings a push token of its own.
const TOKENS: usize = 20;

/// Characters of one property; CleverTap takes 512.
const PIECE: usize = 400;

/// How long a sender waits between two calls, and before it tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// Longer than any recovery.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Events of a call.
    pub(super) batch: usize,
    /// Bytes that an event has beside the rest.
    pub(super) filler: usize,
}

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Events that were answered 200.
    pub(super) answered: BTreeSet<usize>,
    /// How often which other status was answered.
    pub(super) refused: BTreeMap<u16, usize>,
}

/// Senders at work. Dropping it stops them.
pub(super) struct Load {
    target: watch::Sender<Option<SocketAddr>>,
    heard: Arc<watch::Sender<Heard>>,
    stopped: watch::Sender<bool>,
    senders: JoinSet<()>,
    /// How often an event had no end when a server died.
    unsettled: BTreeMap<usize, usize>,
    deaths: usize,
}

/// What became of the events of a load.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Events that were answered 200.
    pub(super) acknowledged: usize,
    /// Of those, the ones that are not stored.
    pub(super) lost: usize,
    /// Records that arrived again.
    pub(super) twice: usize,
}

impl Load {
    /// Senders that wait for a server to send to.
    pub(super) fn start(plan: Plan) -> Self {
        let (target, stopped) = (watch::Sender::new(None), watch::Sender::new(false));
        let heard = Arc::new(watch::Sender::new(Heard::default()));
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let sender = Sender {
                plan,
                next: next.clone(),
                target: target.subscribe(),
                stopped: stopped.subscribe(),
                heard: heard.clone(),
            };
            senders.spawn(sender.run());
        }
        Self { target, heard, stopped, senders, unsettled: BTreeMap::new(), deaths: 0 }
    }

    /// Sends there from now on, or nowhere.
    pub(super) fn go_to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    /// How many events were answered.
    pub(super) fn answered(&self) -> usize {
        self.heard.borrow().answered.len()
    }

    /// Waits until what was heard is enough.
    pub(super) async fn until(&self, what: &str, enough: impl Fn(&Heard) -> bool) {
        let mut heard = self.heard.subscribe();
        let waited = tokio::time::timeout(PATIENCE, heard.wait_for(enough)).await;
        assert!(waited.is_ok(), "{what} did not come to be: {:?}", self.heard.borrow().refused);
    }

    /// Waits until so many more events were answered.
    pub(super) async fn answers(&self, more: usize) {
        let most = self.answered() + more;
        self.until("more answers", |heard| heard.answered.len() >= most).await;
    }

    /// Begins nothing new, and waits until everything begun is answered.
    pub(super) async fn finish(&mut self) {
        self.stopped.send_replace(true);
        let joined =
            tokio::time::timeout(PATIENCE, async { while self.senders.join_next().await.is_some() {} });
        assert!(joined.await.is_ok(), "calls are not answered: {:?}", self.heard.borrow().refused);
    }

    /// Looks at what a server left behind that died. No server may run.
    pub(super) async fn look_at_the_dead(&mut self, stand: &Stand) {
        self.deaths += 1;
        let (kept, counts) = stand.journal().await;
        let stored: BTreeSet<usize> = kept.iter().map(step).collect();
        assert_eq!(stored.len(), kept.len(), "an event is stored twice");
        let lost: Vec<usize> = self.heard.borrow().answered.difference(&stored).copied().collect();
        let (count, first) = (lost.len(), lost.first());
        assert!(
            lost.is_empty(),
            "{count} answered and not stored after death {}: {first:?} and on",
            self.deaths
        );
        assert_sums(&counts);
        for event in kept.iter().filter(|event| event.end.is_none()) {
            *self.unsettled.entry(step(event)).or_insert(0) += 1;
        }
    }

    /// Judges a load that was finished and delivered. No server may run.
    pub(super) async fn judge(&self, stand: &Stand) -> Verdict {
        let (kept, counts) = stand.journal().await;
        assert_sums(&counts);
        assert_eq!((counts.pending, counts.dead, counts.failed), (0, 0, 0), "{counts:?}");
        let mut arrivals: BTreeMap<usize, usize> = BTreeMap::new();
        for step in stand.received().await.iter().filter_map(|record| step_of_record(record)) {
            *arrivals.entry(step).or_insert(0) += 1;
        }
        let mut stored = BTreeSet::new();
        for event in &kept {
            let step = step(event);
            assert!(stored.insert(step), "step {step} is stored twice");
            let end = event.end.as_ref().unwrap_or_else(|| panic!("step {step} has no end"));
            let expected = if step.is_multiple_of(FILTERED) { State::Filtered } else { State::Delivered };
            assert_eq!(end.state, expected, "step {step}: {end:?}");
            assert_eq!(arrivals.contains_key(&step), end.state == State::Delivered, "step {step}: {end:?}");
        }
        assert_eq!(counts.accepted as usize, kept.len());
        assert!(arrivals.keys().all(|step| stored.contains(step)), "something arrived that is not stored");
        for (step, &times) in &arrivals {
            let most = 1 + self.unsettled.get(step).copied().unwrap_or(0);
            assert!(
                times <= most,
                "step {step} arrived {times} times, and could be in flight at {most} deaths"
            );
        }
        let twice = arrivals.values().map(|times| times - 1).sum();
        let tally = stand.tally().await;
        assert!(tally.most_in_flight <= LANES, "{} uploads were in flight at once", tally.most_in_flight);
        let bound = self.deaths * LANES * tally.most_records;
        assert!(twice <= bound, "{twice} records came again after {} deaths", self.deaths);
        let heard = self.heard.borrow();
        Verdict {
            acknowledged: heard.answered.len(),
            lost: heard.answered.difference(&stored).count(),
            twice,
        }
    }
}

/// Every event has one place in the sums.
fn assert_sums(counts: &Counts) {
    let Counts { accepted, delivered, filtered, failed, dead, pending } = *counts;
    assert_eq!(accepted, delivered + filtered + failed + dead + pending, "{counts:?}");
}

struct Sender {
    plan: Plan,
    next: Arc<AtomicUsize>,
    target: watch::Receiver<Option<SocketAddr>>,
    stopped: watch::Receiver<bool>,
    heard: Arc<watch::Sender<Heard>>,
}

impl Sender {
    async fn run(mut self) {
        while !*self.stopped.borrow() {
            let first = self.next.fetch_add(self.plan.batch, Ordering::SeqCst);
            let steps = first..first + self.plan.batch;
            let calls: Vec<Value> = steps.clone().map(|step| call(step, self.plan.filler)).collect();
            let body = json!({ "batch": calls }).to_string();
            loop {
                tokio::time::sleep(PAUSE).await;
                match self.post(&body).await {
                    Some(200) => break,
                    None => {}
                    Some(status) => {
                        self.heard.send_modify(|heard| *heard.refused.entry(status).or_insert(0) += 1);
                    }
                }
            }
            self.heard.send_modify(|heard| heard.answered.extend(steps));
        }
    }

    /// The status of the answer; none when the server died first.
    async fn post(&mut self, body: &str) -> Option<u16> {
        let target = *self.target.wait_for(Option::is_some).await.ok()?;
        let mut connection = Connection::try_open(target?).await?;
        let answering = async {
            connection.write(&post("/v1/batch").body(body).render()).await;
            connection.try_read().await
        };
        let answer = tokio::time::timeout(PATIENCE, answering).await.ok()??;
        if matches!(answer.status, 429 | 503) {
            assert!(answer.header("Retry-After").is_some(), "{} without Retry-After", answer.status);
        }
        Some(answer.status)
    }
}

fn call(step: usize, filler: usize) -> Value {
    let person = step % PEOPLE;
    let device = (!step.is_multiple_of(FILTERED)).then(|| format!("device-{person}"));
    let device_context =
        step.is_multiple_of(TOKENS).then(|| json!({"type": "ios", "token": format!("token_{step}")}));
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
        "userId": format!("user_{person}"), "anonymousId": device, "context": {"device": device_context},
        "properties": properties(step, filler)})
}

/// The number, and text that does not shrink much, in pieces that CleverTap takes whole.
fn properties(step: usize, filler: usize) -> Value {
    let mut random = fastrand::Rng::with_seed(step as u64);
    let mut properties = serde_json::Map::from_iter([("step".to_owned(), step.into())]);
    for (piece, first) in (0..filler).step_by(PIECE).enumerate() {
        let length = PIECE.min(filler - first);
        let text: String = std::iter::repeat_with(|| random.alphanumeric()).take(length).collect();
        properties.insert(format!("filler_{piece}"), text.into());
    }
    properties.into()
}

/// The number of a stored event.
fn step(event: &Kept) -> usize {
    let event: Value = serde_json::from_str(&event.body).expect("JSON");
    number(&event["properties"]["step"]).expect("a number")
}

/// The number of an event record; none of a token record.
fn step_of_record(record: &str) -> Option<usize> {
    let record: Value = serde_json::from_str(record).expect("JSON");
    number(&record["evtData"]["step"])
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| number.try_into().ok())
}
