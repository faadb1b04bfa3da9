//! Where a set of rules comes from, and compiling it.

use crate::admin::{AdminError, kept_files, kept_revisions};
use crate::engine::diagnostic::Diagnostics;
use crate::engine::hash::ContentHash;
use crate::engine::report::{self, Problem};
use crate::engine::{Plan, RuleFiles};
use crate::journal::Store;
use crate::rulebook::{self, LiveRules};
use crate::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of a git ref that are taken; git itself allows more, and nobody writes them.
const REF_MOST: usize = 200;

/// Where a set comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SetSource {
    /// What is in force.
    Live,
    /// The rules directory as it is on disk.
    Directory,
    /// The rules inside the program.
    Program,
    /// A revision that is kept, by the beginning of its hash.
    Kept(String),
    /// What git has at a ref, as `main` or `v1.2:rules`.
    Ref(String),
    /// The rules directory with other files, pack or options.
    Edited(Edits),
}

/// What a candidate changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edits {
    /// Files that replace or join those of the rules directory, by path relative to it.
    pub files: RuleFiles,
    /// Another pack.
    pub pack: Option<String>,
    /// Options above those in force.
    pub options: BTreeMap<String, Value>,
    /// The state of the directory that they started from; none where it is the one that is there.
    pub base: Option<ContentHash>,
}

/// Which of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one to compare with.
    Before,
    /// The one that is to come.
    After,
}

/// Why a set can not be used.
#[derive(Debug)]
pub enum SetRefusal {
    /// It holds errors.
    Unfit {
        /// Problem by problem.
        problems: Vec<Problem>,
        /// The same with the lines they are about.
        text: String,
    },
    /// There is no such set, or it could not be read; a sentence that says what to do.
    Unreadable(String),
}

impl SetSource {
    /// Reads `live`, `directory`, `built-in`, `git:REF`, or a revision.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hash = |text: &str| {
            (12..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        Some(match text.trim() {
            "live" => Self::Live,
            "directory" => Self::Directory,
            "built-in" => Self::Program,
            hash if is_hash(hash) => Self::Kept(hash.to_owned()),
            other => {
                let name = other.strip_prefix("git:").map(str::trim);
                let is_sound = |name: &&str| {
                    !name.is_empty()
                        && name.chars().count() <= REF_MOST
                        && !name.chars().any(char::is_control)
                };
                Self::Ref(name.filter(is_sound)?.to_owned())
            }
        })
    }

    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Live => "live".to_owned(),
            Self::Directory => "directory".to_owned(),
            Self::Program => "built-in".to_owned(),
            Self::Kept(hash) => hash.chars().take(12).collect(),
            Self::Ref(name) => format!("git:{name}"),
            Self::Edited(_) => "candidate".to_owned(),
        }
    }

    /// Reads and compiles it. Waits for the disk.
    pub(super) fn load(
        &self,
        rules: &LiveRules,
        settings: &Settings,
        store: &dyn Store,
    ) -> Result<(Arc<Plan>, Arc<RuleFiles>), SetRefusal> {
        let directory = || {
            rulebook::load_files(rules.directory()).map_err(|error| {
                SetRefusal::Unreadable(format!("the rules directory can not be read: {error}"))
            })
        };
        let (pack, options) = (settings.pack.clone(), settings.options.clone());
        let (files, pack, options) = match self {
            Self::Live => {
                let live = rules.source();
                return Ok((Arc::clone(&live.plan), Arc::clone(&live.files)));
            }
            Self::Directory => (directory()?, pack, options),
            Self::Program => (rulebook::embedded_files(), pack, options),
            Self::Ref(name) => {
                let files = rulebook::load_ref(name, rules.directory());
                (files.map_err(|error| SetRefusal::Unreadable(error.to_string()))?, pack, options)
            }
            Self::Kept(hash) => kept(store, hash)?,
            Self::Edited(edits) => {
                let mut files = directory()?;
                files.extend(edits.files.clone());
                // Options of one pack mean nothing to another.
                let same = edits.pack.as_deref().is_none_or(|pack| pack == rules.plan().pack());
                let mut options = if same { options } else { BTreeMap::new() };
                options.extend(edits.options.clone());
                (files, edits.pack.clone().or(pack), options)
            }
        };
        match Plan::compile(&files, pack.as_deref(), &options) {
            Ok(plan) => Ok((Arc::new(plan), Arc::new(files))),
            Err(found) => Err(SetRefusal::of(&found)),
        }
    }
}

impl SetRefusal {
    fn of(found: &Diagnostics) -> Self {
        let text = found.render(false).trim_end().to_owned();
        Self::Unfit { problems: report::list(found, ""), text }
    }
}

type Whole = (RuleFiles, Option<String>, BTreeMap<String, Value>);

/// A revision that is kept, with the pack and the options it was live with.
fn kept(store: &dyn Store, hash: &str) -> Result<Whole, SetRefusal> {
    let unreadable = |error: AdminError| SetRefusal::Unreadable(error.to_string());
    let revisions = kept_revisions(store).map_err(unreadable)?;
    let Some(revision) = revisions.iter().find(|kept| kept.hash.to_string().starts_with(hash)) else {
        return Err(SetRefusal::Unreadable(format!("the revision `{hash}` is not kept")));
    };
    let files = kept_files(store, revision).map_err(unreadable)?;
    Ok((files, revision.pack.clone(), revision.options.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_by_a_word_a_revision_or_a_ref() {
        for (text, expected) in [
            ("live", Some(SetSource::Live)),
            (" directory ", Some(SetSource::Directory)),
            ("built-in", Some(SetSource::Program)),
            ("0123456789ab", Some(SetSource::Kept("0123456789ab".to_owned()))),
            ("git:main", Some(SetSource::Ref("main".to_owned()))),
            ("git:", None),
            ("git:a\nb", None),
            ("main", None),
            ("0123", None),
            ("0123456789AB", None),
        ] {
            assert_eq!(SetSource::parse(text), expected, "{text}");
        }
    }
}
