use super::sums::{SumsWatch, assert_ends, assert_order};
use crate::delivery::rig::{Rig, number, settings, simulator, taken, track, tracks};
use crate::delivery::script::{Script, answer, partial, success};
use crate::support::figure::{self, Fault};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapline::delivery::{Account, LaneKey, LimitReason, Reply, Slots, Uploader, test_connection};
use tapline::journal::Journal;
use tapline::simulator::{Options, Simulator};
use tokio::time::Instant;

/// How long an upload takes.
const TAKES: Duration = Duration::from_millis(200);

/// Records of an upload.
const BATCH: usize = 4;

/// A CleverTap that lets in so many at once, which changes, and answers 429 beyond.
struct Narrow {
    begun: Instant,
    /// From when on how many are let in.
    lets_in: Vec<(Duration, usize)>,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    refused: AtomicUsize,
    taken: Mutex<Vec<(Duration, Value)>>,
}

impl Narrow {
    fn new(lets_in: &[(u64, usize)]) -> Self {
        Self {
            begun: Instant::now(),
            lets_in: lets_in.iter().map(|&(from, count)| (Duration::from_secs(from), count)).collect(),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            taken: Mutex::default(),
        }
    }

    fn lets_in(&self) -> usize {
        let now = self.begun.elapsed();
        self.lets_in.iter().rev().find(|(from, _)| *from <= now).map_or(usize::MAX, |(_, count)| *count)
    }

    /// How many records were taken between two seconds.
    fn taken_within(&self, from: u64, until: u64) -> usize {
        let within = Duration::from_secs(from)..Duration::from_secs(until);
        self.taken.lock().unwrap().iter().filter(|(at, _)| within.contains(at)).count()
    }

    fn numbers(&self) -> Vec<u64> {
        self.taken.lock().unwrap().iter().map(|(_, record)| number(record)).collect()
    }
}

#[async_trait::async_trait]
impl Uploader for Narrow {
    async fn upload(&self, _account: &Account, body: Bytes) -> Reply {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let reply = if now > self.lets_in() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer(429, &json!({}))
        } else {
            tokio::time::sleep(TAKES).await;
            let body: Value = serde_json::from_slice(&body).unwrap();
            let records = body["d"].as_array().unwrap();
            let at = self.begun.elapsed();
            self.taken.lock().unwrap().extend(records.iter().map(|record| (at, record.clone())));
            success(records)
        };
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        reply
    }

    async fn delete(&self, _account: &Account, _body: Bytes) -> Reply {
        panic!("nobody is deleted here");
    }
}

/// Mutations: leave the limit where it is on 429, or let it fall by the half and never rise (goodput).
#[tokio::test(start_paused = true)]
async fn in_a_storm_of_429_nine_tenths_of_what_is_possible_is_done() {
    let (mut worst, mut accepted, mut longest) = (100, 0, Duration::ZERO);
    for lets_in in [2, 4, 7, 10] {
        let mut rig = Rig::paused();
        rig.policy.batch.records = BATCH;
        let clevertap = Arc::new(Narrow::new(&[(0, 15), (20, lets_in), (120, 15)]));
        rig.accept(tracks(40_000, 8_000)).await;
        let watch = SumsWatch::over(&rig.journal, Duration::from_secs(1));
        let delivery = rig.start_with(clevertap.clone());
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(rig.status.limit().map(|limit| (limit.now, limit.why)), Some((12, None)));
        tokio::time::sleep(Duration::from_secs(75)).await;
        let limit = rig.status.limit().unwrap();
        assert!((lets_in.saturating_sub(2)..=lets_in + 1).contains(&limit.now), "{limit:?} of {lets_in}");
        assert_eq!(limit.why, Some(LimitReason::TooManyRequests));
        tokio::time::sleep(Duration::from_secs(30)).await;
        let storm_ended = Instant::now();
        while rig.status.limit().map(|limit| (limit.now, limit.why)) != Some((12, None)) {
            assert!(storm_ended.elapsed() < Duration::from_secs(30), "{lets_in}: {:?}", rig.status.limit());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        longest = longest.max(storm_ended.elapsed());
        let ideal = lets_in * BATCH * 100_000 / TAKES.as_millis() as usize;
        let goodput = clevertap.taken_within(20, 120) * 100 / ideal;
        assert!(goodput >= 90, "{goodput} % of the ideal while {lets_in} are let in");
        assert!(clevertap.most.load(Ordering::SeqCst) <= 12);
        delivery.stop(Duration::from_secs(5)).await.unwrap();
        watch.end().await;
        let (numbers, counts) = (clevertap.numbers(), rig.journal.counts());
        assert_eq!((counts.delivered, counts.dead), (numbers.len() as u64, 0), "nothing twice, nothing lost");
        (worst, accepted) = (worst.min(goodput), accepted + counts.accepted as usize);
        figure::note(
            &format!("429 beyond {lets_in}: refused uploads in 100 s"),
            clevertap.refused.load(Ordering::SeqCst),
        );
    }
    figure::note("429 storm: goodput in percent of the ideal, at worst", worst);
    figure::fault(Fault {
        name: "CleverTap: a storm of 429 for 100 s, beyond 2, 4, 7 or 10 at once",
        rounds: 4,
        acknowledged: accepted,
        lost: 0,
        twice: Some(0),
        recovery: longest,
        mutation: "the limit stays where it is on 429; or it falls by the half and never rises",
    });
}

/// Mutation: let lanes and connection tests take from one count of fifteen (the tests starve), or give each its own fifteen.
#[tokio::test]
async fn lanes_and_connection_tests_together_are_never_more_than_fifteen_and_neither_waits_for_the_other() {
    let simulator = simulator(&["slow:ms=40"]).await;
    let mut rig = Rig::new(&simulator.base_url());
    rig.policy.batch.records = 5;
    let slots = Slots::default();
    rig.slots = Some(slots.clone());
    rig.accept(tracks(4_000, 500)).await;
    let delivery = rig.start();
    let account = settings(&simulator.base_url(), "passcode");
    let tests = (0..12).map(|_| test_connection(&account, &slots));
    let tests = futures_util::future::join_all(tests).await;
    assert!(tests.iter().all(|test| test.is_authorised()), "{tests:?}");
    assert!(rig.journal.counts().pending > 0, "the tests did not have to wait for the lanes");
    delivery.idle().await;
    let tally = simulator.tally();
    assert!((13..=15).contains(&tally.most_in_flight), "{} in flight", tally.most_in_flight);
    assert_eq!(tally.too_many, 0);
    assert_eq!(assert_ends(&rig, &taken(&simulator)).await, 0);
}

/// The same over real HTTP, where somebody else uses most of the account.
///
/// Mutation: leave the limit where it is on 429.
#[tokio::test]
async fn an_account_that_others_use_too_is_not_stormed() {
    let faults = vec!["slow:ms=20".parse().unwrap()];
    let options = Options { in_flight: 4, faults, ..Options::default() };
    let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let mut rig = Rig::new(&simulator.base_url());
    rig.policy.batch.records = 5;
    rig.accept(tracks(3_000, 1_000)).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_millis(5));
    let delivery = rig.start();
    delivery.idle().await;
    watch.end().await;
    assert_eq!(assert_ends(&rig, &taken(&simulator)).await, 0);
    let tally = simulator.tally();
    assert!(tally.most_in_flight <= 15);
    let refused = tally.too_many * 100 / (tally.uploads + tally.too_many);
    assert!(refused <= 35, "{refused} % of the requests were refused");
    assert!(tally.too_many > 0, "the storm was not seen");
}

/// How long after its acceptance each event of the others was taken, at most.
async fn lag_beside(hot_share: u64, hot_fails: bool) -> Duration {
    const TICKS: u64 = 300;
    let rig = Rig::paused();
    let begun = Instant::now();
    let lane_of = |user: &str| LaneKey::of(user).lane();
    // Every second of the others has to share the hot user's lane, or the test would show little.
    let beside: Vec<String> = (0..)
        .map(|i| format!("other_{i}"))
        .filter(|user| lane_of(user) == lane_of("hot"))
        .take(20)
        .chain((0..20).map(|i| format!("elsewhere_{i}")))
        .collect();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let arrived = Arc::clone(&arrivals);
    let script = Arc::new(
        Script::new(move |_, records| {
            let is_refused = |record: &Value| {
                hot_fails && record["identity"] == "hot" && (5..20).contains(&begun.elapsed().as_secs())
            };
            let refused: Vec<(usize, u16)> = records
                .iter()
                .enumerate()
                .filter(|(_, record)| is_refused(record))
                .map(|(i, _)| (i + 1, 555))
                .collect();
            let taken = records.iter().filter(|record| !is_refused(record));
            arrived.lock().unwrap().extend(taken.map(|record| {
                (record["identity"].as_str().unwrap().to_owned(), number(record), begun.elapsed())
            }));
            if refused.is_empty() { success(records) } else { partial(records, &refused) }
        })
        .taking(TAKES / 2),
    );
    let delivery = rig.start_with(script.clone());
    let mut accepted = Vec::new();
    for tick in 0..TICKS {
        let mut events = Vec::new();
        for i in 0..20 + hot_share {
            let n = accepted.len() as u64;
            let user = if i < 20 { beside[((tick * 20 + i) % 40) as usize].as_str() } else { "hot" };
            accepted.push(begun.elapsed());
            events.push(track(user, n));
        }
        rig.accept(events).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    delivery.idle().await;
    let arrivals = arrivals.lock().unwrap().clone();
    let numbers: Vec<u64> = arrivals.iter().map(|(_, number, _)| *number).collect();
    assert_eq!(assert_ends(&rig, &numbers).await, 0);
    assert_eq!(rig.journal.counts().delivered, accepted.len() as u64);
    assert_order(arrivals.iter().map(|(user, number, _)| (user.clone(), *number)));
    let others = arrivals.iter().filter(|(user, ..)| user != "hot");
    others.map(|(_, number, at)| *at - accepted[*number as usize]).max().unwrap()
}

/// Mutation: hold up the lane instead of the user when a record is to be tried again.
#[tokio::test(start_paused = true)]
async fn a_hot_user_with_half_of_the_traffic_leaves_the_lag_of_others_flat() {
    let without = lag_beside(0, false).await;
    let beside_hot = lag_beside(20, false).await;
    let beside_stuck = lag_beside(20, true).await;
    for lag in [beside_hot, beside_stuck] {
        assert!(lag <= without + 3 * TAKES / 2, "{lag:?} beside the hot user, {without:?} without");
    }
    // Of 300 ticks with 20 events of others, two runs had 20 of the hot user beside them.
    figure::fault(Fault {
        name: "half of all events are of one user, whose records are taken or refused for 15 s",
        rounds: 2,
        acknowledged: 2 * 300 * 40,
        lost: 0,
        twice: Some(0),
        recovery: beside_stuck,
        mutation: "the lane waits instead of the user when a record is to be tried again",
    });
    figure::note("Hot user: longest lag of others without, in ms", without.as_millis());
    figure::note("Hot user: longest lag of others beside one that is stuck, in ms", beside_stuck.as_millis());
}
