//! Write keys and webhook secrets: several, each shown once, rotated without losing a call.

use super::{Browser, PASSWORD, field_value, text};
use crate::support::app::TestApp;
use crate::support::http::{Answer, Request};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tapline::journal::Table;
use tapline::settings::KeyKind;

async fn app() -> TestApp {
    TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "")
        .start()
        .await
}

/// Makes a key, and gives what the page shows of it, once.
async fn make(browser: &Browser<'_>, kind: &str, fields: &[(&str, &str)]) -> String {
    browser.get("/settings").await;
    let made = browser.post(&format!("/settings/keys/{kind}"), fields).await;
    assert_eq!(made.status, 303, "{}", text(&made));
    let path = made.header("location").unwrap().split('#').next().unwrap().to_owned();
    let shown = browser.get(&path).await;
    let label = format!("aria-label=\"The new {}\"><code>", kind.replace('-', " "));
    let key = shown.text().split_once(&label).unwrap().1.split('<').next().unwrap().to_owned();
    assert!(!browser.get(&path).await.text().contains(&key), "it is shown once");
    key
}

async fn track(app: &TestApp, key: &str, message: &str) -> Answer {
    let body = format!(r#"{{"event":"a","userId":"user_1","messageId":"{message}"}}"#);
    let request = Request::new("POST", "/v1/track").basic(key).header("Content-Type", "application/json");
    app.send(&request.body(body)).await
}

fn id_of(page: &Answer, name: &str) -> String {
    let at = page.text().find(&format!("aria-label=\"Revoke {name}\"")).expect("a key of that name");
    let before = &page.text()[..at];
    let row = before.rfind("name=\"id\" value=\"").unwrap();
    field_value(&before[row..], "id").unwrap()
}

#[tokio::test]
async fn of_several_keys_each_lets_its_senders_in_until_it_is_revoked() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let shop = make(&browser, "write-key", &[("name", "<b>Shop</b>")]).await;
    let mobile = make(&browser, "write-key", &[("name", "App"), ("key", "key-of-the-app-0001")]).await;
    assert_eq!((shop.len(), mobile.as_str()), (32, "key-of-the-app-0001"));
    assert_eq!(track(&app, &shop, "1").await.status, 200);
    let page = browser.get("/settings").await;
    assert!(page.text().contains("&#60;b&#62;Shop"), "a name is only text");
    assert!(!page.text().contains(&shop) && !page.text().contains(&mobile), "no key comes out again");
    let words = text(&page);
    assert!(words.contains("App ends …0001, made now by admin, never used"), "{words}");
    assert!(words.contains("made now by admin, last used now"), "{words}");
    assert_eq!(track(&app, &mobile, "2").await.status, 200);
    browser.post("/settings/keys/write-key/revoke", &[("id", &id_of(&page, "App"))]).await;
    let refused = track(&app, &mobile, "3").await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "wrong_write_key"));
    assert_eq!(track(&app, &shop, "4").await.status, 200);
}

#[tokio::test]
async fn a_successor_counts_beside_its_predecessor_and_a_call_by_both_is_one() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let old = make(&browser, "write-key", &[("name", "Shop")]).await;
    let other = make(&browser, "write-key", &[("name", "Other")]).await;
    let id = id_of(&browser.get("/settings").await, "Shop");
    let new = make(&browser, "write-key", &[("successor_of", &id)]).await;
    assert_ne!(old, new);
    for key in [&old, &new] {
        assert_eq!(track(&app, key, "same").await.status, 200, "both count");
    }
    assert_eq!(app.stored().await.len(), 1, "the sender only changed its key");
    assert_eq!(track(&app, &other, "same").await.status, 200);
    assert_eq!(app.stored().await.len(), 2, "another source has ids of its own");
    browser.get("/settings").await;
    browser.post("/settings/keys/write-key/revoke", &[("id", &id)]).await;
    assert_eq!(track(&app, &old, "late").await.status, 401);
    assert_eq!(track(&app, &new, "same").await.status, 200);
    assert_eq!(app.stored().await.len(), 2, "also once the old one is revoked");
}

#[tokio::test]
async fn a_webhook_signed_with_any_secret_in_force_is_taken() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let first = make(&browser, "webhook-secret", &[("key", "canary größe 4711 – ключ")]).await;
    let id = id_of(&browser.get("/settings").await, "webhook secret");
    let second = make(&browser, "webhook-secret", &[("successor_of", &id)]).await;
    let post = async |secret: &str, message: &str| {
        let body = format!(r#"{{"type":"track","event":"a","userId":"u","messageId":"{message}"}}"#);
        let mut code = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        code.update(body.as_bytes());
        let hex: String = code.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = Request::new("POST", "/v1/webhooks/segment").header("X-Signature", &hex);
        app.send(&request.header("Content-Type", "application/json").body(body)).await.status
    };
    assert_eq!((post(&first, "1").await, post(&second, "1").await), (200, 200));
    assert_eq!(app.stored().await.len(), 1, "both are one sender");
    assert_eq!(post("another", "2").await, 401);
    browser.post("/settings/keys/webhook-secret/revoke", &[("id", &id)]).await;
    assert_eq!((post(&first, "3").await, post(&second, "4").await), (401, 200));
}

#[tokio::test]
async fn a_key_that_can_not_be_made_says_why_and_repeats_no_secret() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    make(&browser, "write-key", &[("name", "Shop"), ("key", "canary-key-0815")]).await;
    let post = async |kind: &str, fields: &[(&str, &str)]| {
        browser.get("/settings").await;
        let answer = browser.post(&format!("/settings/keys/{kind}"), fields).await;
        (answer.status, text(&answer))
    };
    for (kind, fields, why) in [
        ("write-key", [("name", "x"), ("key", "canary with blanks")], "without spaces"),
        ("write-key", [("name", "x"), ("key", "canary-key-0815")], "there already, as Shop"),
        ("write-key", [("name", "x"), ("successor_of", "000000000000")], "is not there any more"),
        ("webhook-secret", [("name", "x"), ("key", "canary\u{7}\u{1}")], "on one line"),
    ] {
        let (status, words) = post(kind, &fields).await;
        assert_eq!(status, 422, "{fields:?}");
        assert!(words.contains(why), "{why} in {words}");
        assert!(!words.contains("canary"), "{words}");
    }
    assert_eq!(post("nonsense", &[]).await.0, 404);
    for number in 1..tapline::admin::MOST_KEYS {
        make(&browser, "write-key", &[("name", &number.to_string())]).await;
    }
    let (status, words) = post("write-key", &[("name", "one too many")]).await;
    assert!(status == 422 && words.contains("There are 32 already"), "{words}");
}

#[tokio::test]
async fn while_a_variable_sets_a_key_it_alone_counts_and_the_others_rest() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "")
        .durable()
        .start()
        .await;
    let made = make(&Browser::signed_in(&app).await, "write-key", &[("name", "Shop")]).await;
    let data = app.stop().await;
    let app = TestApp::builder_in(data)
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "canary-given-1234")
        .durable()
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    assert_eq!(track(&app, "canary-given-1234", "1").await.status, 200);
    assert_eq!(track(&app, &made, "2").await.status, 401);
    let page = browser.get("/settings").await;
    let words = text(&page);
    assert!(words.contains("Set by TAPLINE_WRITE_KEY , which wins over those made here"), "{words}");
    assert!(words.contains("TAPLINE_WRITE_KEY ends …1234, last used now"), "{words}");
    assert!(words.contains("Shop Rests"), "{words}");
    assert!(!words.contains("Make a write key") && !page.text().contains("canary-given-1234"));
}

#[tokio::test]
async fn the_keys_of_an_earlier_version_let_senders_in_and_are_settings_no_more() {
    const FIRST: &str = include_str!("../../golden/settings/settings-1.json");
    let app = TestApp::builder().variable("TAPLINE_WRITE_KEY", "").durable().start().await;
    app.app.store.put(Table::Settings, b"settings", Some(FIRST.trim().as_bytes())).unwrap();
    let data = app.stop().await;
    let app = TestApp::builder_in(data)
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "")
        .durable()
        .start()
        .await;
    assert_eq!(track(&app, "write_key_1", "1").await.status, 200);
    let settings = app.app.store.get(Table::Settings, b"settings").unwrap().unwrap();
    let settings = String::from_utf8(settings).unwrap();
    assert!(settings.starts_with(r#"{"version":2,"revision":7"#), "{settings}");
    assert!(!settings.contains("write_key_1") && settings.contains("TEST-123-4XYZ"), "{settings}");
    assert_eq!(app.app.settings.keys().of(KeyKind::WebhookSecret)[0].secret.expose(), "webhook_secret_1");
    let browser = Browser::signed_in(&app).await;
    let words = text(&browser.get("/settings").await);
    assert!(words.contains("first write key") && words.contains("by admin, last used now"), "{words}");
    // When it was used is kept across a restart.
    let data = app.stop().await;
    let app = TestApp::builder_in(data)
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_WRITE_KEY", "")
        .durable()
        .start()
        .await;
    let keys = app.app.admin.keys(KeyKind::WriteKey).await.unwrap();
    assert!(keys.len() == 1 && keys[0].used_at.is_some(), "{keys:?}");
}
