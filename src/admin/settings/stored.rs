//! How settings are kept: one versioned JSON value, replaced by compare-and-set.

use super::Field;
use crate::admin::{AdminError, UserName, decode, encode};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one key of [`Table::Settings`].
const KEY: &[u8] = b"settings";

/// Counts the saves. A form carries the one it was made from, so that nobody overwrites what he has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Who saved, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBy {
    /// The account.
    pub user: UserName,
    /// The time.
    pub at: Millis,
}

/// Settings with their history of one step.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

impl Stored {
    /// Reads what is stored, and the bytes to expect when replacing it.
    pub(super) fn load(store: &dyn Store) -> Result<(Self, Option<Vec<u8>>), AdminError> {
        let Some(bytes) = store.get(Table::Settings, KEY)? else {
            return Ok((Self { version: 1, ..Self::default() }, None));
        };
        let stored: Self = decode("settings", &bytes)?;
        if stored.version != 1 {
            let error = format!("written by a newer version, in format {}", stored.version);
            return Err(AdminError::Unreadable { what: "settings", error });
        }
        Ok((stored, Some(bytes)))
    }

    /// The next state, with `settings` saved by `saved`.
    pub(super) fn next(&self, settings: Settings, saved: SavedBy) -> Self {
        let mut changed = self.changed.clone();
        for field in Field::ALL {
            let same_secret = field.secret_in(&self.settings) == field.secret_in(&settings);
            if !same_secret || field.shown(&self.settings) != field.shown(&settings) {
                changed.insert(field, saved.clone());
            }
        }
        Self {
            version: 1,
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
