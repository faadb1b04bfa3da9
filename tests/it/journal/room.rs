//! Room on the disk: what is past its time goes, what has not ended stays, and a full journal refuses and recovers.

use super::subject::{START, ends, event, fill, noise, small};
use crate::support::app::{TestApp, post};
use std::sync::Arc;
use std::time::Duration;
use tapline::app::Sweeper;
use tapline::clock::{FixedClock, Millis};
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{AppendError, End, Full, Journal, NewEvent, Retention, Seq, Settling, State};

const DAY: i64 = 86_400_000;

fn days(days: u64) -> Retention {
    Retention { age: Some(Duration::from_secs(days * 86_400)), bytes: None }
}

fn filtered(at: u64) -> (Seq, End) {
    let code = Some("missing_user_id".to_owned());
    (Seq(at), End { state: State::Filtered, code, message: None, upload: None, revision: "r".to_owned() })
}

fn large(number: u64) -> NewEvent {
    NewEvent { body: noise(number, 20_000), refusal: None, ..event(number) }
}

#[tokio::test]
async fn events_past_their_age_go_also_where_few_ever_come_and_the_counts_stay() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..40, 10).await;
    let clock = Arc::new(FixedClock::at(Millis(START)));
    let mut sweeper = Sweeper::new(journal.clone(), clock.clone(), days(8));
    journal.settle(ends(0..39)).await.unwrap();
    // A day is an eighth of the time: the part of the log is closed then, and goes a week later.
    clock.advance(DAY + 1000);
    sweeper.step().await.unwrap();
    fill(&*journal, 40..45, 5).await;
    clock.advance(8 * DAY);
    assert_eq!(sweeper.step().await.unwrap().generations, 0, "39 has not ended");
    journal.settle(ends(39..40)).await.unwrap();
    let before = journal.counts();
    let swept = sweeper.step().await.unwrap();
    assert_eq!((swept.generations, swept.events), (1, 40));
    assert!(swept.bytes > 0);
    assert_eq!((journal.kept_from(), journal.counts()), (Seq(40), before));
    assert_eq!(journal.block_from(Seq(0)).await.unwrap().unwrap().first, Seq(40));
    assert_eq!(journal.block_before(Seq(40)).await.unwrap(), None);
    drop((sweeper, journal, store));
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    assert_eq!((journal.kept_from(), journal.counts()), (Seq(40), before));
    fill(&*journal, 45..60, 5).await;
    assert_eq!(journal.end(), Seq(60));
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_and_back_drops_only_what_ended_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..250, 25).await;
    journal.settle(ends(0..120)).await.unwrap();
    let clock = Arc::new(FixedClock::at(Millis(START + 4000 * DAY)));
    let mut sweeper = Sweeper::new(journal.clone(), clock.clone(), days(30));
    assert_eq!(sweeper.step().await.unwrap().events, 100);
    clock.advance(-START - 4000 * DAY);
    assert_eq!(sweeper.step().await.unwrap().events, 0);
    fill(&*journal, 250..300, 25).await;
    assert_eq!((journal.kept_from(), journal.end()), (Seq(100), Seq(300)));
}

#[tokio::test]
async fn the_bound_on_pending_events_refuses_until_some_have_ended_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options { pending_bound: 12 << 20, generation_events: 200, ..small() };
    let (journal, store) = SledJournal::open(directory.path(), options()).unwrap();
    let mut taken = 0;
    let refused = loop {
        match journal.append((taken..taken + 10).map(large).collect()).await {
            Ok(_) if taken > 5000 => panic!("no bound holds"),
            Ok(_) => taken += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full { retry_after } if !retry_after.is_zero()));
    assert!(matches!(journal.full(), Some(Full::Pending { bound, .. }) if bound == 12 << 20));
    assert!((200..1200).contains(&taken), "{taken}");
    assert_eq!((journal.counts().accepted, journal.counts().pending, journal.broken()), (taken, taken, None));
    drop((journal, store));
    // Also after a restart, because the bound is measured and not counted along.
    let (journal, _store) = SledJournal::open(directory.path(), options()).unwrap();
    assert!(matches!(journal.append(vec![large(taken)]).await, Err(AppendError::Full { .. })));
    // The first event is still being tried: what ended behind it makes room all the same.
    journal.settle(Settling { upload: None, ends: (1..taken / 2).map(filtered).collect() }).await.unwrap();
    assert_eq!(journal.full(), None);
    journal.append(vec![large(taken)]).await.unwrap();
    assert_eq!(journal.counts().accepted, taken + 1);
}

#[tokio::test]
async fn a_full_journal_is_told_everywhere_with_the_remedy_and_takes_again_without_a_restart() {
    let options = Options { pending_bound: 12 << 20, disk_reserve: 0, ..Options::default() };
    // Without an account delivery is paused, so nothing ends by itself.
    let app = TestApp::builder().durable_with(options).start().await;
    let journal = app.app.journal.clone();
    assert_eq!(app.get("/readyz").await.json()["journal"], "writable");
    let mut taken = 0;
    let mapped = |number| {
        let filler = String::from_utf8(noise(number, 20_000)).unwrap().replace(['\\', '"'], "_");
        let who = r#""userId":"user_1","anonymousId":"a1""#;
        let body = format!(r#"{{"type":"track","event":"Seen",{who},"properties":{{"x":"{filler}"}}}}"#);
        NewEvent { body: body.into_bytes(), ..large(number) }
    };
    while journal.append((taken..taken + 20).map(mapped).collect()).await.is_ok() {
        taken += 20;
        assert!(taken < 5000, "no bound holds");
    }
    let call = r#"{"userId":"user_1","anonymousId":"a1"}"#;
    let answer = app.send(&post("/v1/page").body(call)).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "journal_full"));
    assert!(answer.header("Retry-After").is_some_and(|wait| wait.parse::<u64>().unwrap() > 0));
    let ready = app.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["journal"]), (503, &"full".into()));
    let problem = &ready.json()["problems"][0];
    assert_eq!(problem["code"], "journal_full");
    assert!(problem["message"].as_str().unwrap().contains("raise `--max-pending-bytes`"), "{problem}");
    assert!(app.get("/metrics").await.text().contains("tapline_journal_full 1\n"));
    assert!(app.app.admin.overview().journal_full.is_some());
    journal.settle(Settling { upload: None, ends: (0..taken).map(filtered).collect() }).await.unwrap();
    assert_eq!(app.send(&post("/v1/page").body(call)).await.status, 200);
    let ready = app.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["journal"]), (200, &"writable".into()));
    assert!(app.get("/metrics").await.text().contains("tapline_journal_full 0\n"));
    assert_eq!(journal.counts().accepted, taken + 1);
}

#[tokio::test]
async fn a_full_disk_drops_what_has_ended_before_it_refuses_for_long() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        Options { disk_bound: 24 << 20, generation_bytes: 4 << 20, generation_events: 200, ..small() };
    let (journal, _store) = SledJournal::open(directory.path(), options).unwrap();
    let mut taken = 0;
    while journal.append((taken..taken + 10).map(large).collect()).await.is_ok() {
        taken += 10;
        assert!(taken < 5000, "no bound holds");
    }
    assert!(matches!(journal.full(), Some(Full::Disk { .. })));
    // Nothing is past its time, and nothing may go that has not ended.
    let clock = Arc::new(FixedClock::at(Millis(START)));
    let mut sweeper = Sweeper::new(journal.clone(), clock, days(30));
    assert_eq!(sweeper.step().await.unwrap().generations, 0);
    journal.settle(ends(0..taken)).await.unwrap();
    let swept = sweeper.step().await.unwrap();
    assert!(swept.generations > 0, "{swept:?}");
    assert_eq!(journal.full(), None);
    fill(&*journal, taken..taken + 20, 20).await;
    assert!(journal.kept_from() < Seq(taken), "only as much as was needed");
}
