//! Paths, methods, content types, keys and browsers.

use super::golden::gzip;
use crate::support::app::{TestApp, WRITE_KEY, post};
use crate::support::http::Request;
use tapline::admin::{Author, NewKey, UserName};
use tapline::settings::{KeyKind, Secret};

const PATHS: [(&str, &str, &str); 6] = [
    ("identify", "i", r#"{"userId":"user_1"}"#),
    ("track", "t", r#"{"userId":"user_1","event":"e"}"#),
    ("page", "p", r#"{"userId":"user_1"}"#),
    ("screen", "s", r#"{"userId":"user_1"}"#),
    ("group", "g", r#"{"userId":"user_1","groupId":"group_1"}"#),
    ("alias", "a", r#"{"userId":"user_1","previousId":"anon_1"}"#),
];

const BATCHES: [&str; 3] = ["batch", "b", "import"];

#[tokio::test]
async fn every_path_long_and_short_stores_its_kind_of_call() {
    let app = TestApp::start().await;
    let mut connection = app.connect().await;
    let mut kinds = Vec::new();
    for (long, short, body) in PATHS {
        for path in [long, short] {
            let answer = connection.send(&post(&format!("/v1/{path}")).body(body)).await;
            assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#), "{path}");
            kinds.push(long);
        }
    }
    for path in BATCHES {
        let body = r#"{"batch":[{"type":"alias","userId":"user_1","previousId":"anon_1"}]}"#;
        assert_eq!(connection.send(&post(&format!("/v1/{path}")).body(body)).await.status, 200, "{path}");
        kinds.push("alias");
    }
    let stored = app.stored().await;
    let found: Vec<_> = stored.iter().map(|entry| member(&entry.body, "type")).collect();
    assert_eq!(found, kinds);
}

#[tokio::test]
async fn any_content_type_and_none_may_hold_json() {
    let app = TestApp::start().await;
    let body = format!(r#"{{"userId":"user_1","writeKey":"{WRITE_KEY}"}}"#);
    for content_type in
        ["application/json; charset=utf-8", "text/plain;charset=UTF-8", "text/plain", "x/y", ""]
    {
        let request = Request::new("POST", "/v1/p").header("Content-Type", content_type).body(body.clone());
        assert_eq!(app.send(&request).await.status, 200, "{content_type}");
    }
    assert_eq!(app.send(&Request::new("POST", "/v1/p").body(body)).await.status, 200);
    assert_eq!(app.stored().await.len(), 6);
}

#[tokio::test]
async fn a_chunked_gzip_body_is_taken() {
    let app = TestApp::start().await;
    let packed = gzip(br#"{"batch":[{"type":"page","userId":"user_1"}]}"#);
    let (first, second) = packed.split_at(packed.len() / 2);
    let request = post("/v1/b").header("Transfer-Encoding", "chunked").header("Content-Encoding", "gzip");
    let mut connection = app.connect().await;
    connection.write(&request.head()).await;
    for part in [first, second, b""] {
        connection.write(&[format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()).await;
    }
    assert_eq!(connection.read().await.status, 200);
    assert_eq!(app.stored().await.len(), 1);
}

#[tokio::test]
async fn while_no_write_key_is_set_everything_is_refused_with_words_on_where_to_set_one() {
    let app = TestApp::builder().variable("TAPLINE_WRITE_KEY", "").start().await;
    for request in [
        post("/v1/track").body(r#"{"userId":"user_1","event":"e"}"#),
        Request::new("POST", "/v1/batch").body(r#"{"batch":[],"writeKey":""}"#),
        Request::new("POST", "/v1/batch").basic("").body(r#"{"batch":[]}"#),
    ] {
        let answer = app.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "no_write_key_set"));
        for place in ["Settings page", "TAPLINE_WRITE_KEY"] {
            assert!(answer.text().contains(place), "{}", answer.text());
        }
    }
    assert!(app.stored().await.is_empty());
}

#[tokio::test]
async fn a_write_key_set_while_running_counts_at_once() {
    let app = TestApp::builder().variable("TAPLINE_WRITE_KEY", "").start().await;
    assert_eq!(app.post("/v1/p", r#"{"userId":"user_1"}"#).await.status, 401);
    let new = NewKey { secret: Secret::parse(WRITE_KEY), ..NewKey::default() };
    let by = Author::from(&UserName::admin());
    app.app.admin.create_key(&by, KeyKind::WriteKey, new).await.unwrap().unwrap();
    assert_eq!(app.post("/v1/p", r#"{"userId":"user_1"}"#).await.status, 200);
}

#[tokio::test]
async fn browsers_may_send_from_any_page_and_read_every_answer() {
    let app = TestApp::start().await;
    for path in PATHS.iter().flat_map(|(long, short, _)| [*long, *short]).chain(BATCHES) {
        let preflight = Request::new("OPTIONS", &format!("/v1/{path}"))
            .header("Origin", "https://shop.example.com")
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type,x-retry-count");
        let answer = app.send(&preflight).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
        assert!(answer.header("Access-Control-Allow-Methods").unwrap().contains("POST"));
        let allowed = answer.header("Access-Control-Allow-Headers").unwrap().to_ascii_lowercase();
        for name in ["authorization", "content-type", "x-retry-count"] {
            assert!(allowed.contains(name), "{name}");
        }
    }
    let taken = app.post("/v1/p", r#"{"userId":"user_1"}"#).await;
    let refused = app.post("/v1/p", "{").await;
    let unknown = app.send(&Request::new("POST", "/v1/p").body("{}")).await;
    for (answer, status) in [(&taken, 200), (&refused, 400), (&unknown, 401)] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Access-Control-Expose-Headers"), Some("Retry-After"));
    }
    // `Basic` would make browsers ask the visitor for a password.
    assert_eq!(unknown.header("WWW-Authenticate"), Some("WriteKey"));
}

#[tokio::test]
async fn other_routes_are_not_opened_to_other_origins() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/metrics", "/"] {
        let answer = app.send(&Request::new("GET", path).header("Origin", "https://shop.example.com")).await;
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None, "{path}");
    }
}

#[tokio::test]
async fn another_method_is_answered_with_the_ones_there_are() {
    let app = TestApp::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = app.send(&Request::new(method, "/v1/track").body("{}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(answer.header("Allow"), Some("POST, OPTIONS"));
    }
}

#[tokio::test]
async fn another_path_is_answered_with_the_ones_there_are() {
    let app = TestApp::start().await;
    for path in ["/v1/", "/v1/tracks", "/v1/track/", "/v1/projects/p/settings"] {
        let answer = app.post(path, r#"{"userId":"user_1"}"#).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert!(answer.text().contains("`track`"));
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_refused() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/p", b"{\"userId\":\"user_\xFF\"}".to_vec()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_json"));
    assert!(answer.text().contains("offset 16"), "{}", answer.text());
    let with_mark = [b"\xEF\xBB\xBF".as_slice(), br#"{"userId":"user_1"}"#].concat();
    assert_eq!(app.post("/v1/p", with_mark).await.status, 200);
}

#[tokio::test]
async fn a_repetition_is_taken_and_stored_once() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        let answer = app.post("/v1/p", r#"{"userId":"user_1","messageId":"m1"}"#).await;
        assert_eq!(answer.status, 200);
    }
    let batch = r#"{"batch":[{"type":"page","userId":"user_1","messageId":"m1"},{"type":"page","userId":"user_1","messageId":"m2"}]}"#;
    assert_eq!(app.post("/v1/batch", batch).await.status, 200);
    assert_eq!(app.stored().await.len(), 2);
    app.clock.advance(60 * 60 * 1000);
    assert_eq!(app.post("/v1/p", r#"{"userId":"user_1","messageId":"m2"}"#).await.status, 200);
    assert_eq!(app.stored().await.len(), 2);
    let metrics = app.get("/metrics").await;
    for line in [
        r#"tapline_ingest_events_total{outcome="stored"} 2"#,
        r#"tapline_ingest_events_total{outcome="duplicate"} 4"#,
        r#"tapline_ingest_requests_total{code="accepted"} 5"#,
        "tapline_events_accepted_total 2",
    ] {
        assert!(metrics.text().contains(line), "{line} in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn events_and_known_ids_outlive_a_restart() {
    let app = TestApp::builder().durable().start().await;
    assert_eq!(
        app.post("/v1/p", r#"{"userId":"user_1","messageId":"m1","name":"caf\u00e9"}"#).await.status,
        200
    );
    let before = app.stored().await;
    let data = app.stop().await;
    let app = TestApp::builder_in(data).durable().start().await;
    assert_eq!(app.stored().await, before);
    assert_eq!(app.post("/v1/p", r#"{"userId":"user_1","messageId":"m1"}"#).await.status, 200);
    assert_eq!(app.post("/v1/p", r#"{"userId":"user_1","messageId":"m2"}"#).await.status, 200);
    assert_eq!(app.stored().await.len(), 2);
}

/// A text member of a stored event.
fn member(body: &[u8], name: &str) -> String {
    let event: serde_json::Value = serde_json::from_slice(body).unwrap();
    event.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}
