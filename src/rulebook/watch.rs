//! Watching the rules directory: a change on disk becomes one reload of the whole set.
//!
//! It looks at what the files say, not at what the system tells of them, so an editor's save, a rename, a swapped link
//! and a `git pull` of many files are all the same to it. A change counts once two looks in a row have seen the same:
//! half a set is never taken for a whole one.

use super::LiveRules;
use crate::settings::Settings;
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

/// How long to wait between two looks.
pub const INTERVAL: Duration = Duration::from_millis(400);

/// What a look has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing has changed.
    Same,
    /// Something has changed, and may still be changing.
    Changing,
    /// A new set is in force.
    Reloaded,
    /// The new set can not be used; the last good one stays in force.
    Refused,
}

/// Looks at the rules directory again and again.
#[derive(Debug)]
pub struct RulesWatch {
    hasher: foldhash::quality::RandomState,
    taken: u64,
    seen: u64,
}

impl RulesWatch {
    /// Starts with what is on disk now, which is taken to be in force.
    pub fn start(rules: &LiveRules) -> Self {
        let hasher = foldhash::quality::RandomState::default();
        let now = fingerprint(&hasher, rules);
        Self { hasher, taken: now, seen: now }
    }

    /// Looks once. Whoever calls decides how long to wait between two looks.
    pub fn look(&mut self, rules: &LiveRules, settings: &Settings) -> Look {
        let now = fingerprint(&self.hasher, rules);
        let settled = now == self.seen;
        self.seen = now;
        if now == self.taken {
            return Look::Same;
        }
        if !settled {
            return Look::Changing;
        }
        self.taken = now;
        rules.reload(settings);
        if rules.problem().is_none() { Look::Reloaded } else { Look::Refused }
    }
}

/// A hash of the names and texts of all rule files, or of why they can not be read.
fn fingerprint(hasher: &foldhash::quality::RandomState, rules: &LiveRules) -> u64 {
    let mut hash = hasher.build_hasher();
    match rules.files() {
        Ok(files) => files.hash(&mut hash),
        Err(error) => error.to_string().hash(&mut hash),
    }
    hash.finish()
}
