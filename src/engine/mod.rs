//! The pure part: a Segment call and the compiled rules in, an outcome, CleverTap records and warnings out.
//!
//! No IO, no clock, no threads: whatever the engine needs is handed in, so the same plan and the same event always give
//! the same bytes. Compiles alone with `--no-default-features`.

pub mod evaluate;
pub mod event;
pub mod plan;
pub mod preview;
pub mod record;
pub mod trace;

pub use evaluate::{Context, Evaluation, Evaluator, Outcome, Reason};
pub use plan::{Plan, RuleFiles};
pub use preview::{Preview, preview};
