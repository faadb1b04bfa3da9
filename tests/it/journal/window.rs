//! The window of known events after a restart: bounded by time and count, and whole around what is damaged.

use super::damage::damage;
use super::subject::{START, event, fill, one_generation, small};
use std::time::Duration;
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{Appended, Journal, NewEvent, Seq, WindowPolicy};

async fn is_known(journal: &dyn Journal, number: u64) -> bool {
    let answers = journal.append(vec![event(number)]).await.unwrap();
    matches!(answers[..], [Appended::Duplicate(_)])
}

#[tokio::test]
async fn the_count_that_is_remembered_is_the_same_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let window = WindowPolicy { most: 130, ..WindowPolicy::default() };
    let options = || Options { window, ..small() };
    let (journal, store) = SledJournal::open(directory.path(), options()).unwrap();
    fill(&*journal, 0..350, 25).await;
    drop((journal, store));
    // The last 130 events are spread over three generations.
    let (journal, _store) = SledJournal::open(directory.path(), options()).unwrap();
    assert!(is_known(&*journal, 220).await && is_known(&*journal, 349).await);
    assert!(!is_known(&*journal, 219).await, "one too many");
    assert!(!is_known(&*journal, 220).await, "each new event pushes out the oldest");
}

#[tokio::test]
async fn the_time_that_is_remembered_is_the_same_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let window = WindowPolicy { span: Duration::from_millis(100), ..WindowPolicy::default() };
    let options = || Options { window, ..small() };
    let (journal, store) = SledJournal::open(directory.path(), options()).unwrap();
    fill(&*journal, 0..350, 25).await;
    drop((journal, store));
    let (journal, _store) = SledJournal::open(directory.path(), options()).unwrap();
    let again = |number: u64| NewEvent { received_at: Millis(START + 349), ..event(number) };
    for (number, expected) in [(249, Appended::Duplicate(Seq(249))), (248, Appended::Stored(Seq(350)))] {
        assert_eq!(journal.append(vec![again(number)]).await.unwrap(), [expected], "event {number}");
    }
}

#[tokio::test]
async fn repetitions_are_recognised_on_both_sides_of_a_damaged_block() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options { block_bytes: 4000, ..one_generation() };
    let (journal, store) = SledJournal::open(directory.path(), options()).unwrap();
    fill(&*journal, 0..900, 30).await;
    drop((journal, store));
    drop(SledJournal::open(directory.path(), options()).unwrap());
    damage(directory.path(), 450);
    let (journal, _store) = SledJournal::open(directory.path(), options()).unwrap();
    let mut unknown = Vec::new();
    for number in 0..900 {
        if !is_known(&*journal, number).await {
            unknown.push(number);
        }
    }
    // sled reads leaves, and one of them holds up to 17 blocks of about 60 events.
    assert!(unknown.contains(&450) && unknown.len() < 899, "{unknown:?}");
    assert!(!unknown.contains(&0) || !unknown.contains(&899), "{unknown:?}");
    let first = unknown[0];
    assert!(unknown.iter().copied().eq(first..first + unknown.len() as u64), "one stretch: {unknown:?}");
    assert_eq!(journal.counts().accepted, 900 + unknown.len() as u64);
}

#[tokio::test]
async fn repetitions_are_recognised_before_a_generation_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..350, 25).await;
    drop((journal, store));
    std::fs::remove_dir_all(directory.path().join("gen-00000000000000000100")).unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    for (number, expected) in [(0, true), (99, true), (100, false), (199, false), (200, true), (349, true)] {
        assert_eq!(is_known(&*journal, number).await, expected, "event {number}");
    }
}
