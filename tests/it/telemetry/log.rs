//! Lines: one object each, in UTC, and none of them knows a person or a secret.

use crate::support::app::{WRITE_KEY, post};
use crate::support::http::{Connection, Request};
use crate::support::stand::{API_TOKEN, Stand, get, settled};
use serde_json::Value;

/// What no line and no metric may hold, in any path.
const CANARY: &str = "canary_7f3a";

/// Requests that carry the canary wherever a request can carry something.
fn requests() -> Vec<Request> {
    let mail = format!("{CANARY}@example.com");
    let ids = format!(r#""userId":"{CANARY}","anonymousId":"{CANARY}","messageId":"{CANARY}_CANARY_ROUND""#);
    let calls = [
        format!(r#"{{"type":"track",{ids},"event":"{CANARY}","properties":{{"{CANARY}":"{mail}"}}}}"#),
        format!(r#"{{"type":"identify",{ids}1","traits":{{"email":"{mail}","phone":"{CANARY}"}}}}"#),
        format!(r#"{{"type":"identify",{ids},"traits":{{"email":"{mail}","phone":"{CANARY}"}}}}"#),
        format!(r#"{{"type":"{CANARY}",{ids}}}"#),
        format!(r#"{{"{CANARY}":"#),
        format!(r#"{{"batch":[{{"type":"track",{ids},"event":7}},{{"type":"{CANARY}"}},"{CANARY}"]}}"#),
    ];
    let mut requests = Vec::new();
    for call in calls {
        // Other ids in every round, so that not all but the first are repetitions.
        let call = call.replace("CANARY_ROUND", &requests.len().to_string());
        for path in ["/v1/track", "/v1/identify", "/v1/batch", "/v1/import", "/v1/webhooks/segment"] {
            let url = format!("{path}?email={mail}");
            requests.push(
                post(&url).header("X-Forwarded-For", CANARY).header("Referer", &mail).body(call.clone()),
            );
        }
        requests.push(post("/api/v1/preview").header("Authorization", API_TOKEN).body(call.clone()));
        let preview = format!(r#"{{"event":{call}}}"#);
        let bearer = format!("Bearer {API_TOKEN}");
        requests.push(Request::new("POST", "/api/v1/preview").header("Authorization", &bearer).body(preview));
    }
    for path in [format!("/v1/{mail}"), format!("/events/{mail}"), format!("/{mail}?u={mail}"), "/".into()] {
        for method in ["GET", "POST", "PUT"] {
            requests.push(
                Request::new(method, &path)
                    .header("Cookie", &format!("tapline_session={CANARY}"))
                    .header("Authorization", &format!("Bearer {CANARY}"))
                    .header("X-Signature", CANARY)
                    .header("Referer", &format!("http://example.com/{mail}"))
                    .header("User-Agent", CANARY)
                    .header("X-Forwarded-For", CANARY),
            );
        }
    }
    requests.push(
        Request::new("POST", "/login")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("name={CANARY}&password={CANARY}&csrf={CANARY}")),
    );
    requests.push(Request::new("POST", "/v1/page").basic(CANARY).body(r#"{"userId":"user_1"}"#));
    requests
}

#[tokio::test]
async fn lines_are_objects_in_utc_and_hold_no_canary() {
    let stand = Stand::start(&["--fault", "503:first=1", "--fault", "partial:share=0.4,code=512"]).await;
    let variables = [
        ("TAPLINE_LOG_FORMAT", "json"),
        ("TAPLINE_LOG", "tapline=trace"),
        ("TAPLINE_ADMIN_PASSWORD", "canary_7f3a!secret"),
    ];
    let server = stand.serve_with(&variables).await;
    for request in requests() {
        Connection::open(server.address).await.send(&request).await;
    }
    settled(&server).await;
    let metrics = get(&server, "/metrics").await.text().to_owned();
    let greeting = server.greeting.clone();
    let ended = server.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = greeting + ended.stderr.as_str();
    let mut messages = Vec::new();
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("an object, not `{line}`"));
        let text =
            |name: &str| line[name].as_str().unwrap_or_else(|| panic!("`{name}` in {line}")).to_owned();
        assert!(text("timestamp").ends_with('Z') && text("timestamp").len() >= 20, "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text("level").as_str()), "{line}");
        assert!(text("target").starts_with("tapline"), "{line}");
        messages.push(text("message"));
    }
    for (place, text) in [("the log", &said), ("the metrics", &metrics), ("stdout", &ended.stdout)] {
        for secret in [CANARY, WRITE_KEY, API_TOKEN, "passcode_1"] {
            let found = text.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} in {place}");
        }
    }
    // Nothing is proven by a log in which nothing happened.
    for expected in ["request accepted", "request refused", "upload answered", "upload failed", "stopping"] {
        assert!(messages.iter().any(|message| message == expected), "no `{expected}` in\n{said}");
    }
}
