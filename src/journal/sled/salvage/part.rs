//! The blocks of one generation that can be read.
//!
//! First thing to know: a block counts when its own checksum holds, whatever the messages around it were; sled's checksums
//! decide nothing here but which bytes are looked at.

use super::message::{LogFile, Span};
use super::tree::read_rows;
use crate::journal::backup::BackupError;
use crate::journal::sled::format::{Stored, claimed_count};
use crate::journal::sled::generation::{KEY, parse_key};
use crate::journal::{JournalError, Seq};
use std::collections::BTreeMap;
use std::path::Path;

/// One generation, as far as it can be read.
pub(super) struct Part {
    log: Option<LogFile>,
    /// The chunks of each block from the first one on without a gap, by the place of its first event.
    blocks: BTreeMap<u64, Vec<Span>>,
    damaged: u64,
}

impl Part {
    /// Reads which blocks before `until` there are in the generation that starts at `first`.
    pub(super) fn open(first: Seq, until: Seq, directory: &Path) -> Result<Self, BackupError> {
        let Some(log) = LogFile::open(directory)? else {
            return Ok(Self { log: None, blocks: BTreeMap::new(), damaged: 0 });
        };
        let (rows, damaged) = read_rows(&log, KEY)?;
        let mut blocks: BTreeMap<u64, Vec<Span>> = BTreeMap::new();
        for (key, span) in rows {
            let Ok((place, number)) = parse_key(first, &key) else { continue };
            // What is there without its first chunk was never finished, unless damage took that chunk.
            if !(first..until).contains(&place)
                || number > 0 && damaged == 0 && !blocks.contains_key(&place.0)
            {
                continue;
            }
            let chunks = blocks.entry(place.0).or_default();
            if chunks.len() == usize::from(number) {
                chunks.push(span);
            }
        }
        Ok(Self { log: Some(log), blocks, damaged })
    }

    /// How many places can not be read.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The place that the events reached at least; none when there is no trace of any.
    pub(super) fn reached(&self) -> Result<Option<Seq>, BackupError> {
        let Some((first, chunks)) = self.blocks.last_key_value() else { return Ok(None) };
        if let Some((end, _)) = self.block(Seq(*first), chunks)? {
            return Ok(Some(end));
        }
        Ok(Some(Seq(first.saturating_add(claimed_count(&self.bytes(chunks)?)))))
    }

    /// The next block from `at` on: its place, the place after it, and its stored bytes.
    pub(super) fn next_block(&mut self, at: Seq) -> Result<Option<(Seq, Seq, Vec<u8>)>, BackupError> {
        while let Some((first, chunks)) = self.blocks.pop_first() {
            if first >= at.0
                && let Some((end, bytes)) = self.block(Seq(first), &chunks)?
            {
                return Ok(Some((Seq(first), end, bytes)));
            }
        }
        Ok(None)
    }

    // Chunks of an unfinished block may stand behind those of the one that took its place.
    fn block(&self, first: Seq, chunks: &[Span]) -> Result<Option<(Seq, Vec<u8>)>, BackupError> {
        for count in (1..=chunks.len()).rev() {
            let bytes = self.bytes(chunks.get(..count).unwrap_or_default())?;
            match Stored::parse(first, &bytes) {
                Ok(stored) => {
                    let end = stored.end();
                    return Ok(Some((end, bytes)));
                }
                Err(JournalError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn bytes(&self, chunks: &[Span]) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        for span in chunks {
            if let Some(log) = &self.log {
                bytes.extend(log.value(*span)?);
            }
        }
        Ok(bytes)
    }
}
