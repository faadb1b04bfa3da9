//! How far the log of a database was synced, in a small file beside it.
//!
//! Only this tells real damage from the torn end that a power cut leaves: what was synced was whole, and what was not may
//! be anything. The file itself is synced when its database is opened and not again, because a sync of its own would cost
//! every commit as much as the first. So after a kill it says exactly how far the log was synced, and after a power loss
//! at least how far it was some seconds before; it never says too much, because it is written after the sync.
//!
//! First thing to know: places of the log are those of sled (its `Lsn`), which grow for ever and are no places in the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The name of the file.
const NAME: &str = "synced";
/// Two numbers of 8 bytes and the checksum of those (4), all little-endian.
const LENGTH: usize = 20;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Synced {
    /// The place in sled's log of the last byte that was synced.
    pub(super) reached: u64,
    /// The place after the last event in what was synced; 0 where there is none.
    pub(super) events_until: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Watermark {
    file: File,
    events_until: AtomicU64,
    is_over: AtomicBool,
}

impl Watermark {
    /// Opens the file in the directory of a database, or makes it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let events_until = load(directory).map_or(0, |synced| synced.events_until);
        Ok(Self {
            file: options.open(directory.join(NAME))?,
            events_until: AtomicU64::new(events_until),
            is_over: AtomicBool::new(false),
        })
    }

    /// Has the next notes say that the events before this place are there.
    pub(super) fn has_events_until(&self, place: u64) {
        self.events_until.fetch_max(place, Ordering::AcqRel);
    }

    /// Where the events end of what is written, and so of what a sync that begins now makes durable.
    pub(super) fn events_until(&self) -> u64 {
        self.events_until.load(Ordering::Acquire)
    }

    /// Notes that everything up to `reached`, that byte included, and all events before a place are synced. Sled says -1
    /// of a log without a byte.
    pub(super) fn note(&self, reached: i64, events_until: u64) {
        let Ok(reached) = u64::try_from(reached) else { return };
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        let mut bytes = [reached.to_le_bytes(), events_until.to_le_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        // Whatever stands in the way, an older place is as true as this one.
        let _ = self.file.write_all_at(&bytes, 0);
    }

    /// Notes nothing more: a sync has failed, and what a later one answers is not believed.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Makes the note durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// How far the log of the database in `directory` was synced at least; none where nothing tells, as beside a database of
/// an earlier version.
pub(super) fn load(directory: &Path) -> Option<Synced> {
    let file = File::open(directory.join(NAME)).ok()?;
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (numbers, sum) = bytes.split_first_chunk::<16>()?;
    let (reached, events_until) = (numbers.first_chunk::<8>()?, numbers.last_chunk::<8>()?);
    (crc32fast::hash(numbers).to_le_bytes() == *sum).then(|| Synced {
        reached: u64::from_le_bytes(*reached),
        events_until: u64::from_le_bytes(*events_until),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_is_read_back_and_no_damaged_one() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(load(directory.path()), None);
        let watermark = Watermark::open(directory.path()).unwrap();
        watermark.note(-1, 0);
        assert_eq!(load(directory.path()), None);
        watermark.note(7_000_000_000, 8);
        watermark.note(7_000_000_001, 9);
        assert_eq!(load(directory.path()), Some(Synced { reached: 7_000_000_001, events_until: 9 }));
        watermark.end();
        watermark.note(7_000_000_002, 10);
        assert_eq!(Watermark::open(directory.path()).unwrap().events_until(), 9);
        let path = directory.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            assert_eq!(load(directory.path()), None, "bit {bit}");
        }
    }
}
