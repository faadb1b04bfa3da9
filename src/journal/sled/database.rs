//! One sled database: opened with care, and synced for real.
//!
//! sled 0.34.7 says "fsync" and calls `sync_file_range`, so after a power loss what `sled::Db::flush` answered may be
//! gone; and any log message over a quarter of the segment size becomes a file that nobody syncs and nobody removes,
//! after whose loss sled panics on opening (read in its source and measured, 2026-11).
//! The cure is here, for every database of the journal: segments of 4 MiB, values far below a quarter of that,
//! and [`Database::commit`], which syncs through a handle of our own.
//!
//! sled cuts off what is behind damage near the end of a log when it opens it, and passes over the rest of a damaged
//! segment. So [`super::shield`] looks first, and what it can not see (`watermark.rs` says why a damage of the last seconds
//! before a power loss is such a thing) passes not in silence, because the main database knows how far the log went.
//!
//! First thing to know: an error of [`Database::commit`] is final. The kernel reports a failed sync once and drops the
//! pages, so trying again would answer "fine" for data that is gone.

use super::options::SyncHook;
use super::watermark::Watermark;
use crate::journal::{JournalError, Seq};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::{ConfSetAside, SnapshotSetAside, WaitingForHandle};
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of a sled segment, fixed when a database is made.
pub(super) const SEGMENT: usize = 4 << 20;
/// The largest value we ever store: sled keeps up to 17 values in one leaf and writes the leaf as one message, which
/// must stay below a quarter of a segment.
pub(super) const VALUE_MOST: usize = 56 << 10;
/// Memory for pages, per database. sled splits it into 256 parts that hold one leaf each at least, so a generation of
/// half a million events takes about 50 MB whatever is asked for, and more did not make anything faster (measured).
const CACHE: u64 = 8 << 20;
/// How long another handle of this very process may take to let go of a database.
const LET_GO: Duration = Duration::from_secs(2);

/// An open sled database with a handle of its own for syncing.
pub(super) struct Database {
    pub(super) db: sled::Db,
    directory: PathBuf,
    file: File,
    watermark: Watermark,
    on_sync: Option<SyncHook>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the database in `directory`, or makes it. Once this returns, the database itself survives a power loss.
    pub(super) fn open(directory: &Path, on_sync: Option<SyncHook>) -> Result<Self, JournalError> {
        let fail = |what: &str, error: &dyn std::fmt::Display| {
            JournalError::Storage(format!("the database `{}` {what}: {error}", directory.display()))
        };
        make_directory(directory).map_err(|error| fail("can not be made", &error))?;
        check_conf(directory)?;
        remove_half_snapshots(directory).map_err(|error| fail("can not be tidied", &error))?;
        let db = match open_sled(directory) {
            Err(sled::Error::Corruption { .. } | sled::Error::ReportableBug(_)) => {
                let moved =
                    set_snapshots_aside(directory).map_err(|error| fail("can not be tidied", &error))?;
                SnapshotSetAside { directory, files: moved }.tell();
                open_sled(directory)
            }
            other => other,
        };
        let db = db.map_err(|error| match error {
            sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
                let what = format!("the database `{}` can not be opened: {error}", directory.display());
                JournalError::Damaged { at: Seq(0), what }
            }
            sled::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                fail("can not be opened on a full disk; make room and start again", &error)
            }
            other => fail("can not be opened", &other),
        })?;
        let file = File::open(directory.join("db")).map_err(|error| fail("can not be opened", &error))?;
        let watermark = Watermark::open(directory).map_err(|error| fail("can not be opened", &error))?;
        let database = Self { db, directory: directory.to_owned(), file, watermark, on_sync };
        point::pass(CommitPoint::DatabaseMade);
        // Not only when it is new: whoever made it may have been killed before this.
        database
            .commit()
            .and_then(|()| database.sync_names())
            .map_err(|error| fail("can not be synced", &error))?;
        Ok(database)
    }

    /// Makes everything written so far durable.
    pub(super) fn commit(&self) -> io::Result<()> {
        let events_until = self.watermark.events_until();
        self.db.flush().map_err(|error| self.give_up(error.into()))?;
        let reached = self.db.context.pagecache.log.stable_offset();
        point::pass(CommitPoint::LogFlushed);
        if let Some(hook) = &self.on_sync {
            hook.call(&self.directory)?;
        }
        self.file.sync_data().map_err(|error| self.give_up(error))?;
        self.watermark.note(reached, events_until);
        Ok(())
    }

    /// Has the note beside the database say, from the next commit on, that it holds the events before this place.
    pub(super) fn has_events_until(&self, place: u64) {
        self.watermark.has_events_until(place);
    }

    // sled syncs once more when its last handle goes, and panics when that fails; so one handle never goes.
    fn give_up(&self, error: io::Error) -> io::Error {
        std::mem::forget(self.db.clone());
        self.watermark.end();
        error
    }

    /// Bytes of the log on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |data| data.len())
    }

    // The file of settings, and the names of all files in their directories.
    fn sync_names(&self) -> io::Result<()> {
        File::open(self.directory.join("conf"))?.sync_all()?;
        self.watermark.sync()?;
        point::pass(CommitPoint::DatabaseConfigured);
        sync_directory(&self.directory)?;
        self.directory.parent().map_or(Ok(()), sync_directory)?;
        point::pass(CommitPoint::DatabaseNamed);
        Ok(())
    }
}

impl Drop for Database {
    // The disk may have failed for another database only so far, and a panic of sled's would hide why the program ends.
    fn drop(&mut self) {
        let events_until = self.watermark.events_until();
        let flushed = self.db.flush().map_err(io::Error::from);
        let reached = self.db.context.pagecache.log.stable_offset();
        let synced =
            flushed.and_then(|_| self.file.sync_data()).map(|()| self.watermark.note(reached, events_until));
        // What was answered is durable before, so there is nobody to tell.
        let _ = synced.map_err(|error| self.give_up(error));
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes a directory that only its owner can enter, with those above it.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Bytes of all files in a directory, its own directories included.
pub(super) fn directory_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => directory_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

fn open_sled(directory: &Path) -> Result<sled::Db, sled::Error> {
    let started = Instant::now();
    loop {
        let config = sled::Config::new()
            .path(directory)
            .segment_size(SEGMENT)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        // On some damage sled asserts instead of answering.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open())).unwrap_or_else(|_| {
            Err(sled::Error::ReportableBug("sled gave up while reading its log".to_owned()))
        });
        match opened {
            // The data directory is locked as a whole, so who holds this one is a closing handle of this process.
            Err(sled::Error::Io(error)) if is_locked(directory) && started.elapsed() < LET_GO => {
                WaitingForHandle { directory, error: Cause::of(&error) }.tell();
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn is_locked(directory: &Path) -> bool {
    let locked = File::open(directory.join("db")).map(|file| file.try_lock());
    matches!(locked, Ok(Err(fs::TryLockError::WouldBlock)))
}

// What the file of settings must say is known, so a damaged one costs nothing: sled makes another. It would refuse another
// segment size too, but in words that send nobody anywhere.
fn check_conf(directory: &Path) -> Result<(), JournalError> {
    let path = directory.join("conf");
    let Ok(bytes) = fs::read(&path) else { return Ok(()) };
    let Some((text, sum)) = bytes.split_last_chunk::<4>().filter(|(text, _)| !text.is_empty()) else {
        return Ok(());
    };
    if crc32fast::hash(text) != u32::from_le_bytes(*sum) {
        let aside = free_name(directory, "conf");
        return fs::rename(&path, aside).map(|()| ConfSetAside { directory }.tell()).map_err(|error| {
            JournalError::Storage(format!("`{}` is damaged and can not be moved: {error}", path.display()))
        });
    }
    let text = String::from_utf8_lossy(text);
    let Some(found) = text.lines().find_map(|line| line.strip_prefix("segment_size: ")) else {
        return Ok(());
    };
    if found == SEGMENT.to_string() {
        return Ok(());
    }
    Err(JournalError::Storage(format!(
        "`{}` says `segment_size: {found}`, expected `{SEGMENT}`: this database was not made by this program; \
         choose another data directory with --data",
        path.display()
    )))
}

fn snapshots(directory: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with("snap.")) {
            found.push((entry.path(), name.to_owned()));
        }
    }
    Ok(found)
}

fn remove_half_snapshots(directory: &Path) -> io::Result<()> {
    for (path, name) in snapshots(directory)? {
        if name.ends_with(".generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

// sled finds snapshots by the start of their names; another start hides them from it and keeps them for a look.
fn set_snapshots_aside(directory: &Path) -> io::Result<usize> {
    let found = snapshots(directory)?;
    for (path, name) in &found {
        fs::rename(path, free_name(directory, name))?;
    }
    Ok(found.len())
}

// Where a damaged file is kept for a look. After very many only the last one is.
fn free_name(directory: &Path, name: &str) -> PathBuf {
    let aside = |n: u32| directory.join(format!("damaged-{n}-{name}"));
    (0..10_000).map(aside).find(|aside| !aside.exists()).unwrap_or_else(|| aside(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(db: &Database) -> usize {
        db.db.iter().filter(Result::is_ok).count()
    }

    fn filled(directory: &Path) {
        let database = Database::open(directory, None).unwrap();
        for i in 0..500_u32 {
            database.db.insert(i.to_be_bytes(), vec![7; 1000]).unwrap();
        }
        database.commit().unwrap();
    }

    #[test]
    fn a_damaged_snapshot_is_set_aside_and_nothing_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        // Opening once more writes a snapshot.
        assert_eq!(count(&Database::open(directory.path(), None).unwrap()), 500);
        let (snapshot, _) = snapshots(directory.path()).unwrap().pop().unwrap();
        let mut bytes = fs::read(&snapshot).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&snapshot, &bytes).unwrap();
        fs::write(directory.path().join("snap.00.generating"), b"half").unwrap();

        assert_eq!(count(&Database::open(directory.path(), None).unwrap()), 500);
        let kept = fs::read_dir(directory.path()).unwrap().flatten();
        let kept: Vec<_> =
            kept.filter(|e| e.file_name().to_string_lossy().starts_with("damaged-0-snap.")).collect();
        assert_eq!(fs::read(kept[0].path()).unwrap(), bytes);
        assert!(!directory.path().join("snap.00.generating").exists());
    }

    #[test]
    fn a_database_of_another_segment_size_is_refused_with_both_sizes() {
        let directory = tempfile::tempdir().unwrap();
        drop(sled::Config::new().path(directory.path()).open().unwrap());
        let error = Database::open(directory.path(), None).unwrap_err().to_string();
        assert!(error.contains("`segment_size: 524288`, expected `4194304`"), "{error}");
    }

    #[test]
    fn values_of_the_largest_size_never_leave_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path(), None).unwrap();
        let mut noise = 1_u64;
        for round in 0..3 {
            for i in 0..120_u32 {
                let value: Vec<u8> = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
                    (noise >> 33) as u8
                })
                .take(VALUE_MOST)
                .collect();
                database.db.insert(i.to_be_bytes(), value).unwrap();
            }
        }
        database.commit().unwrap();
        assert_eq!(fs::read_dir(directory.path().join("blobs")).unwrap().count(), 0);
    }

    #[test]
    fn a_failing_sync_is_an_error_of_the_commit() {
        let directory = tempfile::tempdir().unwrap();
        let hook = SyncHook::new(|_| Err(io::Error::other("the disk is gone")));
        let error = Database::open(directory.path(), Some(hook)).unwrap_err().to_string();
        assert!(error.contains("can not be synced: the disk is gone"), "{error}");
    }
}
