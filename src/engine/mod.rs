//! The pure part: a Segment call and the compiled rules in, an outcome, CleverTap records and warnings out.
//!
//! No IO, no clock, no threads: whatever the engine needs is handed in, so the same plan and the same event always give
//! the same bytes. Compiles alone with `--no-default-features`.

mod call;
pub mod change;
pub mod diagnostic;
pub mod difference;
pub mod evaluate;
pub mod event;
mod excerpt;
mod expand;
mod explain;
pub mod explanation;
pub mod hash;
mod keys;
pub mod layout;
pub mod lint;
pub mod listing;
mod mapping;
pub mod plan;
pub mod preview;
pub mod proof;
pub mod reason;
pub mod record;
pub mod report;
pub mod rules;
mod scope;
pub mod script;
pub mod trace;
mod value;
pub mod warning;
mod write;

pub use diagnostic::Diagnostics;
pub use evaluate::{Context, Evaluation, Evaluator, Outcome, RecordRef};
pub use plan::{Plan, RuleFiles};
pub use preview::{Preview, preview};
pub use reason::{OwnReason, Reason};
