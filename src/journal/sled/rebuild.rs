//! A data directory from a backup: all of it, or nothing that could be taken for one.
//!
//! Everything is built and synced in `incoming/` inside the new data directory and moved to its place at the end. While
//! there is an `incoming/` nobody opens the directory, and restoring again begins anew. Inside, because a data directory
//! is often a mount point, which can not be renamed.

use super::database::{Database, make_directory, sync_directory};
use super::generation::Generation;
use super::inspection::Inspection;
use super::lock::DirectoryLock;
use super::main_database::{Standing, page_rows, standing_row};
use crate::journal::JournalError;
use crate::journal::backup::{BackupError, Findings, Item, Source};
use crate::point::{self, CommitPoint};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where things are before they are complete.
const INCOMING: &str = "incoming";

/// Why a backup was not restored. Nothing of it is there then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something is there already.
    #[error("`{}` is not empty, `{found}` is in it; restore into an empty or a new directory", directory.display())]
    NotEmpty {
        /// Which directory.
        directory: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The backup can not be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The backup reads well, and does not fit together.
    #[error("the backup does not fit together: {0}; take another one")]
    Unsound(String),
    /// The directory can not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The directory can not be written.
    #[error("the directory can not be written: {0}")]
    Io(#[from] io::Error),
}

/// Refuses a directory in which a restore was not finished.
pub(super) fn check_finished(directory: &Path) -> Result<(), JournalError> {
    match directory.join(INCOMING).exists() {
        false => Ok(()),
        true => Err(JournalError::Storage(format!(
            "restoring a backup into `{}` was not finished; run `tapline restore` again",
            directory.display()
        ))),
    }
}

/// Makes `directory` what the backup was taken of; says what that is.
pub(super) fn restore(source: &mut dyn Source, directory: &Path) -> Result<Findings, RestoreError> {
    let is_new = !directory.exists();
    check_empty(directory)?;
    let lock = DirectoryLock::acquire(directory)?;
    let incoming = directory.join(INCOMING);
    if incoming.exists() {
        // What an earlier one, killed at its end, had put in place already belongs to it too.
        for name in names(directory)?.iter().filter(|name| is_ours(name)) {
            fs::remove_dir_all(directory.join(name))?;
        }
    }
    let built = make_directory(&incoming).map_err(RestoreError::from).and_then(|()| {
        let findings = build(source, &incoming)?;
        point::pass(CommitPoint::RestoreBuilt);
        put_in_place(directory, &incoming)?;
        Ok(findings)
    });
    if built.is_err() {
        // What is left when this fails too is refused by whoever opens it.
        let _ = fs::remove_dir_all(&incoming);
        let _ = fs::remove_file(directory.join("lock"));
        drop(lock);
        if is_new {
            let _ = fs::remove_dir(directory);
        }
    }
    built
}

/// Writes everything of `source` into new databases below `incoming`, durably.
pub(super) fn build(source: &mut dyn Source, incoming: &Path) -> Result<Findings, RestoreError> {
    let mut inspection = Inspection::of(source);
    let main = Database::open(&incoming.join("main"), None)?;
    let mut generation: Option<Generation> = None;
    let storage = |error: sled::Error| RestoreError::Io(error.into());
    while let Some(item) = source.next()? {
        inspection.look_at(&item);
        match item {
            Item::Standing(bytes) => {
                let (key, value) = standing_row(&Standing::parse(&bytes)?)?;
                main.db.insert(key, value).map_err(storage)?;
            }
            Item::Page { number, bytes } => {
                for (key, value) in page_rows(number, &bytes) {
                    main.db.insert(key, value).map_err(storage)?;
                }
            }
            Item::Row { tree, key, value } if tree.is_empty() => {
                main.db.insert(key, value).map_err(storage)?;
            }
            Item::Row { tree, key, value } => {
                main.db.open_tree(tree).and_then(|tree| tree.insert(key, value)).map_err(storage)?;
            }
            Item::Generation(first) => {
                commit(generation.take())?;
                generation = Some(Generation::open(incoming, first, None)?);
            }
            Item::Block { first, bytes } => {
                let generation =
                    generation.as_ref().ok_or_else(|| unsound("events without a part of the log"))?;
                generation.add(first, &bytes).map_err(storage)?;
            }
        }
    }
    commit(generation)?;
    main.commit()?;
    let findings = inspection.finish();
    match findings.problems.first() {
        // Events that were lost before the backup was taken are no reason to lose the others.
        Some(problem) if findings.problem_count > findings.losses => {
            Err(RestoreError::Unsound(format!("{}: {}", problem.place, problem.what)))
        }
        _ => Ok(findings),
    }
}

fn commit(generation: Option<Generation>) -> io::Result<()> {
    generation.map_or(Ok(()), |generation| generation.commit())
}

fn put_in_place(directory: &Path, incoming: &Path) -> io::Result<()> {
    for name in names(incoming)? {
        fs::rename(incoming.join(&name), directory.join(&name))?;
        point::pass(CommitPoint::RestoreMovedIn);
    }
    sync_directory(directory)?;
    point::pass(CommitPoint::RestoreIn);
    // From here on it is a data directory.
    fs::remove_dir(incoming)?;
    sync_directory(directory)
}

fn check_empty(directory: &Path) -> Result<(), RestoreError> {
    let found = match names(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let is_unfinished = found.iter().any(|name| name == INCOMING);
    // A new file system has this in it.
    let is_nothing = |name: &str| matches!(name, "lock" | "lost+found") || is_unfinished && is_ours(name);
    match found.into_iter().find(|name| !is_nothing(name)) {
        None => Ok(()),
        Some(found) => Err(RestoreError::NotEmpty { directory: directory.to_owned(), found }),
    }
}

fn is_ours(name: &str) -> bool {
    name == INCOMING || name == "main" || Generation::parse_name(name).is_some()
}

/// The names of what is in a directory, in order.
pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn unsound(what: &str) -> RestoreError {
    RestoreError::Unsound(what.to_owned())
}
