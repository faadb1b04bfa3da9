//! placeholder: what `preview`, the API and the console show of one event.
use super::evaluate::{Context, Evaluator, Reason};
use super::trace::Trace;
use serde::Serialize;
use serde_json::value::RawValue;

/// The contract's shape of a previewed event; serialises to it, fields in this order.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// `mapped`, `filtered` or `failed`.
    pub outcome: &'static str,
    /// Why not mapped.
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

/// Something that was cut, dropped or left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable code.
    pub code: String,
    /// In words.
    pub message: String,
    /// Where in the event, as `properties.products`.
    pub path: String,
}

/// Evaluates one event for showing. `event` is any JSON text; what is not an event comes back as failed.
pub fn preview(_evaluator: &mut Evaluator, _event: &[u8], _context: &Context, _trace: bool) -> Preview {
    Preview {
        outcome: "failed",
        reason: None,
        records: vec![],
        warnings: vec![],
        revision: String::new(),
        trace: None,
    }
}
