//! R607: a path that leads nowhere, as Segment's specification has it for the types of call that its rule is for.

use super::logic::Prover;
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use crate::engine::event::{CallKind, Path, spec};
use crate::engine::plan::Plan;
use crate::engine::rules::rule::Rule;

/// Looks at every path that stands in the pack's rules and values.
pub fn lint(plan: &Plan, found: &mut Diagnostics) {
    let (pack, prover) = (&plan.pack, Prover::new());
    let rules = pack.rules.iter().chain(&pack.extras);
    let known: Vec<(&Rule, Vec<CallKind>)> = rules.map(|rule| (rule, prover.kinds(&rule.when))).collect();
    for (path, place) in &pack.survey.paths {
        let around = pack.survey.rules.iter().find(|(_, extent)| extent.holds(place));
        let kinds = match around {
            Some((id, _)) => known.iter().find(|(rule, _)| rule.id == *id).map(|(_, kinds)| kinds.as_slice()),
            // What stands in no rule may be meant for any.
            None => Some(CallKind::ALL.as_slice()),
        };
        // A rule that is switched off is nobody's concern.
        let Some(kinds) = kinds else { continue };
        look(path, place, kinds, found);
    }
}

fn look(path: &Path, place: &Place, kinds: &[CallKind], found: &mut Diagnostics) {
    let keys: Vec<&str> = path.keys().collect();
    let (Some(root), inner) = (keys.first().copied(), keys.get(1..).unwrap_or_default()) else { return };
    let Some(holders) = spec::holders(root) else {
        let message = format!("no call has `{root}`");
        let help = did_you_mean(root, spec::roots());
        let help =
            help.unwrap_or_else(|| "members of your own stand in `properties`, `traits` or `context`".into());
        found.push(Code::R607, Some(place.clone()), message, Some(help));
        return;
    };
    // A rule that can never hold is another lint's.
    if !kinds.is_empty() && !kinds.iter().any(|kind| holders.contains(kind)) {
        let names =
            |kinds: &[CallKind]| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "`{root}` stands in calls of type {}, and this rule is for {}",
            names(holders),
            names(kinds)
        );
        let help = match (root, kinds) {
            ("traits", [kind, ..]) if *kind != CallKind::Alias => {
                "who did something stands in `context.traits`".to_owned()
            }
            ("properties", [CallKind::Identify | CallKind::Group, ..]) => {
                "these calls have `traits`".to_owned()
            }
            _ => "correct the path, or the rule's condition".to_owned(),
        };
        found.push(Code::R607, Some(place.clone()), message, Some(help));
        return;
    }
    // What stands in `context` is open, so only what is nearly a known member is taken for a slip.
    let mut around = root.to_owned();
    for key in inner {
        let Some(known) = spec::members(&around) else { return };
        if !known.contains(key) {
            if let Some(help) = did_you_mean(key, known.iter().copied()) {
                let message = format!("`{around}` has no member `{key}` in Segment's specification");
                found.push(Code::R607, Some(place.clone()), message, Some(help));
            }
            return;
        }
        around = format!("{around}.{key}");
    }
}
