//! The report for a comment on a pull request: a table of counts, and each group folded.
//!
//! Names come from events, so everything that is not ours is escaped, and the whole is bounded: a comment on GitHub has
//! 65,536 characters at most (its API's answer to more, read 2026-11).

use super::human::{events, example, options, plain, record, verdicts};
use crate::engine::change::{Category, Change, Group, Report, RulePlace};
use std::fmt::Write as _;
use std::io::{Result, Write};

/// Bytes that are written at most, the last line aside.
const MOST: usize = 60_000;

/// Differences that are listed of one group.
const ROWS: usize = 12;

/// Writes the report.
pub(super) fn write(out: &mut dyn Write, report: &Report) -> Result<()> {
    let mut text = head(report);
    let mut left = (0, report.ungrouped);
    for group in &report.groups {
        let section = section(group);
        match left.0 == 0 && text.len() + section.len() <= MOST {
            true => text.push_str(&section),
            false => left = (left.0 + 1, left.1 + group.count),
        }
    }
    if left.1 > 0 {
        // Writing to a string can not fail.
        let _ = writeln!(text, "\n{} more change in ways that are not shown here.", events(left.1));
    }
    out.write_all(text.as_bytes())
}

fn head(report: &Report) -> String {
    let (before, after) = (&report.before, &report.after);
    let mut text = format!("### Rules: {} → {}\n\n", span(&before.name), span(&after.name));
    let changed = report.changed();
    let all = events(report.counts.events);
    let _ = match changed {
        0 => writeln!(text, "Nothing changes in {all}.\n"),
        1 => writeln!(text, "**1 of {all} changes.**\n"),
        _ => writeln!(text, "**{changed} of {all} change.**\n"),
    };
    text.push_str("| | events |\n|---|---:|\n");
    let _ = writeln!(text, "| unchanged | {} |", report.counts.unchanged);
    for category in Category::ALL {
        let count = report.counts.of(category);
        if count > 0 {
            let _ = writeln!(text, "| {} | {count} |", category.label());
        }
    }
    text.push_str("\n| set | pack | revision | mapped | filtered | failed |\n|---|---|---|---:|---:|---:|\n");
    for set in [before, after] {
        let ends = set.ends;
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | {} | {} |",
            cell(&set.name),
            cell(&set.pack),
            set.revision,
            ends.mapped,
            ends.filtered,
            ends.failed
        );
    }
    for (name, before, after) in options(report) {
        let _ = writeln!(text, "\nOption {}: {} → {}", span(&name), span(&before), span(&after));
    }
    text
}

fn section(group: &Group) -> String {
    let mut text = format!(
        "\n<details><summary>{}: {}{}</summary>\n\n",
        group.category.label(),
        events(group.count),
        group.changes.first().map(|first| html_about(first, group.changes.len())).unwrap_or_default()
    );
    let _ = writeln!(text, "{}\n", span(&verdicts(group)));
    if !group.changes.is_empty() {
        text.push_str("| record | path | change | before | after | rule |\n|---|---|---|---|---|---|\n");
    }
    for change in group.changes.iter().take(ROWS) {
        let value = |value: &Option<String>| value.as_ref().map(|value| cell(value)).unwrap_or_default();
        let path = if change.path.is_empty() { "*all of it*".to_owned() } else { cell(&change.path) };
        let _ = writeln!(
            text,
            "| {} | {path} | {} | {} | {} | {} |",
            cell(&record(change)),
            change.kind.label(),
            value(&change.before),
            value(&change.after),
            rules(change)
        );
    }
    if group.changes.len() > ROWS || group.more_changes {
        text.push_str("\nand more in the same records\n");
    }
    if !group.examples.is_empty() {
        let examples: Vec<String> = group.examples.iter().map(|one| span(&example(one))).collect();
        let _ = writeln!(text, "\nFor example {}", examples.join(", "));
    }
    text.push_str("\n</details>\n");
    text
}

/// What a group is about, for the line that is seen while it is folded. No Markdown is read there, only HTML.
fn html_about(first: &Change, count: usize) -> String {
    let path = if first.path.is_empty() { String::new() } else { format!(" {}", first.path) };
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    format!(", <code>{}</code>{more}", html(&format!("{}{path}", record(first))))
}

fn rules(change: &Change) -> String {
    let say = |rule: &RulePlace| cell(&format!("{} ({})", rule.id, rule.place));
    match (&change.rule_before, &change.rule_after) {
        (Some(before), Some(after)) if before == after => say(before),
        (Some(before), Some(after)) => format!("{} → {}", say(before), say(after)),
        (Some(rule), None) | (None, Some(rule)) => say(rule),
        (None, None) => String::new(),
    }
}

/// Text for HTML.
fn html(text: &str) -> String {
    let text = plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// A code span, in which nothing is markup, with a fence that the text does not hold.
fn span(text: &str) -> String {
    let text = plain(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A code span in a table, where a bar takes a backslash also inside of it.
/// Source: <https://github.github.com/gfm/#tables-extension->, read 2026-11.
fn cell(text: &str) -> String {
    span(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_event_is_markup() {
        for (text, escaped) in [
            ("a", "`a`"),
            ("a|b", "`a|b`"),
            ("`a`", "`` `a` ``"),
            ("a``b", "```a``b```"),
            ("<b>@all\n#1", "`<b>@all\u{fffd}#1`"),
            ("", "`  `"),
        ] {
            assert_eq!(span(text), escaped);
        }
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(html("<img src=\"x\"> & y"), "&lt;img src=&quot;x&quot;&gt; &amp; y");
    }
}
