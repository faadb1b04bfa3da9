//! What two sets of rules make of the same events: how many stay as they are, and what changes, by its shape.
//!
//! Pure: events are handed in one by one and the report is a plain value, for the command line, the API and the console.
//! Deliberately no rendering, and no values of events unless [`Policy::values`] asks for them: a report goes into pull
//! requests, and events hold personal data.
//!
//! First thing to know: both sides are evaluated without a trace, and only where bytes or outcomes differ is the event
//! evaluated again to find out why. Memory is bounded by [`Policy`] and [`MOST_GROUPS`], however many events come.

mod group;
mod record;
mod report;
mod shown;

pub use group::MOST_GROUPS;
pub use report::{
    Category, Change, ChangeKind, Counts, Ends, Example, Group, Report, RulePlace, SetNote, Verdict,
};

use super::evaluate::{Context, Evaluator};
use super::event::text::cut_chars;
use super::event::{At, Kind, Scanner};
use super::plan::Plan;
use super::preview::preview;
use group::Groups;
use record::Finder;
use std::fmt::Display;
use std::sync::Arc;

/// Characters of a `messageId` that are kept.
const MESSAGE_ID_MOST: usize = 100;

/// What a report holds beside counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How many events are named as examples of a group.
    pub examples: usize,
    /// Whether values are shown as they are; else only what kind they are of, as `text(12)`.
    pub values: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { examples: 3, values: false }
    }
}

/// Evaluates events with two plans and counts what changes.
#[derive(Debug)]
pub struct Comparer {
    before: Evaluator,
    after: Evaluator,
    policy: Policy,
    counts: Counts,
    ends: [Ends; 2],
    groups: Groups,
    scanner: Scanner,
}

impl Comparer {
    /// Ready to compare what `before` and `after` make of events.
    pub fn new(before: Arc<Plan>, after: Arc<Plan>, policy: Policy) -> Self {
        Self {
            before: Evaluator::new(before),
            after: Evaluator::new(after),
            policy,
            counts: Counts::default(),
            ends: [Ends::default(); 2],
            groups: Groups::new(policy.examples),
            scanner: Scanner::default(),
        }
    }

    /// Takes one event, given as JSON; what is no event is compared by its refusal. `name` is what the event is called
    /// where it came from, as `ev_12`.
    pub fn compare(&mut self, event: &[u8], context: &Context, name: &dyn Display) {
        self.counts.events += 1;
        let (before, after) = (self.before.evaluate(event, context), self.after.evaluate(event, context));
        let [ends_before, ends_after] = &mut self.ends;
        ends_before.add(&before.outcome);
        ends_after.add(&after.outcome);
        let same_records =
            before.records().map(|record| record.json).eq(after.records().map(|record| record.json));
        match same_records && before.outcome == after.outcome {
            true => self.counts.unchanged += 1,
            false => self.explain(event, context, name),
        }
    }

    /// What was found; `before` and `after` are what the sets are called.
    pub fn report(self, before: &str, after: &str) -> Report {
        let names = (before, after);
        let [before, after] = self.ends;
        let (groups, ungrouped) = self.groups.finish();
        Report {
            before: SetNote::of(names.0, self.before.plan(), before),
            after: SetNote::of(names.1, self.after.plan(), after),
            counts: self.counts,
            groups,
            ungrouped,
        }
    }

    /// The slow way: both sides again with their traces.
    #[cold]
    fn explain(&mut self, event: &[u8], context: &Context, name: &dyn Display) {
        let before = preview(&mut self.before, event, context, true);
        let after = preview(&mut self.after, event, context, true);
        let mut finder = Finder::new(self.policy, &before, &after);
        let category = match (before.outcome, after.outcome) {
            ("mapped", "mapped") => Category::Changed,
            ("mapped", "filtered") => Category::NewlyFiltered,
            ("filtered", "mapped") => Category::NewlySent,
            ("failed", "failed") | ("filtered", "filtered") => Category::ReasonChanged,
            (_, "failed") => Category::NewlyFailed,
            _ => Category::NoLongerFailed,
        };
        finder.records();
        if category == Category::ReasonChanged {
            finder.reasons();
        }
        let changes = finder.finish();
        if category == Category::Changed && changes.list.is_empty() {
            // The order of keys and the way text is escaped mean nothing to CleverTap.
            self.counts.unchanged += 1;
            self.counts.rewritten += 1;
            return;
        }
        self.counts.add(category);
        let verdicts = (Verdict::of(&before), Verdict::of(&after));
        let example = Example { event: name.to_string(), message_id: self.message_id(event) };
        self.groups.add(category, verdicts, changes, example);
    }

    fn message_id(&mut self, event: &[u8]) -> Option<String> {
        let json = self.scanner.scan(std::str::from_utf8(event).ok()?).ok()?;
        let at = json.get(At::ROOT, "messageId").filter(|at| json.kind(*at) == Kind::String)?;
        Some(cut_chars(&json.decoded(at), MESSAGE_ID_MOST).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::RuleFiles;

    fn plan(rules: &str) -> Arc<Plan> {
        let pack = format!("version: 1\npack: p\nrules:\n{rules}");
        let files: RuleFiles = [("packs/p.yaml".to_owned(), pack)].into();
        Arc::new(Plan::compile(&files, Some("p"), &Default::default()).unwrap())
    }

    const EMIT: &str = "  - id: all\n    emit:\n      - event:\n          address: [{ identity: userId }]\n          \
                        name: event\n          data: { \"*\": { rest: properties } }\n";
    const EVENT: &[u8] =
        br#"{"event":"E","userId":"u1","messageId":"m1","properties":{"email":"jane@example.com","n":1}}"#;

    fn report(before: &str, after: &str, policy: Policy) -> Report {
        let mut comparer = Comparer::new(plan(before), plan(after), policy);
        for number in 0..5 {
            comparer.compare(EVENT, &Context::default(), &format_args!("event {number}"));
        }
        comparer.report("one", "other")
    }

    #[test]
    fn every_pair_of_outcomes_has_its_category() {
        let filter = "  - { id: f, filter: { code: a, message: m } }\n";
        let other = "  - { id: f, filter: { code: b, message: m } }\n";
        let fail = "  - { id: f, fail: { code: a, message: m } }\n";
        let renamed = EMIT.replace("name: event", "name: { value: F }");
        for (before, after, category) in [
            (EMIT, EMIT, None),
            (EMIT, &renamed, Some(Category::Changed)),
            (EMIT, filter, Some(Category::NewlyFiltered)),
            (EMIT, fail, Some(Category::NewlyFailed)),
            (filter, EMIT, Some(Category::NewlySent)),
            (filter, other, Some(Category::ReasonChanged)),
            (filter, fail, Some(Category::NewlyFailed)),
            (fail, EMIT, Some(Category::NoLongerFailed)),
            (fail, filter, Some(Category::NoLongerFailed)),
        ] {
            let report = report(before, after, Policy::default());
            assert_eq!(report.counts.of(Category::Changed), report.counts.changed);
            let found: Vec<_> = report.groups.iter().map(|group| (group.category, group.count)).collect();
            assert_eq!(found, category.map(|category| (category, 5)).into_iter().collect::<Vec<_>>());
            assert_eq!(report.counts.unchanged, if category.is_none() { 5 } else { 0 });
            assert_eq!(report.changed(), 5 - report.counts.unchanged);
        }
    }

    #[test]
    fn a_reason_with_the_same_code_changes_with_its_words_and_who_must_act() {
        let fail = |rest: &str| format!("  - {{ id: f, fail: {{ code: a, {rest} }} }}\n");
        let report = report(&fail("message: m"), &fail("message: other, class: event"), Policy::default());
        let [group] = &report.groups[..] else { panic!("{report:?}") };
        let changes = group
            .changes
            .iter()
            .map(|change| (change.path.as_str(), change.before.as_deref(), change.after.as_deref()));
        let expected = [("message", Some("text(1)"), Some("text(5)")), ("class", None, Some("event"))];
        assert_eq!(changes.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn values_are_shown_only_when_asked_for() {
        let without = EMIT.replace("rest: properties", "rest: properties, except: [email]");
        for (values, shown) in [(false, "text(16)"), (true, "\"jane@example.com\"")] {
            let report = report(EMIT, &without, Policy { values, examples: 2 });
            let [group] = &report.groups[..] else { panic!("{report:?}") };
            let [change] = &group.changes[..] else { panic!("{group:?}") };
            assert_eq!((change.path.as_str(), change.kind), ("evtData.email", ChangeKind::Removed));
            assert_eq!((change.before.as_deref(), change.after.as_deref()), (Some(shown), None));
            assert_eq!(group.examples.len(), 2);
            assert_eq!(group.examples[0].message_id.as_deref(), Some("m1"));
            let json = serde_json::to_string(&report).unwrap();
            assert_eq!(json.contains("jane"), values, "{json}");
        }
    }

    #[test]
    fn another_order_of_keys_is_no_change() {
        let ordered = EMIT.replace("data: {", "data: { n: properties.n,");
        let report = report(EMIT, &ordered, Policy::default());
        assert_eq!((report.counts.unchanged, report.counts.rewritten), (5, 5));
        assert!(report.groups.is_empty());
    }

    #[test]
    fn shapes_beyond_the_most_are_counted_and_not_kept() {
        let mut comparer = Comparer::new(plan(EMIT), plan(&EMIT.replace("userId", "id")), Policy::default());
        for number in 0..MOST_GROUPS + 7 {
            let event = format!(r#"{{"event":"E{number}","userId":"u","id":"v"}}"#);
            comparer.compare(event.as_bytes(), &Context::default(), &number);
        }
        let report = comparer.report("one", "other");
        assert_eq!((report.groups.len(), report.ungrouped), (MOST_GROUPS, 7));
        assert_eq!(report.counts.changed, MOST_GROUPS as u64 + 7);
    }
}
