//! `/v1/sandbox`: whether records go to the built-in stand-in, what it took, and the way in and out.

use super::call::Call;
use super::member::Members;
use super::{Problem, RequestError, answer};
use crate::admin::{Author, EnterOutcome, LeaveOutcome, SandboxView, Waiting};
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct SandboxDoc {
    on: bool,
    /// Events that wait at this moment.
    waiting: u64,
    /// Records taken since the process was started.
    taken: usize,
    /// The newest of them, as they arrived.
    records: Vec<Box<RawValue>>,
    /// The people it knows, in the shape of CleverTap's profile API.
    people: Vec<Box<RawValue>>,
    /// The job that sends what it took to CleverTap, where leaving made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
}

/// Handles `GET /v1/sandbox`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    shown(&call, None)
}

/// Handles `POST /v1/sandbox/enter`.
pub(super) async fn enter(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let mut members = Members::parse(&call.body)?;
    let waiting = waiting(&mut members);
    members.finish(&["waiting"])?;
    match call.admin.enter_sandbox(&Author::from(&call.caller), waiting).await? {
        EnterOutcome::On => shown(&call, None),
        EnterOutcome::Waiting(events) => Err(Problem::Conflict(format!(
            "what waits now ({events}) would go to the sandbox instead of to CleverTap; send \
             `\"waiting\": \"to_sandbox\"` if it may"
        ))),
    }
}

/// Handles `POST /v1/sandbox/leave`.
pub(super) async fn leave(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let mut members = Members::parse(&call.body)?;
    let waiting = waiting(&mut members);
    let send_again: Option<bool> = members.read("send_again", "`true` or `false`");
    if waiting.is_none() && members.errors.is_empty() {
        let detail = "expected where what waits goes: `to_clevertap` or `to_sandbox`";
        members.errors.push(RequestError::new("/waiting", detail));
    }
    members.finish(&["waiting", "send_again"])?;
    let Some(waiting) = waiting else { return Err(Problem::Failed) };
    let author = Author::from(&call.caller);
    match call.admin.leave_sandbox(&author, waiting, send_again.unwrap_or_default()).await? {
        LeaveOutcome::Off(job) => shown(&call, job.map(|job| job.0.to_string())),
        LeaveOutcome::Waiting(events) => Err(Problem::Conflict(format!(
            "the sandbox is still on: it has not taken everything that waits ({events}); deletions wait in any case"
        ))),
        LeaveOutcome::TooManyJobs(jobs) => Err(Problem::Conflict(format!(
            "the sandbox is off, and what it took is not sent again, because {jobs} jobs wait already"
        ))),
    }
}

fn waiting(members: &mut Members<'_>) -> Option<Waiting> {
    let word: String = members.read("waiting", "`to_clevertap` or `to_sandbox`")?;
    let waiting = Waiting::parse(&word);
    if waiting.is_none() {
        let detail = "expected `to_clevertap` or `to_sandbox`, found another word";
        members.errors.push(RequestError::new("/waiting", detail));
    }
    waiting
}

fn shown(call: &Call, replay: Option<String>) -> Result<HttpResponse, Problem> {
    let SandboxView { is_on, taken, waiting, .. } = call.admin.sandbox();
    let raw =
        |texts: Vec<String>| texts.into_iter().filter_map(|text| RawValue::from_string(text).ok()).collect();
    answer::json(&SandboxDoc {
        on: is_on,
        waiting,
        taken: taken.count,
        records: raw(taken.records),
        people: raw(taken.people),
        replay,
    })
}
