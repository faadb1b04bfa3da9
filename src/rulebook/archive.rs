//! Handing every set that is read to whoever keeps sets, good ones and bad ones.

use crate::engine::hash::ContentHash;
use crate::engine::{Plan, RuleFiles};
use crate::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;

/// A set of rules as it was read, with what it was compiled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSet {
    /// Names files, pack and options. Of a good set it is the plan's.
    pub hash: ContentHash,
    /// The files.
    pub files: RuleFiles,
    /// The live pack; of a bad set the one that was asked for, if one was.
    pub pack: Option<String>,
    /// The options in force; of a bad set those that were given.
    pub options: BTreeMap<String, Value>,
    /// Whether it could be compiled.
    pub good: bool,
}

impl SeenSet {
    /// A set and the plan that came of it, if one did.
    pub(super) fn new(files: RuleFiles, settings: &Settings, plan: Option<&Plan>) -> Self {
        match plan {
            Some(plan) => {
                let options = plan.options().iter().map(|option| (option.name.clone(), option.value.clone()));
                let (pack, options) = (Some(plan.pack().to_owned()), options.collect());
                Self { hash: plan.hash(), files, pack, options, good: true }
            }
            None => {
                let options = serde_json::json!(settings.options).to_string();
                let pack = settings.pack.as_deref().unwrap_or_default();
                let texts = files.iter().flat_map(|(file, text)| [file.as_str(), text.as_str()]);
                let hash = ContentHash::of_parts(["refused rules", pack, &options].into_iter().chain(texts));
                let (pack, options) = (settings.pack.clone(), settings.options.clone());
                Self { hash, files, pack, options, good: false }
            }
        }
    }
}

/// Keeps sets. Called on the thread that reads rules, where it may wait for a disk; what goes wrong is its own to tell,
/// because rules must come into force whether or not they can be kept.
pub trait Archive: Send + Sync {
    /// Keeps a set, which may be one that is kept already.
    fn keep(&self, set: &SeenSet);
}
