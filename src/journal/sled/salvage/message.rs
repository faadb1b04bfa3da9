//! The messages in the log file of a sled database, read without sled.
//!
//! Layout as in the source of sled 0.34.7 (`pagecache/logger.rs`, `serialization.rs`, read 2026-11): segments of a fixed
//! size, each with a header of 20 bytes (inverted crc32, then number and stable end, both xored), then messages: crc32,
//! kind, length, segment number and page id (the last three of variable length), payload. Nothing is written here.
//!
//! First thing to know: a message counts when its checksum and its segment's number hold, and what is unreadable is passed
//! over byte by byte until the next one that does, so damage costs the message it hit and no other. Unreadable is not yet
//! damaged: what was never synced may be torn, and [`super::super::watermark`] knows how far it was.

use super::super::watermark;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SEGMENT: usize = super::super::database::SEGMENT;
const SEGMENT_HEADER: usize = 20;
/// No message begins in the last bytes of a segment (`MAX_MSG_HEADER_LEN`).
const RED_ZONE: usize = 32;
/// What was never written.
const ZEROS: [u8; 4096] = [0; 4096];
const XOR: u64 = 0x7FFF_FFFF_FFFF_FFFF;

const CAP: u8 = 2;
const FREE: u8 = 4;
const META: u8 = 6;
const NODE: u8 = 8;
const LINK: u8 = 10;
/// The last kind that there is.
const LAST: u8 = 11;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page is gone.
    Free,
    /// The names of trees and their first pages.
    Meta,
    /// A page as a whole.
    Node,
    /// One change of a page.
    Link,
}

/// One message whose checksum holds.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: Kind,
    pub(super) page: u64,
    /// Later messages have larger ones.
    pub(super) lsn: u64,
    /// Where the payload stands in the file.
    pub(super) at: u64,
    pub(super) payload: &'a [u8],
}

/// Where a value stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u64,
    pub(super) length: u32,
}

/// The log file of one database.
#[derive(Debug)]
pub(in crate::journal::sled) struct LogFile {
    file: File,
    segments: u64,
    /// How far it was synced at least, where that is known.
    synced: Option<u64>,
}

/// The segments of a log in the order written, and what their headers tell.
#[derive(Debug, Default)]
struct Order {
    /// Number and place in the file, by number.
    segments: Vec<(u64, u64)>,
    /// How many headers are damaged.
    damaged: u64,
}

/// The place of a readable message in its segment.
#[derive(Debug, Clone, Copy)]
struct Found {
    kind: u8,
    number: u64,
    page: u64,
    start: usize,
    end: usize,
}

impl LogFile {
    /// Opens the file in the directory of a database, for reading; none when there is none.
    pub(in crate::journal::sled) fn open(directory: &Path) -> io::Result<Option<Self>> {
        match File::open(directory.join("db")) {
            Ok(file) => {
                let segments = file.metadata()?.len().div_ceil(SEGMENT as u64);
                Ok(Some(Self {
                    file,
                    segments,
                    synced: watermark::load(directory).map(|synced| synced.reached),
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes of the file at most.
    pub(in crate::journal::sled) fn bytes(&self) -> u64 {
        self.segments.saturating_mul(SEGMENT as u64)
    }

    /// Whether nothing was synced from this place of the log on.
    pub(in crate::journal::sled) fn ends_before(&self, place: u64) -> bool {
        self.was_synced(place) == Some(false)
    }

    /// How many places are damaged, of those from the segment on that holds `from`; headers are looked at in all.
    pub(in crate::journal::sled) fn damage(&self, from: u64) -> io::Result<u64> {
        let order = self.order()?;
        let mut damaged = order.damaged + self.missing_end(&order);
        for (number, segment) in order.segments.iter().filter(|(number, _)| *number >= from / SEGMENT as u64)
        {
            let mut bytes = self.segment(*segment)?;
            // Nothing that was never synced can be damaged.
            let synced = self.synced.map(|synced| synced.saturating_add(1).saturating_sub(place(*number, 0)));
            bytes.truncate(synced.and_then(|length| usize::try_from(length).ok()).unwrap_or(SEGMENT));
            damaged += self.damaged_in(&scan(&bytes, Some(*number)), *number, &order);
        }
        Ok(damaged)
    }

    /// Hands every readable message to `take`, in the order written; says how many places are damaged.
    pub(super) fn read(&self, take: &mut dyn FnMut(&Message<'_>)) -> io::Result<u64> {
        let order = self.order()?;
        let mut damaged = order.damaged + self.missing_end(&order);
        for (number, segment) in &order.segments {
            let bytes = self.segment(*segment)?;
            let scanned = scan(&bytes, Some(*number));
            damaged += self.damaged_in(&scanned, *number, &order);
            for message in scanned.found {
                let kind = match message.kind {
                    FREE => Kind::Free,
                    META => Kind::Meta,
                    NODE => Kind::Node,
                    LINK => Kind::Link,
                    _ => continue,
                };
                take(&Message {
                    kind,
                    page: message.page,
                    lsn: place(*number, message.start),
                    at: segment * SEGMENT as u64 + message.start as u64,
                    payload: bytes.get(message.start..message.end).unwrap_or_default(),
                });
            }
        }
        Ok(damaged)
    }

    fn order(&self) -> io::Result<Order> {
        let mut order = Order::default();
        for segment in 0..self.segments {
            let mut header = [0; SEGMENT_HEADER];
            let known = match self.file.read_exact_at(&mut header, segment * SEGMENT as u64) {
                Ok(()) => segment_number(&header),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                Err(error) => return Err(error),
            };
            // Only where the header is damaged the messages are asked which segment this is.
            let number = match known {
                Some(number) => Some(number),
                None => {
                    let found = scan(&self.segment(segment)?, None).found;
                    let number = found.iter().map(|message| message.number).max();
                    let is_damage =
                        number.is_some_and(|number| self.was_synced(place(number, 0)) != Some(false));
                    order.damaged += u64::from(is_damage);
                    number
                }
            };
            order.segments.extend(number.map(|number| (number, segment)));
        }
        order.segments.sort_unstable();
        Ok(order)
    }

    // Whether the byte at a place of the log was synced, where that is known.
    fn was_synced(&self, lsn: u64) -> Option<bool> {
        self.synced.map(|synced| lsn <= synced)
    }

    // What was synced is gone with its segment, when that was the last one. Any other may have been given up by sled.
    fn missing_end(&self, order: &Order) -> u64 {
        let newest = order.segments.last().map(|(number, _)| *number);
        let synced = self.synced.map(|synced| synced / SEGMENT as u64);
        u64::from(synced > newest)
    }

    // Stretches of a segment that can not be read, and could be once.
    fn damaged_in(&self, scanned: &Scanned, number: u64, order: &Order) -> u64 {
        let is_newest = order.segments.last().is_some_and(|(newest, _)| *newest == number);
        let between = |gap: &&usize| self.was_synced(place(number, **gap)) != Some(false);
        let tail = scanned.tail.is_some_and(|tail| {
            // Without a note only a message that says it belongs there, or a later segment, tells of one.
            self.was_synced(place(number, tail)).unwrap_or(scanned.is_cut || !is_newest)
        });
        scanned.gaps.iter().filter(between).count() as u64 + u64::from(tail)
    }

    /// The bytes of a value.
    pub(super) fn value(&self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; span.length as usize];
        self.file.read_exact_at(&mut bytes, span.at)?;
        Ok(bytes)
    }

    fn segment(&self, segment: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; SEGMENT];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, segment * SEGMENT as u64 + length as u64)? {
                0 => break,
                more => length += more,
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

// None when the header is damaged or empty.
fn segment_number(header: &[u8; SEGMENT_HEADER]) -> Option<u64> {
    let (sum, rest) = header.split_first_chunk::<4>()?;
    let lsn = u64::from_le_bytes(*rest.first_chunk::<8>()?) ^ XOR;
    let holds = crc32fast::hash(rest) == u32::from_le_bytes(*sum) ^ u32::MAX;
    (holds && lsn.is_multiple_of(SEGMENT as u64)).then_some(lsn / SEGMENT as u64)
}

/// What a segment holds.
#[derive(Debug, Default)]
struct Scanned {
    found: Vec<Found>,
    /// Where something unreadable begins that has a readable message behind it.
    gaps: Vec<usize>,
    /// Where the unreadable rest begins, unless the segment is full.
    tail: Option<usize>,
    /// Whether that rest begins as a message of this segment does.
    is_cut: bool,
}

fn scan(bytes: &[u8], number: Option<u64>) -> Scanned {
    let (mut scanned, mut at) = (Scanned::default(), SEGMENT_HEADER);
    let mut gap_from = None;
    while at < bytes.len() {
        let Some(message) = message_at(bytes, at, number) else {
            gap_from.get_or_insert(at);
            at += empty_from(bytes, at).max(1);
            continue;
        };
        scanned.gaps.extend(gap_from.take());
        at = message.end;
        scanned.found.push(message);
        // It fills the rest of the segment.
        if message.kind == CAP {
            return scanned;
        }
    }
    let end = gap_from.unwrap_or(at);
    if end.saturating_add(RED_ZONE) <= SEGMENT {
        scanned.tail = Some(end);
        scanned.is_cut = Head::parse(bytes, end).is_some_and(|head| Some(head.number) == number);
    }
    scanned
}

// How many bytes from `at` on can hold no beginning of a message, because they are zero; looked at in large steps only.
fn empty_from(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let empty = rest.chunks_exact(ZEROS.len()).take_while(|chunk| **chunk == ZEROS).count();
    // A message begins with four bytes that may be zero, and then with one that is not.
    (empty * ZEROS.len()).saturating_sub(4)
}

// The place in sled's log of a byte of a segment.
fn place(number: u64, start: usize) -> u64 {
    number.saturating_mul(SEGMENT as u64).saturating_add(start as u64)
}

/// What stands before a payload.
struct Head {
    sum: u32,
    kind: u8,
    length: usize,
    number: u64,
    page: u64,
    /// Where the payload starts.
    start: usize,
}

impl Head {
    fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let (kind, mut rest) = rest.split_first()?;
        if !(1..=LAST).contains(kind) {
            return None;
        }
        let length = usize::try_from(number(&mut rest)?).ok()?;
        let (segment, page) = (number(&mut rest)?, number(&mut rest)?);
        let start = bytes.len().checked_sub(rest.len())?;
        (length <= rest.len()).then_some(Self {
            sum: u32::from_le_bytes(*sum),
            kind: *kind,
            length,
            number: segment,
            page,
            start,
        })
    }
}

fn message_at(bytes: &[u8], at: usize, number: Option<u64>) -> Option<Found> {
    let head = Head::parse(bytes, at)?;
    if number.is_some_and(|number| number != head.number) {
        return None;
    }
    let end = head.start.checked_add(head.length)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(head.start..end)?);
    hasher.update(bytes.get(at.checked_add(4)?..head.start)?);
    let Head { kind, number, page, start, .. } = head;
    (hasher.finalize() ^ u32::MAX == head.sum).then_some(Found { kind, number, page, start, end })
}

/// Takes one of sled's numbers of variable length off the front.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let (value, rest) = match first {
        0..=240 => (u64::from(*first), rest),
        241..=248 => {
            let (low, rest) = rest.split_first()?;
            (240 + 256 * (u64::from(*first) - 241) + u64::from(*low), rest)
        }
        249 => {
            let (two, rest) = rest.split_first_chunk::<2>()?;
            (2288 + u64::from(u16::from_be_bytes(*two)), rest)
        }
        _ => {
            let (some, rest) = rest.split_at_checked(usize::from(*first) - 247)?;
            (some.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)), rest)
        }
    };
    *bytes = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::sled::database::Database;
    use proptest::prelude::*;

    fn read(directory: &Path) -> (Vec<(Kind, u64, Vec<u8>)>, u64) {
        let mut found = Vec::new();
        let log = LogFile::open(directory).unwrap().unwrap();
        let damaged = log
            .read(&mut |message| found.push((message.kind, message.lsn, message.payload.to_vec())))
            .unwrap();
        (found, damaged)
    }

    #[test]
    fn one_flipped_bit_costs_the_message_it_hit_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path(), None).unwrap();
        for i in 0..300_u32 {
            database.db.insert(i.to_be_bytes(), vec![i as u8; 2000]).unwrap();
        }
        database.commit().unwrap();
        drop(database);
        let path = directory.path().join("db");
        let original = std::fs::read(&path).unwrap();
        let (whole, damaged) = read(directory.path());
        assert!(whole.len() > 300 && damaged == 0, "{} messages, {damaged} damaged", whole.len());
        assert!(whole.is_sorted_by_key(|(_, lsn, _)| *lsn));
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..40 {
            let (at, bit) = (random.usize(0..400_000), random.u8(0..8));
            let mut flipped = original.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(&path, &flipped).unwrap();
            let (found, damaged) = read(directory.path());
            assert!(found.len() + 1 >= whole.len(), "byte {at}: {} of {}", found.len(), whole.len());
            assert!(found.iter().all(|message| whole.contains(message)), "byte {at}");
            assert_eq!(damaged, 1, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            scan(&bytes, None);
            scan(&bytes, Some(3));
            number(&mut &*bytes);
        }
    }
}
