//! The data directory in the hands of a verb, while no server has it.
//!
//! Deliberately reading only: what a verb may change has its own way through `admin`.

use crate::clock::Millis;
use crate::journal::backup::{BackupError, Source};
use crate::journal::sled::{Options, SledJournal, SledStore};
use crate::journal::{Journal, JournalError, Seq, Store};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// An open data directory. A server can not start on it meanwhile.
pub struct DataDirectory {
    journal: Arc<SledJournal>,
    store: Arc<SledStore>,
    runtime: Runtime,
}

/// Why a data directory can not be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is none; it is not made for looking into it.
    #[error("there is no data directory `{}`", directory.display())]
    Absent {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A server has it.
    #[error(transparent)]
    InUse(JournalError),
    /// It can not be opened or read.
    #[error(transparent)]
    Journal(JournalError),
    /// The machine refused what reading needs.
    #[error("the data directory can not be read: {0}")]
    Runtime(#[from] io::Error),
}

impl From<JournalError> for DataError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::InUse { .. } => Self::InUse(error),
            _ => Self::Journal(error),
        }
    }
}

impl DataDirectory {
    /// Opens the directory of a server that is stopped.
    pub fn open(directory: &Path) -> Result<Self, DataError> {
        if !directory.join("main").is_dir() {
            return Err(DataError::Absent { directory: directory.to_owned() });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (journal, store) = SledJournal::open(directory, Options { index: false, ..Options::default() })?;
        Ok(Self { journal, store, runtime })
    }

    /// Everything in it, as of `now`.
    pub(super) fn snapshot(&self, now: Millis) -> Result<Box<dyn Source>, BackupError> {
        self.runtime.block_on(self.journal.snapshot(now))
    }

    /// The small tables.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Hands over the `last` newest events that came to be mapped (all, where it is none), the oldest of them first,
    /// a block in memory at a time; those that are erased or whose stored bytes are damaged are passed over. Says how many among them had been refused on ingest, which no rule ever sees.
    pub fn events(
        &self,
        last: Option<u64>,
        take: &mut dyn FnMut(Seq, Millis, &[u8]),
    ) -> Result<u64, DataError> {
        let end = self.journal.end();
        let mut at = Seq(last.map_or(0, |last| end.0.saturating_sub(last)));
        let mut refused = 0;
        while let Some(block) = self.runtime.block_on(self.journal.block_from(at))? {
            for (seq, entry) in block.iter().filter(|(seq, _)| (at..end).contains(seq)) {
                match &entry.refusal {
                    None if entry.is_lost || entry.erased_at.is_some() => {}
                    None => take(seq, entry.received_at, &entry.body),
                    Some(_) => refused += 1,
                }
            }
            at = block.end();
        }
        Ok(refused)
    }
}
