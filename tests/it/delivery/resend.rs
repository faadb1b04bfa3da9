//! Sending again: what is sent, what it becomes, and what holds when it is stopped in the middle.

use super::bench::Bench;
use super::rig::{Rig, number, record, settings, track, tracks};
use super::script::{Script, answer, partial, success};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tapline::admin::IdempotencyKey;
use tapline::admin::event::{Filter, StageFilter};
use tapline::admin::resend::{JobState, OrderOutcome, Payload, ResendOrder, Selection, SkipReason, Tally};
use tapline::delivery::{IN_FLIGHT, LANES};
use tapline::journal::{End, Seq, State, Store, Table};
use tapline::settings::Origins;

/// A code that CleverTap refuses a record for good with.
const REFUSED: u16 = 515;

fn dead() -> Selection {
    matching(vec![StageFilter::Dead])
}

fn matching(states: Vec<StageFilter>) -> Selection {
    Selection::Matching { states, filter: Filter::default() }
}

/// Refuses records for good by their number, until it is healed.
fn refusing(healed: &Arc<AtomicBool>, refuses: fn(u64) -> bool) -> Script {
    let healed = healed.clone();
    Script::new(move |_, records| {
        let refused = |(place, record): (usize, &Value)| {
            (!healed.load(Ordering::SeqCst) && refuses(number(record))).then_some((place + 1, REFUSED))
        };
        partial(records, &records.iter().enumerate().filter_map(refused).collect::<Vec<_>>())
    })
}

/// So many events, of which every second one is a dead letter.
async fn half_dead(events: u64, rig: Rig, slow: Duration) -> (Bench, Arc<AtomicBool>) {
    let healed = Arc::new(AtomicBool::new(false));
    let mut bench = Bench::new(rig, refusing(&healed, |n| n % 2 == 1).taking(slow));
    bench.rig.accept(tracks(events, 10)).await;
    bench.start();
    bench.idle().await;
    let half = usize::try_from(events / 2).unwrap();
    let expected = BTreeMap::from([("delivered".to_owned(), half), ("clevertap_515".to_owned(), half)]);
    assert_eq!(bench.rig.tally().await, expected);
    healed.store(true, Ordering::SeqCst);
    (bench, healed)
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_sent_again_and_their_first_end_is_kept() {
    let (bench, _) = half_dead(400, Rig::paused(), Duration::ZERO).await;
    *bench.rig.revision.lock().unwrap() = "r2".into();
    let id = bench.ask(dead(), Payload::Current, false).await;
    let job = bench.over(id).await;
    assert_eq!((job.state, job.progress()), (JobState::Done, 1.0));
    assert_eq!(job.tally, Tally { selected: 200, sent: 200, delivered: 200, ..Tally::default() });
    assert_eq!(
        (job.created_by.as_str(), job.started_at.is_some(), job.ended_at.is_some()),
        ("admin", true, true)
    );
    assert_eq!(bench.rig.tally().await, [("delivered".to_owned(), 400)].into());
    let expected: BTreeMap<u64, usize> = (0..400).map(|n| (n, 1 + (n % 2) as usize)).collect();
    assert_eq!(bench.sent(), expected);
    let end = bench.rig.ends().await[1].clone().unwrap();
    assert_eq!((end.state, end.revision.as_str()), (State::Delivered, "r2"));
    let replaced = bench.replaced(1).await.unwrap();
    assert_eq!(
        (replaced.by, replaced.first.state, replaced.first.revision.as_str()),
        (id, State::Dead, "r1")
    );
    assert!(bench.replaced(2).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_partial_answer_makes_only_what_it_names_a_dead_letter_again() {
    let healed = Arc::new(AtomicBool::new(false));
    let mut bench = Bench::new(Rig::paused(), refusing(&healed, |n| n % 2 == 1 || n % 3 == 0));
    bench.rig.accept(tracks(60, 60)).await;
    bench.start();
    bench.idle().await;
    bench.stop().await;
    bench.script = Arc::new(refusing(&healed, |n| n % 3 == 0));
    bench.start();
    let id = bench.ask(dead(), Payload::Same, false).await;
    let job = bench.over(id).await;
    assert_eq!(job.tally, Tally { selected: 40, sent: 40, delivered: 20, dead: 20, ..Tally::default() });
    assert_eq!(
        bench.rig.tally().await,
        [("delivered".to_owned(), 40), ("clevertap_515".to_owned(), 20)].into()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_or_was_delivered_is_passed_over_unless_it_is_asked_for() {
    let mut bench = Bench::new(Rig::paused(), Script::new(|_, records| success(records)));
    bench.rig.accept(tracks(3, 3)).await;
    bench.start();
    bench.idle().await;
    let named = Selection::Events((0..3).map(Seq).collect());
    let id = bench.ask(named.clone(), Payload::Current, false).await;
    let job = bench.over(id).await;
    assert_eq!(job.tally.skipped, [(SkipReason::Delivered, 3)].into());
    let id = bench.ask(named, Payload::Current, true).await;
    let job = bench.over(id).await;
    assert_eq!((job.tally.sent, job.tally.delivered), (3, 3));
    bench.idle().await;
    assert_eq!(bench.sent(), [(0, 2), (1, 2), (2, 2)].into());

    bench.stop().await;
    bench.rig.accept(tracks(2, 2)).await;
    let hangs = Script::new(|_, records| success(records)).taking(Duration::from_secs(20));
    bench.script = Arc::new(hangs);
    bench.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let id = bench.ask(Selection::Events(vec![Seq(3), Seq(4)]), Payload::Current, true).await;
    let job = bench.over(id).await;
    assert_eq!(job.tally.skipped, [(SkipReason::Pending, 2)].into());
    bench.idle().await;
    assert_eq!(bench.script.numbers().concat().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rules_of_then_rules_of_now_and_rules_that_are_gone() {
    let mut bench = Bench::new(Rig::paused(), Script::new(|_, records| success(records)));
    let then = json!({"filtered": "then", "user": "user_1", "then": {"user": "user_1", "records": [record("user_1", 7)]}});
    let now_sent = json!({"failed": "no_more"});
    bench.rig.accept([then, now_sent]).await;
    bench.start();
    bench.idle().await;
    *bench.rig.revision.lock().unwrap() = "r0".into();
    bench.rig.accept([json!({"filtered": "old"})]).await;
    bench.idle().await;
    *bench.rig.revision.lock().unwrap() = "r9".into();

    let id = bench.ask(matching(Vec::new()), Payload::Current, false).await;
    let job = bench.over(id).await;
    assert_eq!(job.tally, Tally { selected: 3, filtered: 2, failed: 1, ..Tally::default() });
    let ends: Vec<End> = bench.rig.ends().await.into_iter().flatten().collect();
    assert!(ends.iter().all(|end| end.revision == "r9"), "their ends are noted anew: {ends:?}");
    assert!(bench.script.uploads().is_empty());

    bench.stop().await;
    let mut bench = Bench::new(Rig::paused(), Script::new(|_, records| success(records)));
    bench
        .rig
        .accept([json!({"filtered": "then", "then": {"user": "user_1", "records": [record("user_1", 7)]}})])
        .await;
    bench.start();
    bench.idle().await;
    *bench.rig.revision.lock().unwrap() = "r0".into();
    bench.rig.accept([json!({"filtered": "old"})]).await;
    bench.idle().await;
    let id = bench.ask(matching(Vec::new()), Payload::Same, false).await;
    let job = bench.over(id).await;
    assert_eq!((job.tally.selected, job.tally.delivered), (2, 1));
    assert_eq!(job.tally.skipped, [(SkipReason::RevisionNotKept, 1)].into());
    assert_eq!(bench.script.numbers(), [[7]]);
    let revision = bench.rig.ends().await[0].clone().unwrap().revision;
    assert_eq!(revision, "r1");
}

#[tokio::test(start_paused = true)]
async fn an_edited_copy_is_sent_in_the_place_of_the_event() {
    let (bench, healed) = half_dead(2, Rig::paused(), Duration::ZERO).await;
    healed.store(false, Ordering::SeqCst);
    let edited = Payload::Edited(track("user_1", 88).to_string());
    let id = bench.ask(Selection::Events(vec![Seq(1)]), edited, false).await;
    assert_eq!(bench.over(id).await.tally.delivered, 1);
    assert_eq!(bench.sent(), [(0, 1), (1, 1), (88, 1)].into());
    let rows = bench.rig.store.list(Table::Resends).unwrap();
    assert_eq!(rows.len(), 1, "the copy is forgotten with the end of its job");
    for (selection, event) in [
        (dead(), "{}"),
        (Selection::Events(vec![Seq(0), Seq(1)]), "{}"),
        (Selection::Events(vec![Seq(0)]), "[]"),
    ] {
        let order =
            ResendOrder { selection, payload: Payload::Edited(event.to_owned()), include_delivered: false };
        let outcome = bench.admin.resend(order, "admin", None).await.unwrap();
        assert!(matches!(outcome, OrderOutcome::Unfit(problems) if problems[0].is_about_payload()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_middle_holds_a_job_until_the_settings_change() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 5;
    let (mut bench, _) = half_dead(100, rig, Duration::ZERO).await;
    bench.stop().await;
    let locked = Arc::new(AtomicBool::new(false));
    let told = locked.clone();
    bench.script = Arc::new(Script::new(move |before, records| {
        if before == 3 {
            told.store(true, Ordering::SeqCst);
        }
        match told.load(Ordering::SeqCst) {
            true => answer(401, &json!({})),
            false => success(records),
        }
    }));
    bench.start();
    let id = bench.ask(dead(), Payload::Current, false).await;
    tokio::time::sleep(Duration::from_secs(7200)).await;
    let held = bench.job(id).await;
    assert_eq!((held.state, held.tally.dead), (JobState::Running, 0));
    let tried = bench.script.uploads().len();
    assert!(tried <= 3 + 2, "{tried} uploads: nobody tries on");
    assert_eq!(bench.rig.status.pause().map(|pause| pause.code), Some("unauthorized"));
    locked.store(false, Ordering::SeqCst);
    // The refusal comes with the fourth upload only.
    bench.rig.settings.replace(settings("http://127.0.0.1:1", "other"), Origins::new());
    let job = bench.over(id).await;
    assert_eq!(job.tally, Tally { selected: 50, sent: 50, delivered: 50, ..Tally::default() });
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_has_what_is_in_flight_answered_and_sends_no_more() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 5;
    let (bench, _) = half_dead(100, rig, Duration::from_secs(10)).await;
    let before = bench.script.numbers().concat().len();
    let id = bench.ask(dead(), Payload::Current, false).await;
    let waiting = bench.ask(dead(), Payload::Current, false).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let cancelled = bench.admin.cancel_resend(waiting, "jane").await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.tally.selected), (JobState::Cancelled, 0));
    bench.admin.cancel_resend(id, "jane").await.unwrap();
    let job = bench.over(id).await;
    assert_eq!((job.state, job.cancelled_by.as_deref()), (JobState::Cancelled, Some("jane")));
    let sent = bench.script.numbers().concat().len() - before;
    assert_eq!(job.tally.delivered as usize, sent, "{:?}", job.tally);
    assert!((1..50).contains(&sent));
    assert_eq!(job.tally.skipped, [(SkipReason::Cancelled, 50 - sent as u64)].into());
    assert_eq!(job.tally.selected, 50);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.script.numbers().concat().len() - before, sent);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_job_goes_on_where_it_was_and_sends_nothing_twice() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 5;
    let (mut bench, _) = half_dead(200, rig, Duration::from_secs(3)).await;
    let id = bench.ask(dead(), Payload::Current, false).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        bench.stop().await;
        let job = bench.job(id).await;
        assert_eq!(job.state, JobState::Running);
        assert!(job.tally.selected < 100);
        bench.start();
    }
    let job = bench.over(id).await;
    assert_eq!(job.tally, Tally { selected: 100, sent: 100, delivered: 100, ..Tally::default() });
    let expected: BTreeMap<u64, usize> = (0..200).map(|n| (n, 1 + (n % 2) as usize)).collect();
    assert_eq!(bench.sent(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_killed_job_goes_on_and_repeats_no_more_than_was_in_flight() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 5;
    let (mut bench, _) = half_dead(200, rig, Duration::from_secs(3)).await;
    let id = bench.ask(dead(), Payload::Current, false).await;
    let kills = 6;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(8_500)).await;
        bench.kill().await;
        bench.start();
    }
    let job = bench.over(id).await;
    assert_eq!(job.tally, Tally { selected: 100, sent: 100, delivered: 100, ..Tally::default() });
    assert_eq!(bench.rig.tally().await, [("delivered".to_owned(), 200)].into());
    let again: usize = bench.sent().values().sum::<usize>() - 300;
    assert!(again <= kills * 2 * 5, "{again} records came twice after {kills} kills");
}

#[tokio::test(start_paused = true)]
async fn a_users_order_is_kept_within_a_job_whatever_is_tried_again() {
    let (mut bench, _) = half_dead(200, Rig::paused(), Duration::ZERO).await;
    bench.stop().await;
    bench.script = Arc::new(Script::new(|before, records| match before % 4 {
        0 => answer(503, &json!({})),
        1 => partial(records, &[(1, 555)]),
        _ => success(records),
    }));
    bench.start();
    let id = bench.ask(dead(), Payload::Current, false).await;
    assert_eq!(bench.over(id).await.tally.delivered, 100);
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for (index, upload) in bench.script.uploads().iter().enumerate().filter(|(index, _)| index % 4 != 0) {
        for record in upload.records.iter().skip(usize::from(index % 4 == 1)) {
            let n = number(record);
            let before = last.insert(n % 10, n);
            assert!(before.is_none_or(|before| before < n), "user {} had {before:?} before {n}", n % 10);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_take_their_place_beside_the_lanes_and_leave_one_free() {
    let (bench, _) = half_dead(100, Rig::paused(), Duration::from_secs(5)).await;
    let mut held = Vec::new();
    for _ in 0..IN_FLIGHT - LANES {
        held.push(bench.slots.spare().await);
    }
    let before = bench.script.uploads().len();
    let id = bench.ask(dead(), Payload::Current, false).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.script.uploads().len(), before, "there is no place");
    held.clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.rig.status.in_flight(), 2);
    let free = tokio::time::timeout(Duration::from_millis(1), bench.slots.spare()).await;
    assert!(free.is_ok(), "a connection test need not wait");
    assert_eq!(bench.over(id).await.tally.delivered, 50);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_asks_for_the_same_job_and_another_request_is_refused() {
    let (bench, _) = half_dead(4, Rig::paused(), Duration::ZERO).await;
    let key = || IdempotencyKey::parse("key-1");
    let order = |payload| ResendOrder {
        selection: Selection::Events(vec![Seq(1)]),
        payload,
        include_delivered: false,
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        match bench.admin.resend(order(Payload::Current), "a", key()).await.unwrap() {
            OrderOutcome::Taken(job) => ids.push(job.id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ids[0], ids[1]);
    let other = bench.admin.resend(order(Payload::Same), "a", key()).await.unwrap();
    assert!(matches!(other, OrderOutcome::KeyReused));
    let stranger = bench.admin.resend(order(Payload::Same), "b", key()).await.unwrap();
    assert!(matches!(stranger, OrderOutcome::Taken(job) if job.id != ids[0]));
    bench.over(ids[0]).await;
    assert_eq!(bench.sent()[&1], 2);
}
