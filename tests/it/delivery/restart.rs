//! A new delivery goes on where the last one ended, and sends nothing again that was settled.

use super::rig::{Rig, all, simulator, sorted, taken, track, tracks};
use super::script::{Script, success};
use std::sync::Arc;
use std::time::Duration;
use tapline::delivery::DeliveryError;
use tapline::journal::JournalError;

#[tokio::test]
async fn a_restart_sends_only_what_was_not_settled() {
    let simulator = simulator(&[]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(100, 30)).await;
    let first = rig.start();
    first.idle().await;
    first.stop(Duration::from_secs(5)).await.unwrap();
    rig.accept((100..200).map(|n| track(&format!("user_{}", n % 30), n))).await;
    let second = rig.start();
    second.idle().await;
    assert_eq!(sorted(taken(&simulator)), all(200));
    assert_eq!(simulator.tally().taken, 200, "nothing twice");
}

#[tokio::test]
async fn a_stop_in_the_middle_settles_what_was_in_flight() {
    let simulator = simulator(&["slow:ms=20"]).await;
    let mut rig = Rig::new(&simulator.base_url());
    rig.policy.batch.records = 5;
    rig.accept(tracks(1_000, 400)).await;
    for _ in 0..5 {
        let delivery = rig.start();
        tokio::time::sleep(Duration::from_millis(50)).await;
        delivery.stop(Duration::from_secs(5)).await.unwrap();
    }
    let middle = rig.tally().await;
    assert!(middle.contains_key("pending") && middle.contains_key("delivered"), "{middle:?}");
    rig.policy.batch.records = 1_000;
    let delivery = rig.start();
    delivery.idle().await;
    assert_eq!(sorted(taken(&simulator)), all(1_000), "nothing lost and nothing twice");
}

#[tokio::test(start_paused = true)]
async fn a_cut_stop_sends_again_no_more_than_was_in_flight() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 1;
    rig.accept((0..10).map(|n| track("user_1", n))).await;
    let hangs = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_secs(25)));
    let delivery = rig.start_with(hangs.clone());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = tokio::time::Instant::now();
    delivery.stop(Duration::from_secs(10)).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(11));
    assert_eq!(hangs.numbers().concat(), [0, 1, 2]);
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 2), ("pending".to_owned(), 8)].into());
    assert_eq!(rig.status.in_flight(), 0);

    let script = Arc::new(Script::new(|_, records| success(records)));
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(script.numbers().concat(), [2, 3, 4, 5, 6, 7, 8, 9], "only 2 was in flight");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_can_not_settle_ends_delivery() {
    let rig = Rig::paused();
    rig.journal.fail_next_settle(JournalError::Storage("no space left".to_owned()));
    rig.accept(tracks(5, 1)).await;
    let script = Arc::new(Script::new(|_, records| success(records)));
    let mut delivery = rig.start_with(script.clone());
    let error = delivery.failed().await;
    assert!(matches!(error, DeliveryError::Journal(JournalError::Storage(_))), "{error}");
    let sent = script.uploads().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(script.uploads().len(), sent, "nothing is sent that could not be settled");
}
