//! `tapline transform`: order, rejects, streaming, memory.

use crate::support::process::{Process, command};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

const FIXTURES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/track.ndjson"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/identify.ndjson"),
];

/// The records that `tapline preview` shows, one a line.
async fn previewed(file: &str) -> String {
    let ended = Process::run(&["preview", file, "--format", "json"], &[]).await;
    let mut records = String::new();
    for line in ended.stdout.lines() {
        let result: Box<serde_json::value::RawValue> = serde_json::from_str(line).unwrap();
        let parts: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(result.get()).unwrap();
        let list: Vec<Box<serde_json::value::RawValue>> =
            serde_json::from_str(parts["records"].get()).unwrap();
        list.iter().for_each(|record| records.push_str(&format!("{}\n", record.get())));
    }
    records
}

#[tokio::test]
async fn the_records_are_those_of_preview_in_the_order_of_the_events_whatever_the_number_of_threads() {
    let directory = tempfile::tempdir().unwrap();
    let many = directory.path().join("many.ndjson");
    let text: String = FIXTURES.map(|file| std::fs::read_to_string(file).unwrap()).concat().repeat(3);
    std::fs::write(&many, &text).unwrap();
    let many = many.to_str().unwrap();
    let expected = previewed(many).await;
    assert!(expected.lines().count() >= 3_000);
    for threads in ["1", "2", "7"] {
        let ended = Process::run(&["transform", many, "--threads", threads], &[]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout == expected, "{threads} threads give other records than preview");
        assert!(ended.stderr.contains("3072 events: "), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn what_becomes_no_record_is_said_on_stderr_or_kept_in_a_file_and_never_among_the_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (events, rejects) = (path("events"), path("rejects"));
    let lines = [
        "\u{feff}{\"type\":\"track\",\"userId\":\"u1\",\"anonymousId\":\"a1\",\"event\":\"Seen\"}",
        "",
        "{\"type\":\"group\",\"userId\":\"u1\",\"anonymousId\":\"a1\"}\r",
        "{\"type\":",
        "{\"type\":\"track\",\"userId\":\"u1\",\"anonymousId\":\"a1\"}",
        "{\"type\":\"page\",\"userId\":\"u1\",\"anonymousId\":\"a1\"}",
    ];
    std::fs::write(&events, lines.join("\n")).unwrap();
    let ended = Process::run(&["transform", &events], &[]).await;
    assert_eq!(ended.code, Some(1), "failed events are problems: {}", ended.stderr);
    let names: Vec<String> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["evtName"].to_string())
        .collect();
    assert_eq!(names, ["\"Seen\"", "\"Web Page Viewed\""]);
    for words in [
        "line 3: filtered: group_unsupported: ",
        "line 4: failed: invalid_json: ",
        "line 5: failed: missing_event_name: ",
    ] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(ended.stderr.ends_with("5 events: 2 records, 1 events filtered, 2 failed\n"), "{}", ended.stderr);
    let again = Process::run(&["transform", &events, "--rejects", &rejects], &[]).await;
    assert!(!again.stderr.contains("line 4"), "{}", again.stderr);
    assert_eq!(again.stdout, ended.stdout);
    let kept = std::fs::read_to_string(&rejects).unwrap();
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), 3);
    assert_eq!((&kept[0]["line"], &kept[0]["event"]["type"]), (&3.into(), &"group".into()));
    assert_eq!(
        (&kept[1]["reason"]["code"], &kept[1]["text"]),
        (&"invalid_json".into(), &"{\"type\":".into())
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_could_not_be_run() {
    let ended = Process::run(&["transform", "there/is/none"], &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("there/is/none"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_pipe_gets_each_record_when_it_is_made_and_may_close_early() {
    let mut child = command(&["transform"], &[]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for name in ["One", "Two"] {
        let event =
            format!("{{\"type\":\"track\",\"userId\":\"u\",\"anonymousId\":\"a\",\"event\":\"{name}\"}}\n");
        stdin.write_all(event.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        assert!(line.contains(name), "{line}");
    }
    drop(stdout);
    let long = std::fs::read(FIXTURES[0]).unwrap();
    while stdin.write_all(&long).await.is_ok() {}
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[tokio::test]
async fn memory_does_not_grow_with_the_input() {
    let mut child = command(&["transform", "--threads", "4"], &[]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let swallowed = tokio::spawn(async move {
        let mut block = vec![0; 1 << 20];
        while stdout.read(&mut block).await.unwrap() > 0 {}
    });
    let status = format!("/proc/{}/status", child.id().unwrap());
    let peak = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let events = FIXTURES.map(|file| std::fs::read(file).unwrap()).concat();
    for _ in 0..60 {
        stdin.write_all(&events).await.unwrap();
    }
    let megabytes = peak();
    drop(stdin);
    swallowed.await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert!(megabytes <= 64, "{megabytes} MB for an input of {} MB", 60 * events.len() / 1_000_000);
}
