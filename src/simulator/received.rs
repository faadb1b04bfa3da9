//! `GET /received`, `DELETE /received`, `GET /tally`: what tests and people ask the stand-in itself.

use super::State;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use std::fmt::Write;

/// A page of what was taken.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// Skip the first so many.
    #[serde(default)]
    after: usize,
    /// At most so many.
    limit: Option<usize>,
}

/// `{"count":N,"records":[…]}`: how many were taken in all, and those of the page that are still kept, in order and
/// byte for byte.
pub(super) async fn list(page: web::Query<Page>, state: web::Data<State>) -> HttpResponse {
    let intake = state.intake();
    let mut body = format!("{{\"count\":{},\"records\":[", intake.count());
    for (i, (_, record)) in intake.kept_after(page.after).take(page.limit.unwrap_or(usize::MAX)).enumerate() {
        let comma = if i > 0 { "," } else { "" };
        // Writing to a String can not fail.
        let _ = write!(body, "{comma}{record}");
    }
    body.push_str("]}");
    HttpResponse::Ok().content_type("application/json").body(body)
}

/// Forgets what was taken.
pub(super) async fn clear(state: web::Data<State>) -> HttpResponse {
    state.intake().clear();
    HttpResponse::NoContent().finish()
}

/// How often what happened, as [`super::Tally`].
pub(super) async fn tally(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.tally())
}
