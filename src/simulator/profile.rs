//! `GET /1/profile.json`: one person, put together from what was taken.

use super::intake::Intake;
use super::{State, answer, credential};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Whom to show; exactly one is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    email: Option<String>,
    identity: Option<String>,
    #[serde(rename = "objectId")]
    object_id: Option<String>,
}

/// `{"status":"success","record":{…}}`, in the shape of CleverTap's published example.
pub(super) async fn profile(
    request: HttpRequest,
    query: web::Query<Query>,
    state: web::Data<State>,
) -> HttpResponse {
    if let Some(refused) = credential::refused(&request, &state) {
        return refused;
    }
    let intake = state.intake();
    let taken = |keys: &BTreeSet<String>| {
        let deleted = keys.iter().map(|key| intake.deleted_until(key)).max().unwrap_or_default();
        intake.kept_after(deleted).filter_map(|(_, raw)| serde_json::from_str::<Value>(raw.get()).ok())
    };
    let keys = match query.into_inner() {
        Query { email: Some(email), identity: None, object_id: None } => {
            let holds =
                |record: &Value| record.pointer("/profileData/Email").and_then(Value::as_str) == Some(&email);
            taken(&BTreeSet::new()).filter(holds).flat_map(|record| names(&record)).collect()
        }
        Query { email: None, identity: Some(key), object_id: None }
        | Query { email: None, identity: None, object_id: Some(key) } => BTreeSet::from([key]),
        _ => return answer::malformed(),
    };
    // A profile that carries an identity in its data joins the identity and the objectId it is addressed to.
    let same = |record: &Value| names(record).iter().any(|name| keys.contains(name));
    let keys: BTreeSet<String> =
        taken(&keys).filter(same).flat_map(|record| names(&record)).chain(keys.clone()).collect();
    let mut person = Person::default();
    for record in taken(&keys).filter(|record| names(record).iter().any(|name| keys.contains(name))) {
        person.add(&record);
    }
    match person.seen {
        true => answer::json(200, &json!({"status": "success", "record": person.render()})),
        false => answer::error(404, "User not found"),
    }
}

/// Everybody of whom something was taken and is still kept, whoever was heard of last first.
pub(super) fn everybody(intake: &Intake) -> Vec<Value> {
    let read =
        |(place, raw): (usize, &RawValue)| Some((place, serde_json::from_str::<Value>(raw.get()).ok()?));
    let records: Vec<(usize, Value)> = intake.kept_after(0).filter_map(read).collect();
    // Names that stand in one record are one person's, and so are all that hang together by such records.
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for (_, record) in &records {
        let mut group: BTreeSet<String> = names(record).into_iter().collect();
        groups.retain(|other| {
            let is_apart = other.is_disjoint(&group);
            if !is_apart {
                group.extend(other.iter().cloned());
            }
            is_apart
        });
        groups.push(group);
    }
    let mut people: Vec<(usize, Value)> = Vec::new();
    for group in groups {
        let (mut person, mut heard) = (Person::default(), 0);
        for (place, record) in &records {
            let theirs =
                names(record).iter().any(|name| group.contains(name) && intake.deleted_until(name) <= *place);
            if theirs {
                person.add(record);
                heard = *place;
            }
        }
        if person.seen {
            let mut shown = person.render();
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("names".to_owned(), group.into_iter().collect::<Vec<_>>().into());
            }
            people.push((heard, shown));
        }
    }
    people.sort_by_key(|(heard, _)| std::cmp::Reverse(*heard));
    people.into_iter().map(|(_, person)| person).collect()
}

/// The names a record knows a person by.
fn names(record: &Value) -> Vec<String> {
    ["/identity", "/objectId", "/profileData/identity"]
        .iter()
        .filter_map(|pointer| match record.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect()
}

#[derive(Debug, Default)]
struct Person {
    seen: bool,
    data: Map<String, Value>,
    events: Map<String, Value>,
    platforms: Vec<Value>,
}

impl Person {
    fn add(&mut self, record: &Value) {
        self.seen = true;
        if let Some(Value::Object(data)) = record.get("profileData") {
            self.data.extend(data.clone());
        }
        if let Some(name) = record.get("evtName").and_then(Value::as_str) {
            let ts = record.get("ts").cloned().unwrap_or_default();
            let event = self.events.entry(name).or_insert_with(|| json!({"count": 0, "first_seen": ts}));
            event["count"] = (event["count"].as_u64().unwrap_or_default() + 1).into();
            event["last_seen"] = ts;
        }
        if let Some(token) = record.get("tokenData") {
            let object_id = record.get("objectId").cloned().unwrap_or_default();
            self.platforms.retain(|platform| platform["objectId"] != object_id);
            self.platforms.push(json!({
                "platform": if token["type"] == "apns" { "iOS" } else { "Android" },
                "objectId": object_id,
                "push_token": token["id"],
            }));
        }
    }

    fn render(self) -> Value {
        let mut record = Map::new();
        for (shown, key) in [("email", "Email"), ("name", "Name"), ("identity", "identity")] {
            if let Some(value) = self.data.get(key) {
                record.insert(shown.to_owned(), value.clone());
            }
        }
        record.insert("profileData".to_owned(), self.data.into());
        record.insert("events".to_owned(), self.events.into());
        record.insert("platformInfo".to_owned(), self.platforms.into());
        record.into()
    }
}
