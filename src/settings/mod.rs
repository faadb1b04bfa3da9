//! What an operator sets: the CleverTap account, the pack and its options, how much at once, the keys that senders use.
//!
//! Here are the checked types and the live copy that every room reads. Deliberately no storage (that is
//! `admin/settings/`) and no form.

mod key;
mod limit;
mod live;
mod region;
mod secret;

pub use key::{Key, KeyKind, KeyRing, Used};
pub use limit::{Limit, Limits, Unit};
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
    /// How much at once, how long, how much is kept.
    pub limits: Limits,
    /// Paths in events whose values are masked in the console, as `traits.email`; checked where they are set.
    pub mask_paths: Vec<String>,
    /// Whether records go to the built-in stand-in instead of CleverTap.
    pub sandbox: bool,
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
            limits: Limits::default(),
            mask_paths: Vec::new(),
            sandbox: false,
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
