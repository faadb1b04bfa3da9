//! Repetitions by the hundred, calls of every wrong size, and two people who save at the same moment.

use crate::support::app::{TestApp, WRITE_KEY, post};
use crate::support::figure::{self, Fault};
use crate::support::http::Connection;
use crate::support::process::Process;
use crate::support::stand::{Stand, send, settled};
use crate::web::{Browser, PASSWORD, field_value, text};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Calls that differ.
const CALLS: usize = 20;
/// How often each comes.
const TIMES: usize = 100;

/// A third one after another, a third at the same moment, a third at the same moment after a kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_comes_a_hundred_times_also_across_a_kill_is_sent_once() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    let third = TIMES / 3;
    let mut connection = Connection::open(server.address).await;
    for _ in 0..third {
        let batch = json!({"batch": (0..CALLS).map(call).collect::<Vec<_>>()}).to_string();
        assert_eq!(connection.send(&post("/v1/batch").body(batch)).await.status, 200);
    }
    at_once(&server, third).await;
    // What is on its way when a process dies may come again; here nothing is.
    settled(&server).await;
    server.kill().await;
    let start = Instant::now();
    let server = stand.serve().await;
    at_once(&server, TIMES - 2 * third).await;
    let recovery = start.elapsed();
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));

    let (kept, counts) = stand.journal().await;
    assert_eq!((kept.len(), counts.accepted as usize, counts.delivered as usize), (CALLS, CALLS, CALLS));
    assert_eq!(counts.pending + counts.filtered + counts.failed + counts.dead, 0, "{counts:?}");
    let mut arrivals = BTreeMap::new();
    for record in stand.received().await {
        *arrivals.entry(record).or_insert(0) += 1;
    }
    assert_eq!(arrivals.len(), CALLS);
    let twice: usize = arrivals.values().map(|times| times - 1).sum();
    assert_eq!(twice, 0, "{arrivals:?}");
    figure::fault(Fault {
        name: "the same `messageId` 100 times, in parallel and across a kill",
        rounds: CALLS,
        acknowledged: CALLS * TIMES,
        lost: CALLS - arrivals.len(),
        twice: Some(twice),
        recovery,
        mutation: "the window of known calls is not rebuilt at the start",
    });
}

fn call(number: usize) -> serde_json::Value {
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{number}"), "userId": "user_1",
        "anonymousId": "device-1", "timestamp": "2026-01-01T00:00:00Z", "properties": {"n": number}})
}

/// Every call so many times, each on a connection of its own, all under way together.
async fn at_once(server: &Process, times: usize) {
    for number in 0..CALLS {
        let sends = (0..times).map(|_| send(server, "/v1/track", call(number).to_string()));
        for answer in join_all(sends).await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// What is too large in any way has its documented answer, and what stands beside it is taken.
#[tokio::test]
async fn every_oversize_has_its_documented_status_and_takes_nothing_else_down() {
    let app = TestApp::start().await;
    let page = |members: &str| format!(r#"{{"type":"page","userId":"user_1"{members}}}"#);
    let batch = |calls: Vec<String>| format!(r#"{{"batch":[{}]}}"#, calls.join(","));
    let filler = |bytes: usize| page(&format!(r#","name":"{}""#, "x".repeat(bytes)));
    let keys: Vec<String> = (0..100_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let many_keys = page(&format!(r#","properties":{{{}}}"#, keys.join(",")));
    let deep = page(&format!(r#","properties":{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000)));
    // Path, body, status, code, how many events are stored, how many of these failed on ingest.
    let cases: Vec<(&str, String, u16, &str, usize, usize)> = vec![
        ("/v1/batch", batch(vec![page(""); 2500]), 200, "", 2500, 0),
        ("/v1/batch", batch(vec![page(""); 2501]), 413, "too_many_events", 0, 0),
        (
            "/v1/batch",
            format!("{}{}", batch(vec![page("")]), " ".repeat(500 << 10)),
            413,
            "batch_too_large",
            0,
            0,
        ),
        ("/v1/page", filler(33 << 10), 413, "event_too_large", 0, 0),
        ("/v1/batch", batch(vec![page(""), filler(33 << 10), page("")]), 200, "", 3, 1),
        ("/v1/page", many_keys.clone(), 413, "event_too_large", 0, 0),
        ("/v1/batch", batch(vec![page(""), many_keys]), 413, "batch_too_large", 0, 0),
        ("/v1/page", deep.clone(), 400, "too_deep", 0, 0),
        (
            "/v1/page",
            page(&format!(r#","messageId":"{}""#, "m".repeat(101))),
            400,
            "message_id_too_long",
            0,
            0,
        ),
        ("/v1/batch", deep, 400, "too_deep", 0, 0),
        ("/v1/batch", "[".repeat(400_000), 400, "invalid_json", 0, 0),
        ("/v1/page", page("")[..20].to_owned(), 400, "invalid_json", 0, 0),
    ];
    let (start, rounds) = (Instant::now(), cases.len());
    for (path, body, status, code, stored, failed) in cases {
        let before = app.app.journal.counts();
        let shown: String = body.chars().take(60).collect();
        let answer = app.post(path, body).await;
        assert_eq!(answer.status, status, "{path} {shown}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.code(), code, "{path} {shown}");
        }
        let entries = app.stored().await;
        let new = entries.get(before.accepted as usize..).unwrap();
        assert_eq!(new.len(), stored, "{path} {shown}");
        assert_eq!(new.iter().filter(|entry| entry.refusal.is_some()).count(), failed, "{path} {shown}");
    }
    assert_eq!(app.post("/v1/page", page("")).await.status, 200, "the next call is taken");
    figure::fault(Fault {
        name: "calls and batches that are too long, too many, too deep or have too many keys",
        rounds,
        acknowledged: app.stored().await.len(),
        lost: 0,
        twice: None,
        recovery: start.elapsed(),
        mutation: "the size of a call in a batch is not looked at",
    });
}

/// Saves that race.
const RACES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_saves_at_once_one_wins_the_other_is_told_and_nothing_is_lost() {
    let builder = TestApp::builder().variable("TAPLINE_WRITE_KEY", WRITE_KEY).durable();
    let app = builder.variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await;
    let (one, other) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    for race in 0..RACES {
        let begun = Instant::now();
        let (first, second) = (format!("FIRST-{race}"), format!("SECOND-{race}"));
        let (left, right) = tokio::join!(one.get("/settings"), other.get("/settings"));
        let revision = field_value(left.text(), "revision").unwrap();
        assert_eq!(field_value(right.text(), "revision").as_ref(), Some(&revision));
        let fields = |id| [("revision", revision.as_str()), ("account_id", id)];
        let (firsts, seconds) = (fields(&first), fields(&second));
        let (left, right) = tokio::join!(one.post("/settings", &firsts), other.post("/settings", &seconds));
        let (won, lost, loser, told) = match (left.status, right.status) {
            (303, 409) => (&first, &second, &other, right),
            (409, 303) => (&second, &first, &one, left),
            statuses => panic!("race {race}: {statuses:?}"),
        };
        assert_eq!(app.app.settings.load().0.account_id.as_ref(), Some(won), "race {race}");
        // Who lost sees both versions and who saved, and a second try, made knowing that, is taken.
        let words = text(&told);
        assert!(words.contains(won.as_str()) && words.contains(lost.as_str()), "race {race}: {words}");
        assert!(words.contains("admin saved"), "race {race}: {words}");
        let now = field_value(told.text(), "revision").unwrap();
        assert!(now.parse::<u64>().unwrap() > revision.parse().unwrap(), "race {race}");
        let again = [("revision", now.as_str()), ("account_id", lost.as_str())];
        assert_eq!(loser.post("/settings", &again).await.status, 303, "race {race}");
        assert_eq!(app.app.settings.load().0.account_id.as_ref(), Some(lost), "race {race}");
        longest = longest.max(begun.elapsed());
    }
    let last = app.app.settings.load().0.account_id.clone();
    assert!(start.elapsed() < Duration::from_secs(100), "{:?}", start.elapsed());
    let again = TestApp::builder_in(app.stop().await).durable().start().await;
    assert_eq!(again.app.settings.load().0.account_id, last, "what was saved last is stored");
    figure::fault(Fault {
        name: "two saves of the settings at once",
        rounds: RACES,
        acknowledged: 2 * RACES,
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "a save does not look at which version its form was made from",
    });
}
