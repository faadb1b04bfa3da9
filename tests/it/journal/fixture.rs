//! Data directories and backups as earlier versions wrote them: they open, say everything, and are written to.
//!
//! Each is one packed file in `tests/golden/journal/`, named by the versions of the formats in it. With `UPDATE_GOLDEN=1`
//! a file that is not there is written by the code as it is, so a new version of a format gets a new name in [`KINDS`] and
//! a new file. Deliberately a file that is there is never written again: what wrote it is gone once the format changes.

use super::subject::{START, all, end, ends, event, fill, note, small};
use std::fs;
use std::path::{Path, PathBuf};
use tapline::clock::Millis;
use tapline::journal::backup::{Reader, Source, Writer};
use tapline::journal::sled::{Options, Repaired, SledJournal};
use tapline::journal::{
    Appended, End, Erasure, Journal, ResendId, Seq, Settling, State, Store, Table, UploadId,
};

const EVENTS: u64 = 250;
const ENDED: u64 = 200;
/// Unpacked, no fixture is larger.
const MOST: usize = 256 << 20;

/// What a fixture holds beside the common events and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Ends of events that were sent again.
    Replaced,
    /// Erased events whose bytes are still there.
    Erased,
    /// No file of an index.
    Unindexed,
}

/// Each fixture of a data directory.
const KINDS: &[(&str, Kind)] = &[
    ("blocks-1-pages-1", Kind::Plain),
    ("blocks-1-pages-2", Kind::Replaced),
    ("blocks-1-erased", Kind::Erased),
    ("blocks-1-no-index", Kind::Unindexed),
];
/// The events that were sent again, or erased.
const SPECIAL: std::ops::Range<u64> = 5..8;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal").join(name)
}

fn again() -> End {
    End { state: State::Delivered, code: None, message: None, upload: None, revision: "again".to_owned() }
}

async fn make(kind: Kind, directory: &Path) {
    let options = Options { index: kind != Kind::Unindexed, ..small() };
    let (journal, store) = SledJournal::open(directory, options).unwrap();
    fill(&*journal, 0..EVENTS, 10).await;
    journal.settle(Settling { upload: Some(note(UploadId(1))), ..ends(0..ENDED) }).await.unwrap();
    store.put(Table::Settings, b"settings", Some(b"{\"a\":1}")).unwrap();
    match kind {
        Kind::Replaced => {
            let ends = SPECIAL.map(|place| (Seq(place), again())).collect();
            journal.replace(ResendId(1), Settling { upload: None, ends }).await.unwrap();
        }
        Kind::Erased => {
            let erased = SPECIAL.map(|place| Erasure::whole(Seq(place))).collect();
            journal.erase(erased, Millis(START)).await.unwrap();
        }
        Kind::Plain => journal.wait_until_indexed(),
        Kind::Unindexed => {}
    }
}

/// A directory as one file: names and bytes, packed.
fn pack(directory: &Path) -> Vec<u8> {
    fn collect(under: &Path, directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => collect(under, &entry.path(), found),
                false => {
                    let name = entry.path().strip_prefix(under).unwrap().to_str().unwrap().to_owned();
                    found.push((name, fs::read(entry.path()).unwrap()));
                }
            }
        }
    }
    let mut files = Vec::new();
    collect(directory, directory, &mut files);
    files.sort();
    zstd::bulk::compress(&postcard::to_stdvec(&files).unwrap(), 19).unwrap()
}

fn unpack(packed: &[u8], directory: &Path) {
    let files: Vec<(String, Vec<u8>)> =
        postcard::from_bytes(&zstd::bulk::decompress(packed, MOST).unwrap()).unwrap();
    for (name, bytes) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The bytes of a fixture; made where there is none and that is asked for.
async fn fixture(name: &str, make: impl AsyncFnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = path(name);
    if !path.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, make().await).unwrap();
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 makes it", path.display()))
}

/// Every event and end is as it was written, and it goes on.
async fn assert_goes_on(directory: &Path, kind: Kind) {
    let (journal, store) = SledJournal::open(directory, small()).unwrap();
    let found = all(&*journal).await;
    assert_eq!(found.len() as u64, EVENTS);
    for (place, found, its_end) in found {
        let is_special = SPECIAL.contains(&place.0);
        let expected = event(place.0);
        if kind == Kind::Erased && is_special {
            assert!(found.body.is_empty(), "{place} is erased");
        } else {
            assert_eq!((found.body, found.refusal), (expected.body, expected.refusal), "{place}");
        }
        assert_eq!(found.received_at, expected.received_at);
        let first = (place.0 < ENDED).then(|| end(place.0));
        let expected = if kind == Kind::Replaced && is_special { Some(again()) } else { first };
        assert_eq!(its_end, expected, "{place}");
    }
    if kind == Kind::Replaced {
        let block = journal.block_from(Seq(5)).await.unwrap().unwrap();
        let replaced = journal.replaced(&block).await.unwrap();
        let index = (5 - block.first.0) as usize;
        assert_eq!(replaced[index].as_ref().map(|replaced| replaced.first.clone()), Some(end(5)));
    }
    assert_eq!(journal.upload(UploadId(1)).await.unwrap(), Some(note(UploadId(1))));
    assert_eq!(store.get(Table::Settings, b"settings").unwrap().unwrap(), b"{\"a\":1}");
    journal.wait_until_indexed();
    assert_eq!(journal.append(vec![event(3)]).await.unwrap(), [Appended::Duplicate(Seq(3))]);
    assert_eq!(journal.append(vec![event(900)]).await.unwrap(), [Appended::Stored(Seq(EVENTS))]);
    journal.settle(ends(ENDED..EVENTS + 1)).await.unwrap();
    let counts = journal.counts();
    assert_eq!((counts.accepted, counts.pending), (EVENTS + 1, 0));
    assert_eq!(counts.accepted, counts.delivered + counts.filtered + counts.failed + counts.dead);
    if kind == Kind::Erased {
        let purged = journal.purge().await.unwrap();
        assert_eq!(purged.events, SPECIAL.end - SPECIAL.start);
    }
}

#[tokio::test]
async fn a_data_directory_of_every_version_opens_says_everything_and_goes_on() {
    for (name, kind) in KINDS {
        let packed = fixture(&format!("{name}.zst"), async || {
            let directory = tempfile::tempdir().unwrap();
            make(*kind, directory.path()).await;
            pack(directory.path())
        })
        .await;
        assert!(packed.len() < 200_000, "{name} has {} bytes", packed.len());
        let directory = tempfile::tempdir().unwrap();
        unpack(&packed, directory.path());
        assert_goes_on(directory.path(), *kind).await;
        // What is read without the database under it is the same.
        let directory = tempfile::tempdir().unwrap();
        unpack(&packed, directory.path());
        fs::write(directory.path().join("main/conf"), b"not this").unwrap();
        let log = directory.path().join("main/db");
        let mut bytes = fs::read(&log).unwrap();
        bytes[..20].fill(0);
        fs::write(&log, bytes).unwrap();
        let repaired = SledJournal::repair(directory.path(), Millis(START), &mut |_| {}).unwrap();
        assert!(matches!(repaired, Repaired::Done(ref repair) if repair.findings.lost == 0), "{repaired:?}");
        assert_goes_on(directory.path(), *kind).await;
    }
}

#[tokio::test]
async fn a_backup_of_every_version_is_restored_and_goes_on() {
    let bytes = fixture("backup-1.tapline", async || {
        let directory = tempfile::tempdir().unwrap();
        make(Kind::Plain, directory.path()).await;
        let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
        let source: Box<dyn Source> = journal.snapshot(Millis(START)).await.unwrap();
        let mut writer = Writer::new(source);
        std::iter::from_fn(|| writer.next_part().unwrap()).flatten().collect()
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    SledJournal::restore(&mut Reader::open(&*bytes).unwrap(), directory.path()).unwrap();
    assert_goes_on(directory.path(), Kind::Plain).await;
}
