//! Calls to send: every kind, and everything that keeps a call from becoming a record.

use serde_json::{Value, json};

/// How many people make calls; shares no factor with the kinds, so that everybody makes each.
const PEOPLE: usize = 40;

/// 2026-01-01T00:00:00Z in milliseconds.
const START: i64 = 1_767_225_600_000;

/// When the mixed load says it was sent: by a clock that is wrong by months, as clocks of devices are.
pub(super) const SENT_AT: &str = "2026-01-01T02:00:00.000Z";

/// The `number`-th of a mixed load.
pub(super) fn mixed(number: usize) -> Value {
    let person = number % PEOPLE;
    let mut call = kind(number, person);
    let members = call.as_object_mut().expect("an object");
    members.insert("messageId".into(), format!("message_{number}").into());
    for (name, id) in [("userId", format!("user_{person}")), ("anonymousId", format!("device-{person}"))] {
        // A kind that goes without an id, or with an odd one, says so.
        if !members.contains_key(name) {
            members.insert(name.into(), id.into());
        }
    }
    members.retain(|_, value| !value.is_null());
    let time = iso(START + 1_000 * i64::try_from(number).expect("a small number"));
    match number % 3 {
        0 => {}
        1 => drop(members.insert("timestamp".into(), time.into())),
        _ => {
            members.insert("originalTimestamp".into(), "2025-12-31T00:00:00Z".into());
            members.insert("timestamp".into(), time.into());
        }
    }
    call
}

fn kind(number: usize, person: usize) -> Value {
    match number % 17 {
        0 => json!({"type": "identify", "traits": {
            "name": format!("Person {person}"), "email": format!("person_{person}@example.com"), "gender": "f",
            "birthday": "1990-05-01", "phone": "+1 555 010 0000", "planName": "Gold", "visits": number,
            "address": {"city": "Pune"}, "tags": ["a", {"b": 1}], "empty": "", "nothing": null}}),
        1 => json!({"type": "track", "event": "Article Read", "properties": {
            "articleID": number, "Word Count": 12.50, "isFree": true, "nested": {"a": 1}, "list": [1, 2]}}),
        2 => json!({"type": "page", "name": "Home", "category": "Site", "properties": {
            "url": format!("https://example.com/{number}"), "pageTitle": "Start"}}),
        3 => json!({"type": "screen", "name": "Cart", "properties": {"itemCount": number}}),
        4 => json!({"type": "alias", "previousId": format!("device-{person}")}),
        5 => json!({"type": "group", "groupId": "group_1", "traits": {"name": "Example Ltd"}}),
        6 => json!({"type": "track", "event": "order completed", "properties": {
            "order_id": format!("order_{number}"), "total": 42.5, "currency": "EUR", "couponCode": "TEN",
            "products": [{"product_id": "p1", "unitPrice": 20}, {"product_id": "p2", "unitPrice": 2.5}]}}),
        // The same token several times, then another.
        7 => json!({"type": "track", "event": "App Opened", "properties": {"session": number}, "context": {
            "device": {"type": "ios", "token": format!("token_{person}_{}", number / 900)}}}),
        8 => {
            json!({"type": "track", "event": "Article Read", "anonymousId": null, "properties": {"n": number}})
        }
        9 => json!({"type": "identify", "userId": " ", "traits": {"visits": number}}),
        10 => json!({"type": "track", "event": "Article Read", "userId": null, "anonymousId": null}),
        11 => json!({"type": "track", "properties": {"n": number}}),
        12 => json!({"type": "page", "integrations": {"All": false}}),
        13 => json!({"type": "track", "event": "App Launched", "properties": {"n": number}}),
        14 => {
            json!({"type": "track", "event": "Zażółć \"gęślą\" \u{1F600}", "userId": person, "properties": {
            "bigNumber": 12_345_678_901_234_567_890_u64, "ünïcode": "\u{2028}\t\\", "n": number}})
        }
        15 => json!({"type": "identify", "traits": {
            "email": "not an address", "phone": "12", "gender": "?", "visits": number}}),
        _ => json!({"type": "screen", "name": "Shop", "integrations": {"All": false, "CleverTap": true},
            "properties": {"n": number}}),
    }
}

/// Milliseconds since 1970 as Segment's libraries write them.
fn iso(milliseconds: i64) -> String {
    tapline::engine::event::time::render_iso(milliseconds)
}

/// A batch, as Segment's libraries send it.
pub(super) fn batch(calls: impl Iterator<Item = Value>) -> String {
    json!({"batch": calls.collect::<Vec<_>>(), "sentAt": SENT_AT, "context": {"library": {"name": "example"}}})
        .to_string()
}
