use super::{TOKEN, pointers};
use crate::support::app::{START, TestApp};
use crate::support::http::Request;
use crate::support::tail::Listening;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tapline::admin::tail::MOST_TAILS;
use tapline::journal::{DedupKey, End, NewEvent, Seq, Settling, State};

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).start().await
}

fn request(query: &str) -> Request {
    Request::new("GET", &format!("/api/v1/stream{query}")).header("Authorization", &format!("Bearer {TOKEN}"))
}

async fn listen(app: &TestApp, query: &str) -> Listening {
    Listening::open(app.address, &request(query)).await
}

async fn append(app: &TestApp, numbers: std::ops::Range<u128>) {
    let event = |number: u128| {
        // With both ids, so that the rules let it through and it stays pending.
        let body = format!(
            r#"{{"type":"track","event":"Step {}","userId":"user_{number}","anonymousId":"anon_{number}"}}"#,
            number % 2
        );
        NewEvent { dedup: DedupKey(number), received_at: START, refusal: None, body: body.into_bytes() }
    };
    app.app.journal.append(numbers.map(event).collect()).await.unwrap();
}

async fn end(app: &TestApp, places: impl IntoIterator<Item = u64>, state: State) {
    let code = (state == State::Dead).then(|| "clevertap_516".to_owned());
    let end = End { state, code, message: None, upload: None, revision: "r".to_owned() };
    let ends = places.into_iter().map(|place| (Seq(place), end.clone())).collect();
    app.app.journal.settle(Settling { upload: None, ends }).await.unwrap();
}

fn named(places: impl IntoIterator<Item = u64>) -> Vec<String> {
    places.into_iter().map(|place| format!("ev_{place}")).collect()
}

#[tokio::test]
async fn what_arrives_is_told_in_order_unsampled_and_with_what_becomes_of_it() {
    let app = app().await;
    append(&app, 0..5).await;
    let mut listening = listen(&app, "").await;
    assert!(listening.head.contains("content-type: text/event-stream"), "{}", listening.head);
    append(&app, 5..1205).await;
    assert_eq!(listening.events(1200).await, named(5..1205), "what was there before is not told");
    assert_eq!(listening.last_id.as_deref(), Some("ev_1205~ev_5"));
    end(&app, (5..1205).filter(|place| place % 3 == 0), State::Delivered).await;
    let mut changed = BTreeMap::new();
    while changed.len() < 400 {
        let change = listening.next_of(&["change"]).await.expect("a change");
        assert_eq!((&change.data["state"], &change.data["matches"]), (&"delivered".into(), &true.into()));
        assert_eq!(change.id, None);
        *changed.entry(change.event().to_owned()).or_insert(0) += 1;
    }
    assert!(changed.values().all(|times| *times == 1), "an end is told once on one line");
    end(&app, 5..1205, State::Dead).await;
    for _ in 0..800 {
        assert_eq!(listening.next_of(&["change"]).await.expect("a change").data["state"], "dead");
    }
    assert_eq!(listening.next().await.expect("how far").id.as_deref(), Some("ev_1205"));
}

#[tokio::test]
async fn the_filter_is_applied_here_and_a_filter_by_state_tells_of_events_that_come_to_match() {
    let app = app().await;
    let mut steps = listen(&app, "?event=step%201").await;
    let mut dead = listen(&app, "?state=dead").await;
    let mut pending = listen(&app, "?state=pending").await;
    append(&app, 0..6).await;
    assert_eq!(steps.events(3).await, named([1, 3, 5]));
    assert_eq!(pending.events(6).await, named(0..6));
    end(&app, [4, 1], State::Dead).await;
    assert_eq!(dead.events(2).await, named([1, 4]));
    for (place, matches) in [("ev_1", false), ("ev_4", false)] {
        let change = pending.next_of(&["change"]).await.expect("a change");
        assert_eq!((change.event(), &change.data["matches"]), (place, &matches.into()));
    }
    assert_eq!(steps.next_of(&["change"]).await.expect("a change").event(), "ev_1");
}

#[tokio::test]
async fn whoever_goes_on_from_the_last_id_misses_nothing_and_gets_nothing_twice() {
    let app = app().await;
    let mut first = listen(&app, "?at=ev_0").await;
    append(&app, 0..40).await;
    let mut seen = first.events(17).await;
    let last = first.last_id.clone().expect("an id");
    assert_eq!(last, "ev_17~ev_0");
    drop(first);
    append(&app, 40..60).await;
    end(&app, [3, 50], State::Delivered).await;
    // The header counts before the address, which a browser keeps.
    let mut second = Listening::open(app.address, &request("?at=ev_0").header("Last-Event-ID", &last)).await;
    let change = second.next_of(&["event", "change"]).await.expect("a message");
    assert_eq!((change.kind.as_str(), change.event()), ("change", "ev_3"), "ended while nobody listened");
    seen.extend(second.events(43).await);
    assert_eq!(seen, named(0..60));
}

#[tokio::test]
async fn a_mark_beyond_the_log_is_a_gap_that_is_said() {
    let app = app().await;
    append(&app, 0..3).await;
    let mut listening = listen(&app, "?at=ev_9~ev_1").await;
    let gap = listening.next_of(&["gap"]).await.expect("a gap");
    assert_eq!((&gap.data["from"], &gap.data["to"]), (&"ev_3".into(), &"ev_8".into()));
    append(&app, 3..4).await;
    assert_eq!(listening.events(1).await, named([3]));
}

#[tokio::test]
async fn a_bad_query_is_refused_with_every_problem() {
    let app = app().await;
    let bad = request("?state=lost&at=7&limit=3").header("Last-Event-ID", "x");
    let answer = app.send(&bad).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    pointers(&answer);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let found: Vec<&Value> = errors.iter().map(|error| &error["parameter"]).collect();
    assert_eq!(found, ["state", "at", "Last-Event-ID", "limit"]);
    assert_eq!(app.send(&Request::new("GET", "/api/v1/stream")).await.status, 401);
}

#[tokio::test]
async fn streams_are_bounded_and_whoever_goes_makes_room() {
    let app = app().await;
    let mut listening = Vec::new();
    for _ in 0..MOST_TAILS {
        listening.push(listen(&app, "").await);
    }
    let refused = app.send(&request("")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{}", refused.text());
    listening.pop();
    // The server sees that a reader has gone when it next writes to it.
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut number = 0;
    loop {
        append(&app, number..number + 1).await;
        number += 1;
        let again = Listening::open(app.address, &request("")).await;
        if again.head.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "no room again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_stop_ends_streams_at_once() {
    let app = app().await;
    let mut listening = listen(&app, "").await;
    append(&app, 0..1).await;
    listening.events(1).await;
    let begun = std::time::Instant::now();
    app.begin_stop();
    while listening.next().await.is_some() {}
    let (ended, _data) = app.ended().await;
    ended.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A reader that takes nothing is read no further for: what waits is what the sockets hold, and one piece.
#[tokio::test]
async fn who_reads_nothing_holds_nobody_up_and_gets_everything_once_it_reads() {
    let app = app().await;
    let mut slow = listen(&app, "?at=ev_0").await;
    let mut quick = listen(&app, "?at=ev_0").await;
    // More than the sockets take.
    let name = "x".repeat(2000);
    for first in (0..5000_u128).step_by(500) {
        let event = |number: u128| {
            let body =
                format!(r#"{{"type":"track","event":"{name}","userId":"u","anonymousId":"a{number}"}}"#);
            NewEvent { dedup: DedupKey(number), received_at: START, refusal: None, body: body.into_bytes() }
        };
        app.app.journal.append((first..first + 500).map(event).collect()).await.unwrap();
    }
    assert_eq!(quick.events(5000).await, named(0..5000));
    assert_eq!(slow.events(5000).await, named(0..5000));
}
