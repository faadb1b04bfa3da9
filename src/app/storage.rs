//! Opening and closing what persists.

use super::application::BuildError;
use super::option::Storage;
use crate::journal::sled::SledJournal;
use crate::journal::{Journal, JournalError, Store};
use std::path::PathBuf;
use std::sync::Arc;

/// What persists, open.
pub(super) struct Opened {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) store: Arc<dyn Store>,
    pub(super) closer: Closer,
}

/// Closes what was opened here; what was handed in is its owner's.
pub(super) struct Closer(Option<Arc<SledJournal>>);

impl Opened {
    /// Opens `storage`; `data` is the data directory.
    pub(super) async fn open(storage: Storage, data: PathBuf) -> Result<Self, BuildError> {
        match storage {
            Storage::Given { journal, store } => {
                std::fs::create_dir_all(&data)
                    .map_err(|error| BuildError::Data { directory: data.clone(), error })?;
                Ok(Self { journal, store, closer: Closer(None) })
            }
            Storage::Directory(options) => {
                let opening = tokio::task::spawn_blocking(move || SledJournal::open(&data, options));
                let (journal, store) = opening.await.map_err(interrupted)??;
                Ok(Self { journal: Arc::clone(&journal) as _, store, closer: Closer(Some(journal)) })
            }
        }
    }
}

impl Closer {
    /// Makes durable what was handed over, and ends the threads that write.
    pub(super) async fn close(self) {
        if let Some(journal) = self.0 {
            // An error means that a thread panicked, which has been told where it happened.
            let _ = tokio::task::spawn_blocking(move || journal.close()).await;
        }
    }
}

fn interrupted(_: tokio::task::JoinError) -> JournalError {
    JournalError::Storage("opening was interrupted".to_owned())
}
