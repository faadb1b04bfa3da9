//! What a comparison found, ready to show: files line by line, groups of events, the events of a group.

use crate::admin::rules::{ChangedFile, FileFate, LineFate};
use crate::engine::change::{Category, Change, Counts, Group, Verdict};
use crate::web::view::Pill;

/// A file that differs.
pub(super) struct FileView {
    pub(super) path: String,
    pub(super) fate: &'static str,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) hunks: Vec<Vec<ChangedLineView>>,
}

/// A line of it.
pub(super) struct ChangedLineView {
    pub(super) class: &'static str,
    /// For whoever sees no colours.
    pub(super) sign: &'static str,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) text: String,
}

impl From<ChangedFile> for FileView {
    fn from(file: ChangedFile) -> Self {
        let number = |at: Option<usize>| at.map(|at| at.to_string()).unwrap_or_default();
        let line = |line: crate::admin::rules::ChangedLine| {
            let (class, sign) = match line.fate {
                LineFate::Same => ("same", " "),
                LineFate::Added => ("added", "+"),
                LineFate::Removed => ("removed", "-"),
            };
            let (before, after) = (number(line.before), number(line.after));
            ChangedLineView { class, sign, before, after, text: line.text }
        };
        Self {
            fate: match file.fate {
                FileFate::Added => "new",
                FileFate::Removed => "gone",
                FileFate::Changed => "changed",
            },
            path: file.path,
            added: file.added,
            removed: file.removed,
            hunks: file.hunks.into_iter().map(|hunk| hunk.into_iter().map(line).collect()).collect(),
        }
    }
}

/// One count, with what it counts.
pub(super) struct CountView {
    pub(super) label: &'static str,
    pub(super) count: u64,
    pub(super) class: &'static str,
}

/// The counts, in the order of the report.
pub(super) fn counts(counts: &Counts) -> Vec<CountView> {
    let unchanged = CountView { label: "Unchanged", count: counts.unchanged, class: "calm" };
    let categories = Category::ALL.into_iter().map(|category| CountView {
        label: pill(category).label,
        count: counts.of(category),
        class: pill(category).class,
    });
    std::iter::once(unchanged).chain(categories).collect()
}

fn pill(category: Category) -> Pill {
    let (class, label) = match category {
        Category::NewlyFailed => ("failed", "Newly failed"),
        Category::NewlyFiltered => ("filtered", "Newly filtered"),
        Category::Changed => ("pending", "Changed"),
        Category::NewlySent => ("delivered", "Newly sent"),
        Category::NoLongerFailed => ("delivered", "No longer failed"),
        Category::ReasonChanged => ("filtered", "Another reason"),
    };
    Pill { class, label }
}

/// Events that change in the same way.
pub(super) struct GroupView {
    pub(super) number: usize,
    pub(super) pill: Pill,
    pub(super) count: u64,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) changes: Vec<ChangeView>,
    pub(super) more_changes: bool,
    /// The first events, by their ids.
    pub(super) events: Vec<String>,
    /// Whether there are more of them than are named.
    pub(super) has_more: bool,
}

/// One difference.
pub(super) struct ChangeView {
    pub(super) record: String,
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) rules: String,
}

impl GroupView {
    /// With so many of its events at most.
    pub(super) fn new(number: usize, group: &Group, most: usize) -> Self {
        Self {
            number,
            pill: pill(group.category),
            count: group.count,
            before: verdict(&group.before),
            after: verdict(&group.after),
            changes: group.changes.iter().map(change).collect(),
            more_changes: group.more_changes,
            events: group.examples.iter().take(most).map(|example| example.event.clone()).collect(),
            has_more: group.count > group.examples.len().min(most) as u64,
        }
    }
}

fn verdict(verdict: &Verdict) -> String {
    let end = match (verdict.outcome, &verdict.code) {
        ("mapped", _) => "mapped".to_owned(),
        (outcome, Some(code)) => format!("{outcome} as {code}"),
        (outcome, None) => outcome.to_owned(),
    };
    match &verdict.rule {
        Some(rule) => format!("{end} by {}", rule.id),
        None => end,
    }
}

fn change(change: &Change) -> ChangeView {
    let name = change.name.as_ref().map(|name| format!(" “{name}”")).unwrap_or_default();
    let rule = |rule: &Option<crate::engine::change::RulePlace>| {
        rule.as_ref().map(|rule| format!("{} ({})", rule.id, rule.place)).unwrap_or_default()
    };
    let (before, after) = (rule(&change.rule_before), rule(&change.rule_after));
    ChangeView {
        record: format!("{}{name}", change.record),
        path: if change.path.is_empty() { "the whole record".to_owned() } else { change.path.clone() },
        kind: change.kind.label(),
        before: change.before.clone().unwrap_or_default(),
        after: change.after.clone().unwrap_or_default(),
        rules: match (before.is_empty(), after.is_empty()) {
            (false, false) if before != after => format!("{before} → {after}"),
            (true, _) => after,
            _ => before,
        },
    }
}
