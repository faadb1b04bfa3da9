//! What CleverTap takes: a second writing of the rules, on purpose independent of the engine's.
//!
//! Sources: the error list (<https://developer.clevertap.com/docs/api-errors>, 2026-08), the pages on uploading profiles,
//! events and device tokens (2026-06), answers of the real API as published recordings show them (2017, 2018), and the
//! validation of CleverTap's Android and Web SDKs (2026). Where none of them says which code a limit is answered with,
//! the constant says "assumed".

mod address;
mod event;
mod profile;
mod text;
mod token;

use serde_json::{Map, Value};

/// Why a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// CleverTap's code.
    pub(super) code: u16,
    /// CleverTap's words, up to `Skipped record number`.
    pub(super) words: String,
}

impl Refusal {
    /// A refusal with this code and these words.
    pub(super) fn new(code: u16, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

/// Checks one record. Only the first problem is reported, as CleverTap does.
pub(super) fn record(record: &Value, event_properties: usize) -> Result<(), Refusal> {
    let kind = record.get("type").and_then(Value::as_str).unwrap_or_default();
    let Value::Object(fields) = record else { return Err(wrong_kind()) };
    match kind {
        "event" => {
            address::check(fields)?;
            timestamp(fields)?;
            event::check(fields, event_properties)
        }
        "profile" => {
            address::check(fields)?;
            timestamp(fields)?;
            profile::check(fields)
        }
        "token" => token::check(fields),
        _ => Err(wrong_kind()),
    }
}

fn wrong_kind() -> Refusal {
    Refusal::new(524, "Data is neither event nor profile. ")
}

/// `ts` is optional; whole seconds since 1970, more than nought, as a number or as digits.
fn timestamp(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let seconds = match fields.get("ts") {
        None => return Ok(()),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(_) => None,
    };
    match seconds {
        Some(1..) => Ok(()),
        _ => Err(Refusal::new(525, "Timestamp should be present in the Unix Epoch format. ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(value: &Value) -> u16 {
        record(value, 256).err().map_or(0, |refusal| refusal.code)
    }

    /// A record with one field replaced; `null` removes it.
    fn with(mut record: Value, pointer: &str, value: Value) -> Value {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value);
        }
        record
    }

    fn event() -> Value {
        json!({"type": "event", "identity": "user_1", "evtName": "Viewed", "evtData": {"price": 1}, "ts": 1_700_000_000})
    }

    fn profile() -> Value {
        json!({"type": "profile", "objectId": "anon-1", "ts": 1_700_000_000, "profileData": {"identity": "user_1"}})
    }

    fn token() -> Value {
        json!({"type": "token", "objectId": "anon-1", "tokenData": {"id": "abc", "type": "fcm"}})
    }

    fn charged(items: Value) -> Value {
        let data = json!({"Amount": 3, "Items": items});
        with(with(event(), "/evtName", json!("Charged")), "/evtData", data)
    }

    fn properties(count: usize) -> Value {
        (0..count).map(|i| (format!("key_{i}"), json!(i))).collect::<Map<_, _>>().into()
    }

    #[test]
    fn every_documented_code_has_a_record_that_earns_it() {
        let long = |n: usize| json!("x".repeat(n));
        let cases = [
            (0, event()),
            (0, with(event(), "/ts", json!("1700000000"))),
            (0, with(event(), "/ts", Value::Null)),
            (0, with(event(), "/evtData", json!({}))),
            (0, with(event(), "/identity", json!(13))),
            (0, charged(json!([{"sku": "a", "price": 1}]))),
            (0, with(event(), "/evtData", properties(256))),
            (509, with(event(), "/evtName", Value::Null)),
            (509, with(event(), "/evtName", json!("  "))),
            (512, with(event(), "/evtName", long(513))),
            (0, with(event(), "/evtName", json!("ü".repeat(512)))),
            (512, with(event(), "/evtData", json!([]))),
            (512, with(event(), "/evtData", Value::Null)),
            (512, with(event(), "/evtData/deep", json!({"a": 1}))),
            (512, with(event(), "/evtData/list", json!([1]))),
            (512, with(event(), "/evtData/note", long(513))),
            (0, with(event(), "/evtData/note", long(512))),
            (512, with(event(), "/evtData/note", json!("ü".repeat(257)))),
            (0, with(event(), &format!("/evtData/{}", "ü".repeat(120)), json!(1))),
            (512, with(profile(), &format!("/profileData/{}", "ü".repeat(61)), json!(1))),
            (512, with(event(), &format!("/evtData/{}", "k".repeat(121)), json!(1))),
            (512, charged(json!([{"sku": ["a"]}]))),
            (512, charged(json!(vec![json!({}); 257]))),
            (512, with(event(), "/evtData/Items", json!([{"sku": "a"}]))),
            (513, with(event(), "/evtName", json!("app launched"))),
            (513, with(event(), "/evtName", json!("Identity Set"))),
            (513, with(event(), "/evtName", json!("SCCampaignOptOut"))),
            (522, with(event(), "/evtData", properties(257))),
            (523, with(event(), "/identity", json!(""))),
            (523, with(event(), "/identity", Value::Null)),
            (523, with(event(), "/identity", long(121))),
            (523, with(event(), "/objectId", json!("anon-1"))),
            (524, with(event(), "/type", json!("evt"))),
            (524, with(event(), "/type", Value::Null)),
            (525, with(event(), "/ts", json!(0))),
            (525, with(event(), "/ts", json!("2026-01-01"))),
            (525, with(event(), "/ts", json!(1.5))),
            (0, profile()),
            (526, with(profile(), "/objectId", long(65))),
            (526, with(profile(), "/objectId", json!("a b"))),
            (514, with(profile(), "/profileData/Gender", json!("male"))),
            (515, with(profile(), "/profileData/Email", json!("$$$$$"))),
            (0, with(profile(), "/profileData/Email", json!("jane@example.com"))),
            (516, with(profile(), "/profileData/Phone", json!("+44+441234"))),
            (516, with(profile(), "/profileData/Phone", json!("123"))),
            (0, with(profile(), "/profileData/Phone", json!("+35922333232"))),
            (517, with(profile(), "/profileData/Employed", json!(true))),
            (518, with(profile(), "/profileData/Education", json!("School/College"))),
            (519, with(profile(), "/profileData/Married", json!("yes"))),
            (520, with(profile(), "/profileData/Age", json!("old"))),
            (0, with(profile(), "/profileData/Age", json!("18"))),
            (512, with(profile(), "/profileData/deep", json!({"a": 1}))),
            (512, with(profile(), "/profileData/list", json!(["a"]))),
            (0, with(profile(), "/profileData/list", json!({"$add": ["a"]}))),
            (0, with(profile(), "/profileData/category-unsubscribe", json!({"email": ["news"]}))),
            (512, with(profile(), "/profileData", properties(257))),
            (0, token()),
            (530, with(token(), "/objectId", Value::Null)),
            (530, with(token(), "/identity", json!("user_1"))),
            (531, with(token(), "/tokenData", Value::Null)),
            (532, with(token(), "/tokenData/id", Value::Null)),
            (533, with(token(), "/tokenData/type", Value::Null)),
            (534, with(token(), "/tokenData/type", json!("telex"))),
            (534, with(token(), "/objectId", json!("-v123"))),
            (535, with(token(), "/tokenData/type", json!("chrome"))),
        ];
        for (expected, record) in cases {
            assert_eq!(code(&record), expected, "{record}");
        }
    }

    #[test]
    fn the_first_bad_field_in_the_recorded_order_decides() {
        let data = json!({"Age": "old", "Phone": "1", "Email": "x"});
        assert_eq!(code(&with(profile(), "/profileData", data)), 515);
        let data = json!({"Age": "old", "Phone": "1"});
        assert_eq!(code(&with(profile(), "/profileData", data)), 516);
    }
}
