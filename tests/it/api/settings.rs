//! Settings, keys and the sandbox as JSON: the same use cases as the console's, with nothing overwritten unseen.

use super::{TOKEN, pointers};
use crate::support::app::TestApp;
use crate::support::http::{Answer, Request};
use serde_json::{Value, json};
use tapline::settings::{Limit, Region};

const CANARY: &str = "canary-4711-secret-abcd";

async fn app() -> TestApp {
    TestApp::builder()
        .variable("TAPLINE_API_TOKEN", TOKEN)
        .variable("TAPLINE_WRITE_KEY", "")
        .variable("TAPLINE_TOKEN", CANARY)
        .start()
        .await
}

async fn call(app: &TestApp, method: &str, path: &str, tag: Option<&str>, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let mut request = Request::new(method, &format!("/api/v1/{path}")).header("Authorization", &bearer);
    if let Some(tag) = tag {
        request = request.header("If-Match", tag);
    }
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    app.send(&request).await
}

#[tokio::test]
async fn settings_are_read_and_changed_and_secrets_never_come_back() {
    let app = app().await;
    let read = call(&app, "GET", "settings", None, None).await;
    assert_eq!((read.status, read.header("etag")), (200, Some("\"0\"")), "{}", read.text());
    let settings = &read.json()["settings"];
    assert_eq!(settings["region"], json!({"value": "eu1", "source": "default"}));
    assert_eq!(settings["account_token"]["variable"], "TAPLINE_TOKEN");
    assert_eq!(
        (&settings["account_token"]["set"], &settings["account_token"]["ending"]),
        (&true.into(), &"abcd".into())
    );
    assert_eq!(settings["keep_days"], json!({"value": 30, "source": "default"}));

    let change = json!({
        "account_id": "ABC-123-4XYZ", "passcode": CANARY, "region": "in1", "retry_for": "2 h", "keep_days": 7,
        "mask_paths": ["traits.email"], "options": {"require_both_ids": false},
    });
    let saved = call(&app, "PUT", "settings", Some("\"0\""), Some(change)).await;
    assert_eq!((saved.status, saved.header("etag")), (200, Some("\"1\"")), "{}", saved.text());
    let doc = saved.json();
    assert_eq!(doc["saved"]["by"], "API token TAPLINE_API_TOKEN");
    assert_eq!(doc["settings"]["retry_for"]["value"], 7200);
    assert_eq!(doc["settings"]["account_id"]["source"], "saved");
    assert_eq!(
        (&doc["options"]["require_both_ids"]["value"], &doc["options"]["require_both_ids"]["source"]),
        (&false.into(), &"saved".into())
    );
    let live = app.app.settings.load();
    assert_eq!((live.0.region, live.0.limits.get(Limit::KeepDays)), (Region::In1, Some(7)));
    assert_eq!(live.0.passcode.as_ref().unwrap().expose(), CANARY);

    // What is absent stays, `null` gives back.
    let change =
        json!({"region": null, "keep_days": null, "passcode": null, "options": {"require_both_ids": null}});
    let back = call(&app, "PUT", "settings", Some("\"1\""), Some(change)).await;
    assert_eq!(back.status, 200, "{}", back.text());
    let live = app.app.settings.load();
    assert_eq!((live.0.region, live.0.passcode.is_none()), (Region::Eu1, true));
    assert_eq!(
        (live.0.limits.get(Limit::KeepDays), live.0.account_id.as_deref()),
        (None, Some("ABC-123-4XYZ"))
    );
    for answer in [&read, &saved, &back] {
        assert!(!answer.text().contains(CANARY), "{}", answer.text());
    }
}

#[tokio::test]
async fn nothing_is_overwritten_unseen_and_a_conflict_shows_both_sides() {
    let app = app().await;
    let change = |id: &str| Some(json!({"account_id": id, "passcode": format!("{CANARY}-{id}")}));
    let unseen = call(&app, "PUT", "settings", None, change("A")).await;
    assert_eq!(unseen.status, 428);
    pointers(&unseen);
    assert_eq!(call(&app, "PUT", "settings", Some("\"0\""), change("THEIRS")).await.status, 200);
    let stale = call(&app, "PUT", "settings", Some("\"0\""), change("YOURS")).await;
    assert_eq!((stale.status, stale.header("etag")), (412, Some("\"1\"")), "{}", stale.text());
    pointers(&stale);
    let problem = stale.json();
    assert_eq!(
        problem["differences"][0],
        json!({"field": "account_id", "theirs": "THEIRS", "yours": "YOURS"})
    );
    assert_eq!(problem["differences"][1]["field"], "passcode");
    assert!(!stale.text().contains(CANARY));
    assert_eq!(app.app.settings.load().0.account_id.as_deref(), Some("THEIRS"));
    assert_eq!(call(&app, "PUT", "settings", stale.header("etag"), change("YOURS")).await.status, 200);
    assert_eq!(call(&app, "PUT", "settings", Some("\"nonsense\""), change("X")).await.status, 412);
}

#[tokio::test]
async fn every_wrong_value_is_named_by_its_pointer() {
    let app = app().await;
    let change = json!({
        "account_id": "not an id!", "region": 5, "keep_bytes": "1 MiB", "mask_paths": "traits.email", "unknown": 1,
    });
    let shape = call(&app, "PUT", "settings", Some("\"0\""), Some(change)).await;
    assert_eq!(shape.status, 400);
    assert_eq!(pointers(&shape), ["/region", "/mask_paths", "/unknown"], "{}", shape.text());
    let change = json!({"account_id": "not an id!", "keep_bytes": "1 MiB", "options": {"max_event_properties": "many"}});
    let values = call(&app, "PUT", "settings", Some("\"0\""), Some(change)).await;
    assert_eq!(pointers(&values), ["/account_id", "/keep_bytes", "/options/max_event_properties"]);
}

#[tokio::test]
async fn the_connection_is_tested_with_what_is_sent_and_nothing_is_saved() {
    let app = app().await;
    let tested = call(&app, "POST", "settings/test", None, Some(json!({"account_id": "ABC"}))).await;
    assert_eq!(tested.status, 200, "{}", tested.text());
    assert_eq!(tested.json()["authorised"], false);
    assert!(tested.json()["verdict"].as_str().unwrap().starts_with("Not tested:"));
    assert_eq!(app.app.settings.load().0.account_id, None);
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked_and_come_back_once() {
    let app = app().await;
    for path in ["settings/write-keys", "settings/webhook-secrets"] {
        let made = call(&app, "POST", path, None, Some(json!({"name": "Shop"}))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let (id, key) = (made.json()["id"].clone(), made.json()["key"].as_str().unwrap().to_owned());
        let next = call(&app, "POST", path, None, Some(json!({"successor_of": id}))).await;
        assert_eq!((next.status, &next.json()["name"]), (201, &"Shop".into()));
        let listed = call(&app, "GET", path, None, None).await;
        assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 2, "{}", listed.text());
        assert!(!listed.text().contains(&key), "it is told once");
        let again = call(&app, "POST", path, None, Some(json!({"key": key}))).await;
        assert_eq!(pointers(&again), ["/key"], "{}", again.text());
        assert!(!again.text().contains(&key));
        let one = format!("{path}/{}", id.as_str().unwrap());
        assert_eq!(call(&app, "DELETE", &one, None, None).await.status, 204);
        assert_eq!(call(&app, "DELETE", &one, None, None).await.status, 404);
        let other = if path.ends_with("keys") { "settings/webhook-secrets" } else { "settings/write-keys" };
        let next = next.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(call(&app, "DELETE", &format!("{other}/{next}"), None, None).await.status, 404);
    }
}

#[tokio::test]
async fn the_sandbox_is_entered_looked_at_and_left() {
    let app = app().await;
    let on = call(&app, "POST", "sandbox/enter", None, Some(json!({}))).await;
    assert_eq!((on.status, &on.json()["on"]), (200, &true.into()), "{}", on.text());
    app.app.admin.send_sample().await.unwrap();
    let shown = call(&app, "GET", "sandbox", None, None).await.json();
    assert_eq!((&shown["taken"], &shown["waiting"]), (&1.into(), &0.into()));
    assert_eq!(shown["records"][0]["evtName"], "Charged");
    assert_eq!(shown["people"][0]["events"]["Charged"]["count"], 1);
    let unclear = call(&app, "POST", "sandbox/leave", None, Some(json!({}))).await;
    assert_eq!(pointers(&unclear), ["/waiting"], "leaving asks");
    let order = json!({"waiting": "to_clevertap", "send_again": true});
    let left = call(&app, "POST", "sandbox/leave", None, Some(order)).await;
    assert_eq!((left.status, &left.json()["on"]), (200, &false.into()), "{}", left.text());
    assert_eq!(
        call(&app, "GET", &format!("replays/{}", left.json()["replay"].as_str().unwrap()), None, None)
            .await
            .status,
        200
    );
}
