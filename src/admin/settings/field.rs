//! The fields of the settings as one table: name, variable, words. Storage, form, environment and pages read it.

use crate::settings::{Region, Secret, Settings};
use serde::{Deserialize, Serialize};

/// A field of [`Settings`], pack options excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// What senders show.
    WriteKey,
    /// What Segment signs its webhooks with.
    WebhookSecret,
}

impl Field {
    /// Every field, in the order shown.
    pub const ALL: [Self; 8] = [
        Self::AccountId,
        Self::AccountToken,
        Self::Passcode,
        Self::Region,
        Self::ClevertapUrl,
        Self::Pack,
        Self::WriteKey,
        Self::WebhookSecret,
    ];

    /// The name in forms, in the API and in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::AccountToken => "account_token",
            Self::Passcode => "passcode",
            Self::Region => "region",
            Self::ClevertapUrl => "clevertap_url",
            Self::Pack => "pack",
            Self::WriteKey => "write_key",
            Self::WebhookSecret => "webhook_secret",
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
            Self::WriteKey => "Write key",
            Self::WebhookSecret => "Webhook secret",
        }
    }

    /// The variable that sets it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::AccountId => "TAPLINE_ACCOUNT_ID",
            Self::AccountToken => "TAPLINE_TOKEN",
            Self::Passcode => "TAPLINE_PASSCODE",
            Self::Region => "TAPLINE_REGION",
            Self::ClevertapUrl => "TAPLINE_CLEVERTAP_URL",
            Self::Pack => "TAPLINE_PACK",
            Self::WriteKey => "TAPLINE_WRITE_KEY",
            Self::WebhookSecret => "TAPLINE_WEBHOOK_SECRET",
        }
    }

    /// Whether it is write-only.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::AccountToken | Self::Passcode | Self::WriteKey | Self::WebhookSecret)
    }

    /// The secret it holds, if it is a secret and set.
    pub fn secret_in(self, settings: &Settings) -> Option<&Secret> {
        match self {
            Self::AccountToken => settings.account_token.as_ref(),
            Self::Passcode => settings.passcode.as_ref(),
            Self::WriteKey => settings.write_key.as_ref(),
            Self::WebhookSecret => settings.webhook_secret.as_ref(),
            Self::AccountId | Self::Region | Self::ClevertapUrl | Self::Pack => None,
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
            Self::AccountToken | Self::Passcode | Self::WriteKey | Self::WebhookSecret => {
                match self.secret_in(settings) {
                    Some(secret) => {
                        secret.ending().map_or_else(|| "set".to_owned(), |end| format!("ends …{end}"))
                    }
                    None => String::new(),
                }
            }
        }
    }

    /// Whether it holds something of its own.
    pub fn is_set_in(self, settings: &Settings) -> bool {
        match self {
            Self::Region => settings.region != Region::Eu1,
            other => !other.shown(settings).is_empty(),
        }
    }
}
