//! The small tables in memory.

use crate::journal::{JournalError, Store, Table, store::Rows};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Sorted = BTreeMap<Vec<u8>, Vec<u8>>;

/// A [`Store`] in memory: for tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<BTreeMap<Table, Sorted>>,
}

impl MemoryStore {
    /// A store of empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, BTreeMap<Table, Sorted>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(rows: &mut Sorted, key: &[u8], value: Option<&[u8]>) {
    match value {
        Some(value) => rows.insert(key.to_vec(), value.to_vec()),
        None => rows.remove(key),
    };
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.tables().get(&table).and_then(|rows| rows.get(key).cloned()))
    }

    fn put(&self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError> {
        set(self.tables().entry(table).or_default(), key, value);
        Ok(())
    }

    fn put_all(&self, table: Table, pairs: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), JournalError> {
        let mut tables = self.tables();
        let rows = tables.entry(table).or_default();
        for (key, value) in pairs {
            set(rows, key, value.as_deref());
        }
        Ok(())
    }

    fn swap(
        &self,
        table: Table,
        key: &[u8],
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, JournalError> {
        let mut tables = self.tables();
        let rows = tables.entry(table).or_default();
        let holds = rows.get(key).map(Vec::as_slice) == expected;
        if holds {
            set(rows, key, value);
        }
        Ok(holds)
    }

    fn list(&self, table: Table) -> Result<Rows, JournalError> {
        let tables = self.tables();
        let rows = tables.get(&table);
        Ok(rows.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
