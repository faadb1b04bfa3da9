//! The two sets of rules: where each comes from.

use super::source::Directory;
use crate::admin;
use crate::cli::{Failure, RulesArgs};
use crate::engine::{Plan, RuleFiles};
use crate::rulebook::{self, RefError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the rules inside the binary are called.
const BUILT_IN: &str = "built-in";

/// A set of rules, read and not compiled yet.
pub(super) struct Set {
    /// What it is called in the report.
    pub(super) name: String,
    files: RuleFiles,
    /// The pack and options it was live with, where that is known.
    pack: Option<String>,
    options: BTreeMap<String, Value>,
}

impl Set {
    fn new(name: &str, files: RuleFiles) -> Self {
        Self { name: name.to_owned(), files, pack: None, options: BTreeMap::new() }
    }

    /// Compiles it with the pack and options of the command line, which stand above its own.
    pub(super) fn compile(self, rules: &RulesArgs, side: &str) -> Result<Arc<Plan>, Failure> {
        let same_pack = rules.pack.is_none() || rules.pack == self.pack;
        // Options of one pack mean nothing to another.
        let mut options = if same_pack { self.options } else { BTreeMap::new() };
        options.extend(rules.options());
        let pack = rules.pack.as_ref().or(self.pack.as_ref());
        let plan = Plan::compile(&self.files, pack.map(String::as_str), &options);
        plan.map(Arc::new).map_err(|problems| {
            let (name, rendered) = (&self.name, problems.render(false));
            Failure::CouldNotRun(format!(
                "the rules of {side} (`{name}`) hold problems:\n\n{}",
                rendered.trim_end()
            ))
        })
    }
}

/// The rules that other verbs use: those of the rules directory, else those inside the binary.
pub(super) fn in_force(rules: &RulesArgs) -> Result<Set, Failure> {
    let directory = &rules.rules;
    let name = if directory.is_dir() { directory.to_string_lossy() } else { BUILT_IN.into() };
    Ok(Set::new(&name, read(directory)?))
}

/// The set that a person calls `text`.
pub(super) fn load(text: &str, rules: &RulesArgs, data: &mut Directory) -> Result<Set, Failure> {
    let directory = Path::new(text);
    if directory.is_dir() {
        return Ok(Set::new(text, read(directory)?));
    }
    if text == BUILT_IN {
        return Ok(Set::new(text, rulebook::embedded_files()));
    }
    match rulebook::load_ref(text, &rules.rules) {
        Ok(files) => Ok(Set::new(text, files)),
        Err(error) if may_be_revision(text) && is_no_ref(&error) => load_kept(text, &error, data),
        Err(error) => Err(Failure::CouldNotRun(format!("there is no directory `{text}`, and {error}"))),
    }
}

fn read(directory: &Path) -> Result<RuleFiles, Failure> {
    rulebook::load_files(directory).map_err(|error| {
        let directory = directory.display();
        Failure::CouldNotRun(format!("the rules directory `{directory}` can not be read: {error}"))
    })
}

/// Twelve hexadecimal digits, or more of the whole hash.
fn may_be_revision(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_no_ref(error: &RefError) -> bool {
    matches!(error, RefError::Unknown { .. } | RefError::NoRepository { .. } | RefError::NoGit { .. })
}

/// A set that the server has kept, with the pack and options it was live with.
fn load_kept(text: &str, error: &RefError, data: &mut Directory) -> Result<Set, Failure> {
    let could_not = |error: admin::AdminError| Failure::CouldNotRun(error.to_string());
    let store = data.open()?.store();
    let kept = admin::kept_revisions(store).map_err(could_not)?;
    let Some(revision) = kept.iter().find(|revision| revision.hash.to_string().starts_with(text)) else {
        let newest: Vec<String> =
            kept.iter().take(5).map(|revision| format!("`{}`", revision.hash.short())).collect();
        let newest = if newest.is_empty() { "none".to_owned() } else { newest.join(", ") };
        return Err(Failure::CouldNotRun(format!(
            "there is no directory `{text}`, {error}, and the data directory has kept no such revision; the newest \
             kept: {newest}"
        )));
    };
    let files = admin::kept_files(store, revision).map_err(could_not)?;
    Ok(Set { name: text.to_owned(), files, pack: revision.pack.clone(), options: revision.options.clone() })
}
