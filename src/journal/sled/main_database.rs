//! The main database: ends, upload notes, the standing, and the small tables.
//!
//! Everything that must agree is written in one sled batch, which a crash leaves whole or undone, and nothing is said to
//! be written before it is synced.
//!
//! First thing to know: there is one writer at a time, and it holds its lock through the sync; readers of the standing
//! never wait for a disk.

use super::database::{Database, VALUE_MOST};
use super::digest::{Digest, Digests};
use super::erasure::Mark;
use super::health::Health;
use super::options::SyncHook;
use super::page::Page;
use super::page_copy::PageCopies;
use crate::clock::Millis;
use crate::journal::{Counts, JournalError, Seq, Table, UploadId, UploadNote};
use crate::point::{self, CommitPoint};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

const ENDS: u8 = b'e';
const UPLOADS: u8 = b'u';
const ERASED: u8 = b'x';
pub(super) const STANDING: &[u8] = b"s";
/// The version of the standing and of upload notes that this code writes, and the only one so far.
const VERSION: u8 = 1;
/// Bytes of a page that go into one value.
const CHUNK: usize = 30 << 10;
/// Bytes that are kept of CleverTap's words in an upload note.
const ANSWER_MOST: usize = 16 << 10;
/// Notes of erased events that are written at once, so that nobody waits long for the lock.
const ERASED_AT_ONCE: usize = 500;
/// The largest key of a table.
const KEY_MOST: usize = 1 << 10;

/// How the log stands, as of the last durable write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Everything before this place has ended.
    pub(super) settled_until: u64,
    pub(super) delivered: u64,
    pub(super) filtered: u64,
    pub(super) failed: u64,
    pub(super) dead: u64,
    /// Upload numbers below this one may have been given away.
    pub(super) uploads_below: u64,
    /// The log reached at least here when this was written; if it is shorter on start, it was damaged.
    pub(super) log_until: u64,
}

impl Standing {
    /// The counts, when the log ends at `end`.
    pub(super) fn counts(&self, end: Seq) -> Counts {
        let Self { delivered, filtered, failed, dead, .. } = *self;
        let ended = delivered.saturating_add(filtered).saturating_add(failed).saturating_add(dead);
        // A log that lost its newest events must not report less than what became of them.
        let accepted = end.0.max(ended);
        Counts { accepted, delivered, filtered, failed, dead, pending: accepted - ended }
    }

    /// The stored form.
    pub(super) fn render(&self) -> Result<Vec<u8>, JournalError> {
        postcard::to_extend(self, vec![VERSION]).map_err(|error| unpackable(&error))
    }

    /// Reads what [`Self::render`] wrote.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JournalError> {
        parse_versioned("the standing", bytes)
    }

    /// Whether a key is another thing than a note about an upload, or one whose number was given away by then.
    pub(super) fn knows_upload(&self, key: &[u8]) -> bool {
        !is_upload(key) || *key < *upload_key(UploadId(self.uploads_below))
    }
}

/// What one durable write changes beside the standing.
#[derive(Debug, Default)]
pub(super) struct Changes {
    batch: sled::Batch,
    digests: Vec<(u64, Digest)>,
}

impl Changes {
    pub(super) fn put_page(&mut self, number: u64, page: &Page) -> Result<(), JournalError> {
        for (key, bytes) in page_rows(number, &page.render()?) {
            self.batch.insert(key, bytes);
        }
        self.digests.push((number, page.digest()));
        Ok(())
    }

    pub(super) fn put_upload(&mut self, mut note: UploadNote) -> Result<(), JournalError> {
        if note.answer.len() > ANSWER_MOST {
            let boundary = (0..=ANSWER_MOST).rev().find(|at| note.answer.is_char_boundary(*at));
            note.answer.truncate(boundary.unwrap_or_default());
        }
        let bytes = postcard::to_extend(&note, vec![VERSION]).map_err(|error| unpackable(&error))?;
        self.batch.insert(upload_key(note.id).as_slice(), bytes);
        Ok(())
    }
}

/// The open main database.
pub(super) struct MainDatabase {
    database: Database,
    tables: Vec<(Table, sled::Tree)>,
    writer: Mutex<()>,
    standing: RwLock<Standing>,
    digests: Digests,
    copies: PageCopies,
    log_end: Arc<AtomicU64>,
    health: Arc<Health>,
}

impl MainDatabase {
    /// Opens the database, or makes it. Every write of the standing notes how far `log_end` is then.
    pub(super) fn open(
        directory: &Path,
        on_sync: Option<SyncHook>,
        log_end: Arc<AtomicU64>,
        health: Arc<Health>,
    ) -> Result<Self, JournalError> {
        let database = Database::open(directory, on_sync)?;
        let open = |table: Table| Ok((table, database.db.open_tree(format!("table:{}", table.name()))?));
        let tables =
            Table::ALL.into_iter().map(open).collect::<Result<Vec<_>, sled::Error>>().map_err(unreadable)?;
        let standing = match database.db.get(STANDING).map_err(unreadable)? {
            Some(bytes) => Standing::parse(&bytes)?,
            None => Standing { uploads_below: 1, ..Standing::default() },
        };
        Ok(Self {
            database,
            tables,
            writer: Mutex::new(()),
            standing: RwLock::new(standing),
            digests: Digests::default(),
            copies: PageCopies::default(),
            log_end,
            health,
        })
    }

    /// The standing as of the last durable write.
    pub(super) fn standing(&self) -> Standing {
        *self.standing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `changes` and the standing as `revise` leaves it, durably and together.
    pub(super) fn write(
        &self,
        changes: Changes,
        revise: impl FnOnce(&mut Standing),
    ) -> Result<Standing, JournalError> {
        let _one_writer = self.one_writer();
        let mut revised = self.standing();
        revise(&mut revised);
        revised.log_until = revised.log_until.max(self.log_end.load(Ordering::Acquire));
        let pages: Vec<u64> = changes.digests.iter().map(|(number, _)| *number).collect();
        self.copies.keep(&pages, |number| self.page_bytes(number))?;
        let mut batch = changes.batch;
        batch.insert(STANDING, revised.render()?);
        self.commit(&self.database.db, batch)?;
        self.digests.note(changes.digests);
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = revised;
        Ok(revised)
    }

    /// Writes to a small table, durably.
    pub(super) fn write_table(&self, table: Table, batch: sled::Batch) -> Result<(), JournalError> {
        let _one_writer = self.one_writer();
        point::pass(CommitPoint::TableBegun);
        self.commit(self.table(table)?, batch)?;
        point::pass(CommitPoint::TableSynced);
        Ok(())
    }

    /// Writes to a small table, durably, if `key` still holds `expected`; says whether it did.
    pub(super) fn swap(
        &self,
        table: Table,
        key: &[u8],
        expected: Option<&[u8]>,
        batch: sled::Batch,
    ) -> Result<bool, JournalError> {
        let _one_writer = self.one_writer();
        let tree = self.table(table)?;
        if tree.get(key).map_err(unreadable)?.as_deref() != expected {
            return Ok(false);
        }
        self.commit(tree, batch).map(|()| true)
    }

    /// A small table, for reading.
    pub(super) fn table(&self, table: Table) -> Result<&sled::Tree, JournalError> {
        let found = self.tables.iter().find(|(known, _)| *known == table).map(|(_, tree)| tree);
        found.ok_or_else(|| JournalError::Storage(format!("there is no table `{}`", table.name())))
    }

    /// Page `number`; an empty one when none of its events has ended.
    pub(super) fn page(&self, number: u64) -> Result<Page, JournalError> {
        Page::parse(number, &self.page_bytes(number)?)
    }

    /// The same as it is stored.
    pub(super) fn page_bytes(&self, number: u64) -> Result<Vec<u8>, JournalError> {
        let mut bytes = Vec::new();
        for entry in self.database.db.range(page_key(number, 0)..=page_key(number, u16::MAX)) {
            bytes.extend_from_slice(&entry.map_err(unreadable)?.1);
        }
        Ok(bytes)
    }

    /// The number of the first stored page from `number` on.
    pub(super) fn next_page(&self, number: u64) -> Result<Option<u64>, JournalError> {
        self.pages_from(number).next().transpose()
    }

    /// Everything stored but the pages and the standing: the names of trees, none for the first, and their rows.
    pub(super) fn rows(&self) -> Result<Vec<(String, sled::Iter)>, JournalError> {
        let db = &self.database.db;
        let after_pages = db.range::<&[u8], _>(&[ENDS + 1][..]..STANDING);
        let after_standing = db.range([STANDING, &[0]].concat()..);
        let mut rows = vec![
            (String::new(), db.range::<&[u8], _>(..&[ENDS][..])),
            (String::new(), after_pages),
            (String::new(), after_standing),
        ];
        for name in db.tree_names().into_iter().filter(|name| *name != db.name()) {
            let tree = db.open_tree(&name).map_err(unreadable)?;
            rows.push((String::from_utf8_lossy(&name).into_owned(), tree.iter()));
        }
        Ok(rows)
    }

    /// The standing and what `look` says, at one moment at which nothing is written here.
    pub(super) fn fixed<T>(&self, look: impl FnOnce() -> T) -> (Standing, T) {
        let _one_writer = self.one_writer();
        (self.standing(), look())
    }

    /// Pages as a backup wants them.
    pub(super) fn copies(&self) -> &PageCopies {
        &self.copies
    }

    /// What the ends of each page have.
    pub(super) fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Reads the digests of the stored pages, the newest first, until `goes_on` says no.
    pub(super) fn load_digests(&self, goes_on: impl Fn() -> bool) -> Result<(), JournalError> {
        let stored = self.database.db.range(page_key(0, 0)..=page_key(u64::MAX, u16::MAX));
        for key in stored.keys().rev() {
            if let Some((number, 0)) = parse_page_key(&key.map_err(unreadable)?) {
                if !goes_on() {
                    return Ok(());
                }
                self.digests.load(number, self.page(number)?.digest());
            }
        }
        self.digests.all_loaded();
        Ok(())
    }

    /// The place after the last event of which this database knows. The log must not be shorter.
    pub(super) fn known_until(&self) -> Result<Seq, JournalError> {
        let stored = self.database.db.range(page_key(0, 0)..=page_key(u64::MAX, u16::MAX));
        let last = stored.keys().next_back().transpose().map_err(unreadable)?;
        let last = match last.and_then(|key| parse_page_key(&key)) {
            Some((number, _)) => self.page(number)?.end_of_known(number),
            None => 0,
        };
        let standing = self.standing();
        Ok(Seq(standing.settled_until.max(standing.log_until).max(last)))
    }

    /// The numbers of the stored pages from `number` on, in order.
    pub(super) fn pages_from(&self, number: u64) -> impl Iterator<Item = Result<u64, JournalError>> {
        let stored = self.database.db.range(page_key(number, 0)..=page_key(u64::MAX, u16::MAX));
        stored.filter_map(|entry| match entry.map(|(key, _)| parse_page_key(&key)) {
            Ok(Some((number, 0))) => Some(Ok(number)),
            Ok(_) => None,
            Err(error) => Some(Err(unreadable(error))),
        })
    }

    pub(super) fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError> {
        let bytes = self.database.db.get(upload_key(id)).map_err(unreadable)?;
        bytes.map(|bytes| parse_versioned("an upload note", &bytes)).transpose()
    }

    /// Removes the pages below `page` and the upload notes below `upload`.
    pub(super) fn forget_below(&self, page: u64, upload: Option<UploadId>) -> Result<(), JournalError> {
        self.digests.forget_below(page);
        let db = &self.database.db;
        let pages = db.range(page_key(0, 0)..page_key(page, 0)).keys();
        let notes = upload.map(|upload| db.range(upload_key(UploadId(0))..upload_key(upload)).keys());
        let mut batch = sled::Batch::default();
        let mut count = 0_usize;
        for key in pages.chain(notes.into_iter().flatten()) {
            batch.remove(key.map_err(unreadable)?);
            count += 1;
            // Small steps, so that nobody waits long for the lock.
            if count.is_multiple_of(1000) {
                self.change(std::mem::take(&mut batch))?;
            }
        }
        self.change(batch)
    }

    /// Notes durably that these events are erased; those before one that failed stay noted.
    pub(super) fn put_erased(&self, marks: &[(Seq, Mark)]) -> Result<(), JournalError> {
        for marks in marks.chunks(ERASED_AT_ONCE) {
            let mut batch = sled::Batch::default();
            for (at, mark) in marks {
                let bytes = postcard::to_extend(&(mark.at.0, &mark.remains[..]), vec![VERSION])
                    .map_err(|error| unpackable(&error))?;
                batch.insert(erased_key(*at).as_slice(), bytes);
            }
            self.change(batch)?;
        }
        Ok(())
    }

    /// The events that are noted as erased.
    pub(super) fn erased(&self) -> Result<Vec<(Seq, Mark)>, JournalError> {
        let noted = self.database.db.range(erased_key(Seq(0))..=erased_key(Seq(u64::MAX)));
        noted
            .map(|entry| {
                let (key, bytes) = entry.map_err(unreadable)?;
                let (at, remains): (i64, Vec<u8>) = parse_versioned("a note of an erased event", &bytes)?;
                let place =
                    key.get(1..).and_then(|key| key.first_chunk::<8>()).map(|key| u64::from_be_bytes(*key));
                Ok((Seq(place.unwrap_or_default()), Mark { at: Millis(at), remains: remains.into() }))
            })
            .collect()
    }

    /// Forgets the notes of erased events from `from` on and before `until`.
    pub(super) fn forget_erased(&self, from: Seq, until: Seq) -> Result<(), JournalError> {
        let noted: Vec<_> = self
            .database
            .db
            .range(erased_key(from)..erased_key(until))
            .keys()
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        for keys in noted.chunks(ERASED_AT_ONCE) {
            let mut batch = sled::Batch::default();
            keys.iter().for_each(|key| batch.remove(key));
            self.change(batch)?;
        }
        Ok(())
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.database.bytes()
    }

    fn one_writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, batch: sled::Batch) -> Result<(), JournalError> {
        let _one_writer = self.one_writer();
        self.commit(&self.database.db, batch)
    }

    fn commit(&self, tree: &sled::Tree, batch: sled::Batch) -> Result<(), JournalError> {
        self.health.check().map_err(JournalError::Storage)?;
        let written = tree.apply_batch(batch).map_err(std::io::Error::from).and_then(|()| {
            point::pass(CommitPoint::MainWritten);
            self.database.commit()
        });
        written.map_err(|error| {
            JournalError::Storage(self.health.give_up(&format!("the main database: {error}")))
        })
    }
}

/// Checks what is to go into a small table: what is too large for the log would be stored where nothing is synced.
pub(super) fn check_size(table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError> {
    let refuse = |what: &str, length: usize, most: usize| {
        Err(JournalError::Storage(format!(
            "a {what} for the table `{}` has {length} bytes, the most is {most}",
            table.name()
        )))
    };
    match value {
        _ if key.len() > KEY_MOST => refuse("key", key.len(), KEY_MOST),
        Some(value) if value.len() > VALUE_MOST - KEY_MOST => {
            refuse("value", value.len(), VALUE_MOST - KEY_MOST)
        }
        _ => Ok(()),
    }
}

pub(super) fn unreadable(error: sled::Error) -> JournalError {
    let what = format!("the main database can not be read: {error}");
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
            JournalError::Damaged { at: Seq(0), what }
        }
        _ => JournalError::Storage(what),
    }
}

fn unpackable(error: &postcard::Error) -> JournalError {
    JournalError::Storage(format!("a value can not be packed: {error}"))
}

fn parse_versioned<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, JournalError> {
    let (version, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    if *version != VERSION {
        return Err(JournalError::Storage(format!(
            "{what} has format version `{version}`, this program reads `{VERSION}`; start the version that wrote it"
        )));
    }
    postcard::from_bytes(bytes).map_err(|error| JournalError::Storage(format!("{what} is damaged: {error}")))
}

fn page_key(number: u64, chunk: u16) -> Vec<u8> {
    [&[ENDS][..], &number.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// The page and the chunk of it that a key stands for, if it is one of the ends.
pub(super) fn parse_page_key(key: &[u8]) -> Option<(u64, u16)> {
    if key.len() != 11 || key.first() != Some(&ENDS) {
        return None;
    }
    let (number, chunk) = key.get(1..)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), u16::from_be_bytes(*chunk.first_chunk::<2>()?)))
}

fn erased_key(at: Seq) -> Vec<u8> {
    [&[ERASED][..], &at.0.to_be_bytes()].concat()
}

fn upload_key(id: UploadId) -> Vec<u8> {
    [&[UPLOADS][..], &id.0.to_be_bytes()].concat()
}

/// Whether a key is that of a note about an upload.
pub(super) fn is_upload(key: &[u8]) -> bool {
    key.len() == 9 && key.first() == Some(&UPLOADS)
}

/// Whether a key has the form of one of this database's own, outside of the small tables.
pub(super) fn is_of_main(key: &[u8]) -> bool {
    let is_erased = key.len() == 9 && key.first() == Some(&ERASED);
    key == STANDING || is_upload(key) || is_erased || parse_page_key(key).is_some()
}

/// A page's bytes as the rows that hold them. A page that was longer leaves rows behind, which reading does not reach: a
/// page tells its own length.
pub(super) fn page_rows(number: u64, bytes: &[u8]) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
    bytes.chunks(CHUNK).enumerate().map(move |(chunk, bytes)| (page_key(number, chunk as u16), bytes))
}

/// The standing as the row that holds it.
pub(super) fn standing_row(standing: &Standing) -> Result<(&'static [u8], Vec<u8>), JournalError> {
    Ok((STANDING, standing.render()?))
}
