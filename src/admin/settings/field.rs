//! The fields of the settings as one table: name, variable, words. Storage, form, environment and pages read it.

use crate::settings::{Limit, Region, Secret, Settings};
use serde::{Deserialize, Serialize};

/// A field of [`Settings`], pack options excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Field {
    /// CleverTap's account ID.
    AccountId,
    /// CleverTap's account token.
    AccountToken,
    /// The passcode.
    Passcode,
    /// The region.
    Region,
    /// Another base address.
    ClevertapUrl,
    /// The live pack.
    Pack,
    /// How much at once, how long, how much is kept.
    Limit(Limit),
    /// What is masked in the console.
    MaskPaths,
}

impl Field {
    /// Every field, in the order shown.
    pub const ALL: [Self; 13] = [
        Self::AccountId,
        Self::AccountToken,
        Self::Passcode,
        Self::Region,
        Self::ClevertapUrl,
        Self::Pack,
        Self::Limit(Limit::RequestsInFlight),
        Self::Limit(Limit::UploadsInFlight),
        Self::Limit(Limit::RetryCap),
        Self::Limit(Limit::RetryFor),
        Self::Limit(Limit::KeepDays),
        Self::Limit(Limit::KeepBytes),
        Self::MaskPaths,
    ];

    /// The field of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The name in forms, in the API and in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::AccountToken => "account_token",
            Self::Passcode => "passcode",
            Self::Region => "region",
            Self::ClevertapUrl => "clevertap_url",
            Self::Pack => "pack",
            Self::Limit(limit) => limit.name(),
            Self::MaskPaths => "mask_paths",
        }
    }

    /// The name people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::AccountId => "Account ID",
            Self::AccountToken => "Account token",
            Self::Passcode => "Passcode",
            Self::Region => "Region",
            Self::ClevertapUrl => "Base URL",
            Self::Pack => "Pack",
            Self::Limit(limit) => limit.label(),
            Self::MaskPaths => "Masked paths",
        }
    }

    /// The variable that sets it; none for what is set here alone.
    pub fn variable(self) -> Option<&'static str> {
        Some(match self {
            Self::AccountId => "TAPLINE_ACCOUNT_ID",
            Self::AccountToken => "TAPLINE_TOKEN",
            Self::Passcode => "TAPLINE_PASSCODE",
            Self::Region => "TAPLINE_REGION",
            Self::ClevertapUrl => "TAPLINE_CLEVERTAP_URL",
            Self::Pack => "TAPLINE_PACK",
            Self::Limit(limit) => limit.variable(),
            Self::MaskPaths => return None,
        })
    }

    /// Whether it is write-only.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::AccountToken | Self::Passcode)
    }

    /// The secret it holds, if it is a secret and set.
    pub fn secret_in(self, settings: &Settings) -> Option<&Secret> {
        match self {
            Self::AccountToken => settings.account_token.as_ref(),
            Self::Passcode => settings.passcode.as_ref(),
            Self::AccountId
            | Self::Region
            | Self::ClevertapUrl
            | Self::Pack
            | Self::Limit(_)
            | Self::MaskPaths => None,
        }
    }

    /// What may be shown of it: the value, or of a secret the last characters.
    pub fn shown(self, settings: &Settings) -> String {
        match self {
            Self::AccountId => settings.account_id.clone().unwrap_or_default(),
            Self::Region => settings.region.to_string(),
            Self::ClevertapUrl => {
                settings.clevertap_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default()
            }
            Self::Pack => settings.pack.clone().unwrap_or_default(),
            Self::Limit(limit) => {
                settings.limits.get(limit).map(|value| limit.unit().render(value)).unwrap_or_default()
            }
            Self::MaskPaths => settings.mask_paths.join("\n"),
            Self::AccountToken | Self::Passcode => match self.secret_in(settings) {
                Some(secret) => {
                    secret.ending().map_or_else(|| "set".to_owned(), |end| format!("ends …{end}"))
                }
                None => String::new(),
            },
        }
    }

    /// Whether it holds something of its own.
    pub fn is_set_in(self, settings: &Settings) -> bool {
        match self {
            Self::Region => settings.region != Region::Eu1,
            other => !other.shown(settings).is_empty(),
        }
    }

    /// Whether two settings differ in it.
    pub fn differs(self, one: &Settings, other: &Settings) -> bool {
        self.secret_in(one) != self.secret_in(other) || self.shown(one) != self.shown(other)
    }

    /// Makes it in `to` what it is in `from`.
    pub fn copy(self, from: &Settings, to: &mut Settings) {
        match self {
            Self::AccountId => to.account_id.clone_from(&from.account_id),
            Self::AccountToken => to.account_token.clone_from(&from.account_token),
            Self::Passcode => to.passcode.clone_from(&from.passcode),
            Self::Region => to.region = from.region,
            Self::ClevertapUrl => to.clevertap_url.clone_from(&from.clevertap_url),
            Self::Pack => to.pack.clone_from(&from.pack),
            Self::Limit(limit) => to.limits.set(limit, from.limits.get(limit)),
            Self::MaskPaths => to.mask_paths.clone_from(&from.mask_paths),
        }
    }
}

impl TryFrom<String> for Field {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Self::find(&name).ok_or_else(|| "expected the name of a setting".to_owned())
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.name().to_owned()
    }
}
