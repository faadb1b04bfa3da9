//! Cookies: the session, and for those without one a random number, so that every form can carry a token.
//!
//! A form's token is a digest of the cookie's value. Another site can make the browser send the cookie but can not read
//! it, and so can not make the token.

use super::form::Form;
use crate::admin::{AdminError, Digest, SessionCookie, TOTAL_LIMIT, random_text};
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

const SESSION: &str = "tapline_session";
const VISITOR: &str = "tapline_visitor";
const FORM_TOKEN: &str = "tapline form 1";

/// A browser, by the cookies it showed.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    /// What it says its session is.
    pub(super) session: Option<SessionCookie>,
    visitor: Option<String>,
    /// Whether the visitor's number was made for this request and has to be set.
    is_new: bool,
}

impl Browser {
    /// Reads the cookies; a browser without any gets a number.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, AdminError> {
        let read = |name| request.cookie(&full_name(name, is_tls(request))).map(|c| c.value().to_owned());
        let session = read(SESSION).map(|value| SessionCookie::from_request(&value));
        let visitor = read(VISITOR);
        if session.is_none() && visitor.is_none() {
            return Ok(Self { session: None, visitor: Some(random_text::<16>()?), is_new: true });
        }
        Ok(Self { session, visitor, is_new: false })
    }

    /// The token for the forms of this browser's next page.
    pub(super) fn form_token(&self) -> String {
        let value = self.session.as_ref().map(SessionCookie::expose).or(self.visitor.as_deref());
        token_of(value.unwrap_or_default())
    }

    /// Whether a form came from a page of this browser. Where a session is needed, only the session's token counts: the
    /// visitor's number is worth less, because it may have been set by another site of the same domain.
    pub(super) fn made(&self, form: &Form, needs_session: bool) -> bool {
        let shown = Digest::of(form.get("csrf"));
        let matches = |value: &str| Digest::of(&token_of(value)) == shown;
        let by_session = self.session.as_ref().is_some_and(|session| matches(session.expose()));
        let by_visitor = self.visitor.as_deref().is_some_and(matches) && !self.is_new;
        by_session || (by_visitor && !needs_session)
    }

    /// The cookie to set so that the next request is recognised, if it is not there yet.
    pub(super) fn cookie(&self, tls: bool) -> Option<Cookie<'static>> {
        let value = self.visitor.clone().filter(|_| self.is_new)?;
        Some(build(VISITOR, value, tls).finish())
    }
}

fn token_of(value: &str) -> String {
    Digest::for_purpose(FORM_TOKEN, value).to_text()
}

/// The cookie that signs in.
pub(super) fn signed_in(session: &SessionCookie, tls: bool) -> Cookie<'static> {
    let seconds = i64::try_from(TOTAL_LIMIT.as_secs()).unwrap_or(0);
    build(SESSION, session.expose().to_owned(), tls).max_age(Duration::seconds(seconds)).finish()
}

/// The cookie that signs out.
pub(super) fn signed_out(tls: bool) -> Cookie<'static> {
    build(SESSION, String::new(), tls).max_age(Duration::ZERO).finish()
}

/// Whether the browser speaks TLS, to us or to a proxy in front.
pub(super) fn is_tls(request: &HttpRequest) -> bool {
    request.connection_info().scheme() == "https"
}

fn full_name(name: &'static str, tls: bool) -> String {
    // The prefix makes the browser refuse the cookie from another host and over plain HTTP.
    if tls { format!("__Host-{name}") } else { name.to_owned() }
}

fn build(name: &'static str, value: String, tls: bool) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(full_name(name, tls), value).path("/").http_only(true).same_site(SameSite::Lax).secure(tls)
}
