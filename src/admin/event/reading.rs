//! A filter as addresses have it: names and values, read with everything that is wrong with them.
//!
//! The one list of names for the console's address and the API's query, so that one can be made of the other.

use super::{Filter, StageFilter};
use crate::clock::Millis;
use crate::engine::event::time::parse_iso;
use jiff::Timestamp;

/// One thing that is wrong with a filter, or that can not be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterProblem {
    /// Not one of the states.
    #[error("expected one of `{}`, found `{found}`", StageFilter::ALL.map(StageFilter::name).join("`, `"))]
    State {
        /// What stands there.
        found: String,
    },
    /// Not a time.
    #[error("expected a time as `2026-11-23T14:02:00Z`, found `{found}`")]
    Time {
        /// `from` or `to`.
        name: &'static str,
        /// What stands there.
        found: String,
    },
    /// No time is in the range.
    #[error(
        "expected a time after `from`, which is `{from}`, found `{to}`: nothing was received between them"
    )]
    NothingBetween {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// Not an event's id, where a page begins before one.
    #[error("expected an event's id as `ev_7`, found `{found}`")]
    Place {
        /// What stands there.
        found: String,
    },
    /// No filter has this name.
    #[error("it is no filter; known are `{}`", Filter::NAMES.join("`, `"))]
    Unknown {
        /// The name.
        name: String,
    },
    /// A name stands twice; the first value counts where one has to.
    #[error("it stands here twice; send it once")]
    Twice {
        /// The name.
        name: String,
    },
}

impl FilterProblem {
    /// The name that it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::State { .. } => "state",
            Self::Time { name, .. } => name,
            Self::NothingBetween { .. } => "to",
            Self::Place { .. } => "before",
            Self::Unknown { name } | Self::Twice { name } => name,
        }
    }
}

impl Filter {
    /// The names, in the order of addresses.
    pub const NAMES: [&'static str; 9] =
        ["state", "type", "event", "name", "user", "code", "text", "from", "to"];

    /// Reads it; `value_of` gives the value of a name, empty where there is none. What can not be read is left out and
    /// among the problems.
    pub fn read(mut value_of: impl FnMut(&str) -> String) -> (Self, Vec<FilterProblem>) {
        let mut problems = Vec::new();
        let mut text = |name: &str| Some(value_of(name).trim().to_owned()).filter(|value| !value.is_empty());
        let state = text("state").and_then(|found| {
            let state = StageFilter::parse(&found);
            if state.is_none() {
                problems.push(FilterProblem::State { found });
            }
            state
        });
        let (kind, event, name) = (text("type"), text("event"), text("name"));
        let (user, code, part) = (text("user"), text("code"), text("text"));
        let mut time = |name: &'static str| {
            let found = text(name)?;
            let time = parse_iso(&found).map(Millis);
            if time.is_none() {
                problems.push(FilterProblem::Time { name, found });
            }
            time
        };
        let (from, to) = (time("from"), time("to"));
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            problems.push(FilterProblem::NothingBetween { from: moment(from), to: moment(to) });
        }
        (Self { state, kind, event, name, user, code, text: part, from, to }, problems)
    }

    /// What is set, by its name, as [`Self::read`] reads it.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<Millis>| at.map(|at| moment(at).to_string());
        let values = [
            self.state.map(|state| state.name().to_owned()),
            self.kind.clone(),
            self.event.clone(),
            self.name.clone(),
            self.user.clone(),
            self.code.clone(),
            self.text.clone(),
            time(self.from),
            time(self.to),
        ];
        Self::NAMES.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn moment(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Filter, Vec<FilterProblem>) {
        let of = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Filter::read(|name| of(name).unwrap_or_default().to_owned())
    }

    #[test]
    fn a_filter_reads_as_it_is_written() {
        let pairs = [
            ("state", "dead"),
            ("type", "track"),
            ("event", "Order Completed"),
            ("name", "order"),
            ("user", "user_1"),
            ("code", "clevertap_516"),
            ("text", "\"total\""),
            ("from", "2026-11-23T14:02:00Z"),
            ("to", "2026-11-24T00:00:00Z"),
        ];
        let (filter, problems) = read(&pairs);
        assert_eq!(problems, []);
        assert_eq!(filter.pairs(), pairs.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(read(&[("user", "  "), ("state", "")]), (Filter::default(), Vec::new()));
        assert_eq!(read(&[("to", "2026-11-24")]).0.to, filter.to, "a day begins at midnight");
    }

    #[test]
    fn every_problem_is_said_at_once_and_what_is_good_holds() {
        let (filter, problems) = read(&[("state", "lost"), ("from", "today"), ("to", "x"), ("user", "u")]);
        let said: Vec<_> = problems.iter().map(|problem| (problem.name(), problem.to_string())).collect();
        assert_eq!(
            said,
            [
                (
                    "state",
                    "expected one of `delivered`, `filtered`, `failed`, `pending`, `dead`, found `lost`"
                        .to_owned()
                ),
                ("from", "expected a time as `2026-11-23T14:02:00Z`, found `today`".to_owned()),
                ("to", "expected a time as `2026-11-23T14:02:00Z`, found `x`".to_owned()),
            ]
        );
        assert_eq!(filter.pairs(), [("user", "u".to_owned())]);
    }

    #[test]
    fn a_range_without_a_time_in_it_is_said() {
        for (from, to, is_said) in [
            ("2026-11-23", "2026-11-22", true),
            ("2026-11-23", "2026-11-23", true),
            ("2026-11-22", "2026-11-23", false),
        ] {
            assert_eq!(read(&[("from", from), ("to", to)]).1.len(), usize::from(is_said), "{from} {to}");
        }
    }
}
