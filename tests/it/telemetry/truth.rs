//! The numbers against an oracle that keeps its own books, in a run with every outcome and faults (fault row 38).

use super::scrape::Scrape;
use crate::support::app::{TestApp, WRITE_KEY};
use crate::support::http::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tapline::simulator::{Options, Simulator};

const ROUNDS: usize = 40;

/// What the test itself sent and was answered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Oracle {
    accepted: u64,
    duplicate: u64,
    refused: u64,
}

#[tokio::test]
async fn the_numbers_add_up_at_every_scrape_and_agree_with_the_oracle() {
    let faults = ["partial:share=1,code=512,first=2", "503:rate=0.1", "reset:rate=0.1", "partial:share=0.2"];
    let options =
        Options { faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(), ..Options::default() };
    let clevertap = Simulator::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let app = TestApp::builder()
        .durable()
        .variable("TAPLINE_ACCOUNT_ID", "account_1")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .start()
        .await;
    let over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(app.address, Arc::clone(&over)));
    let mut oracle = Oracle::default();
    for n in 0..ROUNDS {
        send(&app, n, &mut oracle).await;
    }
    app.settled().await;
    over.store(true, Ordering::Relaxed);
    let scrapes = watcher.await.unwrap();
    assert!(scrapes >= 10, "{scrapes} scrapes are too few to believe");

    let metrics = app.get("/metrics").await;
    let scrape = Scrape::parse(metrics.text()).unwrap();
    let events = |outcome| scrape.sum("tapline_ingest_events", &[("outcome", outcome)]);
    let counted = Oracle {
        accepted: events("stored") + events("failed"),
        duplicate: events("duplicate"),
        refused: events("refused"),
    };
    assert_eq!(counted, oracle);
    assert_eq!(scrape.sum("tapline_events_accepted", &[]), oracle.accepted);
    let counts = app.app.journal.counts();
    let ended = |state| scrape.sum("tapline_events_ended", &[("state", state)]);
    assert_eq!(
        [ended("delivered"), ended("filtered"), ended("failed"), ended("dead")],
        [counts.delivered, counts.filtered, counts.failed, counts.dead]
    );
    assert!([ended("delivered"), ended("filtered"), ended("failed"), ended("dead")].iter().all(|n| *n > 0));
    // Each event delivered tells its age once, and each record sent came back in one of three ways, or in none.
    let ages = &scrape.families["tapline_delivery_age_seconds"].samples;
    let count = ages.iter().find(|sample| sample.name.ends_with("_count")).unwrap();
    assert_eq!(count.value as u64, counts.delivered);
    let records = |what: &str| scrape.sum(&format!("tapline_records_{what}"), &[]);
    assert_eq!(records("sent"), records("delivered") + records("retried") + records("rejected"));
    assert_eq!(records("delivered"), clevertap.received().len() as u64);
    assert_eq!(scrape.sum("tapline_uploads", &[]), scrape.sum("tapline_upload_answers", &[]));
    app.stop().await;
    clevertap.stop().await;
}

/// Scrapes until the run is over; how often it did.
async fn watch(address: std::net::SocketAddr, over: Arc<AtomicBool>) -> usize {
    let mut scrapes = 0;
    let mut connection = crate::support::http::Connection::open(address).await;
    while !over.load(Ordering::Relaxed) {
        let answer = connection.send(&Request::new("GET", "/metrics")).await;
        let scrape = Scrape::parse(answer.text()).unwrap();
        let accepted = scrape.sum("tapline_events_accepted", &[]);
        let sum = scrape.sum("tapline_events_ended", &[]) + scrape.sum("tapline_events_pending", &[]);
        assert_eq!(accepted, sum, "at scrape {scrapes}");
        scrapes += 1;
        tokio::task::yield_now().await;
    }
    scrapes
}

/// A batch of every kind of call, its repetition, and requests that are refused.
async fn send(app: &TestApp, n: usize, oracle: &mut Oracle) {
    let ids = |call: usize| {
        format!(r#""messageId":"m{n}_{call}","userId":"user_{}","anonymousId":"anon_{n}""#, n % 7)
    };
    let batch = format!(
        r#"{{"batch":[{{"type":"track",{},"event":"Song Played"}},{{"type":"page",{},"name":"Home"}},
        {{"type":"group",{},"groupId":"group_1"}},{{"type":"track",{}}},{{"type":"nothing",{}}}]}}"#,
        ids(0),
        ids(1),
        ids(2),
        ids(3),
        ids(4)
    );
    assert_eq!(app.post("/v1/batch", batch.as_str()).await.status, 200);
    oracle.accepted += 5;
    if n.is_multiple_of(3) {
        assert_eq!(app.post("/v1/batch", batch).await.status, 200);
        oracle.duplicate += 5;
    }
    assert_eq!(app.post("/v1/track", "{").await.status, 400);
    let stranger = Request::new("POST", "/v1/page").basic("other_key").body(r#"{"userId":"user_1"}"#);
    assert_ne!("other_key", WRITE_KEY);
    assert_eq!(app.send(&stranger).await.status, 401);
    oracle.refused += 2;
}
