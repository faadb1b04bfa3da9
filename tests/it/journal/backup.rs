//! Backups of a journal that is written to, what is made of them again, and what is no backup.

use super::subject::{all, end, ends, event, events, fill, note, small};
use crate::support::figure::{self, Fault};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tapline::clock::Millis;
use tapline::journal::backup::{BackupError, Head, Reader, Writer};
use tapline::journal::sled::{RestoreError, SledJournal};
use tapline::journal::{Appended, Counts, Journal, Retention, Seq, Settling, Store, Table, UploadId};

fn written(mut writer: Writer) -> Vec<u8> {
    std::iter::from_fn(|| writer.next_part().unwrap()).flatten().collect()
}

async fn backup(journal: &dyn Journal) -> (Head, Vec<u8>) {
    let source = journal.snapshot(Millis(1)).await.unwrap();
    let head = source.head().clone();
    (head, written(Writer::new(source)))
}

fn assert_sums(counts: Counts) {
    let Counts { accepted, delivered, filtered, failed, dead, pending } = counts;
    assert_eq!(accepted, delivered + filtered + failed + dead + pending);
}

fn restore(bytes: &[u8], directory: &Path) -> Result<(), RestoreError> {
    SledJournal::restore(&mut Reader::open(bytes).unwrap(), directory).map(|_| ())
}

async fn a_small_backup() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..250, 10).await;
    journal.settle(Settling { upload: Some(note(UploadId(1))), ..ends(0..200) }).await.unwrap();
    store.put(Table::Settings, b"settings", Some(b"{}")).unwrap();
    backup(&*journal).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_moment_and_restores_to_exactly_that() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..500, 25).await;
    // The first part of the log has ended and is dropped, so that its events are in the counts alone.
    journal.settle(ends(0..150)).await.unwrap();
    journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(0)).await.unwrap();
    let id = journal.next_upload();
    journal.settle(ends(150..260)).await.unwrap();
    store.put(Table::Settings, b"settings", Some(b"{\"a\":1}")).unwrap();
    store.put(Table::Users, b"jane", Some(b"account")).unwrap();

    let mut source = journal.snapshot(Millis(7)).await.unwrap();
    let head = source.head().clone();
    assert!(matches!(journal.snapshot(Millis(7)).await, Err(BackupError::Running)));
    source.next().unwrap();
    // Everything that was pending ends, and more arrives, before the backup has read a page of ends.
    fill(&*journal, 500..700, 25).await;
    journal.settle(ends(260..650)).await.unwrap();
    let swept = journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(0)).await.unwrap();
    assert_eq!(swept.generations, 0, "nothing is dropped during a backup");
    drop(source);
    let swept = journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(0)).await.unwrap();
    assert!(swept.generations > 0, "and everything again after it");
    assert_eq!((head.end, head.counts.pending), (Seq(500), 240));

    // A note goes with the events before it, so it is written after the last of them was dropped.
    journal.settle(Settling { upload: Some(note(id)), ..ends(650..660) }).await.unwrap();

    // The same under a load that goes on for as long as the backup takes.
    let before = all(&*journal).await;
    let writing = {
        let journal: Arc<SledJournal> = journal.clone();
        tokio::spawn(async move {
            for first in (700..3000_u64).step_by(20) {
                journal.append(events(first..first + 20)).await.unwrap();
                journal.settle(ends(first - 50..first)).await.unwrap();
            }
        })
    };
    let (head, bytes) = backup(&*journal).await;
    writing.await.unwrap();
    assert_sums(head.counts);
    let after = all(&*journal).await;
    drop((journal, store));

    let again = tempfile::tempdir().unwrap();
    restore(&bytes, again.path()).unwrap();
    let (journal, store) = SledJournal::open(again.path(), small()).unwrap();
    assert_eq!(
        (journal.counts(), journal.end(), journal.kept_from()),
        (head.counts, head.end, head.kept_from)
    );
    let restored = all(&*journal).await;
    assert!(before.len() <= restored.len() && restored.len() as u64 == head.end.0 - head.kept_from.0);
    let mut ended = 0;
    for ((place, event, end), (was_at, was, was_end)) in restored.iter().zip(&after) {
        assert_eq!((place, event), (was_at, was));
        // An end in the backup is the end there is; one that is missing came later.
        assert!(end.is_none() || end == was_end, "{place}");
        ended += u64::from(end.is_some());
    }
    assert_eq!(ended + head.kept_from.0, head.counts.accepted - head.counts.pending);
    assert_eq!(store.get(Table::Settings, b"settings").unwrap().unwrap(), b"{\"a\":1}");
    assert_eq!(store.get(Table::Users, b"jane").unwrap().unwrap(), b"account");
    assert_eq!(journal.upload(id).await.unwrap(), Some(note(id)));
    assert!(journal.next_upload() > id);
    // It goes on: repetitions are known, new events follow, and what is pending can end.
    let last = head.end.0 - 1;
    assert_eq!(journal.append(vec![event(last)]).await.unwrap(), [Appended::Duplicate(Seq(last))]);
    assert_eq!(journal.append(vec![event(90_000)]).await.unwrap(), [Appended::Stored(head.end)]);
    let ends = (head.kept_from.0..=head.end.0).map(|place| (Seq(place), end(place))).collect();
    journal.settle(Settling { upload: None, ends }).await.unwrap();
    assert_eq!(journal.counts().pending, 0);
    assert_sums(journal.counts());
}

#[tokio::test]
async fn pages_that_end_before_they_are_copied_are_copied_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..600, 50).await;
    journal.settle(ends(0..100)).await.unwrap();
    let source = journal.snapshot(Millis(0)).await.unwrap();
    let head = source.head().clone();
    journal.settle(ends(100..600)).await.unwrap();
    let bytes = written(Writer::new(source));
    let (again, restoring) = (tempfile::tempdir().unwrap(), Instant::now());
    restore(&bytes, again.path()).unwrap();
    let (journal, _store) = SledJournal::open(again.path(), small()).unwrap();
    let recovery = restoring.elapsed();
    assert_eq!((journal.counts(), journal.settled_until()), (head.counts, Seq(100)));
    let ended = all(&*journal).await.iter().filter(|(_, _, end)| end.is_some()).count();
    assert_eq!((ended, head.counts.pending), (100, 500));
    figure::fault(Fault {
        name: "a backup while events end that it has not read yet, restored elsewhere",
        rounds: 1,
        acknowledged: 600,
        lost: 0,
        twice: None,
        recovery,
        mutation: "pages that end meanwhile are not set aside",
    });
}

#[tokio::test]
async fn what_is_cut_changed_or_foreign_is_recognised_and_leaves_nothing_behind() {
    let bytes = a_small_backup().await;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut random = fastrand::Rng::with_seed(3);
    let cuts = (0..60).map(|_| random.usize(0..bytes.len())).chain([0, 7, 8, 12, bytes.len() - 1]);
    for cut in cuts {
        let read = Reader::open(&bytes[..cut]).map(|mut reader| SledJournal::inspect(&mut reader));
        assert!(matches!(read, Err(_) | Ok(Err(_))), "cut at {cut}");
    }
    for round in 0..200 {
        let (at, bit) = (random.usize(0..bytes.len()), random.u8(0..8));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let read = Reader::open(&*flipped).map(|mut reader| SledJournal::inspect(&mut reader));
        assert!(matches!(read, Err(_) | Ok(Err(_))), "round {round}: byte {at}");
    }
    let foreign = Reader::open(&b"PK\x03\x04 something else"[..]).map(|_| ()).unwrap_err().to_string();
    assert!(foreign.contains("this is no backup"), "{foreign}");
    let mut future = bytes.clone();
    future[8] = 9;
    let future = Reader::open(&*future).map(|_| ()).unwrap_err().to_string();
    assert!(future.contains("format version `9`, this program reads `1`"), "{future}");
    let followed = [&bytes[..], b"x"].concat();
    assert!(SledJournal::inspect(&mut Reader::open(&*followed).unwrap()).is_err());

    let cut = restore(&bytes[..bytes.len() - 40], &data).unwrap_err().to_string();
    assert!(cut.contains("cut off"), "{cut}");
    assert!(!data.exists(), "nothing is left");
    restore(&bytes, &data).unwrap();
    let refused = restore(&bytes, &data).unwrap_err().to_string();
    assert!(refused.contains("is not empty") && refused.contains("an empty or a new directory"), "{refused}");
}

#[tokio::test]
async fn a_restore_that_was_killed_is_refused_until_it_is_done_again() {
    let bytes = a_small_backup().await;
    let data = tempfile::tempdir().unwrap();
    // As a kill leaves it between the first and the last of what is put in place.
    std::fs::create_dir_all(data.path().join("incoming/main")).unwrap();
    std::fs::create_dir(data.path().join("gen-00000000000000000000")).unwrap();
    let error = SledJournal::open(data.path(), small()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("was not finished; run `tapline restore` again"), "{error}");
    restore(&bytes, data.path()).unwrap();
    let (journal, _store) = SledJournal::open(data.path(), small()).unwrap();
    assert_eq!((journal.counts().accepted, all(&*journal).await.len()), (250, 250));
}
