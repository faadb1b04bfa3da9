//! Numbers an operator can set: how much is sent at once, how long is tried, how long events are kept.
//!
//! Each is a row of [`Limit`]: its name, what sets it from outside, its bounds and the program's own value. People write
//! amounts with units (`24 h`, `16 GiB`), programs as whole numbers of the smallest one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Requests at CleverTap at once, all of them.
    RequestsInFlight,
    /// Uploads of events among them.
    UploadsInFlight,
    /// The longest wait before an upload is tried again.
    RetryCap,
    /// For how long a record is tried.
    RetryFor,
    /// For how many days events are kept; 0 is for as long as there is room.
    KeepDays,
    /// How much room events may take before the oldest go.
    KeepBytes,
}

/// What a [`Limit`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Days.
    Days,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// Names of amounts and how much of the smallest each is, the smallest first.
    fn names(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Count => &[],
            Self::Days => &[("days", 1)],
            Self::Seconds => &[("s", 1), ("min", 60), ("h", 3600), ("days", 86_400)],
            Self::Bytes => {
                &[("bytes", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
            }
        }
    }

    /// An amount in the largest unit that says it as a whole number, as `16 GiB`.
    pub fn render(self, amount: u64) -> String {
        let fitting = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
        match self.names().iter().rev().find(fitting).or(self.names().first()) {
            Some((name, factor)) if amount == *factor => {
                format!("1 {}", name.strip_suffix('s').filter(|one| !one.is_empty()).unwrap_or(name))
            }
            Some((name, factor)) => format!("{} {name}", amount / factor),
            None => amount.to_string(),
        }
    }

    /// Reads an amount with or without a unit; without one it is the smallest.
    pub fn parse(self, text: &str) -> Option<u64> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, name) = text.split_at_checked(end)?;
        let number: u64 = digits.parse().ok()?;
        let name = name.trim();
        if name.is_empty() {
            return Some(number);
        }
        // `day` and `byte` for one of them.
        let is_it = |known: &str| known.eq_ignore_ascii_case(name) || known.strip_suffix('s') == Some(name);
        let (_, factor) = self.names().iter().find(|(known, _)| is_it(known))?;
        number.checked_mul(*factor)
    }
}

impl Limit {
    /// Every one, in the order shown.
    pub const ALL: [Self; 6] = [
        Self::RequestsInFlight,
        Self::UploadsInFlight,
        Self::RetryCap,
        Self::RetryFor,
        Self::KeepDays,
        Self::KeepBytes,
    ];

    /// The name in forms, in the API and in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestsInFlight => "requests_in_flight",
            Self::UploadsInFlight => "uploads_in_flight",
            Self::RetryCap => "retry_cap",
            Self::RetryFor => "retry_for",
            Self::KeepDays => "keep_days",
            Self::KeepBytes => "keep_bytes",
        }
    }

    /// The name people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::RequestsInFlight => "Requests in flight",
            Self::UploadsInFlight => "Uploads in flight",
            Self::RetryCap => "Longest wait before a retry",
            Self::RetryFor => "Retry for",
            Self::KeepDays => "Keep events for",
            Self::KeepBytes => "Keep at most",
        }
    }

    /// What it is about, a sentence or two.
    pub fn hint(self) -> &'static str {
        match self {
            Self::RequestsInFlight => {
                "All requests at CleverTap at once. It takes 15 of an account; what uploads leave over is for \
                 connection tests, deletions and what is sent again."
            }
            Self::UploadsInFlight => {
                "How many of them may be uploads of events. Fewer go while CleverTap is busy."
            }
            Self::RetryCap => "Waits double up to here, save where CleverTap asks for a longer one.",
            Self::RetryFor => {
                "A record that is not taken for so long becomes a dead letter. Outages that are shorter do not count."
            }
            Self::KeepDays => {
                "Counted from when they came, once all around them have ended. 0 keeps them as long as there is room."
            }
            Self::KeepBytes => {
                "Above it the oldest events go, once they have ended. What waits is never dropped."
            }
        }
    }

    /// The variable that sets it; its flag is named alike.
    pub fn variable(self) -> &'static str {
        match self {
            Self::RequestsInFlight => "TAPLINE_REQUESTS_IN_FLIGHT",
            Self::UploadsInFlight => "TAPLINE_UPLOADS_IN_FLIGHT",
            Self::RetryCap => "TAPLINE_RETRY_CAP",
            Self::RetryFor => "TAPLINE_RETRY_FOR",
            Self::KeepDays => "TAPLINE_KEEP_DAYS",
            Self::KeepBytes => "TAPLINE_KEEP_BYTES",
        }
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::RequestsInFlight | Self::UploadsInFlight => Unit::Count,
            Self::RetryCap | Self::RetryFor => Unit::Seconds,
            Self::KeepDays => Unit::Days,
            Self::KeepBytes => Unit::Bytes,
        }
    }

    /// The program's own value.
    pub fn default_value(self) -> u64 {
        match self {
            // CleverTap's documented number of uploads at once (developer.clevertap.com, "Upload Events", 2026-07-03).
            Self::RequestsInFlight => 15,
            Self::UploadsInFlight => 12,
            Self::RetryCap => 300,
            Self::RetryFor => 86_400,
            Self::KeepDays => 30,
            Self::KeepBytes => 16 << 30,
        }
    }

    /// The least and the most it may be.
    pub fn range(self) -> (u64, u64) {
        match self {
            // More than any account of CleverTap's is known to take.
            Self::RequestsInFlight => (2, 100),
            // There are as many lanes.
            Self::UploadsInFlight => (1, 12),
            Self::RetryCap => (1, 86_400),
            Self::RetryFor => (1, 10 * 365 * 86_400),
            Self::KeepDays => (0, 36_500),
            // Less holds no generation of the log, whose files grow in steps of megabytes.
            Self::KeepBytes => (64 << 20, 1 << 50),
        }
    }
}

/// The numbers that are set; the others are as the program was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<Limit, u64>);

impl Limits {
    /// The number, if it is set.
    pub fn get(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// Sets it, or leaves it to the program.
    pub fn set(&mut self, limit: Limit, value: Option<u64>) {
        match value {
            Some(value) => self.0.insert(limit, value),
            None => self.0.remove(&limit),
        };
    }

    /// The number in force.
    pub fn in_force(&self, limit: Limit) -> u64 {
        self.get(limit).unwrap_or_else(|| limit.default_value())
    }

    /// The same as a size of this machine.
    pub fn count(&self, limit: Limit) -> Option<usize> {
        self.get(limit).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_in_the_largest_unit_that_fits_and_read_back() {
        for (unit, amount, text) in [
            (Unit::Seconds, 300, "5 min"),
            (Unit::Seconds, 86_400, "1 day"),
            (Unit::Seconds, 90, "90 s"),
            (Unit::Bytes, 16 << 30, "16 GiB"),
            (Unit::Bytes, 1000, "1000 bytes"),
            (Unit::Days, 0, "0 days"),
            (Unit::Count, 15, "15"),
        ] {
            assert_eq!(unit.render(amount), text);
            assert_eq!(unit.parse(text), Some(amount), "{text}");
        }
        for (unit, text, amount) in [
            (Unit::Seconds, "1 day", Some(86_400)),
            (Unit::Seconds, "24h", Some(86_400)),
            (Unit::Bytes, " 2 gib ", Some(2 << 30)),
            (Unit::Bytes, "7", Some(7)),
            (Unit::Count, "3 s", None),
            (Unit::Seconds, "-1", None),
            (Unit::Seconds, "1.5 h", None),
            (Unit::Seconds, "h", None),
            (Unit::Bytes, "18446744073709551615 TiB", None),
        ] {
            assert_eq!(unit.parse(text), amount, "{text}");
        }
    }

    #[test]
    fn the_programs_own_values_are_within_their_bounds() {
        for limit in Limit::ALL {
            let (least, most) = limit.range();
            assert!((least..=most).contains(&limit.default_value()), "{limit:?}");
        }
    }
}
