//! Formats CleverTap demands of values, and the forms it takes them in.
//!
//! Strict on purpose: one bad standard field makes CleverTap refuse the whole profile, so what is doubtful is left out.

use super::limit;
use crate::engine::event::time;

/// How a value is brought into the form CleverTap takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text that is not blank; numbers become text.
    Text,
    /// A number; text that holds one becomes one.
    Number,
    /// `$D_<seconds since 1970>`.
    Date,
    /// `M` or `F`.
    Gender,
    /// `+` and 7 to 15 digits (E.164).
    Phone,
    /// An e-mail address.
    Email,
    /// 1 to 64 of the characters that CleverTap takes as objectId.
    ObjectId,
    /// Seconds since 1970; numbers are left alone but for milliseconds, which are recognised.
    Seconds,
    /// Seconds since 1970; numbers, also in text, stay as they are, text as text.
    SecondsOrNumber,
    /// `true` or `false`, also from text and from 0 and 1.
    Boolean,
    /// Text, whatever it was: what is no text becomes its JSON.
    String,
    /// Text without the blanks around it.
    Trim,
    /// Text in small letters.
    Lower,
    /// Text in capitals.
    Upper,
    /// The SHA-256 of text, in hexadecimal.
    Sha256,
    /// Text, numbers and booleans as they are; objects and arrays as their JSON in text.
    Scalar,
    /// Text as the JSON it holds; anything else as it is.
    Json,
    /// Objects and arrays without nulls and without objects and arrays that are empty, to any depth.
    Pruned,
    /// Arrays without the nulls among their elements; anything else as it is.
    Dense,
    /// The moment that an ISO date is, in UTC; anything else as it is.
    Moment,
    /// The moment of a date-time with whole seconds and a zone, in UTC.
    ZonedMoment,
    /// Anything, as it is.
    Any,
}

impl Format {
    /// Every format, by the name rules use.
    pub const ALL: [(&'static str, Self); 22] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("date", Self::Date),
        ("gender", Self::Gender),
        ("phone", Self::Phone),
        ("email", Self::Email),
        ("object_id", Self::ObjectId),
        ("unix_seconds", Self::Seconds),
        ("unix_seconds_or_number", Self::SecondsOrNumber),
        ("boolean", Self::Boolean),
        ("string", Self::String),
        ("trim", Self::Trim),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("sha256", Self::Sha256),
        ("scalar", Self::Scalar),
        ("json", Self::Json),
        ("pruned", Self::Pruned),
        ("dense", Self::Dense),
        ("moment", Self::Moment),
        ("zoned_moment", Self::ZonedMoment),
        ("any", Self::Any),
    ];

    /// The name rules use.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// What is taken, for messages.
    pub fn expects(self) -> &'static str {
        match self {
            Self::Text => "text or a number",
            Self::Number => "a number such as `12.5`",
            Self::Date => "an ISO 8601 date such as `1990-05-17`, or seconds or milliseconds since 1970",
            Self::Gender => "`m`, `male`, `f` or `female`",
            Self::Phone => "a number with its country code such as `+4915112345678`",
            Self::Email => "an address such as `jane@example.com`",
            Self::Seconds | Self::SecondsOrNumber => {
                "a time such as `2026-01-31T12:00:00Z`, or seconds since 1970"
            }
            Self::Boolean => "`true`, `false`, `1` or `0`",
            Self::String | Self::Scalar | Self::Pruned | Self::Dense | Self::Moment | Self::Any => {
                "any value"
            }
            Self::ZonedMoment => "a time such as `2026-01-31T12:00:00Z`, with its zone and whole seconds",
            Self::Json => "text that holds JSON, or any other value",
            Self::Trim | Self::Lower | Self::Upper | Self::Sha256 => "text or a number",
            Self::ObjectId => "1 to 64 letters, digits or `=|<>;+.()!:$@_-`",
        }
    }
}

/// `$D_<seconds>` of an ISO date or date-time or an epoch as text: |n| ≥ 10¹¹ is milliseconds, else seconds.
/// Source: <https://developer.clevertap.com/docs/upload-user-profiles-api>, read 2026-11.
pub fn date(text: &str) -> Option<String> {
    let text = text.trim();
    // Nearly all are ISO dates, and no number is one.
    let seconds = match time::parse_iso(text) {
        Some(millis) => millis.div_euclid(1000),
        // Words that Rust takes for numbers, like `inf`, are no dates.
        None if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => {
            epoch_seconds(text, text.parse().ok()?)?
        }
        None => return None,
    };
    Some(format!("$D_{seconds}"))
}

/// Seconds since 1970 of the same, as a number.
pub fn seconds(text: &str) -> Option<String> {
    date(text).and_then(|date| date.strip_prefix("$D_").map(str::to_owned))
}

/// Seconds since 1970 of an ISO date or date-time.
pub fn iso_seconds(text: &str) -> Option<String> {
    time::parse_iso(text).map(|millis| millis.div_euclid(1000).to_string())
}

/// The moment that an ISO date or date-time is, as JavaScript writes a `Date` in JSON. Text that merely begins like one,
/// or leaves out the day, is none. Without a zone it is UTC.
/// Source: what `isodate` 1.0 and `isodate-traverse` 1.1 take for dates, read 2026-11.
pub fn moment(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let date = bytes.get(..10).is_some_and(|date| has_form(date, b"0000-00-00"));
    let time = match bytes.get(10) {
        None => bytes.len() == 10,
        Some(between) => matches!(between, b'T' | b' ') && bytes.len() > 15,
    };
    let plain = bytes.iter().all(|byte| byte.is_ascii_digit() || b"-:.+TZ ".contains(byte));
    (date && time && plain).then(|| time::parse_iso(text)).flatten().map(time::render_iso)
}

/// The moment of `YYYY-MM-DDTHH:MM:SS` followed by `Z` or `+HH:MM`, in the same writing.
/// Source: the date format of CleverTap's wrapper for iOS, read 2026-11.
pub fn zoned_moment(text: &str) -> Option<String> {
    let (civil, zone) = text.as_bytes().split_at_checked(19)?;
    let zoned = zone == b"Z" || has_form(zone, b"+00:00") || has_form(zone, b"-00:00");
    (has_form(civil, b"0000-00-00T00:00:00") && zoned)
        .then(|| time::parse_iso(text))
        .flatten()
        .map(time::render_iso)
}

/// Whether bytes are those of a form, in which `0` stands for any digit.
fn has_form(bytes: &[u8], form: &[u8]) -> bool {
    let same = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    bytes.len() == form.len() && bytes.iter().zip(form).all(same)
}

/// Whether text holds a finite number in decimal digits, blanks around it aside.
pub fn is_number(text: &str) -> bool {
    // Rust would also take words like `inf`.
    let plain = text.trim().bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    plain && text.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

/// `true` or `false` of text that says so in English or in digits.
pub fn boolean(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some("true"),
        "false" | "0" | "no" => Some("false"),
        _ => None,
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn epoch_seconds(text: &str, number: f64) -> Option<i64> {
    const MILLISECONDS_FROM: f64 = 1e11;
    // Years beyond 9999 are mistakes, not dates.
    const LAST: f64 = 253_402_300_799.0;
    let milliseconds = number.abs() >= MILLISECONDS_FROM;
    let seconds = match text.parse::<i64>() {
        Ok(whole) if milliseconds => whole.div_euclid(1000),
        Ok(whole) => whole,
        Err(_) if milliseconds => (number / 1000.0).floor() as i64,
        Err(_) => number.floor() as i64,
    };
    ((seconds as f64).abs() <= LAST).then_some(seconds)
}

/// `M` or `F`.
pub fn gender(text: &str) -> Option<&'static str> {
    match text.trim() {
        t if t.eq_ignore_ascii_case("m") || t.eq_ignore_ascii_case("male") => Some("M"),
        t if t.eq_ignore_ascii_case("f") || t.eq_ignore_ascii_case("female") => Some("F"),
        _ => None,
    }
}

/// E.164: `+`, then 7 to 15 digits of which the first is not 0. Separators are removed; `00` in front means `+`.
pub fn phone(text: &str) -> Option<String> {
    let mut number = String::with_capacity(16);
    for c in text.trim().chars() {
        match c {
            '+' if number.is_empty() => number.push('+'),
            '0'..='9' => number.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            _ => return None,
        }
    }
    if let Some(rest) = number.strip_prefix("00") {
        number = format!("+{rest}");
    }
    let digits = number.strip_prefix('+')?;
    (7..=15).contains(&digits.len()).then_some(())?;
    (!digits.starts_with('0')).then_some(number)
}

/// The address without the blanks around it, if it is one beyond doubt.
pub fn email(text: &str) -> Option<&str> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b));
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let top_ok = domain
        .rsplit_once('.')
        .is_some_and(|(_, top)| top.len() >= 2 && top.bytes().any(|b| b.is_ascii_alphabetic()));
    (local_ok && top_ok && domain.len() <= 253 && domain.split('.').all(label_ok)).then_some(text)
}

/// Whether CleverTap takes a text as objectId.
/// Source: the check of CleverTap's Android SDK for custom ids, read 2026-11; the web SDK's is narrower.
pub fn is_object_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limit::OBJECT_ID_CHARS
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'-' | b'_'
                        | b'.'
                        | b':'
                        | b'@'
                        | b'$'
                        | b'!'
                        | b'('
                        | b')'
                        | b'+'
                        | b';'
                        | b'<'
                        | b'='
                        | b'>'
                        | b'|'
                )
        })
}

/// The number a text holds, in JSON's form: as written where that is JSON, else in plain form. A leading `$` is ignored.
pub fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    if is_json_number(text) {
        return Some(text.to_owned());
    }
    let plain = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = text.parse::<f64>().ok().filter(|value| plain && value.is_finite())?;
    // `+5`, `.5`, `5.` and `007` hold a number and are not JSON.
    let rendered = format!("{value}");
    is_json_number(&rendered).then_some(rendered)
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && crate::engine::event::scan::check(text).is_ok()
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_epoch_seconds() {
        for (text, expected) in [
            ("1990-05-17", Some("$D_642902400")),
            ("1969-12-31T23:59:59.500Z", Some("$D_-1")),
            ("642902400", Some("$D_642902400")),
            ("642902400000", Some("$D_642902400")),
            ("-642902400000", Some("$D_-642902400")),
            ("642902400.9", Some("$D_642902400")),
            ("0", Some("$D_0")),
            ("1e9", Some("$D_1000000000")),
            ("1e30", None),
            ("inf", None),
            ("NaN", None),
            ("17/05/1990", None),
            ("", None),
        ] {
            assert_eq!(date(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn moments_are_written_as_json_writes_a_date() {
        let cases = [
            ("1990-05-17", Some("1990-05-17T00:00:00.000Z"), None),
            ("1990-05-17T02:30:00+02:00", Some("1990-05-17T00:30:00.000Z"), Some("1990-05-17T00:30:00.000Z")),
            ("1990-05-17T00:00:00Z", Some("1990-05-17T00:00:00.000Z"), Some("1990-05-17T00:00:00.000Z")),
            ("1990-05-17T00:00:00.500Z", Some("1990-05-17T00:00:00.500Z"), None),
            ("1990-05-17T00:00:00", Some("1990-05-17T00:00:00.000Z"), None),
            ("1990-05-17 and so on", None, None),
            ("1990-05", None, None),
            ("01-Mar-1990", None, None),
            ("19900517", None, None),
            ("", None, None),
        ];
        for (text, any, zoned) in cases {
            assert_eq!(moment(text).as_deref(), any, "{text}");
            assert_eq!(zoned_moment(text).as_deref(), zoned, "{text}");
        }
    }

    #[test]
    fn phones_lose_their_separators_and_doubtful_ones_are_refused() {
        for (text, expected) in [
            ("+49 (151) 123-456.78", Some("+4915112345678")),
            ("0049 151 12345678", Some("+4915112345678")),
            ("+491552668823", Some("+491552668823")),
            ("491552668823", None),
            ("+0491552668823", None),
            ("+44+441234", None),
            ("223", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+49151 ext 5", None),
            ("+٤٩١٥٥٢٦٦٨٨", None),
        ] {
            assert_eq!(phone(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_addresses_beyond_doubt_pass() {
        for good in ["jane@example.com", " jane@example.com ", "j.d+x@a-b.example.co", "o'neil@example.com"] {
            assert_eq!(email(good), Some(good.trim()), "{good}");
        }
        for bad in [
            "",
            "jane",
            "jane@",
            "@example.com",
            "jane@example",
            "jane@@example.com",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "jane@-example.com",
            "jane@example.c",
            "jane@example.123",
            "jané@example.com",
            "a@b..com",
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_keep_their_form_where_json_has_it() {
        for (text, expected) in [
            ("12.50", Some("12.50")),
            ("$12.50", Some("12.50")),
            (" -1e3 ", Some("-1e3")),
            ("12345678901234567890", Some("12345678901234567890")),
            ("+5", Some("5")),
            (".5", Some("0.5")),
            ("007", Some("7")),
            ("12,50", None),
            ("free", None),
            ("0x10", None),
            ("NaN", None),
            ("1e999", None),
            ("", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
    }
}
