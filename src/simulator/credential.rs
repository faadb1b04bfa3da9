//! Who may call: the two headers CleverTap wants.

use super::{State, answer};
use actix_web::{HttpRequest, HttpResponse};
use std::sync::PoisonError;

/// The documented answer to a wrong account or passcode, if they are wrong.
/// The first body is as recorded from the real API in 2017; the second is known from another destination's tests.
pub(super) fn refused(request: &HttpRequest, state: &State) -> Option<HttpResponse> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let account = header("X-CleverTap-Account-Id");
    if account.is_empty() || state.options.account_id.as_deref().is_some_and(|only| only != account) {
        return Some(answer::error(401, "Account ID is not valid"));
    }
    let passcode = header("X-CleverTap-Passcode");
    let only = state.passcode.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong = passcode.is_empty() || only.as_ref().is_some_and(|only| only.expose() != passcode);
    wrong.then(|| answer::error(401, "Invalid Credentials"))
}

/// CleverTap wants `Content-Type: application/json`, with or without a charset.
pub(super) fn is_json(request: &HttpRequest) -> bool {
    let value =
        request.headers().get("Content-Type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
