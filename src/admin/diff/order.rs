//! What is asked for: which two sets, and which events.

use super::set::SetSource;
use crate::admin::event::Filter;

/// Events that are compared where nobody says how many.
pub const DEFAULT_EVENTS: u64 = 1000;

/// The most that one comparison looks for.
pub const MOST_EVENTS: u64 = 100_000;

/// A comparison to be made.
#[derive(Debug, Clone)]
pub struct DiffOrder {
    /// The rules to compare with.
    pub before: SetSource,
    /// The rules that are to come.
    pub after: SetSource,
    /// How many of the newest events that match; at most [`MOST_EVENTS`].
    pub last: u64,
    /// Which events.
    pub filter: Filter,
    /// Whether the report shows values of events; else only what kind they are of.
    pub values: bool,
}
