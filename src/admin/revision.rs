//! Every set of rules that was read, kept by its content: what an event was mapped with can be looked at later.
//!
//! A revision is a list of files by hash, with the pack and options it was live with; a file's text is stored once,
//! however many revisions hold it. Bad sets are kept too, and marked. Kept are the [`MOST_REVISIONS`] seen last, and of
//! these no more than [`MOST_BYTES`] of text; that an event in the journal names an older one does not keep it.
//!
//! First thing to know: keeping never stands in the way of rules. What can not be stored is told in the log, and the
//! rules come into force all the same.

use super::{Admin, AdminError, decode, encode};
use crate::clock::{Clock, Millis};
use crate::engine::RuleFiles;
use crate::engine::hash::ContentHash;
use crate::journal::{Store, Table};
use crate::rulebook::{Archive, SeenSet};
use crate::telemetry::Cause;
use crate::telemetry::event::RevisionNotKept;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// How many revisions are kept.
pub const MOST_REVISIONS: usize = 1000;

/// Bytes of text of all revisions together, each file counted once. The newest is kept whatever its size.
pub const MOST_BYTES: u64 = 64 << 20;

/// Bytes of a file that go into one value; the durable store takes 55 KiB.
const PART: usize = 48 << 10;

/// A set of rules that was read once, as stored in [`Table::RuleRevisions`] under its hash, and as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRevision {
    version: u32,
    /// Names the set. The first twelve digits are what events, the console and `tapline check` show.
    pub hash: ContentHash,
    /// The live pack; of a bad set the one that was asked for, if one was.
    pub pack: Option<String>,
    /// The options in force; of a bad set those that were given.
    pub options: BTreeMap<String, Value>,
    /// When it was read first.
    pub first_seen: Millis,
    /// When it was read last: at a start, or at a change that led to it.
    pub last_seen: Millis,
    /// Whether it could be compiled. A bad one was never in force.
    pub good: bool,
    /// Its files, in order of path.
    pub files: Vec<KeptFile>,
}

/// One file of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Its path below the rules directory.
    pub path: String,
    /// The hash of its text.
    pub hash: ContentHash,
    /// The length of its text.
    pub bytes: u64,
}

impl KeptFile {
    fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), hash: ContentHash::of(text), bytes: text.len() as u64 }
    }

    /// The keys of its parts; an empty text has one too.
    fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        let parts = (self.bytes as usize).div_ceil(PART).max(1);
        (0..parts).map(|part| [&self.hash.as_bytes()[..], &(part as u16).to_be_bytes()].concat())
    }
}

impl Admin {
    /// The sets of rules that were read, the one seen last first.
    pub async fn rule_revisions(&self) -> Result<Vec<RuleRevision>, AdminError> {
        self.stored(kept_revisions).await
    }

    /// The files of one of them.
    pub async fn rule_files(&self, revision: RuleRevision) -> Result<RuleFiles, AdminError> {
        self.stored(move |store| kept_files(store, &revision)).await
    }
}

/// The sets of rules that are kept, the one seen last first. Blocks for the disk.
pub fn kept_revisions(store: &dyn Store) -> Result<Vec<RuleRevision>, AdminError> {
    let mut revisions = Vec::new();
    for (_, bytes) in store.list(Table::RuleRevisions)? {
        revisions.push(decode::<RuleRevision>("revision of rules", &bytes)?);
    }
    revisions.sort_by_key(|revision| std::cmp::Reverse((revision.last_seen, revision.first_seen)));
    Ok(revisions)
}

/// The files of a kept revision. Blocks for the disk.
pub fn kept_files(store: &dyn Store, revision: &RuleRevision) -> Result<RuleFiles, AdminError> {
    let mut files = RuleFiles::new();
    for file in &revision.files {
        let damaged = || AdminError::Unreadable {
            what: "rule file",
            error: format!("`{}` is not what was stored", file.path),
        };
        let mut bytes = Vec::new();
        for key in file.keys() {
            bytes.extend(store.get(Table::RuleFiles, &key)?.ok_or_else(damaged)?);
        }
        let text = String::from_utf8(bytes).ok().filter(|text| ContentHash::of(text) == file.hash);
        files.insert(file.path.clone(), text.ok_or_else(damaged)?);
    }
    Ok(files)
}

/// Keeps every set that the live rules read.
pub struct RevisionArchive {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl RevisionArchive {
    /// Keeps them in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

impl Archive for RevisionArchive {
    fn keep(&self, set: &SeenSet) {
        if let Err(error) = keep(&*self.store, set, self.clock.now()) {
            RevisionNotKept { revision: &set.hash.short(), error: Cause::of(&error) }.tell();
        }
    }
}

fn keep(store: &dyn Store, set: &SeenSet, now: Millis) -> Result<(), AdminError> {
    let key = set.hash.as_bytes();
    let known = store.get(Table::RuleRevisions, key)?;
    let known = known.map(|bytes| decode::<RuleRevision>("revision of rules", &bytes)).transpose()?;
    let is_new = known.is_none();
    let files: Vec<KeptFile> = set.files.iter().map(|(path, text)| KeptFile::of(path, text)).collect();
    // First the files: a crash between leaves a text that nobody names, and never a revision without its text.
    for (file, text) in files.iter().zip(set.files.values()) {
        put_file(store, file, text)?;
    }
    let revision = RuleRevision {
        version: 1,
        hash: set.hash,
        pack: set.pack.clone(),
        options: set.options.clone(),
        first_seen: known.map_or(now, |known| known.first_seen),
        last_seen: now,
        good: set.good,
        files,
    };
    store.put(Table::RuleRevisions, key, Some(&encode("revision of rules", &revision)?))?;
    if is_new { forget(store, MOST_REVISIONS, MOST_BYTES) } else { Ok(()) }
}

fn put_file(store: &dyn Store, file: &KeptFile, text: &str) -> Result<(), AdminError> {
    let mut parts = text.as_bytes().chunks(PART);
    for key in file.keys() {
        let part = parts.next().unwrap_or_default();
        if store.get(Table::RuleFiles, &key)?.is_none() {
            store.put(Table::RuleFiles, &key, Some(part))?;
        }
    }
    Ok(())
}

/// Forgets the revisions that were seen longest ago, beyond the most that are kept, and the texts that only they held.
fn forget(store: &dyn Store, most: usize, most_bytes: u64) -> Result<(), AdminError> {
    let revisions = kept_revisions(store)?;
    let (mut held, mut bytes, mut kept) = (HashSet::new(), 0, 0);
    for revision in &revisions {
        let new: HashMap<_, _> = revision.files.iter().map(|file| (file.hash, file.bytes)).collect();
        let more: u64 = new.iter().filter(|(hash, _)| !held.contains(*hash)).map(|(_, bytes)| bytes).sum();
        if kept > 0 && (kept >= most || bytes + more > most_bytes) {
            break;
        }
        held.extend(new.into_keys());
        (bytes, kept) = (bytes + more, kept + 1);
    }
    for revision in revisions.get(kept..).unwrap_or_default() {
        store.put(Table::RuleRevisions, revision.hash.as_bytes(), None)?;
        for file in revision.files.iter().filter(|file| !held.contains(&file.hash)) {
            file.keys().try_for_each(|key| store.put(Table::RuleFiles, &key, None))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    fn set(files: &[(&str, &str)]) -> SeenSet {
        let files: RuleFiles = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
        let hash =
            ContentHash::of_parts(files.iter().flat_map(|(path, text)| [path.as_str(), text.as_str()]));
        SeenSet { hash, files, pack: Some("p".to_owned()), options: BTreeMap::new(), good: true }
    }

    fn rows(store: &MemoryStore) -> usize {
        store.list(Table::RuleFiles).unwrap().len()
    }

    #[test]
    fn a_text_is_stored_once_and_a_long_one_in_parts() {
        let (store, long) = (MemoryStore::new(), "é".repeat(PART));
        let one = set(&[("a", &long), ("b", ""), ("c", "same")]);
        let other = set(&[("a", &long), ("d", "same")]);
        keep(&store, &one, Millis(1)).unwrap();
        keep(&store, &other, Millis(2)).unwrap();
        assert_eq!(rows(&store), 4, "two parts, an empty one, and what both have in common");
        let kept = kept_revisions(&store).unwrap();
        assert_eq!(kept.iter().map(|kept| kept.hash).collect::<Vec<_>>(), [other.hash, one.hash]);
        assert_eq!(kept_files(&store, &kept[0]).unwrap(), other.files);
        assert_eq!(kept_files(&store, &kept[1]).unwrap(), one.files);
    }

    #[test]
    fn what_is_seen_again_moves_to_the_front_and_keeps_its_first_time() {
        let store = MemoryStore::new();
        let (one, other) = (set(&[("a", "1")]), set(&[("a", "2")]));
        for (set, now) in [(&one, 1), (&other, 2), (&one, 3)] {
            keep(&store, set, Millis(now)).unwrap();
        }
        let kept = kept_revisions(&store).unwrap();
        assert_eq!((kept[0].hash, kept[0].first_seen, kept[0].last_seen), (one.hash, Millis(1), Millis(3)));
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn the_oldest_are_forgotten_with_the_texts_that_only_they_held() {
        let store = MemoryStore::new();
        for number in 0..5 {
            keep(&store, &set(&[("a", &number.to_string()), ("b", "always")]), Millis(number)).unwrap();
        }
        assert_eq!(rows(&store), 6);
        forget(&store, 3, MOST_BYTES).unwrap();
        assert_eq!((kept_revisions(&store).unwrap().len(), rows(&store)), (3, 4));
        // Two texts of one byte and `always`, six bytes, make eight.
        forget(&store, 3, 8).unwrap();
        assert_eq!((kept_revisions(&store).unwrap().len(), rows(&store)), (2, 3));
        forget(&store, 0, 0).unwrap();
        let kept = kept_revisions(&store).unwrap();
        assert_eq!(kept.len(), 1, "the newest stays whatever its size");
        assert_eq!(kept_files(&store, &kept[0]).unwrap()["a"], "4");
    }

    #[test]
    fn a_text_that_is_not_what_was_stored_is_told() {
        let store = MemoryStore::new();
        keep(&store, &set(&[("a", "text")]), Millis(1)).unwrap();
        let (key, _) = store.list(Table::RuleFiles).unwrap().remove(0);
        store.put(Table::RuleFiles, &key, Some(b"other")).unwrap();
        let error = kept_files(&store, &kept_revisions(&store).unwrap()[0]).unwrap_err().to_string();
        assert!(error.contains("`a` is not what was stored"), "{error}");
    }
}
