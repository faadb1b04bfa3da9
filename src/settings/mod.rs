//! What an operator sets: the CleverTap account, the pack and its options, the keys that senders use.
//!
//! Here are the checked types and the live copy that every room reads. Deliberately no storage (that is
//! `admin/settings.rs`) and no form.

mod live;
mod region;
mod secret;

pub use live::{LiveSettings, Origin, Origins};
pub use region::{BaseUrl, Region};
pub use secret::Secret;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything an operator can set. Missing account fields mean: accept and keep, do not deliver yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// CleverTap's Account ID (also Project ID), sent as `X-CleverTap-Account-Id`.
    pub account_id: Option<String>,
    /// CleverTap's Account Token. Only SDKs use it; uploads do not.
    pub account_token: Option<Secret>,
    /// The account's passcode, sent as `X-CleverTap-Passcode`.
    pub passcode: Option<Secret>,
    /// Where the account lives.
    pub region: Region,
    /// Another base address instead of the region's, as `http://127.0.0.1:9090`.
    pub clevertap_url: Option<BaseUrl>,
    /// Name of the live pack. `None` leaves the choice to `rules/tapline.yaml`.
    pub pack: Option<String>,
    /// Pack options that differ from the pack's defaults.
    pub options: BTreeMap<String, serde_json::Value>,
    /// What Segment or an SDK shows to be let in. Ingest refuses everything while there is none.
    pub write_key: Option<Secret>,
    /// What Segment signs its webhooks with. While it is set, `/v1/webhooks/segment` takes signed requests only.
    pub webhook_secret: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: None,
            account_token: None,
            passcode: None,
            region: Region::Eu1,
            clevertap_url: None,
            pack: None,
            options: BTreeMap::new(),
            write_key: None,
            webhook_secret: None,
        }
    }
}

impl Settings {
    /// The address uploads go to, without a trailing slash.
    pub fn base_url(&self) -> String {
        match &self.clevertap_url {
            Some(url) => url.as_str().to_owned(),
            None => self.region.base_url(),
        }
    }

    /// The names of the fields still needed before anything can be delivered.
    pub fn missing_for_delivery(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.account_id.is_none() {
            missing.push("account ID");
        }
        if self.passcode.is_none() {
            missing.push("passcode");
        }
        missing
    }
}
