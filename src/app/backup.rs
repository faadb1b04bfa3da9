//! Backups for the verbs: writing one into a file, reading one, and the data directory of a server that is stopped.
//!
//! First thing to know: a file gets its name once all of it was written, synced and read back.

use super::data::DataDirectory;
use crate::clock::{Clock, SystemClock};
use crate::journal::backup::{BackupError, Findings, Reader, Writer};
use crate::journal::sled::{RepairError, Repaired, RestoreError, SledJournal};
use crate::point::{self, CommitPoint};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// A backup file that is being written, readable by its owner alone. Without [`BackupFile::finish`] nothing stays.
pub struct BackupFile {
    to: PathBuf,
    partial: PathBuf,
    file: File,
    is_finished: bool,
}

impl BackupFile {
    /// Begins one that will be `to`; a file that is there already is refused.
    pub fn create(to: &Path) -> io::Result<Self> {
        if to.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is such a file; name another"));
        }
        let mut partial = to.to_owned().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // One that was there may be readable by more.
        let _ = fs::remove_file(&partial);
        let file = options.open(&partial)?;
        Ok(Self { to: to.to_owned(), partial, file, is_finished: false })
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        point::pass(CommitPoint::BackupPart);
        Ok(())
    }

    /// Makes it durable, reads it back, and gives it its name; says what is in it.
    pub fn finish(mut self) -> Result<Findings, BackupError> {
        self.file.sync_all()?;
        point::pass(CommitPoint::BackupWritten);
        let findings = inspect_backup(BufReader::new(File::open(&self.partial)?))?;
        fs::rename(&self.partial, &self.to)?;
        self.is_finished = true;
        point::pass(CommitPoint::BackupNamed);
        let directory = self.to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(findings)
    }
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Reads a whole backup; says what is in it and whether it fits together.
pub fn inspect_backup(input: impl Read + Send) -> Result<Findings, BackupError> {
    SledJournal::inspect(&mut Reader::open(input)?)
}

/// Makes `directory`, which is empty or new, what the backup was taken of.
pub fn restore_backup(input: impl Read + Send, directory: &Path) -> Result<Findings, RestoreError> {
    SledJournal::restore(&mut Reader::open(input)?, directory)
}

/// Makes a damaged data directory one that opens, and keeps the damaged files beside it.
pub fn repair_directory(directory: &Path) -> Result<Repaired, RepairError> {
    SledJournal::repair(directory, SystemClock.now(), &mut |_| {})
}

/// What is wrong with a directory whose logs are damaged, found without opening it, which would repair it; none where they
/// are whole.
pub fn inspect_damage(directory: &Path) -> Result<Option<Findings>, BackupError> {
    SledJournal::inspect_damage(directory, SystemClock.now())
}

impl DataDirectory {
    /// Hands over the bytes of a backup, part by part.
    pub fn backup(&self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), BackupError> {
        let mut writer = Writer::new(self.snapshot(SystemClock.now())?);
        while let Some(part) = writer.next_part()? {
            take(&part)?;
        }
        Ok(())
    }

    /// Reads everything in it; says what that is and whether it fits together.
    pub fn inspect(&self) -> Result<Findings, BackupError> {
        let mut findings = SledJournal::inspect(&mut *self.snapshot(SystemClock.now())?)?;
        findings.add(self.beside());
        Ok(findings)
    }
}
