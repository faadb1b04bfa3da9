//! What `tapline test` found out: for people, as JSON, as JUnit's XML.

use super::{Ran, Report};
use crate::engine::diagnostic::Diagnostics;
use crate::engine::proof::Share;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Result, Write};

/// How to show the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For reading
    Human,
    /// One JSON object
    Json,
    /// JUnit's XML, as build servers read it
    Junit,
}

/// Writes the report.
pub fn write(out: &mut dyn Write, report: &Report, format: Format) -> Result<()> {
    match format {
        Format::Human => human(out, report),
        Format::Json => json(out, report),
        Format::Junit => junit(out, report),
    }
}

fn human(out: &mut dyn Write, report: &Report) -> Result<()> {
    for ran in report.cases.iter().filter(|ran| !ran.proof.differences.is_empty()) {
        let mark = if ran.accepted { "accepted" } else { "failed" };
        writeln!(out, "{mark}: {} ({})\n{}", ran.case.name, at(ran), account(ran))?;
    }
    let (all, failed) = (report.cases.len(), report.failed());
    let accepted = report.cases.iter().filter(|ran| ran.accepted).count();
    let tail = if accepted > 0 { format!(", {accepted} accepted") } else { String::new() };
    let noun = if all == 1 { "case" } else { "cases" };
    writeln!(out, "{all} {noun}: {} passed, {failed} failed{tail}", all - failed - accepted)?;
    for (name, share) in [("rules", report.coverage.rules()), ("fields", report.coverage.fields())] {
        writeln!(out, "{name} covered: {} of {} ({} %)", share.reached, share.total, share.percent)?;
        for missing in &share.missing {
            writeln!(out, "  not covered: {} ({})", missing.name, missing.place)?;
        }
    }
    Ok(())
}

/// JUnit's report of a run that could not be: build servers show one test that failed, with why.
pub fn write_refusal(out: &mut dyn Write, problems: &Diagnostics) -> Result<()> {
    let (count, text) = (problems.len(), escape(&problems.to_string()));
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="tapline" tests="1" failures="1">"#)?;
    writeln!(out, r#"  <testsuite name="rules" tests="1" failures="1">"#)?;
    writeln!(out, r#"    <testcase classname="rules" name="rules and cases can be read">"#)?;
    writeln!(out, "      <failure message=\"problems: {count}\">{text}</failure>\n    </testcase>")?;
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// Where a case stands, `file:line`.
fn at(ran: &Ran) -> String {
    format!("{}:{}", ran.case.place.file, ran.case.place.line)
}

/// The differences path by path, and the rule that decided.
fn account(ran: &Ran) -> String {
    let mut text = String::new();
    for difference in &ran.proof.differences {
        let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        text.push_str(&format!(
            "  {}\n    expected {}\n    got      {}\n",
            difference.path,
            or_nothing(&difference.expected),
            or_nothing(&difference.got)
        ));
    }
    match &ran.proof.rule {
        Some(rule) => text.push_str(&format!("  decided by {} ({})\n", rule.id, rule.place)),
        None => text.push_str("  no rule decided\n"),
    }
    if let Some(reason) = &ran.proof.result.reason {
        text.push_str(&format!("  which says: {}\n", reason.message));
    }
    if let Some(refusal) = &ran.refusal {
        text.push_str(&format!("  not accepted: {refusal}\n"));
    }
    text
}

fn json(out: &mut dyn Write, report: &Report) -> Result<()> {
    let case = |ran: &Ran| {
        json!({
            "name": ran.case.name,
            "file": &*ran.case.place.file,
            "line": ran.case.place.line,
            "passed": ran.proof.differences.is_empty(),
            "accepted": ran.accepted,
            "differences": ran.proof.differences,
            "rule": ran.proof.rule,
        })
    };
    let cases: Vec<_> = report.cases.iter().map(case).collect();
    let coverage = json!({ "rules": report.coverage.rules(), "fields": report.coverage.fields() });
    let failed = report.failed();
    let passed = report.cases.len() - failed;
    writeln!(out, "{}", json!({ "cases": cases, "passed": passed, "failed": failed, "coverage": coverage }))
}

/// Source of the elements: <https://llg.cubic.org/docs/junit/>, read 2026-11.
fn junit(out: &mut dyn Write, report: &Report) -> Result<()> {
    let mut suites: BTreeMap<&str, Vec<&Ran>> = BTreeMap::new();
    for ran in &report.cases {
        suites.entry(&*ran.case.place.file).or_default().push(ran);
    }
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let failed = report.failed() + usize::from(!report.is_covered());
    let all = report.cases.len() + usize::from(report.min_coverage.is_some());
    writeln!(out, r#"<testsuites name="tapline" tests="{all}" failures="{failed}">"#)?;
    for (file, cases) in suites {
        let failed = cases.iter().filter(|ran| !ran.is_fine()).count();
        let (name, all) = (escape(file), cases.len());
        writeln!(out, r#"  <testsuite name="{name}" tests="{all}" failures="{failed}">"#)?;
        for ran in cases {
            let (case, line) = (escape(&ran.case.name), ran.case.place.line);
            write!(out, r#"    <testcase classname="{name}" name="{case}" file="{name}" line="{line}""#)?;
            if ran.is_fine() {
                writeln!(out, "/>")?;
            } else {
                let count = ran.proof.differences.len();
                let text = escape(&account(ran));
                writeln!(
                    out,
                    ">\n      <failure message=\"differences: {count}\">{text}</failure>\n    </testcase>"
                )?;
            }
        }
        writeln!(out, "  </testsuite>")?;
    }
    if let Some(wanted) = report.min_coverage {
        let failed = usize::from(!report.is_covered());
        writeln!(out, r#"  <testsuite name="coverage" tests="1" failures="{failed}">"#)?;
        let case = format!(r#"    <testcase classname="coverage" name="at least {wanted} percent""#);
        let say =
            |share: &Share| share.missing.iter().map(|part| format!("{}\n", part.name)).collect::<String>();
        let missing = escape(&format!("{}{}", say(&report.coverage.rules()), say(&report.coverage.fields())));
        match failed {
            0 => writeln!(out, "{case}/>")?,
            _ => writeln!(
                out,
                "{case}>\n      <failure message=\"too little is covered\">{missing}</failure>\n    </testcase>"
            )?,
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// Text for XML, without the control characters that XML has no form for.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
