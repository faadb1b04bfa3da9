//! How often each rule took effect, counted where events are evaluated for delivery.
//!
//! Deliberately no store here: what was counted is taken out now and then by whoever keeps it, and begins again at nought.
//! An event that is evaluated anew after a restart, because it had no end yet, counts again; sending again does not count.
//!
//! First thing to know: counting takes an addition and two comparisons, and no memory.

use crate::clock::Millis;
use crate::engine::hash::ContentHash;
use crate::engine::{Evaluation, Plan};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of one rule.
#[derive(Debug)]
struct Cell {
    hits: AtomicU64,
    errors: AtomicU64,
    first: AtomicI64,
    last: AtomicI64,
}

impl Default for Cell {
    fn default() -> Self {
        let (hits, errors) = Default::default();
        Self { hits, errors, first: AtomicI64::new(i64::MAX), last: AtomicI64::new(i64::MIN) }
    }
}

/// What was counted of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleCount {
    /// Events for which it took effect.
    pub hits: u64,
    /// Of these the events that failed by it.
    pub errors: u64,
    /// When the earliest of these events was received.
    pub first: Millis,
    /// When the latest was.
    pub last: Millis,
}

/// What was counted of one revision since it was last taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanCount {
    /// Events evaluated.
    pub events: u64,
    /// The rules that took effect, by their ids.
    pub rules: BTreeMap<String, RuleCount>,
}

/// The counts of one revision.
#[derive(Debug)]
pub struct RuleTally {
    plan: ContentHash,
    events: AtomicU64,
    ids: Box<[Box<str>]>,
    cells: Box<[Cell]>,
}

impl RuleTally {
    fn new(plan: &Plan) -> Self {
        let ids: Box<[Box<str>]> = plan.rule_ids().map(Into::into).collect();
        let cells = ids.iter().map(|_| Cell::default()).collect();
        Self { plan: plan.hash(), events: AtomicU64::new(0), ids, cells }
    }

    /// Which revision.
    pub fn plan(&self) -> ContentHash {
        self.plan
    }

    /// Counts an event that was received at this time.
    pub(super) fn count(&self, evaluation: &Evaluation<'_>, received_at: Millis) {
        let blamed = evaluation.blamed();
        for number in evaluation.applied() {
            let Some(cell) = self.cells.get(usize::from(*number)) else { continue };
            cell.hits.fetch_add(1, Relaxed);
            cell.first.fetch_min(received_at.0, Relaxed);
            cell.last.fetch_max(received_at.0, Relaxed);
            if blamed == Some(*number) {
                cell.errors.fetch_add(1, Relaxed);
            }
        }
        // Last, because nothing is taken out while no event was counted.
        self.events.fetch_add(1, Relaxed);
    }

    /// Takes out what was counted; nothing where nothing was. What is counted at this very moment may fall into either part.
    pub fn take(&self) -> Option<PlanCount> {
        let events = self.events.swap(0, Relaxed);
        if events == 0 {
            return None;
        }
        let mut rules = BTreeMap::new();
        for (id, cell) in self.ids.iter().zip(&self.cells) {
            let (hits, errors) = (cell.hits.swap(0, Relaxed), cell.errors.swap(0, Relaxed));
            let first = Millis(cell.first.swap(i64::MAX, Relaxed));
            let last = Millis(cell.last.swap(i64::MIN, Relaxed));
            if hits > 0 && first <= last {
                rules.insert(id.to_string(), RuleCount { hits, errors, first, last });
            }
        }
        Some(PlanCount { events, rules })
    }
}

/// The tallies of the revisions that were in force since the start, or since they were last taken out.
#[derive(Debug, Default)]
pub struct RuleTallies(Mutex<Vec<Arc<RuleTally>>>);

impl RuleTallies {
    /// The tally of a plan.
    pub fn of(&self, plan: &Plan) -> Arc<RuleTally> {
        // A list that a panic left behind is whole: nothing but a push happens under the lock.
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = tallies.iter().find(|tally| tally.plan == plan.hash()) {
            return Arc::clone(tally);
        }
        let tally = Arc::new(RuleTally::new(plan));
        tallies.push(Arc::clone(&tally));
        tally
    }

    /// Takes out what was counted, and forgets the tallies that nobody counts in any more.
    pub fn take(&self) -> Vec<(ContentHash, PlanCount)> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = tallies.iter().filter_map(|tally| Some((tally.plan, tally.take()?))).collect();
        tallies.retain(|tally| Arc::strong_count(tally) > 1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, Evaluator, RuleFiles};

    fn plan() -> Arc<Plan> {
        let rules = "version: 1\npack: p\nrules:\n  - { id: bad, when: { event: Bad }, fail: { code: bad, message: m } }\n  \
                     - id: order\n    when: { type: track }\n    require: [{ present: userId, code: none, message: m }]\n    \
                     emit:\n      - event: { address: [{ identity: userId }], name: event }\nextras:\n  - id: more\n    \
                     when: { present: context.device }\n    emit:\n      - event: { address: [{ identity: userId }], \
                     name: { value: More } }\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), rules.to_owned())].into();
        Arc::new(Plan::compile(&files, Some("p"), &Default::default()).unwrap())
    }

    #[test]
    fn every_rule_that_took_effect_is_counted_and_the_one_that_failed_is_blamed() {
        let (plan, tallies) = (plan(), RuleTallies::default());
        let tally = tallies.of(&plan);
        let mut evaluator = Evaluator::new(Arc::clone(&plan));
        for (event, at) in [
            (r#"{"type":"track","event":"A","userId":"u"}"#, 5),
            (r#"{"type":"track","event":"A","userId":"u","context":{"device":{}}}"#, 3),
            (r#"{"type":"track","event":"A","userId":"u","context":{"device":{"id":"d"}}}"#, 7),
            (r#"{"type":"track","event":"A"}"#, 9),
            (r#"{"type":"track","event":"Bad"}"#, 4),
            (r#"{"type":"page"}"#, 1),
            ("{", 1),
        ] {
            tally.count(&evaluator.evaluate(event.as_bytes(), &Context::default()), Millis(at));
        }
        let [(hash, counted)] = &tallies.take()[..] else { panic!() };
        assert_eq!((*hash, counted.events), (plan.hash(), 7));
        let shown: Vec<_> = counted
            .rules
            .iter()
            .map(|(id, count)| (id.as_str(), count.hits, count.errors, count.first.0, count.last.0))
            .collect();
        let more = counted.rules.get("more").map_or(0, |count| count.hits);
        assert_eq!(
            shown,
            [("bad", 1, 1, 4, 4), ("more", more, 0, if more == 2 { 3 } else { 7 }, 7), ("order", 4, 1, 3, 9)]
        );
        assert!(tallies.take().is_empty(), "what was taken out is gone");
        assert!(Arc::ptr_eq(&tally, &tallies.of(&plan)), "as long as somebody counts, the tally stays");
    }
}
