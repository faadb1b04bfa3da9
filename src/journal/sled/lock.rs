//! One process for one data directory.

use super::database::make_directory;
use crate::journal::JournalError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The data directory is ours while this lives. The system takes the lock back from a process that dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory if there is none, readable by its owner alone, and locks it.
    pub(super) fn acquire(directory: &Path) -> Result<Self, JournalError> {
        let failed = |error: std::io::Error| {
            JournalError::Storage(format!(
                "the data directory `{}` can not be used: {error}",
                directory.display()
            ))
        };
        make_directory(directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(false).write(true).open(directory.join("lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(JournalError::InUse { directory: directory.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
