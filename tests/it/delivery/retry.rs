//! When what is tried again, and when it is given up: on the paused clock.

use super::rig::{Rig, all, record, said, sorted, track, tracks};
use super::script::{Script, answer, cut, partial, success, too_many};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tapline::journal::UploadId;

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|before, records| match before {
        0 => too_many(Duration::from_secs(120)),
        _ => success(records),
    }));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let uploads = script.uploads();
    assert_eq!(uploads.len(), 2);
    let waited = uploads[1].at - uploads[0].at;
    assert!((120..=121).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_an_outage_is_survived() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|before, records| if before < 30 { cut() } else { success(records) }));
    rig.accept((0..50).map(|n| track("user_1", n))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let uploads = script.uploads();
    let waits: Vec<Duration> = uploads.windows(2).map(|pair| pair[1].at - pair[0].at).take(30).collect();
    assert!(waits[..3].iter().all(|wait| *wait <= Duration::from_secs(4)), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(60)), "{waits:?}");
    assert!(waits[15..].iter().any(|wait| *wait > Duration::from_secs(40)), "{waits:?}");
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 50)].into());
}

#[tokio::test(start_paused = true)]
async fn what_never_arrives_becomes_a_dead_letter_after_the_age_limit() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, _| answer(503, &json!({}))));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let day = Duration::from_secs(24 * 60 * 60);
    let last = script.uploads().last().unwrap().at;
    assert!(last >= day && last < day + Duration::from_secs(301), "{last:?}");
    let end = rig.ends().await.pop().flatten().unwrap();
    assert_eq!(end.code.as_deref(), Some("retries_exhausted"));
    assert_eq!(
        end.message.as_deref(),
        Some("gave up after the last retry: CleverTap had a problem of its own (503)")
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_stays_unlucky_becomes_a_dead_letter_alone() {
    let mut rig = Rig::paused();
    rig.policy.retry.age_limit = Duration::from_secs(600);
    let script = Arc::new(Script::new(|_, records| {
        match records.iter().position(|record| record["evtData"]["n"] == 0) {
            Some(place) => partial(records, &[(place + 1, 555)]),
            None => success(records),
        }
    }));
    rig.accept([track("user_1", 0), track("user_2", 1), track("user_1", 2)]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 2), ("retries_exhausted".to_owned(), 1)].into());
    let numbers = script.numbers().concat();
    assert_eq!(numbers.iter().filter(|n| **n == 1).count(), 1);
    assert_eq!(numbers.iter().filter(|n| **n == 2).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn contradictions_are_not_believed_and_not_repeated_for_ever() {
    let bodies = [
        json!({"status": "fail", "processed": 0, "unprocessed": []}),
        json!({"status": "success", "processed": 7, "unprocessed": []}),
    ];
    for body in bodies {
        let rig = Rig::paused();
        let script = Arc::new(Script::new(move |_, _| answer(200, &body)));
        rig.accept((0..3).map(|n| track("user_1", n))).await;
        let mut rig = rig;
        rig.policy.batch.strict = 0;
        let delivery = rig.start_with(script.clone());
        delivery.idle().await;
        assert_eq!(rig.tally().await, [("unclear_answer".to_owned(), 3)].into());
        assert_eq!(script.uploads().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_no_record_is_found_by_halving() {
    let mut rig = Rig::paused();
    rig.policy.batch.strict = 0;
    let script =
        Arc::new(Script::new(|_, records| match records.iter().any(|record| record["evtData"]["n"] == 11) {
            true => {
                let refused = json!([{"code": 515, "error": "Email is not valid."}]);
                answer(
                    200,
                    &json!({"status": "partial", "processed": records.len() - 1, "unprocessed": refused}),
                )
            }
            false => success(records),
        }));
    rig.accept((0..20).map(|n| track("user_1", n))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("clevertap_515".to_owned(), 1), ("delivered".to_owned(), 19)].into());
    assert_eq!(rig.ends().await[11].as_ref().and_then(|end| end.code.as_deref()), Some("clevertap_515"));
    assert!(script.uploads().len() < 12, "{} uploads", script.uploads().len());
}

#[tokio::test(start_paused = true)]
async fn an_upload_too_large_for_the_server_is_made_smaller() {
    let mut rig = Rig::paused();
    rig.policy.batch.strict = 0;
    let script = Arc::new(Script::new(|_, records| {
        let heavy = records.iter().any(|record| record["evtData"]["n"] == 7);
        if records.len() > 6 || heavy { answer(413, &json!({})) } else { success(records) }
    }));
    rig.accept((0..30).map(|n| track("user_1", n))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 29), ("record_too_large".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn an_upload_keeps_to_its_bytes() {
    let mut rig = Rig::paused();
    rig.policy.batch.bytes = 10_000;
    let script = Arc::new(Script::new(|_, records| success(records)));
    rig.accept(tracks(500, 500)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    for upload in script.uploads() {
        let bytes: usize = upload.records.iter().map(|record| record.to_string().len() + 1).sum();
        assert!(bytes <= 10_000, "{bytes}");
    }
    assert_eq!(sorted(script.numbers().concat()), all(500));
}

#[tokio::test(start_paused = true)]
async fn the_upload_that_decided_is_kept_with_its_attempt() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|before, records| if before < 2 { cut() } else { success(records) }));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let id = rig.ends().await.pop().flatten().and_then(|end| end.upload).unwrap();
    let note = tapline::journal::Journal::upload(&*rig.journal, id).await.unwrap().unwrap();
    assert_eq!((note.id, note.attempt, note.records), (UploadId(3), 3, 1));
    assert_eq!((note.status, note.answer.as_str()), (Some(200), "success"));
}

#[tokio::test(start_paused = true)]
async fn the_upload_that_refused_a_record_is_kept_although_the_event_ended_by_a_later_one() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|before, records| match before {
        0 => partial(records, &[(1, 515), (2, 555)]),
        _ => success(records),
    }));
    rig.accept([said("user_1", vec![record("user_1", 0), record("user_1", 1)])]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let end = rig.ends().await.pop().flatten().unwrap();
    assert_eq!((end.code.as_deref(), end.upload), (Some("clevertap_515"), Some(UploadId(1))));
    let note = tapline::journal::Journal::upload(&*rig.journal, UploadId(1)).await.unwrap().unwrap();
    assert_eq!((note.records, note.answer.as_str()), (2, "fail"));
    assert_eq!(script.numbers(), [vec![0, 1], vec![1]]);
}
