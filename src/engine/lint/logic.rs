//! Whether conditions can hold together: a search for an event, on paper, that satisfies all of them.
//!
//! Conditions are taken apart into single tests that must hold or must not; what is either-or is tried one by one. The
//! search is bounded, each by itself and all of a lint together, and in doubt the answer is [`Answer::Unsure`], so "no"
//! and "yes" are both proven and many or tangled rules cost no more than a moment.
//! Options are as open as events: what is in force here may differ in the next deployment.

use super::witness;
use crate::engine::event::{CallKind, KindSet};
use crate::engine::rules::Origin;
use crate::engine::rules::condition::{Condition, Test};
use crate::engine::rules::predicate::Predicate;
use serde_json::Value;
use std::cell::Cell;

/// How many steps one search may take, and all of one [`Prover`]. A step costs some microseconds.
const MOST_STEPS: usize = 600;
const MOST_OF_ALL: usize = 40_000;

/// How many steps it counts to look for values, once everything is known that must hold.
const LAST_STEP: usize = 8;

/// Whether something can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Never.
    No,
    /// Not proven.
    Unsure,
    /// There is such an event.
    Yes,
}

/// A single thing that must hold (`true`) or must not.
#[derive(Debug, Clone, Copy)]
pub enum Literal<'c> {
    /// The call's kind is among these.
    Kind(KindSet, bool),
    /// An option has a value.
    Option(&'c str, &'c Value, bool),
    /// Something stands at a place.
    There(&'c Origin, bool),
    /// What stands at a place is such.
    Asked(&'c Origin, &'c Predicate, bool),
    /// The call's `integrations` turn one of these off.
    Off(&'c [String], bool),
}

/// Answers questions until its steps are used up; from then on it is unsure of everything.
#[derive(Debug)]
pub struct Prover {
    left: Cell<usize>,
}

impl Prover {
    /// A prover with all of its steps.
    pub fn new() -> Self {
        Self { left: Cell::new(MOST_OF_ALL) }
    }

    /// Whether there can be an event for which each of the conditions holds, or does not, as said beside it.
    pub fn can_hold(&self, conditions: &[(&Condition, bool)]) -> Answer {
        let most = MOST_STEPS.min(self.left.get());
        let mut search = Search { literals: Vec::new(), steps: most };
        let answer = search.solve(conditions.to_vec(), Vec::new());
        self.left.set(self.left.get() - (most - search.steps));
        answer
    }

    /// The kinds of call for which a condition can hold.
    pub fn kinds(&self, condition: &Condition) -> Vec<CallKind> {
        let kinds = CallKind::ALL.into_iter().filter(|kind| {
            let only = Condition::All(vec![condition.clone(), Condition::of_kind(*kind)]);
            self.can_hold(&[(&only, true)]) != Answer::No
        });
        kinds.collect()
    }
}

struct Search<'c> {
    literals: Vec<Literal<'c>>,
    steps: usize,
}

/// Things of which one must be.
type Choice<'c> = Vec<Goal<'c>>;

#[derive(Debug, Clone, Copy)]
enum Goal<'c> {
    Condition(&'c Condition, bool),
    Literal(Literal<'c>),
}

impl<'c> Search<'c> {
    /// Takes in everything in `open` and one of each of `choices`.
    fn solve(&mut self, mut open: Vec<(&'c Condition, bool)>, mut choices: Vec<Choice<'c>>) -> Answer {
        if self.steps == 0 {
            return Answer::Unsure;
        }
        self.steps -= 1;
        let before = self.literals.len();
        while let Some((condition, holds)) = open.pop() {
            match (condition, holds) {
                (Condition::Not(inner), _) => open.push((inner, !holds)),
                (Condition::All(list), true) | (Condition::Any(list), false) => {
                    open.extend(list.iter().map(|inner| (inner, holds)));
                }
                (Condition::All(list), false) | (Condition::Any(list), true) => {
                    choices.push(list.iter().map(|inner| Goal::Condition(inner, holds)).collect());
                }
                (Condition::Test(test, _), _) => match literals(test, holds) {
                    (literals, true) => self.literals.extend(literals),
                    (literals, false) => choices.push(literals.into_iter().map(Goal::Literal).collect()),
                },
            }
        }
        if choices.is_empty() {
            self.steps = self.steps.saturating_sub(LAST_STEP);
        }
        let answer = match witness::judge(&self.literals, choices.is_empty()) {
            Answer::No => Answer::No,
            judged => match choices.pop() {
                None => judged,
                Some(choice) => self.choose(&choice, &choices),
            },
        };
        self.literals.truncate(before);
        answer
    }

    /// Tries each of `choice`; what can be best counts.
    fn choose(&mut self, choice: &[Goal<'c>], others: &[Choice<'c>]) -> Answer {
        let mut best = Answer::No;
        for goal in choice {
            let before = self.literals.len();
            let open = match *goal {
                Goal::Condition(condition, holds) => vec![(condition, holds)],
                Goal::Literal(literal) => {
                    self.literals.push(literal);
                    Vec::new()
                }
            };
            best = best.max(self.solve(open, others.to_vec()));
            self.literals.truncate(before);
            if best == Answer::Yes {
                break;
            }
        }
        best
    }
}

/// What a test comes down to, and whether all of it must be or one.
fn literals(test: &Test, holds: bool) -> (Vec<Literal<'_>>, bool) {
    match test {
        Test::Type(kinds) => (vec![Literal::Kind(*kinds, holds)], true),
        Test::Option { name, expected, .. } => (vec![Literal::Option(name, expected, holds)], true),
        Test::Present(origins) => {
            (origins.iter().map(|origin| Literal::There(origin, holds)).collect(), !holds)
        }
        Test::Missing(origins) => {
            (origins.iter().map(|origin| Literal::There(origin, !holds)).collect(), holds)
        }
        Test::Where { origin, predicates } => {
            (predicates.iter().map(|asked| Literal::Asked(origin, asked, holds)).collect(), holds)
        }
        Test::IntegrationOff(names) => (vec![Literal::Off(names, holds)], true),
    }
}
