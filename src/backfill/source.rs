//! The file that is sent: opened once, known by its content.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// How much is read at a time while the content is hashed.
const BLOCK: usize = 256 * 1024;

/// A file of events, held open so that nothing that happens to its name matters.
#[derive(Debug)]
pub struct Source {
    file: File,
    bytes: u64,
}

/// Why a file can not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can not be read.
    #[error("can not read `{path}`: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is a pipe, a device or a directory.
    #[error(
        "expected a file that can be read again after a stop, found `{path}`, which is none; save the events first"
    )]
    NotAFile {
        /// Which.
        path: String,
    },
    /// Another process sends it at the moment.
    #[error("`{path}` is being uploaded by another process; let that one end, or stop it first")]
    InUse {
        /// Which.
        path: String,
    },
}

impl Source {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let shown = || path.display().to_string();
        let unreadable = |error| SourceError::Unreadable { path: shown(), error };
        // Opening a pipe would wait for its writer, so it is looked at first.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(SourceError::NotAFile { path: shown() });
        }
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, bytes })
    }

    /// Keeps other processes from sending the same file at the same time, as far as the file system can.
    pub fn lock(&self, path: &Path) -> Result<(), SourceError> {
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(SourceError::InUse { path: path.display().to_string() }),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    /// How long it was when it was opened. What is appended later is not sent.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A hash of the content, as 32 hexadecimal digits.
    pub fn hash(&self) -> io::Result<String> {
        let mut hash = Xxh3::new();
        let mut block = vec![0; BLOCK];
        let mut input = self.from(0)?;
        loop {
            match input.read(&mut block) {
                Ok(0) => return Ok(format!("{:032x}", hash.digest128())),
                Ok(read) => hash.update(block.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The content from a place on.
    pub fn from(&self, byte: u64) -> io::Result<impl Read + Send + 'static> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(byte))?;
        Ok(file.take(self.bytes.saturating_sub(byte)))
    }

    /// The line that begins at a place, without its end; at most `most` bytes of it.
    pub fn line_at(&self, byte: u64, most: usize) -> io::Result<Vec<u8>> {
        const STEP: usize = 4096;
        let mut line = Vec::new();
        while line.len() < most {
            let begin = line.len();
            line.resize(begin + STEP, 0);
            let new = line.get_mut(begin..).unwrap_or_default();
            let read = self.file.read_at(new, byte + begin as u64)?;
            line.truncate(begin + read);
            let end = line.get(begin..).and_then(|new| new.iter().position(|byte| *byte == b'\n'));
            if let Some(end) = end {
                line.truncate(begin + end);
                break;
            }
            if read == 0 {
                break;
            }
        }
        line.truncate(most);
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again_by_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let long = "y".repeat(10_000);
        std::fs::write(&path, format!("first\n{long}\nlast")).unwrap();
        let source = Source::open(&path).unwrap();
        assert_eq!(source.line_at(0, 100).unwrap(), b"first");
        assert_eq!(source.line_at(6, 100_000).unwrap(), long.as_bytes());
        assert_eq!(source.line_at(6, 7).unwrap(), b"yyyyyyy");
        assert_eq!(source.line_at(10_007, 100).unwrap(), b"last");
    }

    #[test]
    fn what_is_no_file_is_refused_and_one_upload_of_a_file_runs_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Source::open(directory.path()), Err(SourceError::NotAFile { .. })));
        let path = directory.path().join("events");
        assert!(matches!(Source::open(&path), Err(SourceError::Unreadable { .. })));
        std::fs::write(&path, "one").unwrap();
        let (first, second) = (Source::open(&path).unwrap(), Source::open(&path).unwrap());
        first.lock(&path).unwrap();
        assert!(matches!(second.lock(&path), Err(SourceError::InUse { .. })));
        drop(first);
        second.lock(&path).unwrap();
    }

    #[test]
    fn a_byte_more_or_another_byte_is_another_content() {
        let directory = tempfile::tempdir().unwrap();
        let hash = |text: &str| {
            let path = directory.path().join("events");
            std::fs::write(&path, text).unwrap();
            Source::open(&path).unwrap().hash().unwrap()
        };
        assert_eq!(hash("abc"), hash("abc"));
        assert_ne!(hash("abc"), hash("abd"));
        assert_ne!(hash("abc"), hash("abcd"));
    }
}
