//! `tapline diff`: what another set of rules would make of the same events.
//!
//! Cases are directories in `tests/golden/diff/`: `before/`, `after/` and `events.ndjson` go in; `human.txt`, `values.txt`,
//! `report.json` and `report.md` come out. `UPDATE_GOLDEN=1` rewrites what comes out.

use crate::support::process::{Ended, Process, command};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tapline::admin::{RevisionArchive, kept_revisions};
use tapline::clock::{FixedClock, Millis};
use tapline::engine::Plan;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{DedupKey, Journal, NewEvent, Refusal};
use tapline::rulebook::LiveRules;
use tapline::settings::Settings;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff")
}

/// Runs the verb in a directory.
async fn diff(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = command(&[&["diff"], arguments].concat(), &[]);
    // What git knows of whoever runs the tests must not matter.
    command.current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CEILING_DIRECTORIES", "/");
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn golden(file: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(expected.as_str(), actual);
    assert!(expected == actual, "UPDATE_GOLDEN=1 rewrites {}\n{}", file.display(), difference.unified_diff());
}

/// A report without its revisions, which change with the packs inside the binary.
fn without_revisions(case: &Path, report: &str) -> String {
    let mut report = report.to_owned();
    for side in ["before", "after"] {
        let files = tapline::rulebook::load_files(&case.join(side)).unwrap();
        let plan = Plan::compile(&files, Some("house"), &BTreeMap::new()).unwrap();
        assert!(report.contains(plan.revision()), "{side}: {report}");
        report = report.replace(plan.revision(), &format!("<{side}>"));
    }
    report
}

#[tokio::test]
async fn every_case_is_reported_as_written_in_each_format() {
    for case in std::fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path()) {
        let changes = !case.ends_with("nothing");
        let basis = ["before", "after", "--pack", "house", "--events", "events.ndjson"];
        for (file, more) in [
            ("human.txt", &[][..]),
            ("values.txt", &["--values", "--examples", "1"]),
            ("report.json", &["--format", "json"]),
            ("report.md", &["--format", "markdown"]),
        ] {
            let ended = diff(&case, &[&basis[..], more].concat()).await;
            assert_eq!(ended.code, Some(i32::from(changes)), "{}: {}", case.display(), ended.stderr);
            golden(&case.join(file), &without_revisions(&case, &ended.stdout));
        }
        let ended = diff(&case, &[&basis[..], &["--allow-changes"]].concat()).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", case.display());
    }
}

#[tokio::test]
async fn values_stay_out_of_every_format_unless_asked_for() {
    let case = cases().join("every-category");
    for format in ["human", "json", "markdown"] {
        for (more, shown) in [(&[][..], false), (&["--values"], true)] {
            let basis =
                ["before", "after", "--pack", "house", "--events", "events.ndjson", "--format", format];
            let ended = diff(&case, &[&basis[..], more].concat()).await;
            assert_eq!(ended.stdout.contains("jane@example.com"), shown, "{format}: {}", ended.stdout);
        }
    }
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

const EVENT: &str = r#"{"type":"track","event":"Seen","userId":"u","messageId":"m-1"}"#;

/// A pack that filters everything with one code.
fn pack(code: &str) -> String {
    format!(
        "version: 1\npack: segment-cloud\nrules:\n  - {{ id: all, filter: {{ code: {code}, message: m }} }}\n"
    )
}

fn git(directory: &Path, arguments: &[&str]) {
    let output = std::process::Command::new("git")
        .args([
            "-c",
            "user.name=user_1",
            "-c",
            "user.email=user_1@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A repository with two commits; in the first, tagged `v1`, the rules were in `old/rules`.
fn repository() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    git(at, &["init", "--quiet"]);
    write(at, "old/rules/packs/segment-cloud.yaml", &pack("one"));
    git(at, &["add", "."]);
    git(at, &["commit", "--quiet", "--message", "one"]);
    git(at, &["tag", "v1"]);
    git(at, &["mv", "old/rules", "rules"]);
    write(at, "rules/packs/segment-cloud.yaml", &pack("two"));
    write(at, "rules/tests/broken.yaml", "no: [rules");
    write(at, "rules/packs/.hidden.yaml", "no: [rules");
    git(at, &["add", "."]);
    git(at, &["commit", "--quiet", "--message", "two"]);
    write(at, "rules/packs/segment-cloud.yaml", &pack("three"));
    write(at, "events.ndjson", EVENT);
    root
}

#[tokio::test]
async fn refs_are_read_from_git_and_a_directory_wins_over_a_ref() {
    let root = repository();
    let at = root.path();
    for (arguments, before, after) in [
        (&["--events", "events.ndjson"][..], "two", "three"),
        (&["main", "--events", "events.ndjson"], "two", "three"),
        (&["v1:old/rules", "HEAD", "--events", "events.ndjson"], "one", "two"),
        (&["HEAD~1:old/rules/", "HEAD:rules", "--events", "events.ndjson"], "one", "two"),
        (&["HEAD", "--events", "events.ndjson", "--rules", "./rules"], "two", "three"),
    ] {
        let ended = diff(at, arguments).await;
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        for (code, end) in [(before, " → "), (after, "\n")] {
            let verdict = format!("filtered with {code} by all (packs/segment-cloud.yaml:4:11){end}");
            assert!(ended.stdout.contains(&verdict), "{arguments:?}: {}", ended.stdout);
        }
    }
    // From below the top, where the rules directory is another path away.
    write(at, "sub/x", "");
    let ended = diff(&at.join("sub"), &["--rules", "../rules", "--events", "../events.ndjson"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    // A directory that is called as the branch is.
    write(at, "main/packs/segment-cloud.yaml", &pack("three"));
    let ended = diff(at, &["main", "--events", "events.ndjson"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
}

#[tokio::test]
async fn what_can_not_be_read_ends_with_2_and_says_what_is_missing() {
    let root = repository();
    let at = root.path();
    write(at, "bad/packs/segment-cloud.yaml", "version: 1\npack: segment-cloud\nrulez: []\n");
    let events = ["--events", "events.ndjson"];
    for (arguments, words) in [
        (&["no-such-ref"][..], &["there is no directory `no-such-ref`", "git knows no `no-such-ref`"][..]),
        (&["v1"], &["git knows no `v1` that holds `rules`", "`main:rules`"]),
        (&["v1:nowhere"], &["git knows no `v1` that holds `nowhere`"]),
        (&["HEAD:rules/packs/segment-cloud.yaml"], &["is no directory"]),
        (&["--force"], &["unexpected argument"]),
        (&["bad"], &["the rules of BEFORE (`bad`) hold problems", "R103", "packs/segment-cloud.yaml:3:1"]),
        (&["HEAD", "bad"], &["the rules of AFTER (`bad`) hold problems", "R103"]),
        (&["HEAD", "--option", "no_such=1"], &["BEFORE", "no option `no_such`"]),
        (&["0123456789ab"], &["there is no data directory"]),
    ] {
        let ended = diff(at, &[arguments, &events[..]].concat()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments:?}: {}", ended.stderr);
        }
    }
    for (arguments, words) in [
        (&["HEAD", "--events", "absent.ndjson"][..], "can not read `absent.ndjson`"),
        (&["HEAD", "--events", "/dev/null"], "there are no events"),
        (&["HEAD"], "there is no data directory `./tapline-data`; name events with --events"),
    ] {
        let ended = diff(at, arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
    std::os::unix::fs::symlink("segment-cloud.yaml", at.join("rules/packs/link.yaml")).unwrap();
    git(at, &["add", "rules/packs/link.yaml"]);
    git(at, &["commit", "--quiet", "--message", "link"]);
    let ended = diff(at, &["HEAD", "--events", "events.ndjson"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("`packs/link.yaml` in `HEAD` is a link"), "{}", ended.stderr);
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "events.ndjson", EVENT);
    let ended = diff(outside.path(), &["--events", "events.ndjson"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("is in no git repository"), "{}", ended.stderr);
    let mut without_git = command(&["diff", "--events", "events.ndjson"], &[("PATH", "/nowhere")]);
    let output = without_git.current_dir(at).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("needs the command `git`"), "{said}");
}

#[tokio::test]
async fn the_rules_inside_the_binary_are_compared_by_name() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "events.ndjson", EVENT);
    let ended = diff(root.path(), &["built-in", "--events", "events.ndjson"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.starts_with("before  built-in: pack segment-cloud, "), "{}", ended.stdout);
}

fn new_event(number: u64, refused: bool) -> NewEvent {
    let refusal = Refusal { code: "no_event".into(), message: "m".into(), pointer: "/batch/0".into() };
    NewEvent {
        dedup: DedupKey(number.into()),
        received_at: Millis(1_790_000_000_000),
        refusal: refused.then_some(refusal),
        body: format!(r#"{{"type":"track","event":"E{number}","userId":"u","messageId":"m-{number}"}}"#)
            .into(),
    }
}

#[tokio::test]
async fn a_stopped_servers_events_and_revisions_are_compared_and_a_running_ones_are_not() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    write(at, "rules/packs/segment-cloud.yaml", &pack("one"));
    let (journal, store) = SledJournal::open(&at.join("data"), Options::default()).unwrap();
    let archive = Arc::new(RevisionArchive::new(store.clone(), Arc::new(FixedClock::at(Millis(1)))));
    let rules = LiveRules::open_kept(at.join("rules"), &Settings::default(), archive).unwrap();
    let revision = rules.plan().revision().to_owned();
    journal.append((0..20).map(|number| new_event(number, number == 3)).collect()).await.unwrap();
    write(at, "rules/packs/segment-cloud.yaml", &pack("two"));

    let arguments = [revision.as_str(), "--data", "data", "--format", "json"];
    let ended = diff(at, &arguments).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    for words in ["is in use by another process", "--events", "once it is stopped"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }

    assert_eq!(kept_revisions(&*store).unwrap().len(), 1);
    journal.close();
    drop((journal, store, rules));
    let ended = diff(at, &arguments).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("left out, because they failed on ingest and no rule sees them: 1"));
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["counts"]["events"], 19);
    assert_eq!(report["counts"]["reason_changed"], 19);
    assert_eq!(report["before"]["revision"], revision.as_str());
    assert_eq!(report["groups"][0]["examples"][0]["event"], "ev_0");

    let ended = diff(at, &[&arguments[..], &["--last", "5"]].concat()).await;
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["counts"]["events"], 5);
    assert_eq!(report["groups"][0]["examples"][0]["event"], "ev_15");

    let ended = diff(at, &["0123456789ab", "--data", "data"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains(&format!("the newest kept: `{revision}`")), "{}", ended.stderr);
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_error() {
    let case = cases().join("every-category");
    let arguments = ["diff", "before", "after", "--pack", "house", "--events", "events.ndjson"];
    let mut child = command(&arguments, &[]).current_dir(&case).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

/// Kilobytes of memory that a process has had at most.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn memory_stays_flat_over_many_events_and_many_shapes() {
    let case = cases().join("hostile-names");
    let arguments = ["diff", "before", "after", "--pack", "house", "--events", "-", "--format", "json"];
    let mut child = command(&arguments, &[]).current_dir(&case).stdin(Stdio::piped()).spawn().unwrap();
    let id = child.id().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut early = 0;
    for number in 0..100_000 {
        // One of twenty changes, each under a name of its own, so that there are more shapes than are kept.
        let key = if number % 20 == 0 { "a|b" } else { "c" };
        let event = format!(
            "{{\"type\":\"track\",\"event\":\"E{number}\",\"userId\":\"u\",\"properties\":{{\"{key}\":{number}}}}}\n"
        );
        input.write_all(event.as_bytes()).await.unwrap();
        if number == 30_000 {
            early = peak(id);
        }
    }
    let late = peak(id);
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["counts"]["events"], 100_000);
    assert_eq!(report["counts"]["changed"], 5_000);
    assert_eq!(report["ungrouped"], 4_500);
    assert!(late < early + 4096, "{early} kB after 30,000 events, {late} kB after 100,000");
}

#[tokio::test]
async fn a_comment_fits_into_a_pull_request_however_much_changes() {
    let root = tempfile::tempdir().unwrap();
    let events: String = (0..3000)
        .map(|number| {
            let long = "é|`".repeat(60);
            format!("{{\"type\":\"track\",\"event\":\"{long}{number}\",\"userId\":\"u\",\"properties\":{{\"a|b\":1}}}}\n")
        })
        .collect();
    write(root.path(), "events.ndjson", &events);
    let events = root.path().join("events.ndjson");
    let arguments = ["before", "after", "--pack", "house", "--format", "markdown", "--events"];
    let ended =
        diff(&cases().join("hostile-names"), &[&arguments[..], &[events.to_str().unwrap()]].concat()).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.len() < 65_536, "{} bytes", ended.stdout.len());
    assert!(ended.stdout.contains("**3000 of 3000 events change.**"), "{}", ended.stdout);
    assert!(ended.stdout.trim_end().ends_with("more change in ways that are not shown here."));
    assert_eq!(ended.stdout.matches("<details>").count(), ended.stdout.matches("</details>").count());
}

#[tokio::test]
async fn flags_of_the_verb_are_told_by_help() {
    let ended = Process::run(&["diff", "--help"], &[]).await;
    assert_eq!(ended.code, Some(0));
    for words in ["--allow-changes", "--values", "built-in", "HEAD", "Exit code 0"] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}
