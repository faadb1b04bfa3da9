//! Answers, with the headers that every one of them carries.

use super::error::PageError;
use super::visit::Answer;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

/// No inline script, no inline style, nothing from elsewhere, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn html(page: &impl Template) -> Answer {
    html_with(StatusCode::OK, page)
}

/// A page that is not simply fine.
pub(super) fn html_with(status: StatusCode, page: &impl Template) -> Answer {
    let body = page.render().map_err(PageError::Template)?;
    Ok(HttpResponseBuilder::new(status).content_type("text/html; charset=utf-8").body(body))
}

/// On to another page; after a form, so that reloading does not post it again.
pub(super) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// A path on this host to go on to, or `/` when it is anything else.
pub(super) fn local_path(path: &str) -> &str {
    let local = path.starts_with('/') && !path.starts_with("//");
    // Browsers read a backslash as a slash and skip control characters.
    if local && !path.contains('\\') && !path.chars().any(char::is_control) { path } else { "/" }
}

/// Puts on what every answer of the console carries.
pub(super) fn protect(response: &mut HttpResponse, tls: bool) {
    let headers = response.headers_mut();
    let mut set =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if tls {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_on_this_host_is_gone_on_to() {
        for (path, expected) in [
            ("/events?state=failed", "/events?state=failed"),
            ("//example.com", "/"),
            ("/\\example.com", "/"),
            ("/\t/example.com", "/"),
            ("https://example.com/", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(path), expected, "{path}");
        }
    }
}
