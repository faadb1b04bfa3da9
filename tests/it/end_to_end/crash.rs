//! Kill -9 in the middle of a load: whatever was answered 200 arrives, or is listed with a reason.
//!
//! This shows what a dying process loses, which is nothing. It can not show what a power loss does.

use super::call::batch;
use crate::support::figure::{self, Fault};
use crate::support::stand::{Kept, Stand, Tally, settled};
use crate::support::{app::post, http::Connection};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tapline::delivery::LANES;
use tapline::journal::State;
use tokio::sync::watch;
use tokio::task::JoinSet;

const EVENTS: usize = 20_000;
const BATCH: usize = 100;
const SENDERS: usize = 4;
const PEOPLE: usize = 60;

/// One event in so many lacks an id, and is listed instead of sent.
const FILTERED: usize = 50;

/// How long a sender waits before it tries again, as an SDK does.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kills_under_load_every_answered_event_has_arrived_or_is_listed() {
    let kills = figure::rounds(8, 200);
    let stand = Stand::start(&["--fault", "slow:ms=15"]).await;
    let load = Load::start();
    let (mut unsettled_at_kills, mut longest) = (BTreeMap::new(), Duration::ZERO);
    let mut random = fastrand::Rng::with_seed(kills as u64);
    for kill in 1..=kills {
        let starting = Instant::now();
        let server = stand.serve().await;
        longest = longest.max(starting.elapsed());
        load.address.send_replace(Some(server.address));
        load.answered_at_least(EVENTS * kill / (kills + 1)).await;
        // At any moment between two answers.
        tokio::time::sleep(Duration::from_micros(random.u64(0..5_000))).await;
        load.address.send_replace(None);
        server.kill().await;
        let (kept, _) = stand.journal().await;
        let stored: BTreeSet<usize> = kept.iter().map(step).collect();
        let lost: Vec<usize> = load.answered().difference(&stored).copied().collect();
        assert!(lost.is_empty(), "kill {kill}: answered and not stored: {lost:?}");
        for event in kept.iter().filter(|event| event.end.is_none()) {
            *unsettled_at_kills.entry(step(event)).or_insert(0) += 1;
        }
    }
    let server = stand.serve().await;
    load.address.send_replace(Some(server.address));
    load.answered_at_least(EVENTS).await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));

    let (kept, counts) = stand.journal().await;
    assert_eq!(counts.accepted as usize, EVENTS, "a call sent again after a kill was stored again");
    assert_eq!((counts.pending, counts.dead, counts.failed), (0, 0, 0), "{counts:?}");
    let received = stand.received().await;
    let arrivals = assert_everything_has_its_end(&kept, &received);
    assert_first_arrivals_are_in_order(&kept, &received);
    for (step, &times) in &arrivals {
        let most = 1 + unsettled_at_kills.get(step).copied().unwrap_or(0);
        assert!(times <= most, "step {step} was sent {times} times, although it had ended after {most}");
    }
    let twice: usize = arrivals.values().map(|times| times - 1).sum();
    let Tally { uploads, most_in_flight, most_records } = stand.tally().await;
    assert!(most_in_flight <= LANES, "{most_in_flight} uploads were in flight at once");
    assert!(twice <= kills * LANES * most_records, "{twice} records came again after {kills} kills");
    figure::fault(Fault {
        name: "kill -9 under load",
        rounds: kills,
        acknowledged: EVENTS,
        lost: EVENTS - arrivals.len() - EVENTS / FILTERED,
        twice: Some(twice),
        recovery: longest,
        mutation: "answer before the block is written; settle before the upload",
    });
    figure::note("kill -9 under load: uploads", uploads);
}

/// Senders that post the same calls again until they are answered.
struct Load {
    address: watch::Sender<Option<SocketAddr>>,
    answered: Arc<watch::Sender<BTreeSet<usize>>>,
    _senders: JoinSet<()>,
}

impl Load {
    fn start() -> Self {
        let address = watch::Sender::new(None);
        let answered = Arc::new(watch::Sender::default());
        let batches = (0..EVENTS).step_by(BATCH).map(|first| first..first + BATCH);
        let waiting = Arc::new(Mutex::new(batches.collect::<VecDeque<_>>()));
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (waiting, answered) = (Arc::clone(&waiting), Arc::clone(&answered));
            let mut address = address.subscribe();
            senders.spawn(async move {
                while let Some(steps) = next(&waiting) {
                    while !is_taken(&mut address, steps.clone()).await {
                        tokio::time::sleep(PAUSE).await;
                    }
                    answered.send_modify(|answered: &mut BTreeSet<usize>| answered.extend(steps));
                }
            });
        }
        Self { address, answered, _senders: senders }
    }

    fn answered(&self) -> BTreeSet<usize> {
        self.answered.borrow().clone()
    }

    async fn answered_at_least(&self, count: usize) {
        let mut answered = self.answered.subscribe();
        answered.wait_for(|answered| answered.len() >= count).await.expect("senders");
    }
}

fn next(waiting: &Mutex<VecDeque<Range<usize>>>) -> Option<Range<usize>> {
    waiting.lock().expect("a sender that did not panic").pop_front()
}

/// Whether a batch was answered 200; not when the server died first.
async fn is_taken(address: &mut watch::Receiver<Option<SocketAddr>>, steps: Range<usize>) -> bool {
    let address = *address.wait_for(Option::is_some).await.expect("a test");
    let Some(mut connection) = Connection::try_open(address.expect("an address")).await else { return false };
    connection.write(&post("/v1/batch").body(batch(steps.map(call))).render()).await;
    match connection.try_read().await {
        None => false,
        Some(answer) => {
            assert_eq!(answer.status, 200, "{}", answer.text());
            true
        }
    }
}

fn call(step: usize) -> Value {
    let person = step % PEOPLE;
    let device = (!step.is_multiple_of(FILTERED)).then(|| format!("device-{person}"));
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
        "userId": format!("user_{person}"), "anonymousId": device, "properties": {"step": step}})
}

/// The number of a stored event.
fn step(event: &Kept) -> usize {
    let event: Value = serde_json::from_str(&event.body).expect("JSON");
    number(&event["properties"]["step"])
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

/// The number and the person of a record.
fn step_of_record(record: &str) -> (usize, String) {
    let record: Value = serde_json::from_str(record).expect("JSON");
    (number(&record["evtData"]["step"]), record["identity"].as_str().expect("an identity").to_owned())
}

/// Delivered is what arrived, and only that; everything else has a reason. Gives how often each arrived.
fn assert_everything_has_its_end(kept: &[Kept], received: &[String]) -> BTreeMap<usize, usize> {
    let mut arrivals = BTreeMap::new();
    for record in received {
        *arrivals.entry(step_of_record(record).0).or_insert(0) += 1;
    }
    for event in kept {
        let step = step(event);
        let end = event.end.as_ref().unwrap_or_else(|| panic!("step {step} has no end"));
        match end.state {
            State::Delivered => assert!(arrivals.contains_key(&step), "step {step} never arrived"),
            State::Filtered => assert_eq!(end.code.as_deref(), Some("missing_anonymous_id"), "step {step}"),
            State::Failed | State::Dead => panic!("step {step}: {end:?}"),
        }
        let is_filtered = step.is_multiple_of(FILTERED);
        assert_eq!(end.state == State::Filtered, is_filtered, "step {step}: {end:?}");
        assert!(!(is_filtered && arrivals.contains_key(&step)), "step {step} arrived and should not");
    }
    assert_eq!(arrivals.len(), EVENTS - EVENTS / FILTERED);
    arrivals
}

/// Whoever looks at the first time that each record came sees everybody's events in the order they were accepted.
fn assert_first_arrivals_are_in_order(kept: &[Kept], received: &[String]) {
    let accepted: BTreeMap<usize, u64> = kept.iter().map(|event| (step(event), event.seq.0)).collect();
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    for (step, person) in received.iter().map(|record| step_of_record(record)) {
        if seen.insert(step) {
            let place = accepted[&step];
            let before = last.insert(person.clone(), place);
            assert!(before < Some(place), "{person}: {place} came after {before:?}");
        }
    }
}
