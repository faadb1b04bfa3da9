//! Good answers, and the headers that good and bad ones carry.

use super::Problem;
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;

/// `200` with JSON.
pub(super) fn json<T: Serialize>(body: &T) -> Result<HttpResponse, Problem> {
    with_status(StatusCode::OK, body)
}

/// `201` with JSON: it is there now.
pub(super) fn created<T: Serialize>(body: &T) -> Result<HttpResponse, Problem> {
    with_status(StatusCode::CREATED, body)
}

/// `202` with JSON: it is stored and will be done.
pub(super) fn accepted<T: Serialize>(body: &T) -> Result<HttpResponse, Problem> {
    with_status(StatusCode::ACCEPTED, body)
}

fn with_status<T: Serialize>(status: StatusCode, body: &T) -> Result<HttpResponse, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| {
        RequestFailed { what: Unanswered::Json, route: None, error: Cause::of(&error) }.tell();
        Problem::Failed
    })?;
    Ok(HttpResponse::build(status).content_type("application/json").body(body))
}

/// Puts on what every answer carries.
pub(super) fn finish(answer: Result<HttpResponse, Problem>) -> HttpResponse {
    let mut response = answer.unwrap_or_else(|problem| problem.response());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
