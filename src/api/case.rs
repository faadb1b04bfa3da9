//! `GET /v1/events/{id}/case` and `/difference`: a test case of a captured event, and what became of its parts.

use super::call::Call;
use super::{Problem, answer};
use crate::admin::event::{EventDetail, Fate, PastDifference, Timeline, fates};
use crate::engine::proof::Replaced;
use crate::journal::Seq;
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct CaseDoc {
    /// The name to save it under in `rules/tests/`.
    file: String,
    yaml: String,
    replaced: Vec<Replaced>,
    /// How the event ends and how the redacted one does, where a rule looks at what was replaced.
    ends_otherwise: Option<(String, String)>,
}

#[derive(Serialize)]
struct DifferenceDoc<'a> {
    /// The rules in force.
    revision: &'a str,
    parts: Vec<Fate>,
    /// What it became when it ended; null where the rules in force are those.
    then: Option<ThenDoc>,
    timeline: Timeline,
}

#[derive(Serialize)]
struct ThenDoc {
    revision: String,
    /// Whether that revision is kept; where not, there is nothing to compare.
    kept: bool,
    records: Vec<Box<RawValue>>,
    differences: Vec<PastDifference>,
}

/// Handles the call for a case.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    let event = find(&call).await?;
    if event.erased_at.is_some() || event.is_deletion() {
        return Err(Problem::Conflict("what was erased, or asks for a deletion, has no case".to_owned()));
    }
    let case = call.admin.case_of(&event).await.map_err(|error| Problem::Conflict(error.to_string()))?;
    let (file, yaml, replaced, ends_otherwise) = (case.file, case.text, case.replaced, case.ends_otherwise);
    answer::json(&CaseDoc { file, yaml, replaced, ends_otherwise })
}

/// Handles the call for the difference.
pub(super) async fn difference(call: Call) -> Result<HttpResponse, Problem> {
    let event = find(&call).await?;
    let then = call.admin.past(&event).await?.map(|past| match past.made {
        Some(made) => ThenDoc {
            revision: past.revision,
            kept: true,
            records: made.preview.records,
            differences: made.differences,
        },
        None => {
            ThenDoc { revision: past.revision, kept: false, records: Vec::new(), differences: Vec::new() }
        }
    });
    let timeline = call.admin.timeline(&event).await?;
    let parts = fates(&event.body, &event.preview);
    answer::json(&DifferenceDoc { revision: &event.preview.revision, parts, then, timeline })
}

async fn find(call: &Call) -> Result<EventDetail, Problem> {
    let seq = Seq::parse(call.segment("id")).ok_or(Problem::NotFound)?;
    call.admin.event(seq).await?.ok_or(Problem::NotFound)
}
