//! Times in events: reading them, and the one a record gets.
//!
//! Deliberately no clock: "now" is handed in by whoever knows it.

use super::{At, Call, Kind, Member};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Reads an ISO 8601 date or date-time; without a zone it is UTC. Milliseconds since 1970, before that negative.
#[inline]
pub fn parse_iso(text: &str) -> Option<i64> {
    parse_usual(text.as_bytes()).or_else(|| parse_any(text.trim()))
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ` and `YYYY-MM-DD`, which nearly every SDK sends, without the cost of a general parser.
#[inline]
fn parse_usual(text: &[u8]) -> Option<i64> {
    const MIDNIGHT: &[u8; 14] = b"T00:00:00.000Z";
    let mut whole = [0; 24];
    match text.len() {
        24 => whole.copy_from_slice(text),
        10 => {
            let (date, time) = whole.split_at_mut(10);
            date.copy_from_slice(text);
            time.copy_from_slice(MIDNIGHT);
        }
        _ => return None,
    }
    let text = &whole;
    let form = text[4] == b'-' && text[7] == b'-' && text[10] == b'T' && text[13] == b':' && text[16] == b':';
    if !form || text[19] != b'.' || text[23] != b'Z' {
        return None;
    }
    let mut digits_only = true;
    let mut number = |from: usize, to: usize| {
        let mut value = 0i64;
        for byte in text.get(from..to).unwrap_or_default() {
            digits_only &= byte.is_ascii_digit();
            value = value * 10 + i64::from(byte & 0x0F);
        }
        value
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second, millis) = (number(11, 13), number(14, 16), number(17, 19), number(20, 23));
    let possible =
        (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !digits_only || !possible {
        // The end of a month and leap seconds are left to the general parser.
        return None;
    }
    // Days since 1970 in the proleptic Gregorian calendar, counting years from March.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = years.div_euclid(400);
    let year_of_era = years.rem_euclid(400);
    let day_of_year = (153 * months + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millis)
}

#[cold]
fn parse_any(text: &str) -> Option<i64> {
    // A bare number would be taken for a compact date; whoever sends one means an epoch.
    if !text.contains(['-', 'T', ':']) {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let civil = match text.parse::<DateTime>() {
        Ok(civil) if !text.ends_with(['Z', 'z']) => civil,
        _ => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    TimeZone::UTC.to_timestamp(civil).ok().map(|time| time.as_millisecond())
}

/// Milliseconds since 1970 as RFC 3339 in UTC with milliseconds, as Segment writes times.
pub fn render_iso(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => String::from("1970-01-01T00:00:00.000Z"),
    }
}

/// The time an event happened, in milliseconds since 1970.
///
/// `timestamp` where `originalTimestamp` stands beside it, for then Segment has corrected it already. Else, with
/// t = `originalTimestamp` or `timestamp`: `receivedAt − (sentAt − t)`, or t where `sentAt` or `receivedAt` is missing.
/// Where that cannot be read: `receivedAt`. `received_at` stands in where the event has none of its own.
/// Source: <https://segment.com/docs/connections/spec/common/#timestamps>, read 2026-11.
#[inline]
pub fn event_time(call: &Call<'_>, received_at: Option<i64>) -> Option<i64> {
    let original = member_time(call, Member::OriginalTimestamp);
    let timestamp = member_time(call, Member::Timestamp);
    if original != Time::Absent
        && let Time::At(time) = timestamp
    {
        return Some(time);
    }
    let received = || member_time(call, Member::ReceivedAt).known().or(received_at);
    let told = match original {
        Time::Absent => timestamp,
        Time::Unreadable if timestamp == Time::Absent => Time::Unreadable,
        Time::Unreadable => timestamp,
        known => known,
    };
    let Time::At(told) = told else { return received() };
    match (member_time(call, Member::SentAt), received()) {
        (Time::At(sent), Some(received)) => {
            Some(sent.checked_sub(told).and_then(|skew| received.checked_sub(skew)).unwrap_or(told))
        }
        _ => Some(told),
    }
}

/// The members that [`event_time`] takes its time from, whether or not the call has them all.
pub fn event_time_members(call: &Call<'_>, received_at: Option<i64>) -> &'static [Member] {
    use Member::{OriginalTimestamp, ReceivedAt, SentAt, Timestamp};
    let original = member_time(call, OriginalTimestamp);
    let timestamp = member_time(call, Timestamp).known();
    let received = member_time(call, ReceivedAt).known().or(received_at);
    let is_skewed = member_time(call, SentAt).known().is_some() && received.is_some();
    match (original, timestamp) {
        (Time::Absent, Some(_)) if is_skewed => &[Timestamp, SentAt, ReceivedAt],
        (_, Some(_)) => &[Timestamp],
        (Time::At(_), None) if is_skewed => &[OriginalTimestamp, SentAt, ReceivedAt],
        (Time::At(_), None) => &[OriginalTimestamp],
        (_, None) => &[ReceivedAt],
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Absent,
    Unreadable,
    At(i64),
}

impl Time {
    fn known(self) -> Option<i64> {
        match self {
            Self::At(time) => Some(time),
            _ => None,
        }
    }
}

#[inline]
fn member_time(call: &Call<'_>, member: Member) -> Time {
    match call.member(member) {
        Some(at) if !call.json.is_blank(at) => read(call, at).map_or(Time::Unreadable, Time::At),
        _ => Time::Absent,
    }
}

#[inline]
fn read(call: &Call<'_>, at: At) -> Option<i64> {
    match call.json.node(at) {
        node if node.kind != Kind::String => None,
        node if node.escaped => parse_iso(&call.json.decoded(at)),
        _ => parse_iso(call.json.content(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;
    use proptest::prelude::*;

    #[test]
    fn dates_and_date_times_are_read_with_and_without_a_zone() {
        for (text, millis) in [
            ("1970-01-01", 0),
            ("1984-06-23", 456_796_800_000),
            ("1969-12-31T23:59:59Z", -1000),
            ("2026-01-19T19:36:32.565Z", 1_768_851_392_565),
            ("2026-01-19T19:36:32Z", 1_768_851_392_000),
            ("2026-01-19T19:36:32", 1_768_851_392_000),
            ("2026-01-19 19:36:32", 1_768_851_392_000),
            ("2026-01-19T21:36:32+02:00", 1_768_851_392_000),
            ("2026-01-19T21:36:32.000000+0200", 1_768_851_392_000),
            ("2024-02-29T00:00:00.000Z", 1_709_164_800_000),
            (" 2026-01-19 ", 1_768_780_800_000),
        ] {
            assert_eq!(parse_iso(text), Some(millis), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-02-30",
            "2026-13-01T00:00:00.000Z",
            "01-Mar-1990",
            "1768851392",
            "20260119",
        ] {
            assert_eq!(parse_iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_event_time_follows_segment() {
        let received = "2026-01-01T00:00:10.000Z";
        for (text, seconds) in [
            // Corrected by Segment already.
            (
                r#"{"originalTimestamp":"2020-01-01T00:00:00Z","timestamp":"2026-01-01T00:00:05Z","sentAt":"2020-01-01T00:00:00Z"}"#,
                5,
            ),
            // Corrected here: sent 3 s after it happened, received at 10.
            (r#"{"timestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:03Z"}"#, 7),
            (r#"{"originalTimestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:03Z"}"#, 7),
            (r#"{"timestamp":"2026-01-01T00:00:04Z"}"#, 4),
            (r#"{"timestamp":"2026-01-01T00:00:04Z","sentAt":"soon"}"#, 4),
            (r#"{"timestamp":"soon","sentAt":"2026-01-01T00:00:04Z"}"#, 10),
            (r#"{"timestamp":5}"#, 10),
            (r#"{"timestamp":null}"#, 10),
            ("{}", 10),
        ] {
            let text = text.replacen('{', &format!("{{\"receivedAt\":\"{received}\","), 1).replace(",}", "}");
            let mut scanner = Scanner::default();
            let call = Call::new(scanner.scan(&text).unwrap());
            assert_eq!(event_time(&call, None), Some(1_767_225_600_000 + seconds * 1000), "{text}");
        }
    }

    #[test]
    fn without_any_time_there_is_none_and_the_handed_in_one_stands_in() {
        let mut scanner = Scanner::default();
        let call = Call::new(scanner.scan("{}").unwrap());
        assert_eq!(event_time(&call, None), None);
        assert_eq!(event_time(&call, Some(7)), Some(7));
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_general_parser_reads(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            let text = render_iso(millis);
            prop_assert_eq!(parse_any(&text), Some(millis));
            prop_assert_eq!(parse_iso(&text), Some(millis));
        }
    }
}
