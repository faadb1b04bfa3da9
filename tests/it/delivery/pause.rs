//! Delivery waits where only an operator can help, and loses nothing.

use super::rig::{Rig, all, settings, simulator, sorted, taken, tracks};
use super::script::{Script, answer, success};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tapline::clock::Millis;
use tapline::delivery::DeliveryStatus;
use tapline::settings::{Origins, Secret, Settings};

async fn until(status: &DeliveryStatus, code: &str) {
    while status.pause().is_none_or(|pause| pause.code != code) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_wrong_passcode_pauses_until_it_is_corrected() {
    let simulator = simulator(&[]).await;
    simulator.set_passcode(Secret::parse("right"));
    let rig = Rig::new(&simulator.base_url());
    rig.settings.replace(settings(&simulator.base_url(), "wrong"), Origins::new());
    rig.accept(tracks(200, 50)).await;
    let delivery = rig.start();
    until(&rig.status, "unauthorized").await;
    let tried = simulator.tally().uploads;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let pause = rig.status.pause().unwrap();
    assert_eq!((pause.code, pause.since), ("unauthorized", Millis(1_700_000_000_000)));
    assert!(pause.message.contains("(401)") && !pause.message.contains("wrong"), "{}", pause.message);
    assert!(simulator.tally().uploads <= tried.max(12), "nobody tries on");
    assert_eq!(rig.tally().await, [("pending".to_owned(), 200)].into());

    rig.settings.replace(settings(&simulator.base_url(), "right"), Origins::new());
    delivery.idle().await;
    assert_eq!(rig.status.pause(), None);
    assert_eq!(sorted(taken(&simulator)), all(200));
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 200)].into());
}

#[tokio::test]
async fn without_an_account_events_wait_and_what_needs_no_upload_ends() {
    let simulator = simulator(&[]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.settings.replace(Settings::default(), Origins::new());
    rig.accept(tracks(20, 5)).await;
    rig.accept([json!({"filtered": "missing_user_id"})]).await;
    let delivery = rig.start();
    assert_eq!(
        rig.status.pause().map(|pause| pause.code),
        Some("not_configured"),
        "said before anything is sent"
    );
    while !rig.tally().await.contains_key("missing_user_id") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(simulator.tally().uploads, 0);
    rig.settings.replace(settings(&simulator.base_url(), "passcode"), Origins::new());
    delivery.idle().await;
    assert_eq!(rig.status.pause(), None);
    assert_eq!(sorted(taken(&simulator)), all(20));
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_makes_no_record_older() {
    let mut rig = Rig::paused();
    rig.policy.retry.age_limit = Duration::from_secs(600);
    let script = Arc::new(Script::new(|before, records| match before {
        0 => answer(401, &json!({})),
        1 => answer(503, &json!({})),
        _ => success(records),
    }));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    until(&rig.status, "unauthorized").await;
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert_eq!(script.uploads().len(), 1);
    rig.settings.replace(settings("http://127.0.0.1:1", "other"), Origins::new());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1)].into());
    assert_eq!(script.uploads().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_old_settings_does_not_close_the_gate_for_new_ones() {
    let rig = Rig::paused();
    let refuse_first = |before, records: &[serde_json::Value]| match before {
        0 => answer(403, &json!({})),
        _ => success(records),
    };
    let script = Arc::new(Script::new(refuse_first).taking(Duration::from_secs(10)));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.settings.replace(settings("http://127.0.0.1:1", "other"), Origins::new());
    delivery.idle().await;
    assert_eq!(rig.status.pause(), None);
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1)].into());
}
