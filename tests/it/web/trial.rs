use super::{Browser, PASSWORD, field_value, text};
use crate::support::app::TestApp;
use crate::support::http::Request;
use serde_json::json;
use tapline::simulator::{Fault, Options, Simulator};

const TOKEN: &str = "token-of-the-test";
const EVENT: &str =
    r#"{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1","properties":{"plan":"gold"}}"#;

async fn stand(faults: Vec<Fault>) -> (Simulator, TestApp) {
    let options = Options { faults, ..Options::default() };
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), options).await.unwrap();
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_API_TOKEN", TOKEN)
        .variable("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &simulator.base_url())
        .start()
        .await;
    (simulator, app)
}

#[tokio::test]
async fn validating_asks_clevertap_of_every_record_and_leaves_nothing_there() {
    let (simulator, app) = stand(Vec::new()).await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/preview").await;
    let words = text(&browser.post("/preview/validate", &[("event", EVENT)]).await);
    for part in [
        "Validated with CleverTap",
        "CleverTap finds nothing wrong with it.",
        "Record 1 Taken CleverTap would take it.",
        "Status 200",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let group = r#"{"type":"group","userId":"u1","anonymousId":"a1","groupId":"g1"}"#;
    let words = text(&browser.post("/preview/validate", &[("event", group)]).await);
    assert!(words.contains("Nothing was sent There is no record to send"), "{words}");
    assert_eq!((simulator.tally().uploads, simulator.received().len()), (1, 0));
    assert!(app.stored().await.is_empty());
}

#[tokio::test]
async fn what_clevertap_refuses_is_told_of_its_record() {
    let (_simulator, app) = stand(vec!["partial:share=1,code=513".parse().unwrap()]).await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/preview").await;
    let words = text(&browser.post("/preview/validate", &[("event", EVENT)]).await);
    assert!(
        words.contains("CleverTap refuses 1 of 1 records.") && words.contains("Record 1 Refused"),
        "{words}"
    );
}

#[tokio::test]
async fn only_records_that_were_shown_are_sent_for_real_and_only_after_a_page_that_asks() {
    let (simulator, app) = stand(Vec::new()).await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/preview").await;
    let page = browser.post("/preview/send", &[("event", EVENT)]).await;
    assert!(text(&page).contains("Send for real? These records would be uploaded now"), "{}", text(&page));
    assert_eq!(simulator.tally().uploads, 0, "asking sends nothing");
    let shown = field_value(page.text(), "records").unwrap();
    let other = EVENT.replace("gold", "blue");
    let words = text(&browser.post("/preview/send", &[("event", &other), ("records", &shown)]).await);
    assert!(words.contains("The records are other ones than those you saw"), "{words}");
    assert_eq!(simulator.tally().uploads, 0, "other records are not sent");
    let words = text(&browser.post("/preview/send", &[("event", EVENT), ("records", &shown)]).await);
    assert!(words.contains("Sent for real") && words.contains("CleverTap took it."), "{words}");
    assert_eq!(simulator.received().len(), 1);
    assert!(app.stored().await.is_empty());
}

#[tokio::test]
async fn the_api_validates_and_sends_by_what_a_validation_answered() {
    let (simulator, app) = stand(Vec::new()).await;
    let event: serde_json::Value = serde_json::from_str(EVENT).unwrap();
    let call = |body: serde_json::Value| {
        Request::new("POST", "/api/v1/trials")
            .header("Content-Type", "application/json")
            .header("Authorization", &format!("Bearer {TOKEN}"))
            .body(body.to_string())
    };
    let answer = app.send(&call(json!({"event": event}))).await;
    assert_eq!((answer.status, &answer.json()["good"]), (200, &true.into()), "{}", answer.text());
    assert_eq!((simulator.tally().uploads, simulator.received().len()), (1, 0));
    let refused = app.send(&call(json!({"event": event, "mode": "send"}))).await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (400, &"/records".into()));
    let records = answer.json()["records"].clone();
    let sent = app.send(&call(json!({"event": event, "mode": "send", "records": records}))).await;
    assert_eq!((sent.status, &sent.json()["verdicts"][0]["taken"]), (200, &true.into()), "{}", sent.text());
    assert_eq!(simulator.received().len(), 1);
    let other =
        app.send(&call(json!({"event": {"type": "track"}, "mode": "send", "records": records}))).await;
    assert_eq!(other.status, 409, "{}", other.text());
}

#[tokio::test]
async fn every_attempt_to_send_an_event_is_on_its_page() {
    let (_simulator, app) = stand(vec!["503:first=2".parse().unwrap()]).await;
    assert_eq!(
        app.post("/v1/track", EVENT.replace("{\"type\"", "{\"messageId\":\"m1\",\"type\"")).await.status,
        200
    );
    app.settled().await;
    let browser = Browser::signed_in(&app).await;
    // The attempts are written behind the end.
    let mut words = text(&browser.get("/events/ev_0").await);
    for _ in 0..500 {
        if words.contains("Attempt 1") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        words = text(&browser.get("/events/ev_0").await);
    }
    for part in [
        "Attempt 1",
        "Attempt 2",
        "Attempt 3",
        "CleverTap had a problem of its own (503)",
        "Status 503",
        "Status 200 Answer success",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
}
