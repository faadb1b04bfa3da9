//! Deletions: in their person's order, few at a time, retried and bisected; and what the journal holds afterwards.

use super::rig::{Rig, record, said, token, track};
use super::script::{Asked, Script, answer, cut, partial, success, too_many};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tapline::delivery::Slots;
use tapline::journal::{Entry, Journal, Seq, State, Store, Table};
use tapline::settings::Origins;

fn deletion(user: &str) -> Value {
    json!({"type": "delete", "userId": user})
}

/// An event that says whose it is as Segment's do, too.
fn own(user: &str, n: u64) -> Value {
    let mut event = track(user, n);
    event["userId"] = user.into();
    event
}

async fn entries(rig: &Rig) -> Vec<Entry> {
    let (mut at, mut entries) = (Seq(0), Vec::new());
    while let Some(block) = rig.journal.block_from(at).await.unwrap() {
        entries.extend(block.entries.iter().cloned());
        at = block.end();
    }
    entries
}

/// Waits until nothing is owed any more.
async fn erased(rig: &Rig) {
    while rig.store.list(Table::Erasures).unwrap().iter().any(|(key, _)| key.len() == 8) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn assert_sums(rig: &Rig) {
    let counts = rig.journal.counts();
    assert_eq!(
        counts.accepted,
        counts.filtered + counts.failed + counts.dead + counts.delivered + counts.pending
    );
}

fn place(asked: &[Asked], wanted: impl Fn(&Asked) -> bool) -> usize {
    asked.iter().position(wanted).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_deletion_comes_after_all_that_was_accepted_before_it_and_before_all_that_came_after() {
    for strict in [32, 1] {
        let mut rig = Rig::paused();
        rig.policy.batch.strict = strict;
        // The person's second event is in flight for long, cut, and then refused for a while.
        let script = Script::new(|before, records| match before {
            0 | 1 => cut(),
            2..=4 => partial(records, &(1..=records.len()).map(|place| (place, 555)).collect::<Vec<_>>()),
            _ => success(records),
        });
        let script = Arc::new(script.taking(Duration::from_secs(3)));
        rig.accept([own("gone", 0), own("gone", 1), deletion("gone"), own("gone", 2), own("kept", 3)]).await;
        let delivery = rig.start_with(script.clone());
        delivery.idle().await;
        assert_eq!(rig.tally().await, [("delivered".to_owned(), 5)].into());
        assert_sums(&rig);
        let asked = script.asked();
        let at = place(&asked, |asked| matches!(asked, Asked::Delete(_)));
        assert_eq!(script.deletions(), [json!({"identity": ["gone"]})]);
        for (index, asked) in asked.iter().enumerate() {
            let Asked::Upload(numbers) = asked else { continue };
            if index > at {
                assert!(!numbers.contains(&0) && !numbers.contains(&1), "{numbers:?} after the deletion");
            } else {
                assert!(!numbers.contains(&2), "{numbers:?} before the deletion");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_waits_until_the_deletion_is_answered_and_others_do_not() {
    let rig = Rig::paused();
    let deny = Duration::from_secs(1800);
    let started = tokio::time::Instant::now();
    let script = Script::new(|_, records| success(records)).deleting(move |_, _| {
        if started.elapsed() < deny {
            too_many(Duration::from_secs(1))
        } else {
            answer(200, &json!({"status": "success"}))
        }
    });
    let script = Arc::new(script);
    rig.accept([deletion("gone"), own("gone", 0), own("kept", 1)]).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1), ("pending".to_owned(), 2)].into());
    // The lane goes on with others meanwhile, and holds the person all the same.
    let lane_of = |user: &str| tapline::delivery::LaneKey::of(user).lane();
    let neighbour =
        (0..).map(|i| format!("neighbour_{i}")).find(|user| lane_of(user) == lane_of("gone")).unwrap();
    rig.accept([own(&neighbour, 2), own("gone", 3)]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 2), ("pending".to_owned(), 3)].into());
    delivery.idle().await;
    let asked = script.asked();
    let last = asked.iter().rposition(|asked| matches!(asked, Asked::Delete(_))).unwrap();
    assert!(place(&asked, |asked| *asked == Asked::Upload(vec![0])) > last);
    assert!(place(&asked, |asked| *asked == Asked::Upload(vec![1])) < last);
    assert_sums(&rig);
}

#[tokio::test(start_paused = true)]
async fn a_call_names_a_hundred_persons_and_three_calls_are_under_way() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_secs(2)));
    rig.accept((0..1_000).map(|n| deletion(&format!("user_{n}")))).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let named: Vec<usize> =
        script.deletions().iter().map(|body| body["identity"].as_array().unwrap().len()).collect();
    assert!(named.iter().all(|count| *count <= 100), "{named:?}");
    assert_eq!(named.iter().sum::<usize>(), 1_000);
    assert!(named.len() <= 12, "{named:?}");
    assert_eq!(script.most_deletions(), 3);
    // Somebody else's requests beside the lanes count, too.
    let mut rig = Rig::paused();
    let slots = Slots::default();
    let _held = (slots.spare().await, slots.spare().await);
    rig.slots = Some(slots);
    let script = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_secs(2)));
    rig.accept((0..400).map(|n| deletion(&format!("user_{n}")))).await;
    rig.start_with(script.clone()).idle().await;
    assert_eq!(script.most_deletions(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_one_that_clevertap_refuses_is_found_and_only_that_one_is_a_dead_letter() {
    let rig = Rig::paused();
    let script = Script::new(|_, records| success(records)).deleting(|_, body| {
        let refused = body["identity"].as_array().unwrap().iter().any(|id| id == "user_37");
        let status = if refused { 400 } else { 200 };
        answer(status, &json!({"status": if refused { "fail" } else { "success" }}))
    });
    let script = Arc::new(script);
    rig.accept([own("user_37", 0)].into_iter().chain((0..100).map(|n| deletion(&format!("user_{n}"))))).await;
    rig.start_with(script.clone()).idle().await;
    assert_eq!(rig.tally().await, [("deletion_refused".to_owned(), 1), ("delivered".to_owned(), 100)].into());
    assert_sums(&rig);
    assert!(script.deletions().len() <= 20, "{} calls", script.deletions().len());
    let entries = entries(&rig).await;
    assert!(entries[0].erased_at.is_none(), "what was not deleted there is not erased here");
    assert!(String::from_utf8_lossy(&entries[38].body).contains("user_37"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_pauses_and_the_deletion_is_made_when_it_is_let_in() {
    let rig = Rig::paused();
    let script = Script::new(|_, records| success(records))
        .deleting(|before, _| answer(if before == 0 { 401 } else { 200 }, &json!({"status": "success"})));
    let script = Arc::new(script);
    rig.accept([deletion("gone")]).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(3 * 24 * 3600)).await;
    assert_eq!(rig.status.pause().map(|pause| pause.code), Some("unauthorized"));
    assert_eq!((script.deletions().len(), rig.journal.counts().pending), (1, 1));
    rig.settings.replace(super::rig::settings("http://127.0.0.1:1", "other"), Origins::new());
    delivery.idle().await;
    assert_eq!((script.deletions().len(), rig.journal.counts().delivered), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn retries_last_as_long_as_for_uploads() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)).deleting(|_, _| cut()));
    rig.accept([deletion("gone"), own("gone", 1)]).await;
    rig.start_with(script.clone()).idle().await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1), ("retries_exhausted".to_owned(), 1)].into());
    assert!(script.deletions().len() > 100, "{} calls", script.deletions().len());
    assert_sums(&rig);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_given_up_and_asked_for_again() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)).taking(Duration::from_secs(1_000_000)));
    rig.accept([deletion("gone")]).await;
    let delivery = rig.start_with(script.clone());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!((2..20).contains(&script.deletions().len()), "{} calls", script.deletions().len());
    drop(delivery);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_persons_earlier_events_are_erased_and_nobody_elses() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let mut device = said("gone", vec![record("gone", 3), token("device_1", "t")]);
    device["userId"] = "gone".into();
    device["anonymousId"] = "device_1".into();
    let mut alias = track("another", 4);
    alias["userId"] = "another".into();
    alias["previousId"] = "gone".into();
    let mut filtered = json!({"userId": "gone", "filtered": "as_told"});
    filtered["secret"] = "canary".into();
    rig.accept([
        own("gone", 0),
        own("kept", 1),
        filtered,
        device.clone(),
        alias,
        deletion("gone"),
        own("gone", 5),
    ])
    .await;
    let before = rig.journal.counts().accepted;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    erased(&rig).await;
    let ends = rig.ends().await;
    let entries = entries(&rig).await;
    let gone: Vec<bool> = entries.iter().map(|entry| entry.erased_at.is_some()).collect();
    assert_eq!(gone, [true, false, true, true, true, true, false]);
    assert!(
        entries.iter().take(5).filter(|entry| entry.erased_at.is_some()).all(|entry| entry.body.is_empty())
    );
    let remains: Value = serde_json::from_slice(&entries[5].body).unwrap();
    assert_eq!(remains.as_object().unwrap().keys().collect::<Vec<_>>(), ["type", "personHash", "erasedAt"]);
    assert!(!remains.to_string().contains("gone"));
    assert_eq!(ends[2].as_ref().map(|end| end.state), Some(State::Filtered));
    assert_eq!((rig.journal.counts().accepted, rig.journal.counts().pending), (before, 0));
    assert_sums(&rig);
    // The device's token is sent again, because CleverTap has forgotten it.
    assert!(rig.store.list(Table::PushTokens).unwrap().is_empty());
    rig.accept([device]).await;
    delivery.idle().await;
    let tokens =
        |upload: &super::script::Upload| upload.records.iter().filter(|r| r["type"] == "token").count();
    assert_eq!(script.uploads().iter().map(tokens).sum::<usize>(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_person_is_deleted_by_the_id_that_records_were_sent_with() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    let anonymous = |id: &str| json!({"type": "delete", "anonymousId": id});
    let mut seen = track("device_1", 0);
    seen["anonymousId"] = "device_1".into();
    let mut odd = track("not an objectId", 1);
    odd["anonymousId"] = "not an objectId".into();
    rig.accept([seen, odd, anonymous("device_1"), anonymous("not an objectId"), deletion("user_1")]).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    erased(&rig).await;
    let mut asked: Vec<String> = script.deletions().iter().map(Value::to_string).collect();
    asked.sort();
    assert_eq!(asked, [r#"{"guid":["device_1"]}"#, r#"{"identity":["user_1"]}"#]);
    assert!(entries(&rig).await.iter().all(|entry| entry.erased_at.is_some()));
    assert_eq!(rig.journal.counts().delivered, 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_left_undone_is_made_up_for_after_the_next_start() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, records| success(records)));
    rig.accept([own("gone", 0), own("gone", 1), deletion("gone")]).await;
    // As a kill leaves it after the deletion was settled and before anything was erased.
    let quiet = rig.start_with(Arc::new(Script::new(|_, records| success(records))));
    quiet.idle().await;
    erased(&rig).await;
    drop(quiet);
    rig.accept([own("late", 2), deletion("late")]).await;
    rig.store.put(Table::Erasures, &4_u64.to_be_bytes(), Some(&[1])).unwrap();
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    erased(&rig).await;
    assert!(entries(&rig).await.iter().all(|entry| entry.erased_at.is_some()));
    // Doing it again changes nothing.
    let told = entries(&rig).await;
    rig.store.put(Table::Erasures, &2_u64.to_be_bytes(), Some(&[1])).unwrap();
    drop(delivery);
    let _again = rig.start_with(script);
    erased(&rig).await;
    assert_eq!(entries(&rig).await, told);
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_is_still_on_its_way_in_another_lane_is_erased_once_it_has_ended() {
    let rig = Rig::paused();
    let until = tokio::time::Instant::now() + Duration::from_secs(100);
    let script = Arc::new(Script::new(move |_, records| {
        let stuck = records.iter().any(|record| record["identity"] == "another");
        if stuck && tokio::time::Instant::now() < until { cut() } else { success(records) }
    }));
    let lane = |user: &str| tapline::delivery::LaneKey::of(user).lane();
    assert_ne!(lane("another"), lane("gone"));
    let mut alias = track("another", 0);
    alias["previousId"] = "gone".into();
    rig.accept([alias, own("gone", 1), deletion("gone")]).await;
    let delivery = rig.start_with(script);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let states: Vec<bool> = entries(&rig).await.iter().map(|entry| entry.erased_at.is_some()).collect();
    assert_eq!(states, [false, true, false], "the deletion is erased last");
    delivery.idle().await;
    erased(&rig).await;
    assert!(entries(&rig).await.iter().all(|entry| entry.erased_at.is_some()));
    let codes: BTreeMap<String, usize> = rig.tally().await;
    assert_eq!(codes, [("delivered".to_owned(), 3)].into());
}
