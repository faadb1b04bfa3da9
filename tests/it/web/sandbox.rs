//! Sandbox mode: everything can be tried without an account, nothing counts as delivered, and leaving asks.

use super::{Browser, PASSWORD, text};
use crate::support::app::{TestApp, WRITE_KEY};
use crate::support::http::Request;
use std::time::Duration;
use tapline::journal::{Counts, Seq, State};
use tapline::simulator::{Options, Simulator};

const ORDER: &str = r#"{"event":"Order Completed","userId":"user_1","anonymousId":"a1","properties":{"order_id":"o1","total":5}}"#;

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).durable().start().await
}

async fn send(app: &TestApp, body: &str) {
    assert_eq!(app.post("/v1/track", body).await.status, 200);
}

fn assert_sums(counts: Counts) {
    let Counts { accepted, delivered, filtered, failed, dead, pending } = counts;
    assert_eq!(accepted, delivered + filtered + failed + dead + pending);
}

async fn end(app: &TestApp, seq: u64) -> Option<tapline::journal::End> {
    let block = app.app.journal.block_from(Seq(seq)).await.unwrap().unwrap();
    let place = (seq - block.first.0) as usize;
    app.app.journal.ends(&block).await.unwrap()[place].clone()
}

#[tokio::test]
async fn what_the_sandbox_takes_is_marked_for_ever_and_never_counts_as_delivered() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/settings").await;
    let on = browser.post("/sandbox/enter", &[]).await;
    assert_eq!((on.status, on.header("location")), (303, Some("/sandbox?done=on")));
    send(&app, ORDER).await;
    send(&app, r#"{"event":"App Launched","userId":"user_2","anonymousId":"a2"}"#).await;
    app.settled().await;
    let counts = app.app.journal.counts();
    assert_eq!((counts.delivered, counts.filtered), (0, 1), "{counts:?}");
    assert_sums(counts);
    let order = end(&app, 0).await.unwrap();
    assert_eq!((order.state, order.code.as_deref()), (State::Filtered, Some("sandbox")));
    for path in ["/", "/events", "/settings", "/preview", "/start"] {
        let words = text(&browser.get(path).await);
        assert!(
            words.contains("Records go to the built-in stand-in. CleverTap gets none of them."),
            "{path}"
        );
    }
    let words = text(&browser.get("/sandbox").await);
    for part in ["user_1", "Charged (1)", "Newest records, of 1 taken"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let words = text(&browser.get("/events?code=sandbox").await);
    assert!(words.contains("Order Completed") && !words.contains("App Launched"), "{words}");
    // A restart changes nothing of it.
    let data = app.stop().await;
    let app = TestApp::builder_in(data).variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).durable().start().await;
    assert_eq!(end(&app, 0).await.unwrap().code.as_deref(), Some("sandbox"));
    assert!(app.app.settings.load().0.sandbox);
    assert_sums(app.app.journal.counts());
}

#[tokio::test]
async fn leaving_sends_what_the_sandbox_took_to_clevertap_if_that_is_asked_for() {
    let clevertap = Simulator::start(([127, 0, 0, 1], 0).into(), Options::default()).await.unwrap();
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .variable("TAPLINE_ACCOUNT_ID", "TEST")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .durable()
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/sandbox").await;
    browser.post("/sandbox/enter", &[]).await;
    send(&app, ORDER).await;
    app.settled().await;
    assert!(clevertap.received().is_empty(), "CleverTap gets nothing meanwhile");
    browser.get("/sandbox").await;
    let left = browser.post("/sandbox/leave", &[("waiting", "to_clevertap"), ("send_again", "yes")]).await;
    assert_eq!((left.status, left.header("location")), (303, Some("/resends")));
    while app.app.journal.counts().delivered == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(clevertap.received().len(), 1);
    let counts = app.app.journal.counts();
    assert_eq!((counts.delivered, counts.filtered), (1, 0));
    assert_sums(counts);
    assert!(!text(&browser.get("/").await).contains("built-in stand-in"));
    // What comes now goes to CleverTap.
    send(&app, r#"{"event":"Seen","userId":"user_1","anonymousId":"a1"}"#).await;
    app.settled().await;
    assert_eq!(clevertap.received().len(), 2);
}

#[tokio::test]
async fn what_waits_goes_to_the_sandbox_only_when_somebody_says_so() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    send(&app, ORDER).await;
    browser.get("/sandbox").await;
    let asked = browser.post("/sandbox/enter", &[("next", "/start")]).await;
    assert_eq!(asked.status, 409);
    let words = text(&asked);
    assert!(words.contains("The sandbox is still off: what waits now (1)"), "{words}");
    assert!(!app.app.settings.load().0.sandbox);
    let on = browser.post("/sandbox/enter", &[("next", "/start"), ("waiting", "to_sandbox")]).await;
    assert_eq!((on.status, on.header("location")), (303, Some("/start")));
    app.settled().await;
    assert_eq!(end(&app, 0).await.unwrap().code.as_deref(), Some("sandbox"));
}

#[tokio::test]
async fn a_deletion_waits_for_clevertap_and_holds_back_what_comes_after_it() {
    let secret = "webhook_secret_1";
    let clevertap = Simulator::start(([127, 0, 0, 1], 0).into(), Options::default()).await.unwrap();
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WEBHOOK_SECRET", secret)
        .variable("TAPLINE_API_TOKEN", "token-of-the-test")
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .variable("TAPLINE_ACCOUNT_ID", "TEST")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .durable()
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/sandbox").await;
    browser.post("/sandbox/enter", &[]).await;
    let deletion =
        Request::new("POST", "/api/v1/deletions").header("Authorization", "Bearer token-of-the-test");
    let deletion = deletion.header("Content-Type", "application/json").body(r#"{"userIds":["user_1"]}"#);
    let asked = app.send(&deletion).await;
    assert!(asked.status < 300, "{}", asked.text());
    send(&app, r#"{"event":"Seen","userId":"user_2","anonymousId":"a2"}"#).await;
    while app.app.journal.counts().filtered == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(app.app.journal.counts().pending, 1, "the deletion waits");
    assert!(clevertap.deleted().is_empty());
    browser.post("/sandbox/leave", &[("waiting", "to_clevertap")]).await;
    app.settled().await;
    assert_eq!(clevertap.deleted().len(), 1);
    assert_sums(app.app.journal.counts());
}

#[tokio::test]
async fn a_push_token_that_the_sandbox_took_is_not_held_to_be_at_clevertap() {
    let clevertap = Simulator::start(([127, 0, 0, 1], 0).into(), Options::default()).await.unwrap();
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .variable("TAPLINE_ACCOUNT_ID", "TEST")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .durable()
        .start()
        .await;
    let event = |name: &str| {
        format!(
            r#"{{"event":"{name}","userId":"user_1","anonymousId":"a1","context":{{"device":{{"token":"t1","type":"ios"}}}}}}"#
        )
    };
    let browser = Browser::signed_in(&app).await;
    browser.get("/sandbox").await;
    browser.post("/sandbox/enter", &[]).await;
    send(&app, &event("One")).await;
    app.settled().await;
    browser.post("/sandbox/leave", &[("waiting", "to_sandbox")]).await;
    assert!(!app.app.settings.load().0.sandbox);
    send(&app, &event("Two")).await;
    app.settled().await;
    let received = clevertap.received();
    assert!(received.iter().any(|record| record.contains("tokenData")), "{received:?}");
}

#[tokio::test]
async fn the_first_steps_lead_from_nothing_to_a_delivered_sample() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "")
        .durable()
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    let words = text(&browser.get("/start").await);
    assert!(
        words.contains("0 of 4 done.") && words.contains("There is no account ID and no passcode yet"),
        "{words}"
    );
    browser.post("/sandbox/enter", &[("next", "/start#sample")]).await;
    let sent = browser.post("/start/sample", &[]).await;
    let path = sent.header("location").unwrap().split('#').next().unwrap().to_owned();
    assert_eq!((sent.status, path.as_str()), (303, "/start?event=ev_0"));
    let words = text(&browser.get(&path).await);
    assert!(words.contains("3 of 4 done.") && words.contains("Delivered to the sandbox."), "{words}");
    let made =
        browser.post("/settings/keys/write-key", &[("name", "first source"), ("next", "/start")]).await;
    let path = made.header("location").unwrap().split('#').next().unwrap().to_owned();
    let page = browser.get(&path).await;
    let key = app.app.settings.keys().of(tapline::settings::KeyKind::WriteKey)[0].secret.expose().to_owned();
    for snippet in [
        format!("-u '{key}:'"),
        format!("writeKey: '{key}', host: 'http://localhost'"),
        format!("analytics.write_key = '{key}'"),
    ] {
        assert!(page.text().contains(&snippet), "{snippet} in {}", page.text());
    }
    assert!(!browser.get("/start").await.text().contains(&key), "it is shown once");
    assert_eq!(app.send(&Request::new("POST", "/v1/track").basic(&key).body(ORDER)).await.status, 200);
    let words = text(&browser.get("/start").await);
    assert!(words.contains("4 of 4 done.") && words.contains("A sender showed a write key now"), "{words}");
}

#[tokio::test]
async fn the_snippet_for_segments_webhook_is_what_the_webhook_takes() {
    let app = TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/start").await;
    let snippet = page.text().split("id=\"snippet-webhook\"><code>").nth(1).unwrap();
    let header = snippet.split('<').next().unwrap().lines().nth(1).unwrap().to_owned();
    // The key is a variable's, so the placeholder stands there.
    let placeholder = header.strip_prefix("Authorization: Basic ").unwrap();
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    assert_eq!(engine.decode(placeholder).unwrap(), b"YOUR_WRITE_KEY:");
    let body = r#"{"type":"track","event":"a","userId":"u"}"#;
    let request = Request::new("POST", "/v1/webhooks/segment").header("Content-Type", "application/json");
    let right = format!("Basic {}", engine.encode(format!("{WRITE_KEY}:")));
    assert_eq!(app.send(&request.clone().header("Authorization", &right).body(body)).await.status, 200);
}
