//! What only a disk can show: when an answer is given, what a failing or full disk does, damage, rotation, a second opener.

use super::subject::{START, all, end, ends, event, events, fill, named, noise, note, small};
use futures_util::future::join_all;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal, SledStore, SyncHook};
use tapline::journal::{
    AppendError, Appended, Counts, Journal, JournalError, NewEvent, Retention, Seq, Settling, Store, Table,
    UploadId,
};

fn open(directory: &Path) -> (Arc<SledJournal>, Arc<SledStore>) {
    SledJournal::open(directory, small()).unwrap()
}

fn is_generation(directory: &Path) -> bool {
    directory.file_name().unwrap().to_string_lossy().starts_with("gen-")
}

/// A disk whose syncs of events stand still while it is held.
struct HeldDisk {
    held: Arc<AtomicBool>,
    reached: Receiver<()>,
    release: SyncSender<()>,
    syncs: Arc<AtomicU64>,
}

impl HeldDisk {
    fn new() -> (Self, SyncHook) {
        let (reach, reached) = sync_channel(1000);
        let (release, released) = sync_channel(1000);
        let released = Mutex::new(released);
        let (held, syncs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let disk = Self { held: held.clone(), reached, release, syncs: syncs.clone() };
        let hook = SyncHook::new(move |directory| {
            if is_generation(directory) {
                syncs.fetch_add(1, Ordering::SeqCst);
                if held.load(Ordering::SeqCst) {
                    reach.send(()).unwrap();
                    released.lock().unwrap().recv().unwrap();
                }
            }
            Ok(())
        });
        (disk, hook)
    }

    fn wait_until_reached(&self) {
        self.reached.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}

/// Polls once, so that what a future does before its first wait is done.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn nothing_is_answered_or_shown_before_its_sync_and_a_repetition_waits_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, hook) = HeldDisk::new();
    let (journal, _store) =
        SledJournal::open(directory.path(), Options { on_sync: Some(hook), ..small() }).unwrap();
    disk.held.store(true, Ordering::SeqCst);
    let mut first = pin!(journal.append(vec![event(1)]));
    assert!(poll_once(first.as_mut()).await.is_none());
    disk.wait_until_reached();
    let mut repeated = pin!(journal.append(vec![event(1)]));
    assert!(poll_once(repeated.as_mut()).await.is_none());
    // The event is written by now, and only its sync is missing.
    assert_eq!(journal.end(), Seq(0));
    assert_eq!(journal.block_from(Seq(0)).await.unwrap(), None);
    assert_eq!(journal.counts().accepted, 0);
    assert!(poll_once(first.as_mut()).await.is_none() && poll_once(repeated.as_mut()).await.is_none());
    disk.held.store(false, Ordering::SeqCst);
    disk.release.send(()).unwrap();
    assert_eq!(first.await.unwrap(), [Appended::Stored(Seq(0))]);
    assert_eq!(repeated.await.unwrap(), [Appended::Duplicate(Seq(0))]);
    assert_eq!(journal.end(), Seq(1));
}

#[tokio::test]
async fn what_arrives_during_a_sync_shares_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, hook) = HeldDisk::new();
    let options = Options { on_sync: Some(hook), generation_events: 1_000_000, ..small() };
    let (journal, _store) = SledJournal::open(directory.path(), options).unwrap();
    disk.held.store(true, Ordering::SeqCst);
    let mut first = pin!(journal.append(vec![event(1000)]));
    assert!(poll_once(first.as_mut()).await.is_none());
    disk.wait_until_reached();
    let mut others = pin!(join_all((0..60).map(|number| journal.append(vec![event(number)]))));
    assert!(poll_once(others.as_mut()).await.is_none());
    let before = disk.syncs.load(Ordering::SeqCst);
    disk.held.store(false, Ordering::SeqCst);
    disk.release.send(()).unwrap();
    first.await.unwrap();
    for (number, answer) in (1..).zip(others.await) {
        assert_eq!(answer.unwrap(), [Appended::Stored(Seq(number))]);
    }
    assert_eq!(disk.syncs.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn a_full_queue_is_answered_at_once_and_takes_again_later() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, hook) = HeldDisk::new();
    let options = Options { on_sync: Some(hook), queue_bytes: 2000, ..small() };
    let (journal, _store) = SledJournal::open(directory.path(), options).unwrap();
    disk.held.store(true, Ordering::SeqCst);
    let mut first = pin!(journal.append(vec![event(1)]));
    assert!(poll_once(first.as_mut()).await.is_none());
    disk.wait_until_reached();
    let mut waiting = pin!(journal.append(events(2..9)));
    assert!(poll_once(waiting.as_mut()).await.is_none());
    let refused = journal.append(events(9..16)).await;
    assert!(
        matches!(refused, Err(AppendError::Full { retry_after }) if retry_after >= Duration::from_secs(1))
    );
    disk.held.store(false, Ordering::SeqCst);
    disk.release.send(()).unwrap();
    first.await.unwrap();
    waiting.await.unwrap();
    let answers = journal.append(events(9..16)).await.unwrap();
    assert_eq!(answers[0], Appended::Stored(Seq(8)), "a refused event must not count as known");
}

/// A disk that fails from some moment on, for databases whose name starts with `part`.
fn failing_disk(part: &'static str) -> (Arc<AtomicBool>, SyncHook) {
    let fails = Arc::new(AtomicBool::new(false));
    let switch = fails.clone();
    let hook = SyncHook::new(move |directory| {
        let concerned = directory.file_name().unwrap().to_string_lossy().starts_with(part);
        if concerned && fails.load(Ordering::SeqCst) {
            Err(io::Error::other("input/output error"))
        } else {
            Ok(())
        }
    });
    (switch, hook)
}

#[tokio::test]
async fn a_failed_sync_of_events_ends_all_taking_until_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (fails, hook) = failing_disk("gen-");
    let (journal, store) =
        SledJournal::open(directory.path(), Options { on_sync: Some(hook), ..small() }).unwrap();
    fill(&*journal, 0..5, 5).await;
    assert_eq!(journal.broken(), None);
    fails.store(true, Ordering::SeqCst);
    let error = journal.append(events(5..8)).await.unwrap_err();
    assert!(error.to_string().contains("events could not be synced: input/output error"), "{error}");
    // A sync that works again proves nothing about what the failed one left behind.
    fails.store(false, Ordering::SeqCst);
    assert!(matches!(journal.append(events(8..9)).await, Err(AppendError::Broken(_))));
    assert!(journal.broken().unwrap().contains("input/output error"));
    assert!(matches!(journal.settle(ends(0..1)).await, Err(JournalError::Storage(_))));
    assert!(matches!(store.put(Table::Setup, b"setup", Some(b"1")), Err(JournalError::Storage(_))));
    assert_eq!(journal.end(), Seq(5));
    assert_eq!(all(&*journal).await.len(), 5);
    drop((journal, store));
    let (journal, _store) = open(directory.path());
    assert!(journal.end() >= Seq(5));
    let found = all(&*journal).await;
    assert!(found.iter().zip(0..).all(|((_, found, _), number)| found.body == event(number).body));
}

#[tokio::test]
async fn a_failed_sync_of_ends_ends_all_taking_and_the_ends_can_be_given_again() {
    let directory = tempfile::tempdir().unwrap();
    let (fails, hook) = failing_disk("main");
    let (journal, store) =
        SledJournal::open(directory.path(), Options { on_sync: Some(hook), ..small() }).unwrap();
    fill(&*journal, 0..5, 5).await;
    journal.settle(ends(0..2)).await.unwrap();
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(journal.settle(ends(2..4)).await, Err(JournalError::Storage(_))));
    fails.store(false, Ordering::SeqCst);
    assert_eq!((journal.settled_until(), journal.counts().pending), (Seq(2), 3));
    assert!(matches!(journal.append(events(5..6)).await, Err(AppendError::Broken(_))));
    drop((journal, store));
    let (journal, _store) = open(directory.path());
    journal.settle(ends(0..5)).await.unwrap();
    assert_eq!((journal.settled_until(), journal.counts().pending), (Seq(5), 0));
}

#[tokio::test]
async fn a_full_disk_refuses_until_generations_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        Options { disk_bound: 24 << 20, generation_bytes: 4 << 20, generation_events: 200, ..small() };
    let (journal, _store) = SledJournal::open(directory.path(), options).unwrap();
    let mut taken = 0;
    let refused = loop {
        let large = |number| NewEvent { body: noise(number, 20_000), ..event(number) };
        match journal.append((taken..taken + 10).map(large).collect()).await {
            Ok(_) => taken += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full { retry_after } if retry_after >= Duration::from_secs(10)));
    assert!(taken > 200, "{taken}");
    assert_eq!(journal.broken(), None);
    journal.settle(ends(0..taken)).await.unwrap();
    let swept = journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(0)).await.unwrap();
    assert!(swept.generations > 0 && swept.bytes > 0, "{swept:?}");
    fill(&*journal, taken..taken + 20, 20).await;
}

#[tokio::test]
async fn a_file_system_with_too_little_room_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { disk_reserve: u64::MAX, ..small() };
    let (journal, _store) = SledJournal::open(directory.path(), options).unwrap();
    assert!(matches!(journal.append(events(0..1)).await, Err(AppendError::Full { .. })));
}

#[tokio::test]
async fn a_data_directory_has_one_process_and_is_closed_to_others() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data/of/tapline");
    let (journal, store) = open(&directory);
    let error = SledJournal::open(&directory, small()).unwrap_err();
    assert!(
        matches!(&error, JournalError::InUse { directory: named } if *named == directory.display().to_string())
    );
    assert!(error.to_string().contains("choose another with --data"), "{error}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&directory).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    drop(journal);
    assert!(matches!(SledJournal::open(&directory, small()), Err(JournalError::InUse { .. })));
    drop(store);
    open(&directory);
}

#[tokio::test]
async fn closing_keeps_what_was_handed_over_and_takes_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, hook) = HeldDisk::new();
    let (journal, store) =
        SledJournal::open(directory.path(), Options { on_sync: Some(hook), ..small() }).unwrap();
    disk.held.store(true, Ordering::SeqCst);
    let handle = journal.clone();
    let mut first = Box::pin(handle.append(events(0..1)));
    assert!(poll_once(first.as_mut()).await.is_none());
    disk.wait_until_reached();
    let mut second = Box::pin(handle.append(events(1..4)));
    assert!(poll_once(second.as_mut()).await.is_none());
    disk.held.store(false, Ordering::SeqCst);
    disk.release.send(()).unwrap();
    let closing = journal.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    assert_eq!(first.await.unwrap().len() + second.await.unwrap().len(), 4);
    assert!(matches!(journal.append(events(4..5)).await, Err(AppendError::Broken(_))));
    assert!(matches!(journal.settle(ends(0..1)).await, Err(JournalError::Storage(_))));
    assert_eq!((journal.broken(), all(&*journal).await.len()), (None, 4));
    drop((handle, journal, store));
    assert_eq!(open(directory.path()).0.end(), Seq(4));
}

#[tokio::test]
async fn upload_numbers_have_no_gap_over_a_clean_restart() {
    let directory = tempfile::tempdir().unwrap();
    for expected in 1..4 {
        let (journal, _store) = open(directory.path());
        assert_eq!(journal.next_upload(), UploadId(expected));
        journal.close();
    }
}

#[tokio::test]
async fn generations_follow_one_another_and_are_dropped_whole_once_all_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = open(directory.path());
    fill(&*journal, 0..60, 7).await;
    fill(&*journal, 60..450, 20).await;
    let generations = || named(directory.path(), "gen-");
    let name = |first: u64| format!("gen-{first:020}");
    // 450 is past three quarters of the fifth, so the sixth is being made or there already.
    assert_eq!(generations()[..5], [0, 100, 200, 300, 400].map(name));
    let id = journal.next_upload();
    journal.settle(Settling { upload: Some(note(id)), ..ends(0..99) }).await.unwrap();
    let later = journal.next_upload();
    let with = |id, at: u64| (Seq(at), tapline::journal::End { upload: Some(id), ..end(at) });
    journal.settle(Settling { upload: Some(note(later)), ends: vec![with(later, 310)] }).await.unwrap();
    let everything = Retention { age: Some(Duration::ZERO), bytes: None };
    let much_later = Millis(START + 1_000_000);
    assert_eq!(journal.sweep(everything, much_later).await.unwrap().generations, 0, "99 has not ended");
    journal.settle(ends(99..270)).await.unwrap();
    // Event 199 was received 199 ms after the start; a day later it is past an age of a day, and 200 is not.
    let age = Retention { age: Some(Duration::from_secs(86_400)), bytes: None };
    let swept = journal.sweep(age, Millis(START + 86_400_000 + 200)).await.unwrap();
    assert_eq!((swept.generations, swept.events), (2, 200));
    assert_eq!(generations()[..3], [200, 300, 400].map(name));
    assert_eq!(named(directory.path(), "dropped-"), Vec::<String>::new());
    let counts = journal.counts();
    assert_eq!(journal.block_from(Seq(0)).await.unwrap().unwrap().first, Seq(200));
    drop((journal, store));
    let (journal, _store) = open(directory.path());
    assert_eq!(journal.counts(), counts);
    assert_eq!(all(&*journal).await.len(), 250);
    assert_eq!(journal.block_before(Seq(200)).await.unwrap(), None);
    assert_eq!(journal.settled_until(), Seq(270));
    journal.settle(ends(0..200)).await.unwrap();
    assert_eq!(journal.counts(), counts, "what was dropped has ended before");
}

#[tokio::test]
async fn notes_of_uploads_that_no_kept_event_refers_to_go_with_the_generation() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _store) = open(directory.path());
    fill(&*journal, 0..1000, 20).await;
    let (early, late) = (journal.next_upload(), journal.next_upload());
    for (id, range) in [(early, 0..500), (late, 500..1000)] {
        let ends = range.map(|at| (Seq(at), tapline::journal::End { upload: Some(id), ..end(at) })).collect();
        journal.settle(Settling { upload: Some(note(id)), ends }).await.unwrap();
    }
    let age = Retention { age: Some(Duration::from_millis(1)), bytes: None };
    assert_eq!(journal.sweep(age, Millis(START + 610)).await.unwrap().events, 600);
    // The page of the events around 600 still knows both; the next one only the later.
    assert!(journal.upload(late).await.unwrap().is_some());
    assert_eq!(journal.sweep(age, Millis(START + 1000)).await.unwrap().events, 300);
    assert_eq!(journal.upload(early).await.unwrap(), None);
    assert!(journal.upload(late).await.unwrap().is_some());
}

#[tokio::test]
async fn a_generation_made_ahead_is_used_by_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = open(directory.path());
    fill(&*journal, 0..80, 80).await;
    journal.close();
    drop((journal, store));
    assert_eq!(named(directory.path(), "gen-").len(), 2);
    let (journal, _store) = open(directory.path());
    fill(&*journal, 80..120, 40).await;
    assert_eq!(all(&*journal).await.len(), 120);
    assert_eq!(named(directory.path(), "gen-").len(), 2);
}

#[tokio::test]
async fn a_generation_that_can_not_be_made_stops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = open(directory.path());
    std::fs::write(directory.path().join(format!("gen-{:020}", 100)), "in the way").unwrap();
    fill(&*journal, 0..260, 20).await;
    assert_eq!(all(&*journal).await.len(), 260);
    drop((journal, store));
    std::fs::remove_file(directory.path().join(format!("gen-{:020}", 100))).unwrap();
    assert_eq!(all(&*open(directory.path()).0).await.len(), 260);
}

#[tokio::test]
async fn what_a_killed_drop_or_rotation_left_behind_is_tidied_up() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = open(directory.path());
    fill(&*journal, 0..250, 25).await;
    drop((journal, store));
    let dropped = directory.path().join("dropped-gen-00000000000000000000");
    std::fs::rename(directory.path().join("gen-00000000000000000000"), &dropped).unwrap();
    // Two plans for the next generation, of which only the nearer can be right, and one that was passed over.
    for first in [240, 300, 700] {
        let made = SledJournal::open(&directory.path().join("elsewhere"), small()).unwrap();
        drop(made);
        let from = directory.path().join("elsewhere/gen-00000000000000000000");
        let to = directory.path().join(format!("gen-{first:020}"));
        let _ = std::fs::remove_dir_all(&to);
        std::fs::rename(from, to).unwrap();
        std::fs::remove_dir_all(directory.path().join("elsewhere")).unwrap();
    }
    let (journal, _store) = open(directory.path());
    assert!(!dropped.exists());
    assert_eq!(named(directory.path(), "gen-"), [100, 200, 300].map(|first| format!("gen-{first:020}")));
    assert_eq!(all(&*journal).await.len(), 150);
    fill(&*journal, 250..350, 50).await;
    assert_eq!(all(&*journal).await.len(), 250);
}

#[tokio::test]
async fn a_log_that_lost_its_newest_events_says_so_and_never_gives_their_places_away_again() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = open(directory.path());
    fill(&*journal, 0..250, 25).await;
    journal.settle(ends(0..90)).await.unwrap();
    journal.settle(ends(200..240)).await.unwrap();
    let before = journal.counts();
    drop((journal, store));
    for name in named(directory.path(), "gen-").split_off(1) {
        std::fs::remove_dir_all(directory.path().join(name)).unwrap();
    }
    let (journal, _store) = open(directory.path());
    // 250 were accepted, 100 are left, 10 of those are pending, and the 110 lost ones that had not ended are dead.
    assert_eq!(journal.counts(), Counts { dead: before.dead + 110, pending: 10, ..before });
    assert_eq!(journal.append(events(1000..1001)).await.unwrap(), [Appended::Stored(Seq(250))]);
    let found = all(&*journal).await;
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].2, None, "a new event must not inherit an end");
    journal.settle(ends(90..100)).await.unwrap();
    assert_eq!(journal.settled_until(), Seq(250));
}

#[tokio::test]
async fn values_too_large_for_the_log_are_refused_with_both_sizes() {
    let directory = tempfile::tempdir().unwrap();
    let (_journal, store) = open(directory.path());
    let error = store.put(Table::Settings, b"settings", Some(&[0; 60_000])).unwrap_err().to_string();
    assert!(error.contains("`settings` has 60000 bytes, the most is 56320"), "{error}");
    store.put(Table::Settings, b"settings", Some(&[0; 56_320])).unwrap();
}
