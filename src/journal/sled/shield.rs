//! Looks at the databases that are written to before sled opens them, and has them repaired when they are damaged.
//!
//! sled cuts off what is behind damage near the end of its log, passes over the rest of a damaged segment elsewhere, and
//! gives the room away; a repair that comes before keeps everything that can be read, so it loses nothing that opening
//! would keep. What a power cut tore is no damage: it was never synced (see `watermark.rs`), and sled cuts it off rightly.
//!
//! After a clean stop only the part is read that sled is about to read itself, from its last snapshot on; after any other
//! the whole log of `main/` and of the generations, the newest first, up to [`WHOLE_MOST`] bytes of old ones. Beyond that
//! what is damaged before a snapshot of sled's is found by whoever reads it, and by `tapline verify`; sled cuts nothing
//! off there.
//!
//! First thing to know: the marker of a clean stop only saves reading. Without it nothing is missed, and with it nothing
//! is cut off.

use super::database::sync_directory;
use super::generation::Generation;
use super::rebuild::names;
use super::salvage::LogFile;
use super::watermark;
use crate::journal::JournalError;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The name of the file that says that the last stop was clean.
const STOPPED: &str = "stopped";
/// The main database, the generation that is written to, and one that may have been made ahead.
const NEWEST: usize = 3;
/// Bytes of logs that are read whole, and of which more than the newest are old ones. About a second.
const WHOLE_MOST: u64 = 1 << 30;

/// A database whose log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damaged {
    /// The name of its directory.
    pub(super) database: String,
    /// How many places of it can not be read.
    pub(super) places: u64,
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What an opening could cut off.
    Written,
    /// Every database.
    All,
}

/// The first database in `directory` that is damaged, which nobody may write to meanwhile. Writes nothing.
pub(super) fn examine(directory: &Path, extent: Extent) -> io::Result<Option<Damaged>> {
    let was_clean = extent == Extent::Written && directory.join(STOPPED).exists();
    let generations: Vec<String> =
        names(directory)?.into_iter().filter(|name| Generation::parse_name(name).is_some()).collect();
    let main = directory.join("main");
    if !generations.is_empty() && !main.join("db").exists() {
        return Ok(Some(Damaged { database: "main".to_owned(), places: 1 }));
    }
    let mut bytes = 0_u64;
    let databases = std::iter::once("main".to_owned()).chain(generations.into_iter().rev());
    for (index, database) in databases.enumerate() {
        let path = directory.join(&database);
        let Some(log) = LogFile::open(&path)? else { continue };
        bytes = bytes.saturating_add(log.bytes());
        let is_whole = extent == Extent::All || !was_clean && (index < NEWEST || bytes <= WHOLE_MOST);
        let snapshot = snapshot(&path)?;
        if !is_whole && log.ends_before(snapshot) {
            continue;
        }
        let places = log.damage(if is_whole { 0 } else { snapshot })?;
        if places > 0 {
            return Ok(Some(Damaged { database, places }));
        }
    }
    Ok(None)
}

/// The place after the last event that the notes beside these generations tell of.
pub(super) fn events_until(directories: impl Iterator<Item = impl AsRef<Path>>) -> u64 {
    let notes = directories.filter_map(|directory| watermark::load(directory.as_ref()));
    notes.map(|synced| synced.events_until).max().unwrap_or_default()
}

/// Notes that the last stop was clean. Without the note the next start reads more, so an error is nobody's concern.
pub(super) fn note_clean_stop(directory: &Path) {
    let noted = File::create(directory.join(STOPPED)).and_then(|file| file.sync_all());
    // The next start reads the whole log.
    let _ = noted.and_then(|()| sync_directory(directory));
}

/// Takes the note back, durably, before anything is written.
pub(super) fn forget_clean_stop(directory: &Path) -> Result<(), JournalError> {
    match fs::remove_file(directory.join(STOPPED)).and_then(|()| sync_directory(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::Storage(format!(
            "`{}` can not be removed: {error}",
            directory.join(STOPPED).display()
        ))),
        _ => Ok(()),
    }
}

// The place in sled's log up to which its last snapshot goes. sled reads on from there.
fn snapshot(database: &Path) -> io::Result<u64> {
    let snapshots = names(database)?;
    let places =
        snapshots.iter().filter_map(|name| u64::from_str_radix(name.strip_prefix("snap.")?, 16).ok());
    Ok(places.max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::database::{Database, SEGMENT};
    use super::*;
    use crate::journal::Seq;

    fn fill(directory: &Path, rounds: std::ops::Range<u32>) -> Database {
        let main = Database::open(&directory.join("main"), None).unwrap();
        drop(main);
        let name = Generation::directory(directory, Seq(0));
        let database = Database::open(&name, None).unwrap();
        for i in rounds {
            database.db.insert(i.to_be_bytes(), vec![i as u8; 30_000]).unwrap();
        }
        database.commit().unwrap();
        database
    }

    fn flip(directory: &Path, at: usize) {
        let path = Generation::directory(directory, Seq(0)).join("db");
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 0x10;
        fs::write(path, bytes).unwrap();
    }

    /// Where the segment stands that was written first; sled uses room again, so that need not be at the beginning.
    fn oldest_segment(directory: &Path) -> usize {
        let bytes = fs::read(Generation::directory(directory, Seq(0)).join("db")).unwrap();
        let written = |at: &usize| i64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap()) ^ i64::MAX;
        (0..bytes.len()).step_by(SEGMENT).filter(|at| written(at) >= 0).min_by_key(written).unwrap()
    }

    fn places(directory: &Path) -> u64 {
        examine(directory, Extent::Written).unwrap().map_or(0, |damaged| damaged.places)
    }

    #[test]
    fn what_was_synced_is_damaged_and_what_was_not_is_torn() {
        let directory = tempfile::tempdir().unwrap();
        let database = fill(directory.path(), 0..20);
        // More arrives, and the power goes before it is synced: some of it is there, and some of it is not.
        let name = Generation::directory(directory.path(), Seq(0));
        let synced = fs::read(name.join("synced")).unwrap();
        let end = fs::metadata(name.join("db")).unwrap().len();
        for i in 20..30_u32 {
            database.db.insert(i.to_be_bytes(), vec![7; 30_000]).unwrap();
        }
        database.commit().unwrap();
        drop(database);
        flip(directory.path(), end as usize + 40_000);
        assert_eq!(places(directory.path()), 1, "it was synced");
        fs::write(name.join("synced"), synced).unwrap();
        assert_eq!(places(directory.path()), 0, "it was not");
        flip(directory.path(), 200_000);
        assert_eq!(places(directory.path()), 1);
    }

    #[test]
    fn after_a_clean_stop_only_what_sled_is_about_to_read_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        drop(fill(directory.path(), 0..400));
        // Opening writes a snapshot.
        drop(fill(directory.path(), 400..401));
        assert_eq!(places(directory.path()), 0);
        flip(directory.path(), oldest_segment(directory.path()) + SEGMENT / 2);
        assert_eq!(places(directory.path()), 1);
        note_clean_stop(directory.path());
        assert_eq!(places(directory.path()), 0);
        assert!(examine(directory.path(), Extent::All).unwrap().is_some());
        forget_clean_stop(directory.path()).unwrap();
        forget_clean_stop(directory.path()).unwrap();
        assert_eq!(places(directory.path()), 1);
    }

    #[test]
    fn an_end_that_is_cut_off_and_a_main_database_that_is_gone_are_damage() {
        let directory = tempfile::tempdir().unwrap();
        drop(fill(directory.path(), 0..300));
        let path = Generation::directory(directory.path(), Seq(0)).join("db");
        let bytes = fs::read(&path).unwrap();
        let whole = fs::metadata(&path).unwrap().len();
        for length in [whole - 40_000, SEGMENT as u64 + 100_000, SEGMENT as u64, 100_000, 0] {
            fs::write(&path, &bytes[..length as usize]).unwrap();
            assert!(places(directory.path()) > 0, "{length} of {whole} bytes");
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(places(directory.path()), 0);
        fs::remove_dir_all(directory.path().join("main")).unwrap();
        assert_eq!(examine(directory.path(), Extent::Written).unwrap().unwrap().database, "main");
    }
}
