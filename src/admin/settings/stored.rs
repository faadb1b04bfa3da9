//! How settings are kept: one versioned JSON value, replaced by compare-and-set.
//!
//! Version 1 held one write key and one webhook secret; they are rows of their own since version 2 (`key.rs`). Both are
//! read, and version 2 is written.

use super::Field;
use crate::admin::{AdminError, Author, decode, encode};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use crate::settings::{KeyKind, Secret, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one key of [`Table::Settings`].
const KEY: &[u8] = b"settings";
/// What is written.
const VERSION: u32 = 2;

/// Counts the saves. A form carries the one it was made from, so that nobody overwrites what he has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Who saved, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBy {
    /// Who.
    pub user: Author,
    /// The time.
    pub at: Millis,
}

/// Settings with their history of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    version: u32,
    /// How many saves led here.
    pub(super) revision: Revision,
    /// The last save.
    pub(super) saved: Option<SavedBy>,
    /// The last change of each field.
    pub(super) changed: BTreeMap<Field, SavedBy>,
    /// The settings, without the environment.
    pub(super) settings: Settings,
}

/// A key that version 1 kept among the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldKey {
    pub(super) kind: KeyKind,
    pub(super) secret: Secret,
    /// Who set it and when, where that was kept.
    pub(super) saved: Option<SavedBy>,
}

/// The bytes that are stored; none before the first save.
type Bytes = Option<Vec<u8>>;

impl Stored {
    /// Reads what is stored, and the bytes to expect when replacing it.
    pub(super) fn load(store: &dyn Store) -> Result<(Self, Bytes), AdminError> {
        let (stored, _, bytes) = Self::load_all(store)?;
        Ok((stored, bytes))
    }

    /// The same, with the keys that an earlier version kept there.
    pub(super) fn load_all(store: &dyn Store) -> Result<(Self, Vec<OldKey>, Bytes), AdminError> {
        let Some(bytes) = store.get(Table::Settings, KEY)? else {
            return Ok((Self { version: VERSION, ..Self::default() }, Vec::new(), None));
        };
        let (stored, keys) = Self::parse(&bytes)?;
        Ok((stored, keys, Some(bytes)))
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Vec<OldKey>), AdminError> {
        /// All that is known before the version is.
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        match decode::<Head>("settings", bytes)?.version {
            VERSION => Ok((decode("settings", bytes)?, Vec::new())),
            1 => Ok(first::read(decode("settings", bytes)?)),
            newer => {
                let error = format!("written by a newer version, in format {newer}");
                Err(AdminError::Unreadable { what: "settings", error })
            }
        }
    }

    /// The next state, with `settings` saved by `saved`.
    pub(super) fn next(&self, settings: Settings, saved: SavedBy) -> Self {
        let mut changed = self.changed.clone();
        for field in Field::ALL.into_iter().filter(|field| field.differs(&self.settings, &settings)) {
            changed.insert(field, saved.clone());
        }
        Self {
            version: VERSION,
            revision: Revision(self.revision.0.saturating_add(1)),
            saved: Some(saved),
            changed,
            settings,
        }
    }

    /// Replaces `expected`; says whether it was still there.
    pub(super) fn replace(&self, store: &dyn Store, expected: Option<&[u8]>) -> Result<bool, AdminError> {
        Ok(store.swap(Table::Settings, KEY, expected, Some(&encode("settings", self)?))?)
    }
}

/// The format of version 1.
mod first {
    use super::{BTreeMap, Field, KeyKind, OldKey, Revision, SavedBy, Secret, Settings, Stored, VERSION};
    use crate::settings::{BaseUrl, Region};
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct StoredFirst {
        #[serde(rename = "version")]
        _version: u32,
        revision: Revision,
        saved: Option<SavedBy>,
        changed: BTreeMap<String, SavedBy>,
        settings: SettingsFirst,
    }

    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct SettingsFirst {
        account_id: Option<String>,
        account_token: Option<Secret>,
        passcode: Option<Secret>,
        region: Option<Region>,
        clevertap_url: Option<BaseUrl>,
        pack: Option<String>,
        options: BTreeMap<String, serde_json::Value>,
        write_key: Option<Secret>,
        webhook_secret: Option<Secret>,
    }

    pub(super) fn read(first: StoredFirst) -> (Stored, Vec<OldKey>) {
        let StoredFirst { revision, saved, mut changed, settings, .. } = first;
        let mut key = |kind, name: &str, secret: Option<Secret>| {
            let saved = changed.remove(name);
            secret.map(|secret| OldKey { kind, secret, saved })
        };
        let keys = [
            key(KeyKind::WriteKey, "write_key", settings.write_key),
            key(KeyKind::WebhookSecret, "webhook_secret", settings.webhook_secret),
        ];
        let keys = keys.into_iter().flatten().collect();
        let settings = Settings {
            account_id: settings.account_id,
            account_token: settings.account_token,
            passcode: settings.passcode,
            region: settings.region.unwrap_or(Settings::default().region),
            clevertap_url: settings.clevertap_url,
            pack: settings.pack,
            options: settings.options,
            ..Settings::default()
        };
        let known = |(name, by): (String, SavedBy)| Some((Field::find(&name)?, by));
        let changed = changed.into_iter().filter_map(known).collect();
        (Stored { version: VERSION, revision, saved, changed, settings }, keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = include_bytes!("../../../tests/golden/settings/settings-1.json");
    const SECOND: &[u8] = include_bytes!("../../../tests/golden/settings/settings-2.json");

    #[test]
    fn what_the_first_version_wrote_is_read_and_its_keys_are_handed_out() {
        let (stored, keys) = Stored::parse(FIRST).unwrap();
        assert_eq!(stored.revision, Revision(7));
        assert_eq!(stored.settings.account_id.as_deref(), Some("TEST-123-4XYZ"));
        assert_eq!(stored.settings.options.len(), 1);
        assert_eq!(stored.changed.keys().copied().collect::<Vec<_>>(), [Field::AccountId, Field::Passcode]);
        let keys: Vec<_> =
            keys.iter().map(|key| (key.kind, key.secret.expose(), key.saved.is_some())).collect();
        assert_eq!(
            keys,
            [(KeyKind::WriteKey, "write_key_1", true), (KeyKind::WebhookSecret, "webhook_secret_1", false)]
        );
    }

    #[test]
    fn what_the_second_version_writes_stays_as_it_is() {
        let (stored, keys) = Stored::parse(SECOND).unwrap();
        assert!(keys.is_empty());
        assert_eq!(
            encode("settings", &stored).unwrap(),
            SECOND.trim_ascii(),
            "the stored format has changed"
        );
        assert_eq!(stored.settings.mask_paths, ["traits.email"]);
        assert!(stored.settings.sandbox);
    }

    #[test]
    fn what_a_later_version_wrote_is_not_guessed_at() {
        let error = Stored::parse(br#"{"version":3,"anything":1}"#).unwrap_err().to_string();
        assert!(error.contains("written by a newer version, in format 3"), "{error}");
    }
}
