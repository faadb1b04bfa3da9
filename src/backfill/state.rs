//! The state file: a [`Ledger`] on disk, and what it belongs to.
//!
//! It is replaced whole: written beside, synced, renamed, and the directory synced, so that at any moment there is
//! either the old or the new one.

use super::ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Goes up when the format changes.
const VERSION: u32 = 1;

/// What a state file belongs to. With any other, going on would send the wrong events, or one file by two mappings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Length of the file of events.
    pub bytes: u64,
    /// Hash of its content.
    pub content: String,
    /// Hash of the rules, pack and options.
    pub rules: String,
    /// CleverTap's Account ID and address.
    pub account: String,
}

#[derive(Deserialize)]
struct VersionDoc {
    version: u32,
}

#[derive(Deserialize)]
struct LoadedDoc {
    identity: Identity,
    ledger: Ledger,
}

#[derive(Serialize)]
struct SavedDoc<'a> {
    version: u32,
    identity: &'a Identity,
    ledger: &'a Ledger,
}

/// Why a state file can not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It can not be read or written.
    #[error("can not {what} the state file `{path}`: {error}; --state FILE names another place")]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is no state file of this version.
    #[error(
        "expected a state file of `tapline upload` in version {VERSION}, found something else in `{path}`; name another \
         with --state FILE, or remove it to send the whole file"
    )]
    Unknown {
        /// Which.
        path: String,
    },
    /// It belongs to something else.
    #[error(
        "the state file `{path}` belongs to {other}; {back} to go on with it, or name another with --state FILE, which \
         sends the whole file"
    )]
    Other {
        /// Which.
        path: String,
        /// To what.
        other: &'static str,
        /// How to go on.
        back: &'static str,
    },
}

/// A state file for one upload.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    identity: Identity,
}

impl StateFile {
    /// Opens one that may not be there yet; an upload that was begun goes on. Tries at once whether it can be written.
    pub(super) fn open(path: &Path, identity: Identity) -> Result<(Self, Ledger), StateError> {
        let state = Self { path: path.to_owned(), identity };
        let ledger = match std::fs::read(path) {
            Ok(bytes) => state.parse(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ledger::default(),
            Err(error) => return Err(state.io("read", error)),
        };
        state.save(&ledger)?;
        Ok((state, ledger))
    }

    /// Makes a ledger durable.
    pub(super) fn save(&self, ledger: &Ledger) -> Result<(), StateError> {
        self.replace(ledger).map_err(|error| self.io("write", error))
    }

    fn replace(&self, ledger: &Ledger) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let doc = SavedDoc { version: VERSION, identity: &self.identity, ledger };
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(&doc)?)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn parse(&self, bytes: &[u8]) -> Result<Ledger, StateError> {
        let path = self.path.display().to_string();
        let version = serde_json::from_slice::<VersionDoc>(bytes).ok().map(|doc| doc.version);
        let doc = match version {
            Some(VERSION) => serde_json::from_slice::<LoadedDoc>(bytes).ok(),
            _ => None,
        };
        let Some(LoadedDoc { identity, ledger }) = doc else { return Err(StateError::Unknown { path }) };
        let (other, back) =
            if (identity.bytes, &identity.content) != (self.identity.bytes, &self.identity.content) {
                ("another file of events", "name that file")
            } else if identity.rules != self.identity.rules {
                ("an upload by other rules", "restore the rules, pack and options of before")
            } else if identity.account != self.identity.account {
                ("an upload to another account", "restore the Account ID and region of before")
            } else {
                return Ok(ledger);
            };
        Err(StateError::Other { path, other, back })
    }

    fn io(&self, what: &'static str, error: io::Error) -> StateError {
        StateError::Io { what, path: self.path.display().to_string(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_goes_on_only_with_what_it_belongs_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let identity = Identity {
            bytes: 9,
            content: "c".to_owned(),
            rules: "r".to_owned(),
            account: "A at https://eu1.example.com".to_owned(),
        };
        let (state, mut ledger) = StateFile::open(&path, identity.clone()).unwrap();
        ledger.tally.delivered = 7;
        state.save(&ledger).unwrap();
        let (_, again) = StateFile::open(&path, identity.clone()).unwrap();
        assert_eq!(again, ledger);
        let others = [
            (Identity { bytes: 8, ..identity.clone() }, "another file"),
            (Identity { content: "d".to_owned(), ..identity.clone() }, "another file"),
            (Identity { rules: "s".to_owned(), ..identity.clone() }, "other rules"),
            (Identity { account: "B".to_owned(), ..identity.clone() }, "another account"),
        ];
        let before = std::fs::read(&path).unwrap();
        for (other, words) in others {
            let error = StateFile::open(&path, other).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("--state FILE"), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "what is refused stays as it is");
        for strange in ["", "{}", "{\"version\":2}", "a,b"] {
            std::fs::write(&path, strange).unwrap();
            assert!(matches!(StateFile::open(&path, identity.clone()), Err(StateError::Unknown { .. })));
        }
    }
}
