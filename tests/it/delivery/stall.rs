//! A record that makes whole uploads fail, found while others are taken, on the paused clock.

use super::rig::{Rig, number, record, said, track};
use super::script::{Script, answer, cut, success};
use crate::faults::sums::{SumsWatch, assert_ends, assert_order};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tapline::delivery::{LaneKey, Reply};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The number whose record no upload survives.
const CULPRIT: u64 = 500;
/// Whose it is.
const WHO: &str = "user_7";

/// Fails whatever holds one of `culprits`, takes all else, 50 ms each.
fn failing_on(culprits: &'static [u64], how: fn() -> Reply) -> Arc<Script> {
    let rule = move |_, records: &[Value]| match records.iter().map(number).any(|n| culprits.contains(&n)) {
        true => how(),
        false => success(records),
    };
    Arc::new(Script::new(rule).taking(Duration::from_millis(50)))
}

fn unavailable() -> Reply {
    answer(503, &json!({}))
}

/// What arrived: whose and which, in order, leaving out uploads with any of `culprits`.
fn taken(script: &Script, culprits: &[u64]) -> Vec<(String, u64)> {
    let one = |record: &Value| (record["identity"].as_str().unwrap().to_owned(), number(record));
    let uploads = script.uploads();
    let good = uploads
        .iter()
        .filter(|upload| !upload.records.iter().any(|record| culprits.contains(&number(record))));
    good.flat_map(|upload| upload.records.iter().map(one)).collect()
}

fn numbers(taken: &[(String, u64)]) -> Vec<u64> {
    taken.iter().map(|(_, number)| *number).collect()
}

/// Events `from..to` of a hundred users in turn, save that the culprit is [`WHO`]'s.
fn traffic(from: u64, to: u64) -> impl Iterator<Item = Value> {
    (from..to).map(|n| match n {
        CULPRIT => track(WHO, n),
        _ => track(&format!("user_{}", n % 100), n),
    })
}

/// Mutation: wait as for any other failure, in place of `Effect::Stalled`, in `Batch::stall`.
#[tokio::test(start_paused = true)]
async fn a_record_that_fails_every_upload_ends_alone_and_delays_only_its_own_user() {
    for how in [unavailable, cut] {
        let rig = Rig::paused();
        let script = failing_on(&[CULPRIT], how);
        let watch = SumsWatch::over(&rig.journal, Duration::from_secs(5));
        let delivery = rig.start_with(script.clone());
        for round in 0..60 {
            rig.accept(traffic(round * 50, (round + 1) * 50)).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        tokio::time::sleep(MINUTE).await;
        // All but the culprit and what its user did afterwards.
        let behind = (0..60 * 50).filter(|n| *n > CULPRIT && n % 100 == 7).count() as u64;
        assert_eq!(rig.journal_counts().pending, 1 + behind);
        let late = |n: &u64| *n >= CULPRIT && (*n == CULPRIT || n % 100 == 7);
        assert!(!numbers(&taken(&script, &[CULPRIT])).iter().any(late), "its user waits for it");
        let before = script.uploads().len();

        delivery.idle().await;
        let uploads = script.uploads();
        let tries: Vec<_> = uploads
            .iter()
            .skip(before)
            .filter(|upload| upload.records.iter().any(|record| number(record) == CULPRIT))
            .collect();
        assert!(tries.iter().all(|upload| upload.records.len() == 1), "it is tried alone");
        assert!((288..=800).contains(&tries.len()), "{} tries in a day", tries.len());
        let waits: Vec<Duration> = tries.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(waits.iter().any(|wait| *wait > 4 * MINUTE), "ever more rarely");
        assert!(tries.last().unwrap().at > 23 * HOUR);
        watch.end().await;
        let twice = assert_ends(&rig, &numbers(&taken(&script, &[CULPRIT]))).await;
        assert_eq!(twice, 0);
        assert_order(taken(&script, &[CULPRIT]));
        assert_eq!(
            rig.tally().await,
            [("delivered".to_owned(), 60 * 50 - 1), ("retries_exhausted".to_owned(), 1)].into()
        );
        delivery.stop(MINUTE).await.unwrap();
    }
}

/// Mutation: take the first in the queue and not the one that was tried least, in `Queue::select`.
#[tokio::test(start_paused = true)]
async fn where_nobody_else_sends_one_event_at_a_time_shows_that_others_are_taken() {
    let rig = Rig::paused();
    let script = failing_on(&[0], unavailable);
    let lane = LaneKey::of(WHO).lane();
    let users = (0..10_000).map(|n| format!("user_{n}")).filter(|user| LaneKey::of(user).lane() == lane);
    let users: Vec<String> = users.take(40).collect();
    rig.accept((0..40).map(|n| track(&users[n as usize], n))).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_secs(5));
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(rig.journal_counts().delivered, 39);
    let uploads = script.uploads().len();
    assert!(uploads < 60, "{uploads} uploads");
    // Known as what it is, it opens the breaker no more, so whoever comes later does not wait.
    tokio::time::sleep(HOUR).await;
    assert!(!rig.status.is_breaker_open(), "{:?}", rig.status.pause());
    rig.accept([track(&users[1], 40)]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.journal_counts().delivered, 40);
    delivery.idle().await;
    watch.end().await;
    assert_eq!(assert_ends(&rig, &numbers(&taken(&script, &[0]))).await, 0);
    assert_eq!(rig.ends().await[0].as_ref().unwrap().code.as_deref(), Some("retries_exhausted"));
}

#[tokio::test(start_paused = true)]
async fn several_such_records_in_one_lane_are_all_found() {
    const CULPRITS: &[u64] = &[3, 50, 51, 777];
    let rig = Rig::paused();
    let script = failing_on(CULPRITS, unavailable);
    // A user for each event, so that a lane's uploads are large.
    rig.accept((0..3_000).map(|n| track(&format!("user_{n}"), n))).await;
    let delivery = rig.start_with(script.clone());
    for n in 0..60 {
        rig.accept([track("steady", 3_000 + n)]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(rig.journal_counts().pending, CULPRITS.len() as u64);
    assert!(script.uploads().len() < 250, "{} uploads", script.uploads().len());
    delivery.idle().await;
    assert_eq!(assert_ends(&rig, &numbers(&taken(&script, CULPRITS))).await, 0);
}

#[tokio::test(start_paused = true)]
async fn of_an_event_with_several_records_the_good_ones_arrive() {
    let rig = Rig::paused();
    let script = failing_on(&[1], unavailable);
    let delivery = rig.start_with(script.clone());
    let records = (0..3).map(|n| record(WHO, n)).collect();
    rig.accept([said(WHO, records)]).await;
    for n in 0..60 {
        rig.accept([track("user_1", 10 + n)]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    delivery.idle().await;
    let arrived = numbers(&taken(&script, &[1]));
    assert_eq!([0, 1, 2].map(|n| arrived.iter().filter(|other| **other == n).count()), [1, 0, 1]);
    assert_eq!(rig.ends().await[0].as_ref().unwrap().code.as_deref(), Some("retries_exhausted"));
}

/// Mutation: count every failure as a strike, in `Batch::stall`.
#[tokio::test(start_paused = true)]
async fn an_outage_splits_nothing_however_often_it_comes() {
    for how in [unavailable, cut] {
        let rig = Rig::paused();
        let begun = Instant::now();
        // A quarter of an hour up and a quarter of an hour down, over and over.
        let rule = move |_, records: &[Value]| match (begun.elapsed().as_secs() / 900) % 2 {
            0 => success(records),
            _ => how(),
        };
        let script = Arc::new(Script::new(rule).taking(Duration::from_millis(50)));
        let watch = SumsWatch::over(&rig.journal, Duration::from_secs(1));
        let delivery = rig.start_with(script.clone());
        for round in 0..360 {
            rig.accept((round * 100..(round + 1) * 100).map(|n| track(&format!("user_{}", n % 400), n)))
                .await;
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        delivery.idle().await;
        watch.end().await;
        let down: Vec<_> =
            script.uploads().into_iter().filter(|upload| (upload.at.as_secs() / 900) % 2 == 1).collect();
        // Four outages: the uploads in flight, a few tries, and then one a minute at most.
        assert!(down.len() < 4 * 60, "{} uploads while nothing was taken", down.len());
        assert_eq!(rig.journal_counts().delivered, 36_000);
    }
}

#[tokio::test(start_paused = true)]
async fn where_every_other_upload_fails_by_chance_little_more_is_sent() {
    let rig = Rig::paused();
    let rule = |before: usize, records: &[Value]| match fastrand::Rng::with_seed(before as u64).f64() < 0.5 {
        true => unavailable(),
        false => success(records),
    };
    let script = Arc::new(Script::new(rule).taking(Duration::from_millis(50)));
    rig.accept((0..20_000).map(|n| track(&format!("user_{n}"), n))).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_millis(100));
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    watch.end().await;
    assert_eq!(rig.journal_counts().delivered, 20_000);
    assert!(script.uploads().len() < 400, "{} uploads", script.uploads().len());
}
