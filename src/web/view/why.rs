//! Why an event became what it became: every rule in order, its conditions with what was found, and the nearest miss.

use super::Prose;
use super::json::slug;
use crate::admin::event::{RuleSource, place_of};
use crate::engine::trace::{ConditionTrace, RuleTrace, Trace, Verdict};
use std::cmp::Reverse;

/// How many of the nearest misses are told.
const NEAREST: usize = 3;

/// The judged rules.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct WhyView {
    /// The rule that decided, by its id; empty where none did.
    pub(in crate::web) decided: String,
    /// The rule that would have made a record had another not decided before it; empty where there is none.
    pub(in crate::web) shadowed: String,
    /// The rules that came closest without applying, the one with the fewest tests that fail first, where nothing else
    /// explains the missing record.
    pub(in crate::web) nearest: Vec<NearestMiss>,
    /// Every rule, in order.
    pub(in crate::web) rules: Vec<RuleView>,
}

/// A rule that came close.
#[derive(Debug, Clone)]
pub(in crate::web) struct NearestMiss {
    /// Its id.
    pub(in crate::web) id: String,
    /// The id of its row.
    pub(in crate::web) row: String,
    /// The tests that kept it from applying.
    pub(in crate::web) failing: Vec<TestView>,
}

/// One judged rule.
#[derive(Debug, Clone)]
pub(in crate::web) struct RuleView {
    /// Of its row.
    pub(in crate::web) row: String,
    pub(in crate::web) id: String,
    /// `file:line:col`
    pub(in crate::web) place: String,
    /// What it does when it applies, in a word.
    pub(in crate::web) action: &'static str,
    /// For the style sheet.
    pub(in crate::web) class: &'static str,
    /// The verdict in words.
    pub(in crate::web) verdict: String,
    /// Whether it begins unfolded.
    pub(in crate::web) open: bool,
    pub(in crate::web) conditions: Vec<Step>,
    /// Its lines, where it took effect: id, number, text.
    pub(in crate::web) source: Vec<(String, usize, String)>,
}

/// A piece of a condition: groups are lists inside lists.
#[derive(Debug, Clone)]
pub(in crate::web) enum Step {
    /// A test, or the words of a group.
    Line(TestView),
    /// Begins the list of a group.
    Open,
    /// Ends it.
    Close,
}

/// One judged test.
#[derive(Debug, Clone)]
pub(in crate::web) struct TestView {
    pub(in crate::web) text: Prose,
    pub(in crate::web) holds: bool,
    /// What was found; empty where nothing was looked at.
    pub(in crate::web) actual: String,
    /// What was probably meant, as a path in the event; empty where nothing suggests itself.
    pub(in crate::web) meant: String,
    /// Its line in the rule's file; empty for groups.
    pub(in crate::web) place: String,
    /// Whether it is a group.
    pub(in crate::web) is_group: bool,
    /// Whether a negation stands around it, so that it is meant not to hold.
    pub(in crate::web) negated: bool,
}

impl TestView {
    /// Whether it did what the rule wants of it.
    pub(in crate::web) fn is_met(&self) -> bool {
        self.holds != self.negated
    }
}

impl WhyView {
    /// `ended` is how the event ends: `mapped`, `filtered` or `failed`. Where records were made, the nearest miss is of no
    /// use.
    pub(in crate::web) fn new(trace: &Trace, ended: &str, sources: &[RuleSource], prefix: &str) -> Self {
        let mapped = ended == "mapped";
        let decided = trace.rules.iter().find(|rule| rule.verdict == Verdict::Matched);
        let emitting = || trace.rules.iter().filter(|rule| rule.action == "emit" && !mapped);
        let shadowed = emitting().find(|rule| rule.verdict == Verdict::Shadowed).map(|rule| rule.id.clone());
        let nearest = emitting().filter(|rule| rule.verdict == Verdict::NotMatched && shadowed.is_none());
        let mut nearest: Vec<&RuleTrace> = nearest.collect();
        nearest.sort_by_key(|rule| {
            let tests = tests(&rule.condition);
            (rule.misses, Reverse(tests.iter().filter(|test| test.is_met()).count()))
        });
        let miss = |rule: &&RuleTrace| NearestMiss {
            id: rule.id.clone(),
            row: row(prefix, &rule.id),
            failing: tests(&rule.condition).into_iter().filter(|test| !test.is_met()).collect(),
        };
        let nearest: Vec<NearestMiss> = nearest.iter().take(NEAREST).map(miss).collect();
        let nearest_id = nearest.first().map(|nearest| nearest.id.as_str());
        let view = |rule: &RuleTrace| {
            let source = sources.iter().find(|source| source.id == rule.id);
            RuleView::new(rule, nearest_id == Some(rule.id.as_str()), ended, source, prefix)
        };
        let rules = trace.rules.iter().map(view).collect();
        let decided = decided.map(|rule| rule.id.clone()).unwrap_or_default();
        Self { decided, shadowed: shadowed.unwrap_or_default(), nearest, rules }
    }
}

impl RuleView {
    fn new(
        rule: &RuleTrace,
        is_nearest: bool,
        ended: &str,
        source: Option<&RuleSource>,
        prefix: &str,
    ) -> Self {
        let holds = if rule.condition.holds { "would match" } else { "would not match" };
        let (class, verdict) = match (rule.verdict, &rule.shadowed_by) {
            (Verdict::Matched, _) if rule.action == "emit" && ended == "failed" => {
                ("error", "matched, and its records could not be made".to_owned())
            }
            (Verdict::Disabled, _) => {
                let place = rule.disabled_at.as_deref().unwrap_or_default();
                ("disabled", format!("disabled at {place}; {holds}"))
            }
            (Verdict::Matched, _) => ("matched", "matched".to_owned()),
            (Verdict::NotMatched, _) => ("missed", "not matched".to_owned()),
            (Verdict::Shadowed, Some(by)) => ("shadowed", format!("would match, but {by} decided before it")),
            (Verdict::Shadowed, None) => ("shadowed", "would match, but a rule before it decided".to_owned()),
            (Verdict::NotReached, _) => {
                ("shadowed", "would match, but there is no record to add to".to_owned())
            }
        };
        let mut conditions = Vec::new();
        steps(&rule.condition, false, &mut conditions);
        rule.requires.iter().for_each(|required| steps(required, false, &mut conditions));
        Self {
            row: row(prefix, &rule.id),
            id: rule.id.clone(),
            place: rule.place.clone(),
            source: source.map(|source| lines(source, prefix)).unwrap_or_default(),
            action: match rule.action {
                "emit" => "makes a record",
                "filter" => "filters",
                "fail" => "fails",
                other => other,
            },
            class,
            verdict,
            open: is_nearest || rule.verdict == Verdict::Matched,
            conditions,
        }
    }
}

/// The id of a rule's row.
fn row(prefix: &str, rule: &str) -> String {
    format!("{prefix}rule-{}", slug(rule))
}

/// The id of a line of a rule.
pub(in crate::web) fn line_id(prefix: &str, file: &str, line: usize) -> String {
    format!("{prefix}line-{}-{line}", slug(file))
}

fn lines(source: &RuleSource, prefix: &str) -> Vec<(String, usize, String)> {
    let line = |(index, text): (usize, &String)| {
        let number = source.first + index;
        (line_id(prefix, &source.file, number), number, text.clone())
    };
    source.lines.iter().enumerate().map(line).collect()
}

fn view(condition: &ConditionTrace, negated: bool) -> TestView {
    TestView {
        text: Prose::new(&condition.text),
        holds: condition.holds,
        actual: condition.actual.clone(),
        meant: condition.meant.clone().unwrap_or_default(),
        place: place_of(&condition.place).map(|(_, line)| format!("line {line}")).unwrap_or_default(),
        is_group: !condition.inner.is_empty(),
        negated,
    }
}

fn steps(condition: &ConditionTrace, negated: bool, into: &mut Vec<Step>) {
    into.push(Step::Line(view(condition, negated)));
    if !condition.inner.is_empty() {
        into.push(Step::Open);
        let negated = negated != (condition.text == "not");
        condition.inner.iter().for_each(|inner| steps(inner, negated, into));
        into.push(Step::Close);
    }
}

/// The single tests of a condition.
fn tests(condition: &ConditionTrace) -> Vec<TestView> {
    let mut all = Vec::new();
    steps(condition, false, &mut all);
    let test = |step| match step {
        Step::Line(test) if !test.is_group => Some(test),
        _ => None,
    };
    all.into_iter().filter_map(test).collect()
}
