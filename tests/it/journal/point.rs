//! A process that dies at a named point between two steps, instead of at any moment.

use super::subject::named;
use super::writer::{Losses, Told, Work, Writer, check};
use crate::support::figure;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};
use tapline::point::CommitPoint;

/// How a process ends that aborts.
const ABORTED: i32 = 6;

/// The points that delivery passes, and those of backup, restore and repair; `tests/it/faults/point.rs` and
/// `tests/it/journal/half.rs` go through them.
fn is_of_others(point: CommitPoint) -> bool {
    ["upload-", "tokens-", "backup-", "restore-", "repair-"]
        .iter()
        .any(|start| point.name().starts_with(start))
}

#[test]
fn a_death_at_any_named_point_of_the_journal_takes_nothing_that_was_answered() {
    if let Some(work) = Work::given() {
        return work.go_on();
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut told, mut life, mut longest) = (Told::default(), 0, Duration::ZERO);
    let times: &[u64] = if figure::rounds(0, 1) == 0 { &[1, 4] } else { &[1, 2, 3, 5, 8, 13] };
    for point in CommitPoint::ALL.iter().filter(|point| !is_of_others(**point)) {
        for times in times {
            life += 1;
            let at = format!("{}:{times}", point.name());
            // Large events are written in several chunks.
            let size = if *point == CommitPoint::ChunkWritten { 60_000 } else { 0 };
            let writer = Writer::start(directory.path(), life, size, &[("TAPLINE_ABORT_AT", &at)]);
            let status = writer.end(&mut told);
            assert_eq!(status.signal(), Some(ABORTED), "{at} was never passed: {status}");
            let opening = Instant::now();
            assert_eq!(check(directory.path(), &told), Losses::default(), "{at}");
            longest = longest.max(opening.elapsed());
            for left in ["dropped-", "damaged-"] {
                assert_eq!(named(directory.path(), left), Vec::<String>::new(), "{at}");
            }
        }
    }
    figure::fault(figure::Fault {
        name: "death at each named point of the journal",
        rounds: life as usize,
        acknowledged: told.stored.len(),
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "answer before the sync; leave out the sync of the main database",
    });
}
