//! Slips of the hand that must not look fine or cost data: a wrong directory, a wrong file, a file in the way.

use crate::support::process::Process;
use std::path::Path;
use tapline::rulebook::{LiveRules, Problem};
use tapline::settings::Settings;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_rules_directory_that_is_named_and_not_there_never_means_the_built_in_rules() {
    let directory = tempfile::tempdir().unwrap();
    let (missing, file) = (directory.path().join("rulse"), directory.path().join("file"));
    std::fs::write(&file, "{}").unwrap();
    for rules in [&missing, &file] {
        for verb in ["check", "test", "preview", "transform", "explain"] {
            let more: &[&str] = if verb == "explain" { &["no_such_code"] } else { &[] };
            let ended = Process::run(&[&[verb, "--rules", text(rules)], more].concat(), &[]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{verb}: {}", ended.stderr);
        }
        let data = directory.path().join("data");
        let ended = Process::run(&["serve", "--rules", text(rules), "--data", text(&data)], &[]).await;
        assert!(ended.code == Some(2) && ended.stderr.contains("tapline init"), "{}", ended.stderr);
        assert!(!data.exists());
    }
    let meant = Process::run(&["check", "--rules", "built-in"], &[]).await;
    assert!(meant.code == Some(0) && meant.stdout.starts_with("fine: "), "{}", meant.stdout);
}

#[test]
fn an_entry_file_that_goes_leaves_the_rules_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let entry = directory.path().join("tapline.yaml");
    let text = "version: 1\npack: segment-cloud\noptions: { require_both_ids: false }\n";
    std::fs::write(&entry, text).unwrap();
    let rules = LiveRules::open(directory.path().to_owned(), &Settings::default()).unwrap();
    let revision = rules.plan().revision().to_owned();
    std::fs::remove_file(&entry).unwrap();
    rules.reload(&Settings::default());
    assert!(matches!(rules.problem().as_deref(), Some(Problem::EntryGone { .. })));
    assert_eq!(rules.plan().revision(), revision);
    std::fs::write(&entry, text).unwrap();
    rules.reload(&Settings::default());
    assert!(rules.problem().is_none());
}

#[tokio::test]
async fn what_can_not_be_read_is_named_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let packs = directory.path().join("packs");
    std::fs::create_dir(&packs).unwrap();
    std::fs::write(packs.join("bytes.yaml"), b"\xff").unwrap();
    let check = |at: std::path::PathBuf| async move {
        let ended = Process::run(&["check", "--rules", text(&at)], &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
        ended.stderr
    };
    let said = check(directory.path().to_owned()).await;
    assert!(said.contains("`packs/bytes.yaml`") && said.contains("UTF-8"), "{said}");
    std::fs::remove_file(packs.join("bytes.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", packs.join("zero.yaml")).unwrap();
    let said = check(directory.path().to_owned()).await;
    assert!(said.contains("`packs/zero.yaml`"), "{said}");
    std::fs::remove_file(packs.join("zero.yaml")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        packs.join("pipe.yaml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let said = check(directory.path().to_owned()).await;
    assert!(said.contains("`packs/pipe.yaml`"), "{said}");
}

#[tokio::test]
async fn laying_out_touches_nothing_but_yaml() {
    let directory = tempfile::tempdir().unwrap();
    let (entry, script) = (directory.path().join("tapline.yaml"), directory.path().join("scripts/a.rhai"));
    std::fs::create_dir(directory.path().join("scripts")).unwrap();
    std::fs::write(&entry, "version:   1\npack: segment-cloud\n").unwrap();
    let code = "if true {\n        print(`a\n    b`);\n}\n";
    std::fs::write(&script, code).unwrap();
    let ended = Process::run(&["fmt", "--rules", text(directory.path())], &[]).await;
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("{}\n", entry.display())), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(&script).unwrap(), code);
    let named = Process::run(&["fmt", text(&script)], &[]).await;
    assert!(named.code == Some(2) && named.stderr.contains("YAML"), "{}", named.stderr);
    assert_eq!(std::fs::read_to_string(&script).unwrap(), code);
}

#[tokio::test]
async fn rejects_never_overwrite_the_events() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    std::fs::write(&file, "{\"type\":\"group\",\"userId\":\"u\",\"anonymousId\":\"a\"}\n").unwrap();
    let before = std::fs::read(&file).unwrap();
    let other = format!("{}/./events.ndjson", directory.path().display());
    let ended = Process::run(&["transform", text(&file), "--rejects", &other], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_code_is_explained_also_while_the_rules_are_broken() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tapline.yaml"), "rulse: 1\n").unwrap();
    let rules = text(directory.path());
    let ended = Process::run(&["explain", "R103", "--rules", rules], &[]).await;
    assert!(ended.code == Some(0) && ended.stdout.starts_with("R103: "), "{}{}", ended.stdout, ended.stderr);
    let unknown = Process::run(&["explain", "missing_user_id", "--rules", rules], &[]).await;
    assert!(unknown.code == Some(2) && unknown.stderr.contains("tapline check"), "{}", unknown.stderr);
}

#[tokio::test]
async fn programs_get_their_own_form_also_where_cases_can_not_be_read() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("tests")).unwrap();
    std::fs::write(directory.path().join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
    let cases = "version: 1\ncases:\n  - name: a\n    event: { type: page }\n    expect: {}\n";
    std::fs::write(directory.path().join("tests/a.yaml"), cases).unwrap();
    let rules = text(directory.path());
    let json = Process::run(&["test", "--format", "json", "--rules", rules], &[]).await;
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &report["problems"][0]["code"]), (Some(1), &"R404".into()), "{report}");
    let junit = Process::run(&["test", "--format", "junit", "--rules", rules], &[]).await;
    assert!(
        junit.stdout.starts_with("<?xml") && junit.stdout.ends_with("</testsuites>\n"),
        "{}",
        junit.stdout
    );
    assert!(junit.stdout.contains("R404") && junit.stderr.contains("R404"));
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_an_event_and_a_wrong_file_no_events() {
    let directory = tempfile::tempdir().unwrap();
    let (marked, wrong) = (directory.path().join("marked"), directory.path().join("wrong"));
    let event = "{\"type\":\"group\",\"userId\":\"u\",\"anonymousId\":\"a\"}";
    std::fs::write(&marked, format!("\u{feff}{event}\n{event}\n")).unwrap();
    std::fs::write(&wrong, "version: 1\npack: x\n").unwrap();
    let shown = Process::run(&["preview", text(&marked), "--format", "json"], &[]).await;
    assert_eq!(shown.stdout.matches("group_unsupported").count(), 2, "{}", shown.stdout);
    let same = Process::run(&["diff", "built-in", "built-in", "--events", text(&marked)], &[]).await;
    assert!(same.code == Some(0) && same.stdout.contains('2'), "{}{}", same.stdout, same.stderr);
    let none = Process::run(&["diff", "built-in", "built-in", "--events", text(&wrong)], &[]).await;
    assert!(none.code == Some(2) && none.stderr.contains("JSON"), "{}{}", none.stdout, none.stderr);
}
