//! Sending again, as programs and people ask for it: the API, `tapline replay`, the console, and kill -9 in the middle.

use crate::support::app::TestApp;
use crate::support::figure;
use crate::support::http::{Connection, Request};
use crate::support::process::{Ended, Process};
use crate::support::stand::{API_TOKEN, Stand, send, settled};
use crate::web::{Browser, PASSWORD, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tapline::journal::State;

/// Events of a job that is killed.
const EVENTS: usize = 3000;

async fn app() -> TestApp {
    TestApp::builder()
        .variable("TAPLINE_API_TOKEN", API_TOKEN)
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .start()
        .await
}

fn call(method: &str, path: &str) -> Request {
    Request::new(method, path).header("Authorization", &format!("Bearer {API_TOKEN}"))
}

fn order(body: &Value) -> Request {
    call("POST", "/api/v1/replays").header("Content-Type", "application/json").body(body.to_string())
}

/// So many events that the default pack filters.
async fn filtered(app: &TestApp, events: usize) {
    for number in 0..events {
        let body = format!(r#"{{"type":"track","event":"Seen","messageId":"m{number}","userId":"user_1"}}"#);
        assert_eq!(app.post("/v1/track", body).await.status, 200);
    }
    app.settled().await;
}

/// Asks for a job until it is over.
async fn over(app: &TestApp, id: &str) -> Value {
    loop {
        let job = app.send(&call("GET", &format!("/api/v1/replays/{id}"))).await.json();
        if ["done", "cancelled"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_job_is_asked_for_looked_at_and_listed() {
    let app = app().await;
    filtered(&app, 3).await;
    let foretold = app.send(&order(&json!({"filter": {"status": "filtered"}, "dry_run": true}))).await;
    assert_eq!(foretold.status, 200, "{}", foretold.text());
    let foretold = foretold.json();
    assert_eq!(
        (&foretold["selected"], &foretold["filtered"], &foretold["to_send"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert_eq!(
        (&foretold["codes"], &foretold["complete"]),
        (&json!({"missing_anonymous_id": 3}), &true.into())
    );
    let none = app.send(&call("GET", "/api/v1/replays")).await.json();
    assert_eq!(none, json!({"replays": [], "next": null}), "a dry run makes no job");

    for expected in ["1", "2", "3"] {
        let taken = app.send(&order(&json!({"events": ["ev_0", "ev_2"], "mode": "same"}))).await;
        assert_eq!((taken.status, &taken.json()), (202, &json!({"id": expected})));
    }
    let job = over(&app, "3").await;
    for (name, expected) in [
        ("id", json!("3")),
        ("state", json!("done")),
        ("mode", json!("same")),
        ("selected", json!(2)),
        ("filtered", json!(2)),
        ("sent", json!(0)),
        ("skipped", json!({})),
        ("progress", json!(1.0)),
        ("created_by", json!("TAPLINE_API_TOKEN")),
        ("created_at", json!("2026-01-01T00:00:10Z")),
    ] {
        assert_eq!(job[name], expected, "{name} of {job}");
    }
    let page = app.send(&call("GET", "/api/v1/replays?limit=2")).await.json();
    let ids = |page: &Value| -> Vec<String> {
        page["replays"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&page), &page["next"]), (vec!["3".to_owned(), "2".to_owned()], &json!("2")));
    let rest = app.send(&call("GET", "/api/v1/replays?limit=2&before=2")).await.json();
    assert_eq!((ids(&rest), &rest["next"]), (vec!["1".to_owned()], &Value::Null));
    let cancelled = app.send(&call("POST", "/api/v1/replays/3/cancel")).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("done")), "too late");
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_a_problem_with_its_place() {
    let app = app().await;
    filtered(&app, 1).await;
    for (request, status, pointer) in [
        (order(&json!({"events": ["ev_7"]})), 400, "/events"),
        (order(&json!({"events": []})), 400, "/events"),
        (order(&json!({"filter": {"status": "lost"}})), 400, "/filter/status"),
        (order(&json!({"filter": {}, "event": {}})), 400, "/event"),
        (call("GET", "/api/v1/replays/7"), 404, ""),
        (call("GET", "/api/v1/replays/x"), 404, ""),
        (call("POST", "/api/v1/replays/7/cancel"), 404, ""),
        (call("GET", "/api/v1/replays?limit=0&x=1"), 400, ""),
        (order(&json!({"filter": {}})).header("Idempotency-Key", "two words"), 400, ""),
    ] {
        let answer = app.send(&request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(errors.is_empty(), status == 404, "{}", answer.text());
        assert!(errors.iter().all(|error| error["pointer"] == pointer), "{}", answer.text());
    }
    let unknown = app.send(&call("GET", "/api/v1/replays?limit=0&x=1")).await.json();
    let named: Vec<&str> = unknown["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["parameter"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["limit", "x"]);
}

#[tokio::test]
async fn a_repeated_request_with_its_key_makes_one_job() {
    let app = app().await;
    filtered(&app, 1).await;
    let with_key = |body: Value| order(&body).header("Idempotency-Key", "5f2c-1");
    let first = app.send(&with_key(json!({"events": ["ev_0"]}))).await;
    let again = app.send(&with_key(json!({"mode": "current", "events": ["ev_0"]}))).await;
    assert_eq!((first.status, again.status, first.json()), (202, 202, again.json()));
    let other = app.send(&with_key(json!({"events": ["ev_0"], "mode": "same"}))).await;
    assert_eq!(other.status, 422, "{}", other.text());
    over(&app, "1").await;
    assert_eq!(
        app.send(&call("GET", "/api/v1/replays")).await.json()["replays"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_person_sends_an_event_again_and_sees_both_ends() {
    let app = app().await;
    filtered(&app, 1).await;
    let browser = Browser::signed_in(&app).await;
    assert!(text(&browser.get("/resends").await).contains("Nothing was sent again yet."));
    let page = browser.get("/events/ev_0").await;
    assert!(text(&page).contains("Send again") && page.text().contains("action=\"/events/ev_0/resend\""));
    let edited = browser.post("/events/ev_0/resend", &[("rules", "edited"), ("event", "nonsense")]).await;
    assert_eq!(edited.status, 400);
    assert!(
        text(&edited).contains("Nothing was sent: expected an event as a JSON object"),
        "{}",
        text(&edited)
    );
    let taken = browser.post("/events/ev_0/resend", &[("rules", "now")]).await;
    assert_eq!((taken.status, taken.header("location")), (303, Some("/resends")));
    over(&app, "1").await;
    let jobs = text(&browser.get("/resends").await);
    assert!(jobs.contains("Job 1 Done ev_0 by rules of now 1 filtered Asked for by admin"), "{jobs}");
    let job = text(&browser.get("/resends/1").await);
    assert!(job.contains("Job 1 Done") && job.contains("1 filtered"), "{job}");
    assert!(job.contains("missing_anonymous_id 1 event, the newest ev_0"), "{job}");
    assert_eq!(browser.get("/resends/9").await.status, 404);
    let reasons = app.send(&call("GET", "/api/v1/replays/1/reasons")).await.json();
    assert_eq!(reasons["complete"], true);
    let reason = &reasons["reasons"][0];
    assert_eq!(
        (&reason["state"], &reason["code"], &reason["events"], &reason["event"]),
        (&json!("filtered"), &json!("missing_anonymous_id"), &json!(1), &json!("ev_0"))
    );
    let event = text(&browser.get("/events/ev_0").await);
    assert!(event.contains("Sent again by job 1 with rules revision"), "{event}");
    assert!(event.contains("At first it was: Filtered at destination"), "{event}");
    let cancelled = browser.post("/resends/1/cancel", &[]).await;
    assert_eq!((cancelled.status, cancelled.header("location")), (303, Some("/resends")));
    assert_eq!(browser.post("/resends/9/cancel", &[]).await.status, 404);
}

#[tokio::test]
async fn the_page_of_jobs_says_what_each_selects_by() {
    let app = app().await;
    filtered(&app, 1).await;
    let dead = json!({"status": "dead", "code": "clevertap_514", "since": "2026-01-01T00:00:00Z"});
    for filter in [dead, json!({})] {
        let taken = app.send(&order(&json!({"filter": filter, "mode": "current"}))).await;
        assert_eq!(taken.status, 202, "{}", taken.text());
    }
    let jobs = text(&Browser::signed_in(&app).await.get("/resends").await);
    let one = "all that match: Dead letter, reason “clevertap_514”, from 2026-01-01 00:00:00";
    assert!(jobs.contains(one) && jobs.contains("all events"), "{jobs}");
}

async fn replay(server: &Process, arguments: &[&str]) -> Ended {
    let address = format!("http://{}", server.address);
    let all = [&["replay", "--server", &address], arguments].concat();
    Process::run(&all, &[("TAPLINE_API_TOKEN", API_TOKEN)]).await
}

/// Events that are delivered, spread over fifty people.
async fn deliver(server: &Process, events: usize) {
    for first in (0..events).step_by(100) {
        let calls: Vec<Value> = (first..(first + 100).min(events))
            .map(|step| {
                let person = step % 50;
                json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
                    "userId": format!("user_{person}"), "anonymousId": format!("device-{person}"),
                    "properties": {"step": step}})
            })
            .collect();
        assert_eq!(send(server, "/v1/batch", json!({"batch": calls}).to_string()).await.status, 200);
    }
    settled(server).await;
}

/// How often every step came to the stand-in.
async fn arrivals(stand: &Stand) -> BTreeMap<u64, usize> {
    let mut arrivals = BTreeMap::new();
    for record in stand.received().await {
        let record: Value = serde_json::from_str(&record).unwrap();
        *arrivals.entry(record["evtData"]["step"].as_u64().unwrap()).or_default() += 1;
    }
    arrivals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_asks_waits_and_tells_by_its_exit_code() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    deliver(&server, 20).await;
    let refused = json!({"type": "track", "event": "Seen", "userId": "user_1"});
    assert_eq!(send(&server, "/v1/track", refused.to_string()).await.status, 200);
    settled(&server).await;

    let dry = replay(&server, &["--status", "delivered", "--include-delivered", "--dry-run"]).await;
    assert_eq!((dry.code, dry.stderr.as_str()), (Some(0), ""), "{}", dry.stdout);
    assert!(
        dry.stdout.starts_with("20 selected, 20 to send in 20 records, 0 would be filtered"),
        "{}",
        dry.stdout
    );
    assert_eq!(arrivals(&stand).await.values().sum::<usize>(), 20, "nothing is sent");

    let sent = replay(&server, &["ev_3", "ev_4", "--include-delivered", "--wait", "--format", "json"]).await;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let job: Value = serde_json::from_str(&sent.stdout).unwrap();
    assert_eq!((&job["state"], &job["delivered"]), (&json!("done"), &json!(2)));
    assert_eq!(arrivals(&stand).await.values().sum::<usize>(), 22);

    let passed = replay(&server, &["ev_3", "--rules-of", "then", "--wait"]).await;
    assert_eq!(passed.code, Some(1), "it was named, and not sent");
    assert!(passed.stdout.ends_with("0 failed, not sent (delivered: 1)\n"), "{}", passed.stdout);
    assert!(
        passed.stderr.contains("1 of the events that were named were not sent: (delivered: 1)"),
        "{}",
        passed.stderr
    );
    let all = replay(&server, &["--status", "delivered", "--since", "2020-01-01", "--wait"]).await;
    assert_eq!(all.code, Some(0), "nothing was named: {}", all.stderr);

    let edited = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        edited.path(),
        r#"{"type":"track","event":"Edited","userId":"user_1","anonymousId":"a","properties":{"step":77}}"#,
    )
    .unwrap();
    let path = edited.path().to_str().unwrap();
    let sent = replay(&server, &["ev_20", "--edit", path, "--wait"]).await;
    assert_eq!(sent.code, Some(0), "{}{}", sent.stdout, sent.stderr);
    assert_eq!(arrivals(&stand).await[&77], 1);

    for (arguments, words) in [
        (&[][..], "--all-failed"),
        (&["ev_900"], "there is no event `ev_900`"),
        (&["--status", "lost"], "--status: expected one of"),
        (&["--status", "lost"], "found `lost`"),
        (&["--since", "soon"], "--since: expected a time as"),
        (&["ev_900"], "EVENT_ID: "),
    ] {
        let refused = replay(&server, arguments).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert_eq!(server.terminate().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_a_job_says_why_it_waits() {
    let stand = Stand::start(&["--fault", "401"]).await;
    let server = stand.serve().await;
    let event = json!({"type": "track", "event": "Seen", "userId": "user_1"});
    assert_eq!(send(&server, "/v1/track", event.to_string()).await.status, 200);
    settled(&server).await;
    let edited = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(edited.path(), r#"{"type":"track","event":"Edited","userId":"user_1","anonymousId":"a"}"#)
        .unwrap();
    let path = edited.path().to_str().unwrap();
    let arguments = ["ev_0", "--edit", path, "--wait"];
    let ((), waiting) = tokio::join!(
        async {
            // Long enough for the pause to be seen, then it ends.
            let job = loop {
                let mut connection = Connection::open(server.address).await;
                let answer = connection.send(&call("GET", "/api/v1/replays/1")).await;
                if answer.status == 200 && answer.json()["paused"]["code"] == "unauthorized" {
                    break answer.json();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            assert!(job["paused"]["message"].as_str().unwrap().contains("(401)"), "{job}");
            tokio::time::sleep(Duration::from_millis(700)).await;
            let cancel = call("POST", "/api/v1/replays/1/cancel");
            assert_eq!(Connection::open(server.address).await.send(&cancel).await.status, 200);
        },
        replay(&server, &arguments),
    );
    assert_eq!(waiting.code, Some(1), "{}", waiting.stderr);
    assert!(waiting.stderr.contains("job 1 waits: CleverTap refused the account ID"), "{}", waiting.stderr);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_kills_and_repeats_no_more_than_was_in_flight() {
    let kills = figure::rounds(3, 30);
    let stand = Stand::start(&["--fault", "slow:ms=25"]).await;
    let server = stand.serve().await;
    deliver(&server, EVENTS).await;
    let taken = replay(&server, &["--status", "delivered", "--include-delivered"]).await;
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(0), "job 1\n"), "{}", taken.stderr);
    server.kill().await;
    for kill in 1..kills {
        let server = stand.serve().await;
        let enough = EVENTS + EVENTS * kill / (2 * kills);
        while arrivals(&stand).await.values().sum::<usize>() < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill().await;
        let (_, counts) = stand.journal().await;
        assert_eq!((counts.accepted, counts.delivered, counts.pending), (EVENTS as u64, EVENTS as u64, 0));
    }
    let server = stand.serve().await;
    let job = loop {
        let answer = Connection::open(server.address).await.send(&call("GET", "/api/v1/replays/1")).await;
        let job = answer.json();
        if job["state"] == "done" {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&job["selected"], &job["delivered"]), (&json!(EVENTS), &json!(EVENTS)), "{job}");
    assert_eq!(server.terminate().await.code, Some(0));
    let arrivals = arrivals(&stand).await;
    assert_eq!(arrivals.len(), EVENTS);
    assert!(arrivals.values().all(|times| *times >= 2), "every one was sent again");
    let again: usize = arrivals.values().map(|times| times - 2).sum();
    let most_records = stand.tally().await.most_records;
    assert!(again <= kills * 2 * most_records, "{again} records came once more after {kills} kills");
    let (kept, counts) = stand.journal().await;
    assert!(kept.iter().all(|event| event.end.as_ref().is_some_and(|end| end.state == State::Delivered)));
    assert_eq!((counts.accepted, counts.delivered), (EVENTS as u64, EVENTS as u64), "{counts:?}");
    figure::note("kill -9 while sending again: rounds", kills);
    figure::note("kill -9 while sending again: events", EVENTS);
    figure::note("kill -9 while sending again: events not sent again", 0);
    figure::note("kill -9 while sending again: records sent once more than asked", again);
}
