//! The one copy of the settings that is in force, replaced whole.

use super::{KeyRing, Settings};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Saved in the console or through the API.
    Stored,
    /// An environment variable or flag, which wins and is read-only; holds the variable's name.
    Environment(&'static str),
}

/// Field name (as in [`Settings`]) → origin, for the fields that are set.
pub type Origins = BTreeMap<&'static str, Origin>;

/// What every room reads. Reading is one atomic load; a change reaches all of them at once.
#[derive(Debug)]
pub struct LiveSettings {
    current: ArcSwap<(Settings, Origins)>,
    keys: ArcSwap<KeyRing>,
    version: watch::Sender<u64>,
}

impl LiveSettings {
    /// Starts with these.
    pub fn new(settings: Settings, origins: Origins) -> Self {
        Self {
            current: ArcSwap::from_pointee((settings, origins)),
            keys: ArcSwap::default(),
            version: watch::Sender::new(1),
        }
    }

    /// The keys in force.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Puts other keys in force. Wakes nobody: a key is looked up with every request.
    pub fn replace_keys(&self, keys: KeyRing) {
        self.keys.store(Arc::new(keys));
    }

    /// The settings in force and where they came from.
    pub fn load(&self) -> Arc<(Settings, Origins)> {
        self.current.load_full()
    }

    /// Puts others in force and wakes everyone who waits on [`Self::changed`].
    pub fn replace(&self, settings: Settings, origins: Origins) {
        self.current.store(Arc::new((settings, origins)));
        self.version.send_modify(|version| *version += 1);
    }

    /// Counts the replacements.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
