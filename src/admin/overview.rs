//! How the whole pipeline stands: counts, and what keeps it from running.

use super::Admin;
use crate::delivery::Pause;
use crate::journal::{Counts, Full, Seq};
use crate::rulebook::Problem;
use crate::settings::KeyKind;

/// What the first page shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// How many events stand where.
    pub counts: Counts,
    /// Why nothing is delivered at the moment, if so.
    pub pause: Option<Pause>,
    /// Why the newest rules are not in force, if they are not.
    pub rules_problem: Option<String>,
    /// Why nothing can be accepted any more, if so.
    pub journal_problem: Option<String>,
    /// Why nothing is accepted at the moment, if so.
    pub journal_full: Option<Full>,
    /// How many stored events were found damaged since the start.
    pub lost_events: u64,
    /// Whether senders have a key to show; without one ingest refuses everything.
    pub has_write_key: bool,
    /// The live pack and the plan's revision.
    pub rules: (String, String),
    /// Everything before this place has ended.
    pub settled_until: Seq,
}

/// A part of a whole, for words like "12 % of the events received".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

impl Share {
    /// Tenths of a percent, rounded so that only none is 0 and only all is 1000.
    pub fn per_mille(self) -> u64 {
        if self.whole == 0 || self.part == 0 {
            return 0;
        }
        let rounded = (u128::from(self.part) * 1000 + u128::from(self.whole) / 2) / u128::from(self.whole);
        let most = if self.part < self.whole { 999 } else { 1000 };
        u64::try_from(rounded).unwrap_or(most).clamp(1, most)
    }
}

impl Admin {
    /// Why nothing is delivered at the moment, if so.
    pub fn delivery_pause(&self) -> Option<Pause> {
        self.ground.delivery.pause()
    }

    /// How the pipeline stands.
    pub fn overview(&self) -> Overview {
        let plan = self.ground.rules.plan();
        Overview {
            counts: self.ground.journal.counts(),
            pause: self.ground.delivery.pause(),
            rules_problem: self.ground.rules.problem().map(|problem| in_full(&problem)),
            journal_problem: self.ground.journal.broken(),
            journal_full: self.ground.journal.full(),
            lost_events: self.ground.journal.usage().lost_events,
            has_write_key: !self.ground.settings.keys().of(KeyKind::WriteKey).is_empty(),
            rules: (plan.pack().to_owned(), plan.revision().to_owned()),
            settled_until: self.ground.journal.settled_until(),
        }
    }
}

/// The complaints with the lines they are about, where there are such.
fn in_full(problem: &Problem) -> String {
    match problem {
        Problem::Invalid(diagnostics) => diagnostics.render(false).trim_end().to_owned(),
        Problem::Unreadable { .. } | Problem::EntryGone { .. } => problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_none_is_nothing_and_only_all_is_everything() {
        for (part, whole, expected) in
            [(0, 0, 0), (0, 5, 0), (1, 1_000_000, 1), (1, 3, 333), (999_999, 1_000_000, 999), (7, 7, 1000)]
        {
            assert_eq!(Share { part, whole }.per_mille(), expected, "{part} of {whole}");
        }
    }
}
