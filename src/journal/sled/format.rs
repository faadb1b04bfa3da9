//! The stored form of a block.
//!
//! One byte string per block: a header of 30 bytes, the index (key, time and length of every event, never compressed, so
//! that the window of known events is rebuilt without unpacking anything), then the payload (all bodies, then the
//! refusals), compressed as a whole. [`super::generation`] cuts the string into chunks; this file knows nothing of that.
//!
//! First thing to know: the checksum is seeded with the place of the block, so a block that is found where another one
//! belongs is damage too. Every byte is treated as hostile: reading ends in a block or in an error.

use crate::clock::Millis;
use crate::journal::{Block, DedupKey, Entry, JournalError, NewEvent, Refusal, Seq};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The version this code writes, and the only one so far.
const VERSION: u8 = 1;
/// Header: version, codec, key id (4), entry count (4), index length (4), raw length (4), stored length (4), checksum (8).
const HEADER: usize = 30;
/// Where the checksum stands; it covers everything before and after it.
const CHECKSUM: std::ops::Range<usize> = 22..30;
/// No payload is larger than this once unpacked, whatever a header says.
const MAX_RAW: usize = 256 << 20;
/// zstd level 1: 5 times smaller at 2.3 µs an event (measured on 64 KB of 1.5 KB events, 2026-11-23).
const LEVEL: i32 = 1;

/// Events of a block at most, however small they are.
pub(super) const MOST_EVENTS: u32 = 1024;

const CODEC_RAW: u8 = 0;
const CODEC_ZSTD: u8 = 1;
/// No key: the payload is not sealed. Other ids are for payloads encrypted with a key that can be destroyed.
const UNSEALED: u32 = 0;

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    key: [u8; 16],
    received_at: i64,
    length: u32,
}

/// Compresses blocks, one after another.
pub(super) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { compressor: zstd::bulk::Compressor::new(LEVEL)? })
    }
}

/// A block that is being filled.
#[derive(Debug)]
pub(super) struct Draft {
    first: Seq,
    rows: Vec<Row>,
    payload: Vec<u8>,
    refusals: Vec<(u32, Refusal)>,
    entries: Vec<Entry>,
}

impl Draft {
    /// An empty block that will start at `first`.
    pub(super) fn new(first: Seq) -> Self {
        Self { first, rows: Vec::new(), payload: Vec::new(), refusals: Vec::new(), entries: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of bodies so far.
    pub(super) fn raw_bytes(&self) -> usize {
        self.payload.len()
    }

    /// The place the next event will have.
    pub(super) fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.rows.len() as u64))
    }

    pub(super) fn push(&mut self, event: NewEvent) {
        let NewEvent { dedup, received_at, refusal, body } = event;
        self.push_entry(
            dedup,
            Entry { received_at, refusal, is_lost: false, erased_at: None, body: body.into() },
        );
    }

    /// Adds an event as a reader sees it, for writing a block anew.
    pub(super) fn push_entry(&mut self, dedup: DedupKey, entry: Entry) {
        let length = u32::try_from(entry.body.len()).unwrap_or(u32::MAX);
        if let Some(refusal) = entry.erased_at.map(erased_mark).or_else(|| entry.refusal.clone()) {
            self.refusals.push((self.rows.len() as u32, refusal));
        }
        self.rows.push(Row { key: dedup.0.to_be_bytes(), received_at: entry.received_at.0, length });
        self.payload.extend_from_slice(&entry.body);
        self.entries.push(entry);
    }

    /// The bytes to store, and the block as a reader will see it.
    pub(super) fn finish(mut self, encoder: &mut Encoder) -> Result<(Vec<u8>, Block), JournalError> {
        let storage = |error: &dyn std::fmt::Display| {
            JournalError::Storage(format!("a block can not be packed: {error}"))
        };
        if !self.refusals.is_empty() {
            self.payload =
                postcard::to_extend(&self.refusals, self.payload).map_err(|error| storage(&error))?;
        }
        if self.payload.len() > MAX_RAW {
            return Err(storage(&format!("it has {} bytes, the most is {MAX_RAW}", self.payload.len())));
        }
        let index = postcard::to_stdvec(&self.rows).map_err(|error| storage(&error))?;
        let packed = encoder.compressor.compress(&self.payload).map_err(|error| storage(&error))?;
        let (codec, stored) = if packed.len() < self.payload.len() {
            (CODEC_ZSTD, &packed)
        } else {
            (CODEC_RAW, &self.payload)
        };
        let lengths = [self.rows.len(), index.len(), self.payload.len(), stored.len()];
        let mut bytes = Vec::with_capacity(HEADER + index.len() + stored.len());
        bytes.extend_from_slice(&[VERSION, codec]);
        bytes.extend_from_slice(&UNSEALED.to_le_bytes());
        for length in lengths {
            bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&index);
        bytes.extend_from_slice(stored);
        seal(self.first, &mut bytes);
        Ok((bytes, Block { first: self.first, entries: self.entries }))
    }
}

/// An erased event is stored as one that was refused with this code, its message the time: so the version that knows no
/// erasing reads it as refused, and not as damage.
const ERASED: &str = "erased";

fn erased_mark(at: Millis) -> Refusal {
    Refusal { code: ERASED.to_owned(), message: at.0.to_string(), pointer: String::new() }
}

fn parse_erased_mark(refusal: &Refusal) -> Option<Millis> {
    let is_mark = refusal.code == ERASED && refusal.pointer.is_empty();
    is_mark.then(|| refusal.message.parse().ok().map(Millis)).flatten()
}

fn seal(first: Seq, bytes: &mut [u8]) {
    let sum = checksum(first, bytes).unwrap_or_default();
    if let Some(place) = bytes.get_mut(CHECKSUM) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

fn checksum(first: Seq, bytes: &[u8]) -> Option<u64> {
    let before = xxh3_64_with_seed(bytes.get(..CHECKSUM.start)?, first.0);
    Some(xxh3_64_with_seed(bytes.get(CHECKSUM.end..)?, before))
}

// Another version is a matter of the program; one whose every other byte agrees with this version's is a flipped byte.
fn is_ours_but_for_the_version(first: Seq, bytes: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    if let Some(version) = bytes.first_mut() {
        *version = VERSION;
    }
    checksum(first, &bytes).map(u64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice) == bytes.get(CHECKSUM)
}

/// How many events the block says it has, though its checksum does not hold: no proof, but better than one.
pub(super) fn claimed_count(bytes: &[u8]) -> u64 {
    let count = bytes
        .get(6..10)
        .and_then(|count| count.first_chunk::<4>())
        .map_or(1, |count| u32::from_le_bytes(*count));
    if (1..=MOST_EVENTS).contains(&count) { u64::from(count) } else { 1 }
}

/// A stored block whose checksum holds, not unpacked yet.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    first: Seq,
    codec: u8,
    raw_length: usize,
    rows: Vec<Row>,
    stored: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Checks the bytes of the block at `first` and reads its index.
    pub(super) fn parse(first: Seq, bytes: &'a [u8]) -> Result<Self, JournalError> {
        let mut header = Header(bytes.get(..HEADER).ok_or_else(|| cut_short(first, bytes.len()))?);
        let (version, codec) = (header.byte(), header.byte());
        if version != VERSION && !is_ours_but_for_the_version(first, bytes) {
            return Err(JournalError::Storage(format!(
                "the block at {first} has format version `{version}`, this program reads `{VERSION}`; \
                 start the version that wrote it"
            )));
        }
        let key = header.number();
        let [count, index_length, raw_length, stored_length] =
            [(); 4].map(|()| usize::try_from(header.number()).unwrap_or(usize::MAX));
        if checksum(first, bytes).map(u64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)
            != bytes.get(CHECKSUM)
        {
            return Err(damaged(first, "the checksum does not match".to_owned()));
        }
        if key != UNSEALED {
            return Err(JournalError::Storage(format!(
                "the block at {first} is sealed with key `{key}`, which this program does not have"
            )));
        }
        let body = bytes.get(HEADER..).unwrap_or_default();
        let (index, stored) =
            body.split_at_checked(index_length).ok_or_else(|| cut_short(first, bytes.len()))?;
        if stored.len() != stored_length {
            return Err(cut_short(first, bytes.len()));
        }
        let rows: Vec<Row> = postcard::from_bytes(index)
            .map_err(|error| damaged(first, format!("unreadable index: {error}")))?;
        if rows.len() != count || count == 0 {
            return Err(damaged(first, format!("{count} events announced, {} found", rows.len())));
        }
        Ok(Self { first, codec, raw_length, rows, stored })
    }

    /// The place after the last event.
    pub(super) fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.rows.len() as u64))
    }

    /// When the last event was received.
    pub(super) fn newest(&self) -> Millis {
        self.rows.last().map_or(Millis(0), |row| Millis(row.received_at))
    }

    /// The events as the window of known ones needs them, the last first.
    pub(super) fn known_backwards(&self) -> impl Iterator<Item = (Seq, DedupKey, Millis)> {
        self.rows.iter().enumerate().rev().map(|(index, row)| {
            let at = Seq(self.first.0.saturating_add(index as u64));
            (at, DedupKey(u128::from_be_bytes(row.key)), Millis(row.received_at))
        })
    }

    /// Unpacks the events.
    pub(super) fn unpack(&self) -> Result<Block, JournalError> {
        let payload = self.payload()?;
        let mut at = 0_usize;
        let mut entries = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let end = usize::try_from(row.length).ok().and_then(|length| at.checked_add(length));
            let end = end.filter(|end| *end <= payload.len()).ok_or_else(|| {
                damaged(
                    self.first,
                    format!("the bodies end after {} bytes, before their last event", payload.len()),
                )
            })?;
            let body = payload.slice(at..end);
            let received_at = Millis(row.received_at);
            entries.push(Entry { received_at, refusal: None, is_lost: false, erased_at: None, body });
            at = end;
        }
        let rest = payload.get(at..).unwrap_or_default();
        if !rest.is_empty() {
            let refusals: Vec<(u32, Refusal)> = postcard::from_bytes(rest)
                .map_err(|error| damaged(self.first, format!("unreadable refusals: {error}")))?;
            for (index, refusal) in refusals {
                let entry = usize::try_from(index).ok().and_then(|index| entries.get_mut(index));
                let entry = entry.ok_or_else(|| {
                    damaged(self.first, format!("a refusal of event {index}, which is not there"))
                })?;
                match parse_erased_mark(&refusal) {
                    Some(at) => entry.erased_at = Some(at),
                    None => entry.refusal = Some(refusal),
                }
            }
        }
        Ok(Block { first: self.first, entries })
    }

    fn payload(&self) -> Result<bytes::Bytes, JournalError> {
        if self.raw_length > MAX_RAW {
            return Err(damaged(
                self.first,
                format!("{} bytes announced, the most is {MAX_RAW}", self.raw_length),
            ));
        }
        let payload = match self.codec {
            CODEC_RAW => self.stored.to_vec(),
            CODEC_ZSTD => decompress(self.stored, self.raw_length)
                .map_err(|error| damaged(self.first, format!("the payload can not be unpacked: {error}")))?,
            other => return Err(damaged(self.first, format!("unknown codec `{other}`"))),
        };
        if payload.len() != self.raw_length {
            let found = payload.len();
            return Err(damaged(
                self.first,
                format!("{} bytes announced, {found} unpacked", self.raw_length),
            ));
        }
        Ok(payload.into())
    }
}

// Making a decompressor costs more than unpacking a small block, so every thread keeps one.
fn decompress(packed: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(packed, most)
    })
}

/// The rest of a header. Its length was checked; past its end it reads zeros.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}

fn damaged(at: Seq, what: String) -> JournalError {
    JournalError::Damaged { at, what }
}

fn cut_short(at: Seq, length: usize) -> JournalError {
    damaged(at, format!("the block has {length} bytes, which is not what its header says"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(count: usize) -> Vec<NewEvent> {
        let refusal = |i: usize| Refusal {
            code: "missing_event_name".to_owned(),
            message: format!("event {i} has no name"),
            pointer: format!("/batch/{i}/event"),
        };
        let event = |i: usize| NewEvent {
            dedup: DedupKey(u128::MAX - i as u128),
            received_at: Millis(1_790_000_000_000 - i as i64),
            refusal: i.is_multiple_of(3).then(|| refusal(i)),
            body: format!(r#"{{"type":"track","event":"Step {i}"}}"#).repeat(i % 5).into_bytes(),
        };
        (0..count).map(event).collect()
    }

    fn stored(first: Seq, events: &[NewEvent]) -> (Vec<u8>, Block) {
        let mut draft = Draft::new(first);
        for event in events {
            draft.push(event.clone());
        }
        draft.finish(&mut Encoder::new().unwrap()).unwrap()
    }

    #[test]
    fn a_block_reads_back_as_it_was_written() {
        for count in [1, 2, 7, 300] {
            let events = events(count);
            let (bytes, block) = stored(Seq(41), &events);
            let read = Stored::parse(Seq(41), &bytes).unwrap();
            assert_eq!(read.unpack().unwrap(), block);
            assert_eq!(read.end(), Seq(41 + count as u64));
            assert_eq!(read.newest(), events.last().unwrap().received_at);
            let keys: Vec<_> = read.known_backwards().collect();
            let expected: Vec<_> = events
                .iter()
                .enumerate()
                .rev()
                .map(|(i, e)| (Seq(41 + i as u64), e.dedup, e.received_at))
                .collect();
            assert_eq!(keys, expected);
        }
    }

    #[test]
    fn an_erased_event_reads_back_as_erased_between_its_neighbours() {
        let given = events(4);
        let mut draft = Draft::new(Seq(41));
        draft.push(given[0].clone());
        draft.push_entry(given[1].dedup, Entry::erased(given[1].received_at, Millis(77), "{}".into()));
        draft
            .push_entry(given[2].dedup, Entry::erased(given[2].received_at, Millis(-1), bytes::Bytes::new()));
        draft.push(given[3].clone());
        let (bytes, block) = draft.finish(&mut Encoder::new().unwrap()).unwrap();
        let read = Stored::parse(Seq(41), &bytes).unwrap();
        assert_eq!(read.unpack().unwrap(), block);
        assert_eq!(block.entries[2].erased_at, Some(Millis(-1)));
        assert!(block.entries[3].refusal.is_some() && block.entries[3].erased_at.is_none());
        assert_eq!(read.known_backwards().last().unwrap().1, given[0].dedup);
    }

    #[test]
    fn a_block_is_damage_anywhere_but_in_its_place() {
        let (bytes, _) = stored(Seq(41), &events(4));
        assert!(matches!(Stored::parse(Seq(42), &bytes), Err(JournalError::Damaged { at: Seq(42), .. })));
    }

    #[test]
    fn a_format_of_the_future_is_named_and_not_called_damage() {
        let (mut bytes, _) = stored(Seq(0), &events(1));
        bytes[0] = 2;
        seal(Seq(0), &mut bytes);
        let error = Stored::parse(Seq(0), &bytes).unwrap_err().to_string();
        assert!(error.contains("format version `2`"), "{error}");
        bytes[0] = 1;
        bytes[2] = 9;
        seal(Seq(0), &mut bytes);
        let error = Stored::parse(Seq(0), &bytes).unwrap_err().to_string();
        assert!(error.contains("sealed with key `9`"), "{error}");
    }

    #[test]
    fn one_flipped_bit_anywhere_is_found() {
        let (bytes, _) = stored(Seq(3), &events(5));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Stored::parse(Seq(3), &flipped).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_block_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stored::parse(Seq(0), &bytes).and_then(|stored| stored.unpack());
        }

        // The checksum is made right again, so that the mutation reaches what lies behind it.
        #[test]
        fn mutated_blocks_with_a_right_checksum_never_panic(
            mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let (mut bytes, _) = stored(Seq(7), &events(9));
            for (place, value) in mutations {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes[0] = VERSION;
            bytes[2..6].fill(0);
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            seal(Seq(7), &mut bytes);
            if let Ok(stored) = Stored::parse(Seq(7), &bytes) && let Ok(block) = stored.unpack() {
                prop_assert!(!block.entries.is_empty());
            }
        }
    }
}
