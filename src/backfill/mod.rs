//! A file of events straight to CleverTap: `tapline upload`.
//!
//! The file stands in for the journal: its lines are the events, and what became of each goes into a small state file.
//! Everything else is [`delivery`](crate::delivery) as `serve` runs it, so that batches, limits, order, retries and the
//! reading of answers are the same by construction. Deliberately nothing is copied into a data directory.
//!
//! First thing to know: an upload that was answered is in the state file before its lane sends the next one. So a run
//! that is killed and started again sends at most what was in flight twice, and leaves nothing out.

mod chunk;
mod ledger;
mod log;
mod mapping;
mod reject;
mod send;
mod source;
mod state;

pub use chunk::{Chunk, Chunks, MAX_LINE, event_on};
pub use ledger::Tally;
pub use reject::RejectDoc;
pub use send::{BackfillError, Halt, Order, Standing, run, usual_patience};
pub use source::{Source, SourceError};
pub use state::{Identity, StateError};
