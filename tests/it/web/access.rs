use super::{Browser, PASSWORD, field_value, form, text};
use crate::support::app::TestApp;
use crate::support::http::Request;
use std::io::Read;
use tapline::admin::Permission;
use tapline::web::{ROWS, Row};

/// The first-start token of a fresh app.
fn token(app: &TestApp) -> String {
    std::fs::read_to_string(app.data.path().join("setup-token")).unwrap().trim().to_owned()
}

fn claim<'a>(token: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [("token", token), ("name", "admin"), ("password", password), ("password_again", password)]
}

#[tokio::test]
async fn the_first_account_is_made_with_the_token_and_then_setup_is_gone_for_good() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    for path in ["/", "/login", "/events", "/settings"] {
        assert_eq!(browser.get(path).await.header("location"), Some("/setup"), "{path}");
    }
    browser.get("/setup").await;
    let wrong = browser.post("/setup", &claim("AAAAAAAAAAAAAAAAAAAAAA", PASSWORD)).await;
    assert_eq!(wrong.status, 422);
    assert!(text(&wrong).contains("This is not the token"));
    let weak = browser.post("/setup", &claim(&token(&app), "short")).await;
    assert!(
        text(&weak).contains("A password needs at least 12 characters, this one has 5."),
        "{}",
        text(&weak)
    );
    let differing = [("token", token(&app)), ("name", "admin".into()), ("password", PASSWORD.into())];
    let differing: Vec<(&str, &str)> =
        differing.iter().map(|(k, v): &(_, String)| (*k, v.as_str())).collect();
    assert!(text(&browser.post("/setup", &differing).await).contains("The two passwords differ."));

    let made = browser.post("/setup", &claim(&token(&app), PASSWORD)).await;
    assert_eq!((made.status, made.header("location")), (303, Some("/start")));
    assert_eq!(browser.get("/settings").await.status, 200);
    assert!(!app.data.path().join("setup-token").exists(), "the token file is removed");
    assert_eq!(Browser::new(&app).get("/setup").await.status, 404);
    assert_eq!(browser.post("/setup", &claim("AAAAAAAAAAAAAAAAAAAAAA", PASSWORD)).await.status, 404);
}

#[tokio::test]
async fn of_two_claims_at_once_exactly_one_makes_an_account() {
    let app = TestApp::start().await;
    let (one, other) = (Browser::new(&app), Browser::new(&app));
    one.get("/setup").await;
    other.get("/setup").await;
    let token = token(&app);
    let fields = claim(&token, PASSWORD);
    let (first, second) = tokio::join!(one.post("/setup", &fields), other.post("/setup", &fields));
    let mut answers = [first.status, second.status];
    answers.sort_unstable();
    assert_eq!(answers, [303, 404]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_token_file_is_its_owners_alone_and_the_database_holds_only_a_digest() {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::start().await;
    let file = app.data.path().join("setup-token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let stored = app.app.store.list(tapline::journal::Table::Setup).unwrap();
    assert_eq!(stored.len(), 1);
    assert!(!String::from_utf8_lossy(&stored[0].1).contains(&token(&app)));
}

#[tokio::test]
async fn a_token_older_than_a_day_is_none() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    browser.get("/setup").await;
    app.clock.advance(24 * 60 * 60 * 1000);
    assert_eq!(browser.post("/setup", &claim(&token(&app), PASSWORD)).await.status, 422);
}

async fn with_password() -> TestApp {
    TestApp::builder().variable("TAPLINE_ADMIN_PASSWORD", PASSWORD).start().await
}

#[tokio::test]
async fn a_password_in_the_environment_makes_setup_unnecessary() {
    let app = with_password().await;
    assert!(!app.data.path().join("setup-token").exists());
    let browser = Browser::new(&app);
    assert_eq!(browser.get("/setup").await.status, 404);
    assert_eq!(
        browser.get("/events?state=dead").await.header("location"),
        Some("/login?next=/events%3Fstate%3Ddead")
    );
    let login = browser.get("/login?next=/events%3Fstate%3Ddead").await;
    assert_eq!(field_value(login.text(), "next").as_deref(), Some("/events?state=dead"));
    let answer = browser
        .post("/login", &[("name", "admin"), ("password", PASSWORD), ("next", "/events?state=dead")])
        .await;
    assert_eq!(answer.header("location"), Some("/events?state=dead"));
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_answered_alike_and_slowed_down() {
    let app = with_password().await;
    let browser = Browser::new(&app);
    browser.get("/login").await;
    let mut answers = Vec::new();
    for name in ["admin", "nobody", "no such name!"] {
        let answer = browser.post("/login", &[("name", name), ("password", "a wrong long sentence")]).await;
        assert_eq!(answer.status, 401);
        let page = answer.text().replace(&format!("name=\"name\" value=\"{name}\""), "");
        answers.push(page.replace(&field_value(&page, "csrf").unwrap(), ""));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    for _ in 0..4 {
        browser.post("/login", &[("name", "admin"), ("password", "a wrong long sentence")]).await;
    }
    let slowed = browser.post("/login", &[("name", "admin"), ("password", PASSWORD)]).await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, Some("20")));
    app.clock.advance(20_000);
    assert_eq!(browser.post("/login", &[("name", "admin"), ("password", PASSWORD)]).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_when_unused_when_old_and_when_signed_out() {
    let minute = 60_000;
    let app = with_password().await;
    let browser = Browser::signed_in(&app).await;
    app.clock.advance(29 * minute);
    assert_eq!(browser.get("/").await.status, 200);
    app.clock.advance(30 * minute);
    assert_eq!(browser.get("/").await.header("location"), Some("/login"));

    let browser = Browser::signed_in(&app).await;
    for _ in 0..28 {
        app.clock.advance(25 * minute);
        assert_eq!(browser.get("/").await.status, 200);
    }
    app.clock.advance(20 * minute);
    assert_eq!(browser.get("/").await.status, 303, "twelve hours are over");

    let browser = Browser::signed_in(&app).await;
    let stolen = browser.cookie("tapline_session").unwrap();
    browser.get("/").await;
    assert_eq!(browser.post("/logout", &[]).await.header("location"), Some("/login"));
    let replayed = Request::new("GET", "/").header("Cookie", &format!("tapline_session={stolen}"));
    assert_eq!(app.send(&replayed).await.status, 303, "the server forgets it, not only the browser");
}

#[tokio::test]
async fn every_sign_in_has_a_new_session_and_the_store_never_holds_its_cookie() {
    let app = with_password().await;
    let browser = Browser::signed_in(&app).await;
    let first = browser.cookie("tapline_session").unwrap();
    browser.get("/settings").await;
    browser.post("/login", &[("name", "admin"), ("password", PASSWORD)]).await;
    let second = browser.cookie("tapline_session").unwrap();
    assert_ne!(first, second);
    let sessions = app.app.store.list(tapline::journal::Table::Sessions).unwrap();
    assert_eq!(sessions.len(), 1, "the first has ended");
    assert_eq!(sessions[0].0.len(), 32);
    assert!(!String::from_utf8_lossy(&sessions[0].1).contains(&second));
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_of_other_sites_and_prefixed_under_tls() {
    let app = with_password().await;
    let browser = Browser::new(&app);
    let login = browser.get("/login").await;
    let token = field_value(login.text(), "csrf").unwrap();
    let visitor = browser.cookie("tapline_visitor").unwrap();
    let fields = [("csrf", token.as_str()), ("name", "admin"), ("password", PASSWORD)];
    let plain =
        app.send(&form("/login", &fields).header("Cookie", &format!("tapline_visitor={visitor}"))).await;
    let set = plain.header("set-cookie").unwrap();
    assert!(
        set.starts_with("tapline_session=") && set.contains("HttpOnly") && set.contains("SameSite=Lax"),
        "{set}"
    );
    assert!(set.contains("Path=/") && !set.contains("Secure") && !set.contains("Domain"), "{set}");

    let request = form("/login", &fields).header("X-Forwarded-Proto", "https");
    let tls = app.send(&request.header("Cookie", &format!("__Host-tapline_visitor={visitor}"))).await;
    let set = tls.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-tapline_session=") && set.contains("Secure"), "{set}");
    assert!(tls.header("strict-transport-security").is_some());
}

#[tokio::test]
async fn no_form_is_taken_without_its_token_or_from_another_site() {
    let app = with_password().await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/settings").await;
    let token = field_value(page.text(), "csrf").unwrap();
    let session = browser.cookie("tapline_session").unwrap();
    let cookie = format!("tapline_session={session}");
    let posts = ROWS.iter().filter(|row| row.method == "POST" && row.permission != Permission::Anyone);
    let mut checked = 0;
    for row in posts {
        let path = path_of(row);
        let good = [("csrf", token.as_str())];
        for (request, why) in [
            (form(&path, &[]), "no token"),
            (form(&path, &[("csrf", "AAAA")]), "a wrong token"),
            (form(&path, &good).header("Sec-Fetch-Site", "cross-site"), "another site"),
            (form(&path, &good).header("Sec-Fetch-Site", "same-site"), "a neighbouring site"),
            (form(&path, &good).header("Origin", "https://example.com"), "another origin"),
        ] {
            let answer = app.send(&request.header("Cookie", &cookie)).await;
            assert_eq!(answer.status, 403, "{path} with {why}");
        }
        checked += 1;
    }
    assert!(checked >= 6, "only {checked} forms were found");
    let visitors = form("/settings", &[("csrf", token.as_str())]).header("Cookie", "tapline_visitor=x");
    assert_eq!(app.send(&visitors).await.status, 303, "without a session one has to sign in");
    assert_eq!(browser.get("/settings").await.status, 200, "nothing of this ended the session");
}

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in() {
    let app = with_password().await;
    for row in ROWS.iter().filter(|row| row.permission != Permission::Anyone) {
        let path = path_of(row);
        let request = match row.method.as_str() {
            "POST" => form(&path, &[]),
            method => Request::new(method, &path),
        };
        let answer = app.send(&request).await;
        assert_eq!(answer.status, 303, "{} {path}", row.method);
        assert!(answer.header("location").unwrap().starts_with("/login"), "{path}");
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn every_answer_of_the_console_carries_the_headers_that_protect_it() {
    let app = with_password().await;
    let browser = Browser::signed_in(&app).await;
    for path in ["/", "/events", "/preview", "/settings", "/login", "/setup", "/nothing", "/static/base.css"]
    {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        let kept = answer.header("cache-control").unwrap();
        assert_eq!(kept, if path.starts_with("/static") { "no-cache" } else { "no-store" }, "{path}");
    }
}

#[tokio::test]
async fn files_of_the_console_are_named_by_their_content_and_kept_by_browsers() {
    let app = with_password().await;
    let login = app.get("/login").await;
    let url = login.text().split("href=\"").find(|link| link.starts_with("/static/")).unwrap();
    let url = url.split('"').next().unwrap();
    let version = url.split('/').nth(2).unwrap();
    let file = app.get(&format!("/static/{version}/base.css")).await;
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.header("content-type"), Some("text/css; charset=utf-8"));
    let again = Request::new("GET", &format!("/static/{version}/base.css"));
    let again = again.header("If-None-Match", file.header("etag").unwrap());
    assert_eq!(app.send(&again).await.status, 304);
    // A page from before an update gets what there is, and asks again the next time.
    for older in ["/static/base.css", "/static/000000000000/base.css"] {
        let answer = app.get(older).await;
        assert_eq!((answer.header("cache-control"), &answer.body), (Some("no-cache"), &file.body), "{older}");
    }
    let below = app.get(&format!("/static/{version}/vendor/uplot.js")).await;
    assert_eq!(below.header("content-type"), Some("text/javascript; charset=utf-8"));
    for path in ["/static/nothing.css", "/static/..%2fCargo.toml", "/static/%2e%2e/Cargo.toml"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn files_of_the_console_are_shorter_for_browsers_that_take_gzip() {
    let app = with_password().await;
    let ask = |accepted| Request::new("GET", "/static/vendor/editor.js").header("Accept-Encoding", accepted);
    let plain = app.get("/static/vendor/editor.js").await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    for accepted in ["gzip", "br, GZIP;q=0.5", "deflate, gzip, zstd"] {
        let short = app.send(&ask(accepted)).await;
        assert_eq!(short.header("content-encoding"), Some("gzip"), "{accepted}");
        assert_ne!(short.header("etag"), plain.header("etag"));
        assert!(short.body.len() * 2 < plain.body.len(), "{} of {}", short.body.len(), plain.body.len());
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&short.body[..]).read_to_end(&mut text).unwrap();
        assert!(text == plain.body, "the same file comes out");
    }
    for refused in ["", "br", "gzip;q=0", "identity"] {
        assert_eq!(app.send(&ask(refused)).await.header("content-encoding"), None, "{refused}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_is_said_in_words() {
    let app = with_password().await;
    let browser = Browser::signed_in(&app).await;
    assert!(text(&browser.get("/nothing").await).contains("There is no page at this address."));
    let wrong = browser.send(Request::new("DELETE", "/events")).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET")));
    assert!(text(&browser.get("/events/ev_99").await).contains("There is no event ev_99 here."));
    assert_eq!(browser.get("/events/99").await.status, 404);
    let large = "x".repeat(2 * 1024 * 1024);
    assert_eq!(browser.post("/preview", &[("event", &large)]).await.status, 413);
}

#[tokio::test]
async fn the_theme_is_kept_and_set_by_the_server() {
    let app = with_password().await;
    let browser = Browser::new(&app);
    let login = browser.get("/login?next=/events").await;
    assert!(login.text().contains("data-theme=\"system\""));
    let back = field_value(login.text(), "back").unwrap().replace("&#38;", "&");
    assert_eq!(back, "/login?next=/events");
    let answer = browser.post("/theme", &[("theme", "dark"), ("back", &back)]).await;
    assert_eq!(answer.header("location"), Some("/login?next=/events"));
    assert!(browser.get("/login").await.text().contains("data-theme=\"dark\""));
    let elsewhere = browser.post("/theme", &[("theme", "dark"), ("back", "//example.com")]).await;
    assert_eq!(elsewhere.header("location"), Some("/"));
}

/// An address of a row.
fn path_of(row: &Row) -> String {
    let path = row.path.replace("{id}", "ev_0").replace("{event}", "ev_0");
    path.replace("{file:.+}", "tapline.yaml").replace("{kind}", "write-key")
}
