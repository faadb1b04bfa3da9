//! Moments, as people read them. Always UTC: the console, the logs and the journal speak of the same second.

use crate::clock::Millis;
use jiff::Timestamp;

/// A moment, in three forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Moment {
    /// For `<time datetime>`: `2026-11-23T14:02:11.123Z`.
    pub(in crate::web) iso: String,
    /// `2026-11-23 14:02:11`.
    pub(in crate::web) text: String,
    /// `3 min ago`.
    pub(in crate::web) ago: String,
}

impl Moment {
    /// `at`, seen from `now`.
    pub(in crate::web) fn new(at: Millis, now: Millis) -> Self {
        let stamp = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            iso: stamp.to_string(),
            text: stamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            ago: ago(now.0.saturating_sub(at.0)),
        }
    }
}

fn ago(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds {
        i64::MIN..=-2 => "in the future".to_owned(),
        -1..=1 => "just now".to_owned(),
        2..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_and_in_words() {
        let moment = Moment::new(Millis(1_795_442_531_123), Millis(1_795_442_531_123 + 185_000));
        assert_eq!(moment.iso, "2026-11-23T14:02:11.123Z");
        assert_eq!(moment.text, "2026-11-23 14:02:11");
        assert_eq!(moment.ago, "3 min ago");
        for (millis, words) in
            [(0, "just now"), (59_000, "59 s ago"), (7_200_000, "2 h ago"), (-9000, "in the future")]
        {
            assert_eq!(ago(millis), words);
        }
        assert_eq!(Moment::new(Millis(i64::MAX), Millis(0)).text, "1970-01-01 00:00:00");
    }
}
