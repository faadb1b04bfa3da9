use super::{TOKEN, pointers};
use crate::support::app::TestApp;
use crate::support::http::{Answer, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tapline::journal::{DedupKey, End, NewEvent, ResendId, Seq, Settling, State, UploadId, UploadNote};

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).start().await
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.send(&Request::new("GET", path).header("Authorization", &format!("Bearer {TOKEN}"))).await
}

fn event(number: u128) -> NewEvent {
    let body = format!(
        r#"{{"type":"track","event":"Step {}","userId":"user_{number}","anonymousId":"anon_{number}"}}"#,
        number % 3
    );
    let received_at = tapline::clock::Millis(1_767_225_610_000);
    NewEvent { dedup: DedupKey(number), received_at, refusal: None, body: body.into_bytes() }
}

async fn append(app: &TestApp, numbers: std::ops::Range<u128>) {
    app.app.journal.append(numbers.map(event).collect()).await.unwrap();
}

fn dead(upload: Option<UploadId>) -> End {
    let code = Some("clevertap_516".to_owned());
    End { state: State::Dead, code, message: Some("refused".to_owned()), upload, revision: "r1".to_owned() }
}

async fn end(app: &TestApp, place: u64, end: End) {
    app.app.journal.settle(Settling { upload: None, ends: vec![(Seq(place), end)] }).await.unwrap();
}

fn ids(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().expect("events").iter();
    events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_thousand_events_are_paged_exactly_while_a_writer_adds_more() {
    let app = app().await;
    append(&app, 0..1000).await;
    let (mut seen, mut path, mut pages) = (Vec::new(), "/api/v1/events?limit=37".to_owned(), 0_u128);
    loop {
        let answer = get(&app, &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        seen.extend(ids(&page));
        pages += 1;
        assert!(pages <= 28, "the pages never end");
        append(&app, 1000 + pages * 60..1060 + pages * 60).await;
        let Some(next) = page["next"].as_str() else { break };
        let link = answer.header("link").expect("a link");
        assert_eq!(link, format!("</api/v1/events?before={next}&limit=37>; rel=\"next\""));
        path = link[1..].split('>').next().unwrap().to_owned();
    }
    let expected: Vec<String> = (0..1000).rev().map(|place| format!("ev_{place}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(pages, 28);
}

#[tokio::test]
async fn the_filter_of_the_page_holds_in_the_api_and_stays_in_its_links() {
    let app = app().await;
    append(&app, 0..9).await;
    end(&app, 4, dead(None)).await;
    let page = get(&app, "/api/v1/events?event=step%201&limit=2").await;
    assert_eq!(ids(&page.json()), ["ev_7", "ev_4"]);
    assert_eq!(
        page.header("link"),
        Some("</api/v1/events?event=step%201&before=ev_4&limit=2>; rel=\"next\"")
    );
    assert_eq!(ids(&get(&app, "/api/v1/events?user=anon_3").await.json()), ["ev_3"]);
    assert_eq!(ids(&get(&app, "/api/v1/events?state=dead&code=clevertap_516").await.json()), ["ev_4"]);
    let letters = get(&app, "/api/v1/dead-letters").await;
    let expected = json!({
        "id": "ev_4", "received_at": "2026-01-01T00:00:10Z", "state": "dead", "failed_on_ingest": false,
        "code": "clevertap_516", "type": "track", "name": "Step 1", "user_id": "user_4",
        "anonymous_id": "anon_4", "erased": false
    });
    assert_eq!(letters.json()["events"], json!([expected]), "{}", letters.text());
    assert_eq!((letters.header("link"), &letters.json()["next"]), (None, &Value::Null));
}

#[tokio::test]
async fn every_problem_of_a_query_is_named_with_its_parameter() {
    let app = app().await;
    let answer = get(&app, "/api/v1/events?state=lost&from=today&limit=0&before=7&foo=1&user=a&user=b").await;
    assert_eq!(answer.status, 400);
    pointers(&answer);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let found: BTreeSet<&str> = errors.iter().map(|error| error["parameter"].as_str().unwrap()).collect();
    assert_eq!(found, BTreeSet::from(["user", "state", "from", "before", "limit", "foo"]));
    let foo = errors.iter().find(|error| error["parameter"] == "foo").unwrap();
    assert!(foo["detail"].as_str().unwrap().contains("known are `state`, `type`, `event`"), "{foo}");
    let between = get(&app, "/api/v1/events?from=2026-11-23&to=2026-11-22").await;
    assert_eq!(between.json()["errors"][0]["parameter"], "to", "{}", between.text());
    let state = get(&app, "/api/v1/dead-letters?state=dead").await;
    assert_eq!((state.status, &state.json()["errors"][0]["parameter"]), (400, &"state".into()));
    for path in ["/api/v1/events/7", "/api/v1/events/ev_99", "/api/v1/events/ev_99/attempts"] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
    assert_eq!(app.send(&Request::new("GET", "/api/v1/events")).await.status, 401);
}

#[tokio::test]
async fn an_event_is_told_with_its_ends_its_attempts_and_what_the_rules_make_of_it() {
    let app = app().await;
    append(&app, 0..2).await;
    let note = |id: u64, status| UploadNote {
        id: UploadId(id),
        started_at: tapline::clock::Millis(1_767_225_611_000),
        duration_ms: 40,
        records: 3,
        attempt: 2,
        status: Some(status),
        answer: "success".to_owned(),
    };
    let journal = &app.app.journal;
    let settling = Settling { upload: Some(note(7, 400)), ends: vec![(Seq(0), dead(Some(UploadId(7))))] };
    journal.settle(settling).await.unwrap();
    let delivered = End {
        state: State::Delivered,
        code: None,
        message: None,
        upload: Some(UploadId(9)),
        revision: "r2".to_owned(),
    };
    let settling = Settling { upload: Some(note(9, 200)), ends: vec![(Seq(0), delivered)] };
    journal.replace(ResendId(3), settling).await.unwrap();

    let told = get(&app, "/api/v1/events/ev_0").await.json();
    assert_eq!((&told["state"], &told["end"]["revision"]), (&"delivered".into(), &"r2".into()));
    assert_eq!((&told["first_end"]["state"], &told["sent_again_by"]), (&"dead".into(), &"3".into()));
    assert_eq!(told["event"]["event"], "Step 0");
    assert_eq!(told["evaluation"]["outcome"], "mapped");
    assert_eq!(told["evaluation"]["records"][0]["evtName"], "Step 0");
    assert_eq!(told["evaluation"]["revision"], app.app.rules.plan().revision());
    assert_eq!((&told["older"], &told["newer"]), (&Value::Null, &"ev_1".into()));
    let attempts = get(&app, "/api/v1/events/ev_0/attempts").await.json();
    assert_eq!(attempts["attempts"], told["attempts"]);
    let attempt = |number: usize| {
        let one = &told["attempts"][number];
        (one["upload"].clone(), one["status"].clone(), one["state"].clone(), one["replay"].clone())
    };
    assert_eq!(attempt(0), (7.into(), 400.into(), "dead".into(), Value::Null));
    assert_eq!(attempt(1), (9.into(), 200.into(), "delivered".into(), "3".into()));
    let pending = get(&app, "/api/v1/events/ev_1").await.json();
    assert_eq!((&pending["end"], &pending["attempts"]), (&Value::Null, &json!([])));
}
