//! Waiting for the commit, back-pressure, a broken disk, and stopping.

use crate::support::app::{TestApp, post};
use std::time::Duration;
use tapline::ingest::Limits;
use tapline::journal::AppendError;

const CALL: &str = r#"{"userId":"user_1"}"#;

#[tokio::test]
async fn nothing_is_answered_before_it_is_durable() {
    let app = TestApp::builder().gated().start().await;
    let gate = app.gate.clone().unwrap();
    let mut connection = app.connect().await;
    connection.write(&post("/v1/page").body(CALL).render()).await;
    gate.waiting(1).await;
    let early = tokio::time::timeout(Duration::from_millis(100), connection.read()).await;
    assert!(early.is_err(), "answered before the commit: {early:?}");
    gate.open();
    assert_eq!(connection.read().await.status, 200);
}

#[tokio::test]
async fn a_full_journal_is_answered_503_with_the_time_to_come_back() {
    let app = TestApp::start().await;
    app.journal.fail_next_append(AppendError::Full { retry_after: Duration::from_secs(7) });
    let answer = app.post("/v1/page", CALL).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "journal_full"));
    assert_eq!(answer.header("Retry-After"), Some("7"));
    assert_eq!(app.post("/v1/page", CALL).await.status, 200);
}

#[tokio::test]
async fn a_broken_journal_is_answered_503_and_ends_the_process_with_an_error() {
    let app = TestApp::start().await;
    app.journal.fail_next_append(AppendError::Broken("disk on fire".into()));
    let answer = app.post("/v1/page", CALL).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "journal_broken"));
    assert!(answer.header("Retry-After").is_some());
    assert!(!answer.text().contains("disk on fire"), "what the disk said is not the sender's");
    let (ended, _) = app.ended().await;
    assert!(ended.unwrap_err().to_string().contains("disk on fire"));
}

#[tokio::test]
async fn bytes_under_way_are_bounded_and_more_is_answered_429() {
    let limits = Limits { in_flight_bytes: 3000, ..Limits::default() };
    let app = TestApp::builder().limits(limits).gated().start().await;
    let gate = app.gate.clone().unwrap();
    let big = format!(r#"{{"userId":"user_1","name":"{}"}}"#, "x".repeat(2000));
    let mut first = app.connect().await;
    first.write(&post("/v1/page").body(big.clone()).render()).await;
    gate.waiting(1).await;
    let refused = app.post("/v1/page", big.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "overloaded"));
    assert_eq!(refused.header("Retry-After"), Some("1"));
    gate.open();
    assert_eq!(first.read().await.status, 200);
    assert_eq!(app.post("/v1/page", big).await.status, 200);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_says_no_in_readyz_meanwhile() {
    let app = TestApp::builder().stop_grace(Duration::from_secs(1)).gated().start().await;
    let gate = app.gate.clone().unwrap();
    assert_eq!(app.get("/readyz").await.status, 200);
    let mut under_way = app.connect().await;
    under_way.write(&post("/v1/page").body(CALL).render()).await;
    gate.waiting(1).await;
    app.begin_stop();
    let mut probe = app.connect().await;
    let answer = loop {
        let answer = probe.send(&crate::support::http::Request::new("GET", "/readyz")).await;
        if answer.status == 503 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.json()["problems"][0]["code"], "stopping");
    gate.open();
    assert_eq!(under_way.read().await.status, 200);
    let journal = app.journal.clone();
    app.stop().await;
    assert_eq!(tapline::journal::Journal::counts(&*journal).accepted, 1);
}

#[tokio::test]
async fn operations_answer_without_a_key() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz").await.json()["status"], "ok");
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["ready"], true);
    assert_eq!(ready.json()["rules"]["pack"], "segment-cloud");
    let version = app.get("/version").await.json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    app.post("/v1/page", "{").await;
    let metrics = app.get("/metrics").await;
    for line in [
        r#"tapline_ingest_requests_total{code="invalid_json"} 1"#,
        "tapline_config_last_reload_successful 1",
        r#"tapline_events_ended{state="delivered"} 0"#,
        "tapline_events_pending 0",
        "tapline_rules_info{pack=\"segment-cloud\"",
    ] {
        assert!(metrics.text().contains(line), "{line} in\n{}", metrics.text());
    }
    assert!(metrics.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn without_an_account_only_this_machine_is_served() {
    let open = TestApp::builder().listen("0.0.0.0:0").try_start().await;
    let refused = open.err().expect("a refusal").to_string();
    assert!(refused.contains("TAPLINE_ADMIN_PASSWORD"), "{refused}");
    let guarded =
        TestApp::builder().listen("0.0.0.0:0").variable("TAPLINE_ADMIN_PASSWORD", "correct horse 1");
    guarded.try_start().await.expect("an application").stop().await;
}
