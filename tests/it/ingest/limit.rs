//! Limits, at the limit and one over it; bombs; and what an early refusal does to the connection.

use super::golden::gzip;
use crate::support::app::{TestApp, post};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::{Duration, Instant};
use tapline::ingest::Limits;

/// A page call of exactly `bytes` bytes.
fn call(id: &str, bytes: usize) -> String {
    let bare = format!(r#"{{"type":"page","userId":"user_1","messageId":"{id}","name":""}}"#);
    bare.replace(r#""name":"""#, &format!(r#""name":"{}""#, "x".repeat(bytes - bare.len())))
}

/// A batch of `count` short calls.
fn batch(count: usize) -> String {
    let calls: Vec<_> =
        (0..count).map(|n| format!(r#"{{"type":"page","userId":"u","messageId":"{n}"}}"#)).collect();
    format!(r#"{{"batch":[{}]}}"#, calls.join(","))
}

#[tokio::test]
async fn one_call_may_have_32_kilobytes() {
    let app = TestApp::start().await;
    assert_eq!(app.post("/v1/page", call("m1", 32 * 1024)).await.status, 200);
    let refused = app.post("/v1/page", call("m2", 32 * 1024 + 1)).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "event_too_large"));
    assert_eq!(app.stored().await.len(), 1);
    let packed = post("/v1/page").header("Content-Encoding", "gzip");
    assert_eq!(app.send(&packed.clone().body(gzip(call("m3", 32 * 1024).as_bytes()))).await.status, 200);
    let refused = app.send(&packed.body(gzip(call("m4", 32 * 1024 + 1).as_bytes()))).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "inflated_too_large"));
}

#[tokio::test]
async fn a_call_of_a_batch_may_have_32_kilobytes_and_a_larger_one_fails_alone() {
    let app = TestApp::start().await;
    let calls = [call("m1", 32 * 1024), call("m2", 32 * 1024 + 1), call("m3", 100)].join(",");
    assert_eq!(app.post("/v1/batch", format!(r#"{{"batch":[{calls}]}}"#)).await.status, 200);
    let stored = app.stored().await;
    let codes: Vec<_> =
        stored.iter().map(|entry| entry.refusal.as_ref().map(|refusal| refusal.code.as_str())).collect();
    assert_eq!(codes, [None, Some("event_too_large"), None]);
    assert!(stored[1].body.len() < 200);
}

#[tokio::test]
async fn a_batch_may_have_500_kilobytes_on_the_wire() {
    let app = TestApp::start().await;
    let fill = |bytes: usize| {
        let body = batch(2);
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert_eq!(app.post("/v1/batch", fill(500 * 1024)).await.status, 200);
    let refused = app.post("/v1/batch", fill(500 * 1024 + 1)).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "batch_too_large"));
    // Packed it is far below that limit.
    let packed = post("/v1/batch").header("Content-Encoding", "gzip").body(gzip(fill(2 << 20).as_bytes()));
    assert_eq!(app.send(&packed).await.status, 200);
}

#[tokio::test]
async fn a_batch_may_hold_2500_calls() {
    let app = TestApp::start().await;
    assert_eq!(app.post("/v1/batch", batch(2500)).await.status, 200);
    assert_eq!(app.stored().await.len(), 2500);
    let refused = app.post("/v1/batch", batch(2501)).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "too_many_events"));
    assert_eq!(app.stored().await.len(), 2500);
}

#[tokio::test]
async fn limits_can_be_set() {
    let limits = Limits { event_bytes: 100, batch_bytes: 300, batch_events: 2, ..Limits::default() };
    let app = TestApp::builder().limits(limits).start().await;
    assert_eq!(app.post("/v1/page", call("m1", 100)).await.status, 200);
    assert_eq!(app.post("/v1/page", call("m2", 101)).await.status, 413);
    assert_eq!(app.post("/v1/batch", batch(2)).await.status, 200);
    assert_eq!(app.post("/v1/batch", batch(3)).await.status, 413);
}

#[tokio::test]
async fn bombs_are_refused_at_the_limit_and_memory_stays_flat() {
    let app = TestApp::start().await;
    assert_eq!(app.post("/v1/batch", batch(100)).await.status, 200);
    let before = resident_kilobytes();
    let bomb = spaces_in_gzip(256 << 20);
    assert!(bomb.len() < 500 * 1024, "the bomb itself is within the limit of the wire");
    let many_members = gzip(&vec![b' '; 1 << 20]).repeat(300);
    assert!(many_members.len() < 500 * 1024);
    let sends = (0..20).map(|n| {
        let body = if n % 2 == 0 { bomb.clone() } else { many_members.clone() };
        let request = post("/v1/batch").header("Content-Encoding", "gzip").body(body);
        let app = &app;
        async move { app.send(&request).await }
    });
    let sends = futures_util::future::join_all(sends.map(Box::pin)).await;
    for answer in sends {
        assert_eq!((answer.status, answer.code().as_str()), (413, "inflated_too_large"));
    }
    let grown = resident_kilobytes().saturating_sub(before);
    assert!(grown < 50 * 1024, "grown by {grown} KB");
}

#[tokio::test]
async fn shared_parts_can_not_be_multiplied_into_memory() {
    let app = TestApp::start().await;
    let body = format!(
        r#"{{"context":{{"a":"{}"}},"batch":[{}]}}"#,
        "x".repeat(30_000),
        vec![r#"{"type":"page","userId":"u"}"#; 2500].join(",")
    );
    let refused = app.post("/v1/batch", body).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "shared_parts_too_large"));
}

#[tokio::test]
async fn a_stalled_body_is_cut_and_others_are_served_meanwhile() {
    let limits = Limits {
        body_deadline: Duration::from_secs(2),
        body_grace: Duration::from_millis(300),
        ..Limits::default()
    };
    let app = TestApp::builder().limits(limits).start().await;
    let start = Instant::now();
    let mut stalled = app.connect().await;
    stalled.write(&post("/v1/batch").header("Content-Length", "1000").head()).await;
    stalled.write(b"{").await;
    let mut chunked = app.connect().await;
    chunked.write(&post("/v1/batch").header("Transfer-Encoding", "chunked").head()).await;
    assert_eq!(app.post("/v1/batch", batch(1)).await.status, 200);
    for connection in [&mut stalled, &mut chunked] {
        let answer = connection.read().await;
        assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"));
        connection.closed().await;
    }
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_trickled_body_is_cut_at_the_deadline() {
    let limits = Limits {
        body_deadline: Duration::from_millis(600),
        body_grace: Duration::from_millis(300),
        body_rate: 1,
        ..Limits::default()
    };
    let app = TestApp::builder().limits(limits).start().await;
    let mut connection = app.connect().await;
    connection.write(&post("/v1/batch").header("Content-Length", "100000").head()).await;
    let start = Instant::now();
    let answer = loop {
        connection.write(b" ").await;
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(50), connection.read()).await {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"));
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn after_an_early_refusal_the_connection_goes_on_or_is_closed_and_never_misread() {
    let app = TestApp::start().await;
    let good = post("/v1/page").body(r#"{"userId":"user_1"}"#);
    let mut connection = app.connect().await;
    // Refused by its head; the short body behind it is read and forgotten.
    for refused in [
        post("/v1/page").header("Content-Encoding", "br").body(call("m", 20_000)),
        crate::support::http::Request::new("PUT", "/v1/page").body(call("m", 20_000)),
        crate::support::http::Request::new("POST", "/v1/page").basic("other").body(call("m", 20_000)),
        post("/v1/page").body(call("m", 40_000)),
    ] {
        assert!(connection.send(&refused).await.status >= 400);
        assert_eq!(connection.send(&good).await.status, 200);
    }
    // Too long to be read for nothing.
    let mut connection = app.connect().await;
    let answer = connection.send(&post("/v1/batch").body(vec![b' '; 5 << 20])).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("Connection"), Some("close"));
    connection.closed().await;
    // The same without a length: the server must not read on for ever.
    let mut connection = app.connect().await;
    connection.write(&post("/v1/batch").header("Transfer-Encoding", "chunked").head()).await;
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..40 {
        connection.write(&chunk).await;
    }
    let answer = connection.read().await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("Connection"), Some("close"));
    connection.closed().await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let app = TestApp::start().await;
    let many = (0..200).fold(post("/v1/page"), |request, n| request.header(&format!("X-{n}"), "x"));
    assert_eq!(app.send(&many.body(r#"{"userId":"user_1"}"#)).await.status, 431);
    let long = post("/v1/page").header("X-Long", &"x".repeat(300_000)).body(r#"{"userId":"user_1"}"#);
    let mut connection = app.connect().await;
    connection.write(&long.render()).await;
    assert!(connection.try_read().await.is_none_or(|answer| answer.status == 431));
    assert!(app.stored().await.is_empty());
    assert_eq!(app.post("/v1/page", r#"{"userId":"user_1"}"#).await.status, 200);
}

fn spaces_in_gzip(bytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&chunk).unwrap();
    }
    encoder.finish().unwrap()
}

/// The memory this process really uses.
fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
