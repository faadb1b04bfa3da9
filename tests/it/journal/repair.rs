//! A damaged data directory that is repaired: what comes back, what is counted as lost, and a stop at any step.

use super::subject::{START, all, end, ends, event, fill, named, small};
use crate::support::copy::copy;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tapline::clock::Millis;
use tapline::journal::sled::{Repair, RepairError, RepairStep, Repaired, SledJournal};
use tapline::journal::{Appended, Counts, End, Journal, Seq, Settling, State, Store, Table};

pub(super) const EVENTS: u64 = 350;
pub(super) const ENDED: u64 = 300;

pub(super) async fn filled(directory: &Path) {
    let (journal, store) = SledJournal::open(directory, small()).unwrap();
    fill(&*journal, 0..EVENTS, 25).await;
    journal.settle(ends(0..ENDED)).await.unwrap();
    store.put(Table::Settings, b"settings", Some(b"{}")).unwrap();
}

/// Zeros over the start of the log file of a database, where its first segment says which one it is.
pub(super) fn behead(directory: &Path, database: &str) {
    let path = directory.join(database).join("db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[..20].fill(0);
    fs::write(&path, bytes).unwrap();
}

/// Every file of the databases, by name.
pub(super) fn databases(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for database in [named(directory, "main"), named(directory, "gen-")].concat() {
        for file in named(&directory.join(&database), "").into_iter().filter(|file| file != "blobs") {
            let name = format!("{database}/{file}");
            found.insert(name.clone(), fs::read(directory.join(&name)).unwrap_or_default());
        }
    }
    found
}

fn repair(directory: &Path) -> Repair {
    match SledJournal::repair(directory, Millis(START), &mut |_| {}).unwrap() {
        Repaired::Done(repair) => repair,
        Repaired::Nothing(findings) => panic!("there was something to repair: {findings:?}"),
    }
}

fn sums(counts: Counts) {
    let Counts { accepted, delivered, filtered, failed, dead, pending } = counts;
    assert_eq!(accepted, delivered + filtered + failed + dead + pending);
}

/// Everything is there, and it goes on.
pub(super) async fn assert_all_there(directory: &Path, at: &str) {
    let (journal, store) = SledJournal::open(directory, small()).unwrap();
    let found = all(&*journal).await;
    assert_eq!(found.len() as u64, EVENTS, "{at}");
    for (place, found, its_end) in found {
        assert_eq!(found.body, event(place.0).body, "{at}");
        assert_eq!(its_end, (place.0 < ENDED).then(|| end(place.0)), "{at}: {place}");
    }
    assert_eq!(store.get(Table::Settings, b"settings").unwrap().as_deref(), Some(&b"{}"[..]), "{at}");
    assert_eq!(journal.append(vec![event(3)]).await.unwrap(), [Appended::Duplicate(Seq(3))], "{at}");
    assert_eq!(journal.append(vec![event(9000)]).await.unwrap(), [Appended::Stored(Seq(EVENTS))], "{at}");
    journal.settle(ends(ENDED..EVENTS + 1)).await.unwrap();
    assert_eq!((journal.counts().pending, journal.usage().lost_events), (0, 0), "{at}");
    sums(journal.counts());
}

#[tokio::test]
async fn a_stop_at_any_step_leaves_the_original_or_the_repaired_one_and_the_original_aside() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path()).await;
    behead(original.path(), "main");
    behead(original.path(), "gen-00000000000000000100");
    let before = databases(original.path());
    let mut steps = Vec::new();
    let whole = tempfile::tempdir().unwrap();
    copy(original.path(), whole.path());
    let repaired = SledJournal::repair(whole.path(), Millis(START), &mut |step| steps.push(step)).unwrap();
    let Repaired::Done(repair_done) = repaired else { panic!("there was something to repair") };
    assert_eq!((repair_done.findings.lost, repair_done.salvaged.pending_again), (0, 0));
    assert!(databases(&repair_done.aside) == before);
    assert_all_there(whole.path(), "without a stop").await;
    assert!(steps.len() > 10, "{steps:?}");
    for stop in 0..steps.len() {
        let at = format!("stopped at step {stop}, {:?}", steps[stop]);
        let place = tempfile::tempdir().unwrap();
        copy(original.path(), place.path());
        let mut step = 0;
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            SledJournal::repair(place.path(), Millis(START), &mut |_| {
                assert!(step != stop, "stopped");
                step += 1;
            })
        }));
        assert!(stopped.is_err(), "{at}");
        if !steps[..=stop].contains(&RepairStep::Whole) {
            assert!(databases(place.path()) == before, "{at}: the original is as it was");
            repair(place.path());
        }
        // Opening goes on with what was begun.
        assert_all_there(place.path(), &at).await;
        let aside = named(place.path(), "damaged-");
        assert_eq!(aside.len(), 1, "{at}");
        assert!(databases(&place.path().join(&aside[0])) == before, "{at}: the original is aside");
        let left = [named(place.path(), "repair"), named(place.path(), "arriving")].concat();
        assert_eq!(left, Vec::<String>::new(), "{at}");
    }
}

#[tokio::test]
async fn a_part_of_the_log_that_is_gone_is_counted_exactly_and_the_rest_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let path = directory.path().join("gen-00000000000000000300/db");
    let length = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0; length as usize]).unwrap();
    let path = directory.path().join("gen-00000000000000000100/db");
    fs::write(&path, vec![0x55; 5000]).unwrap();
    let repair = repair(directory.path());
    // The last part told nobody how far it went but the main database, which was written before its last events.
    let known = repair.findings.counts.accepted;
    assert!((ENDED..=EVENTS).contains(&known), "{known}");
    assert_eq!(repair.findings.lost, 100 + known - ENDED);
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    let places: Vec<u64> = all(&*journal).await.iter().map(|(place, _, _)| place.0).collect();
    assert_eq!(places, (0..100).chain(200..300).collect::<Vec<_>>());
    let ends = (ENDED..known).map(|place| (Seq(place), End::lost())).collect();
    journal.settle(Settling { upload: None, ends }).await.unwrap();
    assert_eq!(journal.counts().pending, 0);
    sums(journal.counts());
}

#[tokio::test]
async fn without_the_main_database_every_event_is_pending_again_and_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    fs::remove_dir_all(directory.path().join("main")).unwrap();
    let repair = repair(directory.path());
    assert!(repair.salvaged.are_counts_lost && repair.findings.lost == 0);
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    let counts = Counts { accepted: EVENTS, pending: EVENTS, ..Counts::default() };
    assert_eq!((journal.counts(), all(&*journal).await.len() as u64), (counts, EVENTS));
    assert_eq!(store.get(Table::Settings, b"settings").unwrap(), None);
}

#[tokio::test]
async fn ends_that_are_gone_are_listed_as_far_as_they_are_known_and_pending_again_beyond() {
    let directory = tempfile::tempdir().unwrap();
    {
        let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
        fill(&*journal, 0..EVENTS, 25).await;
        // Everything before 200 has ended, and 20 events beyond a gap.
        journal.settle(ends(0..200)).await.unwrap();
        journal.settle(ends(260..280)).await.unwrap();
    }
    // The words of an end stand in every copy of its page.
    let path = directory.path().join("main/db");
    let mut bytes = fs::read(&path).unwrap();
    let words = b"revision 1";
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(words)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[at + 3] ^= 1);
    fs::write(&path, bytes).unwrap();
    let repair = repair(directory.path());
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    sums(journal.counts());
    let found = all(&*journal).await;
    assert_eq!(found.len() as u64, EVENTS);
    let ended: Vec<_> = found.iter().filter_map(|(place, _, end)| Some((place.0, end.clone()?))).collect();
    let forgotten = ended.iter().filter(|(_, end)| *end == End::forgotten()).count() as u64;
    assert_eq!(forgotten, repair.salvaged.ends_lost);
    assert!(ended.iter().filter(|(_, its)| *its != End::forgotten()).all(|(place, its)| *its == end(*place)));
    // A batch of ends is one change of the standing too, which may be older by as much.
    assert!(repair.salvaged.damaged_in_main > 0 || forgotten > 0);
    assert!(ended.iter().all(|(_, end)| end.state != State::Dead || end.code.is_some()));
    assert!(
        forgotten > 0 && found.iter().take(200).all(|(_, _, end)| end.is_some()),
        "{:?}",
        repair.salvaged
    );
    assert_eq!(repair.salvaged.pending_again, 220 - ended.len() as u64);
}

#[tokio::test]
async fn what_is_whole_is_left_alone_and_what_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let repaired = SledJournal::repair(directory.path(), Millis(START), &mut |_| {}).unwrap();
    let Repaired::Nothing(findings) = repaired else { panic!("{repaired:?}") };
    assert_eq!((findings.events, findings.ends, findings.lost), (EVENTS, ENDED, 0));
    assert_eq!(named(directory.path(), "damaged-"), Vec::<String>::new());
    let absent = directory.path().join("absent");
    let error = SledJournal::repair(&absent, Millis(START), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RepairError::Absent { .. }) && !absent.exists(), "{error}");
    let (_journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    let error = SledJournal::repair(directory.path(), Millis(START), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RepairError::Journal(_)), "{error}");
}
