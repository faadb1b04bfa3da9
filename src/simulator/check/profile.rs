//! Profiles: standard fields in the order CleverTap checks them, then what the others may hold.

use super::Refusal;
use super::text::{attribute_key_fits, list_fits, scalar_fits};
use serde_json::{Map, Value};

/// A standard field, what is said of a bad one, and what a good one is.
type Standard = (&'static str, u16, &'static str, fn(&Value) -> bool);

/// Order matters: recordings show Email before Phone, and Phone before the last four; Gender's place is assumed.
const STANDARD: [Standard; 7] = [
    ("Email", 515, "Email is not valid.", is_email),
    ("Gender", 514, "Gender needs to be M/F.", |value| one_of(value, &["M", "F"])),
    ("Phone", 516, "Phone number is not valid.", is_phone),
    ("Employed", 517, "Employed needs to be Y/N.", |value| one_of(value, &["Y", "N"])),
    ("Education", 518, "Education needs to be School/College/Graduate..", |value| {
        one_of(value, &["School", "College", "Graduate"])
    }),
    ("Married", 519, "Married needs to be Y/N.", |value| one_of(value, &["Y", "N"])),
    ("Age", 520, "Age is invalid.", is_age),
];

/// Standard fields without a check of their own.
const FREE: [&str; 6] = ["Name", "DOB", "Photo", "Customer Type", "Tz", "identity"];

/// Custom attributes a user may have (the profiles page, 2026-06).
const CUSTOM_KEYS: usize = 256;

/// Values that are objects by documentation: subscription groups.
const GROUPS: [&str; 2] = ["category-unsubscribe", "category-resubscribe"];

/// Operators on multi-values and numbers. `$add` is used against this API by a tool of CleverTap's own; the others are
/// the SDKs'.
const OPERATORS: [&str; 6] = ["$add", "$remove", "$set", "$delete", "$incr", "$decr"];

/// Checks what belongs to profiles only.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(Value::Object(data)) = fields.get("profileData") else {
        return Err(structure("profileData should be an object."));
    };
    for (key, code, words, holds) in STANDARD {
        if data.get(key).is_some_and(|value| !holds(value)) {
            return Err(Refusal::new(code, format!("Profile data is incorrect. {words}")));
        }
    }
    let is_standard = |key: &str| FREE.contains(&key) || STANDARD.iter().any(|(name, ..)| *name == key);
    if data.keys().filter(|key| !is_standard(key)).count() > CUSTOM_KEYS {
        return Err(structure("Profile attributes limit exceeded."));
    }
    let fits = |(key, value): (&String, &Value)| attribute_key_fits(key) && value_fits(key, value);
    if data.iter().all(fits) { Ok(()) } else { Err(structure("Invalid profile attribute.")) }
}

/// Which code a profile's structure earns is not published; 512, its counterpart for events, is assumed.
fn structure(words: &str) -> Refusal {
    Refusal::new(512, format!("Profile data is incorrect. {words}"))
}

fn value_fits(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(groups) if GROUPS.contains(&key) => groups.values().all(list_fits),
        Value::Object(operation) => {
            let operand = |value: &Value| scalar_fits(value) || list_fits(value);
            operation.len() == 1
                && operation.iter().all(|(name, value)| OPERATORS.contains(&name.as_str()) && operand(value))
        }
        _ => scalar_fits(value),
    }
}

fn one_of(value: &Value, allowed: &[&str]) -> bool {
    value.as_str().is_some_and(|text| allowed.contains(&text))
}

/// One `@` between a local part and a domain with a dot, of characters that mail addresses have.
fn is_email(value: &Value) -> bool {
    let Some((local, domain)) = value.as_str().and_then(|text| text.split_once('@')) else { return false };
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let mark = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=64).contains(&local.len())
        && local.chars().all(mark)
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// `+`, country code, number: 7 to 15 digits, the first not 0 (E.164).
fn is_phone(value: &Value) -> bool {
    let Some(digits) = value.as_str().and_then(|text| text.strip_prefix('+')) else { return false };
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A whole number, also as text.
fn is_age(value: &Value) -> bool {
    let years = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    years.is_some_and(|years| years <= 150)
}
