//! The rules in force, each with what it does, where it is written, how often it took effect, and what is odd about it.

use super::hits::Hits;
use super::{RulesProblem, RulesStatus};
use crate::admin::{Admin, AdminError};
use crate::clock::Millis;
use crate::engine::hash::ContentHash;
use crate::engine::lint::{RuleSet, lint};
use crate::engine::listing::RuleNote;
use crate::engine::plan::{ENTRY, pack_name};
use crate::engine::report::{self, Problem};
use crate::engine::{Plan, RuleFiles};
use crate::rulebook::{RuleSource, embedded_paths};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// The rules in force.
#[derive(Debug)]
pub struct RuleList {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// Why the newest set is not in force, if it is not.
    pub problem: Option<RulesProblem>,
    /// When this revision was read first; none where it is not kept.
    pub since: Option<Millis>,
    /// The last time rules were read; none where nothing is kept.
    pub last_read: Option<LastRead>,
    /// Events that were evaluated for delivery with this revision.
    pub events: u64,
    /// The rules in the order they are asked, then those that add records.
    pub rows: Vec<RuleRow>,
    /// What is odd about the set; also what is about no single rule.
    pub lints: Arc<Vec<Problem>>,
    /// The files in force.
    pub files: Vec<String>,
    /// Of these the files that are only inside the program.
    pub embedded: BTreeSet<String>,
}

/// One rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// What it does and where it is written.
    pub note: RuleNote,
    /// Whether a local file has put it among the pack's.
    pub is_local: bool,
    /// How often it took effect in this revision.
    pub hits: Hits,
    /// How often rules with this id took effect in earlier revisions that are kept.
    pub before: Hits,
    /// What is odd about it.
    pub lints: Vec<Problem>,
}

/// The last time rules were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRead {
    /// When.
    pub at: Millis,
    /// Whether they could be used.
    pub good: bool,
}

impl Admin {
    /// The rules in force, with how often each took effect up to now.
    pub async fn rule_list(&self) -> Result<RuleList, AdminError> {
        let RulesStatus { problem, .. } = self.rules_status();
        let source = self.ground.rules.source();
        let plan = Arc::clone(&source.plan);
        let (live, mut before) = self.rule_hits(plan.hash()).await?;
        let revisions = self.rule_revisions().await?;
        let lints = self.live_lints(&source).await?;
        let of = |counts: &BTreeMap<String, Hits>, id: &str| counts.get(id).copied().unwrap_or_default();
        let notes = plan.rule_notes();
        let row = |note: &RuleNote| RuleRow {
            is_local: &*note.place.file == ENTRY,
            hits: of(&live.rules, &note.id),
            before: before.rules.remove(&note.id).unwrap_or_default(),
            lints: lints.iter().filter(|lint| is_about(lint, note, &notes)).cloned().collect(),
            note: note.clone(),
        };
        let rows = notes.iter().map(row).collect();
        Ok(RuleList {
            since: revisions.iter().find(|kept| kept.hash == plan.hash()).map(|kept| kept.first_seen),
            last_read: revisions.first().map(|kept| LastRead { at: kept.last_seen, good: kept.good }),
            events: live.events,
            rows,
            lints,
            files: source.files.keys().cloned().collect(),
            embedded: embedded_paths(self.ground.rules.directory(), &source.files),
            plan,
            problem,
        })
    }

    /// What is odd about the rules in force; worked out once for a revision, because proofs take their time.
    pub(super) async fn live_lints(&self, source: &Arc<RuleSource>) -> Result<Arc<Vec<Problem>>, AdminError> {
        let hash = source.plan.hash();
        let known = |cache: &Option<(ContentHash, Arc<Vec<Problem>>)>| {
            cache.as_ref().filter(|(of, _)| *of == hash).map(|(_, lints)| Arc::clone(lints))
        };
        if let Some(lints) = known(&self.lints.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(lints);
        }
        let source = Arc::clone(source);
        let work = move || Arc::new(lints_of(&source));
        let lints = tokio::task::spawn_blocking(work).await.map_err(|_| AdminError::Interrupted)?;
        *self.lints.lock().unwrap_or_else(PoisonError::into_inner) = Some((hash, Arc::clone(&lints)));
        Ok(lints)
    }
}

/// The lints of the live pack's rules and of local ones; what is odd about packs that are not live is `tapline check`'s.
fn lints_of(source: &RuleSource) -> Vec<Problem> {
    let plan = &source.plan;
    let options = plan.options().iter().map(|option| (option.name.clone(), option.value.clone())).collect();
    // The other packs are left out, as far as the entry file can do without them.
    let is_other = |file: &String| pack_name(file).is_some_and(|name| name != plan.pack());
    let own = source.files.iter().filter(|(file, _)| !is_other(file));
    let own: RuleFiles = own.map(|(file, text)| (file.clone(), text.clone())).collect();
    let set = RuleSet {
        files: &own,
        pack: Some(plan.pack()),
        options: &options,
        live: true,
        cases: None,
        foreign: &BTreeSet::new(),
    };
    let in_force: BTreeSet<String> =
        plan.rule_notes().iter().map(|note| note.place.file.to_string()).collect();
    let found = lint(&set).or_else(|_| lint(&RuleSet { files: &source.files, ..set }));
    let found = found.map(|found| report::list(&found, "")).unwrap_or_default();
    let is_here =
        |lint: &Problem| lint.file.as_ref().is_none_or(|file| file == ENTRY || in_force.contains(file));
    found.into_iter().filter(is_here).collect()
}

/// Whether a lint stands in a rule: between its id and the next one's in the same file.
fn is_about(lint: &Problem, note: &RuleNote, all: &[RuleNote]) -> bool {
    let (Some(file), Some(line)) = (&lint.file, lint.line) else { return false };
    let begins = |note: &&RuleNote| *note.place.file == **file && note.place.line <= line;
    let last = all.iter().filter(begins).max_by_key(|note| note.place.line);
    last.is_some_and(|last| last.id == note.id)
}
