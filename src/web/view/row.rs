//! A row of the event list.

use super::Moment;
use crate::admin::event::{Row, Stage, Who};
use crate::clock::Millis;

/// How an event stands, as a small labelled box. Never by colour alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Pill {
    /// For the style sheet.
    pub(in crate::web) class: &'static str,
    /// The words.
    pub(in crate::web) label: &'static str,
}

impl From<Stage> for Pill {
    fn from(stage: Stage) -> Self {
        Self { class: stage.name(), label: stage.label() }
    }
}

/// A row, ready to show.
#[derive(Debug, Clone)]
pub(in crate::web) struct RowView {
    pub(in crate::web) id: String,
    pub(in crate::web) received: Moment,
    pub(in crate::web) pill: Pill,
    pub(in crate::web) kind: String,
    /// The event's name; empty where it has none.
    pub(in crate::web) name: String,
    /// Whose, in words; empty where nobody's.
    pub(in crate::web) who: String,
    pub(in crate::web) code: String,
}

impl RowView {
    /// `row`, seen at `now`.
    pub(in crate::web) fn new(row: Row, now: Millis) -> Self {
        Self {
            id: row.seq.to_string(),
            received: Moment::new(row.received_at, now),
            pill: row.stage.into(),
            kind: row.summary.kind,
            name: row.summary.name,
            who: match row.summary.who {
                _ if row.is_erased => "erased".to_owned(),
                Who::User(id) => id,
                Who::Anonymous(id) => format!("anonymous {id}"),
                Who::Nobody => String::new(),
            },
            code: row.code.unwrap_or_default(),
        }
    }
}
