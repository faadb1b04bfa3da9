//! Damaged bytes in the data directory: what they cost is exactly counted, and everything else goes on.

use super::subject::{START, event, fill, named, noise, one_generation, small};
use crate::support::app::TestApp;
use crate::support::copy::copy;
use crate::support::figure;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tapline::admin::event::{Filter, StageFilter};
use tapline::clock::Millis;
use tapline::journal::sled::{Options, Repair, Repaired, SledJournal};
use tapline::journal::{Appended, Counts, End, Journal, NewEvent, Retention, Seq, Settling, State};

/// Flips one bit in every copy of an event's key, which is stored as it is.
pub(super) fn damage(directory: &Path, number: u64) {
    let log = directory.join("gen-00000000000000000000/db");
    let mut bytes = fs::read(&log).unwrap();
    let key = event(number).dedup.0.to_be_bytes();
    let places: Vec<_> = (0..bytes.len() - 16).filter(|at| bytes[*at..].starts_with(&key)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[at + 15] ^= 0x40);
    fs::write(&log, bytes).unwrap();
}

/// Every place of the log: whether it is lost, and its body.
async fn places(journal: &dyn Journal) -> BTreeMap<u64, Option<Vec<u8>>> {
    let (mut found, mut at) = (BTreeMap::new(), Seq(0));
    while let Some(block) = journal.block_from(at).await.unwrap() {
        for (place, entry) in block.iter() {
            let body = (!entry.is_lost).then(|| entry.body.to_vec());
            assert!(found.insert(place.0, body).is_none(), "{place} twice");
        }
        at = block.end();
    }
    found
}

/// The same places, found backwards.
async fn places_backwards(journal: &dyn Journal) -> Vec<u64> {
    let (mut found, mut before) = (Vec::new(), journal.end());
    while let Some(block) = journal.block_before(before).await.unwrap() {
        found.extend(block.iter().rev().map(|(place, _)| place.0).filter(|place| *place < before.0));
        before = block.first;
    }
    found.reverse();
    found
}

/// An event that the rules filter, which needs no upload.
fn filtered(number: u64, filler: usize) -> NewEvent {
    let filler = String::from_utf8(noise(number, filler)).unwrap().replace(['\\', '"'], "_");
    let body = format!(r#"{{"type":"track","event":"Step {number}","userId":"u","x":"{filler}"}}"#);
    NewEvent { refusal: None, body: body.into_bytes(), ..event(number) }
}

async fn fill_with_blocks(directory: &Path, count: u64) {
    let (journal, _store) = SledJournal::open(directory, one_generation()).unwrap();
    for number in 0..count {
        journal.append(vec![filtered(number, 40_000)]).await.unwrap();
    }
    journal.close();
}

#[tokio::test]
async fn a_damaged_block_stops_nobody_and_its_events_end_as_lost() {
    let data = tempfile::tempdir().unwrap();
    fill_with_blocks(data.path(), 200).await;
    // Opening writes a snapshot. sled does not look again at the segments before it, and so does not see the damage.
    drop(SledJournal::open(data.path(), one_generation()).unwrap());
    damage(data.path(), 70);
    let original = fs::read(data.path().join("gen-00000000000000000000/db")).unwrap();
    let app = TestApp::builder_in(data).durable().start().await;
    app.settled().await;
    let journal = app.app.journal.clone();
    let found = places(&*journal).await;
    let lost: Vec<u64> = found.iter().filter(|(_, body)| body.is_none()).map(|(place, _)| *place).collect();
    // sled reads leaves, and one of them holds up to 17 values.
    assert!(lost.contains(&70) && lost.len() <= 20, "{lost:?}");
    let dead = lost.len() as u64;
    let expected = Counts { accepted: 200, filtered: 200 - dead, dead, ..Counts::default() };
    assert_eq!(journal.counts(), expected);
    assert_eq!(journal.usage().lost_events, dead);
    let metrics = app.get("/metrics").await;
    assert!(
        metrics.text().contains(&format!("tapline_journal_damaged_events_total {dead}\n")),
        "{}",
        metrics.text()
    );
    let filter =
        Filter { code: Some(End::LOST.to_owned()), state: Some(StageFilter::Dead), ..Filter::default() };
    let listed = app.app.admin.events(&filter, None).await.unwrap().rows;
    assert_eq!(listed.iter().rev().map(|row| row.seq.0).collect::<Vec<_>>(), lost);
    let detail = app.app.admin.event(Seq(70)).await.unwrap().unwrap();
    assert_eq!(detail.end.map(|end| (end.state, end.code)), Some((State::Dead, Some(End::LOST.to_owned()))));
    assert!((START..START + 70).contains(&detail.received_at.0), "about when it was received");
    // New events are taken, and what is left of the damaged file is as it was.
    assert_eq!(app.post("/v1/page", r#"{"userId":"user_1"}"#).await.status, 200);
    let data = app.stop().await;
    let now = fs::read(data.path().join("gen-00000000000000000000/db")).unwrap();
    let key = event(70).dedup.0.to_be_bytes();
    let damaged =
        original.windows(16).position(|found| found[..15] == key[..15] && found[15] == key[15] ^ 0x40);
    let damaged = damaged.unwrap();
    assert_eq!(now[damaged..damaged + 40_000], original[damaged..damaged + 40_000]);
}

#[tokio::test]
async fn damage_that_sled_takes_for_a_torn_end_costs_what_it_hit_and_nothing_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    fill_with_blocks(directory.path(), 40).await;
    damage(directory.path(), 7);
    let (journal, _store) = SledJournal::open(directory.path(), one_generation()).unwrap();
    let found = places(&*journal).await;
    let lost: Vec<_> = found.iter().filter(|(_, body)| body.is_none()).map(|(place, _)| *place).collect();
    assert_eq!((found.len(), lost), (40, vec![7]));
    assert_eq!((journal.end(), journal.usage().lost_events), (Seq(40), 1));
    assert_eq!(journal.append(vec![event(100)]).await.unwrap(), [Appended::Stored(Seq(40))]);
}

#[tokio::test]
async fn a_generation_that_is_gone_or_can_not_be_opened_is_lost_as_a_whole_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..350, 25).await;
    drop((journal, store));
    fs::remove_dir_all(directory.path().join("gen-00000000000000000100")).unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    let found = places(&*journal).await;
    assert_eq!(found.len(), 350);
    // Without its directory nothing tells that there was a second part: the first is taken to go on up to the third.
    assert!(found.iter().all(|(place, body)| body.is_none() == (100..200).contains(place)));
    assert_eq!(journal.usage().lost_events, 100);
    assert_eq!(places_backwards(&*journal).await, (0..350).collect::<Vec<_>>());
}

fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let data = entry.metadata().unwrap();
        match data.is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((entry.path(), data.len())),
        }
    }
    found.sort();
    found
}

/// What a reader finds after a byte was flipped: how many events are lost; none when opening was refused.
async fn survey(directory: &Path, options: Options, count: u64) -> Option<u64> {
    let opened = catch_unwind(AssertUnwindSafe(|| SledJournal::open(directory, options)));
    let (journal, _store) = match opened.expect("no panic") {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("{error}");
            return None;
        }
    };
    let found = places(&*journal).await;
    assert!(found.len() as u64 >= count, "{} of {count} accounted for", found.len());
    let mut ends = Vec::new();
    for (place, body) in &found {
        let expected = (*place < count).then(|| filtered(*place, 3000).body);
        match body {
            Some(body) => assert_eq!(Some(body), expected.as_ref(), "garbage at {place}"),
            None => ends.push((Seq(*place), End::lost())),
        }
    }
    let lost = ends.len() as u64;
    journal.settle(Settling { upload: None, ends }).await.unwrap();
    let counts = journal.counts();
    let Counts { accepted, delivered, filtered, failed, dead, pending } = counts;
    assert_eq!(accepted, delivered + filtered + failed + dead + pending);
    assert_eq!(accepted, found.len() as u64);
    // A lost event that had ended before keeps its end.
    assert!(dead <= lost && pending <= count - lost, "{counts:?}, {lost} lost");
    Some(lost)
}

/// Events of the flipped journal that share a block at most: its blocks have 8,000 bytes, its events 3,000.
const MOST_OF_A_BLOCK: u64 = 3;

#[tokio::test]
async fn a_byte_flipped_anywhere_never_panics_never_serves_garbage_and_loses_nothing_uncounted() {
    const EVENTS: u64 = 400;
    let rounds = figure::rounds(30, 500) as u64;
    let options = || Options { generation_events: 150, block_bytes: 8000, ..small() };
    let original = tempfile::tempdir().unwrap();
    for part in 0..4 {
        // Opened again, so that some of what is there lies before a snapshot, and some behind it.
        let (journal, _store) = SledJournal::open(original.path(), options()).unwrap();
        for number in part * EVENTS / 4..(part + 1) * EVENTS / 4 {
            journal.append(vec![filtered(number, 3000)]).await.unwrap();
        }
        let until = (part + 1) * EVENTS / 4 - 10;
        let delivered = End {
            state: State::Delivered,
            code: None,
            message: None,
            upload: None,
            revision: "r".to_owned(),
        };
        let ends = (part * EVENTS / 4..until).map(|at| (Seq(at), delivered.clone())).collect();
        journal.settle(Settling { upload: None, ends }).await.unwrap();
        journal.close();
    }
    let files = files(original.path());
    let (mut harmless, mut repaired, mut lost_in_all, mut lost_after_clean_stop) =
        (0_u64, 0_u64, 0_u64, 0_u64);
    let mut longest = Duration::ZERO;
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..rounds {
        let place = tempfile::tempdir().unwrap();
        copy(original.path(), place.path());
        // Half of the flips anywhere, half in a file chosen first, so that the small files get theirs.
        let bytes: u64 = files.iter().map(|(_, length)| length).sum();
        let (file, at) = if round % 2 == 0 {
            let mut at = random.u64(0..bytes);
            let found = files.iter().find(|(_, length)| {
                at < *length || {
                    at -= length;
                    false
                }
            });
            (&found.unwrap().0, at)
        } else {
            let filled: Vec<_> = files.iter().filter(|(_, length)| *length > 0).collect();
            let (file, length) = filled[random.usize(0..filled.len())];
            (file, random.u64(0..*length))
        };
        let file = place.path().join(file.strip_prefix(original.path()).unwrap());
        let mut content = fs::read(&file).unwrap();
        content[at as usize] ^= 1 << random.u8(0..8);
        fs::write(&file, &content).unwrap();
        // Three of four were killed; after a clean stop less is looked at.
        let was_killed = round % 8 > 1;
        if was_killed {
            fs::remove_file(place.path().join("stopped")).unwrap();
        }
        eprintln!("round {round}: byte {at} of {}", file.strip_prefix(place.path()).unwrap().display());
        let opening = Instant::now();
        let lost = survey(place.path(), options(), EVENTS).await.expect("it opens, repaired or not");
        longest = longest.max(opening.elapsed());
        repaired += u64::from(!named(place.path(), "damaged-").is_empty());
        harmless += u64::from(lost == 0 && named(place.path(), "damaged-").is_empty());
        if was_killed {
            lost_in_all += lost;
        } else {
            lost_after_clean_stop += lost;
        }
        // Whatever a start left where it was comes back by a repair that somebody asks for.
        if lost > 0 {
            let late = SledJournal::repair(place.path(), Millis(START), &mut |_| {}).expect("repaired");
            let (Repaired::Nothing(findings) | Repaired::Done(Repair { findings, .. })) = late;
            assert!(findings.lost <= lost.min(MOST_OF_A_BLOCK), "{} of {lost}", findings.lost);
        }
    }
    figure::note("flipped bytes: rounds", rounds);
    figure::note("flipped bytes: rounds that needed nothing", harmless);
    figure::note("flipped bytes: rounds repaired by the start", repaired);
    figure::note("flipped bytes after a kill: events lost, counted and listed in all rounds", lost_in_all);
    figure::note(
        "flipped bytes after a clean stop: events lost, counted and listed in all rounds",
        lost_after_clean_stop,
    );
    figure::fault(figure::Fault {
        name: "a bit flipped anywhere in a data directory",
        rounds: rounds as usize,
        acknowledged: (rounds * EVENTS) as usize,
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "not tried",
    });
    // One flip can take the only copy of a block, and never what is behind it.
    assert!(lost_in_all <= rounds / 20 * MOST_OF_A_BLOCK, "{lost_in_all} events lost in {rounds} rounds");
}

#[tokio::test]
async fn a_damaged_generation_does_not_hold_up_retention() {
    let directory = tempfile::tempdir().unwrap();
    fill_with_blocks(directory.path(), 60).await;
    drop(SledJournal::open(directory.path(), one_generation()).unwrap());
    damage(directory.path(), 59);
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    let found = places(&*journal).await;
    assert!(found.contains_key(&59) && found[&59].is_none() && found[&0].is_some());
    let ends = found.keys().map(|place| (Seq(*place), End::lost())).collect();
    journal.settle(Settling { upload: None, ends }).await.unwrap();
    let age = Retention { age: Some(Duration::from_secs(60)), bytes: None };
    let swept = journal.sweep(age, Millis(START + 3_600_000)).await.unwrap();
    assert_eq!((swept.generations, journal.usage().lost_events), (1, 0));
    assert_eq!(journal.kept_from(), journal.end());
    assert_eq!(journal.counts().dead, journal.counts().accepted);
}

/// A file of the first generation whose name starts like this.
fn file_of_generation(directory: &Path, start: &str) -> PathBuf {
    let generation = directory.join("gen-00000000000000000000");
    let mut found: Vec<_> = fs::read_dir(&generation).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with(start));
    found.pop().unwrap()
}

/// What is done to the bytes of a file.
type Damage = fn(&mut Vec<u8>);

#[tokio::test]
async fn a_damaged_conf_a_cut_or_flipped_snapshot_and_half_a_snapshot_cost_no_event() {
    let cut: Damage = |bytes| bytes.truncate(bytes.len() / 2);
    let flip: Damage = |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    };
    let digit: Damage = |bytes| {
        let at = bytes.windows(8).position(|part| part == b"_size: 4").unwrap();
        bytes[at + 7] ^= 0x01;
    };
    let damages: [(&str, Damage); 7] = [
        ("conf", Vec::clear),
        ("conf", flip),
        ("conf", cut),
        ("conf", digit),
        ("snap.", cut),
        ("snap.", flip),
        ("snap.", Vec::clear),
    ];
    for (round, (start, damage)) in damages.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        fill_with_blocks(directory.path(), 30).await;
        // Opening writes a snapshot.
        drop(SledJournal::open(directory.path(), one_generation()).unwrap());
        let file = file_of_generation(directory.path(), start);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let half = file.with_file_name("snap.0000000000000000.generating");
        fs::write(&half, b"half a snapshot").unwrap();
        let (journal, _store) = SledJournal::open(directory.path(), one_generation()).unwrap();
        let found = places(&*journal).await;
        assert!(found.len() == 30 && found.values().all(Option::is_some), "damage {round} of `{start}`");
        assert!(!half.exists());
        if start == "snap." {
            let aside = file_of_generation(directory.path(), "damaged-");
            assert_eq!(fs::read(aside).unwrap(), bytes, "what was damaged is kept");
        }
    }
}
