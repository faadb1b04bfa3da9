use super::{Browser, PASSWORD, text};
use crate::support::app::TestApp;
use serde_json::Value;
use tapline::journal::{End, Seq, Settling, State};

const TOKEN: &str = "token-of-the-test";

async fn app() -> TestApp {
    TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_API_TOKEN", TOKEN)
        .start()
        .await
}

/// Pastes an event into the preview and gives the page.
async fn previewed(app: &TestApp, event: &str) -> crate::support::http::Answer {
    let browser = Browser::signed_in(app).await;
    browser.get("/preview").await;
    browser.post("/preview", &[("event", event)]).await
}

/// Everything between two texts of the page.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("{from} in {page}"));
    rest.split_once(to).map_or(rest, |(found, _)| found)
}

#[tokio::test]
async fn a_field_leads_to_its_source_its_rule_and_its_line_and_the_source_leads_back() {
    let app = app().await;
    let event = r#"{"type":"track","event":"Order Completed","userId":"u1","anonymousId":"a1","timestamp":"2026-11-23T10:15:00Z","properties":{"order_id":"o1","total":"49.9","couponCode":"SPRING","deep":{"a":1}}}"#;
    let page = previewed(&app, event).await;
    let page = page.text();
    // From the event to the record, and from the record to the event.
    let key = between(page, "id=\"at-properties.total\"", "</span>");
    assert!(
        key.contains("href=\"#r1-at-evtData.Amount\"") && key.contains("aria-describedby=\"row1-"),
        "{key}"
    );
    let field = between(page, "id=\"r1-at-evtData.Amount\"", "</span>");
    assert!(field.contains("href=\"#at-properties.total\""), "{field}");
    for lit in ["at-properties.total", "rule-order-completed", "line-packs_2f_segment-cloud.yaml-"] {
        assert!(between(field, "data-lights=\"", "\"").contains(lit), "{lit} in {field}");
    }
    assert!(page.contains("id=\"rule-order-completed\""));
    assert!(page.contains("id=\"line-packs_2f_segment-cloud.yaml-"), "the rule as it is written");
    // What stands beside the data has its sources, too.
    let name = between(page, "id=\"r1-at-evtName\"", "</span>");
    assert!(name.contains("href=\"#row1-"), "a constant leads to its row: {name}");
    let identity = between(page, "id=\"r1-at-identity\"", "</span>");
    assert!(identity.contains("href=\"#at-userId\""), "{identity}");
    let ts = between(page, "id=\"r1-at-ts\"", "</span>");
    assert!(ts.contains("href=\"#at-timestamp\""), "{ts}");
    // Every id that a key leads to is there.
    for link in page.match_indices("href=\"#").map(|(at, found)| between(&page[at..], found, "\"")) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

#[tokio::test]
async fn the_difference_says_of_every_part_what_became_of_it() {
    let app = app().await;
    let event = r#"{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1","properties":{"plan":"gold","couponCode":"SPRING","deep":{"a":1}}}"#;
    let words = text(&previewed(&app, event).await);
    for row in [
        "properties.plan \"gold\" kept plan",
        "properties.couponCode \"SPRING\" renamed coupon_code",
        "properties.deep {\"a\":1} left out An object was left out",
        "anonymousId \"a1\" in no record",
    ] {
        assert!(words.contains(row), "{row} in {words}");
    }
}

#[tokio::test]
async fn a_limit_of_clevertaps_is_said_at_the_field_it_is_about_and_not_one_byte_earlier() {
    let app = app().await;
    // Two bytes a letter: 512 bytes fit, 514 do not.
    let of = |count: usize| {
        format!(
            r#"{{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1","properties":{{"note":"{}"}}}}"#,
            "ü".repeat(count)
        )
    };
    let fits = previewed(&app, &of(256)).await;
    assert!(!fits.text().contains("value_cut"), "512 bytes are let through");
    let page = previewed(&app, &of(257)).await;
    let page = page.text();
    assert!(
        between(page, "id=\"at-properties.note\"", "</span>").contains("class=\"k warned\""),
        "in the event"
    );
    assert!(
        between(page, "id=\"r1-at-evtData.note\"", "</span>").contains("class=\"k warned\""),
        "in the record"
    );
    let row = between(page, "<th scope=\"row\">note</th>", "</tr>");
    assert!(row.contains("class=\"flag\"") && row.contains("value_cut"), "in the table: {row}");
    let fate = between(page, "href=\"#at-properties.note\"><code>properties.note</code></a><span", "</tr>");
    assert!(fate.contains("value_cut"), "in the difference: {fate}");

    let of = |count: usize| {
        let key = "k".repeat(count);
        format!(
            r#"{{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1","properties":{{"{key}":1}}}}"#
        )
    };
    assert!(!previewed(&app, &of(120)).await.text().contains("key_cut"));
    assert!(previewed(&app, &of(121)).await.text().contains("key_cut"));
    let of = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!("\"p{number}\":1")).collect();
        format!(
            r#"{{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1","properties":{{{}}}}}"#,
            members.join(",")
        )
    };
    assert!(!previewed(&app, &of(100)).await.text().contains("property_limit"));
    assert!(previewed(&app, &of(101)).await.text().contains("property_limit"));
}

#[tokio::test]
async fn rules_that_nearly_applied_say_what_was_found_and_what_was_probably_meant() {
    let rules = tempfile::tempdir().unwrap();
    let entry = "version: 1\npack: house\ndisable: [never]\n";
    let pack = "version: 1\npack: house\nrules:\n  - id: big\n    when: { type: track, where: { properties.total: { at_least: 10 } } }\n    \
                emit: [{ event: { address: [{ identity: userId }], name: event } }]\n  - id: never\n    \
                filter: { code: never, message: never }\n  - id: pages\n    when: { type: page, where: { properties.total: { at_least: 10 } } }\n    \
                emit: [{ event: { address: [{ identity: userId }], name: event } }]\n";
    std::fs::create_dir(rules.path().join("packs")).unwrap();
    std::fs::write(rules.path().join("tapline.yaml"), entry).unwrap();
    std::fs::write(rules.path().join("packs/house.yaml"), pack).unwrap();
    let app =
        TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).rules(rules.path()).start().await;
    let event = r#"{"type":"track","event":"Seen","userId":"u1","properties":{"Total":12}}"#;
    let words = text(&previewed(&app, event).await);
    for part in [
        "Nearest miss: big . It would make a record if this held: properties.total is at least 10 found absent Is properties.Total meant?",
        "Then: pages .",
        "never disabled at tapline.yaml:3:11; would match",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
}

#[tokio::test]
async fn the_wire_shows_the_account_and_the_host_and_never_the_passcode() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT")
        .variable("TAPLINE_PASSCODE", "passcode-canary")
        .variable("TAPLINE_REGION", "sg1")
        .start()
        .await;
    let event = r#"{"type":"track","event":"Seen","userId":"u1","anonymousId":"a1"}"#;
    let page = previewed(&app, event).await;
    let words = text(&page);
    for part in [
        "Host: sg1.api.clevertap.com X-CleverTap-Account-Id: TEST-ACCOUNT X-CleverTap-Passcode: $CLEVERTAP_PASSCODE",
        "curl \"https://sg1.api.clevertap.com/1/upload?dryRun=1\"",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(!page.text().contains("passcode-canary"));
}

#[tokio::test]
async fn what_was_sent_by_other_rules_stands_beside_what_would_be_sent_now() {
    let rules = tempfile::tempdir().unwrap();
    let entry = |name: &str| {
        format!(
            "version: 1\npack: segment-cloud\nrules:\n  - id: local\n    when: {{ type: track }}\n    emit: [{{ event: {{ address: [{{ identity: userId }}], name: {{ value: {name} }} }} }}]\n"
        )
    };
    let file = rules.path().join("tapline.yaml");
    std::fs::write(&file, entry("Before")).unwrap();
    let builder = TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD);
    let app = builder.variable("TAPLINE_API_TOKEN", TOKEN).rules(rules.path()).start().await;
    let body = r#"{"type":"track","event":"Seen","messageId":"m1","userId":"u1","anonymousId":"a1"}"#;
    assert_eq!(app.post("/v1/track", body).await.status, 200);
    let revision = app.app.rules.plan().revision().to_owned();
    let end = End { state: State::Delivered, code: None, message: None, upload: None, revision };
    app.app.journal.settle(Settling { upload: None, ends: vec![(Seq(0), end)] }).await.unwrap();
    let browser = Browser::signed_in(&app).await;
    assert!(!text(&browser.get("/events/ev_0").await).contains("It was evaluated with"), "the same rules");
    std::fs::write(&file, entry("After")).unwrap();
    app.app.rules.reload(&app.app.settings.load().0);
    let words = text(&browser.get("/events/ev_0").await);
    assert!(words.contains("Sent then, and now (1)"), "{words}");
    assert!(words.contains("1.evtName \"Before\" \"After\""), "{words}");
    let call = crate::support::http::Request::new("GET", "/api/v1/events/ev_0/difference");
    let answer = app.send(&call.header("Authorization", &format!("Bearer {TOKEN}"))).await;
    let document = answer.json();
    assert_eq!(document["then"]["differences"][0]["now"], "\"After\"", "{document}");
    assert_eq!(document["then"]["records"][0]["evtName"], "Before");
    assert!(document["parts"].as_array().is_some_and(|parts| parts.len() > 3));
}

#[tokio::test]
async fn a_saved_case_holds_nothing_of_the_person_and_passes() {
    let app = app().await;
    let seeded = ["Grace", "Hopper", "navy.mil", "408 555 9876", "203.0.113.77", "grace-1906", "c0b01c0b01"];
    let body = r#"{"type":"identify","messageId":"grace-1906-m","userId":"grace-1906","anonymousId":"c0b01c0b01","traits":{"name":"Grace Hopper","email":"Grace.Hopper@navy.mil","phone":"+1 408 555 9876","plan":"gold","bio":"Grace wrote a compiler"},"context":{"ip":"203.0.113.77"}}"#;
    assert_eq!(app.post("/v1/identify", body).await.status, 200);
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events/ev_0/case").await;
    let words = text(&page);
    assert!(words.contains("traits.email a mail address user_1@example.com"), "{words}");
    let file = browser.get("/events/ev_0/case/file").await;
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"captured-identify.yaml\""));
    for seeded in seeded {
        assert!(!file.text().to_lowercase().contains(&seeded.to_lowercase()), "{seeded} in {}", file.text());
        assert!(!words.contains(seeded), "{seeded} in {words}");
    }
    let call = crate::support::http::Request::new("GET", "/api/v1/events/ev_0/case");
    let answer = app.send(&call.header("Authorization", &format!("Bearer {TOKEN}"))).await;
    assert_eq!(answer.json()["yaml"], Value::from(file.text()));

    let rules = tempfile::tempdir().unwrap();
    std::fs::create_dir(rules.path().join("tests")).unwrap();
    std::fs::write(rules.path().join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
    std::fs::write(rules.path().join("tests/captured-identify.yaml"), file.text()).unwrap();
    let directory = rules.path().to_str().unwrap();
    let ended = crate::support::process::Process::run(&["test", "--rules", directory], &[]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
