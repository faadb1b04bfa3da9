//! Kill -9 under load, and a disk that takes no more: whatever was answered before is there after it.
//!
//! This shows that a crash of the process loses nothing. It can not show what a power loss does; that needs a disk on
//! which only synced bytes survive.

use super::subject::{event, noise, one_generation};
use super::writer::{Losses, Told, Work, Writer, check};
use crate::support::figure::{self, Fault};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tapline::journal::sled::SledJournal;
use tapline::journal::{Appended, Journal, NewEvent, Seq};

/// The child finds the data directory here, and by it that it is the child.
const DIRECTORY: &str = "TAPLINE_TEST_CRASH_DIRECTORY";
/// SIGKILL.
const KILLED: i32 = 9;
/// Bytes of an event that does not shrink.
const NOISE: usize = 20_000;

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    if let Some(work) = Work::given() {
        return work.go_on();
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut told, mut events_before, mut longest) = (Told::default(), 0, Duration::ZERO);
    let rounds = figure::rounds(20, 200);
    for round in 0..rounds as u64 {
        let mut writer = Writer::start(directory.path(), round, 0, &[]);
        // Between a few and a few hundred commits, another number in every round.
        writer.hear(&mut told, Duration::from_millis(5 + round * 37 % 130));
        let status = writer.kill(&mut told);
        assert_eq!(status.signal(), Some(KILLED), "round {round}: the writer ended by itself: {status}");
        let stored = told.stored.len();
        assert!(stored > events_before, "round {round}: nothing was answered before the kill");
        events_before = stored;
        let opening = Instant::now();
        assert_eq!(check(directory.path(), &told), Losses::default(), "round {round}");
        longest = longest.max(opening.elapsed());
    }
    assert!(told.settled.len() > 100, "{} events settled", told.settled.len());
    figure::fault(Fault {
        name: "kill -9 of the journal alone, under load",
        rounds,
        acknowledged: told.stored.len(),
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "answer before the block is written",
    });
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

// One write each, so that a kill cuts the last line at most.
fn say(lines: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).unwrap();
    out.flush().unwrap();
}
