//! When to try again, and for how long: all of it data.

use crate::clock::Millis;
use crate::settings::{Limit, Limits};
use std::fmt;
use std::time::Duration;

/// How long to wait and when to give up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait of all. Waits double from `base` up to here, and each is drawn from nought to that (full jitter).
    pub cap: Duration,
    /// How long a record is tried, counted from its first upload in this process, before it becomes a dead letter.
    pub age_limit: Duration,
    /// How often a record is tried whose answers contradict themselves.
    pub doubt_limit: u32,
    /// How often whole uploads with a record fail, each time with others taken meanwhile, until they are halved to find
    /// the record that makes them fail.
    pub stall_limit: u32,
    /// The longest wait that a `Retry-After` can ask for.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(5 * 60),
            age_limit: Duration::from_secs(24 * 60 * 60),
            doubt_limit: 5,
            stall_limit: 2,
            retry_after_cap: Duration::from_secs(60 * 60),
        }
    }
}

impl RetryPolicy {
    /// The same with the numbers that are set.
    #[must_use]
    pub fn with(&self, limits: &Limits) -> Self {
        let seconds = |limit, otherwise| limits.get(limit).map_or(otherwise, Duration::from_secs);
        let cap = seconds(Limit::RetryCap, self.cap);
        let age_limit = seconds(Limit::RetryFor, self.age_limit);
        Self { base: self.base.min(cap), cap, age_limit, ..self.clone() }
    }

    /// How long to wait after the `failures`th failure in a row, the first being 1. Never shorter than what the server
    /// asked for.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, random: &mut fastrand::Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        let drawn = longest.mul_f64(random.f64());
        match asked {
            // A little later than asked, so that the lanes do not all come back in the same moment.
            Some(asked) => asked.min(self.retry_after_cap) + drawn.min(self.base),
            None => drawn,
        }
    }
}

/// Why something is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryReason {
    /// No answer came: no connection, cut, or too late. It may have been taken.
    NoAnswer,
    /// HTTP 429.
    TooManyRequests,
    /// HTTP 408 or 5xx.
    ServerError(u16),
    /// An HTTP status that CleverTap does not document for uploads.
    UnexpectedStatus(u16),
    /// Success by its status, but not an answer of CleverTap's: a page, nothing, or cut short.
    NotAnAnswer,
    /// The answer's words and counts contradict each other, or it says `fail` and lists nothing.
    Contradiction,
    /// This record was answered with a code for CleverTap's own problems.
    RecordServerError(u16),
}

impl RetryReason {
    /// Whether the number of attempts is limited, beside their age. Resending on contradictions risks duplicates each
    /// time, and waiting does not make them clearer.
    pub fn is_limited(self) -> bool {
        self == Self::Contradiction
    }
}

impl fmt::Display for RetryReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("CleverTap did not answer"),
            Self::TooManyRequests => f.write_str("CleverTap had too many requests at once (429)"),
            Self::ServerError(status) => write!(f, "CleverTap had a problem of its own ({status})"),
            Self::UnexpectedStatus(status) => {
                write!(f, "CleverTap's address answered `{status}`, which is not expected")
            }
            Self::NotAnAnswer => {
                f.write_str("CleverTap's address answered with something else than an answer")
            }
            Self::Contradiction => f.write_str("CleverTap's answer contradicts itself"),
            Self::RecordServerError(code) => {
                write!(f, "CleverTap had a problem of its own with the record ({code})")
            }
        }
    }
}

/// A `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long from now.
    Delay(Duration),
    /// Not before then.
    At(Millis),
}

impl RetryAfter {
    /// Reads both forms of RFC 9110 §10.2.3: whole seconds, or an HTTP date.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Self::Delay(Duration::from_secs(seconds)));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self::At(Millis(date.timestamp().as_millisecond())))
    }

    /// How long that is from `now`.
    pub fn delay(self, now: Millis) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::At(at) => Duration::from_millis(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_are_drawn_from_nought() {
        let policy = RetryPolicy {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(10),
            ..RetryPolicy::default()
        };
        let mut random = fastrand::Rng::with_seed(3);
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (100, 10)] {
            let waits: Vec<Duration> = (0..500).map(|_| policy.wait(failures, None, &mut random)).collect();
            let longest = Duration::from_secs(longest);
            assert!(waits.iter().all(|wait| *wait < longest), "{failures}");
            assert!(waits.iter().any(|wait| *wait > longest.mul_f64(0.9)), "{failures}");
            assert!(waits.iter().any(|wait| *wait < longest.mul_f64(0.1)), "{failures}");
        }
    }

    #[test]
    fn the_server_is_waited_for_as_long_as_it_asks_within_reason() {
        let policy = RetryPolicy::default();
        let mut random = fastrand::Rng::with_seed(3);
        let wait = policy.wait(1, Some(Duration::from_secs(120)), &mut random);
        assert!((120..122).contains(&wait.as_secs()));
        let wait = policy.wait(1, Some(Duration::from_secs(1_000_000)), &mut random);
        assert!((3_600..3_602).contains(&wait.as_secs()));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Millis(1_445_412_480_000);
        let delay = |text| RetryAfter::parse(text).map(|after| after.delay(now));
        assert_eq!(delay(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(delay("Wed, 21 Oct 2015 07:28:10 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(delay("Wed, 21 Oct 2015 07:27:10 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(delay(nonsense), None, "{nonsense}");
        }
    }
}
