//! What `tapline preview`, the API and the console show of one event: the contract's shape, made in one place.

use super::evaluate::{Context, Evaluator, Outcome};
use super::event::Person;
use super::reason::Reason;
use super::trace::{NoTrace, Trace};
use super::warning::Warning;
use serde::Serialize;
use serde_json::value::RawValue;

/// A previewed event; serialises to the contract's shape, fields in this order.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// `mapped`, `filtered` or `failed`.
    pub outcome: &'static str,
    /// Why it was not mapped.
    pub reason: Option<Reason>,
    /// The records, byte for byte as they would be uploaded.
    pub records: Vec<Box<RawValue>>,
    /// What was cut, dropped or left out.
    pub warnings: Vec<Warning>,
    /// The plan's revision.
    pub revision: String,
    /// Present only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// Evaluates one event for showing. `event` is any text; what is no event comes back as failed.
pub fn preview(evaluator: &mut Evaluator, event: &[u8], context: &Context, traced: bool) -> Preview {
    let revision = evaluator.plan().revision().to_owned();
    if let Some(person) = Person::of_deletion(event) {
        return preview_deletion(&person, revision, traced);
    }
    let mut trace = Trace::default();
    let evaluation = match traced {
        true => evaluator.evaluate_traced(event, context, &mut trace),
        false => evaluator.evaluate_traced(event, context, &mut NoTrace),
    };
    let raw = |json: &[u8]| RawValue::from_string(String::from_utf8_lossy(json).into_owned()).ok();
    let records = evaluation.records().filter_map(|record| raw(record.json)).collect();
    let warnings = evaluation.warnings();
    let (outcome, reason) = match evaluation.outcome {
        Outcome::Mapped => ("mapped", None),
        Outcome::Filtered(reason) => ("filtered", Some(reason)),
        Outcome::Failed(reason) => ("failed", Some(reason)),
    };
    Preview { outcome, reason, records, warnings, revision, trace: traced.then_some(trace) }
}

/// A deletion is shown as mapped, because it leads to a call at CleverTap; what stands for its record is that call's body,
/// and a warning says that it is no upload and what else happens.
fn preview_deletion(person: &Person, revision: String, traced: bool) -> Preview {
    let is_sendable = person.is_sendable();
    let body = Person::render_call(std::iter::once(person));
    let record = String::from_utf8(body).ok().and_then(|body| RawValue::from_string(body).ok());
    Preview {
        outcome: "mapped",
        reason: None,
        records: record.filter(|_| is_sendable).into_iter().collect(),
        warnings: vec![Warning::of_deletion(is_sendable)],
        revision,
        trace: traced.then(Trace::default),
    }
}
