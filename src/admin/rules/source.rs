//! The text of a rule file, as it is in force, as it was read last, or as a revision had it.

use crate::admin::{Admin, AdminError, RuleRevision};
use crate::engine::RuleFiles;
use crate::engine::hash::ContentHash;
use crate::engine::report::{self, Problem};
use crate::rulebook::{self, embedded_paths};
use std::sync::Arc;

/// Which set of files is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetName {
    /// The one in force.
    Live,
    /// The one that was read last; the one in force unless that one is refused.
    Newest,
    /// One that is kept.
    Kept(ContentHash),
}

/// Where a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceHome {
    /// In the rules directory.
    Directory,
    /// Only inside the program.
    Program,
    /// In a revision that is kept.
    Kept,
}

/// A rule file, ready to be read.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path below the rules directory.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Where it is.
    pub home: SourceHome,
    /// The rules in force that it holds, each with the line of its id; none where another set is shown.
    pub rules: Vec<(u32, String)>,
    /// What is wrong with it or odd about it, in order of place.
    pub problems: Vec<Problem>,
    /// The paths of all files of the set.
    pub files: Vec<String>,
    /// The revision that is shown; none where the set is refused.
    pub revision: Option<String>,
}

impl Admin {
    /// A file of a set; none where there is no such file, or no such set.
    pub async fn rule_source(&self, set: SetName, path: &str) -> Result<Option<SourceFile>, AdminError> {
        let live = self.ground.rules.source();
        let (files, home): (Arc<RuleFiles>, _) = match set {
            SetName::Live => (Arc::clone(&live.files), None),
            SetName::Newest => {
                (self.ground.rules.refused_files().unwrap_or_else(|| Arc::clone(&live.files)), None)
            }
            SetName::Kept(hash) => {
                let Some(kept) = self.kept_revision(hash).await? else { return Ok(None) };
                (Arc::new(self.rule_files(kept).await?), Some(SourceHome::Kept))
            }
        };
        let Some(text) = files.get(path) else { return Ok(None) };
        let is_refused = set == SetName::Newest && self.ground.rules.refused_files().is_some();
        let is_live = !is_refused && !matches!(set, SetName::Kept(_));
        let mut problems = match (is_live, is_refused) {
            (true, _) => self.live_lints(&live).await?.to_vec(),
            (_, true) => self.refusals(),
            _ => Vec::new(),
        };
        problems.retain(|problem| problem.file.as_deref() == Some(path));
        problems.sort_by_key(|problem| (problem.line, problem.column));
        let rules = live.plan.rule_notes();
        let in_it = rules.iter().filter(|note| is_live && *note.place.file == *path);
        let embedded = embedded_paths(self.ground.rules.directory(), &files).contains(path);
        Ok(Some(SourceFile {
            path: path.to_owned(),
            text: text.clone(),
            home: home.unwrap_or(if embedded { SourceHome::Program } else { SourceHome::Directory }),
            rules: in_it.map(|note| (note.place.line, note.id.clone())).collect(),
            problems,
            files: files.keys().cloned().collect(),
            revision: match set {
                SetName::Kept(hash) => Some(hash.short()),
                _ => is_live.then(|| live.plan.revision().to_owned()),
            },
        }))
    }

    /// A revision that is kept, by its whole hash.
    pub async fn kept_revision(&self, hash: ContentHash) -> Result<Option<RuleRevision>, AdminError> {
        Ok(self.rule_revisions().await?.into_iter().find(|kept| kept.hash == hash))
    }

    fn refusals(&self) -> Vec<Problem> {
        match self.ground.rules.problem().as_deref() {
            Some(rulebook::Problem::Invalid(found)) => report::list(found, ""),
            Some(rulebook::Problem::Unreadable { .. } | rulebook::Problem::EntryGone { .. }) | None => {
                Vec::new()
            }
        }
    }
}
