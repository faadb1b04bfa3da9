//! The records of one user leave in the order their events were accepted, whatever goes wrong.

use super::rig::{Rig, number, simulator, track, tracks};
use super::script::{Script, partial, success};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tapline::simulator::Simulator;

/// The numbers of each user, in the order of their first arrival.
fn by_user(simulator: &Simulator) -> HashMap<String, Vec<u64>> {
    let mut users: HashMap<String, Vec<u64>> = HashMap::new();
    for record in simulator.received() {
        let record: Value = serde_json::from_str(&record).unwrap();
        let numbers = users.entry(record["identity"].as_str().unwrap().to_owned()).or_default();
        if !numbers.contains(&number(&record)) {
            numbers.push(number(&record));
        }
    }
    users
}

#[tokio::test]
async fn users_keep_their_order_through_every_failure() {
    let faults = ["503:rate=0.15", "reset:rate=0.1", "partial:share=0.2", "429:rate=0.1", "cut:rate=0.05"];
    let simulator = simulator(&faults).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(1_000, 60)).await;
    let delivery = rig.start();
    delivery.idle().await;
    let users = by_user(&simulator);
    assert_eq!(users.values().map(Vec::len).sum::<usize>(), 1_000);
    for (user, numbers) in users {
        assert!(numbers.is_sorted(), "{user}: {numbers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_record_is_tried_again_holds_up_nobody_else() {
    let rig = Rig::paused();
    // Both users share a lane, or the test would show nothing.
    let lane_of = |user: &str| tapline::delivery::LaneKey::of(user).lane();
    let neighbour =
        (0..).map(|i| format!("neighbour_{i}")).find(|user| lane_of(user) == lane_of("stuck")).unwrap();
    let started = tokio::time::Instant::now();
    let script = Arc::new(Script::new(move |_, records| {
        let stuck =
            |record: &Value| record["identity"] == "stuck" && started.elapsed() < Duration::from_secs(3_600);
        let refused: Vec<(usize, u16)> = records
            .iter()
            .enumerate()
            .filter(|(_, record)| stuck(record))
            .map(|(i, _)| (i + 1, 555))
            .collect();
        if refused.is_empty() { success(records) } else { partial(records, &refused) }
    }));
    rig.accept([track("stuck", 0), track(&neighbour, 1), track("stuck", 2), track(&neighbour, 3)]).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 2), ("pending".to_owned(), 2)].into());
    delivery.idle().await;
    let numbers: Vec<u64> = script.numbers().concat();
    let first = |n| numbers.iter().position(|m| *m == n).unwrap();
    let last = |n| numbers.iter().rposition(|m| *m == n).unwrap();
    assert!(last(0) < first(2), "{numbers:?}");
    assert!(first(3) < last(0), "{numbers:?}");
    assert_eq!(numbers.iter().filter(|n| **n == 3).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_user_is_worked_off_in_large_uploads() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_millis(100)));
    rig.accept((0..3_000).map(|n| track("busy", n))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let numbers = script.numbers();
    assert!(numbers.concat().is_sorted());
    assert!(numbers.len() < 50, "{} uploads", numbers.len());
}

#[tokio::test(start_paused = true)]
async fn events_of_nobody_hold_up_nobody() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let mut event = track("", 0);
    event["user"] = json!(null);
    rig.accept(std::iter::repeat_n(event, 100)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert!(script.uploads().len() <= 12);
}

#[tokio::test(start_paused = true)]
async fn the_records_of_one_event_travel_together() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let event = |n: u64| {
        let user = format!("user_{n}");
        super::rig::said(&user, vec![super::rig::record(&user, 2 * n), super::rig::record(&user, 2 * n + 1)])
    };
    let mut rig = rig;
    rig.policy.batch.records = 3;
    rig.accept((0..100).map(event)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    for numbers in script.numbers() {
        assert_eq!(numbers.len(), 2, "{numbers:?}");
        assert_eq!(numbers[0] / 2, numbers[1] / 2);
    }
}
