//! Sending events again: what can be asked for, what it would come to, and how far it has got.
//!
//! A job names events or everything that matches a filter, and by which rules they are to be evaluated. It is stored when
//! it is asked for, and carried out by the room `resend`, one job after the other. Deliberately no sending here.
//!
//! First thing to know: a job looks at the events there were when it was made, and no later ones. What is on its way is
//! passed over, and what was delivered is sent again only if that was asked for: CleverTap counts an event twice.

mod book;
mod job;
mod order;
mod reason;
mod survey;
mod walk;

pub use book::{MOST_JOBS, edited_event, forget_edited, kept_job, kept_jobs, update_job};
pub use job::{JobState, Mode, ResendJob, Selection, SkipReason, Tally};
pub use order::{MOST_EVENTS as MOST_RESENT_BY_ID, OrderOutcome, OrderProblem, Payload, ResendOrder};
pub use reason::{ResendReason, ResendReasons};
pub use survey::{MOST_SURVEYED, Survey};
pub use walk::{Candidate, KeptRules, Known, Remapped, Remapping, Stretch, remap, route, stretch};
