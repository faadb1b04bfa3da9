//! The report for a person at a terminal.

use crate::engine::change::{Category, Change, Example, Group, Report, RulePlace, Verdict};
use std::fmt::Write as _;
use std::io::{Result, Write};

/// Writes the report.
pub(super) fn write(out: &mut dyn Write, report: &Report) -> Result<()> {
    for (side, set) in [("before", &report.before), ("after ", &report.after)] {
        writeln!(out, "{side}  {}: pack {}, revision {}", set.name, set.pack, set.revision)?;
    }
    for (name, before, after) in options(report) {
        writeln!(out, "option  {name}: {before} → {after}")?;
    }
    writeln!(out, "\n{}", summary(report))?;
    let (before, after) = (report.before.ends, report.after.ends);
    let ends = [
        ("mapped", before.mapped, after.mapped),
        ("filtered", before.filtered, after.filtered),
        ("failed", before.failed, after.failed),
    ];
    let ends = ends.map(|(name, before, after)| format!("{name} {before} → {after}"));
    writeln!(out, "{}", ends.join(", "))?;
    if report.counts.rewritten > 0 {
        writeln!(
            out,
            "of the unchanged, {} are written in another way that means the same",
            report.counts.rewritten
        )?;
    }
    report.groups.iter().try_for_each(|group| write_group(out, group))?;
    if report.ungrouped > 0 {
        writeln!(out, "\nand {} events that change in still other ways", report.ungrouped)?;
    }
    Ok(())
}

fn write_group(out: &mut dyn Write, group: &Group) -> Result<()> {
    writeln!(out, "\n{}: {}", group.category.label(), events(group.count))?;
    writeln!(out, "  {}", verdicts(group))?;
    for change in &group.changes {
        writeln!(out, "  {}", plain(&sentence(change)))?;
        if let Some(places) = places(change) {
            writeln!(out, "    {}", plain(&places))?;
        }
    }
    if group.more_changes {
        writeln!(out, "  and more")?;
    }
    if !group.examples.is_empty() {
        let examples: Vec<String> = group.examples.iter().map(example).collect();
        writeln!(out, "  for example {}", plain(&examples.join(", ")))?;
    }
    Ok(())
}

/// `1000 events: 950 unchanged, 50 changed`.
pub(super) fn summary(report: &Report) -> String {
    let mut text = format!("{}: {} unchanged", events(report.counts.events), report.counts.unchanged);
    for category in Category::ALL {
        let count = report.counts.of(category);
        if count > 0 {
            // Writing to a string can not fail.
            let _ = write!(text, ", {count} {}", category.label());
        }
    }
    text
}

/// Options whose values differ, with both.
pub(super) fn options(report: &Report) -> Vec<(String, String, String)> {
    let (before, after) = (&report.before.options, &report.after.options);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let say = |value: Option<&serde_json::Value>| value.map_or("absent".to_owned(), ToString::to_string);
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing.map(|name| (name.clone(), say(before.get(name)), say(after.get(name)))).collect()
}

pub(super) fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// How the events of a group end, before and after.
pub(super) fn verdicts(group: &Group) -> String {
    let (before, after) = (verdict(&group.before), verdict(&group.after));
    if before == after { before } else { format!("{before} → {after}") }
}

fn verdict(verdict: &Verdict) -> String {
    let code = verdict.code.as_ref().map(|code| format!(" with {code}")).unwrap_or_default();
    let rule =
        verdict.rule.as_ref().map_or("no rule".to_owned(), |rule| format!("{} ({})", rule.id, rule.place));
    format!("{}{code} by {rule}", verdict.outcome)
}

/// `event Charged, evtData.Amount: changed, number → text(3)`.
fn sentence(change: &Change) -> String {
    let mut text = record(change);
    if !change.path.is_empty() {
        text = format!("{text}, {}", change.path);
    }
    let value = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!(", {before} → {after}"),
        (Some(value), None) | (None, Some(value)) => format!(", {value}"),
        (None, None) => String::new(),
    };
    format!("{text}: {}{value}", change.kind.label())
}

/// The record's type and name.
pub(super) fn record(change: &Change) -> String {
    let name = change.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{}{name}", change.record)
}

/// The rules that made what was there and what is there now.
fn places(change: &Change) -> Option<String> {
    let say = |rule: &RulePlace| format!("{} ({})", rule.id, rule.place);
    match (&change.rule_before, &change.rule_after) {
        (Some(before), Some(after)) if before == after => Some(say(before)),
        (Some(before), Some(after)) => Some(format!("{} → {}", say(before), say(after))),
        (Some(rule), None) | (None, Some(rule)) => Some(say(rule)),
        (None, None) => None,
    }
}

pub(super) fn example(example: &Example) -> String {
    match &example.message_id {
        Some(id) => format!("{} ({id})", example.event),
        None => example.event.clone(),
    }
}

/// Names come from events: nothing in them may steer a terminal, or turn the direction in which a line is read.
pub(super) fn plain(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}
