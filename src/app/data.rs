//! The data directory in the hands of a verb, while no server has it.
//!
//! Deliberately reading only: what a verb may change has its own way through `admin`.

use crate::clock::Millis;
use crate::journal::backup::{BackupError, Finding, Source};
use crate::journal::sled::{Options, SledJournal, SledStore};
use crate::journal::{Journal, JournalError, Seq, Store};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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

/// Where a server that has the directory says how to reach it. One that is gone leaves it behind, so it counts only
/// while the directory is in use.
const ADDRESS: &str = "server-address";

/// Notes at which address the server of this directory listens. Whoever can not write it has worse problems, which are
/// told elsewhere; a verb then asks for `--server`.
pub(super) fn note_server(directory: &Path, address: SocketAddr) {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if directory.is_dir() {
        let url = format!("http://{}\n", SocketAddr::new(ip, address.port()));
        let _ = std::fs::write(directory.join(ADDRESS), url);
    }
}

/// At which address the server of this directory listens, as `http://127.0.0.1:8080`, if it has said so.
pub fn noted_server(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(directory.join(ADDRESS)).ok()?;
    let url = text.trim();
    url.strip_prefix("http://")?.parse::<SocketAddr>().ok()?;
    Some(url.to_owned())
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

    /// What is wrong beside the log and its ends: indices that say something else, tables that are gone.
    pub(super) fn beside(&self) -> Vec<Finding> {
        [self.store.inspect_lost(), self.journal.inspect_indices(false)].concat()
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
