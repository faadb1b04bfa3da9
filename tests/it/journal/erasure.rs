//! What is erased is gone from the disk, and a kill at any step of removing it leaves a journal that goes on.

use super::subject::{START, all, ends, named, noise, small};
use crate::support::copy::copy;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tapline::clock::Millis;
use tapline::journal::sled::{Options, PurgeHook, PurgeStep, SledJournal};
use tapline::journal::{DedupKey, Erasure, Journal, NewEvent, Purged, Refusal, Retention, Seq};

const CANARY: &str = "canary_7f3a";

/// Every third event holds the canary, in text that no compression hides; every ninth was refused with it, too.
fn event(number: u64) -> NewEvent {
    let whose = if is_canary(number) { CANARY } else { "somebody" };
    // Bytes of every value, so that nothing is worth compressing.
    let noise =
        noise(number, 200).into_iter().zip(noise(number + 7_000_000, 200)).map(|(a, b)| a ^ b.rotate_left(3));
    let refusal = Refusal { code: "c".to_owned(), message: whose.to_owned(), pointer: String::new() };
    NewEvent {
        dedup: DedupKey(u128::from(number)),
        received_at: Millis(START),
        refusal: number.is_multiple_of(9).then_some(refusal),
        body: format!("{whose} {number} ").into_bytes().into_iter().chain(noise).collect(),
    }
}

fn is_canary(number: u64) -> bool {
    number.is_multiple_of(3)
}

fn canaries(until: u64) -> Vec<Erasure> {
    (0..until).filter(|number| is_canary(*number)).map(|number| Erasure::whole(Seq(number))).collect()
}

/// Blocks so small that none is compressed: what is on the disk can be read there.
fn plain() -> Options {
    Options { block_bytes: 1, ..small() }
}

async fn filled(directory: &Path, options: Options, events: u64) -> Arc<SledJournal> {
    let (journal, _store) = SledJournal::open(directory, options).unwrap();
    for first in (0..events).step_by(10) {
        journal.append((first..events.min(first + 10)).map(event).collect()).await.unwrap();
    }
    journal.settle(ends(0..events)).await.unwrap();
    journal
}

/// The files below a directory that hold these bytes.
fn files_with(directory: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, wanted));
        } else if std::fs::read(&path).unwrap().windows(wanted.len()).any(|part| part == wanted) {
            found.push(path);
        }
    }
    found
}

async fn assert_erased(journal: &SledJournal, events: u64) {
    let found = all(journal).await;
    assert_eq!(found.len() as u64, events);
    for (number, (place, found, end)) in (0..).zip(found) {
        assert_eq!(place, Seq(number));
        assert!(end.is_some(), "{place} lost its end");
        match is_canary(number) {
            true => assert!(found.body.is_empty() && found.refusal.is_none(), "{place} is not erased"),
            false => assert_eq!((found.body, found.refusal), (event(number).body, event(number).refusal)),
        }
    }
    assert_eq!((journal.counts().accepted, journal.counts().pending), (events, 0));
}

#[tokio::test]
async fn after_a_purge_no_file_holds_what_was_erased() {
    let directory = tempfile::tempdir().unwrap();
    let journal = filled(directory.path(), plain(), 250).await;
    assert!(files_with(directory.path(), CANARY.as_bytes()).len() >= 2, "the test would show nothing");
    journal.erase(canaries(250), Millis(7)).await.unwrap();
    assert_eq!(journal.unpurged(), 84);
    assert_erased(&journal, 250).await;
    let purged = journal.purge().await.unwrap();
    assert_eq!(purged, Purged { generations: 3, events: 84 });
    assert_eq!(files_with(directory.path(), CANARY.as_bytes()), [] as [PathBuf; 0]);
    assert!(files_with(directory.path(), b"somebody").len() >= 3);
    assert_erased(&journal, 250).await;
    drop(journal);
    let (journal, _store) = SledJournal::open(directory.path(), plain()).unwrap();
    assert_eq!(journal.unpurged(), 0);
    assert_erased(&journal, 250).await;
    assert_eq!(files_with(directory.path(), CANARY.as_bytes()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_kill_at_any_step_of_a_purge_loses_nothing_and_the_purge_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let images = tempfile::tempdir().unwrap();
    // What a kill would leave after each step, for each of the generations.
    let taken: Arc<Mutex<Vec<(PurgeStep, PathBuf)>>> = Arc::default();
    let hook = {
        let (taken, from, to) = (taken.clone(), directory.path().to_owned(), images.path().to_owned());
        PurgeHook::new(move |step| {
            let mut taken = taken.lock().unwrap();
            let image = to.join(format!("{}-{step:?}", taken.len()));
            copy(&from, &image);
            taken.push((step, image));
        })
    };
    let journal = filled(directory.path(), Options { on_purge: Some(hook), ..plain() }, 150).await;
    journal.erase(canaries(150), Millis(7)).await.unwrap();
    journal.purge().await.unwrap();
    drop(journal);
    let taken = taken.lock().unwrap().clone();
    let steps: Vec<PurgeStep> = taken.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [PurgeStep::ALL, PurgeStep::ALL].concat());
    for (step, image) in taken {
        let (journal, _store) = SledJournal::open(&image, plain()).unwrap();
        assert_erased(&journal, 150).await;
        for start in ["draft-", "whole-", "dropped-"] {
            assert_eq!(named(&image, start), [] as [String; 0], "after {step:?}");
        }
        journal.purge().await.unwrap();
        assert_eq!(journal.unpurged(), 0, "after {step:?}");
        assert_erased(&journal, 150).await;
        assert_eq!(files_with(&image, CANARY.as_bytes()), [] as [PathBuf; 0], "after {step:?}");
        assert_eq!(journal.append(vec![event(1_000)]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn readers_and_writers_go_on_through_erasures_and_purges() {
    let directory = tempfile::tempdir().unwrap();
    let journal = filled(directory.path(), small(), 300).await;
    let reading = {
        let journal = journal.clone();
        tokio::spawn(async move {
            for _ in 0..40 {
                for (number, (_, found, _)) in (0..300_u64).zip(all(&*journal).await) {
                    let whole = found.body == event(number).body;
                    assert!(whole || is_canary(number) && found.body.is_empty(), "{number}");
                }
            }
        })
    };
    for number in (0..300).filter(|number| is_canary(*number)) {
        journal.erase(vec![Erasure::whole(Seq(number))], Millis(7)).await.unwrap();
        // From now on it is gone, whatever readers had under way.
        let block = journal.block_from(Seq(number)).await.unwrap().unwrap();
        assert!(block.get(Seq(number)).unwrap().body.is_empty());
        if number.is_multiple_of(60) {
            journal.purge().await.unwrap();
            journal.append(vec![event(10_000 + number)]).await.unwrap();
        }
    }
    reading.await.unwrap();
    journal.purge().await.unwrap();
    assert_eq!(journal.unpurged(), 0);
}

#[tokio::test]
async fn notes_of_what_retention_dropped_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let journal = filled(directory.path(), small(), 250).await;
    journal.erase(canaries(250), Millis(7)).await.unwrap();
    journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(START)).await.unwrap();
    let kept = journal.kept_from().0;
    assert!(kept >= 200, "{kept}");
    assert_eq!(journal.unpurged(), (kept..250).filter(|number| is_canary(*number)).count() as u64);
}
