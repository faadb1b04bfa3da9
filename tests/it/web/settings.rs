use super::{Browser, PASSWORD, field_value, text};
use crate::support::app::TestApp;
use tapline::settings::{Limit, Origin, Region};

/// What must never come back.
const CANARY: &str = "canary-4711-secret-abcd";
const OTHER_CANARY: &str = "canary-0815-secret-wxyz";

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await
}

/// The fields of the account form, with what the page said the revision is.
async fn save(browser: &Browser<'_>, fields: &[(&str, &str)]) -> crate::support::http::Answer {
    let page = browser.get("/settings").await;
    let revision = field_value(page.text(), "revision").unwrap();
    let mut all = vec![("revision", revision.as_str())];
    all.extend(fields);
    browser.post("/settings", &all).await
}

#[tokio::test]
async fn saved_settings_are_in_force_at_once_and_survive_a_restart() {
    let app = TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).durable().start().await;
    let browser = Browser::signed_in(&app).await;
    let fields = [
        ("account_id", "ABC-123-4XYZ"),
        ("passcode", CANARY),
        ("region", "in1"),
        ("option.require_both_ids", "false"),
    ];
    let saved = save(&browser, &fields).await;
    assert_eq!((saved.status, saved.header("location")), (303, Some("/settings?done=saved")));
    let revision = app.app.rules.plan().revision().to_owned();
    {
        let live = app.app.settings.load();
        assert_eq!(live.0.account_id.as_deref(), Some("ABC-123-4XYZ"));
        assert_eq!((live.0.region, live.0.passcode.as_ref().unwrap().expose()), (Region::In1, CANARY));
        assert_eq!(live.1["account_id"], Origin::Stored);
    }
    let option =
        app.app.rules.plan().options().iter().find(|o| o.name == "require_both_ids").unwrap().value.clone();
    assert_eq!(option, serde_json::Value::Bool(false), "the rules have been compiled anew");
    assert!(text(&browser.get("/settings?done=saved").await).contains("Saved, and in force."));

    let data = app.stop().await;
    let again = TestApp::builder_in(data).durable().start().await;
    assert_eq!(again.app.settings.load().0.region, Region::In1);
    assert_eq!(again.app.rules.plan().revision(), revision);
}

#[tokio::test]
async fn a_variable_wins_is_read_only_and_named_as_the_source() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_ACCOUNT_ID", "FROM-VARIABLE")
        .variable("TAPLINE_PASSCODE", CANARY)
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/settings").await;
    let words = text(&page);
    assert!(words.contains("FROM-VARIABLE Set by TAPLINE_ACCOUNT_ID , which wins"), "{words}");
    assert!(words.contains("Set, ends …abcd. Set by TAPLINE_PASSCODE , which wins"), "{words}");
    assert!(!page.text().contains("name=\"account_id\"") && !page.text().contains("name=\"passcode\""));
    save(&browser, &[("account_id", "TYPED"), ("passcode", OTHER_CANARY), ("region", "sg1")]).await;
    let live = app.app.settings.load();
    assert_eq!(live.0.account_id.as_deref(), Some("FROM-VARIABLE"));
    assert_eq!((live.0.region, live.0.passcode.as_ref().unwrap().expose()), (Region::Sg1, CANARY));
    assert_eq!(live.1["account_id"], Origin::Environment("TAPLINE_ACCOUNT_ID"));
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    save(&browser, &[("passcode", CANARY), ("account_token", OTHER_CANARY)]).await;
    app.clock.advance(3 * 24 * 60 * 60 * 1000);
    let browser = Browser::signed_in(&app).await;
    let words = text(&browser.get("/settings").await);
    assert!(words.contains("Set 3 days ago by admin, ends …abcd. Leave it empty to keep it."), "{words}");
    // Empty keeps, also beside other changes; problems and stale forms bring back everything but the secret.
    save(&browser, &[("passcode", ""), ("region", "us1")]).await;
    save(&browser, &[("passcode", OTHER_CANARY), ("account_id", "not an id!")]).await;
    browser.post("/settings", &[("revision", "0"), ("passcode", OTHER_CANARY)]).await;
    for path in ["/", "/events", "/preview", "/settings", "/settings?done=saved"] {
        browser.get(path).await;
    }
    assert_eq!(app.app.settings.load().0.passcode.as_ref().unwrap().expose(), CANARY);
    for secret in [CANARY, OTHER_CANARY, PASSWORD] {
        assert!(!browser.seen().contains(secret), "a page holds {secret}");
    }
    save(&browser, &[("remove.passcode", "yes")]).await;
    assert_eq!(app.app.settings.load().0.passcode, None);
}

#[tokio::test]
async fn a_wrong_value_saves_nothing_and_what_was_typed_is_still_there() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let fields = [
        ("account_id", "not an id!"),
        ("clevertap_url", "nonsense"),
        ("passcode", CANARY),
        ("option.max_event_properties", "many"),
    ];
    let page = save(&browser, &fields).await;
    assert_eq!(page.status, 422);
    let words = text(&page);
    for part in [
        "Nothing was saved.",
        "Account ID : An account ID has letters",
        "Base URL : Expected an address",
        "Expected a whole number.",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(field_value(page.text(), "account_id").as_deref(), Some("not an id!"));
    assert!(words.contains("The new one you typed is kept"), "{words}");
    assert_eq!(app.app.settings.load().0.passcode, None);

    let draft = field_value(page.text(), "draft").unwrap();
    let corrected = [("revision", "0"), ("draft", draft.as_str()), ("account_id", "ABC"), ("passcode", "")];
    assert_eq!(browser.post("/settings", &corrected).await.status, 303);
    assert_eq!(
        app.app.settings.load().0.passcode.as_ref().unwrap().expose(),
        CANARY,
        "it need not be typed twice"
    );
}

#[tokio::test]
async fn a_stale_form_shows_both_versions_and_loses_nothing() {
    let app = app().await;
    let (one, other) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let revision = field_value(one.get("/settings").await.text(), "revision").unwrap();
    save(&other, &[("account_id", "THEIRS"), ("passcode", OTHER_CANARY)]).await;

    let mine =
        [("revision", revision.as_str()), ("account_id", "MINE"), ("passcode", CANARY), ("region", "eu1")];
    let page = one.post("/settings", &mine).await;
    assert_eq!(page.status, 409);
    let words = text(&page);
    assert!(words.contains("admin saved now while you were editing."), "{words}");
    assert!(words.contains("Account ID THEIRS for Account ID, as stored MINE for"), "{words}");
    assert!(words.contains("Passcode ends …wxyz for Passcode, as stored the new one you typed"), "{words}");
    assert_eq!(app.app.settings.load().0.account_id.as_deref(), Some("THEIRS"), "nothing was overwritten");
    assert_eq!(field_value(page.text(), "account_id").as_deref(), Some("MINE"), "nothing was lost");

    let revision = field_value(page.text(), "revision").unwrap();
    let draft = field_value(page.text(), "draft").unwrap();
    let again = [("revision", revision.as_str()), ("draft", draft.as_str()), ("account_id", "MINE")];
    assert_eq!(one.post("/settings", &again).await.status, 303);
    let live = app.app.settings.load();
    assert_eq!(
        (live.0.account_id.as_deref(), live.0.passcode.as_ref().unwrap().expose()),
        (Some("MINE"), CANARY)
    );
}

#[tokio::test]
async fn each_field_of_a_conflict_is_chosen_and_what_was_not_touched_stays_theirs() {
    let app = app().await;
    let (one, other) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    save(&one, &[("account_id", "BEFORE"), ("region", "sg1")]).await;
    let revision = field_value(one.get("/settings").await.text(), "revision").unwrap();
    save(&other, &[("account_id", "THEIRS"), ("region", "in1"), ("keep_days", "7")]).await;
    // The form as a browser posts it: the account was typed, the rest is as it was.
    let mine = [
        ("revision", revision.as_str()),
        ("account_id", "MINE"),
        ("was.account_id", "BEFORE"),
        ("region", "sg1"),
        ("was.region", "sg1"),
        ("keep_days", ""),
        ("was.keep_days", ""),
    ];
    let page = one.post("/settings", &mine).await;
    assert_eq!(page.status, 409);
    let chosen = |name: &str| {
        let radio = page
            .text()
            .split(&format!("name=\"side.{name}\" value=\""))
            .find(|rest| rest.split('>').next().unwrap().contains("checked"));
        radio.unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(chosen("account_id"), "yours");
    assert_eq!((chosen("region").as_str(), chosen("keep_days").as_str()), ("theirs", "theirs"));
    let revision = field_value(page.text(), "revision").unwrap();
    let again = [
        ("revision", revision.as_str()),
        ("account_id", "MINE"),
        ("side.account_id", "theirs"),
        ("region", "sg1"),
        ("side.region", "yours"),
        ("keep_days", ""),
        ("side.keep_days", "theirs"),
    ];
    assert_eq!(one.post("/settings", &again).await.status, 303);
    let live = app.app.settings.load();
    assert_eq!((live.0.account_id.as_deref(), live.0.region), (Some("THEIRS"), Region::Sg1));
    assert_eq!(live.0.limits.get(Limit::KeepDays), Some(7));
}

#[tokio::test]
async fn where_each_value_comes_from_is_said_beside_it() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_REGION", "mec1")
        .limits_given(&[(Limit::KeepDays, 3)])
        .start()
        .await;
    let browser = Browser::signed_in(&app).await;
    save(&browser, &[("account_id", "ABC-123"), ("retry_for", "2 h"), ("keep_days", "99")]).await;
    let words = text(&browser.get("/settings").await);
    for part in [
        "Also called project ID, as ABC-123-4XYZ . Saved now by admin.",
        "Middle East – mec1.api.clevertap.com Set by TAPLINE_REGION , which wins over what is saved here.",
        "3 days Set by TAPLINE_KEEP_DAYS or its flag, which wins over what is saved here.",
        "Outages that are shorter do not count. Saved now by admin. Empty is 1 day.",
        "save where CleverTap asks for a longer one. The default.",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let live = app.app.settings.load();
    assert_eq!(live.0.limits.get(Limit::KeepDays), Some(3), "a flag wins");
    assert_eq!(live.0.limits.get(Limit::RetryFor), Some(7200));
}

#[tokio::test]
async fn limits_and_masked_paths_are_checked_and_in_force_without_a_restart() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let before = app.app.delivery.limit().unwrap();
    assert_eq!((before.now, before.most), (12, 12));
    let wrong =
        save(&browser, &[("uploads_in_flight", "13"), ("mask_paths", "traits..x"), ("keep_bytes", "1 MiB")])
            .await;
    assert_eq!(wrong.status, 422);
    let words = text(&wrong);
    for part in [
        "Uploads in flight : Expected 1 to 12, found `13`.",
        "Keep at most : Expected 64 MiB to",
        "Masked paths :",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let fields =
        [("uploads_in_flight", "3"), ("requests_in_flight", "5"), ("mask_paths", "traits.email\ncontext.ip")];
    assert_eq!(save(&browser, &fields).await.status, 303);
    assert_eq!(app.app.settings.load().0.mask_paths, ["traits.email", "context.ip"]);
    // Delivery follows in its own time.
    while app.app.delivery.limit().unwrap().most != 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    save(&browser, &[("uploads_in_flight", ""), ("requests_in_flight", "")]).await;
    while app.app.delivery.limit().unwrap().now != 12 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_region_is_read_from_the_dashboards_address_wherever_it_is_pasted() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let address = "https://in1.dashboard.clevertap.com/x/y";
    let read = save(&browser, &[("action", "region"), ("dashboard", address), ("account_id", "ABC")]).await;
    assert_eq!(read.status, 200);
    assert!(text(&read).contains("The region is India. Save to put it in force."), "{}", text(&read));
    assert!(read.text().contains("<option value=\"in1\" selected>"));
    assert_eq!(field_value(read.text(), "account_id").as_deref(), Some("ABC"), "what is typed stays");
    assert_eq!(app.app.settings.load().0.region, Region::Eu1, "nothing is saved by it");

    let pasted = save(&browser, &[("account_id", address), ("region", "eu1"), ("passcode", CANARY)]).await;
    assert_eq!(pasted.status, 422);
    let words = text(&pasted);
    assert!(words.contains("The region was read from it (India)"), "{words}");
    assert!(pasted.text().contains("<option value=\"in1\" selected>"));
    assert_eq!(field_value(pasted.text(), "account_id").as_deref(), Some(""));
    assert!(words.contains("The new one you typed is kept"), "{words}");
    let none = save(&browser, &[("action", "region"), ("dashboard", "https://example.com/")]).await;
    assert!(
        none.status == 422 && text(&none).contains("Expected the address of CleverTap"),
        "{}",
        text(&none)
    );
    assert_eq!(app.app.settings.load().0.account_id, None);
}

#[tokio::test]
async fn the_connection_test_says_what_is_missing_and_who_can_not_be_reached() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let missing = save(&browser, &[("action", "test"), ("account_id", "ABC")]).await;
    assert_eq!(missing.status, 200);
    assert!(text(&missing).contains("Not tested:"), "{}", text(&missing));
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let fields =
        [("action", "test"), ("account_id", "ABC"), ("passcode", CANARY), ("clevertap_url", url.as_str())];
    let unreachable = save(&browser, &fields).await;
    assert!(text(&unreachable).contains("can not be reached"), "{}", text(&unreachable));
    assert_eq!(app.app.settings.load().0.account_id, None, "a test saves nothing");
    assert_eq!(field_value(unreachable.text(), "clevertap_url"), Some(url));
    assert!(!browser.seen().contains(CANARY));
}

#[tokio::test]
async fn an_api_token_is_shown_once_and_refused_once_revoked() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/settings").await;
    let made = browser.post("/settings/tokens", &[("name", "<b>deploy</b>")]).await;
    let path = made.header("location").unwrap().split('#').next().unwrap().to_owned();
    let page = browser.get(&path).await;
    let token = page.text().split("<code>").find(|code| code.starts_with("tap_")).unwrap();
    let token = token.split('<').next().unwrap().to_owned();
    assert!(!browser.get(&path).await.text().contains(&token), "it is shown once");
    assert!(page.text().contains("&#60;b&#62;deploy"), "its name is only text");
    let call = crate::api::call(r#"{"event":{}}"#).header("Authorization", &format!("Bearer {token}"));
    assert_eq!(app.send(&call).await.status, 200);
    assert!(text(&browser.get("/settings").await).contains("last used now"));
    let stored = app.app.store.list(tapline::journal::Table::ApiTokens).unwrap();
    assert!(!String::from_utf8_lossy(&stored[0].1).contains(&token));
    let id = field_value(browser.get("/settings").await.text(), "id").unwrap();
    browser.post("/settings/tokens/revoke", &[("id", &id)]).await;
    assert_eq!(app.send(&call).await.status, 401);
}

#[tokio::test]
async fn rules_that_can_not_be_used_are_named_on_every_page_while_the_last_good_ones_run() {
    let rules = tempfile::tempdir().unwrap();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    std::fs::create_dir(rules.path().join("packs")).unwrap();
    for file in ["tapline.yaml", "packs/segment-cloud.yaml"] {
        std::fs::copy(repository.join(file), rules.path().join(file)).unwrap();
    }
    let app =
        TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).rules(rules.path()).start().await;
    let revision = app.app.rules.plan().revision().to_owned();
    std::fs::write(rules.path().join("packs/mine.yaml"), "version: 1\npack: mine\nruels: []\n").unwrap();
    let browser = Browser::signed_in(&app).await;
    assert_eq!(save(&browser, &[("pack", "mine")]).await.status, 303);
    for path in ["/", "/events", "/settings"] {
        let words = text(&browser.get(path).await);
        assert!(words.contains("The newest rules are not in force."), "{path}: {words}");
        assert!(words.contains("packs/mine.yaml:3:1") && words.contains("ruels: []"), "{path}: {words}");
    }
    assert_eq!(app.app.rules.plan().revision(), revision);
    assert_eq!(save(&browser, &[("pack", "")]).await.status, 303);
    assert_eq!(app.app.rules.plan().revision(), revision);
}

#[tokio::test]
async fn choosing_another_pack_leaves_the_options_of_the_one_before_behind() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    save(&browser, &[("option.require_both_ids", "false")]).await;
    assert_eq!(app.app.settings.load().0.options.len(), 1);
    save(&browser, &[("pack", "segment-cloud"), ("option.require_both_ids", "false")]).await;
    assert!(app.app.settings.load().0.options.is_empty());
    assert!(app.app.rules.problem().is_none());
}

#[tokio::test]
async fn a_pack_that_makes_sdk_calls_is_neither_offered_nor_taken() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/settings").await;
    assert!(page.text().contains("<option>rudderstack</option>"), "{}", page.text());
    assert!(!page.text().contains("segment-device-"));
    let answer = save(&browser, &[("pack", "segment-device-web")]).await;
    assert_eq!(answer.status, 422);
    assert!(
        text(&answer).contains("can send nothing, so it can not be in force (R310)"),
        "{}",
        text(&answer)
    );
    assert_eq!(app.app.settings.load().0.pack, None);
}
