//! The verbs that start no server: what they write where, and how they end.

use crate::support::process::{Process, command};
use crate::support::stand::rules;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

const MISSPELT: &str =
    "version: 1\npack: house\nrules:\n  - id: shout\n    whne: { type: track }\n    filtr: {}\n";

fn broken_rules() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("packs")).unwrap();
    std::fs::write(directory.path().join("tapline.yaml"), "version: 1\npack: house\n").unwrap();
    std::fs::write(directory.path().join("packs/house.yaml"), MISSPELT).unwrap();
    directory
}

fn events(count: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for number in 0..count {
        writeln!(
            file,
            r#"{{"type":"track","event":"Step Taken","userId":"u","anonymousId":"a","properties":{{"n":{number}}}}}"#
        )
        .unwrap();
    }
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn broken_rules_are_shown_with_place_and_caret_and_end_with_1() {
    let broken = broken_rules();
    let ended = Process::run(&["check", "--rules", text(broken.path())], &[]).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let place = lines.iter().position(|line| line.trim() == "--> packs/house.yaml:5:5").expect(&ended.stdout);
    let caret = lines[place..].iter().find(|line| line.contains('^')).expect("a caret");
    let source = lines[place..].iter().find(|line| line.contains("whne")).expect("the line");
    assert_eq!(caret.find('^'), source.find("whne"), "{}", ended.stdout);
    assert_eq!(caret.matches('^').count(), "whne".len(), "{}", ended.stdout);
    assert!(ended.stdout.contains("`when`"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'), "colours where there is no terminal");
    assert_eq!(ended.stderr, "problems found: 3\n");
}

fn rules_with(pack: &str) -> TempDir {
    let directory = broken_rules();
    std::fs::write(
        directory.path().join("packs/house.yaml"),
        format!("version: 1\npack: house\nrules:\n{pack}"),
    )
    .unwrap();
    directory
}

const SHADOWED: &str =
    "  - id: a\n    filter: { code: x, message: y }\n  - id: b\n    filter: { code: x, message: y }\n";

#[tokio::test]
async fn warnings_end_with_0_unless_they_are_denied() {
    let odd = rules_with(SHADOWED);
    let check = ["check", "--rules", text(odd.path())];
    let ended = Process::run(&check, &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), "warnings found: 1\n"), "{}", ended.stdout);
    assert!(
        ended.stdout.starts_with("warning[R601]: ") && ended.stdout.contains("\nfine: "),
        "{}",
        ended.stdout
    );
    let by_flag = Process::run(&[&check[..], &["--deny-warnings"]].concat(), &[]).await;
    let by_variable = Process::run(&check, &[("TAPLINE_DENY_WARNINGS", "true")]).await;
    for denied in [by_flag, by_variable] {
        assert_eq!(
            (denied.code, denied.stderr.as_str()),
            (Some(1), "warnings found: 1\n"),
            "{}",
            denied.stdout
        );
        assert_eq!(denied.stdout, ended.stdout);
    }
}

#[tokio::test]
async fn programs_get_problems_as_they_ask_for_them() {
    let (broken, odd, good) = (broken_rules(), rules_with(SHADOWED), rules());
    for (directory, code, errors, warnings) in
        [(broken.path(), 1, 3, 0), (odd.path(), 0, 0, 1), (good.as_path(), 0, 0, 0)]
    {
        let check = ["check", "--rules", text(directory), "--format"];
        let json = Process::run(&[&check[..], &["json"]].concat(), &[]).await;
        let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(
            (json.code, &report["errors"], &report["warnings"]),
            (Some(code), &errors.into(), &warnings.into())
        );
        let github = Process::run(&check[..3], &[("TAPLINE_FORMAT", "github")]).await;
        assert_eq!(
            (github.code, github.stdout.lines().count()),
            (Some(code), errors + warnings),
            "{}",
            github.stdout
        );
        let start = if errors > 0 { "::error file=" } else { "::warning file=" };
        assert!(github.stdout.lines().all(|line| line.starts_with(start)), "{}", github.stdout);
        let sarif = Process::run(&[&check[..], &["sarif"]].concat(), &[]).await;
        let sarif: serde_json::Value = serde_json::from_str(&sarif.stdout).unwrap();
        assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(errors + warnings));
    }
}

#[tokio::test]
async fn good_rules_end_with_0() {
    let ended = Process::run(&["check", "--rules", text(&rules())], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.starts_with("fine: "), "{}", ended.stdout);
}

#[tokio::test]
async fn a_preview_with_broken_rules_ends_with_1_and_writes_no_data() {
    let (broken, events) = (broken_rules(), events(1));
    let ended = Process::run(&["preview", "--rules", text(broken.path()), text(events.path())], &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("packs/house.yaml:5:5"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_is_used_wrongly_or_can_not_run_ends_with_2_and_writes_no_data() {
    let absent = "no-such-directory/events.ndjson";
    for (arguments, words) in [
        (vec!["check", "--loud"], "--loud"),
        (vec!["preview", "--loud"], "--loud"),
        (vec!["preview", "--format", "xml"], "json"),
        (vec!["preview", "--now", "soon"], "soon"),
        (vec!["preview", "--option", "require_both_ids"], "KEY=VALUE"),
        (vec!["preview", absent], absent),
    ] {
        let ended = Process::run(&arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn flags_and_their_variables_choose_the_same() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(br#"{"type":"page","anonymousId":"a","receivedAt":"2026-01-01T00:00:00Z"}"#).unwrap();
    let (rules, file) = (rules(), text(file.path()));
    let option = "require_both_ids=false";
    let flags = ["preview", "--rules", text(&rules), "--format", "json", "--option", option, file];
    let variables = [("TAPLINE_RULES", text(&rules)), ("TAPLINE_FORMAT", "json"), ("TAPLINE_OPTION", option)];
    let (by_flag, by_variable) =
        (Process::run(&flags, &[]).await, Process::run(&["preview", file], &variables).await);
    assert_eq!((by_flag.code, by_variable.code), (Some(0), Some(0)), "{}", by_variable.stderr);
    assert!(by_flag.stdout.starts_with(r#"{"outcome":"mapped","#), "{}", by_flag.stdout);
    assert_eq!(by_flag.stdout, by_variable.stdout);
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_error() {
    // Far more than a pipe holds, so that the program is still writing when the reader goes.
    let (events, rules) = (events(5_000), rules());
    let arguments = ["preview", "--format", "json", "--rules", text(&rules), text(events.path())];
    let mut child = command(&arguments, &[]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).await.unwrap();
    assert!(first.starts_with(r#"{"outcome":"mapped","#), "{first}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!((child.wait().await.unwrap().code(), said.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_terminal_gets_colours_unless_no_color_is_set() {
    let broken = broken_rules();
    for (variables, coloured) in
        [(&[][..], true), (&[("NO_COLOR", "1")][..], false), (&[("NO_COLOR", "")][..], true)]
    {
        let shown = on_a_terminal(&["check", "--rules", text(broken.path())], variables).await;
        assert!(shown.contains("packs/house.yaml:5:5"), "{shown}");
        assert_eq!(shown.contains('\u{1b}'), coloured, "{variables:?}: {shown}");
    }
}

/// Everything that a terminal is shown; `script`, which lends one, comes with every Debian.
async fn on_a_terminal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let words: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_tapline"))
        .chain(arguments.iter().copied())
        .map(|word| format!("'{word}'"))
        .collect();
    let output = tokio::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"])
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("script");
    String::from_utf8(output.stdout).unwrap()
}
