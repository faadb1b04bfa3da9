//! The report: counts, and groups of events that change in the same way. Serialises to what programs read.

use crate::engine::evaluate::Outcome;
use crate::engine::plan::Plan;
use crate::engine::preview::Preview;
use crate::engine::proof::deciding_rule;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How two sets of rules differ over the events that were looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The first set, and how the events end with it.
    pub before: SetNote,
    /// The second.
    pub after: SetNote,
    /// How many events stay and how many change.
    pub counts: Counts,
    /// What changes: the worst kind first, then the most frequent.
    pub groups: Vec<Group>,
    /// How many events changed in ways that came after [`super::MOST_GROUPS`] others, and are in no group.
    pub ungrouped: u64,
}

impl Report {
    /// How many events change.
    pub fn changed(&self) -> u64 {
        self.counts.events.saturating_sub(self.counts.unchanged)
    }
}

/// One of the two sets.
#[derive(Debug, Clone, Serialize)]
pub struct SetNote {
    /// What it is called where it came from, as `HEAD`.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// The live pack.
    pub pack: String,
    /// The pack's options with the values in force.
    pub options: BTreeMap<String, Value>,
    /// How the events end with it.
    pub ends: Ends,
}

impl SetNote {
    pub(super) fn of(name: &str, plan: &Plan, ends: Ends) -> Self {
        let options = plan.options().iter().map(|option| (option.name.clone(), option.value.clone()));
        Self {
            name: name.to_owned(),
            revision: plan.revision().to_owned(),
            pack: plan.pack().to_owned(),
            options: options.collect(),
            ends,
        }
    }
}

/// How events end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// With records.
    pub mapped: u64,
    /// *Filtered at destination*.
    pub filtered: u64,
    /// Without being able to become a record.
    pub failed: u64,
}

impl Ends {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Mapped => self.mapped += 1,
            Outcome::Filtered(_) => self.filtered += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}

/// How many events stay and how many change. `events` is the sum of `unchanged` and one per [`Category`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All that were looked at.
    pub events: u64,
    /// The same records, or the same reason. Warnings and the rule that decides may differ.
    pub unchanged: u64,
    /// [`Category::Changed`].
    pub changed: u64,
    /// [`Category::NewlyFiltered`].
    pub newly_filtered: u64,
    /// [`Category::NewlySent`].
    pub newly_sent: u64,
    /// [`Category::NewlyFailed`].
    pub newly_failed: u64,
    /// [`Category::NoLongerFailed`].
    pub no_longer_failed: u64,
    /// [`Category::ReasonChanged`].
    pub reason_changed: u64,
    /// Of the unchanged those whose records mean the same and are written in another way, as in another order of keys.
    pub rewritten: u64,
}

impl Counts {
    pub(super) fn add(&mut self, category: Category) {
        *match category {
            Category::NewlyFailed => &mut self.newly_failed,
            Category::NewlyFiltered => &mut self.newly_filtered,
            Category::Changed => &mut self.changed,
            Category::NewlySent => &mut self.newly_sent,
            Category::NoLongerFailed => &mut self.no_longer_failed,
            Category::ReasonChanged => &mut self.reason_changed,
        } += 1;
    }

    /// How many events changed in this way.
    pub fn of(&self, category: Category) -> u64 {
        match category {
            Category::NewlyFailed => self.newly_failed,
            Category::NewlyFiltered => self.newly_filtered,
            Category::Changed => self.changed,
            Category::NewlySent => self.newly_sent,
            Category::NoLongerFailed => self.no_longer_failed,
            Category::ReasonChanged => self.reason_changed,
        }
    }
}

/// What becomes of an event that does not stay as it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// It could be sent or was filtered, and now fails.
    NewlyFailed,
    /// It was sent, and now is *Filtered at destination*.
    NewlyFiltered,
    /// It is sent as before and after, with other records.
    Changed,
    /// It was filtered, and now is sent.
    NewlySent,
    /// It failed, and now is sent or filtered.
    NoLongerFailed,
    /// It is filtered or failed as before, for another reason.
    ReasonChanged,
}

impl Category {
    /// Every one, the worst first.
    pub const ALL: [Self; 6] = [
        Self::NewlyFailed,
        Self::NewlyFiltered,
        Self::Changed,
        Self::NewlySent,
        Self::NoLongerFailed,
        Self::ReasonChanged,
    ];

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::NewlyFailed => "newly failed",
            Self::NewlyFiltered => "newly filtered",
            Self::Changed => "changed",
            Self::NewlySent => "newly sent",
            Self::NoLongerFailed => "no longer failed",
            Self::ReasonChanged => "reason changed",
        }
    }
}

/// Events that change in the same way.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What becomes of them.
    pub category: Category,
    /// How many they are.
    pub count: u64,
    /// How they ended.
    pub before: Verdict,
    /// How they end now.
    pub after: Verdict,
    /// What differs in the records, in order of record and path.
    pub changes: Vec<Change>,
    /// Whether more differs than is listed.
    pub more_changes: bool,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// How an event ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Verdict {
    /// `mapped`, `filtered` or `failed`.
    pub outcome: &'static str,
    /// The reason's code, where it is not mapped.
    pub code: Option<String>,
    /// The rule that decided; none where no rule applies.
    pub rule: Option<RulePlace>,
}

impl Verdict {
    pub(super) fn of(preview: &Preview) -> Self {
        let rule = preview.trace.as_ref().and_then(deciding_rule);
        Self {
            outcome: preview.outcome,
            code: preview.reason.as_ref().map(|reason| reason.code.to_string()),
            rule: rule.map(|rule| RulePlace { id: rule.id, place: rule.place }),
        }
    }
}

/// A rule, and where it says what matters here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RulePlace {
    /// Its id.
    pub id: String,
    /// The line that makes the field, else the rule's own, `file:line:col`.
    pub place: String,
}

/// One difference between the records before and after.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// The record's `type`, as `event`.
    pub record: String,
    /// The record's `evtName`, or the `method` of a call; none where it has neither.
    pub name: Option<String>,
    /// Where in the record, as `evtData.Items[].sku`; empty for the whole of it.
    pub path: String,
    /// What happens there.
    pub kind: ChangeKind,
    /// The rule that made what was there.
    pub rule_before: Option<RulePlace>,
    /// The rule that makes what is there now.
    pub rule_after: Option<RulePlace>,
    /// What was there in the first event of the group: its kind, as `text(12)`, or its value where values are shown.
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
}

/// What happens at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Something is there that was not.
    Added,
    /// Something is gone.
    Removed,
    /// Another value of the same type.
    Changed,
    /// A value of another type.
    TypeChanged,
    /// The record stands after one that it stood before.
    Moved,
}

impl ChangeKind {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::TypeChanged => "type changed",
            Self::Moved => "moved",
        }
    }
}

/// One event of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What it is called where it came from, as `ev_12`.
    pub event: String,
    /// Its `messageId`, if it has one.
    pub message_id: Option<String>,
}
