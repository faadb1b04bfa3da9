//! Save as a test case: the file, what was replaced in it, and the download.

use super::event::find;
use crate::admin::event::EventDetail;
use crate::engine::proof::NewCase;
use crate::web::error::PageError;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::visit::{Answer, Visit};
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use askama::Template;

#[derive(Template)]
#[template(path = "page/case.html")]
struct CasePage {
    shell: Shell,
    id: String,
    /// Why there is none.
    problem: String,
    case: Option<NewCase>,
}

/// `GET /events/{id}/case`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let event = find(&visit).await?;
    let made = make(&visit, &event).await;
    let problem = made.as_ref().err().cloned().unwrap_or_default();
    let (id, case) = (event.seq.to_string(), made.ok());
    html(&CasePage { shell: Shell::of(&visit, Nav::Events), id, problem, case })
}

/// `GET /events/{id}/case/file`.
pub(in crate::web) async fn download(visit: Visit) -> Answer {
    let event = find(&visit).await?;
    let case = make(&visit, &event).await.map_err(|_| PageError::NotFound)?;
    // The name is made of letters, digits and dashes.
    let disposition = format!("attachment; filename=\"{}\"", case.file);
    Ok(HttpResponse::Ok()
        .content_type("text/yaml; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, disposition))
        .body(case.text))
}

async fn make(visit: &Visit, event: &EventDetail) -> Result<NewCase, String> {
    if event.erased_at.is_some() || event.is_deletion() {
        return Err("What was erased, or asks for a person to be deleted, has no case.".to_owned());
    }
    visit
        .admin
        .case_of(event)
        .await
        .map_err(|error| crate::web::view::Prose::sentence(&error.to_string()).plain)
}
