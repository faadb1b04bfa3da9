//! Segment's webhook: what the golden files can not say about signatures.

use super::golden::gzip;
use crate::support::app::{TestApp, TestAppBuilder, WRITE_KEY};
use crate::support::http::Request;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tapline::settings::{Key, KeyRing, Secret};

const SECRET: &str = "webhook_secret_1";
const CALL: &str = r#"{"type":"page","userId":"user_1","messageId":"m1"}"#;

/// What Segment puts into `X-Signature` for `signed`.
fn signature(signed: &[u8], secret: &str) -> String {
    let mut code = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    code.update(signed);
    code.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A webhook call with a signature of `signed`.
fn webhook(signed: &str) -> Request {
    let request = Request::new("POST", "/v1/webhooks/segment");
    request.header("X-Signature", &signature(signed.as_bytes(), SECRET))
}

fn builder() -> TestAppBuilder {
    TestApp::builder().variable("TAPLINE_WEBHOOK_SECRET", SECRET)
}

#[tokio::test]
async fn without_any_write_key_signed_calls_come_in_and_nothing_else_does() {
    let app = builder().variable("TAPLINE_WRITE_KEY", "").start().await;
    assert_eq!(app.send(&webhook(CALL).body(CALL)).await.status, 200);
    let array = app.send(&webhook(CALL).body(format!("[{CALL}]"))).await;
    assert_eq!((array.status, array.code().as_str()), (401, "no_write_key_set"));
    assert!(array.text().contains("TAPLINE_WRITE_KEY") && array.text().contains("first call only"));
    let other = app.send(&Request::new("POST", "/v1/page").basic(WRITE_KEY).body(CALL)).await;
    assert_eq!((other.status, other.code().as_str()), (401, "no_write_key_set"));
    assert_eq!(app.stored().await.len(), 1);
}

#[tokio::test]
async fn a_signature_of_the_packed_bytes_is_none_of_the_text_inside() {
    let app = builder().start().await;
    let packed = gzip(CALL.as_bytes());
    let request = Request::new("POST", "/v1/webhooks/segment")
        .header("Content-Encoding", "gzip")
        .header("X-Signature", &signature(&packed, SECRET));
    let refused = app.send(&request.body(packed)).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "wrong_signature"));
}

#[tokio::test]
async fn a_first_call_that_is_too_deep_to_keep_signs_its_array_all_the_same() {
    let app = builder().start().await;
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    let array = format!("[{deep},{CALL}]");
    let taken = app.send(&webhook(&deep).basic(WRITE_KEY).body(array.clone())).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    assert_eq!(app.stored().await.len(), 2);
    let refused = app.send(&webhook(CALL).basic(WRITE_KEY).body(array)).await;
    assert_eq!(refused.code(), "wrong_signature");
}

#[tokio::test]
async fn every_single_changed_byte_breaks_the_signature() {
    let app = builder().start().await;
    let mut connection = app.connect().await;
    for at in 0..CALL.len() {
        let mut body = CALL.as_bytes().to_vec();
        body[at] ^= 1;
        let answer = connection.send(&webhook(CALL).body(body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "wrong_signature"), "byte {at}");
    }
    assert!(app.stored().await.is_empty());
}

#[tokio::test]
async fn a_call_that_comes_signed_and_by_a_library_is_one() {
    let app = builder().start().await;
    assert_eq!(app.send(&webhook(CALL).body(CALL)).await.status, 200);
    assert_eq!(app.post("/v1/page", CALL).await.status, 200);
    assert_eq!(app.send(&webhook(CALL).body(CALL)).await.status, 200);
    assert_eq!(app.stored().await.len(), 1, "one key stands for all senders");
}

#[tokio::test]
async fn a_secret_that_changes_while_running_counts_at_once() {
    let app = TestApp::start().await;
    assert_eq!(app.post("/v1/webhooks/segment", CALL).await.status, 200);
    for (secret, with_key, signed) in [(SECRET, 401, 200), ("another", 401, 401), ("", 200, 401)] {
        let settings = &app.app.settings;
        let keys = |text| Secret::parse(text).map(|key| Key::new(text, key, None)).into_iter().collect();
        settings.replace_keys(KeyRing::new(keys(WRITE_KEY), keys(secret), &settings.keys()));
        assert_eq!(app.post("/v1/webhooks/segment", CALL).await.status, with_key, "{secret}");
        assert_eq!(app.send(&webhook(CALL).body(CALL)).await.status, signed, "{secret}");
    }
}

#[tokio::test]
async fn refusals_are_counted_name_their_scheme_and_show_neither_secret_nor_signature() {
    let app = builder().start().await;
    let right = signature(CALL.as_bytes(), SECRET);
    for (request, code) in [
        (Request::new("POST", "/v1/webhooks/segment").body(CALL), "missing_signature"),
        (webhook("{}").body(CALL), "wrong_signature"),
        (
            Request::new("POST", "/v1/webhooks/segment").header("X-Signature", "x").body(CALL),
            "wrong_signature",
        ),
    ] {
        let answer = app.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code));
        assert_eq!(answer.header("WWW-Authenticate"), Some("WebhookSignature"));
        for hidden in [SECRET, &right, &signature(b"{}", SECRET)] {
            assert!(!answer.text().contains(hidden), "{}", answer.text());
        }
    }
    let metrics = app.get("/metrics").await;
    for line in [
        r#"tapline_ingest_requests_total{code="missing_signature"} 1"#,
        r#"tapline_ingest_requests_total{code="wrong_signature"} 2"#,
    ] {
        assert!(metrics.text().contains(line), "{line} in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn a_method_that_segment_does_not_use_is_answered_with_those_it_does() {
    let app = builder().start().await;
    for method in ["GET", "DELETE"] {
        let answer = app.send(&Request::new(method, "/v1/webhooks/segment").body(CALL)).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(answer.header("Allow"), Some("POST, PUT, PATCH, OPTIONS"));
    }
}

#[tokio::test]
async fn an_array_may_hold_as_many_calls_and_bytes_as_segment_puts_into_one() {
    let app = TestApp::start().await;
    let array = |count: usize, blanks: usize| {
        let calls: Vec<String> =
            (0..count).map(|at| format!(r#"{{"type":"page","userId":"u","messageId":"m{at}"}}"#)).collect();
        format!("[{}{}]", calls.join(","), " ".repeat(blanks))
    };
    let post = |body| Request::new("POST", "/v1/webhooks/segment").basic(WRITE_KEY).body(body);
    let most = app.send(&post(array(4000, 2 << 20))).await;
    assert_eq!(most.status, 200, "{}", most.text());
    assert_eq!(app.stored().await.len(), 4000);
    let more = app.send(&post(array(4001, 0))).await;
    assert_eq!((more.status, more.code().as_str()), (413, "too_many_events"));
}

#[tokio::test]
async fn a_deletion_is_taken_from_the_signed_webhook_in_both_forms_and_from_nobody_with_a_write_key_alone() {
    let app = builder().start().await;
    let deletion = r#"{"type":"DELETE","userId":"user_1","timestamp":"2026-01-01T00:00:00.000Z"}"#;
    assert_eq!(app.send(&webhook(deletion).body(deletion)).await.status, 200);
    let array = webhook(deletion).basic(WRITE_KEY).body(format!("[{deletion},{CALL}]"));
    assert_eq!(app.send(&array).await.status, 200);
    let nameless = r#"{"type":"delete"}"#;
    let nameless = app.send(&webhook(nameless).body(nameless)).await;
    assert_eq!((nameless.status, nameless.code().as_str()), (400, "no_user_anon_id"));
    let batch = format!(r#"{{"batch":[{deletion}]}}"#);
    assert_eq!(app.post("/v1/batch", batch).await.status, 200);
    let stored = app.stored().await;
    let text = |index: usize| String::from_utf8(stored[index].body.to_vec()).unwrap();
    for index in [0, 1] {
        assert!(
            text(index).contains(r#""type":"delete""#) && stored[index].refusal.is_none(),
            "{}",
            text(index)
        );
    }
    let refusal = stored[3].refusal.as_ref().unwrap();
    assert_eq!((refusal.code.as_str(), refusal.pointer.as_str()), ("deletion_not_here", "/batch/0/type"));
    assert_eq!(stored.len(), 4);
    assert_eq!(app.post("/v1/webhooks/segment", deletion).await.status, 401, "it is not signed");
    // Without a secret nothing can be signed.
    let app = TestApp::start().await;
    let refused = app.post("/v1/webhooks/segment", deletion).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "deletion_not_here"));
    assert_eq!(app.post("/v1/webhooks/segment", format!("[{deletion},{CALL}]")).await.status, 200);
    let stored = app.stored().await;
    let refusals: Vec<_> =
        stored.iter().map(|entry| entry.refusal.as_ref().map(|r| r.pointer.as_str())).collect();
    assert_eq!(refusals, [Some("/0/type"), None]);
}
