use super::{Browser, PASSWORD, text};
use crate::support::app::TestApp;
use crate::support::http::Request;
use crate::support::tail::Listening;
use tapline::admin::IDLE_LIMIT;
use tapline::journal::{End, Seq, Settling, State};

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await
}

async fn track(app: &TestApp, numbers: std::ops::Range<usize>) {
    let call = |number: usize| {
        format!(
            r#"{{"type":"track","event":"Step","messageId":"m-{number}","userId":"user_{number}","anonymousId":"anon-{number}"}}"#
        )
    };
    let calls: Vec<String> = numbers.map(call).collect();
    let answer = app.post("/v1/batch", format!("{{\"batch\":[{}]}}", calls.join(","))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn end(app: &TestApp, place: u64, state: State) {
    let code = (state == State::Dead).then(|| "clevertap_516".to_owned());
    let end = End { state, code, message: None, upload: None, revision: "r".to_owned() };
    app.app.journal.settle(Settling { upload: None, ends: vec![(Seq(place), end)] }).await.unwrap();
}

/// The address that the page's live view listens to.
fn stream_of(html: &str) -> String {
    let value = |name: &str| {
        let (_, rest) = html.split_once(&format!("{name}=\"")).expect("a live view");
        rest.split('"').next().unwrap().replace("&#38;", "&")
    };
    let address = value("data-live");
    let join = if address.ends_with('?') { "" } else { "&" };
    format!("{address}{join}at={}", value("data-at"))
}

async fn listen(app: &TestApp, browser: &Browser<'_>, path: &str) -> Listening {
    let cookie = browser.cookie("tapline_session").expect("a session");
    let request = Request::new("GET", path).header("Cookie", &format!("tapline_session={cookie}"));
    Listening::open(app.address, &request).await
}

#[tokio::test]
async fn the_live_view_goes_on_where_the_page_ends_with_the_same_rows() {
    let app = app().await;
    track(&app, 0..3).await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events").await;
    // Between the page and the stream.
    track(&app, 3..4).await;
    end(&app, 1, State::Delivered).await;
    let mut listening = listen(&app, &browser, &stream_of(page.text())).await;
    let change = listening.next_of(&["change"]).await.expect("a change");
    assert!(change.data["html"].as_str().unwrap().contains("pill-delivered"), "{change:?}");
    assert_eq!((change.event(), &change.data["matches"]), ("ev_1", &true.into()));
    let told = listening.next_of(&["event"]).await.expect("an event");
    assert_eq!(told.event(), "ev_3");
    let row = told.data["html"].as_str().unwrap();
    let page = browser.get("/events").await;
    assert!(page.text().contains(row.trim()), "{row}\n{}", page.text());
}

#[tokio::test]
async fn a_live_list_of_dead_letters_shows_those_that_die() {
    let app = app().await;
    track(&app, 0..5).await;
    end(&app, 0, State::Dead).await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events?state=dead").await;
    assert!(stream_of(page.text()).starts_with("/events/stream?state=dead&at=ev_5~ev_1"), "{}", page.text());
    let mut listening = listen(&app, &browser, &stream_of(page.text())).await;
    end(&app, 3, State::Dead).await;
    let told = listening.next_of(&["event", "change"]).await.expect("an event");
    assert_eq!((told.kind.as_str(), told.event()), ("event", "ev_3"));
}

#[tokio::test]
async fn a_stream_needs_a_session_and_keeps_none_alive() {
    let app = app().await;
    let browser = Browser::signed_in(&app).await;
    let refused = app.get("/events/stream").await;
    assert_eq!((refused.status, refused.header("location")), (303, Some("/login?next=/events/stream")));
    let listening = listen(&app, &browser, "/events/stream").await;
    assert!(listening.head.starts_with("HTTP/1.1 200"), "{}", listening.head);
    app.clock.advance(IDLE_LIMIT.as_millis() as i64);
    let page = browser.get("/events").await;
    assert_eq!(page.header("location"), Some("/login?next=/events"));
    let head = app.send(&Request::new("HEAD", "/events/stream")).await;
    assert_eq!(head.status, 303);
}

#[tokio::test]
async fn what_of_an_address_is_no_filter_is_said_and_the_rest_holds() {
    let app = app().await;
    track(&app, 0..3).await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/events?foo=1&state=lost&user=user_1&before=7").await;
    let words = text(&page);
    assert!(words.contains("foo : It is no filter; known are state , type , event"), "{words}");
    assert!(words.contains("state : Expected one of delivered , filtered"), "{words}");
    assert!(words.contains("before : Expected an event's id as ev_7 , found 7 ."), "{words}");
    assert_eq!(page.text().matches("href=\"/events/ev_").count(), 1);
    let never = text(&browser.get("/events?from=2026-01-02&to=2026-01-01").await);
    assert!(never.contains("to : Expected a time after from , which is 2026-01-02T00:00:00Z"), "{never}");
    let fine = browser.get("/events?state=&type=&live=1").await;
    assert!(!fine.text().contains("role=\"alert\""), "{}", fine.text());
}

#[tokio::test]
async fn selected_events_and_all_that_match_are_counted_and_then_sent_again() {
    let app = app().await;
    track(&app, 0..6).await;
    for place in [1, 2, 4] {
        end(&app, place, State::Dead).await;
    }
    end(&app, 5, State::Delivered).await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/resends/new?id=ev_1&id=ev_5").await;
    let words = text(&page);
    assert!(words.contains("Send again: 2 selected events"), "{words}");
    assert!(words.contains("1 event would be sent, as 1 record; 2 are selected."), "{words}");
    assert!(words.contains("1 delivered before"), "{words}");
    let more = text(&browser.get("/resends/new?id=ev_1&id=ev_5&include_delivered=yes").await);
    assert!(more.contains("2 events would be sent"), "{more}");
    let page = browser.get("/resends/new?state=dead").await;
    assert!(text(&page).contains("3 events would be sent, as 3 records; 3 are selected."), "{}", text(&page));
    assert_eq!(app.app.admin.resend_jobs(None, 9).await.unwrap().0.len(), 0, "counting makes no job");
    let sent = browser.post("/resends", &[("state", "dead"), ("rules", "now")]).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some("/resends")));
    let jobs = app.app.admin.resend_jobs(None, 9).await.unwrap().0;
    assert_eq!((jobs.len(), jobs[0].created_by.as_str()), (1, "admin"));
    let nothing = browser.get("/resends/new").await;
    assert!(text(&nothing).contains("No event is selected; go back and select some."), "{}", text(&nothing));
    let refused = browser.post("/resends", &[]).await;
    assert_eq!(refused.status, 400);
}
