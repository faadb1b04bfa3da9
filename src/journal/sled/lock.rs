//! One process for one data directory.

use super::database::{make_directory, sync_directory};
use crate::journal::JournalError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The data directory is ours while this lives. The system takes the lock back from a process that dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    directory: PathBuf,
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory if there is none, readable by its owner alone, and locks it.
    pub(super) fn acquire(directory: &Path) -> Result<Self, JournalError> {
        let failed = |error: io::Error| {
            JournalError::Storage(format!(
                "the data directory `{}` can not be used: {error}",
                directory.display()
            ))
        };
        make_with_name(directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(false).write(true).open(directory.join("lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(JournalError::InUse { directory: directory.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

impl DirectoryLock {
    /// What is locked.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

// Makes the directory and its name durable. The name is synced even where the directory was there before, because whoever
// made it may have been killed in between.
fn make_with_name(directory: &Path) -> io::Result<()> {
    let directory = std::path::absolute(directory)?;
    let made = directory.ancestors().skip(1).take_while(|above| !above.exists()).count();
    make_directory(&directory)?;
    for above in directory.ancestors().skip(1).take(made + 1) {
        match sync_directory(above) {
            // Who may not look into a directory has made nothing in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}
