//! `/v1/events`, one event, its attempts, and `/v1/dead-letters`: the console's list and page of an event as JSON.

use super::attempt::{AttemptsDoc, moment};
use super::call::{Call, Parameters};
use super::{Problem, RequestError, answer};
use crate::admin::event::{EventDetail, Filter, FilterProblem, MOST_ROWS, Row, Stage, StageFilter, Who};
use crate::engine::Preview;
use crate::journal::{End, Refusal, Replaced, Seq};
use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

/// Events of a page, unless `limit` says otherwise.
const PAGE: usize = 50;
/// RFC 8288.
const LINK: HeaderName = HeaderName::from_static("link");

/// An event, as lists and streams show it.
#[derive(Serialize)]
pub(super) struct EventDoc {
    id: String,
    received_at: String,
    state: &'static str,
    /// Whether it failed where it came in, so that no rule was asked.
    failed_on_ingest: bool,
    code: Option<String>,
    r#type: Option<String>,
    /// The event's name, or a page's or screen's.
    name: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    /// Whether it was erased at the person's request.
    erased: bool,
}

#[derive(Serialize)]
struct PageDoc {
    events: Vec<EventDoc>,
    /// What `before` is for the next page; none at the end.
    next: Option<String>,
    /// Events that were looked at, or that an index rules out.
    searched: u64,
    /// Whether the page is short because it looked at as many events as it may; then `next` goes on searching.
    cut_short: bool,
    /// What `at` is for a stream that goes on from here; only with the newest page.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_at: Option<String>,
}

#[derive(Serialize)]
struct DetailDoc {
    id: String,
    received_at: String,
    state: &'static str,
    failed_on_ingest: bool,
    erased_at: Option<String>,
    /// As stored, byte for byte; none once it is erased, or where damage took it.
    event: Option<Box<RawValue>>,
    /// The end it has; none while it is pending.
    end: Option<EndDoc>,
    /// The end that delivery gave it, where a job gave it another one since.
    first_end: Option<EndDoc>,
    /// The job that gave it the end it has.
    sent_again_by: Option<String>,
    refusal: Option<Refusal>,
    #[serde(flatten)]
    attempts: AttemptsDoc,
    /// What the rules in force make of it. `revision` beside `end.revision` says whether it was sent with others.
    evaluation: Preview,
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Serialize)]
struct EndDoc {
    state: &'static str,
    code: Option<String>,
    message: Option<String>,
    upload: Option<u64>,
    /// The rules it was evaluated with.
    revision: String,
}

/// Handles `GET /v1/events`.
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    page(call, "/api/v1/events", None).await
}

/// Handles `GET /v1/dead-letters`: the events that CleverTap refused for good, or whose retries ran out.
pub(super) async fn dead_letters(call: Call) -> Result<HttpResponse, Problem> {
    page(call, "/api/v1/dead-letters", Some(StageFilter::Dead)).await
}

async fn page(call: Call, path: &str, state: Option<StageFilter>) -> Result<HttpResponse, Problem> {
    let mut parameters = call.parameters();
    let mut filter = read_filter(&mut parameters, state.is_none());
    let before = parameters.read("before", "an event's id as `ev_7`", Seq::parse);
    let most: Option<usize> = parameters.read("limit", &format!("a number from 1 to {MOST_ROWS}"), |text| {
        text.parse().ok().filter(|limit| (1..=MOST_ROWS).contains(limit))
    });
    let known: Vec<&str> = Filter::NAMES.into_iter().chain(["before", "limit"]).collect();
    // Of dead letters the state is given.
    parameters.finish(if state.is_some() { known.get(1..).unwrap_or_default() } else { &known })?;
    filter.state = state.or(filter.state);
    let list = call.admin.events_at_most(&filter, before, most.unwrap_or(PAGE)).await?;
    let link = list.next.map(|next| {
        let mut pairs = filter.pairs();
        pairs.retain(|(name, _)| state.is_none() || *name != "state");
        pairs.push(("before", next.to_string()));
        pairs.extend(most.map(|most| ("limit", most.to_string())));
        format!("<{path}?{}>; rel=\"next\"", query(&pairs))
    });
    let mut response = answer::json(&PageDoc {
        events: list.rows.into_iter().map(EventDoc::from).collect(),
        next: list.next.map(|next| next.to_string()),
        searched: list.searched,
        cut_short: list.cut_short,
        stream_at: before.is_none().then(|| list.mark.to_string()),
    })?;
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, value);
    }
    Ok(response)
}

/// Takes a filter out of the parameters, which keep what is wrong with it.
pub(super) fn read_filter(parameters: &mut Parameters, with_state: bool) -> Filter {
    let (filter, problems) = Filter::read(|name| match name {
        "state" if !with_state => String::new(),
        name => parameters.take(name).unwrap_or_default(),
    });
    let error = |problem: &FilterProblem| RequestError::parameter(problem.name(), problem.to_string());
    parameters.complain(problems.iter().map(error));
    filter
}

/// Handles `GET /v1/events/{id}`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let event = find(&call).await?;
    let attempts = AttemptsDoc::new(&event, call.admin.timeline(&event).await?);
    answer::json(&DetailDoc::new(event, attempts))
}

/// Handles `GET /v1/events/{id}/attempts`.
pub(super) async fn attempts(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let event = find(&call).await?;
    let timeline = call.admin.timeline(&event).await?;
    answer::json(&AttemptsDoc::new(&event, timeline))
}

async fn find(call: &Call) -> Result<EventDetail, Problem> {
    let place = Seq::parse(call.segment("id")).ok_or(Problem::NotFound)?;
    call.admin.event(place).await?.ok_or(Problem::NotFound)
}

impl From<Row> for EventDoc {
    fn from(row: Row) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let user_id = match row.summary.who {
            Who::User(id) => Some(id),
            Who::Anonymous(_) | Who::Nobody => None,
        };
        Self {
            id: row.seq.to_string(),
            received_at: moment(row.received_at),
            state: row.stage.name(),
            failed_on_ingest: row.stage == Stage::FailedOnIngest,
            code: row.code,
            r#type: filled(row.summary.kind),
            name: filled(row.summary.name),
            user_id,
            anonymous_id: filled(row.summary.anonymous_id),
            erased: row.is_erased,
        }
    }
}

impl DetailDoc {
    fn new(event: EventDetail, attempts: AttemptsDoc) -> Self {
        let replaced = event.again.map(|again| again.replaced);
        let (first_end, by) = match replaced {
            Some(Replaced { first, by }) => (Some(EndDoc::from(first)), Some(by.0.to_string())),
            None => (None, None),
        };
        Self {
            id: event.seq.to_string(),
            received_at: moment(event.received_at),
            state: event.stage.name(),
            failed_on_ingest: event.stage == Stage::FailedOnIngest,
            erased_at: event.erased_at.map(moment),
            event: RawValue::from_string(event.body).ok(),
            end: event.end.map(EndDoc::from),
            first_end,
            sent_again_by: by,
            refusal: event.refusal,
            attempts,
            evaluation: Preview { trace: None, ..event.preview },
            older: event.neighbours.0.map(|place| place.to_string()),
            newer: event.neighbours.1.map(|place| place.to_string()),
        }
    }
}

impl From<End> for EndDoc {
    fn from(end: End) -> Self {
        let End { state, code, message, upload, revision } = end;
        Self { state: Stage::from(state).name(), code, message, upload: upload.map(|id| id.0), revision }
    }
}

/// Names and values as a query has them.
fn query(pairs: &[(&str, String)]) -> String {
    let encode = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    encoded.push(byte.into());
                }
                other => encoded.push_str(&format!("%{other:02X}")),
            }
        }
        encoded
    };
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}
