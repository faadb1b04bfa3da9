//! One generation: a run of blocks in a sled database of its own, only ever added to and then dropped whole.
//!
//! A block is stored as chunks under `place of its first event ‖ chunk number`, both big-endian. The first chunk is
//! written last, so a block is there when its first chunk is, and what a crash left of an unfinished one is swept on
//! opening. Blocks are written one by one and in order, never as a sled batch: a batch is written in no order, costs two
//! more writes, and a group of blocks need not be atomic, because nobody was answered before the sync.
//!
//! First thing to know: this file knows nothing of which events are durable; readers are kept from the rest above it.

use super::database::Database;
use super::format::{Stored, claimed_count};
use super::options::SyncHook;
use crate::clock::Millis;
use crate::journal::{Block, DedupKey, JournalError, Seq};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::{RepetitionsUnknown, UnfinishedBlockRemoved};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Bytes of a chunk at most. What was tested under power loss was 32 KB a value.
const CHUNK: usize = 30 << 10;

/// Bytes of a key.
pub(super) const KEY: usize = 10;

/// A part of the log.
#[derive(Debug)]
pub(super) struct Generation {
    first: Seq,
    database: Database,
}

/// The chunks of one block.
struct Found {
    first: Seq,
    chunks: Vec<sled::IVec>,
}

impl Generation {
    /// The directory of the generation that starts at `first`.
    pub(super) fn directory(under: &Path, first: Seq) -> PathBuf {
        under.join(format!("gen-{:020}", first.0))
    }

    /// What [`Self::directory`] named, read back.
    pub(super) fn parse_name(name: &str) -> Option<Seq> {
        let digits = name.strip_prefix("gen-")?;
        (digits.len() == 20).then(|| digits.parse().ok().map(Seq)).flatten()
    }

    /// Opens the generation that starts at `first`, or makes it.
    pub(super) fn open(under: &Path, first: Seq, on_sync: Option<SyncHook>) -> Result<Self, JournalError> {
        Self::open_in(&Self::directory(under, first), first, on_sync)
    }

    /// The same in a directory that is not part of the log yet.
    pub(super) fn open_in(
        directory: &Path,
        first: Seq,
        on_sync: Option<SyncHook>,
    ) -> Result<Self, JournalError> {
        Ok(Self { first, database: Database::open(directory, on_sync)? })
    }

    /// The place of its first event, once it has one.
    pub(super) fn first(&self) -> Seq {
        self.first
    }

    /// Adds a block. It is durable after the next [`Self::commit`].
    pub(super) fn add(&self, first: Seq, bytes: &[u8]) -> Result<(), sled::Error> {
        for (number, chunk) in bytes.chunks(CHUNK).enumerate().rev() {
            self.database.db.insert(key(first, number as u16), chunk)?;
            if number > 0 {
                point::pass(CommitPoint::ChunkWritten);
            }
        }
        self.database.has_events_until(first.0.saturating_add(claimed_count(bytes)));
        Ok(())
    }

    /// Makes the blocks added so far durable.
    pub(super) fn commit(&self) -> std::io::Result<()> {
        self.database.commit()
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.database.bytes()
    }

    /// The block that holds `at`; none when nothing shows one.
    pub(super) fn block_holding(&self, at: Seq) -> Result<Option<Block>, JournalError> {
        guarded(at, || {
            let Some(first) = self.first_of_block_at_or_before(at)? else { return Ok(None) };
            let block = self.read(first)?.unpack()?;
            Ok((block.end() > at).then_some(block))
        })
    }

    /// The block that starts at `first`, and what tells each of its events from its repetition.
    pub(super) fn block_with_keys(&self, first: Seq) -> Result<(Block, Vec<DedupKey>), JournalError> {
        guarded(first, || {
            let found = self.read(first)?;
            let bytes = join(&found.chunks);
            let stored = Stored::parse(first, &bytes)?;
            let mut keys: Vec<_> = stored.known_backwards().map(|(_, key, _)| key).collect();
            keys.reverse();
            Ok((stored.unpack()?, keys))
        })
    }

    /// The stored bytes of the block that begins at `at`, and the place after it; none when no block begins there.
    pub(super) fn stored_at(&self, at: Seq) -> Result<Option<(Seq, Vec<u8>)>, JournalError> {
        guarded(at, || {
            let found = self.read(at)?;
            if found.chunks.is_empty() {
                return Ok(None);
            }
            let bytes = join(&found.chunks);
            let end = Stored::parse(at, &bytes)?.end();
            Ok(Some((end, bytes.into_owned())))
        })
    }

    /// The first block from `at` on and before `until` that can be read whole, with when its first event was received.
    /// Passes over damage place by place, because what is damaged does not tell where it ends.
    pub(super) fn readable_from(&self, at: Seq, until: Seq) -> Result<Option<(Seq, Millis)>, JournalError> {
        let mut at = at;
        while at < until {
            let next = guarded(at, || {
                let next = self.database.db.range(key(at, 0)..).next();
                next.map(|entry| place(at, entry)).transpose()
            });
            at = match next.map(|next| next.filter(|next| *next < until)) {
                Ok(None) => break,
                Ok(Some(first)) => match self.block_holding(first) {
                    Ok(Some(block)) if block.first == first => {
                        return Ok(block.entries.first().map(|entry| (first, entry.received_at)));
                    }
                    Ok(_) | Err(JournalError::Damaged { .. }) => first.next(),
                    Err(error) => return Err(error),
                },
                Err(JournalError::Damaged { .. }) => at.next(),
                Err(error) => return Err(error),
            };
        }
        Ok(None)
    }

    /// The end of the last block before `at` that can be read whole, and when its last event was received.
    pub(super) fn readable_before(&self, at: Seq) -> Result<Option<(Seq, Millis)>, JournalError> {
        let mut before = at.0;
        while let Some(last) = before.checked_sub(1).filter(|last| *last >= self.first.0) {
            before = match guarded(Seq(last), || self.first_of_block_at_or_before(Seq(last))) {
                Ok(None) => break,
                Ok(Some(first)) => match self.block_holding(first) {
                    Ok(Some(block)) => {
                        let end = block.end().min(at);
                        return Ok(block.entries.last().map(|entry| (end, entry.received_at)));
                    }
                    Ok(None) | Err(JournalError::Damaged { .. }) => first.0,
                    Err(error) => return Err(error),
                },
                Err(JournalError::Damaged { .. }) => last,
                Err(error) => return Err(error),
            };
        }
        Ok(None)
    }

    /// A place that the events reached at least, when [`Self::tip`] can not be read.
    pub(super) fn reached(&self) -> Seq {
        let last = guarded(self.first, || self.first_of_block_at_or_before(Seq(u64::MAX)));
        let Ok(Some(first)) = last else { return self.first.next() };
        let count = self.read(first).map_or(1, |found| claimed_count(&join(&found.chunks)));
        Seq(first.0.saturating_add(count))
    }

    /// The place after the last event, and when that one was received; none when there is no event.
    pub(super) fn tip(&self) -> Result<Option<(Seq, Millis)>, JournalError> {
        guarded(self.first, || {
            let Some(first) = self.first_of_block_at_or_before(Seq(u64::MAX))? else { return Ok(None) };
            let found = self.read(first)?;
            let bytes = join(&found.chunks);
            let stored = Stored::parse(found.first, &bytes)?;
            Ok(Some((stored.end(), stored.newest())))
        })
    }

    /// Tells `take` of every event before `end`, the last first, until it has enough; says whether it wants more. Passes
    /// over what is damaged.
    pub(super) fn known_backwards(
        &self,
        end: Seq,
        mut take: impl FnMut(Seq, DedupKey, Millis) -> bool,
    ) -> Result<bool, JournalError> {
        let mut before = end;
        loop {
            match guarded(before, || self.known_before(&mut before, &mut take)) {
                Err(error @ JournalError::Damaged { .. }) => {
                    let Some((readable, _)) = self.readable_before(before)? else { return Ok(true) };
                    let (from, until) = (readable.0, before.0);
                    RepetitionsUnknown { from, until, error: Cause::of(&error) }.tell();
                    before = readable;
                }
                other => return other,
            }
        }
    }

    // As long as nothing is damaged; `before` tells how far it came.
    fn known_before(
        &self,
        before: &mut Seq,
        take: &mut impl FnMut(Seq, DedupKey, Millis) -> bool,
    ) -> Result<bool, JournalError> {
        let mut chunks: Vec<sled::IVec> = Vec::new();
        for entry in self.database.db.range(..key(*before, 0)).rev() {
            let (key, value) = entry.map_err(|error| unreadable(self.first, error))?;
            let (first, number) = parse_key(self.first, &key)?;
            chunks.push(value);
            if number > 0 {
                continue;
            }
            chunks.reverse();
            let bytes = join(&chunks);
            for (at, key, received_at) in Stored::parse(first, &bytes)?.known_backwards() {
                if !take(at, key, received_at) {
                    return Ok(false);
                }
            }
            chunks.clear();
            *before = first;
        }
        Ok(true)
    }

    /// Removes what a crash left of a block that was never finished, so of one that nobody was promised.
    pub(super) fn sweep_unfinished(&self) -> Result<(), JournalError> {
        while let Some(entry) = self.database.db.iter().next_back() {
            let first = place(self.first, entry)?;
            let head =
                self.database.db.contains_key(key(first, 0)).map_err(|error| unreadable(first, error))?;
            if head {
                break;
            }
            UnfinishedBlockRemoved { from: first.0 }.tell();
            for entry in self.database.db.range(key(first, 0)..=key(first, u16::MAX)) {
                let (key, _) = entry.map_err(|error| unreadable(first, error))?;
                self.database.db.remove(key).map_err(|error| unreadable(first, error))?;
            }
        }
        Ok(())
    }

    fn first_of_block_at_or_before(&self, at: Seq) -> Result<Option<Seq>, JournalError> {
        let last = self.database.db.range(..=key(at, u16::MAX)).next_back();
        last.map(|entry| place(at, entry)).transpose()
    }

    fn read(&self, first: Seq) -> Result<Found, JournalError> {
        let mut chunks = Vec::new();
        for (expected, entry) in self.database.db.range(key(first, 0)..=key(first, u16::MAX)).enumerate() {
            let (key, chunk) = entry.map_err(|error| unreadable(first, error))?;
            let (_, number) = parse_key(first, &key)?;
            if usize::from(number) != expected {
                let what = format!("chunk {expected} of the block is missing");
                return Err(JournalError::Damaged { at: first, what });
            }
            chunks.push(chunk);
        }
        Ok(Found { first, chunks })
    }
}

impl Found {
    fn unpack(&self) -> Result<Block, JournalError> {
        Stored::parse(self.first, &join(&self.chunks))?.unpack()
    }
}

// Most blocks have one chunk, which needs no copy.
fn join(chunks: &[sled::IVec]) -> Cow<'_, [u8]> {
    match chunks {
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.concat()),
    }
}

fn key(first: Seq, chunk: u16) -> [u8; KEY] {
    let mut key = [0; KEY];
    let (place, number) = key.split_at_mut(8);
    place.copy_from_slice(&first.0.to_be_bytes());
    number.copy_from_slice(&chunk.to_be_bytes());
    key
}

/// The place and the chunk that a key stands for.
pub(super) fn parse_key(near: Seq, key: &[u8]) -> Result<(Seq, u16), JournalError> {
    let parts =
        key.split_first_chunk::<8>().and_then(|(place, number)| Some((place, number.first_chunk::<2>()?)));
    let (place, number) = parts.filter(|_| key.len() == KEY).ok_or_else(|| JournalError::Damaged {
        at: near,
        what: format!("a key of {} bytes where a block was expected", key.len()),
    })?;
    Ok((Seq(u64::from_be_bytes(*place)), u16::from_be_bytes(*number)))
}

fn place(near: Seq, entry: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Seq, JournalError> {
    let (key, _) = entry.map_err(|error| unreadable(near, error))?;
    parse_key(near, &key).map(|(first, _)| first)
}

/// On some damage sled asserts instead of answering.
fn guarded<T>(at: Seq, read: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(JournalError::Damaged { at, what: "the database gave up while it was read".to_owned() })
    })
}

fn unreadable(at: Seq, error: sled::Error) -> JournalError {
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
            JournalError::Damaged { at, what: error.to_string() }
        }
        other => JournalError::Storage(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::NewEvent;
    use crate::journal::sled::format::{Draft, Encoder};

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(length)
        .collect()
    }

    fn block(first: u64, lengths: &[usize]) -> (Vec<u8>, Block) {
        let mut draft = Draft::new(Seq(first));
        for (i, length) in lengths.iter().enumerate() {
            let place = first + i as u64;
            draft.push(NewEvent {
                dedup: DedupKey(u128::from(place)),
                received_at: Millis(place as i64),
                refusal: None,
                body: noise(place + 1, *length),
            });
        }
        draft.finish(&mut Encoder::new().unwrap()).unwrap()
    }

    fn generation(under: &Path) -> Generation {
        Generation::open(under, Seq(0), None).unwrap()
    }

    #[test]
    fn blocks_of_any_size_are_found_from_any_place_both_ways() {
        let under = tempfile::tempdir().unwrap();
        let generation = generation(under.path());
        let mut blocks = Vec::new();
        let mut next = 10;
        // The third is far larger than a segment of the database, and does not shrink.
        for lengths in [&[100, 200, 300][..], &[0], &[6 << 20, 5], &[40_000; 4], &[1]] {
            let (bytes, block) = block(next, lengths);
            next = block.end().0;
            generation.add(block.first, &bytes).unwrap();
            blocks.push(block);
        }
        generation.commit().unwrap();
        assert_eq!(generation.block_holding(Seq(9)).unwrap(), None);
        for at in 10..next {
            let expected = blocks.iter().find(|block| block.end() > Seq(at));
            assert_eq!(generation.block_holding(Seq(at)).unwrap().as_ref(), expected, "at {at}");
            let after = blocks.iter().find(|block| block.first >= Seq(at)).map(|block| block.first);
            let readable = generation.readable_from(Seq(at), Seq(next)).unwrap().map(|(first, _)| first);
            assert_eq!(readable, after, "from {at}");
            let before =
                blocks.iter().rev().find(|block| block.first < Seq(at)).map(|block| block.end().0.min(at));
            let readable = generation.readable_before(Seq(at)).unwrap().map(|(end, _)| end.0);
            assert_eq!(readable, before, "before {at}");
        }
        assert_eq!(generation.block_holding(Seq(next)).unwrap(), None);
        assert_eq!(generation.tip().unwrap(), Some((Seq(next), Millis(next as i64 - 1))));
        let mut known = Vec::new();
        assert!(
            generation
                .known_backwards(Seq(next), |at, _, _| {
                    known.push(at.0);
                    true
                })
                .unwrap()
        );
        assert_eq!(known, (10..next).rev().collect::<Vec<_>>());
        let blobs = Generation::directory(under.path(), Seq(0)).join("blobs");
        assert_eq!(
            std::fs::read_dir(blobs).unwrap().count(),
            0,
            "sled stored something where nothing is synced"
        );
    }

    #[test]
    fn an_unfinished_block_is_swept_and_a_finished_one_stays() {
        let under = tempfile::tempdir().unwrap();
        let generation = generation(under.path());
        let (bytes, kept) = block(0, &[100; 3]);
        generation.add(Seq(0), &bytes).unwrap();
        generation.database.db.insert(key(Seq(3), 2), "rest of a block").unwrap();
        generation.database.db.insert(key(Seq(3), 1), "middle of a block").unwrap();
        generation.sweep_unfinished().unwrap();
        assert_eq!(generation.tip().unwrap().unwrap().0, Seq(3));
        assert_eq!(generation.block_holding(Seq(2)).unwrap(), Some(kept));
        assert_eq!(generation.database.db.len(), 1);
    }

    #[test]
    fn a_missing_chunk_and_a_changed_one_are_damage_at_their_block() {
        let under = tempfile::tempdir().unwrap();
        let generation = generation(under.path());
        let (bytes, _) = block(5, &[100_000]);
        generation.add(Seq(5), &bytes).unwrap();
        generation.database.db.insert(key(Seq(5), 2), vec![0; 30 << 10]).unwrap();
        assert!(matches!(generation.block_holding(Seq(5)), Err(JournalError::Damaged { at: Seq(5), .. })));
        generation.database.db.remove(key(Seq(5), 1)).unwrap();
        let error = generation.block_holding(Seq(5)).unwrap_err().to_string();
        assert!(error.contains("chunk 1 of the block is missing"), "{error}");
    }

    #[test]
    fn directory_names_read_back() {
        let directory = Generation::directory(Path::new("data"), Seq(500_000));
        assert_eq!(directory, Path::new("data/gen-00000000000000500000"));
        assert_eq!(Generation::parse_name("gen-00000000000000500000"), Some(Seq(500_000)));
        for other in ["gen-5", "gen-0000000000000050000x", "main", "gen-000000000000000500000"] {
            assert_eq!(Generation::parse_name(other), None, "{other}");
        }
    }
}
