//! The one way into every page: session, permission and form token are checked here and nowhere else.

use super::asset;
use super::cookie;
use super::cookie::Browser;
use super::error::PageError;
use super::form::Form;
use super::response::{html_with, protect, see_other};
use super::route::Row;
use super::shell::{Nav, Shell};
use super::visit::{Answer, Visit};
use crate::admin::{Admin, Permission, Session};
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use actix_web::http::{ConnectionType, Method};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::time::Duration;

/// More than any form needs; a pasted batch of 500 KB grows by encoding.
const LARGEST_FORM: usize = 2 * 1024 * 1024;
/// A form that takes longer is a stalled connection.
const LONGEST_BODY: Duration = Duration::from_secs(15);

/// Serves one row of the table.
pub(super) async fn serve(
    row: &'static Row,
    request: HttpRequest,
    payload: Payload,
    admin: Data<Admin>,
) -> HttpResponse {
    let browser = match Browser::of(&request) {
        Ok(browser) => browser,
        Err(error) => {
            RequestFailed { what: Unanswered::Page, route: Some(row.path), error: Cause::of(&error) }.tell();
            return HttpResponse::InternalServerError().finish();
        }
    };
    let mut session = None;
    let answer = answer(row, &request, payload, &admin, &browser, &mut session).await;
    finish(answer, Some(row.path), &request, &admin, &browser, session.as_ref())
}

async fn answer(
    row: &'static Row,
    request: &HttpRequest,
    payload: Payload,
    admin: &Data<Admin>,
    browser: &Browser,
    session: &mut Option<Session>,
) -> Answer {
    let form = match row.method == Method::POST {
        true => read_form(request, payload).await?,
        false => Form::default(),
    };
    // Static files need no session, and so no look into the store.
    if row.path != asset::PATH
        && let Some(cookie) = &browser.session
    {
        *session = admin.session(cookie).await?;
    }
    let needs_session = row.permission != Permission::Anyone;
    if needs_session && session.is_none() {
        return Ok(see_other(&sign_in_path(row, request, admin).await?));
    }
    if row.method == Method::POST && !browser.made(&form, needs_session) {
        return Err(PageError::StaleForm);
    }
    // Roles are not there yet: whoever is signed in may do everything in the table.
    let visit = Visit {
        request: request.clone(),
        admin: admin.clone(),
        browser: browser.clone(),
        session: session.clone(),
        form,
    };
    (row.handler)(visit).await
}

async fn sign_in_path(row: &Row, request: &HttpRequest, admin: &Admin) -> Result<String, PageError> {
    if admin.setup_is_open().await? {
        return Ok("/setup".to_owned());
    }
    // What was posted can not be repeated after signing in, so that leads to the page the form stood on.
    let path = match row.method == Method::POST {
        true => request.path().to_owned(),
        false => request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
    };
    if path == "/" || row.path == "/logout" {
        return Ok("/login".to_owned());
    }
    Ok(format!("/login?next={}", encode(&path)))
}

/// Percent-encodes what may not stand in a query's value.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into())
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

async fn read_form(request: &HttpRequest, payload: Payload) -> Result<Form, PageError> {
    if comes_from_another_site(request) {
        return Err(PageError::OtherSite);
    }
    let is_form = header(request, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(PageError::BadForm);
    }
    let body = tokio::time::timeout(LONGEST_BODY, payload.to_bytes_limited(LARGEST_FORM)).await;
    let body = body.map_err(|_| PageError::BadForm)?.map_err(|_| PageError::TooLarge)?;
    let body = body.map_err(|_| PageError::BadForm)?;
    let text = std::str::from_utf8(&body).map_err(|_| PageError::BadForm)?;
    Ok(Form::decode(text))
}

/// Every browser of today says where a form comes from. `Origin` is `null` on our own forms over plain HTTP, because our
/// pages send no referrer, so there only the form's token speaks.
fn comes_from_another_site(request: &HttpRequest) -> bool {
    if let Some(site) = header(request, "sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    match header(request, ORIGIN.as_str()) {
        None | Some("null") => false,
        Some(origin) => origin.split("://").nth(1) != header(request, HOST.as_str()),
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The page for addresses that are not in the table.
pub(super) async fn not_found(request: HttpRequest, admin: Data<Admin>) -> HttpResponse {
    outside_the_table(PageError::NotFound, &request, &admin).await
}

/// The page for a method that is not in the table.
pub(super) async fn refuse_method(allowed: String, request: HttpRequest, admin: Data<Admin>) -> HttpResponse {
    outside_the_table(PageError::Method(allowed), &request, &admin).await
}

async fn outside_the_table(error: PageError, request: &HttpRequest, admin: &Admin) -> HttpResponse {
    let Ok(browser) = Browser::of(request) else {
        return HttpResponse::InternalServerError().finish();
    };
    let session = match &browser.session {
        Some(cookie) => admin.session(cookie).await.unwrap_or_default(),
        None => None,
    };
    finish(Err(error), None, request, admin, &browser, session.as_ref())
}

/// Turns an error into its page, sets the visitor's cookie, and puts on the headers.
fn finish(
    answer: Answer,
    route: Option<&'static str>,
    request: &HttpRequest,
    admin: &Admin,
    browser: &Browser,
    session: Option<&Session>,
) -> HttpResponse {
    let tls = cookie::is_tls(request);
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => {
            error.tell(route);
            let shell = Shell::new(Nav::Elsewhere, request, browser, session, Some(admin));
            let page = html_with(error.status(), &error.page(shell));
            let mut response = page.unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
            explain_in_headers(&error, &mut response);
            response
        }
    };
    if request.path().starts_with("/static/") {
        protect(&mut response, tls);
        return response;
    }
    if let Some(cookie) = browser.cookie(tls) {
        response.add_cookie(&cookie).ok();
    }
    protect(&mut response, tls);
    response
}

fn explain_in_headers(error: &PageError, response: &mut HttpResponse) {
    if matches!(error, PageError::TooLarge | PageError::OtherSite | PageError::BadForm | PageError::Method(_))
    {
        // The body was not read, so nothing else can follow it on this connection.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let (name, value) = match error {
        PageError::Method(allowed) => (ALLOW, allowed.clone()),
        PageError::SlowDown(wait) => (RETRY_AFTER, wait.as_secs().max(1).to_string()),
        _ => return,
    };
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}
