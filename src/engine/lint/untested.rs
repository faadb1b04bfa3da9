//! R608: a rule that no case next to the rules reaches.

use super::RuleSet;
use crate::engine::diagnostic::{Code, Diagnostics};
use crate::engine::evaluate::Evaluator;
use crate::engine::plan::Plan;
use crate::engine::proof::{self, Case, Coverage};
use crate::engine::rules::rule::Rule;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Runs the cases, and says whether that could be done. Of packs that have no case nothing is said: whoever has begun to
/// write some wants to know what is missing. Nor of foreign files, which have been proved where they come from.
pub fn lint(set: &RuleSet<'_>, cases: &[Case], plans: &[Arc<Plan>], found: &mut Diagnostics) -> bool {
    let Some(live) = plans.first() else { return false };
    let mut coverage = Coverage::default();
    let mut tested: BTreeSet<&str> = BTreeSet::new();
    let mut known: BTreeMap<(&str, String), Evaluator> = BTreeMap::new();
    for case in cases {
        let pack = case.pack.as_deref().unwrap_or(live.pack());
        tested.insert(pack);
        // Options given are about the live pack.
        let mut options = if pack == live.pack() { set.options.clone() } else { BTreeMap::new() };
        options.extend(case.options.clone());
        let evaluator = match known.entry((pack, serde_json::json!(options).to_string())) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                // A case that asks for what is not there is `tapline test`'s to complain of.
                let Ok(plan) = Plan::compile(set.files, Some(pack), &options) else { return false };
                entry.insert(Evaluator::new(Arc::new(plan)))
            }
        };
        let proof = proof::prove(case, evaluator);
        proof.result.trace.iter().for_each(|trace| coverage.reach(trace));
    }
    for plan in plans.iter().filter(|plan| tested.contains(plan.pack())) {
        let rules = plan.pack.rules.iter().chain(&plan.pack.extras);
        let own = rules.filter(|rule| !set.foreign.contains(&*rule.place.file));
        own.filter(|rule| !coverage.has_reached(&rule.place)).for_each(|rule| untested(rule, found));
    }
    true
}

fn untested(rule: &Rule, found: &mut Diagnostics) {
    let message = format!("no case in `tests/` reaches the rule `{}`", rule.id);
    let help = "add a case with an event that it is for; `tapline test --accept` fills in what becomes of it";
    found.push(Code::R608, Some(rule.place.clone()), message, Some(help.into()));
}
