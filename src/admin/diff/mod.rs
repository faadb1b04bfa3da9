//! What another set of rules would make of the events that are stored: the candidate beside what is in force.
//!
//! A comparison is a job in memory: it evaluates stored events with both sets, sends nothing, stores nothing, and is
//! forgotten with the process or when newer ones come. What it holds is bounded by [`crate::engine::change`], however many
//! events it looks at.
//!
//! First thing to know: a candidate is files over those of the rules directory as they are on disk, and knows by a hash
//! which those were, so that writing it can refuse to overwrite what somebody else has changed.

mod desk;
mod job;
mod order;
mod run;
mod set;
mod writing;

pub use desk::{DiffOutcome, DiffedEvent, MOST_JOBS};
pub use job::{DiffJob, DiffState};
pub use order::{DEFAULT_EVENTS, DiffOrder, MOST_EVENTS};
pub use set::{Edits, SetRefusal, SetSource, Side};
pub use writing::{Draft, WriteOutcome};

pub(in crate::admin) use desk::DiffDesk;
