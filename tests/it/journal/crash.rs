//! Kill -9 under load, and a disk that takes no more: whatever was answered before is there after it.
//!
//! This shows that a crash of the process loses nothing. It can not show what a power loss does; that needs a disk on
//! which only synced bytes survive.

use super::subject::{end, event, noise, note, one_generation, small};
use crate::support::figure;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tapline::clock::Millis;
use tapline::journal::Retention;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{Appended, Journal, NewEvent, Seq, Settling, UploadId};

/// The child finds the data directory here, and by it that it is the child.
const DIRECTORY: &str = "TAPLINE_TEST_CRASH_DIRECTORY";
/// The first number of the events that the child may use.
const NUMBERS_FROM: &str = "TAPLINE_TEST_CRASH_NUMBERS_FROM";
/// Bytes of an event that does not shrink.
const NOISE: usize = 20_000;
const NUMBERS_A_ROUND: u64 = 1_000_000;

/// Small enough for a few generations a run, large enough to open fast.
fn options() -> Options {
    Options { generation_events: 3000, block_bytes: 4000, ..small() }
}

/// What the child was told, as far as it came to say so.
#[derive(Default)]
struct Told {
    stored: BTreeMap<u64, u64>,
    settled: BTreeSet<u64>,
    uploads: BTreeSet<u64>,
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return write_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut told, mut events_before) = (Told::default(), 0);
    let rounds = figure::rounds(20, 200);
    for round in 0..rounds as u64 {
        run_and_kill(directory.path(), round, &mut told);
        let stored = told.stored.len();
        assert!(stored > events_before, "round {round}: nothing was answered before the kill");
        events_before = stored;
        check(directory.path(), &told);
    }
    assert!(told.settled.len() > 100, "{} events settled", told.settled.len());
    figure::note("kill -9 of the journal alone: rounds", rounds);
    figure::note("kill -9 of the journal alone: events answered and found again", told.stored.len());
}

#[test]
fn a_disk_that_takes_no_more_ends_all_taking_and_loses_nothing() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return write_until_refused(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    // Files may grow to 12 MiB, after which writing fails as on a full disk; the signal that would kill is ignored.
    let limited = "trap '' XFSZ; ulimit -f 24576; exec \"$0\" \"$@\"";
    let test = std::thread::current().name().unwrap().to_owned();
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let places = said.lines().filter_map(|line| line.strip_prefix("stored ")?.parse().ok());
    let last: u64 = places.max().unwrap();
    assert!(said.contains("refused the journal can not write: "), "{said}");

    let (journal, _store) = SledJournal::open(directory.path(), one_generation()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut at = Seq(0);
        while let Some(block) = journal.block_from(at).await.unwrap() {
            assert_eq!(block.first, at);
            assert!(block.iter().all(|(place, entry)| entry.body == noise(place.0, NOISE)));
            at = block.end();
        }
        assert!(at.0 > last && last > 100, "{last} was answered, the log ends at {at}");
        let next = NewEvent { body: noise(at.0, NOISE), ..event(at.0) };
        assert_eq!(journal.append(vec![next]).await.unwrap(), [Appended::Stored(at)]);
    });
}

fn write_until_refused(directory: &Path) {
    let (journal, _store) = SledJournal::open(directory, one_generation()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for number in 0_u64.. {
            let large = NewEvent { body: noise(number, NOISE), ..event(number) };
            match journal.append(vec![large]).await {
                Ok(answers) => assert_eq!(answers, [Appended::Stored(Seq(number))]),
                Err(error) => return say(&format!("refused {error}\n")),
            }
            say(&format!("stored {number}\n"));
        }
    });
    assert!(journal.broken().is_some());
}

fn run_and_kill(directory: &Path, round: u64, told: &mut Told) {
    let test = std::thread::current().name().unwrap().to_owned();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(NUMBERS_FROM, (round * NUMBERS_A_ROUND).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut killed = false;
    // A line that the kill cut off has no end and is not believed.
    while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        let mut words = line.split_whitespace();
        match (
            words.next(),
            words.next().and_then(|n| n.parse().ok()),
            words.next().and_then(|n| n.parse().ok()),
        ) {
            (Some("stored"), Some(place), Some(number)) => {
                assert_eq!(told.stored.insert(place, number), None, "place {place} was given twice");
            }
            (Some("settled"), Some(place), _) => drop(told.settled.insert(place)),
            (Some("upload"), Some(id), _) => assert!(told.uploads.insert(id), "upload {id} was given twice"),
            // What the test harness says.
            _ => {}
        }
        if !killed && line.starts_with("stored") {
            // Between a few and a few hundred commits, another number in every round.
            std::thread::sleep(Duration::from_millis(5 + round * 37 % 130));
            child.kill().unwrap();
            killed = true;
        }
        line.clear();
    }
    child.wait().unwrap();
}

fn check(directory: &Path, told: &Told) {
    let (journal, store) = SledJournal::open(directory, options()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut at, mut first, mut pending, mut numbers) = (Seq(0), None, 0, BTreeSet::new());
        let mut settled_until = None;
        while let Some(block) = journal.block_from(at).await.unwrap() {
            assert!(
                first.is_none() || block.first == at,
                "events are missing between {at} and {}",
                block.first
            );
            first.get_or_insert(block.first);
            for ((place, entry), found) in block.iter().zip(journal.ends(&block).await.unwrap()) {
                let number = number_of(&entry.body);
                assert!(numbers.insert(number), "event {number} is there twice");
                assert_eq!(told.stored.get(&place.0).unwrap_or(&number), &number, "at {place}");
                if told.settled.contains(&place.0) {
                    assert_eq!(found, Some(end(place.0)), "at {place}");
                }
                if found.is_none() {
                    pending += 1;
                    settled_until.get_or_insert(place);
                }
            }
            at = block.end();
        }
        assert_eq!(at, journal.end());
        let first = first.unwrap_or(at);
        let last = told.stored.keys().next_back().unwrap();
        assert!(*last < journal.end().0, "the log ends at {}, but {last} was answered", journal.end());
        assert!(first <= journal.settled_until(), "what has not ended must not be dropped");
        assert_eq!(journal.settled_until(), settled_until.unwrap_or(journal.end()));
        let counts = journal.counts();
        assert_eq!((counts.accepted, counts.pending), (journal.end().0, pending));
        assert_eq!(
            counts.accepted,
            counts.delivered + counts.filtered + counts.failed + counts.dead + counts.pending
        );
        // A repetition of anything answered is recognised.
        for (place, number) in told.stored.iter().rev().take(50) {
            let answer = journal.append(vec![event(*number)]).await.unwrap();
            assert_eq!(answer, [Appended::Duplicate(Seq(*place))]);
        }
    });
    drop((journal, store));
}

fn number_of(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).unwrap();
    text.split("Step ").nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap()
}

fn write_until_killed(directory: &Path) {
    let from: u64 = std::env::var(NUMBERS_FROM).unwrap().parse().unwrap();
    let (journal, _store) = SledJournal::open(directory, options()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        for writer in 0..6_u64 {
            tokio::spawn(append_on_and_on(journal.clone(), from + writer * 100_000, writer));
        }
        tokio::spawn(settle_on_and_on(journal.clone()));
        // Nobody is left to kill this process when the parent died first.
        tokio::time::timeout(Duration::from_secs(20), std::future::pending::<()>()).await.unwrap_err();
    });
}

async fn append_on_and_on(journal: Arc<SledJournal>, from: u64, writer: u64) {
    let mut number = from;
    loop {
        let count = 1 + (number + writer * 7) % 23;
        let events = (number..number + count).map(event).collect();
        let answers = journal.append(events).await.unwrap();
        let mut lines = String::new();
        for (number, answer) in (number..).zip(answers) {
            if let Appended::Stored(place) = answer {
                lines += &format!("stored {} {number}\n", place.0);
            }
        }
        say(&lines);
        number += count;
    }
}

async fn settle_on_and_on(journal: Arc<SledJournal>) {
    for round in 0_u64.. {
        let from = journal.settled_until();
        let until = journal.end().0.min(from.0 + 40);
        if from.0 == until {
            tokio::task::yield_now().await;
            continue;
        }
        let id = journal.next_upload();
        say(&format!("upload {}\n", id.0));
        let places = || (from.0..until).filter(|place| !(place + round).is_multiple_of(9));
        let ends = places().map(|place| (Seq(place), end(place))).collect();
        journal.settle(Settling { upload: Some(note(UploadId(id.0))), ends }).await.unwrap();
        say(&places().map(|place| format!("settled {place}\n")).collect::<String>());
        if round.is_multiple_of(10) {
            let retention = Retention { age: None, bytes: Some(0) };
            journal.sweep(retention, Millis(0)).await.unwrap();
        }
    }
}

// One write each, so that a kill cuts the last line at most.
fn say(lines: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).unwrap();
    out.flush().unwrap();
}
