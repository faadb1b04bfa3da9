//! Diagnostics: `tests/golden/diagnostics/<code>/*.yaml` are files with something wrong, or with something that may look
//! so, and the `.txt` beside each is what is said of it.
//!
//! A file is the pack `rules`, or, where it holds `cases:`, cases next to rules. Comments at its head stand for what is
//! around it: `# pack: NAME` and `# option: KEY=VALUE` for flags, `# entry: LINE` for a line of the entry file,
//! `# named: NAME` for the pack it names, `# foreign` in the first line
//! for a pack that is inside the program, each `# event: {…}` for a case. Of files whose name begins with `silent` nothing
//! may be said: lints have some each.
//! `UPDATE_GOLDEN=1` rewrites what is said, for reading the difference before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tapline::engine::diagnostic::{Code, Severity, did_you_mean};
use tapline::engine::lint::{RuleSet, lint};
use tapline::engine::record::Format;
use tapline::engine::rules::operator::Operator;
use tapline::engine::{Diagnostics, RuleFiles, proof, report};
use tapline::rulebook;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diagnostics")
}

/// Every file with its code and name.
fn corpus() -> Vec<(String, PathBuf)> {
    let list = |path: &Path| {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let files = list(&directory()).into_iter().flat_map(|code| {
        let name = code.file_name().unwrap().to_string_lossy().into_owned();
        list(&code).into_iter().map(move |file| (name.clone(), file))
    });
    files.filter(|(_, file)| file.extension().is_some_and(|kind| kind == "yaml")).collect()
}

/// What is said of a file.
fn judge(text: &str) -> Diagnostics {
    let flags = |name: &str| -> Vec<&str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect()
    };
    let read = |_: &str| Err("there is no such file".to_owned());
    let mut problems = Diagnostics::default();
    if text.lines().any(|line| line.starts_with("cases:")) {
        proof::parse("tests/cases.yaml", text, &read, &mut problems);
        problems.sort();
        return problems;
    }
    let options = flags("# option:").into_iter().filter_map(|pair| pair.split_once('='));
    let options: BTreeMap<_, _> = options.map(|(key, value)| (key.to_owned(), value.into())).collect();
    let mut files: RuleFiles = [("packs/rules.yaml".to_owned(), text.to_owned())].into();
    let entry = flags("# entry:");
    let named = flags("# named:").first().copied().unwrap_or("rules");
    if !entry.is_empty() {
        let lines = entry.join("\n");
        files.insert("tapline.yaml".to_owned(), format!("version: 1\npack: {named}\n{lines}\n"));
    }
    let events = flags("# event:");
    let case = |(at, event): (usize, &&str)| {
        format!("  - {{ name: case {at}, event: {event}, expect: {{ outcome: mapped }} }}\n")
    };
    let cases: String = events.iter().enumerate().map(case).collect();
    let cases = (!events.is_empty()).then(|| {
        proof::parse("tests/cases.yaml", &format!("version: 1\ncases:\n{cases}"), &read, &mut problems)
    });
    assert!(problems.is_empty(), "{problems}");
    let pack = flags("# pack:").first().copied().or(Some(named));
    let cases = cases.as_deref();
    let foreign = text.starts_with("# foreign\n").then(|| "packs/rules.yaml".to_owned());
    let foreign: BTreeSet<String> = foreign.into_iter().collect();
    let set = RuleSet { files: &files, pack, options: &options, live: true, cases, foreign: &foreign };
    lint(&set).unwrap_or_else(|problems| problems)
}

#[test]
fn every_problem_is_said_as_written() {
    let mut wrong = String::new();
    for (code, file) in corpus() {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = judge(&text);
        let name = file.strip_prefix(directory()).unwrap().display();
        let silent = file.file_name().unwrap().to_string_lossy().starts_with("silent");
        let said = found.iter().any(|problem| problem.code.as_str() == code);
        if silent != found.is_empty() || !silent && !said {
            wrong.push_str(&format!(
                "{name}: {}\n",
                if silent { "expected silence" } else { "its code is not said" }
            ));
        }
        let (actual, said) = (found.render(false), file.with_extension("txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&said, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&said).unwrap_or_default();
        if expected != actual {
            let difference = similar::TextDiff::from_lines(&expected, &actual);
            wrong.push_str(&format!("{name}:\n{}\n", difference.unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 rewrites what is said\n{wrong}");
}

#[test]
fn every_code_has_a_case_and_every_lint_a_silent_one() {
    let corpus = corpus();
    for code in Code::ALL {
        let of_code = || corpus.iter().filter(|(name, _)| *name == code.as_str());
        let silent = |file: &Path| file.file_name().unwrap().to_string_lossy().starts_with("silent");
        assert!(of_code().any(|(_, file)| !silent(file)), "{code} has no case");
        let lint = code.severity() == Severity::Warning;
        assert!(!lint || of_code().any(|(_, file)| silent(file)), "{code} has no case with nothing wrong");
    }
    let bad = corpus
        .iter()
        .filter(|(_, file)| !file.with_extension("txt").metadata().is_ok_and(|txt| txt.len() == 0));
    assert!(bad.count() >= 100, "only few files are bad");
}

#[test]
fn every_operator_form_and_way_to_copy_has_a_golden_case() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |directory: &str| -> String {
        let files = std::fs::read_dir(golden.join(directory)).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
    };
    let language = read("language");
    let bad: String =
        corpus().iter().map(|(_, file)| std::fs::read_to_string(file).unwrap_or_default()).collect();
    // As a whole word, so that `is` is not found in `is_not`.
    let names = |text: &str, wanted: &str| {
        text.match_indices(wanted).any(|(at, _)| text[..at].ends_with([' ', '{', '[', '\n']))
    };
    let lacking = |key: &str| {
        let texts = [(&language, "language"), (&bad, "diagnostics")];
        let without: Vec<_> =
            texts.into_iter().filter(|(text, _)| !names(text, key)).map(|(_, place)| place).collect();
        without.into_iter()
    };
    let mut absent = Vec::new();
    for spec in Operator::ALL {
        let key = format!("{}:", spec.name);
        absent.extend(lacking(&key).map(|place| format!("the operator `{}` in {place}", spec.name)));
    }
    for (form, _) in Format::ALL {
        let used = [format!("as: {form}"), format!("{form},"), format!("{form}]")];
        if !used.iter().any(|used| names(&language, used)) {
            absent.push(format!("the form `{form}` in language"));
        }
    }
    for option in REST {
        let key = format!("{option}:");
        absent.extend(lacking(&key).map(|place| format!("the key `{option}` of `rest` in {place}")));
    }
    assert!(absent.is_empty(), "tests/golden has no case for\n{}", absent.join("\n"));
}

/// What can be written beside `rest`, as an unknown key there is told.
const REST: [&str; 14] = [
    "arrays",
    "empty",
    "except",
    "expand_dots",
    "keep",
    "keep_keys",
    "keys",
    "moments",
    "moved",
    "nulls",
    "objects",
    "replaces",
    "rest",
    "spread",
];

#[test]
fn the_ways_to_copy_are_those_that_a_person_is_told() {
    let text = "version: 1\npack: rules\nrules:\n  - id: a\n    emit:\n      - profile:\n          address: []\n          data: { '*': { zzzzzzzz: 1 } }\n";
    let found = judge(text);
    let help = found
        .iter()
        .find(|problem| problem.code == Code::R103)
        .and_then(|problem| problem.help.clone())
        .unwrap();
    let told: Vec<&str> = help.split('`').skip(1).step_by(2).collect();
    assert_eq!(told, REST);
}

#[test]
fn a_set_with_seven_errors_is_told_of_all_seven() {
    let text = "version: 2\npack: other\nrulse: []\nrules:\n  - id: a\n    when: { tpye: track }\n    filter: { code: X, message: y }\n    emt: 1\n  - id: b\n    when: { missing: $x }\n    fail: { code: ok, message: y }\n";
    let problems = judge(text);
    assert_eq!(problems.len(), 7, "{problems}");
}

#[test]
fn the_shipped_rules_are_free_of_lints() {
    let files = rulebook::embedded_files();
    let none = Path::new("there/is/no/such/directory");
    let read = |path: &str| rulebook::read_text(none, path).map_err(|error| error.to_string());
    let mut problems = Diagnostics::default();
    let tests = rulebook::load_tests(none).unwrap();
    let cases: Vec<_> =
        tests.iter().flat_map(|(file, text)| proof::parse(file, text, &read, &mut problems)).collect();
    let set = RuleSet {
        files: &files,
        pack: None,
        options: &BTreeMap::new(),
        live: true,
        cases: Some(&cases),
        foreign: &BTreeSet::new(),
    };
    let found = lint(&set).unwrap_or_else(|problems| problems);
    assert!(problems.is_empty() && found.is_empty(), "{problems}{}", found.render(false));
}

#[test]
fn a_lint_keeps_nothing_from_going_live() {
    let text = std::fs::read_to_string(directory().join("R610/old-names.yaml")).unwrap();
    let files: RuleFiles = [("packs/rules.yaml".to_owned(), text)].into();
    let plan = tapline::engine::Plan::compile(&files, Some("rules"), &BTreeMap::new());
    assert_eq!(plan.map(|plan| plan.rule_count()).map_err(|problems| problems.to_string()), Ok(1));
}

#[test]
fn a_suggestion_has_a_cut_off_and_knows_other_spellings() {
    let keys = ["when", "emit", "filter", "require_both_ids", "starts_with", "is", "snake_case"];
    for (found, meant) in [
        ("whne", Some("when")),
        ("When", Some("when")),
        ("RequireBothIds", Some("require_both_ids")),
        ("require both-ids", Some("require_both_ids")),
        ("startsWith", Some("starts_with")),
        ("prefix", Some("starts_with")),
        ("equals", Some("is")),
        ("snake", Some("snake_case")),
        ("zebra", None),
        ("w", None),
        ("", None),
        ("größe", None),
    ] {
        let expected = meant.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(did_you_mean(found, keys), expected, "{found}");
    }
}

/// Every place names exactly the characters it should: the text at it is what the message is about.
#[test]
fn places_are_exact_however_a_file_is_written() {
    let mut seen = 0;
    for (_, file) in corpus() {
        let text = std::fs::read_to_string(&file).unwrap();
        for problem in judge(&text).iter().filter(|problem| problem.code == Code::R103) {
            let Some(place) = problem.place.as_ref().filter(|place| &*place.file == "packs/rules.yaml")
            else {
                continue;
            };
            let marked = &text[place.start..place.end];
            let key = problem.message.trim_start_matches("unknown key `").trim_end_matches('`');
            let escaped = marked.contains('\\');
            assert!(escaped || marked.trim_matches('"') == key, "{}: {key}, {marked}", file.display());
            let line = text.split('\n').nth(place.line as usize - 1).unwrap().trim_start_matches('\u{feff}');
            let before: String = line.chars().take(place.column as usize - 1).collect();
            assert!(line[before.len()..].starts_with(marked), "{}: {place}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} places were looked at");
}

#[test]
fn programs_are_told_lines_columns_and_paths() {
    let text = std::fs::read_to_string(directory().join("R103/multi-byte.yaml")).unwrap();
    let found = judge(&text);
    let list = report::list(&found, "./my rules/");
    let first = serde_json::to_value(&list[0]).unwrap();
    assert_eq!(
        first,
        serde_json::json!({
            "code": "R103", "severity": "error", "message": "unknown key `größe`",
            "help": "known here: `code`, `message`", "file": "my rules/packs/rules.yaml",
            "line": 4, "column": 55, "end_line": 4, "end_column": 60,
        })
    );
    let json: serde_json::Value =
        serde_json::from_str(&report::render(&found, report::Format::Json, ".")).unwrap();
    assert_eq!((&json["errors"], &json["warnings"]), (&2.into(), &0.into()));
    assert_eq!(json["problems"][1]["file"], "packs/rules.yaml");
    let github = report::render(&found, report::Format::Github, "rules");
    let lines: Vec<&str> = github.lines().collect();
    assert_eq!(
        lines[1],
        "::error file=rules/packs/rules.yaml,line=4,col=65,endColumn=71,title=R103::unknown key `mesage`%0Ahelp: did you mean `message`?"
    );
}

/// What the schema of SARIF 2.1.0 requires of the parts that are used, and what code scanning wants beside it.
#[test]
fn sarif_has_what_its_schema_requires() {
    for (_, file) in corpus() {
        let found = judge(&std::fs::read_to_string(file).unwrap());
        let sarif = report::render(&found, report::Format::Sarif, "rules");
        check_sarif(&serde_json::from_str(&sarif).unwrap(), found.len());
    }
}

fn check_sarif(sarif: &serde_json::Value, problems: usize) {
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    assert_eq!(sarif["runs"].as_array().unwrap().len(), 1);
    assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().unwrap()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(run["tool"]["driver"]["name"].is_string());
    for rule in rules {
        assert!(rule["id"].is_string(), "{rule}");
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|text| text.len() > 5), "{rule}");
        }
        let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
        assert!(["error", "warning"].contains(&level), "{rule}");
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), problems);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        for location in result["locations"].as_array().unwrap() {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.is_ascii() && !uri.starts_with('/') && !uri.contains([' ', '\\']), "{uri}");
            let number = |key: &str| place["region"][key].as_u64().unwrap();
            let (start, end) = (number("startLine"), number("endLine"));
            assert!(start >= 1 && end >= start && number("startColumn") >= 1, "{place}");
            assert!(end > start || number("endColumn") > number("startColumn"), "{place}");
        }
    }
}
