//! What ends without an upload, with which rules, and how much is held meanwhile.

use super::rig::{Rig, track, tracks};
use super::script::{Script, success};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tapline::journal::{Refusal, State};

#[tokio::test(start_paused = true)]
async fn filtered_failed_and_refused_events_end_without_an_upload() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    rig.accept([json!({"filtered": "missing_user_id"}), json!({"failed": "missing_event_name"})]).await;
    rig.accept_refused(Refusal {
        code: "event_too_large".to_owned(),
        message: "expected at most 32 KB".to_owned(),
        pointer: "/batch/3".to_owned(),
    })
    .await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let ends: Vec<_> = rig
        .ends()
        .await
        .into_iter()
        .flatten()
        .map(|end| (end.state, end.code.unwrap(), end.message.unwrap(), end.upload))
        .collect();
    let expected = [
        (State::Filtered, "missing_user_id", "as told"),
        (State::Failed, "missing_event_name", "as told"),
        (State::Failed, "event_too_large", "expected at most 32 KB"),
    ];
    assert_eq!(
        ends,
        expected.map(|(state, code, message)| (state, code.to_owned(), message.to_owned(), None))
    );
    assert!(script.uploads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_the_rules_fails_one_event() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    rig.accept([track("user_1", 0), json!({"panic": true}), track("user_1", 2)]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 2), ("internal_error".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn each_event_names_the_rules_it_was_evaluated_with() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let delivery = rig.start_with(script);
    rig.accept(tracks(3, 3)).await;
    delivery.idle().await;
    *rig.revision.lock().unwrap() = "r2".into();
    rig.accept(tracks(2, 2)).await;
    rig.accept([json!({"filtered": "x"})]).await;
    delivery.idle().await;
    let revisions: Vec<String> = rig.ends().await.into_iter().flatten().map(|end| end.revision).collect();
    assert_eq!(revisions, ["r1", "r1", "r1", "r2", "r2", "r2"]);
}

#[tokio::test(start_paused = true)]
async fn the_reader_stops_while_the_lanes_are_full() {
    let mut rig = Rig::paused();
    rig.policy.backlog_bytes = 100_000;
    let script = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_secs(60)));
    rig.accept(tracks(5_000, 5_000)).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let held: usize = script.uploads().iter().map(|upload| upload.records.len()).sum();
    assert!(held <= 400, "{held} events are held");
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 5_000)].into());
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_all_memory_still_goes_through() {
    let mut rig = Rig::paused();
    rig.policy.backlog_bytes = 1_000;
    let script = Arc::new(Script::new(|_, records| success(records)));
    let mut event = track("user_1", 0);
    event["records"][0]["evtData"]["note"] = json!("x".repeat(30_000));
    rig.accept([event, track("user_1", 1)]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(script.numbers().concat(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn everything_that_was_accepted_has_one_end() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let delivery = rig.start_with(script);
    for round in 0..20 {
        rig.accept(tracks(7, 3)).await;
        rig.accept([json!({"filtered": "x"}), json!({"failed": "y"})]).await;
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
    }
    delivery.idle().await;
    let counts = tapline::journal::Journal::counts(&*rig.journal);
    assert_eq!((counts.accepted, counts.delivered, counts.filtered, counts.failed), (180, 140, 20, 20));
    assert_eq!((counts.dead, counts.pending), (0, 0));
}
