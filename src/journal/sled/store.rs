//! The small tables, in the main database.

use super::lock::DirectoryLock;
use super::main_database::{MainDatabase, check_size, unreadable};
use super::witness::Witness;
use crate::journal::backup::Finding;
use crate::journal::store::Rows;
use crate::journal::{JournalError, Store, Table};
use std::sync::Arc;

/// The [`Store`] beside a [`super::SledJournal`]. A value holds 55 KiB at most, a key 1 KiB: larger ones are refused.
pub struct SledStore {
    main: Arc<MainDatabase>,
    witness: Witness,
    // The data directory is ours until both the journal and the store are gone.
    _lock: Arc<DirectoryLock>,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SledStore")
    }
}

impl SledStore {
    pub(super) fn new(main: Arc<MainDatabase>, witness: Witness, lock: Arc<DirectoryLock>) -> Self {
        Self { main, witness, _lock: lock }
    }
}

impl SledStore {
    /// What is to be said of the tables that damage emptied.
    pub fn inspect_lost(&self) -> Vec<Finding> {
        let finding = |table: Table| Finding {
            place: format!("the table `{}`", table.name()),
            what: format!(
                "it held something once and is empty: damage took it; restore a backup, or remove `{}` to begin anew",
                self.witness.path().display()
            ),
        };
        self.lost().into_iter().map(finding).collect()
    }
}

fn add(batch: &mut sled::Batch, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError> {
    check_size(table, key, value)?;
    match value {
        Some(value) => batch.insert(key, value),
        None => batch.remove(key),
    }
    Ok(())
}

impl Store for SledStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let value = self.main.table(table)?.get(key).map_err(unreadable)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn put(&self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError> {
        let mut batch = sled::Batch::default();
        add(&mut batch, table, key, value)?;
        self.main.write_table(table, batch)?;
        if value.is_some() { self.witness.note(table) } else { Ok(()) }
    }

    fn put_all(&self, table: Table, pairs: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), JournalError> {
        let mut batch = sled::Batch::default();
        pairs.iter().try_for_each(|(key, value)| add(&mut batch, table, key, value.as_deref()))?;
        self.main.write_table(table, batch)?;
        if pairs.iter().any(|(_, value)| value.is_some()) { self.witness.note(table) } else { Ok(()) }
    }

    fn swap(
        &self,
        table: Table,
        key: &[u8],
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, JournalError> {
        let mut batch = sled::Batch::default();
        add(&mut batch, table, key, value)?;
        let swapped = self.main.swap(table, key, expected, batch)?;
        if swapped && value.is_some() {
            self.witness.note(table)?;
        }
        Ok(swapped)
    }

    fn lost(&self) -> Vec<Table> {
        self.witness.lost(&self.main)
    }

    fn list(&self, table: Table) -> Result<Rows, JournalError> {
        let pair = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(unreadable)
        };
        self.main.table(table)?.iter().map(pair).collect()
    }
}
