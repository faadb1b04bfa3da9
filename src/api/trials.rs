//! `POST /v1/trials`: has CleverTap look at what an event becomes, validated only or, where the body says so, for real.
//!
//! For real it needs `records`, the digest that a validation of the same event answered, so that nothing is sent that
//! nobody has looked at. What is sent is stored in no journal.

use super::call::Call;
use super::member::Members;
use super::{Problem, RequestError, answer};
use crate::admin::{Digest, TrialOrder, TrialOutcome};
use crate::engine::Preview;
use actix_web::HttpResponse;
use serde::Serialize;

/// The members of the request.
const KNOWN: [&str; 3] = ["event", "mode", "records"];

#[derive(Serialize)]
struct TrialDoc {
    /// `validate` or `send`.
    mode: &'static str,
    /// Whether every record was taken.
    good: bool,
    /// The HTTP status; null when no answer came.
    status: Option<u16>,
    /// `success`, `partial`, `fail`, or what happened instead.
    answer: String,
    took_ms: u64,
    /// What is said of each record.
    verdicts: Vec<VerdictDoc>,
    /// By which just these records can be sent for real.
    records: String,
    preview: Preview,
}

#[derive(Serialize)]
struct VerdictDoc {
    taken: bool,
    code: Option<String>,
    message: String,
}

/// Handles the call.
pub(super) async fn order(call: Call) -> Result<HttpResponse, Problem> {
    let mut members = Members::parse(&call.body)?;
    let event = members.take("event").map(|event| event.get().to_owned());
    if event.is_none() {
        members.errors.push(RequestError::new("/event", "expected the event, found nothing"));
    }
    let mode: Option<String> = members.read("mode", "`validate` or `send`");
    let records: Option<String> = members.read("records", "the digest of a validation, as text");
    let digest = records.and_then(|text| Digest::try_from(text).ok());
    let order = match (mode.as_deref(), digest) {
        (None | Some("validate"), _) => Some(TrialOrder::Validate),
        (Some("send"), Some(digest)) => Some(TrialOrder::Send(digest)),
        (Some("send"), None) => {
            let detail = "expected the `records` that a validation of this event answered";
            members.errors.push(RequestError::new("/records", detail));
            None
        }
        (Some(other), _) => {
            let detail = format!("expected `validate` or `send`, found `{other}`");
            members.errors.push(RequestError::new("/mode", detail));
            None
        }
    };
    members.finish(&KNOWN)?;
    // What is missing has been told.
    let (Some(event), Some(order)) = (event, order) else { return Err(Problem::Failed) };
    let mode = if order == TrialOrder::Validate { "validate" } else { "send" };
    let (preview, outcome) = call.admin.try_at_clevertap(&event, None, order, &call.caller.name).await;
    let report = match outcome {
        TrialOutcome::Asked(report) => report,
        TrialOutcome::NotAsked(error) => return Err(Problem::Conflict(error.to_string())),
        TrialOutcome::NothingToSend => {
            let why = preview.reason.map_or_else(String::new, |reason| format!(": {}", reason.message));
            return Err(Problem::Conflict(format!(
                "the event becomes no record that could be uploaded{why}"
            )));
        }
        TrialOutcome::Changed => {
            let detail = "the event becomes other records than those validated; validate it again";
            return Err(Problem::Conflict(detail.to_owned()));
        }
    };
    answer::json(&TrialDoc {
        mode,
        good: report.is_good(),
        status: report.status,
        took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        verdicts: report
            .records
            .into_iter()
            .map(|record| VerdictDoc { taken: record.is_taken, code: record.code, message: record.words })
            .collect(),
        answer: report.words,
        records: call.admin.records_digest(&preview).map(Digest::to_text).unwrap_or_default(),
        preview,
    })
}
