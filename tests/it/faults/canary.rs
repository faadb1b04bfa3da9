//! Personal data and secrets that say what they are go in on every path, good, bad and crashing; what the process says
//! aloud (its log at the finest level, `/metrics`, `/readyz`, `/version`) holds none of it.

use crate::support::figure::{self, Fault};
use crate::support::http::{Connection, Request};
use crate::support::stand::{Stand, get, settled};
use serde_json::json;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapline::clock::{FixedClock, Millis};
use tapline::delivery::{
    CleverTap, DeliveryPolicy, DeliveryStatus, Mapped, Mapping, Parts, Slots, Timeouts,
    start as start_delivery,
};
use tapline::journal::memory::{MemoryJournal, MemoryStore};
use tapline::journal::{DedupKey, Journal, NewEvent};
use tapline::settings::{LiveSettings, Origins, Settings};
use tapline::telemetry;

/// Stands in every value that is somebody's or secret.
const CANARY: &str = "canary";
const WRITE_KEY: &str = "canary_write_key";

/// How CleverTap answers: everything that makes delivery speak of it.
const FAULTS: [&str; 10] = [
    "--fault",
    "400:first=2",
    "--fault",
    "partial:share=0.3,code=515,rate=0.5",
    "--fault",
    "503:rate=0.1",
    "--fault",
    "html:rate=0.1",
    "--fault",
    "reset:rate=0.1",
];

#[tokio::test]
async fn nothing_that_is_somebodys_or_secret_is_ever_said_aloud() {
    let stand = Stand::start(&FAULTS).await;
    let server = stand
        .serve_with(&[
            ("TAPLINE_LOG", "info,tapline=trace"),
            ("TAPLINE_LOG_FORMAT", "json"),
            ("TAPLINE_WRITE_KEY", WRITE_KEY),
            ("TAPLINE_PASSCODE", "canary_passcode"),
            ("TAPLINE_TOKEN", "canary_account_token"),
            ("TAPLINE_API_TOKEN", "canary_api_token_0123456789"),
            ("TAPLINE_WEBHOOK_SECRET", "canary_webhook_secret"),
            ("TAPLINE_ADMIN_PASSWORD", "canary password of some length"),
        ])
        .await;
    let start = Instant::now();
    let mut rounds = 0;
    for request in requests() {
        let mut connection = Connection::open(server.address).await;
        connection.write(&request.render()).await;
        assert!(connection.try_read().await.is_some(), "{request:?}");
        rounds += 1;
    }
    // A body that breaks off.
    let mut broken = Connection::open(server.address).await;
    broken.write(&calls(0).head()).await;
    broken.write(b"{\"batch\":[{\"userId\":\"canary_half").await;
    drop(broken);
    settled(&server).await;
    let mut said = vec![("the greeting", server.greeting.clone())];
    for path in ["/metrics", "/readyz", "/version", "/healthz"] {
        said.push((path, get(&server, path).await.text().to_owned()));
    }
    let ended = server.terminate().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.lines().count() > 10, "too little was said to show anything: {}", ended.stderr);
    said.extend([("the log", ended.stderr), ("stdout", ended.stdout)]);
    for (place, text) in &said {
        let hits: Vec<_> = text.lines().filter(|line| line.to_lowercase().contains(CANARY)).collect();
        assert!(hits.is_empty(), "{place} holds {hits:?}");
    }

    let (kept, counts) = stand.journal().await;
    assert!(
        kept.iter().all(|event| event.body.contains(CANARY) || event.body.len() < 300),
        "the journal keeps it"
    );
    assert!(
        counts.delivered > 0 && counts.dead > 0 && counts.filtered > 0 && counts.failed > 0,
        "{counts:?}"
    );
    assert_eq!(counts.pending, 0);
    assert!(stand.received().await.iter().any(|record| record.contains(CANARY)), "CleverTap gets it");
    figure::fault(Fault {
        name: "personal data and secrets on every path, looked for in logs and metrics",
        rounds,
        acknowledged: kept.len(),
        lost: 0,
        twice: None,
        recovery: start.elapsed(),
        mutation: "the words of CleverTap's answer go to the log",
    });
}

/// Good and bad requests on every path, with something of somebody's in every place that takes any.
fn requests() -> Vec<Request> {
    let plain = |method: &str, path: &str| {
        Request::new(method, path)
            .header("User-Agent", "canary agent")
            .header("X-Forwarded-For", "canary_address")
            .header("Referer", "https://example.com/?email=canary@example.com")
    };
    let sent = |path: &str, body: &str| plain("POST", path).basic(WRITE_KEY).body(body);
    let bearer = |path: &str, token: &str, body: &str| {
        plain("POST", path)
            .header("Authorization", &format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .body(body)
    };
    let event =
        r#"{"event":{"type":"track","event":"canary event","userId":"canary_user","anonymousId":"canary"}}"#;
    let mut requests: Vec<Request> = (0..8).map(calls).collect();
    requests.extend([
        sent(
            "/v1/identify?email=canary@example.com",
            r#"{"userId":"canary_user","anonymousId":"canary_device"}"#,
        ),
        sent("/v1/track", r#"{"userId":"canary_user","event":"canary"#),
        sent("/v1/track", r#"{"userId":"canary_user","event":{"canary":1}}"#),
        sent("/v1/track", r#"{"canary_user":"canary"}"#),
        sent(
            "/v1/batch",
            r#"{"batch":["canary",{"type":"canary","userId":"canary"},{"type":"track","userId":"canary"}]}"#,
        ),
        sent("/v1/page", &format!(r#"{{"userId":"canary_user","messageId":"{}"}}"#, CANARY.repeat(30))),
        sent("/v1/page", &format!(r#"{{"userId":"canary_user","name":"{}"}}"#, CANARY.repeat(10_000))),
        sent("/v1/canary", r#"{"userId":"canary_user"}"#),
        sent("/v1/page", "canary").header("Content-Encoding", "gzip"),
        sent("/v1/page", "canary").header("Content-Encoding", "canary"),
        plain("POST", "/v1/page").basic("canary_wrong_key").body(r#"{"userId":"canary_user"}"#),
        plain("POST", "/v1/page").body(r#"{"userId":"canary_user","writeKey":"canary_wrong_key"}"#),
        plain("POST", "/v1/webhooks/segment")
            .header("X-Signature", "canary")
            .body(r#"{"userId":"canary_user"}"#),
        plain("PUT", "/v1/track").body("canary"),
        bearer("/api/v1/preview", "canary_api_token_0123456789", event),
        bearer("/api/v1/preview", "canary_wrong_token", event),
        bearer("/api/v1/preview", "canary_api_token_0123456789", r#"{"event":"canary"#),
        plain("POST", "/login")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("csrf=canary&name=canary&password=canary+password"),
        plain("GET", "/events?q=canary@example.com").header("Cookie", "session=canary"),
        plain("GET", "/canary/canary@example.com"),
    ]);
    requests
}

/// A batch of calls that are mapped, filtered and failed.
fn calls(round: usize) -> Request {
    let call = |number: usize| {
        let kind = ["identify", "track", "page", "group"][number % 4];
        json!({"type": kind, "messageId": format!("m_{round}_{number}"),
            "event": "canary event", "userId": format!("canary_user_{number}"),
            "anonymousId": (!number.is_multiple_of(5)).then_some("canary-device"), "groupId": "canary_group",
            "traits": {"email": "canary@example.com", "phone": "canary", "name": "Canary Canary"},
            "properties": {"canary key": "canary value", "url": "https://example.com/?q=canary"},
            "context": {"ip": "canary", "device": {"type": "ios", "token": format!("canary_token_{round}")}}})
    };
    let mut batch: Vec<_> = (0..20).map(call).collect();
    batch.push(json!({"type": "track", "userId": "canary_user", "messageId": format!("nameless_{round}")}));
    Request::new("POST", "/v1/batch").basic(WRITE_KEY).body(json!({ "batch": batch }).to_string())
}

/// The child finds by this that it is the child.
const CHILD: &str = "TAPLINE_TEST_CANARY_CHILD";

#[test]
fn a_crash_in_the_rules_says_where_it_happened_and_not_over_what() {
    if std::env::var_os(CHILD).is_some() {
        return crash_over_an_event();
    }
    let test = std::thread::current().name().unwrap().to_owned();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("a fault in the program") && said.contains("canary.rs"),
        "the place is told: {said}"
    );
    let hits: Vec<_> = said.lines().filter(|line| line.contains("canary@example.com")).collect();
    assert!(hits.is_empty(), "{hits:?}");
}

fn crash_over_an_event() {
    telemetry::start("trace", telemetry::Format::Json).expect("a filter");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let journal = Arc::new(MemoryJournal::new());
        let body = br#"{"type":"track","userId":"canary@example.com"}"#.to_vec();
        let event = NewEvent { dedup: DedupKey(1), received_at: Millis(0), refusal: None, body };
        journal.append(vec![event]).await.unwrap();
        let delivery = start_delivery(Parts {
            journal: journal.clone(),
            store: Arc::new(MemoryStore::default()),
            settings: Arc::new(LiveSettings::new(Settings::default(), Origins::new())),
            clock: Arc::new(FixedClock::at(Millis(0))),
            status: Arc::new(DeliveryStatus::default()),
            mapping: Box::new(Crashing),
            uploader: Arc::new(CleverTap::new(Timeouts::default())),
            slots: Slots::default(),
            policy: DeliveryPolicy::default(),
        });
        tokio::time::timeout(Duration::from_secs(30), delivery.idle()).await.expect("an end");
        assert_eq!(journal.counts().failed, 1);
        delivery.stop(Duration::from_secs(5)).await.unwrap();
    });
}

/// Rules that crash, with words that quote the event.
struct Crashing;

impl Mapping for Crashing {
    fn refresh(&mut self) -> Arc<str> {
        "r1".into()
    }

    fn map(&mut self, event: &[u8], _received_at: Millis) -> Mapped {
        panic!("can not map {}", String::from_utf8_lossy(event))
    }
}
