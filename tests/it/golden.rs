//! Golden cases: `tests/golden/cases/*.txt` hold events and, byte for byte, what they become.
//!
//! Files in `tests/golden/language/` begin with a pack of their own, up to a line `---`; a line `--- FILE` in it begins
//! another file of the set, as `--- tapline.yaml` or `--- scripts/total.rhai`.
//!
//! Files in `tests/golden/packs/` begin with `pack: NAME`, one of the packs there are, and also say each reason's message.
//!
//! A case is a title, options, an event and the outcome; `with:` at the head of a file stands at the start of every
//! event. `UPDATE_GOLDEN=1` rewrites the outcomes, for reading the difference before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tapline::engine::event::time;
use tapline::engine::reason::OwnReason;
use tapline::engine::warning::WarningCode;
use tapline::engine::{Context, Evaluator, Plan, preview};
use tapline::rulebook;

#[test]
fn every_golden_case_becomes_what_is_written() {
    let (mut seen, mut report) = (0, String::new());
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let (actual, cases) = rewrite(&text);
        seen += cases;
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &actual).unwrap();
        }
        if text != actual {
            let difference = similar::TextDiff::from_lines(&text, &actual);
            writeln!(report, "{}\n{}", file.display(), difference.unified_diff().context_radius(6)).unwrap();
        }
    }
    assert!(report.is_empty(), "cases differ; UPDATE_GOLDEN=1 rewrites them\n{report}");
    assert!(seen > 150, "only {seen} cases were found");
}

#[test]
fn every_warning_and_every_reason_of_a_pack_has_a_case() {
    let cases: String = files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for code in WarningCode::ALL {
        assert!(
            cases.contains(&format!("\nwarning: {} ", code.as_str())),
            "no case warns of {}",
            code.as_str()
        );
    }
    for reason in OwnReason::ALL {
        let ends = ["filtered", "failed"].map(|end| format!("outcome: {end} {}\n", reason.as_str()));
        assert!(ends.iter().any(|end| cases.contains(end)), "no case ends with {}", reason.as_str());
    }
    let files = rulebook::embedded_files();
    let packs = files.iter().filter(|(file, _)| file.starts_with("packs/"));
    let codes = packs.flat_map(|(_, text)| text.lines()).filter_map(|line| line.split_once("code: "));
    for code in codes.filter_map(|(_, code)| code.split([',', ' ']).next()) {
        let ends = [format!("outcome: filtered {code}\n"), format!("outcome: failed {code}\n")];
        assert!(ends.iter().any(|end| cases.contains(end)), "no case ends with {code}");
    }
}

fn files() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let list = |name: &str| std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = list("cases").chain(list("language")).chain(list("packs")).collect();
    files.sort();
    files
}

/// Which rules a file's cases are judged by.
#[derive(Clone, Copy)]
enum Rules<'a> {
    /// The default pack.
    Default,
    /// One of the packs there are.
    Named(&'a str),
    /// The file's own, up to its line `---`.
    Own(&'a str),
}

/// The file with the outcomes as they are, and how many cases it holds.
fn rewrite(text: &str) -> (String, usize) {
    let with = text.lines().find_map(|line| line.strip_prefix("with:")).unwrap_or_default().trim();
    let rules = match text.strip_prefix("pack: ").and_then(|rest| rest.lines().next()) {
        Some(name) => Rules::Named(name),
        None => text.split_once("\n---\n").map_or(Rules::Default, |(pack, _)| Rules::Own(pack)),
    };
    let (mut out, mut options, mut now, mut cases) = (String::new(), String::new(), None, 0);
    let mut plans: BTreeMap<String, Arc<Plan>> = BTreeMap::new();
    for line in text.lines() {
        if ["outcome: ", "message: ", "record: ", "warning: ", "print: "]
            .iter()
            .any(|start| line.starts_with(start))
        {
            continue;
        }
        writeln!(out, "{line}").unwrap();
        if line.starts_with("## ") {
            (options, now) = (String::new(), None);
        } else if let Some(given) = line.strip_prefix("options: ") {
            options = given.to_owned();
        } else if let Some(given) = line.strip_prefix("now: ") {
            now = time::parse_iso(given);
        } else if let Some(event) = line.strip_prefix("event: ") {
            cases += 1;
            let plan = plans.entry(options.clone()).or_insert_with(|| Arc::new(compile(rules, &options)));
            out.push_str(&outcome(&complete(event, with), rules, plan.clone(), now));
        }
    }
    (out, cases)
}

fn complete(event: &str, with: &str) -> String {
    match event.strip_prefix('{') {
        Some("}") if !with.is_empty() => format!("{{{with}}}"),
        Some(rest) if !with.is_empty() => format!("{{{with},{rest}"),
        _ => event.to_owned(),
    }
}

fn compile(rules: Rules<'_>, options: &str) -> Plan {
    let pairs = options.split_whitespace().filter_map(|pair| pair.split_once('='));
    let options: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let (name, files) = match rules {
        Rules::Default => (None, rulebook::embedded_files()),
        Rules::Named(name) => (Some(name), rulebook::embedded_files()),
        Rules::Own(text) => {
            let mut parts = text.split("\n--- ");
            let pack = ("packs/case.yaml", parts.next().unwrap());
            let entry = ("tapline.yaml", "version: 1\npack: case\n");
            let files = [pack, entry].into_iter().chain(parts.map(|part| part.split_once('\n').unwrap()));
            (Some("case"), files.map(|(file, text)| (file.to_owned(), text.to_owned())).collect())
        }
    };
    Plan::compile(&files, name, &options).unwrap_or_else(|problems| panic!("{problems}"))
}

fn outcome(event: &str, rules: Rules<'_>, plan: Arc<Plan>, received_at: Option<i64>) -> String {
    let context = Context { received_at, stopwatch: None };
    let mut evaluator = Evaluator::new(plan);
    let result = preview(&mut evaluator, event.as_bytes(), &context, true);
    let plain = preview(&mut evaluator, event.as_bytes(), &context, false);
    let bytes = |records: &[Box<serde_json::value::RawValue>]| {
        records.iter().map(|r| r.get().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&result.records), bytes(&plain.records), "a trace changed the records of {event}");
    let mut out = String::new();
    let reason = result.reason.as_ref();
    let code = reason.map(|reason| format!(" {}", reason.code)).unwrap_or_default();
    writeln!(out, "outcome: {}{code}", result.outcome).unwrap();
    if let Some(reason) = reason
        && (matches!(rules, Rules::Named(_)) || reason.code.starts_with("script_"))
    {
        writeln!(out, "message: {}", reason.message).unwrap();
    }
    for record in bytes(&result.records) {
        writeln!(out, "record: {record}").unwrap();
    }
    for warning in result.warnings {
        writeln!(out, "warning: {} {}", warning.code, warning.path).unwrap();
    }
    for print in result.trace.into_iter().flat_map(|trace| trace.prints) {
        writeln!(out, "print: {} {}", print.place, print.text).unwrap();
    }
    out
}
