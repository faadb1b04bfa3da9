//! `/v1/replays`: sending events again, as jobs.

use super::call::Call;
use super::member::{Members, pointer};
use super::{Problem, RequestError, answer};
use crate::admin::event::{Filter, StageFilter};
use crate::admin::resend::{
    JobState, OrderOutcome, OrderProblem, Payload, ResendJob, ResendOrder, ResendReason, Selection,
    SkipReason, Survey, Tally,
};
use crate::clock::Millis;
use crate::journal::{ResendId, Seq};
use actix_web::HttpResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The members of an order.
const KNOWN: [&str; 6] = ["events", "filter", "mode", "event", "include_delivered", "dry_run"];
/// The members of a filter.
const FILTER: [&str; 9] = ["status", "type", "event", "name", "user", "code", "text", "since", "until"];
/// Jobs of a page.
const PAGE: usize = 50;
/// The most that can be asked for.
const PAGE_MOST: usize = 200;

/// What an order says.
struct Request {
    order: ResendOrder,
    dry_run: bool,
}

/// `202` for an order.
#[derive(Serialize)]
struct TakenDoc {
    id: String,
}

/// `200` for a dry run.
#[derive(Serialize)]
struct SurveyDoc {
    selected: u64,
    to_send: u64,
    records: u64,
    filtered: u64,
    failed: u64,
    skipped: BTreeMap<SkipReason, u64>,
    /// Why events would be filtered or fail.
    codes: BTreeMap<String, u64>,
    scanned: u64,
    /// Whether everything was looked at; else the counts are of the part that was.
    complete: bool,
}

/// A job.
#[derive(Serialize)]
struct JobDoc<'a> {
    id: String,
    state: &'static str,
    mode: &'static str,
    include_delivered: bool,
    /// Beside `done` and `cancelled`: whether somebody has asked to cancel it.
    cancelling: bool,
    /// From 0 to 1.
    progress: f64,
    #[serde(flatten)]
    tally: &'a Tally,
    created_at: String,
    created_by: &'a str,
    started_at: Option<String>,
    ended_at: Option<String>,
    cancelled_by: Option<&'a str>,
    /// Why nothing is sent at the moment, while the job is open and that is so.
    paused: Option<PauseDoc>,
}

#[derive(Serialize)]
struct PauseDoc {
    code: &'static str,
    message: String,
}

/// Why events of a job were not delivered.
#[derive(Serialize)]
struct ReasonsDoc {
    reasons: Vec<ReasonDoc>,
    /// Whether every event was looked at.
    complete: bool,
}

#[derive(Serialize)]
struct ReasonDoc {
    state: &'static str,
    code: String,
    /// The newest event's.
    message: Option<String>,
    events: u64,
    /// The newest of them.
    event: String,
}

#[derive(Serialize)]
struct PageDoc<'a> {
    replays: Vec<JobDoc<'a>>,
    /// What `before` is for the next page.
    next: Option<String>,
}

/// Handles `POST /v1/replays`.
pub(super) async fn order(call: Call) -> Result<HttpResponse, Problem> {
    let key = call.idempotency_key()?;
    call.parameters().finish(&[])?;
    let Request { order, dry_run } = parse(&call.body)?;
    if dry_run {
        return match call.admin.resend_survey(order).await? {
            Ok(survey) => answer::json(&SurveyDoc::from(survey)),
            Err(problems) => Err(unfit(&problems)),
        };
    }
    match call.admin.resend(order, &call.caller.name, key).await? {
        OrderOutcome::Taken(job) => answer::accepted(&TakenDoc { id: job.id.0.to_string() }),
        OrderOutcome::Unfit(problems) => Err(unfit(&problems)),
        OrderOutcome::KeyReused => Err(Problem::KeyReused),
        OrderOutcome::TooManyWaiting(waiting) => Err(Problem::Conflict(format!(
            "{waiting} jobs wait already; cancel some, or try again when they have ended"
        ))),
    }
}

/// Handles `GET /v1/replays`.
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let mut parameters = call.parameters();
    let before = parameters.read("before", "the number of a job", |text| text.parse().ok().map(ResendId));
    let most = parameters.read("limit", &format!("a number from 1 to {PAGE_MOST}"), |text| {
        text.parse().ok().filter(|limit| (1..=PAGE_MOST).contains(limit))
    });
    parameters.finish(&["before", "limit"])?;
    let (jobs, next) = call.admin.resend_jobs(before, most.unwrap_or(PAGE)).await?;
    let next = next.map(|next| next.0.to_string());
    answer::json(&PageDoc { replays: jobs.iter().map(JobDoc::from).collect(), next })
}

/// Handles `GET /v1/replays/{id}`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let job = call.admin.resend_job(ResendId(call.segment_as("id")?)).await?.ok_or(Problem::NotFound)?;
    let paused = call.admin.delivery_pause().filter(|_| !job.state.is_over());
    let paused = paused.map(|pause| PauseDoc { code: pause.code, message: pause.message });
    answer::json(&JobDoc { paused, ..JobDoc::from(&job) })
}

/// Handles `GET /v1/replays/{id}/reasons`.
pub(super) async fn reasons(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let job = call.admin.resend_job(ResendId(call.segment_as("id")?)).await?.ok_or(Problem::NotFound)?;
    let found = call.admin.resend_reasons(&job).await?;
    let reason = |reason: ResendReason| ReasonDoc {
        state: reason.state,
        code: reason.code,
        message: reason.message,
        events: reason.events,
        event: reason.newest.to_string(),
    };
    answer::json(&ReasonsDoc {
        reasons: found.reasons.into_iter().map(reason).collect(),
        complete: found.complete,
    })
}

/// Handles `POST /v1/replays/{id}/cancel`. One that is over is answered as it is.
pub(super) async fn cancel(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let id = ResendId(call.segment_as("id")?);
    let job = call.admin.cancel_resend(id, &call.caller.name).await?.ok_or(Problem::NotFound)?;
    answer::json(&JobDoc::from(&job))
}

fn parse(body: &[u8]) -> Result<Request, Problem> {
    let mut members = Members::parse(body)?;
    let events: Option<Vec<String>> = members.read("events", "an array of event ids as `ev_7`");
    let filter = members.take("filter");
    let mode: Option<String> = members.read("mode", "`same`, `current` or `edited`");
    let event = members.take("event").map(|event| event.get().to_owned());
    let include_delivered = members.read("include_delivered", "`true` or `false`").unwrap_or_default();
    let dry_run = members.read("dry_run", "`true` or `false`").unwrap_or_default();
    let mut wrong = |pointer: &str, detail: String| members.errors.push(RequestError::new(pointer, detail));
    let payload = match (mode.as_deref(), event) {
        (None | Some("current"), None) => Some(Payload::Current),
        (Some("same"), None) => Some(Payload::Same),
        (Some("edited") | None, Some(event)) => Some(Payload::Edited(event)),
        (Some("edited"), None) => {
            wrong("/event", "expected the edited event, found nothing".to_owned());
            None
        }
        (Some(mode @ ("same" | "current")), Some(_)) => {
            wrong("/event", format!("expected no event with the mode `{mode}`; `edited` sends one"));
            None
        }
        (Some(mode), _) => {
            wrong("/mode", format!("expected `same`, `current` or `edited`, found `{mode}`"));
            None
        }
    };
    let mut places = Vec::new();
    for (index, event) in events.iter().flatten().enumerate() {
        match Seq::parse(event) {
            Some(place) => places.push(place),
            None => wrong(&format!("/events/{index}"), format!("expected an id as `ev_7`, found `{event}`")),
        }
    }
    let selection = match (&events, filter) {
        (Some(_), None) => Some(Selection::Events(places)),
        (None, Some(filter)) => selection(filter, &mut members.errors),
        (Some(_), Some(_)) => {
            wrong("/filter", "expected either `events` or `filter`, found both".to_owned());
            None
        }
        (None, None) => {
            // Where `events` was of the wrong type, that has been said.
            if !members.errors.iter().any(|error| error.pointer.starts_with("/events")) {
                members.errors.push(RequestError::new("", "expected `events` or `filter`, found neither"));
            }
            None
        }
    };
    members.finish(&KNOWN)?;
    // What is missing has been told.
    let (Some(payload), Some(selection)) = (payload, selection) else { return Err(Problem::Failed) };
    Ok(Request { order: ResendOrder { selection, payload, include_delivered }, dry_run })
}

/// A status, or several of which one must hold.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum StatusDoc {
    One(String),
    Many(Vec<String>),
}

/// All that match a filter, read from `filter`; none where something is wrong with it.
pub(super) fn selection(filter: &RawValue, errors: &mut Vec<RequestError>) -> Option<Selection> {
    let mut members = match Members::parse(filter.get().as_bytes()) {
        Ok(members) => members,
        Err(_) => {
            errors.push(RequestError::new("/filter", "expected an object of what must hold"));
            return None;
        }
    };
    let status = members.read::<StatusDoc>("status", "a status, or an array of them");
    let mut text = |name: &str| members.read::<String>(name, "text").filter(|text| !text.is_empty());
    let mut filter = Filter {
        kind: text("type"),
        event: text("event"),
        name: text("name"),
        user: text("user"),
        code: text("code"),
        text: text("text"),
        ..Filter::default()
    };
    (filter.from, filter.to) = (moment_of(&mut members, "since"), moment_of(&mut members, "until"));
    let mut states = Vec::new();
    let named = match status {
        None => Vec::new(),
        Some(StatusDoc::One(status)) => vec![status],
        Some(StatusDoc::Many(all)) => all,
    };
    for status in named {
        match StageFilter::parse(&status) {
            Some(state) => states.push(state),
            None => {
                let known = StageFilter::ALL.map(StageFilter::name).join("`, `");
                let detail = format!("expected one of `{known}`, found `{status}`");
                members.errors.push(RequestError::new("/status", detail));
            }
        }
    }
    if let Err(Problem::Invalid(found)) = members.finish(&FILTER) {
        let inside =
            |error: RequestError| RequestError { pointer: format!("/filter{}", error.pointer), ..error };
        errors.extend(found.into_iter().map(inside));
        return None;
    }
    Some(Selection::Matching { states, filter })
}

fn moment_of(members: &mut Members<'_>, name: &str) -> Option<Millis> {
    const EXPECTED: &str = "a time as `2026-11-23T10:15:00Z`, or a date as `2026-11-23`";
    let text: String = members.read(name, EXPECTED)?;
    // A date is its first moment, in UTC; what says more than a date is read as a time.
    let date = || match text.len() {
        10 => format!("{text}T00:00:00Z").parse::<Timestamp>().ok(),
        _ => None,
    };
    match text.parse::<Timestamp>().ok().or_else(date) {
        Some(moment) => Some(Millis(moment.as_millisecond())),
        None => {
            let detail = format!("expected {EXPECTED}, found `{text}`");
            members.errors.push(RequestError::new(pointer(name), detail));
            None
        }
    }
}

fn unfit(problems: &[OrderProblem]) -> Problem {
    let error = |problem: &OrderProblem| {
        RequestError::new(if problem.is_about_payload() { "/event" } else { "/events" }, problem.to_string())
    };
    Problem::Invalid(problems.iter().map(error).collect())
}

impl From<Survey> for SurveyDoc {
    fn from(survey: Survey) -> Self {
        let Tally { selected, filtered, failed, skipped, .. } = survey.tally;
        let Survey { to_send, records, codes, scanned, complete, .. } = survey;
        Self { selected, to_send, records, filtered, failed, skipped, codes, scanned, complete }
    }
}

impl<'a> From<&'a ResendJob> for JobDoc<'a> {
    fn from(job: &'a ResendJob) -> Self {
        Self {
            id: job.id.0.to_string(),
            state: job.state.name(),
            mode: job.mode.name(),
            include_delivered: job.include_delivered,
            cancelling: job.cancelled_by.is_some() && job.state == JobState::Running,
            progress: job.progress(),
            tally: &job.tally,
            created_at: moment(job.created_at),
            created_by: &job.created_by,
            started_at: job.started_at.map(moment),
            ended_at: job.ended_at.map(moment),
            cancelled_by: job.cancelled_by.as_deref(),
            paused: None,
        }
    }
}

/// RFC 3339, in UTC.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(body: &str) -> Vec<String> {
        match parse(body.as_bytes()) {
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
            Ok(_) => Vec::new(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_problem_of_an_order_is_named_at_once() {
        for (body, expected) in [
            ("{}", &[""][..]),
            (r#"{"events":["ev_1","7"],"filter":{},"mode":"x"}"#, &["/mode", "/events/1", "/filter"]),
            (r#"{"events":3}"#, &["/events"]),
            (
                r#"{"filter":{"status":["dead","lost"],"since":"today","user":7,"other":1}}"#,
                &["/filter/user", "/filter/since", "/filter/status", "/filter/other"],
            ),
            (r#"{"filter":{"until":"2026-02-30"}}"#, &["/filter/until"]),
            (r#"{"filter":[]}"#, &["/filter"]),
            (r#"{"events":["ev_1"],"mode":"edited"}"#, &["/event"]),
            (r#"{"events":["ev_1"],"mode":"same","event":{}}"#, &["/event"]),
            (r#"{"events":["ev_1"],"dry_run":"yes","x":1}"#, &["/dry_run", "/x"]),
        ] {
            assert_eq!(pointers(body), expected, "{body}");
        }
    }

    #[test]
    fn an_order_reads_as_it_is_written() {
        let body =
            br#"{"filter":{"status":"dead","user":"u1","since":"1970-01-01T00:00:01Z"},"mode":"same"}"#;
        let Request { order, dry_run } = parse(body).unwrap_or_else(|problem| panic!("{problem:?}"));
        let filter = Filter { user: Some("u1".to_owned()), from: Some(Millis(1000)), ..Filter::default() };
        assert_eq!(order.selection, Selection::Matching { states: vec![StageFilter::Dead], filter });
        assert_eq!((order.payload, order.include_delivered, dry_run), (Payload::Same, false, false));
        let dated = parse(br#"{"filter":{"since":"1970-01-02","until":"1970-01-03"}}"#);
        let Selection::Matching { filter, .. } = dated.unwrap_or_else(|_| panic!()).order.selection else {
            panic!()
        };
        let day = 24 * 60 * 60 * 1000;
        assert_eq!((filter.from, filter.to), (Some(Millis(day)), Some(Millis(2 * day))));
        let edited = parse(br#"{"events":["ev_3","ev_3"],"event":{"n": 1.0}}"#);
        let Payload::Edited(event) = edited.unwrap_or_else(|_| panic!()).order.payload else { panic!() };
        assert_eq!(event, r#"{"n": 1.0}"#, "byte for byte");
    }
}
