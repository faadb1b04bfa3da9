//! placeholder
use super::plan::Plan;
use super::record::{Address, RecordKind};
use std::sync::Arc;

/// What the engine may know beside the event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// Milliseconds since 1970 at which the event was received, used only where the event has no `receivedAt` of its own.
    pub received_at: Option<i64>,
}

/// A stable code and the sentence that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// As `missing_user_id`.
    pub code: Arc<str>,
    /// What was expected, what was found, what to do.
    pub message: Arc<str>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Records were made.
    Mapped,
    /// *Filtered at destination* by a rule.
    Filtered(Reason),
    /// It can not become a record.
    Failed(Reason),
}

/// Evaluates events with one plan. Holds scratch memory: keep one per worker and reuse it.
#[derive(Debug)]
pub struct Evaluator {
    #[allow(unused)]
    plan: Arc<Plan>,
}

impl Evaluator {
    /// An evaluator for `plan`.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan }
    }
    /// Maps one event, given as JSON.
    pub fn evaluate(&mut self, _event: &[u8], _context: &Context) -> Evaluation<'_> {
        Evaluation {
            outcome: Outcome::Failed(Reason { code: "x".into(), message: "x".into() }),
            lane: "",
            records: Vec::new(),
        }
    }
}

/// One evaluated event.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// What became of it.
    pub outcome: Outcome,
    /// Whose order it keeps: userId, else anonymousId. Empty when it has neither.
    pub lane: &'a str,
    /// The records, in the order they are to be uploaded.
    pub records: Vec<RecordRef<'a>>,
}

/// One record, as bytes of the evaluator's buffer.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// Profile, event or token.
    pub kind: RecordKind,
    /// Whom it is addressed to.
    pub address: Address<'a>,
    /// The record as JSON, ready to stand in an upload's `d`.
    pub json: &'a [u8],
}
