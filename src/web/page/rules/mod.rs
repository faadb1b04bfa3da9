//! The rules: what is in force and how often it took effect, its sources, the sets there were, and candidates beside it.

pub(in crate::web) mod candidate;
pub(in crate::web) mod comparison;
pub(in crate::web) mod list;
pub(in crate::web) mod revision;
pub(in crate::web) mod source;

mod outcome;
mod problem;

use crate::clock::Millis;
use crate::web::view::Moment;

/// The address of a source, with its parts as they are written.
fn source_address(path: &str) -> String {
    format!("/rules/source/{}", crate::web::dispatch::encode(path))
}

/// The id of a rule's row: its own where that can be one, else its number.
fn row_id(id: &str, number: usize) -> String {
    let is_plain =
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_plain { format!("rule-{id}") } else { format!("rule--{number}") }
}

/// A moment that may be none.
fn moment(at: Option<Millis>, now: Millis) -> Option<Moment> {
    at.map(|at| Moment::new(at, now))
}
