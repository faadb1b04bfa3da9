//! Lints: what is allowed in rules and yet most likely not meant.
//!
//! Pure, and apart from compiling: a lint keeps nothing from going live, so whoever compiles for running does not ask.
//! Each lint is one file, and a [`Code`] of the range `R6xx` says which. What `allow` silences is taken out here, in
//! one place, by where a lint stands.
//! The first thing to know: a lint is said only of what is proven, so in doubt there is silence.

mod collision;
mod constant;
mod logic;
mod name;
mod order;
mod part;
mod path;
pub(super) mod secret;
mod untested;
mod witness;

pub use secret::is_personal;

use super::diagnostic::{Code, Diagnostics};
use super::plan::{Plan, RuleFiles};
use super::proof::Case;
use super::rules::allow::Allow;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A set of files, and how it is run.
#[derive(Debug, Clone, Copy)]
pub struct RuleSet<'a> {
    /// The files, by path below the rules directory.
    pub files: &'a RuleFiles,
    /// What overrides the live pack of `tapline.yaml`.
    pub pack: Option<&'a str>,
    /// What overrides the pack's options.
    pub options: &'a BTreeMap<String, Value>,
    /// Whether the live pack must be one whose records can be sent.
    pub live: bool,
    /// The cases next to the rules; none where they are not at hand.
    pub cases: Option<&'a [Case]>,
    /// Files of `files` that are somebody else's, as the packs inside the program: whether their rules are tested is not
    /// for whoever is asked here.
    pub foreign: &'a BTreeSet<String>,
}

/// Everything that is odd about a set, in all of its packs. A set that does not compile has problems instead.
pub fn lint(set: &RuleSet<'_>) -> Result<Diagnostics, Diagnostics> {
    let compile = if set.live { Plan::compile_live } else { Plan::compile };
    let live = Arc::new(compile(set.files, set.pack, set.options)?);
    let others = live.packs().iter().filter(|name| *name != live.pack());
    let none = BTreeMap::new();
    let others = others.filter_map(|name| Plan::compile(set.files, Some(name), &none).ok()).map(Arc::new);
    let plans: Vec<Arc<Plan>> = std::iter::once(live.clone()).chain(others).collect();
    let mut found = Diagnostics::default();
    for plan in &plans {
        found.append(plan.notices.clone());
        order::lint(plan, &mut found);
        constant::lint(plan, &mut found);
        name::lint(plan, &mut found);
        collision::lint(plan, &mut found);
        path::lint(plan, &mut found);
    }
    secret::lint(set.files, &mut found);
    let tested = set.cases.is_some_and(|cases| untested::lint(set, cases, &plans, &mut found));
    silence(&plans, tested, set.foreign, &mut found);
    found.sort();
    Ok(found)
}

/// Takes out what is allowed, and complains of what allows nothing. Whether rules are tested is known only where cases
/// were run, and of no foreign file.
fn silence(plans: &[Arc<Plan>], tested: bool, foreign: &BTreeSet<String>, found: &mut Diagnostics) {
    let allows: Vec<&Allow> = plans.iter().flat_map(|plan| &plan.pack.survey.allows).collect();
    let used: Vec<bool> = allows
        .iter()
        .map(|allow| found.iter().any(|lint| allow.covers(lint.code, lint.place.as_ref())))
        .collect();
    found.retain(|lint| !allows.iter().any(|allow| allow.covers(lint.code, lint.place.as_ref())));
    for (allow, used) in allows.iter().zip(used) {
        let tested = tested && !foreign.contains(&*allow.place.file);
        if !used && (tested || allow.code != Code::R608) {
            let message = format!("`allow` silences no {} here", allow.code);
            let help = "take it out of the list";
            found.push(Code::R611, Some(allow.place.clone()), message, Some(help.into()));
        }
    }
}
