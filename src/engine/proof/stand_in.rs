//! Stand-ins for personal values: of the same shape, so that conditions and forms treat them alike, and nobody's.
//!
//! Mail addresses are at example.com (RFC 2606), phone numbers those that North America reserves for fiction
//! (`555-01xx`), addresses of machines those for documentation (RFC 5737, RFC 3849); all of them read 2026-11.

use crate::engine::lint::is_personal;
use std::collections::HashMap;
use std::net::IpAddr;

/// What a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A mail address.
    Email,
    /// A phone number.
    Phone,
    /// A person's name, or a part of it.
    Name,
    /// The address of a machine.
    Ip,
    /// The id of a person, a device or a call; a token.
    Id,
    /// Where somebody lives, or when somebody was born.
    Whereabouts,
    /// An address on the web that says more than a page.
    Url,
    /// A text in which a personal value occurs.
    Text,
}

impl Kind {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Email => "a mail address",
            Self::Phone => "a phone number",
            Self::Name => "a name",
            Self::Ip => "an IP address",
            Self::Id => "an id or a token",
            Self::Whereabouts => "an address or a birthday",
            Self::Url => "a web address with a query",
            Self::Text => "text with a personal value",
        }
    }

    /// What a text is taken for, which stands under these keys, the outermost first; none where it is nobody's.
    pub fn of(keys: &[String], text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return None;
        }
        if looks_like_mail(text) {
            return Some(Self::Email);
        }
        if text.parse::<IpAddr>().is_ok() {
            return Some(Self::Ip);
        }
        if let Some(kind) = Self::of_keys(keys) {
            return Some(kind);
        }
        if looks_like_phone(text) {
            return Some(Self::Phone);
        }
        if text.contains("://") && text.contains(['?', '#', '@']) {
            return Some(Self::Url);
        }
        if looks_like_uuid(text) || is_personal(text) {
            return Some(if text.contains(char::is_whitespace) { Self::Text } else { Self::Id });
        }
        None
    }

    /// The same of a number, which has nothing but its keys to be told by.
    pub fn of_number(keys: &[String]) -> Option<Self> {
        Self::of_keys(keys).filter(|kind| matches!(kind, Self::Id | Self::Phone | Self::Whereabouts))
    }

    fn of_keys(keys: &[String]) -> Option<Self> {
        let key = keys.last()?;
        let folded: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let folded = folded.to_lowercase();
        let is = |names: &[&str]| names.contains(&folded.as_str());
        let has = |parts: &[&str]| parts.iter().any(|part| folded.contains(part));
        let of_person = keys.len() == 1
            || keys.iter().any(|key| matches!(key.as_str(), "traits" | "address" | "device"))
            || has(&["user", "customer", "recipient", "contact", "person", "billing", "shipping"]);
        let ends_in_id =
            key.ends_with("id") && key.ends_with("_id") || key.ends_with("Id") || key.ends_with("ID");
        if has(&["email", "mail"]) {
            Some(Self::Email)
        } else if has(&["phone", "mobile", "telephone", "whatsapp", "msisdn"]) || is(&["tel", "cell"]) {
            Some(Self::Phone)
        } else if is(&[
            "firstname",
            "lastname",
            "fullname",
            "surname",
            "givenname",
            "familyname",
            "middlename",
            "nickname",
            "username",
            "displayname",
            "maidenname",
            "screenname",
            "handle",
        ]) || folded == "name" && of_person && keys.len() > 1
            || folded.ends_with("name")
                && has(&[
                    "customer",
                    "recipient",
                    "contact",
                    "person",
                    "user",
                    "billing",
                    "shipping",
                    "guest",
                    "driver",
                    "patient",
                ])
        {
            Some(Self::Name)
        } else if is(&["ip", "ipaddress", "clientip", "remoteaddr"]) {
            Some(Self::Ip)
        } else if is(&[
            "street",
            "street1",
            "street2",
            "addressline1",
            "addressline2",
            "line1",
            "line2",
            "postalcode",
            "postcode",
            "zip",
            "zipcode",
            "city",
            "birthday",
            "birthdate",
            "dateofbirth",
            "dob",
            "latitude",
            "longitude",
            "lat",
            "lng",
            "lon",
        ]) || folded == "address"
        {
            Some(Self::Whereabouts)
        } else if is(&["avatar", "photo", "picture", "imageurl"]) && of_person {
            Some(Self::Url)
        } else if has(&[
            "token",
            "secret",
            "password",
            "apikey",
            "idfa",
            "idfv",
            "advertisingid",
            "ssn",
            "passport",
            "iban",
            "cardnumber",
            "fingerprint",
            "cookie",
            "session",
        ]) || is(&["id", "uid", "uuid", "guid", "identity"]) && of_person
            || is(&[
                "userid",
                "anonymousid",
                "messageid",
                "previousid",
                "groupid",
                "deviceid",
                "customerid",
                "distinctid",
                "clientid",
                "orderid",
                "accountid",
                "profileid",
            ])
            || ends_in_id
                && has(&[
                    "user", "customer", "person", "account", "device", "visitor", "member", "contact",
                    "profile", "order", "client",
                ])
        {
            Some(Self::Id)
        } else {
            None
        }
    }
}

/// The stand-ins given so far.
#[derive(Debug, Default)]
pub struct StandIns {
    given: HashMap<(Kind, String), String>,
    counts: HashMap<Kind, usize>,
}

impl StandIns {
    /// The stand-in of a text; the same for the same text.
    pub fn of(&mut self, kind: Kind, text: &str) -> String {
        if kind == Kind::Name {
            let words = text.split_whitespace().map(|word| self.one(Kind::Name, word)).collect::<Vec<_>>();
            return words.join(" ");
        }
        self.one(kind, text)
    }

    /// The stand-in of a number: as many digits, and the same sign.
    pub fn of_number(&mut self, kind: Kind, text: &str) -> serde_json::Number {
        let made = self.one(kind, text);
        made.parse().unwrap_or_else(|_| serde_json::Number::from(1))
    }

    fn one(&mut self, kind: Kind, text: &str) -> String {
        // Somebody is the same however the address is written.
        let folded = if kind == Kind::Email { text.trim().to_lowercase() } else { text.to_owned() };
        if let Some(given) = self.given.get(&(kind, folded.clone())) {
            return given.clone();
        }
        let number = self.counts.entry(kind).or_default();
        *number += 1;
        let made = make(kind, text, *number);
        self.given.insert((kind, folded), made.clone());
        made
    }
}

fn make(kind: Kind, text: &str, number: usize) -> String {
    match kind {
        Kind::Email if !text.contains('@') => shaped(text, number),
        Kind::Email => format!("user_{number}@example.com"),
        // What is no good number stays none.
        Kind::Phone if !looks_like_phone(text) => shaped(text, number),
        Kind::Phone => {
            let digits = format!("1202555{:04}", 100 + number % 100);
            if text.trim().starts_with('+') { format!("+{digits}") } else { digits }
        }
        Kind::Name => {
            let name = format!("Name{number}");
            if text.chars().all(|c| !c.is_uppercase()) { name.to_lowercase() } else { name }
        }
        Kind::Ip if text.contains(':') => format!("2001:db8::{number:x}"),
        Kind::Ip => format!("192.0.2.{}", number % 255),
        Kind::Url => format!("https://example.com/{number}"),
        Kind::Text => format!("text {number}"),
        Kind::Id | Kind::Whereabouts => shaped(text, number),
    }
}

/// The same kinds of characters at the same places: `0` for digits, `x` for letters, the number at the end.
fn shaped(text: &str, number: usize) -> String {
    let is_hexadecimal = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let is_date = text.len() >= 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if is_date && text.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit())) {
        let rest = text.get(10..).unwrap_or_default();
        let rest: String = rest.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        return format!("1990-01-{:02}{rest}", 1 + number % 28);
    }
    // A long mixture would look like a key again.
    let is_long = text.len() >= 32 && !is_hexadecimal;
    let plain = |c: char| match c {
        c if c.is_alphanumeric() && is_long => 'x',
        '0'..='9' => '0',
        c if c.is_alphabetic() && is_hexadecimal => '0',
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c => c,
    };
    let mut shape: Vec<char> = text.chars().map(plain).collect();
    // A number keeps its first digit from being nought.
    if let Some(first) = shape.iter().position(char::is_ascii_digit)
        && text.parse::<f64>().is_ok()
        && let Some(digit) = shape.get_mut(first)
    {
        *digit = '1';
    }
    let digits: Vec<char> = number.to_string().chars().collect();
    let places: Vec<usize> =
        (0..shape.len()).rev().filter(|at| shape.get(*at).is_some_and(|c| c.is_alphanumeric())).collect();
    if places.len() < digits.len() {
        return format!("x{number}");
    }
    for (at, digit) in places.iter().zip(digits.iter().rev()) {
        if let Some(place) = shape.get_mut(*at) {
            *place = *digit;
        }
    }
    shape.into_iter().collect()
}

fn looks_like_mail(text: &str) -> bool {
    let text = text.trim();
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && domain.contains('.')
        && !domain.contains(['@', '/'])
        && !text.contains(char::is_whitespace)
}

fn looks_like_phone(text: &str) -> bool {
    let text = text.trim();
    let shape = text.chars().all(|c| c.is_ascii_digit() || "+ -().".contains(c));
    let digits = text.chars().filter(char::is_ascii_digit).count();
    // Without a plus a row of digits is a number like any other.
    shape && (8..=15).contains(&digits) && (text.starts_with('+') || text.contains([' ', '(']))
}

fn looks_like_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_have_the_shape_of_what_they_stand_for() {
        let mut stand_ins = StandIns::default();
        for (kind, text, expected) in [
            (Kind::Email, "A@b.org", "user_1@example.com"),
            (Kind::Email, "a@B.org", "user_1@example.com"),
            (Kind::Email, "c@d.org", "user_2@example.com"),
            (Kind::Email, "none", "xxx3"),
            (Kind::Phone, "+49 151 1234567", "+12025550101"),
            (Kind::Phone, "(030) 1234567", "12025550102"),
            (Kind::Phone, "nope", "xxx3"),
            (Kind::Name, "Ada King Ada", "Name1 Name2 Name1"),
            (Kind::Ip, "8.8.8.8", "192.0.2.1"),
            (Kind::Ip, "2a00::1", "2001:db8::2"),
            (Kind::Id, "507f191e810c19729de860ea", "000000000000000000000001"),
            (Kind::Id, "User-77", "Xxxx-02"),
            (Kind::Id, "3f1c0f7e-4c1b-4b58-9a39-5f6f3c0d9a11", "00000000-0000-0000-0000-000000000003"),
            (Kind::Whereabouts, "1984-06-23T10:00:00Z", "1990-01-02T00:00:00Z"),
            (Kind::Whereabouts, "SW1A 1AA", "XX0X 0X2"),
        ] {
            assert_eq!(stand_ins.of(kind, text), expected, "{text}");
        }
        assert_eq!(stand_ins.of_number(Kind::Id, "880077").to_string(), "100004");
        assert_eq!(stand_ins.of_number(Kind::Whereabouts, "-12.5").to_string(), "-10.3");
    }
}
