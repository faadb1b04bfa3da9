//! `GET /events/stream`: the rows of the live view, as server-sent events. `src/sse.rs` says what is told.
//!
//! A row is rendered by the template that renders it on the page, so that there is one truth of how an event looks.

use super::error::PageError;
use super::view::RowView;
use super::visit::{Answer, Visit};
use crate::admin::AdminError;
use crate::admin::event::{Filter, Row};
use crate::admin::tail::Mark;
use crate::sse;
use actix_web::HttpResponse;
use actix_web::http::Method;
use askama::Template;
use serde::Serialize;

/// One row alone.
#[derive(Template)]
#[template(path = "part/event_row.html")]
struct RowPart {
    row: RowView,
}

#[derive(Serialize)]
struct MessageDoc {
    id: String,
    html: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<bool>,
}

/// Handles the request. What is wrong with the filter, the page has said.
pub(super) async fn follow(visit: Visit) -> Answer {
    let mut answer = HttpResponse::Ok();
    answer.content_type(sse::MEDIA_TYPE);
    if visit.request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let query = visit.query();
    let (filter, _) = Filter::read(|name| query.get(name).to_owned());
    let header = visit.request.headers().get(sse::LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    // The header counts before the address, because a browser that tries again keeps the address.
    let mark = header.and_then(Mark::parse).or_else(|| Mark::parse(query.get("at")));
    let tail = visit.admin.tail(filter, mark).ok_or(PageError::Admin(AdminError::Busy))?;
    let admin = visit.admin.clone();
    let show = move |row: Row, matches: Option<bool>| {
        let now = admin.now();
        let row = RowView::new(row, now);
        let id = row.id.clone();
        let html = RowPart { row }.render().unwrap_or_default();
        serde_json::to_string(&MessageDoc { id, html, matches }).unwrap_or_default()
    };
    let (admin, cookie) = (visit.admin.clone(), visit.browser.session.clone());
    let may_listen = move || {
        let (admin, cookie) = (admin.clone(), cookie.clone());
        let asked = async move {
            let Some(cookie) = cookie else { return false };
            admin.session_lasts(&cookie).await.unwrap_or_default()
        };
        Box::pin(asked) as _
    };
    Ok(answer.streaming(sse::body(tail, Box::new(show), Box::new(may_listen))))
}
