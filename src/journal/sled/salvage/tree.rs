//! The rows of a sled database, put together from the messages of its log that can be read.
//!
//! A tree is pages that point at each other; each is what its last whole message says and the changes after it. A page
//! whose whole messages are all unreadable still has its changes.
//!
//! Changes name a key without the beginning that all keys of their page share, which only the page's whole message tells.
//!
//! First thing to know: every row knows how late it was written, so where two pages claim one key, as damage between the
//! halves of a split leaves it, the later one counts.

use super::message::{Kind, LogFile, Message, Span, number};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

/// The name that sled gives the tree without a name.
const UNNAMED: &[u8] = b"__sled__default";

/// A value and how late it was written; none when that was its removal.
type Version = (u64, Option<Span>);

/// The rows of one tree by key.
pub(super) type Rows = BTreeMap<Vec<u8>, Span>;

/// All that one log tells.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// By stored name, empty for the tree without one.
    pub(super) named: BTreeMap<String, Rows>,
    /// Of no tree that can be told.
    pub(super) stray: Rows,
    /// Places of the log that can not be read.
    pub(super) damaged: u64,
}

#[derive(Debug, Default)]
struct Page {
    rows: BTreeMap<Vec<u8>, Version>,
    points_at: Vec<u64>,
    bounds: Bounds,
}

/// Which keys a page holds.
#[derive(Debug, Default)]
struct Bounds {
    /// Bytes that all its keys have in common, and its changes leave out.
    prefix: usize,
    lowest: Vec<u8>,
    /// Empty where there is none.
    highest: Vec<u8>,
}

impl Bounds {
    // None when the key belongs to a page that was split or replaced by a message that is lost.
    fn key(&self, encoded: &[u8]) -> Option<Vec<u8>> {
        let key = [self.lowest.get(..self.prefix)?, encoded].concat();
        let is_in = key >= self.lowest && (self.highest.is_empty() || key < self.highest);
        is_in.then_some(key)
    }
}

/// What one payload says.
enum Change {
    Set(Vec<u8>, Span),
    Delete(Vec<u8>),
    Leaf { rows: Vec<(Vec<u8>, Span)>, next: Option<u64>, bounds: Bounds },
    Index { children: Vec<u64>, next: Option<u64> },
    Nothing,
}

/// Every row that was ever written and not removed since, whatever page it was on: for a database whose rows are written
/// once and in order, with keys of `length` bytes, so that what is left of older pages makes up for what is gone of newer
/// ones, and the key before completes one whose page is lost. A key that is completed wrongly never hides another.
pub(super) fn read_rows(log: &LogFile, length: usize) -> io::Result<(Rows, u64)> {
    let mut rows: BTreeMap<Vec<u8>, Version> = BTreeMap::new();
    let mut bounds: HashMap<u64, Bounds> = HashMap::new();
    let mut before: Vec<u8> = Vec::new();
    let damaged = log.read(&mut |message| match change(message) {
        Some(Change::Set(encoded, span)) => {
            let known =
                bounds.get(&message.page).map_or_else(|| Some(encoded.clone()), |page| page.key(&encoded));
            let key = match known.filter(|key| key.len() == length) {
                Some(key) => {
                    put(&mut rows, key.clone(), (message.lsn, Some(span)));
                    key
                }
                None => {
                    let start = before.get(..length.saturating_sub(encoded.len())).unwrap_or_default();
                    let key = [start, &encoded].concat();
                    rows.entry(key.clone()).or_insert((0, Some(span)));
                    key
                }
            };
            before = key;
        }
        Some(Change::Delete(encoded)) => {
            let known =
                bounds.get(&message.page).map_or_else(|| Some(encoded.clone()), |page| page.key(&encoded));
            known.into_iter().for_each(|key| put(&mut rows, key, (message.lsn, None)));
        }
        Some(Change::Leaf { rows: leaf, bounds: page, .. }) => {
            bounds.insert(message.page, page);
            leaf.into_iter().for_each(|(key, span)| put(&mut rows, key, (message.lsn, Some(span))));
        }
        _ => {}
    })?;
    Ok((present(rows), damaged))
}

/// The rows as they stood last, by tree.
pub(super) fn read_trees(log: &LogFile) -> io::Result<Trees> {
    let mut pages: HashMap<u64, Page> = HashMap::new();
    let mut roots: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let damaged = log.read(&mut |message| match message.kind {
        Kind::Free => drop(pages.remove(&message.page)),
        Kind::Meta => roots.extend(parse_roots(message.payload).unwrap_or_default()),
        Kind::Node | Kind::Link => {
            if let Some(change) = change(message) {
                pages.entry(message.page).or_default().apply(change, message.lsn);
            }
        }
    })?;
    let mut trees = Trees { damaged, ..Trees::default() };
    for (name, root) in roots {
        let mut rows = BTreeMap::new();
        let (mut seen, mut next) = (BTreeSet::new(), vec![root]);
        while let Some(number) = next.pop() {
            if seen.insert(number)
                && let Some(page) = pages.remove(&number)
            {
                page.rows.into_iter().for_each(|(key, version)| put(&mut rows, key, version));
                next.extend(page.points_at);
            }
        }
        let name = if name == UNNAMED { String::new() } else { String::from_utf8_lossy(&name).into_owned() };
        trees.named.insert(name, present(rows));
    }
    let mut stray = BTreeMap::new();
    for (key, version) in pages.into_values().flat_map(|page| page.rows) {
        put(&mut stray, key, version);
    }
    trees.stray = present(stray);
    Ok(trees)
}

impl Page {
    fn apply(&mut self, change: Change, lsn: u64) {
        let (encoded, span) = match change {
            Change::Set(encoded, span) => (encoded, Some(span)),
            Change::Delete(encoded) => (encoded, None),
            Change::Leaf { rows, next, bounds } => {
                let rows = rows.into_iter().map(|(key, span)| (key, (lsn, Some(span)))).collect();
                *self = Self { rows, points_at: next.into_iter().collect(), bounds };
                return;
            }
            Change::Index { children, next } => {
                *self = Self { points_at: children.into_iter().chain(next).collect(), ..Self::default() };
                return;
            }
            Change::Nothing => return,
        };
        if let Some(key) = self.bounds.key(&encoded) {
            put(&mut self.rows, key, (lsn, span));
        }
    }
}

fn put(rows: &mut BTreeMap<Vec<u8>, Version>, key: Vec<u8>, version: Version) {
    let known = rows.entry(key).or_insert(version);
    if version.0 >= known.0 {
        *known = version;
    }
}

fn present(rows: BTreeMap<Vec<u8>, Version>) -> Rows {
    rows.into_iter().filter_map(|(key, (_, span))| Some((key, span?))).collect()
}

// None when the payload is none of sled's, although its checksum holds.
fn change(message: &Message<'_>) -> Option<Change> {
    let mut payload = Payload { rest: message.payload, at: message.at };
    match message.kind {
        Kind::Link => payload.link(),
        Kind::Node => payload.node(),
        Kind::Free | Kind::Meta => None,
    }
}

fn parse_roots(payload: &[u8]) -> Option<Vec<(Vec<u8>, u64)>> {
    let mut payload = Payload { rest: payload, at: 0 };
    let mut roots = Vec::new();
    while !payload.rest.is_empty() {
        roots.push((payload.bytes()?.0.to_vec(), payload.number()?));
    }
    Some(roots)
}

/// What is left of a payload, and where that stands in the file.
struct Payload<'a> {
    rest: &'a [u8],
    at: u64,
}

impl<'a> Payload<'a> {
    // A change of a page: its kind, and what it needs.
    fn link(&mut self) -> Option<Change> {
        Some(match self.byte()? {
            0 => {
                let key = self.bytes()?.0.to_vec();
                Change::Set(key, self.bytes()?.1)
            }
            1 => Change::Delete(self.bytes()?.0.to_vec()),
            _ => Change::Nothing,
        })
    }

    // A page: next page, what is merged (2), length of the prefix that its keys share with its lower bound, bounds, rows.
    fn node(&mut self) -> Option<Change> {
        let next = self.number()?;
        let _merging_child = self.number()?;
        let _merging = self.byte()?;
        let prefix = usize::from(self.byte()?);
        let (lowest, highest) = (self.bytes()?.0, self.bytes()?.0);
        let bounds = Bounds { prefix, lowest: lowest.to_vec(), highest: highest.to_vec() };
        let prefix = lowest.get(..prefix)?;
        let is_index = self.byte()? == 1;
        let count = usize::try_from(self.number()?).ok()?;
        let keys = self.several(count, |payload| Some([prefix, payload.bytes()?.0].concat()))?;
        let next = (next > 0).then_some(next);
        Some(match is_index {
            true => Change::Index { children: self.several(count, Self::number)?, next },
            false => {
                let values = self.several(count, |payload| Some(payload.bytes()?.1))?;
                Change::Leaf { rows: keys.into_iter().zip(values).collect(), next, bounds }
            }
        })
    }

    fn several<T>(&mut self, count: usize, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..count).map(|_| one(self)).collect()
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at += 1;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let before = self.rest.len();
        let value = number(&mut self.rest)?;
        self.at += (before - self.rest.len()) as u64;
        Some(value)
    }

    fn bytes(&mut self) -> Option<(&'a [u8], Span)> {
        let length = self.number()?;
        let (bytes, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        let span = Span { at: self.at, length: u32::try_from(length).ok()? };
        self.rest = rest;
        self.at += length;
        Some((bytes, span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::sled::database::Database;

    #[test]
    fn what_is_read_without_sled_is_what_sled_reads() {
        let directory = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..4 {
            let database = Database::open(directory.path(), None).unwrap();
            let small = database.db.open_tree("table:settings").unwrap();
            for _ in 0..3000 {
                let (key, length) = (random.u32(0..2000).to_be_bytes(), random.usize(0..900));
                match random.u8(0..4) {
                    0 => drop(database.db.remove(key).unwrap()),
                    1 => drop(small.insert(&key[2..], vec![1; length]).unwrap()),
                    _ => drop(database.db.insert(key, vec![2; length]).unwrap()),
                }
            }
            database.commit().unwrap();
        }
        let log = LogFile::open(directory.path()).unwrap().unwrap();
        let trees = read_trees(&log).unwrap();
        assert_eq!((trees.damaged, trees.stray.len()), (0, 0));
        let database = Database::open(directory.path(), None).unwrap();
        for (name, tree) in [
            ("", database.db.open_tree(UNNAMED).unwrap()),
            ("table:settings", database.db.open_tree("table:settings").unwrap()),
        ] {
            let expected: Vec<_> = tree
                .iter()
                .map(|row| row.unwrap())
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect();
            let found: Vec<_> = trees.named[name]
                .iter()
                .map(|(key, span)| (key.clone(), log.value(*span).unwrap()))
                .collect();
            assert!(expected.len() > 500 && found == expected, "{name}: {} rows", expected.len());
        }
        let (rows, _) = read_rows(&log, 4).unwrap();
        assert!(rows.len() >= trees.named[""].len());
    }
}
