//! Looking at events: the list, newest first, and one event with everything known of it.
//!
//! Reads the journal and nothing else; there is no second copy of an event. Deliberately no masking yet: whoever may see
//! events sees them whole.

mod detail;
mod filter;
mod list;
mod summary;

pub use detail::{Again, EventDetail};
pub use filter::{Filter, StageFilter};
pub use list::{EventList, Row};
pub use summary::{Summary, Who};

use crate::journal::{Block, End, Entry, Seq, State};

/// How an event stands, in the words of Segment's Delivery Overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Every record was taken by CleverTap.
    Delivered,
    /// A rule kept it from being sent.
    Filtered,
    /// It was not an event: refused where it came in, one of a batch.
    FailedOnIngest,
    /// It could not be mapped.
    Failed,
    /// CleverTap refused it for good, or retries ran out.
    Dead,
    /// On its way.
    Pending,
}

impl Stage {
    /// The stage of a stored event with this end.
    pub fn of(entry: &Entry, end: Option<&End>) -> Self {
        match end.map(|end| end.state) {
            // Refused on ingest is final, whether or not its end has been written yet.
            _ if entry.refusal.is_some() => Self::FailedOnIngest,
            None => Self::Pending,
            Some(state) => state.into(),
        }
    }

    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivered => "Delivered",
            Self::Filtered => "Filtered at destination",
            Self::FailedOnIngest => "Failed on ingest",
            Self::Failed => "Failed",
            Self::Dead => "Dead letter",
            Self::Pending => "Pending",
        }
    }

    /// One word, for style sheets and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Filtered => "filtered",
            Self::FailedOnIngest | Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Pending => "pending",
        }
    }
}

impl From<State> for Stage {
    fn from(state: State) -> Self {
        match state {
            State::Delivered => Self::Delivered,
            State::Filtered => Self::Filtered,
            State::Failed => Self::Failed,
            State::Dead => Self::Dead,
        }
    }
}

/// The end of one event of a block, unless it is pending.
pub(super) fn end_of<'a>(block: &Block, ends: &'a [Option<End>], seq: Seq) -> Option<&'a End> {
    let index = usize::try_from(seq.0.checked_sub(block.first.0)?).ok()?;
    ends.get(index)?.as_ref()
}
