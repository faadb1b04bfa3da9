//! R601, a rule that no event reaches, and R602, rules of which only the order decides.
//!
//! Two rules overlap where both make records, both can hold for one event, and each also holds for events of its own. A
//! special rule before a general one, as an order before all other tracks, is how rules are written and no overlap.

use super::logic::{Answer, Prover};
use crate::engine::diagnostic::{Code, Diagnostics};
use crate::engine::plan::{self, Plan};
use crate::engine::rules::condition::Condition;
use crate::engine::rules::rule::{Action, Rule};

/// Looks at each rule beside those before it.
pub fn lint(plan: &Plan, found: &mut Diagnostics) {
    let (rules, prover) = (&plan.pack.rules, Prover::new());
    for (at, rule) in rules.iter().enumerate() {
        let before = rules.get(..at).unwrap_or_default();
        // What never holds is another lint's.
        if prover.can_hold(&[(&rule.when, true)]) == Answer::No {
            continue;
        }
        match shadows(rule, before, &prover) {
            shadows if shadows.is_empty() => overlaps(rule, before, &prover, found),
            shadows => unreachable(rule, &shadows, found),
        }
    }
}

/// The rules that together decide all events of a rule before it is asked; one where one is enough.
fn shadows<'r>(rule: &Rule, before: &'r [Rule], prover: &Prover) -> Vec<&'r Rule> {
    if let Some(one) = before.iter().find(|other| decide_all(rule, &[other], prover)) {
        return vec![one];
    }
    let mut needed: Vec<&Rule> = before.iter().collect();
    if !decide_all(rule, &needed, prover) {
        return Vec::new();
    }
    for other in before {
        let without: Vec<&Rule> = needed.iter().copied().filter(|rule| rule.id != other.id).collect();
        if decide_all(rule, &without, prover) {
            needed = without;
        }
    }
    needed
}

fn decide_all(rule: &Rule, others: &[&Rule], prover: &Prover) -> bool {
    let others = others.iter().map(|other| (&other.when, false));
    let all: Vec<(&Condition, bool)> = std::iter::once((&rule.when, true)).chain(others).collect();
    prover.can_hold(&all) == Answer::No
}

fn unreachable(rule: &Rule, shadows: &[&Rule], found: &mut Diagnostics) {
    let by =
        shadows.iter().map(|rule| format!("`{}` ({})", rule.id, rule.place)).collect::<Vec<_>>().join(", ");
    let alone = shadows.len() == 1;
    let is_of_pack = |rule: &Rule| plan::pack_name(&rule.place.file).is_some();
    match shadows.first() {
        // A local rule stands behind a rule of the pack only where it is put there.
        Some(first) if !is_of_pack(rule) && shadows.iter().all(|shadow| is_of_pack(shadow)) => {
            let verb = if alone { "decides" } else { "together decide" };
            let message = format!("no event reaches the rule `{}`: {by} {verb} all of its events", rule.id);
            let help = format!("place it by `before: {}`, or take it out", first.id);
            found.push(Code::R601, Some(rule.place.clone()), message, Some(help));
        }
        // Whoever writes local rules can not move those of a pack.
        Some(local) if alone && !is_of_pack(local) && is_of_pack(rule) => {
            let message =
                format!("`{}` decides every event of the rule `{}` ({})", local.id, rule.id, rule.place);
            let help = format!("write `replaces: {}` in it, or narrow its condition", rule.id);
            found.push(Code::R601, Some(local.place.clone()), message, Some(help));
        }
        _ => {
            let verb = if alone { "decides" } else { "together decide" };
            let message = format!("no event reaches the rule `{}`: {by} {verb} all of its events", rule.id);
            let what = if alone {
                "that rule, narrow that rule's condition"
            } else {
                "those rules, narrow their conditions"
            };
            let help = format!("put it before {what}, or take it out");
            found.push(Code::R601, Some(rule.place.clone()), message, Some(help));
        }
    }
}

fn overlaps(rule: &Rule, before: &[Rule], prover: &Prover, found: &mut Diagnostics) {
    let emits = |rule: &Rule| matches!(rule.action, Action::Emit(_));
    if !emits(rule) {
        return;
    }
    for (at, other) in before.iter().enumerate().filter(|(_, other)| emits(other)) {
        // What rules further up decide, the two do not share.
        let earlier = before.iter().take(at).map(|rule| (&rule.when, false));
        let both = [(&rule.when, true), (&other.when, true)];
        let shared: Vec<(&Condition, bool)> = both.into_iter().chain(earlier).collect();
        let each_alone = prover.can_hold(&[(&rule.when, true), (&other.when, false)]) == Answer::Yes
            && prover.can_hold(&[(&rule.when, false), (&other.when, true)]) == Answer::Yes;
        if each_alone && prover.can_hold(&shared) == Answer::Yes {
            let message = format!(
                "`{}` and `{}` ({}) can both hold for one event, and `{}` decides only because it stands first",
                rule.id, other.id, other.place, other.id
            );
            let help =
                "exclude one from the other by `not`, or write `allow: [R602]` where the order is meant";
            found.push(Code::R602, Some(rule.place.clone()), message, Some(help.into()));
        }
    }
}
