//! Which small tables once held a row, in a file outside of every database.
//!
//! Accounts and settings come to be and never go as a whole, so when such a table is empty and this file names it, damage
//! took its rows, whatever it was that damage did to the main database. Without this file nothing would tell that from a
//! first start, at which whoever comes first gets the console.
//!
//! First thing to know: a name is written after the first row of its table is durable, and at every opening for what was
//! written before there was this file, so the file says too little at most, never too much.

use super::database::sync_directory;
use super::main_database::MainDatabase;
use crate::journal::{JournalError, Table};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of the file. It holds names of tables, one a line.
const NAME: &str = "witness";
/// Tables of which the last row is never removed.
const LASTING: [Table; 2] = [Table::Settings, Table::Users];

/// What the file says.
#[derive(Debug)]
pub(super) struct Witness {
    directory: PathBuf,
    named: Mutex<BTreeSet<Table>>,
}

impl Witness {
    /// Reads the file, and adds what `main` holds.
    pub(super) fn open(directory: &Path, main: &MainDatabase) -> Result<Self, JournalError> {
        // A file that can not be read as text is damaged, and written anew.
        let text = match fs::read(directory.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| failed(directory, &error))?,
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let is_named = |table: &Table| text.lines().any(|line| line == table.name());
        let witness = Self {
            directory: directory.to_owned(),
            named: Mutex::new(LASTING.into_iter().filter(is_named).collect()),
        };
        for table in LASTING {
            if !main.table(table)?.is_empty() {
                witness.note(table)?;
            }
        }
        Ok(witness)
    }

    /// The file.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Notes durably that `table` holds a row, if that is anything new.
    pub(super) fn note(&self, table: Table) -> Result<(), JournalError> {
        let mut named = self.named();
        if !LASTING.contains(&table) || named.contains(&table) {
            return Ok(());
        }
        let mut more = named.clone();
        more.insert(table);
        write(&self.directory, &more).map_err(|error| failed(&self.directory, &error))?;
        *named = more;
        Ok(())
    }

    /// The tables of `main` that held a row once and hold none.
    pub(super) fn lost(&self, main: &MainDatabase) -> Vec<Table> {
        let is_empty = |table: &Table| main.table(*table).is_ok_and(|tree| tree.is_empty());
        self.named().iter().copied().filter(is_empty).collect()
    }

    fn named(&self) -> MutexGuard<'_, BTreeSet<Table>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(directory: &Path, named: &BTreeSet<Table>) -> io::Result<()> {
    let half = directory.join(format!("{NAME}.half"));
    let mut file = File::create(&half)?;
    for table in named {
        writeln!(file, "{}", table.name())?;
    }
    file.sync_all()?;
    fs::rename(half, directory.join(NAME))?;
    sync_directory(directory)
}

fn failed(directory: &Path, error: &io::Error) -> JournalError {
    JournalError::Storage(format!("`{}` can not be read or written: {error}", directory.join(NAME).display()))
}
