//! The console over a real connection, with a browser's cookies and nothing else of a browser.

/// Signing in, sessions, the first start.
mod access;
/// Events, previews, and what is said when there are none.
mod event;
/// Write keys and webhook secrets.
mod key;
/// How long pages take among many events.
mod large;
/// The list while it is live, its filter, and several events sent again.
mod live;
/// The four panes of an event, and saving it as a test case.
mod pane;
/// Rules: hits, sources, revisions, candidates.
mod rules;
/// Sandbox mode, and the first steps.
mod sandbox;
/// Settings: environment, stale forms, secrets.
mod settings;
/// Records that CleverTap is shown by hand, and the attempts to send an event.
mod trial;

use crate::support::app::TestApp;
use crate::support::http::{Answer, Request};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Long enough, and none of the guessable ones.
pub(crate) const PASSWORD: &str = "a quiet long sentence";

/// A browser: keeps cookies, fills in the form token of the last page it saw.
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    cookies: Mutex<BTreeMap<String, String>>,
    form_token: Mutex<String>,
    /// Every page it was shown.
    seen: Mutex<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Self {
        let (cookies, form_token, seen) = Default::default();
        Self { app, cookies, form_token, seen }
    }

    /// A browser that has signed in as `admin`; the app needs `TAPLINE_ADMIN_PASSWORD`.
    pub(crate) async fn signed_in(app: &'a TestApp) -> Self {
        let browser = Self::new(app);
        browser.get("/login").await;
        let answer = browser.post("/login", &[("name", "admin"), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        browser
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::new("GET", path)).await
    }

    /// Posts a form with the token of the last page.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token.lock().unwrap().clone();
        let mut with_token = vec![("csrf", token.as_str())];
        with_token.extend(fields);
        self.send(form(path, &with_token)).await
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            if cookies.is_empty() { request } else { request.header("Cookie", &cookies.join("; ")) };
        let answer = self.app.send(&request).await;
        for set in answer.headers("set-cookie") {
            let (name, value) =
                set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            match value.is_empty() {
                true => self.cookies.lock().unwrap().remove(name),
                false => self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned()),
            };
        }
        if let Some(token) = field_value(answer.text(), "csrf") {
            *self.form_token.lock().unwrap() = token;
        }
        self.seen.lock().unwrap().push_str(answer.text());
        answer
    }

    /// Everything it was shown so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }
}

/// A posted form.
pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Request {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Request::new("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.join("&"))
}

/// The value of the first input of that name.
pub(crate) fn field_value(html: &str, name: &str) -> Option<String> {
    let at = html.find(&format!("name=\"{name}\" value=\""))?;
    let rest = html[at..].split_once("value=\"")?.1;
    rest.split('"').next().map(str::to_owned)
}

/// What a person reads of a page: its text, with single spaces.
pub(crate) fn text(answer: &Answer) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in answer.text().chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
