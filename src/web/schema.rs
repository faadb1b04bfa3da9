//! The JSON Schemas of rule files, for editors that are given an address. Public, because they hold nothing but the shape of
//! the language, and editors sign in nowhere.

use super::error::PageError;
use super::visit::{Answer, Visit};
use crate::engine::rules::shape::{self, Draft, Subject};
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

/// `GET /schema/{file}`: `entry.json`, `pack.json` or `cases.json`, in draft 2020-12.
pub(super) async fn newest(visit: Visit) -> Answer {
    serve(&visit, Draft::Draft202012)
}

/// `GET /schema/draft-07/{file}`: the same in draft-07.
pub(super) async fn draft_07(visit: Visit) -> Answer {
    serve(&visit, Draft::Draft07)
}

fn serve(visit: &Visit, draft: Draft) -> Answer {
    let name = visit.part("file").strip_suffix(".json").ok_or(PageError::NotFound)?;
    let subject = Subject::find(name).ok_or(PageError::NotFound)?;
    // Another version of the program may know other keys.
    Ok(HttpResponse::Ok()
        .content_type("application/schema+json")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(shape::render(subject, draft)))
}
