//! What a disk holds, twice over: as programs see it, and as it would be if the power went now.
//!
//! A write reaches the platter only by an fsync or fdatasync of its file, a name only by an fsync of its directory; a
//! rename within a directory is one step. `sync_file_range` is no sync, closing is none, and time is none.
//! That is stricter than ext4, where an fsync of a new file keeps its name, too, and where metadata of one file take
//! others' along: what holds here holds there.
//!
//! First thing to know: [`Platter::save`] either keeps exactly what was synced, or, torn, also some of the rest: of each
//! page what some number of the writes to it had left there, and of each directory some of its latest changes.

use fastrand::Rng;
use fuser::Errno;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

/// The number of the top directory.
pub(super) const TOP: u64 = 1;

/// What is written in one piece.
const PAGE: usize = 4096;

/// What a program can ask to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyncKind {
    /// fdatasync of a file.
    Data,
    /// fsync of a file.
    File,
    /// fsync of a directory.
    Names,
}

/// The files and directories of one disk.
#[derive(Debug)]
pub(super) struct Platter {
    nodes: Vec<Node>,
    /// A kind of sync that is answered and does nothing, as on a disk that lies, or in a program that leaves it out.
    ignored: Option<SyncKind>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) mode: u16,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(File),
    Directory(Directory),
}

/// A file now, a file after the power went, and what lies between.
#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    kept: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Debug, Default)]
struct Directory {
    now: Names,
    kept: Names,
    since: Vec<NameChange>,
}

type Names = BTreeMap<OsString, u64>;

#[derive(Debug)]
enum NameChange {
    Put(OsString, u64),
    Remove(OsString),
    Rename(OsString, OsString),
}

impl Platter {
    /// An empty disk.
    pub(super) fn new(ignored: Option<SyncKind>) -> Self {
        let top = Node { mode: 0o700, content: Content::Directory(Directory::default()) };
        // Numbers start at one, so the first place is nobody's.
        let nobody = Node { mode: 0, content: Content::File(File::default()) };
        Self { nodes: vec![nobody, top], ignored }
    }

    /// Puts what lies in a directory onto the disk, as kept.
    pub(super) fn load(&mut self, from: &Path) {
        self.load_into(TOP, from);
    }

    fn load_into(&mut self, parent: u64, from: &Path) {
        for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
            let is_directory = entry.file_type().expect("a kind").is_dir();
            let number = self.make(parent, &entry.file_name(), 0o700, is_directory).expect("a new name");
            if is_directory {
                self.load_into(number, &entry.path());
            } else {
                self.write(number, 0, &fs::read(entry.path()).expect("a file")).expect("a file");
            }
            self.keep(number);
        }
        self.keep(parent);
    }

    /// Writes what survives into a directory; torn, if there is something to draw from.
    pub(super) fn save(&self, to: &Path, mut torn: Option<&mut Rng>) {
        self.save_from(TOP, to, &mut torn);
    }

    fn save_from(&self, number: u64, to: &Path, torn: &mut Option<&mut Rng>) {
        let Ok(directory) = self.directory(number) else { return };
        for (name, number) in directory.survivors(torn) {
            let path = to.join(name);
            match self.node(number).map(|node| &node.content) {
                Ok(Content::File(file)) => fs::write(path, file.survivor(torn)).expect("room for a file"),
                Ok(Content::Directory(_)) => {
                    fs::create_dir(&path).expect("room for a directory");
                    self.save_from(number, &path, torn);
                }
                Err(_) => unreachable!("a name of nothing"),
            }
        }
    }

    /// Whatever has this number.
    pub(super) fn node(&self, number: u64) -> Result<&Node, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::ENOENT)?;
        self.nodes.get(index).ok_or(Errno::ENOENT)
    }

    pub(super) fn find(&self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        self.directory(parent)?.now.get(name).copied().ok_or(Errno::ENOENT)
    }

    /// The names in a directory, by the numbers behind them, and whether each is a directory.
    pub(super) fn list(&self, number: u64) -> Result<BTreeMap<u64, (OsString, bool)>, Errno> {
        let entry = |(name, number): (&OsString, &u64)| {
            Ok((*number, (name.clone(), self.node(*number)?.length().is_none())))
        };
        self.directory(number)?.now.iter().map(entry).collect()
    }

    pub(super) fn make(
        &mut self,
        parent: u64,
        name: &OsStr,
        mode: u16,
        is_directory: bool,
    ) -> Result<u64, Errno> {
        if self.directory(parent)?.now.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let content = match is_directory {
            true => Content::Directory(Directory::default()),
            false => Content::File(File::default()),
        };
        let number = self.nodes.len() as u64;
        self.nodes.push(Node { mode, content });
        self.directory_mut(parent)?.change(NameChange::Put(name.to_owned(), number));
        Ok(number)
    }

    pub(super) fn remove(&mut self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        let number = self.find(parent, name)?;
        if let Content::Directory(directory) = &self.node(number)?.content
            && !directory.now.is_empty()
        {
            return Err(Errno::ENOTEMPTY);
        }
        self.directory_mut(parent)?.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, parent: u64, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        self.find(parent, from)?;
        self.directory_mut(parent)?.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn read(&self, number: u64, at: u64, most: u32) -> Result<&[u8], Errno> {
        let Content::File(file) = &self.node(number)?.content else { return Err(Errno::EISDIR) };
        let length = file.now.len();
        let from = usize::try_from(at).unwrap_or(length).min(length);
        Ok(&file.now[from..from.saturating_add(most as usize).min(length)])
    }

    pub(super) fn write(&mut self, number: u64, at: u64, bytes: &[u8]) -> Result<(), Errno> {
        let at = usize::try_from(at).map_err(|_| Errno::EFBIG)?;
        self.file_mut(number)?.change(Change::Write { at, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn resize(&mut self, number: u64, length: u64) -> Result<(), Errno> {
        let length = usize::try_from(length).map_err(|_| Errno::EFBIG)?;
        self.file_mut(number)?.change(Change::Resize(length));
        Ok(())
    }

    pub(super) fn change_mode(&mut self, number: u64, mode: u16) {
        if let Some(node) = usize::try_from(number).ok().and_then(|index| self.nodes.get_mut(index)) {
            node.mode = mode;
        }
    }

    /// Brings what has this number onto the platter, unless this kind of sync is ignored.
    pub(super) fn sync(&mut self, number: u64, kind: SyncKind) {
        if self.ignored != Some(kind) {
            self.keep(number);
        }
    }

    fn keep(&mut self, number: u64) {
        match usize::try_from(number).ok().and_then(|index| self.nodes.get_mut(index)) {
            Some(Node { content: Content::File(file), .. }) => {
                file.since.drain(..).for_each(|change| change.apply(&mut file.kept));
            }
            Some(Node { content: Content::Directory(directory), .. }) => {
                directory.since.drain(..).for_each(|change| change.apply(&mut directory.kept));
            }
            None => {}
        }
    }

    fn directory(&self, number: u64) -> Result<&Directory, Errno> {
        match &self.node(number)?.content {
            Content::Directory(directory) => Ok(directory),
            Content::File(_) => Err(Errno::ENOTDIR),
        }
    }

    fn directory_mut(&mut self, number: u64) -> Result<&mut Directory, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::ENOENT)?;
        match self.nodes.get_mut(index).map(|node| &mut node.content) {
            Some(Content::Directory(directory)) => Ok(directory),
            Some(Content::File(_)) => Err(Errno::ENOTDIR),
            None => Err(Errno::ENOENT),
        }
    }

    fn file_mut(&mut self, number: u64) -> Result<&mut File, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::ENOENT)?;
        match self.nodes.get_mut(index).map(|node| &mut node.content) {
            Some(Content::File(file)) => Ok(file),
            Some(Content::Directory(_)) => Err(Errno::EISDIR),
            None => Err(Errno::ENOENT),
        }
    }
}

impl Node {
    /// The length of a file; none for a directory.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.content {
            Content::File(file) => Some(file.now.len() as u64),
            Content::Directory(_) => None,
        }
    }
}

impl File {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.since.push(change);
    }

    fn survivor(&self, torn: &mut Option<&mut Rng>) -> Vec<u8> {
        let mut survivor = self.kept.clone();
        let Some(random) = torn else { return survivor };
        let mut pages: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
        for (mut at, bytes) in self.since.iter().filter_map(Change::written) {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(PAGE - at % PAGE));
                pages.entry(at / PAGE).or_default().push((at, piece));
                (at, rest) = (at + piece.len(), after);
            }
        }
        for writes in pages.values() {
            for (at, piece) in &writes[..random.usize(0..=writes.len())] {
                write_at(&mut survivor, *at, piece);
            }
        }
        // How long the file is, is written apart from what it holds.
        let reached = &self.since[..random.usize(0..=self.since.len())];
        survivor
            .resize(reached.iter().fold(self.kept.len(), |length, change| change.length_after(length)), 0);
        survivor
    }
}

impl Directory {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.now);
        self.since.push(change);
    }

    fn survivors(&self, torn: &mut Option<&mut Rng>) -> Names {
        let mut names = self.kept.clone();
        if let Some(random) = torn {
            // A journal of names keeps their order.
            self.since[..random.usize(0..=self.since.len())]
                .iter()
                .for_each(|change| change.apply(&mut names));
        }
        names
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: written } => write_at(bytes, *at, written),
            Self::Resize(length) => bytes.resize(*length, 0),
        }
    }

    fn written(&self) -> Option<(usize, &[u8])> {
        match self {
            Self::Write { at, bytes } => Some((*at, bytes)),
            Self::Resize(_) => None,
        }
    }

    fn length_after(&self, before: usize) -> usize {
        match self {
            Self::Write { at, bytes } => before.max(at + bytes.len()),
            Self::Resize(length) => *length,
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(name, number) => drop(names.insert(name.clone(), *number)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
        }
    }
}

fn write_at(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    if bytes.len() < at + written.len() {
        bytes.resize(at + written.len(), 0);
    }
    bytes[at..at + written.len()].copy_from_slice(written);
}

/// What is on a disk after the power went.
fn survivors(platter: &Platter, torn: Option<&mut Rng>) -> BTreeMap<OsString, Vec<u8>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    platter.save(directory.path(), torn);
    let entries = fs::read_dir(directory.path()).expect("a directory").map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name(), fs::read(entry.path()).expect("a file"))).collect()
}

#[test]
fn only_what_was_synced_is_on_the_platter() {
    let mut platter = Platter::new(None);
    let file = platter.make(TOP, "a".as_ref(), 0o600, false).unwrap();
    platter.write(file, 0, b"first").unwrap();
    platter.sync(file, SyncKind::Data);
    assert_eq!(survivors(&platter, None).len(), 0, "a synced file whose name was not");
    platter.sync(TOP, SyncKind::Names);
    platter.write(file, 3, b"second").unwrap();
    platter.rename(TOP, "a".as_ref(), "b".as_ref()).unwrap();
    assert_eq!(platter.read(file, 0, 100).unwrap(), b"firsecond");
    assert_eq!(survivors(&platter, None), BTreeMap::from([("a".into(), b"first".to_vec())]));
    platter.sync(TOP, SyncKind::Names);
    platter.sync(file, SyncKind::File);
    assert_eq!(survivors(&platter, None), BTreeMap::from([("b".into(), b"firsecond".to_vec())]));
    platter.resize(file, 2).unwrap();
    platter.remove(TOP, "b".as_ref()).unwrap();
    assert_eq!(survivors(&platter, None), BTreeMap::from([("b".into(), b"firsecond".to_vec())]));
}

#[test]
fn a_torn_disk_keeps_what_was_synced_and_some_pages_of_the_rest() {
    let mut platter = Platter::new(None);
    let file = platter.make(TOP, "a".as_ref(), 0o600, false).unwrap();
    platter.write(file, 0, &[1; 3 * PAGE]).unwrap();
    platter.sync(file, SyncKind::File);
    platter.sync(TOP, SyncKind::Names);
    platter.write(file, PAGE as u64, &[2; 2 * PAGE]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let mut random = Rng::with_seed(seed);
        let found = survivors(&platter, Some(&mut random)).remove(OsStr::new("a")).unwrap();
        assert!(found.len() == 3 * PAGE && found[..PAGE].iter().all(|byte| *byte == 1));
        let pages = [&found[PAGE..2 * PAGE], &found[2 * PAGE..]];
        assert!(pages.iter().all(|page| page.iter().all(|byte| *byte == page[0])));
        seen.insert(pages.map(|page| page[0]));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[1, 1], [1, 2], [2, 1], [2, 2]]);
}
