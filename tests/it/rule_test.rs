//! `tapline test` and `tapline explain`, as people and build servers call them.

use crate::support::copy::copy;
use crate::support::process::{Ended, Process};
use crate::support::stand::rules;
use std::path::{Path, PathBuf};
use tapline::engine::diagnostic::Code;
use tapline::engine::warning::WarningCode;
use tempfile::TempDir;

const PACK: &str = "packs/segment-cloud.yaml";
const CASES: &str = "tests/segment-cloud.yaml";

async fn run(verb: &[&str], directory: &Path) -> Ended {
    let directory = directory.to_str().unwrap();
    Process::run(&[verb, &["--rules", directory]].concat(), &[]).await
}

/// A copy of the shipped rules in which `from` in `file` became `to`.
fn broken(file: &str, from: &str, to: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(&rules(), directory.path());
    let path = directory.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in {file}");
    std::fs::write(path, text.replace(from, to)).unwrap();
    directory
}

fn golden(name: &str, actual: &str) {
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/golden/rule-tests", name].iter().collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(expected.as_str(), actual);
    assert!(expected == actual, "UPDATE_GOLDEN=1 rewrites {name}\n{}", difference.unified_diff());
}

#[tokio::test]
async fn the_shipped_cases_hold_and_cover_every_rule() {
    let ended = run(&["test", "--min-coverage", "100", "--format", "json"], &rules()).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(report["passed"].as_u64().unwrap() >= 20, "{report}");
    assert_eq!(report["coverage"]["rules"]["percent"], 100, "{report}");
}

#[tokio::test]
async fn the_cases_inside_the_binary_are_the_shipped_ones() {
    let ended = run(&["test"], Path::new("built-in")).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[tokio::test]
async fn each_kind_of_failure_is_shown_path_by_path_with_the_rule_that_decided() {
    let kinds = [
        ("value", PACK, "name: { value: Charged }", "name: { value: Paid }"),
        ("outcome", PACK, "filter:\n      code: group_unsupported", "fail:\n      code: group_refused"),
        ("lost-field", PACK, "            Photo: traits.avatar\n", ""),
        ("lost-record", PACK, "when: { present: context.device.token }", "when: { present: context.no }"),
        ("lost-warning", CASES, "warnings: [invalid_object_id]", "warnings: [key_cut]"),
    ];
    for (name, file, from, to) in kinds {
        let directory = broken(file, from, to);
        let ended = run(&["test"], directory.path()).await;
        assert_eq!(ended.code, Some(1), "{name}: {}{}", ended.stdout, ended.stderr);
        golden(&format!("{name}.txt"), &format!("{}{}", ended.stdout, ended.stderr));
    }
}

#[tokio::test]
async fn a_failure_is_read_by_build_servers() {
    let directory =
        broken(PACK, "name: { value: App Screen Viewed }", "name: { value: '<Screen> & \"more\"' }");
    let ended = run(&["test", "screen becomes", "--format", "junit"], directory.path()).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    golden("junit.xml", &ended.stdout);
}

#[tokio::test]
async fn too_little_coverage_ends_with_1_and_names_what_is_missing() {
    let ended = run(&["test", "alias is filtered", "--min-coverage", "50"], &rules()).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("not covered: track ("), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 case: 1 passed, 0 failed"), "{}", ended.stdout);
    assert!(ended.stderr.contains("expected 50 % of rules"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_can_not_run_ends_with_2() {
    let ended = run(&["test", "no case is called so"], &rules()).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    let empty = tempfile::tempdir().unwrap();
    let ended = run(&["test"], empty.path()).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
}

#[tokio::test]
async fn a_case_that_asks_for_an_unknown_option_is_shown_with_its_place() {
    let name = "  - name: properties over the limit are left out\n    options: { ";
    let directory =
        broken(CASES, &format!("{name}max_event_properties: 1 }}"), &format!("{name}max_properties: 1 }}"));
    let ended = run(&["test"], directory.path()).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    golden("unknown-option.txt", &ended.stdout);
}

#[tokio::test]
async fn accept_changes_nothing_but_the_expectation_of_the_case_that_failed() {
    let before = "        evtName: Plan Chosen\n";
    let after = "        evtName: Plan Taken\n";
    let directory = broken(CASES, before, after);
    let path = directory.path().join(CASES);
    let shipped = std::fs::read_to_string(rules().join(CASES)).unwrap();
    let ended = run(&["test", "--accept"], directory.path()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("accepted: track becomes an event"), "{}", ended.stdout);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), shipped);
}

#[tokio::test]
async fn accept_keeps_comments_and_line_endings() {
    let directory = tempfile::tempdir().unwrap();
    let text = "version: 1\r\ncases:\r\n  - expect: # of CleverTap\r\n      # as the contract says\r\n      records: []\r\n    # the call\r\n    event: { type: group, userId: u1, anonymousId: a1 }\r\n    name: group # by name\r\n# the end\r\n";
    std::fs::create_dir(directory.path().join("tests")).unwrap();
    std::fs::create_dir(directory.path().join("packs")).unwrap();
    std::fs::copy(rules().join(PACK), directory.path().join(PACK)).unwrap();
    let path = directory.path().join("tests/group.yaml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(&path, text.replace("records: []", "reason: other")).unwrap();
    let ended = run(&["test", "--accept"], directory.path()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let expected = text.replace("records: []", "reason: group_unsupported");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[tokio::test]
async fn an_expectation_that_shares_its_line_is_accepted_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let text = "version: 1\ncases:\n  - { name: group, event: { type: group, userId: u1, anonymousId: a1 }, expect: { reason: other } }\n";
    std::fs::create_dir_all(directory.path().join("tests")).unwrap();
    std::fs::create_dir(directory.path().join("packs")).unwrap();
    std::fs::copy(rules().join(PACK), directory.path().join(PACK)).unwrap();
    let path = directory.path().join("tests/group.yaml");
    std::fs::write(&path, text).unwrap();
    let ended = run(&["test", "--accept"], directory.path()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let expected = "version: 1\ncases:\n  - name: group\n    event: { type: group, userId: u1, anonymousId: a1 }\n    expect: { reason: group_unsupported }\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[tokio::test]
async fn a_code_of_each_room_is_explained() {
    let codes = [
        "R103",
        "nested_dropped",
        "missing_user_id",
        "event_too_large",
        "retries_exhausted",
        "R601",
        "unauthorized",
    ];
    for code in codes {
        let ended = run(&["explain", code], &rules()).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{code}");
        golden(&format!("explain-{code}.txt"), &ended.stdout);
    }
}

#[tokio::test]
async fn an_unknown_code_ends_with_2_and_the_nearest() {
    let ended = run(&["explain", "mising_user_id"], &rules()).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert_eq!(ended.stderr, "there is no code `mising_user_id`; did you mean `missing_user_id`?\n");
}

#[test]
fn every_code_of_the_engine_has_three_texts_of_its_own() {
    let all: Vec<_> = tapline::engine::explanation::every().collect();
    let codes = Code::ALL.map(Code::as_str).into_iter().chain(WarningCode::ALL.map(WarningCode::as_str));
    for code in codes {
        let found: Vec<_> = all.iter().filter(|explanation| explanation.code == code).collect();
        assert_eq!(found.len(), 1, "{code}");
        let texts = [&found[0].happened, &found[0].example, &found[0].remedy];
        assert!(texts.iter().all(|text| text.len() > 5), "{code}: {texts:?}");
        assert_eq!(all.iter().filter(|other| other.happened == found[0].happened).count(), 1, "{code}");
    }
}
