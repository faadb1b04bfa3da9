//! Groups: events that change in the same way are counted together.

use super::record::Changes;
use super::report::{Category, Change, ChangeKind, Example, Group, RulePlace, Verdict};
use std::collections::HashMap;

/// How many groups are kept. Names and keys come from events, so there is no end of shapes.
pub const MOST_GROUPS: usize = 500;

/// The groups so far.
#[derive(Debug)]
pub(super) struct Groups {
    examples: usize,
    known: HashMap<Shape, usize>,
    list: Vec<Group>,
    ungrouped: u64,
}

/// What events of one group have in common: everything but their values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    category: Category,
    verdicts: (Verdict, Verdict),
    changes: Vec<ChangeShape>,
    more_changes: bool,
}

/// A [`Change`] without its values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ChangeShape {
    record: String,
    name: Option<String>,
    path: String,
    kind: ChangeKind,
    rules: (Option<RulePlace>, Option<RulePlace>),
}

impl ChangeShape {
    fn of(change: &Change) -> Self {
        Self {
            record: change.record.clone(),
            name: change.name.clone(),
            path: change.path.clone(),
            kind: change.kind,
            rules: (change.rule_before.clone(), change.rule_after.clone()),
        }
    }
}

impl Groups {
    pub(super) fn new(examples: usize) -> Self {
        Self { examples, known: HashMap::new(), list: Vec::new(), ungrouped: 0 }
    }

    /// Counts one event among those of its shape.
    pub(super) fn add(
        &mut self,
        category: Category,
        verdicts: (Verdict, Verdict),
        changes: Changes,
        example: Example,
    ) {
        let shape = Shape {
            category,
            verdicts: verdicts.clone(),
            changes: changes.list.iter().map(ChangeShape::of).collect(),
            more_changes: changes.more,
        };
        if let Some(group) = self.known.get(&shape).and_then(|at| self.list.get_mut(*at)) {
            group.count += 1;
            if group.examples.len() < self.examples {
                group.examples.push(example);
            }
            return;
        }
        if self.list.len() >= MOST_GROUPS {
            self.ungrouped += 1;
            return;
        }
        self.known.insert(shape, self.list.len());
        let (before, after) = verdicts;
        let examples = if self.examples > 0 { vec![example] } else { Vec::new() };
        let Changes { list: changes, more: more_changes } = changes;
        self.list.push(Group { category, count: 1, before, after, changes, more_changes, examples });
    }

    /// The groups, the worst kind first, then the most frequent; and how many events are in none.
    pub(super) fn finish(mut self) -> (Vec<Group>, u64) {
        // Stable, so that of two that are as frequent the one seen first stands first.
        self.list.sort_by_key(|group| (group.category, std::cmp::Reverse(group.count)));
        (self.list, self.ungrouped)
    }
}
