//! Scripts: what they reach, that bombs end within their limits, and that a script ends its own event only.

use crate::support::figure::{self, Fault};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tapline::engine::{Context, Diagnostics, Evaluator, Outcome, Plan, RuleFiles, script};

/// A pack whose only field is made by `script`, and whose rule is changed by `change`.
fn plan(value: &str, change: &str) -> Result<Plan, Diagnostics> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let pack = format!(
        "version: 1\npack: case\nrules:\n  - id: all\n    emit:\n      - event:\n          address: [{{ identity: userId }}]\n          name: event\n          data: {{ made: {{ script: {} }} }}\n    script: {}\n",
        quoted(value),
        quoted(change)
    );
    let files: RuleFiles = [("packs/case.yaml".to_owned(), pack)].into();
    Plan::compile(&files, Some("case"), &BTreeMap::new())
}

const EVENT: &[u8] =
    br#"{"type":"track","userId":"u1","event":"x","properties":{"n":3,"deep":{"a":[1,2,{"b":null}]}}}"#;

fn ends(value: &str, change: &str, stopwatch: Option<fn() -> u64>) -> (String, String) {
    let plan = match plan(value, change) {
        Ok(plan) => plan,
        Err(problems) => {
            let words = problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message));
            return ("refused".to_owned(), words.collect::<Vec<_>>().join("; "));
        }
    };
    let mut evaluator = Evaluator::new(Arc::new(plan));
    match evaluator.evaluate(EVENT, &Context { received_at: None, stopwatch }).outcome {
        Outcome::Mapped => ("mapped".to_owned(), String::new()),
        Outcome::Filtered(reason) | Outcome::Failed(reason) => {
            (reason.code.to_string(), reason.message.to_string())
        }
    }
}

#[test]
fn a_script_reaches_the_functions_on_the_list_and_no_other() {
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/golden/script/functions.txt"].iter().collect();
    let actual = script::functions().join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(&expected, &actual);
    assert!(expected == actual, "UPDATE_GOLDEN=1 rewrites it\n{}", difference.unified_diff());
}

#[test]
fn every_bomb_is_stopped_by_a_limit_and_fails_only_its_event() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/script/bombs.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let (mut actual, mut bombs) = (String::new(), 0);
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let script: String =
            block.lines().filter(|line| !line.starts_with("# -> ")).map(|l| format!("{l}\n")).collect();
        let (code, message) = ends(&script, "", None);
        let (as_change, _) = ends("1", &script, None);
        let differs = if code == as_change { String::new() } else { format!(" (as a change: {as_change})") };
        actual.push_str(&format!("{script}# -> {code}{differs}: {message}\n\n"));
        bombs += 1;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, &actual).unwrap();
    }
    assert_eq!(text, actual, "UPDATE_GOLDEN=1 rewrites it");
    assert!(bombs >= 20, "{bombs}");
    figure::fault(Fault {
        name: "scripts that try to hang or to hoard: each fails its own event",
        rounds: bombs,
        acknowledged: bombs,
        lost: 0,
        twice: None,
        recovery: Duration::ZERO,
        mutation: "texts in scripts may have any length",
    });
}

#[test]
fn no_bomb_takes_more_than_a_bounded_amount_of_memory() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/script/bombs.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let before = peak();
        let script: String = block.lines().filter(|line| !line.starts_with("# -> ")).collect();
        ends(&script, "", None);
        ends("1", &script, None);
        let grown = peak().saturating_sub(before);
        assert!(grown < 32 * 1024, "{grown} KB more for\n{script}");
    }
}

#[test]
fn a_script_that_is_slow_without_many_operations_is_stopped_by_the_time_handed_in() {
    static NANOS: AtomicU64 = AtomicU64::new(0);
    fn slow() -> u64 {
        NANOS.fetch_add(60_000_000, Ordering::SeqCst)
    }
    let long =
        "let t = \"0123456789\"; while t.len() < 20000 { t += t; } loop { t.contains(\"99999999999999\"); }";
    assert_eq!(ends(long, "", Some(tapline::clock::stopwatch)).0, "script_limit");
    let (code, message) = ends("let n = 0; while n < 5000 { n += 1; } n", "", Some(slow));
    assert_eq!(code, "script_limit", "{message}");
    assert!(message.contains("100 ms"), "{message}");
    assert_eq!(ends("let n = 0; while n < 5000 { n += 1; } n", "", Some(|| 0)).0, "mapped");
}

#[test]
fn after_a_bomb_the_same_evaluator_maps_the_next_event() {
    let mut evaluator = Evaluator::new(Arc::new(
        plan("if event.event == \"bomb\" { loop {} } event.properties.n", "").unwrap(),
    ));
    for _ in 0..3 {
        let bomb = br#"{"type":"track","userId":"u1","event":"bomb"}"#;
        assert!(matches!(evaluator.evaluate(bomb, &Context::default()).outcome, Outcome::Failed(_)));
        let fine = evaluator.evaluate(EVENT, &Context::default());
        assert_eq!(fine.outcome, Outcome::Mapped);
        let record = fine.records().next().unwrap().json.to_vec();
        assert_eq!(
            String::from_utf8(record).unwrap(),
            r#"{"type":"event","identity":"u1","evtName":"x","evtData":{"made":3}}"#
        );
    }
}

#[test]
fn what_a_script_reads_is_what_the_event_holds() {
    let cases = [
        ("event.properties.n + 1", "4"),
        ("event.properties.deep.a[2]", r#"{"b":null}"#),
        ("event.properties.deep.a[-2]", "2"),
        ("event.properties.deep.a.len()", "3"),
        ("event.properties.keys()", r#"["n","deep"]"#),
        ("\"n\" in event.properties", "true"),
        ("let sum = 0; for x in event.properties.deep.a { if type_of(x) == \"i64\" { sum += x; } } sum", "3"),
        ("event.properties.deep.nothing.at[3].all ?? 7", "7"),
        ("parse_json(`{\"a\":[1.50]}`).a[0]", "1.5"),
        ("to_json(#{a: event.properties.deep})", r#""{\"a\":{\"a\":[1,2,{\"b\":null}]}}""#),
        ("event.properties.deep == parse_json(`{\"a\": [1, 2, {\"b\": null}]}`)", "true"),
        ("`${event.properties.deep.a}`", r#""[1,2,{\"b\":null}]""#),
    ];
    for (script, expected) in cases {
        let mut evaluator = Evaluator::new(Arc::new(plan(script, "").unwrap()));
        let evaluation = evaluator.evaluate(EVENT, &Context::default());
        assert_eq!(evaluation.outcome, Outcome::Mapped, "{script}");
        let json = evaluation.records().next().unwrap().json.to_vec();
        let record: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(record["evtData"]["made"].to_string(), expected, "{script}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Scripts put together from pieces of the language, most of them wrong: they compile or are refused with a place,
    /// and those that compile end.
    #[test]
    fn any_script_is_refused_with_a_place_or_ends(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..14)) {
        let script = pieces.join(" ");
        let pack = format!(
            "version: 1\npack: case\nrules:\n  - id: all\n    emit: [{{ event: {{ address: [{{ identity: userId }}], name: event, data: {{ made: {{ script: {} }} }} }} }}]\n",
            serde_json::to_string(&script).unwrap()
        );
        let files: RuleFiles = [("packs/case.yaml".to_owned(), pack)].into();
        match Plan::compile(&files, Some("case"), &BTreeMap::new()) {
            Err(problems) => {
                for problem in problems.iter() {
                    prop_assert!(problem.code.as_str().starts_with("R50"), "{problems}");
                    prop_assert_eq!(problem.place.as_ref().map(|place| place.line), Some(5));
                }
            }
            Ok(plan) => {
                let plan = Arc::new(plan);
                let run = || {
                    let mut evaluator = Evaluator::new(plan.clone());
                    let evaluation = evaluator.evaluate(EVENT, &Context::default());
                    let records: Vec<Vec<u8>> = evaluation.records().map(|record| record.json.to_vec()).collect();
                    (evaluation.outcome.clone(), records)
                };
                let (first, second) = (run(), run());
                for record in &first.1 {
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(record).is_ok());
                }
                prop_assert_eq!(first, second, "{}", script);
            }
        }
    }
}

const PIECES: &[&str] = &[
    "event",
    ".properties",
    ".deep",
    ".a",
    "[0]",
    "[-1]",
    "[\"x\"]",
    ".len()",
    "let x =",
    "x",
    ";",
    "+",
    "*",
    "-",
    "/",
    "%",
    "==",
    "in",
    "??",
    "?.",
    "1",
    "2.5",
    "\"t\"",
    "'c'",
    "()",
    "true",
    "[",
    "]",
    "#{",
    "}",
    "{",
    "(",
    ")",
    "a:",
    ",",
    "if",
    "else",
    "for i in 0..9",
    "while true",
    "loop",
    "break",
    "return",
    "|y| y",
    ".map(|z| z)",
    "as_text(",
    "snake_case(",
    "to_json(",
    "parse_json(",
    "throw",
    "try {",
    "} catch {",
    "fn f(a) {",
    "f(",
    "this",
    "options",
    "item",
    "record",
    "print(",
    ".replace(\"a\", \"bb\")",
    "x += x",
    ".pad(9, 1)",
    ".to_upper()",
    "filter(\"a\", \"b\")",
    "switch x {",
    "=>",
    "_",
];
