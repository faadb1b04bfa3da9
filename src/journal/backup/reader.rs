//! The bytes of a backup as a source.
//!
//! First thing to know: every byte is treated as hostile, and nothing counts before the trailer was read: until then the
//! backup may be cut.

use super::writer::{TrailerDoc, checksum};
use super::{
    BackupError, FRAME_HEAD, FRAME_MOST, HEAD, Head, ITEMS, Item, MAGIC, Source, TRAILER, Totals, VERSION,
};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;

/// Reads a backup from its beginning to its end.
pub struct Reader<R> {
    input: R,
    head: Head,
    hash: Sha256,
    at: u64,
    frames: u64,
    totals: Totals,
    waiting: VecDeque<Item>,
    is_done: bool,
}

/// A frame whose checksum holds.
struct Frame {
    kind: u8,
    payload: Vec<u8>,
    /// Of everything before it.
    before: [u8; 32],
    /// Where it begins.
    at: u64,
}

impl<R: Read + Send> Reader<R> {
    /// Reads what the backup is of.
    pub fn open(input: R) -> Result<Self, BackupError> {
        let head = Head {
            program: String::new(),
            made_at: crate::clock::Millis(0),
            kept_from: crate::journal::Seq(0),
            end: crate::journal::Seq(0),
            counts: crate::journal::Counts::default(),
        };
        let mut reader = Self {
            input,
            head,
            hash: Sha256::new(),
            at: 0,
            frames: 0,
            totals: Totals::default(),
            waiting: VecDeque::new(),
            is_done: false,
        };
        let magic = reader.take(MAGIC.len()).map_err(|error| match error {
            BackupError::Cut { .. } => BackupError::Foreign,
            other => other,
        })?;
        if magic != MAGIC {
            return Err(BackupError::Foreign);
        }
        let version = reader.take(4)?;
        let found = version.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if found != VERSION {
            return Err(BackupError::Version { found });
        }
        let frame = reader.frame()?;
        if frame.kind != HEAD {
            return Err(damaged(frame.at, "expected the head"));
        }
        reader.head = serde_json::from_slice(&frame.payload)
            .map_err(|error| damaged(frame.at, &format!("unreadable head: {error}")))?;
        Ok(reader)
    }

    /// How many things were read so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        // Grown as bytes come, so that a length that is a lie costs no memory.
        let read = self.input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        self.at = self.at.saturating_add(read as u64);
        if read < length {
            return Err(BackupError::Cut { at: self.at });
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn frame(&mut self) -> Result<Frame, BackupError> {
        let (at, before) = (self.at, self.hash.clone().finalize().into());
        let head = self.take(FRAME_HEAD)?;
        let parts = head.split_first().and_then(|(kind, rest)| {
            let (length, sum) = rest.split_first_chunk::<4>()?;
            Some((*kind, u32::from_le_bytes(*length) as usize, u64::from_le_bytes(*sum.first_chunk()?)))
        });
        let (kind, length, sum) = parts.ok_or(BackupError::Cut { at })?;
        if length > FRAME_MOST {
            return Err(damaged(at, &format!("a frame of {length} bytes, the most is {FRAME_MOST}")));
        }
        let payload = self.take(length)?;
        if checksum(self.frames, kind, &payload) != sum {
            return Err(damaged(at, "the checksum does not match"));
        }
        self.frames += 1;
        Ok(Frame { kind, payload, before, at })
    }

    fn unpack(&mut self, frame: &Frame) -> Result<(), BackupError> {
        let raw = frame.payload.split_first_chunk::<4>().and_then(|(length, packed)| {
            let length = u32::from_le_bytes(*length) as usize;
            (length <= FRAME_MOST).then(|| zstd::bulk::decompress(packed, length).ok()).flatten()
        });
        let raw = raw.ok_or_else(|| damaged(frame.at, "it can not be unpacked"))?;
        let mut rest = raw.as_slice();
        while !rest.is_empty() {
            let item =
                Item::parse(&mut rest).ok_or_else(|| damaged(frame.at, "it holds something unknown"))?;
            self.totals.count(&item);
            self.waiting.push_back(item);
        }
        Ok(())
    }

    // What follows the trailer was added by somebody else.
    fn finish(&mut self, frame: &Frame) -> Result<(), BackupError> {
        let trailer: TrailerDoc = postcard::from_bytes(&frame.payload)
            .map_err(|error| damaged(frame.at, &format!("unreadable trailer: {error}")))?;
        if trailer.sha256 != frame.before || trailer.totals != self.totals {
            return Err(damaged(frame.at, "the trailer is not that of this backup"));
        }
        let mut more = [0];
        if self.input.read(&mut more)? > 0 {
            return Err(damaged(self.at, "something follows its end"));
        }
        self.is_done = true;
        Ok(())
    }
}

impl<R: Read + Send> Source for Reader<R> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn next(&mut self) -> Result<Option<Item>, BackupError> {
        while self.waiting.is_empty() && !self.is_done {
            let frame = self.frame()?;
            match frame.kind {
                ITEMS => self.unpack(&frame)?,
                TRAILER => self.finish(&frame)?,
                other => return Err(damaged(frame.at, &format!("a frame of the unknown kind `{other}`"))),
            }
        }
        Ok(self.waiting.pop_front())
    }
}

fn damaged(at: u64, what: &str) -> BackupError {
    BackupError::Damaged { at, what: what.to_owned() }
}
