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
    /// `3 minutes ago`.
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

/// In the words, and with the rounding, of the element that says it in the browser (`@github/relative-time-element` 5.3.1,
/// `roundToSingleUnit`, read 2026-11-23), so that nothing changes when the page's scripts come.
fn ago(millis: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = millis / 1000;
    if seconds < -54 {
        return "in the future".to_owned();
    }
    let (days, hours) = (seconds / DAY, seconds % DAY / HOUR);
    let (number, unit) = match seconds {
        ..55 => return "now".to_owned(),
        55..3300 => ((seconds + 5) / MINUTE, "minute"),
        3300..75_600 => ((seconds + 5 * MINUTE) / HOUR, "hour"),
        _ if days == 0 || days == 1 && hours < 12 => return "yesterday".to_owned(),
        _ => (if hours < 12 { days } else { days + 1 }, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_and_in_words() {
        let moment = Moment::new(Millis(1_795_442_531_123), Millis(1_795_442_531_123 + 185_000));
        assert_eq!(moment.iso, "2026-11-23T14:02:11.123Z");
        assert_eq!(moment.text, "2026-11-23 14:02:11");
        assert_eq!(moment.ago, "3 minutes ago");
        for (seconds, words) in [
            (0, "now"),
            (-20, "now"),
            (54, "now"),
            (55, "1 minute ago"),
            (114, "1 minute ago"),
            (115, "2 minutes ago"),
            (54 * 60, "54 minutes ago"),
            (55 * 60, "1 hour ago"),
            (7200, "2 hours ago"),
            (20 * 3600, "20 hours ago"),
            (21 * 3600, "yesterday"),
            (35 * 3600, "yesterday"),
            (36 * 3600, "2 days ago"),
            (9 * 86_400, "9 days ago"),
            (-60, "in the future"),
        ] {
            assert_eq!(ago(seconds * 1000), words, "{seconds} s");
        }
        assert_eq!(Moment::new(Millis(i64::MAX), Millis(0)).text, "1970-01-01 00:00:00");
    }
}
