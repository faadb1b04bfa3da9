//! A push token is sent once per device.

use super::rig::{Rig, record, said, token};
use super::script::{Script, answer, partial, success};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn with_token(user: &str, n: u64, id: &str) -> Value {
    said(user, vec![record(user, n), token("anon-1", id)])
}

fn tokens(script: &Script) -> Vec<String> {
    let records = script.uploads().into_iter().flat_map(|upload| upload.records);
    records.filter_map(|record| record["tokenData"]["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_sent_once_and_its_events_are_delivered() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    rig.accept((0..5).map(|n| with_token("user_1", n, "a"))).await;
    rig.accept([with_token("user_1", 5, "b"), said("user_1", vec![token("anon-1", "b")])]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(tokens(&script), ["a", "b"]);
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 7)].into());
    assert_eq!(rig.status.totals().tokens_left_out, 5);
    delivery.stop(Duration::from_secs(1)).await.unwrap();

    rig.accept([with_token("user_1", 6, "b")]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(tokens(&script), ["a", "b"], "remembered across a restart");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_fails_one_event_of_its_device() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| {
        match records.iter().position(|record| record["type"] == "token") {
            Some(place) => partial(records, &[(place + 1, 534)]),
            None => success(records),
        }
    }));
    rig.accept((0..4).map(|n| with_token("user_1", n, "a"))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("clevertap_534".to_owned(), 1), ("delivered".to_owned(), 3)].into());
    assert_eq!(rig.ends().await[0].as_ref().and_then(|end| end.code.as_deref()), Some("clevertap_534"));
}

#[tokio::test(start_paused = true)]
async fn only_the_record_that_failed_is_sent_again() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|before, records| match before {
        0 => partial(records, &[(2, 555)]),
        _ => success(records),
    }));
    rig.accept([with_token("user_1", 0, "a")]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let kinds: Vec<Vec<Value>> = script
        .uploads()
        .into_iter()
        .map(|upload| upload.records.into_iter().map(|record| record["type"].clone()).collect())
        .collect();
    assert_eq!(json!(kinds), json!([["event", "token"], ["token"]]));
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_given_up_is_sent_with_the_next_event() {
    let mut rig = Rig::paused();
    rig.policy.retry.age_limit = Duration::from_secs(60);
    let begun = tokio::time::Instant::now();
    let script =
        Arc::new(Script::new(move |_, records| match begun.elapsed() > Duration::from_secs(3_600) {
            true => success(records),
            false => answer(500, &json!({})),
        }));
    rig.accept([with_token("user_1", 0, "a")]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let before = tokens(&script).len();
    rig.accept([with_token("user_1", 1, "a")]).await;
    delivery.idle().await;
    assert_eq!(tokens(&script).len(), before + 1);
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1), ("retries_exhausted".to_owned(), 1)].into());
}

/// Mutation: say never that a deletion is under way, in `TokenMemory::is_deleting`.
#[tokio::test(start_paused = true)]
async fn a_token_that_comes_after_its_persons_deletion_is_sent_although_both_were_read_at_once() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let own = |n| {
        let mut event = with_token("user_1", n, "a");
        (event["userId"], event["anonymousId"]) = ("user_1".into(), "anon-1".into());
        event
    };
    rig.accept([own(0), own(1), json!({"type": "delete", "userId": "user_1"}), own(2)]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(tokens(&script), ["a", "a"], "once before the deletion and once after it");
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 4)].into());
}
