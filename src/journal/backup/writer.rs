//! A source as the bytes of a backup.
//!
//! First thing to know: it is asked for the next bytes and never pushes, so whoever sends them decides the pace, and
//! about one frame is in memory.

use super::{BackupError, FRAME_USUAL, HEAD, ITEMS, Item, MAGIC, Source, TRAILER, Totals, VERSION};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Blocks are packed already, so more effort than the least is wasted.
const LEVEL: i32 = 1;

/// What stands at the end, so that a backup without it is known to be cut.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TrailerDoc {
    pub(super) totals: Totals,
    /// Of every byte before the trailer's frame.
    pub(super) sha256: [u8; 32],
}

/// Writes a backup.
pub struct Writer {
    source: Box<dyn Source>,
    hash: Sha256,
    frames: u64,
    totals: Totals,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Items,
    Done,
}

impl Writer {
    /// A backup of `source`.
    pub fn new(source: Box<dyn Source>) -> Self {
        Self { source, hash: Sha256::new(), frames: 0, totals: Totals::default(), stage: Stage::Head }
    }

    /// The next bytes; none after the last.
    pub fn next_part(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let bytes = match self.stage {
            Stage::Head => {
                self.stage = Stage::Items;
                let head = serde_json::to_vec(self.source.head()).map_err(io::Error::from)?;
                let mut bytes = MAGIC.to_vec();
                bytes.extend_from_slice(&VERSION.to_le_bytes());
                bytes.extend(self.frame(HEAD, &head)?);
                bytes
            }
            Stage::Items => match self.items()? {
                Some(payload) => self.frame(ITEMS, &payload)?,
                None => {
                    self.stage = Stage::Done;
                    let sha256 = self.hash.clone().finalize().into();
                    let doc = TrailerDoc { totals: self.totals, sha256 };
                    let trailer = postcard::to_stdvec(&doc).map_err(io::Error::other)?;
                    self.frame(TRAILER, &trailer)?
                }
            },
            Stage::Done => return Ok(None),
        };
        self.hash.update(&bytes);
        Ok(Some(bytes))
    }

    /// Some things, packed; none after the last.
    fn items(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let mut raw = Vec::new();
        while raw.len() < FRAME_USUAL {
            let Some(item) = self.source.next()? else { break };
            self.totals.count(&item);
            Item::render(&item, &mut raw);
        }
        if raw.is_empty() {
            return Ok(None);
        }
        let mut payload = u32::try_from(raw.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
        payload.extend(zstd::bulk::compress(&raw, LEVEL)?);
        Ok(Some(payload))
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<Vec<u8>, BackupError> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(self.frames, kind, payload).to_le_bytes());
        bytes.extend_from_slice(payload);
        self.frames += 1;
        Ok(bytes)
    }
}

/// Seeded with the number of the frame, so that one which stands in another's place is damage too.
pub(super) fn checksum(number: u64, kind: u8, payload: &[u8]) -> u64 {
    xxh3_64_with_seed(payload, number.wrapping_mul(256).wrapping_add(u64::from(kind)))
}
