//! The index of a full generation: a file in its directory, written once.
//!
//! ```text
//! version (1) | length of the head (4) | checksum of the head (8) | head | table | lists
//! ```
//! The head has the times of the pages and, for every 512 entries of the table, the first term and a checksum; it stays
//! in memory, 0.1 bytes an event. An entry of the table is a term (8), how many events have it (4), and the offset of the
//! only one or where its list starts (4); entries are sorted by term. A list is its length (4), a checksum (4) and the
//! offsets of its events as [`super::list`] packs them. Numbers are little-endian.
//!
//! First thing to know: nothing depends on this file. What is missing, damaged or of another version is written anew from
//! the events.

use super::row::{Rows, Times};
use super::{Narrowed, list};
use crate::journal::sled::database::sync_directory;
use crate::journal::{JournalError, Query, Seq, Term};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The version this code writes, and the only one it reads. It changes with what terms are made of, too.
const VERSION: u8 = 1;
const NAME: &str = "terms";
/// The file while it is being written.
const HALF: &str = "terms.half";
/// Bytes before the head.
const PREFIX: usize = 13;
/// Bytes of an entry of the table.
const ENTRY: usize = 16;
/// Entries of the table with a checksum of their own.
const CHUNK: usize = 512;
/// Bytes before a list.
const LIST_PREFIX: usize = 8;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    first: u64,
    end: u64,
    times: Times,
    entries: u64,
    /// Of every chunk of the table, the first term and the checksum.
    fence: Vec<(u64, u64)>,
}

/// A file that was written or found.
#[derive(Debug)]
pub(in crate::journal::sled) struct TermFile {
    path: PathBuf,
    first: Seq,
    end: Seq,
    times: Arc<Times>,
    entries: u64,
    fence: Vec<(u64, u64)>,
    table_at: u64,
    length: u64,
}

impl TermFile {
    /// Writes the index of a generation into its directory, durably.
    pub(in crate::journal::sled) fn save(directory: &Path, rows: &Rows) -> Result<Self, JournalError> {
        let failed = |error: &dyn std::fmt::Display| {
            JournalError::Storage(format!("an index can not be written: {error}"))
        };
        let bytes = render(rows).map_err(|error| failed(&error))?;
        let write = || -> io::Result<()> {
            let half = directory.join(HALF);
            let mut file = File::create(&half)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(half, directory.join(NAME))?;
            sync_directory(directory)
        };
        write().map_err(|error| failed(&error))?;
        Self::load(directory, rows.first, rows.end())?.ok_or_else(|| failed(&"it is gone at once"))
    }

    /// Whether there is an index of this version in a generation's directory.
    pub(in crate::journal::sled) fn is_known(directory: &Path) -> bool {
        let mut version = [0];
        let read = File::open(directory.join(NAME)).and_then(|file| file.read_exact_at(&mut version, 0));
        read.is_ok() && version == [VERSION]
    }

    /// An error where the index in a generation's directory is not the one of these rows.
    pub(in crate::journal::sled) fn compare(directory: &Path, rows: &Rows) -> Result<(), JournalError> {
        let found = std::fs::read(directory.join(NAME)).map_err(|error| unreadable(rows.first, &error))?;
        let expected = render(rows).map_err(|error| damaged(rows.first, &error))?;
        if found == expected {
            return Ok(());
        }
        Err(damaged(
            rows.first,
            &"it says something else than the events, `tapline verify --repair` makes it anew",
        ))
    }

    /// The index in a generation's directory; none where there is none, or one of another version or of other events.
    pub(in crate::journal::sled) fn load(
        directory: &Path,
        first: Seq,
        end: Seq,
    ) -> Result<Option<Self>, JournalError> {
        let path = directory.join(NAME);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unreadable(first, &error))?,
        };
        let length = file.metadata().map_err(|error| unreadable(first, &error))?.len();
        let prefix = read(&file, first, 0, PREFIX)?;
        let Some((&VERSION, prefix)) = prefix.split_first() else { return Ok(None) };
        let (head_length, sum) = (number(prefix, 0), wide(prefix, 4));
        if u64::from(head_length) > length {
            return Err(damaged(first, &"its head is longer than the file"));
        }
        let bytes = read(&file, first, PREFIX as u64, head_length as usize)?;
        if xxh3_64_with_seed(&bytes, first.0) != sum {
            return Err(damaged(first, &"the checksum of its head does not match"));
        }
        let head: Head = postcard::from_bytes(&bytes).map_err(|error| damaged(first, &error))?;
        if (head.first, head.end) != (first.0, end.0) {
            return Ok(None);
        }
        Ok(Some(Self {
            path,
            first,
            end,
            times: head.times.into(),
            entries: head.entries,
            fence: head.fence,
            table_at: (PREFIX as u64).saturating_add(u64::from(head_length)),
            length,
        }))
    }

    /// What is left for `query`.
    pub(super) fn narrow(&self, query: &Query) -> Result<Narrowed, JournalError> {
        let file = File::open(&self.path).map_err(|error| unreadable(self.first, &error))?;
        let mut lists = Vec::with_capacity(query.terms.len());
        for term in &query.terms {
            let list = self.list(&file, *term)?;
            if list.is_empty() {
                lists = vec![list];
                break;
            }
            lists.push(list);
        }
        let refused = match query.code.as_deref() {
            _ if !query.may_be_refused() => Vec::new(),
            Some(code) => self.list(&file, Term::refused_with(code))?,
            None => self.list(&file, Term::refused())?,
        };
        let matching = list::intersect(lists);
        Ok(Narrowed { first: self.first, end: self.end, matching, refused, times: self.times.clone() })
    }

    fn list(&self, file: &File, term: Term) -> Result<Vec<u32>, JournalError> {
        let damaged = |what: &str| damaged(self.first, &what);
        let Some(chunk) = self.fence.partition_point(|(first, _)| *first <= term.0).checked_sub(1) else {
            return Ok(Vec::new());
        };
        let before = chunk.saturating_mul(CHUNK);
        let entries = usize::try_from(self.entries).unwrap_or(usize::MAX).saturating_sub(before).min(CHUNK);
        let at = self.table_at.saturating_add((before * ENTRY) as u64);
        let bytes = read(file, self.first, at, entries * ENTRY)?;
        let sum = self.fence.get(chunk).map(|(_, sum)| *sum);
        if sum != Some(xxh3_64_with_seed(&bytes, chunk as u64)) {
            return Err(damaged("the checksum of its table does not match"));
        }
        let (entries, _) = bytes.as_chunks::<ENTRY>();
        let Ok(index) = entries.binary_search_by_key(&term.0, |entry| wide(entry, 0)) else {
            return Ok(Vec::new());
        };
        let entry = entries.get(index).map_or([].as_slice(), <[u8; ENTRY]>::as_slice);
        let (count, at) = (number(entry, 8), number(entry, 12));
        if count == 1 {
            return Ok(vec![at]);
        }
        let lists_at = self.table_at.saturating_add(self.entries.saturating_mul(ENTRY as u64));
        let at = lists_at.saturating_add(u64::from(at));
        let prefix = read(file, self.first, at, LIST_PREFIX)?;
        let (length, sum) = (number(&prefix, 0), number(&prefix, 4));
        if at.saturating_add(u64::from(length)) > self.length {
            return Err(damaged("a list goes on past its end"));
        }
        let bytes = read(file, self.first, at.saturating_add(LIST_PREFIX as u64), length as usize)?;
        if xxh3_64_with_seed(&bytes, term.0) as u32 != sum {
            return Err(damaged("the checksum of a list does not match"));
        }
        list::parse(&bytes, count as usize).ok_or_else(|| damaged("a list is not ascending"))
    }
}

fn render(rows: &Rows) -> Result<Vec<u8>, postcard::Error> {
    let mut pairs: Vec<(Term, u32)> = Vec::with_capacity(rows.terms.len().saturating_mul(4));
    for (offset, terms) in (0_u32..).zip(&rows.terms) {
        pairs.extend(terms.iter().filter(|term| **term != Term::NONE).map(|term| (*term, offset)));
    }
    for (offset, code) in &rows.refusals {
        pairs.extend([(Term::refused(), *offset), (*code, *offset)]);
    }
    pairs.sort_unstable();
    // Who is anonymous under the id of a user has one term twice.
    pairs.dedup();
    let (mut table, mut lists) = (Vec::new(), Vec::new());
    for group in pairs.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((term, only)) = group.first() else { continue };
        let mut at = *only;
        if group.len() > 1 {
            at = u32::try_from(lists.len()).unwrap_or(u32::MAX);
            let offsets: Vec<u32> = group.iter().map(|(_, offset)| *offset).collect();
            let list = list::render(&offsets);
            lists.extend_from_slice(&(list.len() as u32).to_le_bytes());
            lists.extend_from_slice(&(xxh3_64_with_seed(&list, term.0) as u32).to_le_bytes());
            lists.extend_from_slice(&list);
        }
        table.extend_from_slice(&term.0.to_le_bytes());
        table.extend_from_slice(&(group.len() as u32).to_le_bytes());
        table.extend_from_slice(&at.to_le_bytes());
    }
    drop(pairs);
    let chunks = table.chunks(CHUNK * ENTRY).enumerate();
    let fence =
        chunks.map(|(index, chunk)| (wide(chunk, 0), xxh3_64_with_seed(chunk, index as u64))).collect();
    let head = Head {
        first: rows.first.0,
        end: rows.end().0,
        times: rows.times.clone(),
        entries: (table.len() / ENTRY) as u64,
        fence,
    };
    let head = postcard::to_stdvec(&head)?;
    let mut bytes = Vec::with_capacity(PREFIX + head.len() + table.len() + lists.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64_with_seed(&head, rows.first.0).to_le_bytes());
    for part in [head, table, lists] {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn read(file: &File, first: Seq, at: u64, length: usize) -> Result<Vec<u8>, JournalError> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(first, &"it is cut short"),
        _ => unreadable(first, &error),
    })?;
    Ok(bytes)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn damaged(first: Seq, what: &dyn std::fmt::Display) -> JournalError {
    JournalError::Damaged { at: first, what: format!("the index of the generation: {what}") }
}

fn unreadable(first: Seq, error: &io::Error) -> JournalError {
    JournalError::Storage(format!("the index of the generation at {first} can not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::row::Reading;
    use super::*;
    use crate::clock::Millis;
    use crate::journal::{Block, Entry, Refusal, Standing, State};

    /// Few types and names, many users, some of them anonymous under the same id.
    fn rows(count: u64) -> Rows {
        let entry = |number: u64| Entry {
            received_at: Millis(number as i64),
            refusal: number.is_multiple_of(9).then(|| Refusal {
                code: format!("code_{}", number % 2),
                message: String::new(),
                pointer: String::new(),
            }),
            is_lost: false,
            erased_at: None,
            body: format!(
                r#"{{"type":"track","event":"E{}","userId":"u{}","anonymousId":"u{number}"}}"#,
                number % 5,
                number % 700
            )
            .into(),
        };
        let mut rows = Rows::new(Seq(300));
        rows.add(Reading::of(
            &Block { first: Seq(300), entries: (300..300 + count).map(entry).collect() },
            Seq(300),
        ));
        rows
    }

    #[test]
    fn a_file_answers_as_the_rows_it_was_made_of() {
        let directory = tempfile::tempdir().unwrap();
        for count in [0, 1, 3, 2000] {
            let rows = rows(count);
            let file = TermFile::save(directory.path(), &rows).unwrap();
            let terms = ["u0", "u299", "u300", "u301", "u699", "u1000", "u2299", "u2300"].map(Term::user);
            let queries = terms.into_iter().chain([Term::kind("track"), Term::name("e3"), Term::name("e9")]);
            let mut queries: Vec<Query> =
                queries.map(|term| Query { terms: vec![term], ..Query::default() }).collect();
            queries.push(Query { terms: vec![Term::user("u7"), Term::name("E2")], ..Query::default() });
            queries.push(Query { terms: vec![Term::user("none"), Term::name("E2")], ..Query::default() });
            queries.push(Query { standing: Some(Standing::Ended(State::Failed)), ..Query::default() });
            queries.push(Query { code: Some("code_1".to_owned()), ..Query::default() });
            for query in &queries {
                assert_eq!(file.narrow(query).unwrap(), rows.narrow(query), "{count} events, {query:?}");
            }
        }
        assert!(!directory.path().join(HALF).exists());
    }

    #[test]
    fn one_flipped_bit_is_found_or_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let rows = rows(40);
        drop(TermFile::save(directory.path(), &rows).unwrap());
        let path = directory.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        let query = Query { terms: vec![Term::kind("track"), Term::name("E1")], ..Query::default() };
        let mut found = 0;
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            let answer = TermFile::load(directory.path(), Seq(300), Seq(340))
                .and_then(|file| file.map(|file| file.narrow(&query)).transpose());
            match answer {
                Ok(Some(narrowed)) => assert_eq!(narrowed, rows.narrow(&query), "bit {bit}"),
                _ => found += 1,
            }
        }
        assert!(found > bytes.len() * 4, "{found} of {} bits", bytes.len() * 8);
    }

    #[test]
    fn a_file_of_another_version_or_of_other_events_is_none_and_a_cut_one_is_damage() {
        let directory = tempfile::tempdir().unwrap();
        let load = |end| TermFile::load(directory.path(), Seq(300), Seq(end));
        assert!(load(310).unwrap().is_none());
        drop(TermFile::save(directory.path(), &rows(10)).unwrap());
        assert!(load(310).unwrap().is_some() && load(311).unwrap().is_none());
        let path = directory.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() - 1 {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let query = Query { terms: vec![Term::kind("track")], ..Query::default() };
            let answer = load(310).and_then(|file| file.map(|file| file.narrow(&query)).transpose());
            assert!(
                matches!(answer, Err(JournalError::Damaged { .. }) | Ok(Some(_))),
                "{length}: {answer:?}"
            );
        }
        std::fs::write(&path, [&[9], &bytes[1..]].concat()).unwrap();
        assert!(load(310).unwrap().is_none());
    }
}
