use super::{Browser, PASSWORD, form, text};
use crate::support::app::{START, TestApp};
use std::collections::BTreeSet;
use tapline::journal::sled::Options;
use tapline::journal::{End, Erasure, Retention, Seq, Settling, State, UploadNote};

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await
}

async fn track(app: &TestApp, name: &str, number: usize) {
    let body = format!(
        r#"{{"type":"track","event":"{name}","messageId":"{name}-{number}","userId":"user_{number}","anonymousId":"anon-{number}","properties":{{"total":{number}}}}}"#
    );
    assert_eq!(app.post("/v1/track", body).await.status, 200);
}

/// The events that a page of the list shows, in order, and the address of the next one.
fn listed(html: &str) -> (Vec<u64>, Option<String>) {
    let rows = html
        .match_indices("href=\"/events/ev_")
        .map(|(at, found)| html[at + found.len()..].split('"').next().unwrap().parse().unwrap());
    let next = html.split("href=\"").find(|link| link.starts_with("/events?before="));
    (rows.collect(), next.map(|link| link.split('"').next().unwrap().replace("&#38;", "&")))
}

#[tokio::test]
async fn without_events_the_page_says_how_to_send_one() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    for path in ["/", "/events"] {
        let page = browser.get(path).await;
        let words = text(&page);
        assert!(words.contains("No events yet."), "{words}");
        assert!(words.contains("curl http://localhost/v1/track -u \"$TAPLINE_WRITE_KEY:\""), "{words}");
    }
}

#[tokio::test]
async fn going_through_the_list_neither_skips_nor_repeats_while_events_arrive() {
    let app = app().await;
    for number in 0..130 {
        track(&app, "Seen", number).await;
    }
    let browser = Browser::signed_in(&app).await;
    let mut seen = Vec::new();
    let mut path = Some("/events?name=Seen".to_owned());
    while let Some(next) = path {
        let (rows, following) = listed(browser.get(&next).await.text());
        seen.extend(rows);
        path = following;
        track(&app, "Seen", 1000 + seen.len()).await;
    }
    let expected: Vec<u64> = (0..130).rev().collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_are_in_the_address_and_stay_on_every_page() {
    let app = app().await;
    for number in 0..60 {
        track(&app, "Order Completed", number).await;
        track(&app, "Other", number).await;
    }
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events?type=track&name=order&text=%22total%22").await;
    let (rows, next) = listed(page.text());
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().all(|seq| seq % 2 == 0));
    let next = next.unwrap();
    assert!(next.contains("&type=track&name=order&text=%22total%22"), "{next}");
    assert_eq!(listed(browser.get(&next).await.text()).0.len(), 10);
    assert_eq!(listed(browser.get("/events?user=anon-7").await.text()).0, [15, 14]);
    assert_eq!(listed(browser.get("/events?state=delivered").await.text()).0.len(), 0);
    let none = browser.get("/events?text=nowhere").await;
    assert!(text(&none).contains("No events match. All 120 events were searched."), "{}", text(&none));
}

#[tokio::test]
async fn a_search_that_looks_far_says_how_far_and_goes_on() {
    let app = app().await;
    track(&app, "Needle", 0).await;
    let entry = app.stored().await.remove(0);
    let hay = |i: u128| tapline::journal::NewEvent {
        dedup: tapline::journal::DedupKey(i + 1),
        received_at: entry.received_at,
        refusal: None,
        body: br#"{"type":"track","event":"Hay","userId":"u"}"#.to_vec(),
    };
    app.app.journal.append((0..12_000).map(hay).collect()).await.unwrap();
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events?name=Needle").await;
    assert!(
        text(&page).contains(
            "Nothing found yet. Searched 10000 events, looked back to 2026-01-01 00:00:10 ; there are more."
        ),
        "{}",
        text(&page)
    );
    let (rows, next) = listed(page.text());
    assert!(rows.is_empty());
    assert_eq!(listed(browser.get(&next.unwrap()).await.text()).0, [0]);
}

#[tokio::test]
async fn exact_names_and_times_filter_and_stay_in_the_address() {
    let app = app().await;
    for number in 0..60 {
        track(&app, "Order Completed", number).await;
        track(&app, "Order Completed Twice", number).await;
        app.clock.advance(1000);
    }
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events?event=order+completed").await;
    let (rows, next) = listed(page.text());
    assert!(rows.len() == 50 && rows.iter().all(|seq| seq % 2 == 0), "{rows:?}");
    assert!(next.unwrap().contains("&event=order%20completed"));
    // The first came at 00:00:10, so these are the events of numbers 20 to 29.
    let range = "from=2026-01-01T00:00:30&to=2026-01-01T00:00:40";
    let page = browser.get(&format!("/events?{range}")).await;
    assert_eq!(listed(page.text()), ((40..60).rev().collect(), None));
    assert!(page.text().contains("value=\"2026-01-01T00:00:30\""), "{}", page.text());
    let page = browser.get("/events?to=2026-01-01T00:01:00Z").await;
    let (rows, next) = listed(page.text());
    assert_eq!((rows.len(), rows[0]), (50, 99));
    let next = next.unwrap();
    assert!(next.contains("&to=2026-01-01T00%3A01%3A00Z"), "{next}");
    assert_eq!(listed(browser.get(&next).await.text()).0[0], 49);
    let page = browser.get("/events?from=yesterday").await;
    let words = text(&page);
    assert!(words.contains("from : Expected a time as 2026-11-23T14:02:00Z , found yesterday ."), "{words}");
    assert_eq!(listed(page.text()).0.len(), 50);
}

async fn settle(app: &TestApp, seq: u64, state: State, code: Option<&str>, message: Option<&str>) {
    let id = app.app.journal.next_upload();
    let end = End {
        state,
        code: code.map(str::to_owned),
        message: message.map(str::to_owned),
        upload: Some(id),
        revision: "of-another-day".to_owned(),
    };
    let note = UploadNote {
        id,
        started_at: app.app.clock.now(),
        duration_ms: 42,
        records: 3,
        attempt: 2,
        status: Some(200),
        answer: "partial".to_owned(),
    };
    app.app.journal.settle(Settling { upload: Some(note), ends: vec![(Seq(seq), end)] }).await.unwrap();
}

#[tokio::test]
async fn an_event_shows_how_it_ended_what_was_sent_and_why() {
    let app = app().await;
    track(&app, "Order Completed", 49).await;
    // Delivery would settle it as pending for good, because nothing is set; the first end counts.
    settle(
        &app,
        0,
        State::Dead,
        Some("clevertap_516"),
        Some("CleverTap refused a record: `Phone` is not valid"),
    )
    .await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events/ev_0").await;
    let words = text(&page);
    for part in [
        "Dead letter",
        "CleverTap refused a record: Phone is not valid. clevertap_516",
        "Send the phone number with + and its country code",
        "Upload 1, with 3 records",
        "Status 200",
        "Answer partial",
        "Attempt 2",
        "It was evaluated with rules revision of-another-day",
        "The rule order-completed decided.",
        "order-completed matched",
        "unknown-type not matched",
        "packs/segment-cloud.yaml:",
        "track would match, but order-completed decided before it",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(
        page.text().contains("href=\"#at-properties.total\"")
            && page.text().contains("id=\"at-properties.total\"")
    );
}

#[tokio::test]
async fn records_are_shown_byte_for_byte_as_the_api_gives_them() {
    let app = TestApp::builder()
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_API_TOKEN", "token-of-the-test")
        .start()
        .await;
    let event = r#"{"type":"track","event":"Odd <b> \"name\" ü","userId":"u&1","anonymousId":"a1","timestamp":"2026-11-23T10:15:00Z","properties":{"big":12345678901234567890.1200,"e":1e5,"s":"\u00fc & <"}}"#;
    let call = crate::api::call(&format!("{{\"event\":{event}}}"))
        .header("Authorization", "Bearer token-of-the-test");
    let answer = app.send(&call).await;
    let record = answer.text().split("\"records\":[").nth(1).unwrap().split("],\"warnings\"").next().unwrap();
    assert!(record.contains("12345678901234567890.1200"), "{record}");
    let browser = Browser::signed_in(&app).await;
    browser.get("/preview").await;
    let page = browser.post("/preview", &[("event", event)]).await;
    let shown =
        page.text().split("<pre class=\"json\"><code>").nth(2).unwrap().split("</code>").next().unwrap();
    let mut bytes = String::new();
    let mut in_tag = false;
    for c in shown.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => bytes.push(c),
            _ => {}
        }
    }
    let bytes =
        bytes.replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">").replace("&#39;", "'");
    assert_eq!(bytes.replace("&#38;", "&"), record);
}

#[tokio::test]
async fn an_edited_copy_is_previewed_compared_and_neither_stored_nor_sent() {
    let app = app().await;
    track(&app, "Order Completed", 49).await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/events/ev_0").await;
    let copy = r#"{"type":"track","event":"Order Completed","userId":"user_49","anonymousId":"anon-49","properties":{"total":50,"note":"x"}}"#;
    let page = browser.post("/events/ev_0", &[("event", copy)]).await;
    let words = text(&page);
    assert!(words.contains("The result differs from that of the event as received."), "{words}");
    assert!(words.contains("Amount 50 was 49") && words.contains("note \"x\" new"), "{words}");
    assert!(page.text().contains("&#34;note&#34;:&#34;x&#34;"), "the edited text is still in the field");
    assert_eq!(app.stored().await.len(), 1);

    let token = super::field_value(page.text(), "csrf").unwrap();
    let request = form("/events/ev_0", &[("csrf", &token), ("event", "{")]).header("X-Tapline-Fragment", "1");
    let fragment = browser.send(request).await;
    assert!(!fragment.text().contains("<html"), "only the result");
    assert!(text(&fragment).contains("Failed"), "{}", text(&fragment));
}

#[tokio::test]
async fn several_pasted_events_are_previewed_in_order() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/preview").await;
    let track = r#"{"type":"track","event":"a","userId":"u","anonymousId":"a1"}"#;
    let lines = format!("{track}\n{}\n", r#"{"type":"group","userId":"u","anonymousId":"a1"}"#);
    for pasted in [
        lines.clone(),
        format!("[{}]", lines.trim().replace('\n', ",")),
        format!("{{\"batch\":[{}]}}", lines.trim().replace('\n', ",")),
    ] {
        let words = text(&browser.post("/preview", &[("event", &pasted)]).await);
        assert!(words.contains("2 events: 1 mapped, 1 filtered, 0 failed."), "{words}");
    }
    assert!(
        text(&browser.post("/preview", &[("event", " ")]).await)
            .contains("Expected an event as JSON, found nothing.")
    );
}

#[tokio::test]
async fn another_pack_is_tried_and_its_sdk_calls_are_shown_without_an_upload() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let first = browser.get("/preview").await;
    assert!(first.text().contains("<option value=\"segment-cloud\" selected>"), "{}", first.text());
    let event = r#"{"type":"identify","userId":"u1","traits":{"name":"Jane Doe","planName":"gold"}}"#;
    let page = browser.post("/preview", &[("event", event), ("pack", "segment-device-web")]).await;
    let words = text(&page);
    for expected in [
        "Mapped The device would make the SDK calls below.",
        "Record 1: call",
        "Identity \"u1\" userId identify",
        "planName \"gold\" traits.planName identify",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.text().contains("<option value=\"segment-device-web\" selected>"));
    assert!(!words.contains("The upload as a command"), "{words}");
    assert_eq!(app.app.rules.plan().pack(), "segment-cloud");

    let page = browser.post("/preview", &[("event", event), ("pack", "nothing")]).await;
    assert!(text(&page).contains("R110"), "{}", text(&page));
}

#[tokio::test]
async fn hostile_text_is_only_text() {
    let app = app().await;
    let hostile = r#"<script>alert(1)</script><img src=x onerror=alert(1)>"#;
    let body = serde_json::json!({"type": "track", "event": hostile, "userId": hostile, "anonymousId": hostile,
        "properties": {hostile: hostile}, "messageId": "m"});
    assert_eq!(app.post("/v1/track", body.to_string()).await.status, 200);
    let browser = Browser::signed_in(&app).await;
    let query = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let mut tags = BTreeSet::new();
    for path in [
        "/",
        "/events",
        "/events/ev_0",
        &format!("/events?text={query}&name={query}"),
        &format!("/login?next=/{query}"),
    ] {
        let page = browser.get(path).await;
        assert!(!page.text().contains("<script>alert") && !page.text().contains("<img src=x"), "{path}");
        tags.extend(
            page.text()
                .match_indices("<script")
                .map(|(at, _)| page.text()[at..].split('>').next().unwrap().to_owned()),
        );
    }
    assert!(tags.iter().all(|tag| tag.starts_with("<script src=\"/static/")), "{tags:?}");
}

#[tokio::test]
async fn the_overview_counts_what_became_of_the_events() {
    let app = app().await;
    for number in 0..4 {
        track(&app, "Seen", number).await;
    }
    settle(&app, 0, State::Delivered, None, None).await;
    settle(&app, 1, State::Dead, Some("retries_exhausted"), None).await;
    let browser = Browser::signed_in(&app).await;
    let words = text(&browser.get("/").await);
    for part in
        ["Received 4", "Delivered 1 25.0 %", "Dead letter 1 25.0 %", "Pending 2 50.0 %", "Failed 0 0.0 %"]
    {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(words.contains("Delivery is paused."), "{words}");
    assert_eq!(listed(browser.get("/events?state=dead").await.text()).0, [1]);
}

#[tokio::test]
async fn an_event_whose_time_is_over_says_so_and_the_list_ends_before_it() {
    let options = Options { generation_events: 4, block_bytes: 1, disk_reserve: 0, ..Options::default() };
    let builder = TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).durable_with(options);
    let app = builder.start().await;
    for number in 0..10 {
        // Without an anonymousId the rules filter it.
        let body = format!(r#"{{"userId":"user_{number}","event":"Seen","messageId":"m{number}"}}"#);
        assert_eq!(app.post("/v1/track", body).await.status, 200);
    }
    app.settled().await;
    let swept = app.app.journal.sweep(Retention { age: None, bytes: Some(0) }, START).await.unwrap();
    let kept = app.app.journal.kept_from();
    assert!(swept.events > 0 && kept == Seq(swept.events), "{swept:?}, from {kept}");
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events/ev_0").await;
    assert_eq!(page.status, 404);
    let words = text(&page);
    assert!(
        words.contains("Event no longer kept") && words.contains("ev_0 ended, and was dropped"),
        "{words}"
    );
    let page = browser.get("/events/ev_10").await;
    assert!(page.status == 404 && text(&page).contains("Event not found"));
    let expected: Vec<_> = (kept.0..10).rev().collect();
    for address in ["/events", "/events?text=user_", "/events?state=filtered"] {
        let page = browser.get(address).await;
        assert_eq!(listed(page.text()), (expected.clone(), None), "{address}");
    }
    let first = browser.get(&format!("/events/{kept}")).await;
    assert!(first.status == 200 && !first.text().contains(&format!("/events/ev_{}\"", kept.0 - 1)));
    let before = browser.get(&format!("/events?before={kept}")).await;
    assert_eq!((before.status, listed(before.text())), (200, (Vec::new(), None)));
    assert_eq!(app.app.journal.counts().filtered, 10);
}

#[tokio::test]
async fn an_erased_event_shows_when_and_that_it_was_and_nothing_of_it() {
    let app = app().await;
    for number in 0..2 {
        track(&app, "Canary", number).await;
    }
    let end =
        End { state: State::Delivered, code: None, message: None, upload: None, revision: "r".to_owned() };
    let ends = vec![(Seq(0), end.clone()), (Seq(1), end)];
    app.app.journal.settle(Settling { upload: None, ends }).await.unwrap();
    let remains = br#"{"type":"delete","personHash":"5f","erasedAt":"2026-01-01T00:00:10.000Z"}"#.to_vec();
    let erasures = vec![Erasure::whole(Seq(0)), Erasure { at: Seq(1), remains }];
    app.app.journal.erase(erasures, START).await.unwrap();
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events/ev_0").await;
    let words = text(&page);
    assert!(words.contains("Erased on 2026-01-01 00:00:10 at the person's request."), "{words}");
    assert!(words.contains("Delivered"), "{words}");
    for hidden in ["Canary", "user_0", "Preview again", "Records and why"] {
        assert!(!words.contains(hidden), "{hidden} in {words}");
    }
    let words = text(&browser.get("/events/ev_1").await);
    assert!(words.contains("only a hash is kept") && words.contains("personHash"), "{words}");
    assert!(words.contains("CleverTap took the request to delete the person"), "{words}");
    let list = browser.get("/events").await;
    assert_eq!(listed(list.text()).0, [1, 0]);
    assert!(text(&list).contains("erased") && !list.text().contains("Canary"));
    assert_eq!(listed(browser.get("/events?text=canary").await.text()).0, [] as [u64; 0]);
    assert_eq!(listed(browser.get("/events?user=user_0").await.text()).0, [] as [u64; 0]);
}
