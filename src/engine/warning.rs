//! Warnings: what was cut, dropped or left out of a record, and what to do about it.
//!
//! The hot path notes only a code and two numbers ([`Note`]); words are made when somebody looks.

use super::event::{At, Json};
use super::record::{StandardField, limit};
use super::rules::NameId;
use serde::Serialize;
use std::sync::Arc;

/// What happened. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WarningCode {
    /// An object or array was left out.
    NestedDropped,
    /// A value was cut to CleverTap's length.
    ValueCut,
    /// A key was cut to CleverTap's length.
    KeyCut,
    /// The event's name was cut to CleverTap's length.
    EventNameCut,
    /// A property too many was left out.
    PropertyLimit,
    /// Two source keys have one result.
    KeyCollision,
    /// Nothing would be left of a key, so it stays as received.
    KeyKept,
    /// CleverTap would refuse the value of a standard field.
    InvalidField,
    /// CleverTap would refuse the anonymousId as objectId.
    InvalidObjectId,
    /// A value is not of the form that a rule asks for.
    InvalidValue,
    /// An item too many was left out of `Items`.
    ItemLimit,
    /// An item is no object.
    ItemDropped,
    /// A record lacks something it can not be sent without.
    RecordIncomplete,
    /// The event deletes a person; what is shown of it is the call, and no upload.
    DeletesPerson,
}

impl WarningCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::NestedDropped,
        Self::ValueCut,
        Self::KeyCut,
        Self::EventNameCut,
        Self::PropertyLimit,
        Self::KeyCollision,
        Self::KeyKept,
        Self::InvalidField,
        Self::InvalidObjectId,
        Self::InvalidValue,
        Self::ItemLimit,
        Self::ItemDropped,
        Self::RecordIncomplete,
        Self::DeletesPerson,
    ];

    /// As shown, `nested_dropped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NestedDropped => "nested_dropped",
            Self::ValueCut => "value_cut",
            Self::KeyCut => "key_cut",
            Self::EventNameCut => "event_name_cut",
            Self::PropertyLimit => "property_limit",
            Self::KeyCollision => "key_collision",
            Self::KeyKept => "key_kept",
            Self::InvalidField => "invalid_field",
            Self::InvalidObjectId => "invalid_object_id",
            Self::InvalidValue => "invalid_value",
            Self::ItemLimit => "item_limit",
            Self::ItemDropped => "item_dropped",
            Self::RecordIncomplete => "record_incomplete",
            Self::DeletesPerson => "deletes_person",
        }
    }
}

/// A warning as the hot path notes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub code: WarningCode,
    /// The value or key in the event; the root when it is about none.
    pub at: At,
    /// The key in the record, where a rule names it.
    pub target: Option<NameId>,
}

/// A warning in words: the contract's shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable code.
    pub code: &'static str,
    /// What happened, why, and what to do.
    pub message: String,
    /// Where in the event, as `properties.products`; empty when it is about no place.
    pub path: String,
}

impl Warning {
    const DELETES: &str = "no rule maps this: once all earlier events of the person have ended, CleverTap is asked to \
                           delete the person's profile, with the body shown, and then every earlier event of the \
                           person is erased here";

    /// What is said of a deletion.
    pub(super) fn of_deletion(is_sendable: bool) -> Self {
        let message = match is_sendable {
            true => Self::DELETES.to_owned(),
            false => "no rule maps this: CleverTap takes no such anonymousId, so it is asked nothing, and every earlier \
                      event of the person is erased here"
                .to_owned(),
        };
        Self { code: WarningCode::DeletesPerson.as_str(), message, path: "type".to_owned() }
    }
}

impl Note {
    /// Puts a note into words. `names` are the keys that rules name.
    pub fn render(self, json: Json<'_>, names: &[Arc<str>]) -> Warning {
        let target = self.target.and_then(|name| names.get(name.0 as usize)).map(|name| &**name);
        let path = json.path_of(self.at);
        Warning { code: self.code.as_str(), message: self.message(json, target), path }
    }

    fn message(self, json: Json<'_>, target: Option<&str>) -> String {
        let kind = json.kind(self.at).noun();
        let named = target.unwrap_or("value");
        match self.code {
            WarningCode::NestedDropped => {
                format!("{kind} was left out: CleverTap takes text, numbers and booleans here")
            }
            WarningCode::ValueCut => match target {
                // A script's value stands nowhere in the event.
                Some(key) if self.at == At::ROOT => format!(
                    "the value of `{key}` was cut to {} bytes, the most CleverTap takes",
                    limit::VALUE_BYTES
                ),
                _ => format!("the value was cut to {} bytes, the most CleverTap takes", limit::VALUE_BYTES),
            },
            WarningCode::KeyCut => "the key was cut to the 120 that CleverTap takes".to_owned(),
            WarningCode::EventNameCut => {
                format!(
                    "the event name was cut to {} characters, the most CleverTap takes",
                    limit::EVENT_NAME_CHARS
                )
            }
            WarningCode::PropertyLimit => "left out: CleverTap takes no more properties in one record; \
                 send fewer, or raise the limit in the pack's options if CleverTap raised it for the account"
                .to_owned(),
            WarningCode::KeyCollision => "left out: another value has the same key in the record; \
                 a key already in its final form wins, else the first"
                .to_owned(),
            WarningCode::KeyKept => {
                "nothing would be left of the key in snake_case, so it stays as received".to_owned()
            }
            WarningCode::InvalidField => message_of_field(named),
            WarningCode::InvalidObjectId => format!(
                "left out and counted as missing: CleverTap would refuse it as objectId with code 526; expected {}",
                super::record::Format::ObjectId.expects()
            ),
            WarningCode::InvalidValue => {
                format!("`{named}` was not made from this: {kind} of another form was expected")
            }
            WarningCode::ItemLimit => format!("left out: CleverTap takes {} items", limit::ITEMS),
            WarningCode::ItemDropped => format!("left out of `{named}`: expected an object, found {kind}"),
            WarningCode::RecordIncomplete => {
                format!(
                    "the {named} record was left out: its address or one of its fields is missing or unknown"
                )
            }
            WarningCode::DeletesPerson => Warning::DELETES.to_owned(),
        }
    }
}

fn message_of_field(target: &str) -> String {
    let Some(field) = StandardField::find(target) else {
        return format!("`{target}` was left out");
    };
    let expected = field.format.expects();
    match field.code {
        Some(code) => format!(
            "`{target}` was left out: CleverTap would refuse the whole profile with code {code}; expected {expected}"
        ),
        None => format!("`{target}` was left out: expected {expected}"),
    }
}
