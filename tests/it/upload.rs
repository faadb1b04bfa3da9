//! `tapline upload` beside CleverTap's stand-in: faults, kill -9 and going on, order, state, memory.

use crate::support::process::{Ended, Process, command};
use crate::support::stand::{Tally, get, rules};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// An upload that may be stopped and go on, and where it goes to.
struct Rig {
    simulator: Process,
    directory: TempDir,
}

impl Rig {
    async fn start(events: &str, faults: &[&str]) -> Self {
        let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", *fault]).collect();
        let arguments = [&arguments[..], &["--keep", "1000000", "--log", "error"]].concat();
        let rig =
            Self { simulator: Process::simulate(&arguments).await, directory: tempfile::tempdir().unwrap() };
        std::fs::write(rig.path("events"), events).unwrap();
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str], account: &str) -> Command {
        let (rules, address) = (rules(), format!("http://{}", self.simulator.address));
        let variables = [
            ("TAPLINE_ACCOUNT_ID", account),
            ("TAPLINE_PASSCODE", "passcode_1"),
            ("TAPLINE_CLEVERTAP_URL", &address),
            ("TAPLINE_RULES", rules.to_str().unwrap()),
        ];
        let mut command = command(&["upload"], &variables);
        command.arg(self.path("events")).args(arguments);
        command
    }

    async fn upload(&self, arguments: &[&str]) -> Ended {
        self.upload_as("TEST-ACCOUNT", arguments).await
    }

    async fn upload_as(&self, account: &str, arguments: &[&str]) -> Ended {
        let output = self.command(arguments, account).output();
        let output = tokio::time::timeout(Duration::from_secs(60), output).await.unwrap().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    async fn received(&self) -> Vec<Value> {
        let answer: Value = serde_json::from_slice(&get(&self.simulator, "/received").await.body).unwrap();
        answer["records"].as_array().unwrap().clone()
    }

    /// User → the numbers of their events, in the order taken.
    async fn by_user(&self) -> BTreeMap<String, Vec<u64>> {
        let mut users: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for record in self.received().await {
            let user = record["identity"].as_str().unwrap().to_owned();
            users.entry(user).or_default().push(record["evtData"]["n"].as_u64().unwrap());
        }
        users
    }

    async fn assert_each_once_in_order(&self, users: u64, each: u64) {
        let found = self.by_user().await;
        assert_eq!(found.len() as u64, users);
        for (user, numbers) in found {
            assert_eq!(numbers, (0..each).collect::<Vec<_>>(), "{user}");
        }
    }
}

/// So many events of so many users, taking turns.
fn events(users: u64, each: u64) -> String {
    events_with(users, each, "")
}

/// The same, with something more in the properties.
fn events_with(users: u64, each: u64, more: &str) -> String {
    let mut text = String::new();
    for n in 0..each {
        for user in 0..users {
            writeln!(
                text,
                r#"{{"type":"track","userId":"user_{user}","anonymousId":"anon_{user}","event":"Seen","properties":{{"n":{n}{more}}},"timestamp":"2026-01-02T03:04:05Z"}}"#
            )
            .unwrap();
        }
    }
    text
}

#[tokio::test]
async fn whatever_goes_wrong_each_event_arrives_once_and_in_the_order_of_its_user() {
    let faults = [
        "429:rate=0.15,first=60,retry_after=1",
        "503:rate=0.1,first=60",
        "reset:rate=0.1,first=60",
        "html:rate=0.1,first=60",
        "partial:share=0.2,rate=0.2,first=60",
    ];
    let rig = Rig::start(&events(40, 10), &faults).await;
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.ends_with("400 events: 400 delivered, 0 filtered, 0 failed\n"), "{}", ended.stderr);
    rig.assert_each_once_in_order(40, 10).await;
    let tally: Tally = serde_json::from_slice(&get(&rig.simulator, "/tally").await.body).unwrap();
    assert!(tally.most_in_flight <= 12, "{tally:?}");
}

#[tokio::test]
async fn an_upload_that_is_refused_whole_is_halved_and_only_what_is_refused_alone_fails() {
    let rig = Rig::start(&events(120, 1), &["400:first=1"]).await;
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    rig.assert_each_once_in_order(120, 1).await;
    // Fewer users than it takes to hold the account for the culprit.
    let rig = Rig::start(&events(3, 1), &["400"]).await;
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("failed malformed_request: 3\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn killed_again_and_again_it_loses_nothing_and_sends_only_what_was_in_flight_twice() {
    const USERS: u64 = 24;
    const EACH: u64 = 30;
    let rig = Rig::start(&events(USERS, EACH), &["slow:ms=40"]).await;
    let mut kills = 0;
    let last = loop {
        let mut child = rig.command(&[], "TEST-ACCOUNT").spawn().unwrap();
        // The moments differ from round to round, and the rounds become longer, so that they end.
        let moment = Duration::from_millis(150 + 97 * kills);
        match tokio::time::timeout(moment, child.wait()).await {
            Ok(status) => break status.unwrap(),
            Err(_) => child.kill().await.unwrap(),
        }
        kills += 1;
        assert!(kills < 40, "it does not come to an end");
    };
    assert_eq!(last.code(), Some(0));
    assert!(kills >= 3, "{kills} kills");
    let users = rig.by_user().await;
    assert_eq!(users.len() as u64, USERS);
    let mut taken = 0;
    for (user, numbers) in users {
        taken += numbers.len() as u64;
        // A user has one event in flight, so what is sent twice follows itself.
        assert!(numbers.is_sorted(), "{user}: {numbers:?}");
        let mut once = numbers;
        once.dedup();
        assert_eq!(once, (0..EACH).collect::<Vec<_>>(), "{user}");
    }
    let twice = taken - USERS * EACH;
    assert!(twice <= kills * USERS, "{twice} sent twice by {kills} kills");
    let again = rig.upload(&[]).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("720 events: 720 delivered"), "{}", again.stderr);
    assert!(again.stderr.contains("nothing was sent"), "{}", again.stderr);
    assert_eq!(rig.received().await.len() as u64, taken);
}

#[tokio::test]
async fn a_stop_lets_uploads_in_flight_be_answered_so_that_nothing_is_sent_twice() {
    let rig = Rig::start(&events(24, 20), &["slow:ms=50"]).await;
    let child = rig.command(&[], "TEST-ACCOUNT").spawn().unwrap();
    let id = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    while rig.received().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill_process(id, Signal::TERM).unwrap();
    let stopped = child.wait_with_output().await.unwrap();
    let words = String::from_utf8(stopped.stderr).unwrap();
    assert_eq!(stopped.status.code(), Some(2), "{words}");
    assert!(words.contains("the same command goes on"), "{words}");
    assert!(rig.received().await.len() < 480);
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    rig.assert_each_once_in_order(24, 20).await;
}

#[tokio::test]
async fn an_account_that_is_refused_ends_it_and_the_next_run_goes_on() {
    let rig = Rig::start(&events(30, 5), &["401:first=1"]).await;
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in ["TAPLINE_PASSCODE", "the same command goes on"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("passcode_1"));
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    rig.assert_each_once_in_order(30, 5).await;
}

#[tokio::test]
async fn what_is_not_delivered_is_listed_with_its_line_and_reason_also_over_several_runs() {
    let mut lines: Vec<String> = events(1, 6).lines().map(str::to_owned).collect();
    lines.insert(1, String::new());
    lines.insert(2, r#"{"type":"group","userId":"u","anonymousId":"a"}"#.to_owned());
    lines.insert(3, r#"{"type":"#.to_owned());
    let rig = Rig::start(&lines.join("\n"), &["partial:share=1,code=515,first=1", "slow:ms=100"]).await;
    let rejects = rig.path("rejects");
    let arguments = ["--rejects", rejects.to_str().unwrap()];
    let mut child = rig.command(&arguments, "TEST-ACCOUNT").spawn().unwrap();
    while rig.received().await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    child.kill().await.unwrap();
    let ended = rig.upload(&arguments).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for words in [
        "failed clevertap_515: 1\n",
        "filtered group_unsupported: 1\n",
        "5 delivered, 1 filtered, 2 failed\n",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let kept = std::fs::read_to_string(&rejects).unwrap();
    let mut kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    kept.sort_by_key(|reject| reject["line"].as_u64());
    let found: Vec<(u64, &str, &str)> = kept
        .iter()
        .map(|reject| {
            let text = |value: &'static str| reject.pointer(value).unwrap().as_str().unwrap();
            (reject["line"].as_u64().unwrap(), text("/outcome"), text("/reason/code"))
        })
        .collect();
    let expected =
        [(1, "failed", "clevertap_515"), (3, "filtered", "group_unsupported"), (4, "failed", "invalid_json")];
    assert_eq!(found, expected);
    assert_eq!(kept[0]["event"]["properties"]["n"], 0);
    assert_eq!(kept[2]["text"], r#"{"type":"#);
}

#[tokio::test]
async fn a_run_that_was_killed_leaves_no_reject_twice_and_none_out() {
    let groups = "{\"type\":\"group\",\"userId\":\"u\",\"anonymousId\":\"a\"}\n".repeat(300);
    let rig = Rig::start(&format!("{groups}{}", events(1, 1)), &["slow:ms=1000,first=1"]).await;
    let rejects = rig.path("rejects");
    let arguments = ["--rejects", rejects.to_str().unwrap()];
    let mut child = rig.command(&arguments, "TEST-ACCOUNT").spawn().unwrap();
    // More than a buffer of them is in the file before any state knows of them.
    while std::fs::metadata(&rejects).map_or(0, |about| about.len()) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let ended = rig.upload(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let kept = std::fs::read_to_string(&rejects).unwrap();
    let lines: Vec<u64> = kept
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_nobody_answers_for_long_enough_has_failed() {
    let rig = Rig::start(&events(2, 1), &["503"]).await;
    let ended = rig.upload(&["--retry-for", "1"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("failed: retries_exhausted: "), "{}", ended.stderr);
    assert!(rig.received().await.is_empty());
}

#[tokio::test]
async fn a_dry_run_sends_nothing_for_keeps_and_leaves_no_state() {
    let text = format!("{}{{\"type\":\"group\",\"userId\":\"u\",\"anonymousId\":\"a\"}}\n", events(5, 4));
    let rig = Rig::start(&text, &[]).await;
    let ended = rig.upload(&["--dry-run"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("dry run, nothing is kept at CleverTap: 21 events"), "{}", ended.stderr);
    assert!(rig.received().await.is_empty());
    assert!(!rig.path("events.upload-state").exists());
    assert_eq!(rig.upload(&[]).await.code, Some(0));
    rig.assert_each_once_in_order(5, 4).await;
    let ended = rig.upload(&["--dry-run"]).await;
    assert!(ended.stderr.contains("20 delivered, 1 filtered"), "a state does not matter: {}", ended.stderr);
    rig.assert_each_once_in_order(5, 4).await;
}

#[tokio::test]
async fn a_state_of_another_file_other_rules_or_another_account_is_refused() {
    let rig = Rig::start(&events(3, 3), &["401:first=1"]).await;
    assert_eq!(rig.upload(&[]).await.code, Some(2));
    let sent = rig.received().await.len();
    let rules = rig.upload(&["--option", "require_both_ids=false"]).await;
    let account = rig.upload_as("OTHER-ACCOUNT", &[]).await;
    std::fs::write(rig.path("events"), events(3, 4)).unwrap();
    let file = rig.upload(&[]).await;
    for (ended, words) in [(rules, "other rules"), (account, "another account"), (file, "another file")] {
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("--state FILE"), "{}", ended.stderr);
    }
    assert_eq!(rig.received().await.len(), sent, "nothing was sent");
    let state = rig.path("other");
    let ended = rig.upload(&["--state", state.to_str().unwrap()]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn what_can_not_be_sent_at_all_is_told_apart_from_what_failed() {
    let rig = Rig::start(&events(1, 1), &[]).await;
    let ended = rig.upload(&["--pack", "segment-device-web"]).await;
    assert_eq!(ended.code, Some(1), "the rules hold a problem: {}", ended.stderr);
    assert!(ended.stderr.contains("segment-device-web"), "{}", ended.stderr);
    let ended = Process::run(&["upload", "events"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("set TAPLINE_ACCOUNT_ID and TAPLINE_PASSCODE"), "{}", ended.stderr);
    std::fs::remove_file(rig.path("events")).unwrap();
    let ended = rig.upload(&[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("can not read"), "{}", ended.stderr);
    assert!(rig.received().await.is_empty());
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    // The most memory that an upload of so many events a user takes, in megabytes.
    async fn peak(each: u64) -> u64 {
        let more = format!(r#","a":"{0}","b":"{0}","c":"{0}","d":"{0}""#, "x".repeat(400));
        let rig = Rig::start(&events_with(2_000, each, &more), &[]).await;
        let mut child = rig.command(&[], "TEST-ACCOUNT").spawn().unwrap();
        let status = format!("/proc/{}/status", child.id().unwrap());
        let mut peak = 0;
        loop {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(kilobytes.unwrap_or_default() / 1024);
            if let Ok(ended) = tokio::time::timeout(Duration::from_millis(20), child.wait()).await {
                assert_eq!(ended.unwrap().code(), Some(0));
                return peak;
            }
        }
    }
    // Both hold more than may wait in the lanes.
    let (small, large) = (peak(24).await, peak(48).await);
    assert!(large < small + small / 3, "{small} MB for a file of 84 MB, {large} MB for one of 168 MB");
}
