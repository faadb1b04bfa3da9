//! Cases next to rules: an event, what is expected of it, and how far what it becomes differs.
//!
//! Pure: files are read by whoever calls. Deliberately no output for people: that is the command line's.
//! The first thing to know: cases know nothing of each other, so their order decides nothing but the order of the report.

mod accept;
mod case;
mod coverage;
mod difference;
mod redact;
mod stand_in;
mod write;

pub use accept::{NotAccepted, accept};
pub use case::{Case, End, Expect, ExpectedRecord, MATCHES, parse};
pub use coverage::{Coverage, Share};
pub use difference::{Difference, compare};
pub use redact::{Redacted, Replaced, redact};
pub use write::{CaseOrder, NewCase, NotWritten, write as write_case};

use super::evaluate::{Context, Evaluator};
use super::preview::{Preview, preview};
use super::trace::{Trace, Verdict};
use serde::Serialize;

/// What became of a case.
#[derive(Debug)]
pub struct Proof {
    /// Where it differs from what was expected; empty when it holds.
    pub differences: Vec<Difference>,
    /// The rule that decided; none when no rule applied.
    pub rule: Option<DecidingRule>,
    /// What the event became, with its trace.
    pub result: Preview,
}

/// The rule that decided what becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecidingRule {
    /// Its id.
    pub id: String,
    /// Where it is written, `file:line:col`.
    pub place: String,
}

/// Evaluates a case's event and compares. `evaluator` has the plan of the case's pack and options.
pub fn prove(case: &Case, evaluator: &mut Evaluator) -> Proof {
    let context = Context { received_at: case.now, stopwatch: None };
    let result = preview(evaluator, case.event.as_bytes(), &context, true);
    let rule = result.trace.as_ref().and_then(deciding_rule);
    Proof { differences: compare(&case.expect, &result), rule, result }
}

/// The ids of the rules that applied, the one that decided first.
fn applied(result: &Preview) -> Vec<&str> {
    let rules = result.trace.iter().flat_map(|trace| &trace.rules);
    rules.filter(|rule| rule.verdict == Verdict::Matched).map(|rule| rule.id.as_str()).collect()
}

/// Rules come before extras, so the first that applied is the one that decided.
pub(super) fn deciding_rule(trace: &Trace) -> Option<DecidingRule> {
    let rule = trace.rules.iter().find(|rule| rule.verdict == Verdict::Matched)?;
    Some(DecidingRule { id: rule.id.clone(), place: rule.place.clone() })
}
