//! What can happen to a process: it is stopped for a while, it may open too few files, it has a long backlog; and in which
//! order it asks the system for things.

use super::load::{Load, Plan};
use crate::support::figure;
use crate::support::http::Connection;
use crate::support::stand::{Stand, get, send, settled};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Memory that a program with a backlog of any length may take.
const MEMORY: u64 = 256 << 20;

#[tokio::test]
async fn events_are_synced_before_the_200_is_written() {
    let stand = Stand::start(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("calls");
    // With -D the tracer is a grandchild, so the server is the process that was started.
    let traced = "trace=fsync,fdatasync,read,readv,recvfrom,write,writev,sendto,sendmsg";
    let wrapper = ["strace", "-D", "-f", "-y", "-s", "100", "-e", traced, "-o", log.to_str().unwrap()];
    let server = stand.serve_under(&wrapper, &[]).await;
    let call = r#"{"type":"track","event":"Step Taken","userId":"user_1","anonymousId":"device-1"}"#;
    assert_eq!(send(&server, "/v1/track", call).await.status, 200);
    server.terminate().await;
    let calls = std::fs::read_to_string(&log).unwrap();
    let at = |what: &str, found: Option<usize>| found.unwrap_or_else(|| panic!("no {what} in:\n{calls}"));
    let lines: Vec<&str> = calls.lines().collect();
    let asked = at("request", lines.iter().position(|line| line.contains("POST /v1/track")));
    let answered = lines[asked..].iter().position(|line| line.contains("HTTP/1.1 200 OK"));
    let answered = asked + at("answer", answered);
    let synced = lines[asked..answered].iter().position(|line| {
        line.contains("fdatasync(")
            && line.contains("/gen-")
            && !line.contains("<unfinished")
            && line.contains("= 0")
    });
    // A sync that another thread interrupted in the log is told in two lines, of which the second bears the result.
    let resumed = || {
        let begun = lines[asked..answered].iter().position(|line| {
            line.contains("fdatasync(") && line.contains("/gen-") && line.contains("<unfinished")
        })?;
        let thread = lines[asked + begun].split_whitespace().next()?;
        lines[asked + begun..answered].iter().position(|line| {
            line.starts_with(thread) && line.contains("fdatasync resumed") && line.contains("= 0")
        })
    };
    at("sync of events between request and answer", synced.or_else(resumed));
    figure::fault(figure::Fault {
        name: "what the system is asked for: the sync, then the write of the 200",
        rounds: 1,
        acknowledged: 1,
        lost: 0,
        twice: None,
        recovery: Duration::ZERO,
        mutation: "answer before the sync",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stood_still_goes_on_where_it_was() {
    let seconds = figure::rounds(4, 10) as u64;
    let stand = Stand::start(&["--fault", "slow:ms=15"]).await;
    let server = stand.serve().await;
    let mut load = Load::start(Plan { batch: 10, filler: 100 });
    load.go_to(Some(server.address));
    load.answers(200).await;
    server.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let before = load.answered();
    server.signal(Signal::CONT);
    let going_on = Instant::now();
    load.until("an answer after standing still", |heard| heard.answered.len() > before).await;
    let recovery = going_on.elapsed();
    load.answers(200).await;
    load.finish().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let verdict = load.judge(&stand).await;
    assert_eq!((verdict.lost, verdict.twice), (0, 0), "{verdict:?}");
    figure::fault(figure::Fault {
        name: "a process that stands still for seconds (SIGSTOP)",
        rounds: 1,
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        twice: Some(verdict.twice),
        recovery,
        mutation: "what is not answered for two seconds counts as failed",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_file_handles_left_goes_on_once_there_are_some() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve_under(&["sh", "-c", "ulimit -n 128; exec \"$0\" \"$@\""], &[]).await;
    let mut load = Load::start(Plan { batch: 10, filler: 100 });
    load.go_to(Some(server.address));
    load.answers(100).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        let opened = tokio::time::timeout(Duration::from_millis(500), Connection::try_open(server.address));
        idle.extend(opened.await.ok().flatten());
    }
    assert!(idle.len() > 100, "{} connections", idle.len());
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(idle);
    let freeing = Instant::now();
    load.answers(10).await;
    let recovery = freeing.elapsed();
    // More calls than there are handles, so that none may stay open behind one.
    load.answers(1_500).await;
    assert_eq!(get(&server, "/setup").await.status, 200);
    load.finish().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let verdict = load.judge(&stand).await;
    assert_eq!((verdict.lost, verdict.twice), (0, 0), "{verdict:?}");
    figure::fault(figure::Fault {
        name: "no file handles left (`ulimit -n 128`, 200 connections)",
        rounds: 1,
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        twice: Some(verdict.twice),
        recovery,
        mutation: "each call leaves a file open",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_backlog() {
    let events = figure::rounds(40_000, 150_000);
    let stand = Stand::start(&["--fault", "503"]).await;
    let server = stand.serve().await;
    let load = Load::start(Plan { batch: 120, filler: 3000 });
    load.go_to(Some(server.address));
    let peak = async |events: usize| {
        let missing = events.saturating_sub(load.answered());
        load.answers(missing).await;
        server.peak_memory()
    };
    let half = peak(events / 2).await;
    let whole = peak(events).await;
    load.go_to(None);
    assert!(
        whole < MEMORY,
        "{} MB with {events} events waiting, {} MB with half of them",
        whole >> 20,
        half >> 20
    );
    figure::note("backlog with CleverTap down: events", events);
    figure::note("backlog with CleverTap down: peak memory at half of them, in MB", half >> 20);
    figure::note("backlog with CleverTap down: peak memory at all of them, in MB", whole >> 20);
    server.kill().await;
    let (kept, counts) = stand.journal().await;
    assert!(kept.len() >= events && counts.accepted as usize == kept.len(), "{counts:?}");
    figure::fault(figure::Fault {
        name: "a backlog that grows while CleverTap answers 503 (memory stays below 256 MB)",
        rounds: 1,
        acknowledged: load.answered(),
        lost: load.answered().saturating_sub(kept.len()),
        twice: None,
        recovery: Duration::ZERO,
        mutation: "the reader goes on while the lanes are full",
    });
}
