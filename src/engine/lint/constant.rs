//! R603: a condition that always holds, or never, whatever the event and the options.

use super::logic::{Answer, Prover};
use super::part;
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::plan::Plan;
use crate::engine::rules::condition::{Condition, Test};

/// Looks at every condition, innermost parts first.
pub fn lint(plan: &Plan, found: &mut Diagnostics) {
    let prover = Prover::new();
    for condition in part::every_condition(&plan.pack) {
        look(condition, &prover, found);
    }
}

/// Whether something was found in a condition or a part of it; around what is constant nothing more is said.
fn look(condition: &Condition, prover: &Prover, found: &mut Diagnostics) -> bool {
    let inner: &[Condition] = match condition {
        Condition::All(list) | Condition::Any(list) => list,
        Condition::Not(inner) => std::slice::from_ref(inner),
        Condition::Test(..) => &[],
    };
    // Reading has complained of what has nothing in it.
    let mut inside = matches!(condition, Condition::All(list) | Condition::Any(list) if list.is_empty());
    for part in inner {
        inside |= look(part, prover, found);
    }
    let tests = tests(condition);
    let Some((_, place)) = tests.first().copied().filter(|_| !inside) else { return inside };
    if prover.can_hold(&[(condition, true)]) == Answer::No {
        never(condition, prover, found);
    } else if prover.can_hold(&[(condition, false)]) == Answer::No {
        let words = tests.iter().map(|(test, _)| test.words()).collect::<Vec<_>>().join(", or ");
        let message = format!("this always holds: {words}");
        found.push(Code::R603, Some(place.clone()), message, Some("leave it out, or correct it".into()));
    } else {
        return false;
    }
    true
}

/// Names the line that makes it impossible, and the one it contradicts.
fn never(condition: &Condition, prover: &Prover, found: &mut Diagnostics) {
    let tests = tests(condition);
    let lines: Vec<&Condition> = match condition {
        Condition::All(list) => list.iter().collect(),
        other => vec![other],
    };
    let impossible = |parts: &[&Condition]| {
        let parts: Vec<_> = parts.iter().map(|part| (*part, true)).collect();
        prover.can_hold(&parts) == Answer::No
    };
    let last = (1..=lines.len()).find(|count| impossible(lines.get(..*count).unwrap_or_default()));
    let culprit = last.and_then(|count| lines.get(count - 1).copied());
    let rival = culprit.and_then(|culprit| {
        let rivals = lines.iter().copied().take_while(|line| !std::ptr::eq(*line, culprit));
        rivals.into_iter().find(|line| impossible(&[line, culprit]))
    });
    let named = culprit.and_then(first_test).or(tests.first().copied());
    let Some((test, place)) = named else { return };
    let (message, help) = match rival.and_then(first_test) {
        Some((other, at)) => (
            format!("this never holds: {}, but {} in line {}", test.words(), other.words(), at.line),
            "take out one of the two, or put them under `any`",
        ),
        None => (format!("this never holds: {}", test.words()), "correct it, or take out what depends on it"),
    };
    found.push(Code::R603, Some(place.clone()), message, Some(help.into()));
}

fn first_test(condition: &Condition) -> Option<(&Test, &Place)> {
    tests(condition).into_iter().next()
}

/// The single tests of a condition, in order.
fn tests(condition: &Condition) -> Vec<(&Test, &Place)> {
    match condition {
        Condition::All(list) | Condition::Any(list) => list.iter().flat_map(tests).collect(),
        Condition::Not(inner) => tests(inner),
        Condition::Test(test, place) => vec![(test, place)],
    }
}
