//! `GET /v1/stream`: the log as it grows, as server-sent events. `src/sse.rs` says what is told and how to go on.

use super::Problem;
use super::call::Call;
use super::events::{EventDoc, read_filter};
use crate::admin::Permission;
use crate::admin::event::{Filter, Row};
use crate::admin::tail::Mark;
use crate::sse;
use actix_web::HttpResponse;
use serde::Serialize;

/// What `at` and `Last-Event-ID` are.
const EXPECTED: &str = "the last `id` of a stream, or an event's id, as `ev_7`";

#[derive(Serialize)]
struct MessageDoc {
    #[serde(flatten)]
    event: EventDoc,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<bool>,
}

/// Handles the call. The header counts before the parameter, because who tries again keeps the address.
pub(super) async fn follow(call: Call) -> Result<HttpResponse, Problem> {
    let mut parameters = call.parameters();
    let filter = read_filter(&mut parameters, true);
    let at = parameters.read("at", EXPECTED, Mark::parse);
    let last = call.header(sse::LAST_EVENT_ID).map(str::to_owned);
    let last = parameters.check("Last-Event-ID", EXPECTED, last.as_deref(), Mark::parse);
    let known: Vec<&str> = Filter::NAMES.into_iter().chain(["at"]).collect();
    parameters.finish(&known)?;
    let tail = call.admin.tail(filter, last.or(at)).ok_or(Problem::Busy)?;
    let show = |row: Row, matches: Option<bool>| {
        serde_json::to_string(&MessageDoc { event: EventDoc::from(row), matches }).unwrap_or_default()
    };
    let (admin, token) = (call.admin.clone(), call.token().to_owned());
    let may_listen = move || {
        let (admin, token) = (admin.clone(), token.clone());
        let asked = async move {
            let caller = admin.api_caller(&token).await;
            caller.is_ok_and(|caller| caller.is_some_and(|caller| caller.may(Permission::SeeEvents)))
        };
        Box::pin(asked) as _
    };
    let body = sse::body(tail, Box::new(show), Box::new(may_listen));
    Ok(HttpResponse::Ok().content_type(sse::MEDIA_TYPE).streaming(body))
}
