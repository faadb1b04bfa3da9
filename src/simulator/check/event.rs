//! Events: name, properties, and the items of a charge.

use super::Refusal;
use super::text::{property_key_fits, scalar_fits};
use serde_json::{Map, Value};

/// System events nobody may raise: CleverTap's page (first lines) and the list of its Android SDK (last lines).
const RESTRICTED: [&str; 24] = [
    "Notification Sent",
    "Notification Viewed",
    "Notification Clicked",
    "Notification Delivered",
    "Notification Replied",
    "UTM Visited",
    "App Launched",
    "App Uninstalled",
    "App Version Changed",
    "Stayed",
    "Reply Sent",
    "Experiment Rendered",
    "Reachable By",
    "Identity Reset",
    "Identity Set",
    "Identity Error",
    "wzrk_d",
    "Notification Bounced",
    "Geocluster Entered",
    "Geocluster Exited",
    "SCOutgoing",
    "SCIncoming",
    "SCEnd",
    "SCCampaignOptOut",
];

/// Characters of an event name (CleverTap's Android SDK cuts there).
const NAME_CHARS: usize = 512;

/// Items of a charge (CleverTap's platform page; its SDKs warn above 50 already).
const ITEMS: usize = 256;

/// Checks what belongs to events only.
pub(super) fn check(fields: &Map<String, Value>, properties: usize) -> Result<(), Refusal> {
    let name = fields.get("evtName").and_then(Value::as_str).unwrap_or_default();
    if name.trim().is_empty() {
        let words = "Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. ";
        return Err(Refusal::new(509, words));
    }
    let plain = normalized(name);
    if RESTRICTED.iter().any(|restricted| normalized(restricted) == plain) {
        return Err(Refusal::new(513, "Event Name is incorrect. ErrorCode: 513 - Restricted event name. "));
    }
    // Which code too long a name earns is assumed.
    if name.chars().count() > NAME_CHARS {
        return Err(structure());
    }
    let Some(Value::Object(data)) = fields.get("evtData") else { return Err(structure()) };
    if data.len() > properties {
        return Err(Refusal::new(522, "Event properties limit exceeded. "));
    }
    let fits = |(key, value): (&String, &Value)| {
        property_key_fits(key)
            && (scalar_fits(value) || name == "Charged" && key == "Items" && items_fit(value))
    };
    if data.iter().all(fits) { Ok(()) } else { Err(structure()) }
}

fn structure() -> Refusal {
    Refusal::new(512, "Event data is incorrect. ErrorCode: 512 - Invalid event structure. ")
}

fn items_fit(value: &Value) -> bool {
    let flat = |item: &Value| {
        item.as_object()
            .is_some_and(|item| item.iter().all(|(key, value)| property_key_fits(key) && scalar_fits(value)))
    };
    value.as_array().is_some_and(|items| items.len() <= ITEMS && items.iter().all(flat))
}

/// CleverTap compares event names without white space and case (its Android SDK says "for consistent behavior with the
/// backend").
fn normalized(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}
