//! How far the log of a database was synced, in a small file beside it.
//!
//! Only this tells real damage from the torn end that a power cut leaves: what was synced was whole, and what was not may
//! be anything. The file itself is synced when its database is opened and not again, because a sync of its own would cost
//! every commit as much as the first. So after a kill it says exactly how far the log was synced, and after a power loss
//! at least how far it was some seconds before; it never says too much, because it is written after the sync.
//!
//! First thing to know: places are those of sled's log (its `Lsn`), which grow for ever and are no places in the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The name of the file.
const NAME: &str = "synced";
/// A place (8 bytes) and the checksum of those (4), both little-endian.
const LENGTH: usize = 12;

/// The open file.
#[derive(Debug)]
pub(super) struct Watermark(File);

impl Watermark {
    /// Opens the file in the directory of a database, or makes it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(directory.join(NAME)).map(Self)
    }

    /// Notes that everything up to `reached`, that byte included, is synced. Sled says -1 of a log without a byte.
    pub(super) fn note(&self, reached: i64) {
        let Ok(reached) = u64::try_from(reached) else { return };
        let place = reached.to_le_bytes();
        let [a, b, c, d] = crc32fast::hash(&place).to_le_bytes();
        let [p0, p1, p2, p3, p4, p5, p6, p7] = place;
        // Whatever stands in the way, an older place is as true as this one.
        let _ = self.0.write_all_at(&[p0, p1, p2, p3, p4, p5, p6, p7, a, b, c, d], 0);
    }

    /// Makes the note durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// How far the log of the database in `directory` was synced at least; none where nothing tells, as beside a database of
/// an earlier version.
pub(super) fn load(directory: &Path) -> Option<u64> {
    let file = File::open(directory.join(NAME)).ok()?;
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (place, sum) = bytes.split_first_chunk::<8>()?;
    (crc32fast::hash(place).to_le_bytes() == *sum).then(|| u64::from_le_bytes(*place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_is_read_back_and_no_damaged_one() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(load(directory.path()), None);
        let watermark = Watermark::open(directory.path()).unwrap();
        watermark.note(-1);
        assert_eq!(load(directory.path()), None);
        watermark.note(7_000_000_000);
        watermark.note(7_000_000_001);
        assert_eq!(load(directory.path()), Some(7_000_000_001));
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
