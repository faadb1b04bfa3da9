//! Golden cases: `tests/golden/cases/*.txt` hold events and, byte for byte, what they become.
//!
//! Files in `tests/golden/language/` begin with a pack of their own, up to a line `---`; with a line `--- entry` in it,
//! what follows that line is the entry file.
//!
//! A case is a title, options, an event and the outcome; `with:` at the head of a file stands at the start of every
//! event. `UPDATE_GOLDEN=1` rewrites the outcomes, for reading the difference before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tapline::engine::event::time;
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
fn every_warning_and_every_reason_of_the_default_pack_has_a_case() {
    let cases: String = files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for code in WarningCode::ALL {
        assert!(
            cases.contains(&format!("\nwarning: {} ", code.as_str())),
            "no case warns of {}",
            code.as_str()
        );
    }
    let pack = &rulebook::embedded_files()["packs/segment-cloud.yaml"];
    for code in pack.lines().filter_map(|line| line.trim().strip_prefix("code: ")) {
        let ends = [format!("outcome: filtered {code}\n"), format!("outcome: failed {code}\n")];
        assert!(ends.iter().any(|end| cases.contains(end)), "no case ends with {code}");
    }
}

fn files() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let list = |name: &str| std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = list("cases").chain(list("language")).collect();
    files.sort();
    files
}

/// The file with the outcomes as they are, and how many cases it holds.
fn rewrite(text: &str) -> (String, usize) {
    let with = text.lines().find_map(|line| line.strip_prefix("with:")).unwrap_or_default().trim();
    let pack = text.split_once("\n---\n").map(|(pack, _)| pack);
    let (mut out, mut options, mut now, mut cases) = (String::new(), String::new(), None, 0);
    for line in text.lines() {
        if ["outcome: ", "record: ", "warning: "].iter().any(|start| line.starts_with(start)) {
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
            out.push_str(&outcome(&complete(event, with), pack, &options, now));
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

fn outcome(event: &str, pack: Option<&str>, options: &str, received_at: Option<i64>) -> String {
    let pairs = options.split_whitespace().filter_map(|pair| pair.split_once('='));
    let options: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let files = match pack {
        Some(text) => {
            let (pack, entry) =
                text.split_once("\n--- entry\n").unwrap_or((text, "version: 1\npack: case\n"));
            [("packs/case.yaml", pack), ("tapline.yaml", entry)]
                .map(|(file, text)| (file.into(), text.into()))
                .into()
        }
        None => rulebook::embedded_files(),
    };
    let plan =
        Plan::compile(&files, pack.map(|_| "case"), &options).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = Arc::new(plan);
    let context = Context { received_at };
    let mut evaluator = Evaluator::new(plan);
    let result = preview(&mut evaluator, event.as_bytes(), &context, true);
    let plain = preview(&mut evaluator, event.as_bytes(), &context, false);
    let bytes = |records: &[Box<serde_json::value::RawValue>]| {
        records.iter().map(|r| r.get().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&result.records), bytes(&plain.records), "a trace changed the records of {event}");
    let mut out = String::new();
    let reason = result.reason.map(|reason| format!(" {}", reason.code)).unwrap_or_default();
    writeln!(out, "outcome: {}{reason}", result.outcome).unwrap();
    for record in bytes(&result.records) {
        writeln!(out, "record: {record}").unwrap();
    }
    for warning in result.warnings {
        writeln!(out, "warning: {} {}", warning.code, warning.path).unwrap();
    }
    out
}
