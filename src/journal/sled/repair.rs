//! A damaged data directory becomes one that opens, with everything that can be read; the damaged files are kept.
//!
//! What is left is read without sled (see `salvage/`), written into fresh databases in `repairing/` inside the directory,
//! opened and read back there, and only then put in place: the old databases go to `damaged-<time>/`, the new ones come
//! to where those were. Inside, because a data directory is often a mount point, which can not be renamed.
//!
//! First thing to know: which step was reached stands in one name: `repairing` is of no use after a kill, `repaired-…`
//! is whole and the old files are on their way out, `arriving-…` means that they are out. Opening goes on from there.

use super::database::{make_directory, sync_directory};
use super::generation::Generation;
use super::inspection::inspect;
use super::lock::DirectoryLock;
use super::options::Options;
use super::rebuild::{RestoreError, build, check_finished, names};
use super::salvage::{Salvage, Salvaged};
use super::snapshot::Snapshot;
use crate::clock::Millis;
use crate::journal::backup::{BackupError, Finding, Findings};
use crate::journal::{JournalError, Notice};
use crate::point::{self, CommitPoint};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where things are before they are whole.
const REPAIRING: &str = "repairing";
/// The start of its name once it is whole.
const REPAIRED: &str = "repaired-";
/// The start of its name once the old databases are out.
const ARRIVING: &str = "arriving-";
/// The start of the name of the directory in which the old databases are kept.
const DAMAGED: &str = "damaged-";

/// A moment between two steps of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairStep {
    /// The new databases are written and durable.
    Built,
    /// They were opened and read back.
    Checked,
    /// They have the name that says so.
    Whole,
    /// One of the old databases is out.
    MovedOut,
    /// All old ones are out, and the name says so.
    Out,
    /// One of the new databases is in place.
    MovedIn,
}

impl RepairStep {
    // At which a process may be told to die.
    fn point(self) -> CommitPoint {
        match self {
            Self::Built => CommitPoint::RepairBuilt,
            Self::Checked => CommitPoint::RepairChecked,
            Self::Whole => CommitPoint::RepairWhole,
            Self::MovedOut => CommitPoint::RepairMovedOut,
            Self::Out => CommitPoint::RepairOut,
            Self::MovedIn => CommitPoint::RepairMovedIn,
        }
    }
}

/// What was found to be done.
#[derive(Debug)]
pub enum Repaired {
    /// Nothing: everything is whole.
    Nothing(Findings),
    /// It was done.
    Done(Repair),
}

/// A repair that was done.
#[derive(Debug)]
pub struct Repair {
    /// What is in the repaired directory, with the number of lost events.
    pub findings: Findings,
    /// What else could not be read.
    pub salvaged: Salvaged,
    /// Where the damaged files are kept.
    pub aside: PathBuf,
}

impl Repair {
    /// What an operator has to know of it.
    pub(super) fn notice(&self) -> Notice {
        let Salvaged { pending_again, ends_lost, .. } = self.salvaged;
        let mut message = format!(
            "the data directory was damaged and was repaired at this start: {} events are lost, of {ends_lost} it is lost \
             what became of them, {pending_again} are pending again",
            self.findings.lost
        );
        if self.salvaged.damaged_in_main > 0 || self.salvaged.stray_rows > 0 {
            message.push_str("; look through settings, accounts and tokens, which may be missing or older");
        }
        message.push_str(&format!("; the damaged files are in `{}`", self.aside.display()));
        Notice { code: "data_repaired", message }
    }
}

/// Why a directory was not repaired. It is as it was then, or the next opening goes on with what was begun.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// There is none.
    #[error("there is no data directory `{}`", directory.display())]
    Absent {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Somebody has it, or it can not be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It can not be read.
    #[error("the directory can not be read: {0}")]
    Unreadable(#[from] BackupError),
    /// What was read does not fit together.
    #[error("what can be read does not fit together: {0}; nothing was changed, restore a backup")]
    Unsound(String),
    /// It can not be written.
    #[error("the directory can not be read or written: {0}; remove the cause and repair again")]
    Io(#[from] io::Error),
}

impl From<RestoreError> for RepairError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Backup(error) => Self::Unreadable(error),
            RestoreError::Journal(error) => Self::Journal(error),
            RestoreError::Io(error) => Self::Io(error),
            other @ (RestoreError::Unsound(_) | RestoreError::NotEmpty { .. }) => {
                Self::Unsound(other.to_string())
            }
        }
    }
}

/// Repairs `directory`, where there is anything to repair.
pub(super) fn repair(
    directory: &Path,
    now: Millis,
    told: &mut dyn FnMut(RepairStep),
) -> Result<Repaired, RepairError> {
    let is_known = |name: &str| is_database(name) || name.starts_with(REPAIRED) || name.starts_with(ARRIVING);
    if !directory.is_dir() || !names(directory)?.iter().any(|name| is_known(name)) {
        return Err(RepairError::Absent { directory: directory.to_owned() });
    }
    let lock = DirectoryLock::acquire(directory)?;
    check_finished(directory)?;
    finish(directory, told)?;
    if is_readable_as_a_whole(directory, now)? {
        // sled writes when it opens, so it gets a directory only where nothing was found that it would cut off.
        drop(lock);
        match look_through(directory, now) {
            Ok((mut findings, beside)) if findings.problem_count == 0 => {
                findings.add(beside);
                return Ok(Repaired::Nothing(findings));
            }
            Err(RepairError::Journal(error @ JournalError::InUse { .. })) => return Err(error.into()),
            _ => {}
        }
        let _lock = DirectoryLock::acquire(directory)?;
        return mend(directory, now, told).map(Repaired::Done);
    }
    mend(directory, now, told).map(Repaired::Done)
}

/// Builds the databases of `directory` anew from what can be read and puts them in place. The caller has the lock.
pub(super) fn mend(
    directory: &Path,
    now: Millis,
    told: &mut dyn FnMut(RepairStep),
) -> Result<Repair, RepairError> {
    let told = &mut |step: RepairStep| {
        point::pass(step.point());
        told(step);
    };
    let repairing = directory.join(REPAIRING);
    let made = make(directory, &repairing, now, told);
    if made.is_err() {
        // What is left when this fails too is removed by whoever opens the directory.
        let _ = fs::remove_dir_all(&repairing);
    }
    let (findings, salvaged) = made?;
    let mut time = now.0;
    while directory.join(format!("{DAMAGED}{time}")).exists() {
        time += 1;
    }
    fs::rename(&repairing, directory.join(format!("{REPAIRED}{time}")))?;
    sync_directory(directory)?;
    told(RepairStep::Whole);
    finish(directory, told)?;
    let aside = directory.join(format!("{DAMAGED}{time}"));
    Ok(Repair { findings, salvaged, aside })
}

// Builds the new databases and reads them back.
fn make(
    directory: &Path,
    repairing: &Path,
    now: Millis,
    told: &mut dyn FnMut(RepairStep),
) -> Result<(Findings, Salvaged), RepairError> {
    make_directory(repairing)?;
    let mut salvage = Salvage::open(directory, now)?;
    let built = build(&mut salvage, repairing)?;
    told(RepairStep::Built);
    let (findings, _) = look_through(repairing, now)?;
    // Opening has left files that belong to a data directory, and this is none yet.
    for name in names(repairing)?.iter().filter(|name| !is_database(name)) {
        fs::remove_file(repairing.join(name))?;
    }
    if findings.problem_count > findings.losses
        || findings.events != built.events
        || findings.lost < built.lost
    {
        let first = findings.problems.first().map(|problem| format!("{}: {}", problem.place, problem.what));
        return Err(RepairError::Unsound(
            first.unwrap_or_else(|| format!("wrote {} events, found {}", built.events, findings.events)),
        ));
    }
    sync_directory(repairing)?;
    told(RepairStep::Checked);
    Ok((findings, salvage.salvaged()))
}

// Whether every byte that tells anything is as it was written, without opening a database.
fn is_readable_as_a_whole(directory: &Path, now: Millis) -> Result<bool, RepairError> {
    let mut salvage = Salvage::open(directory, now)?;
    let findings = inspect(&mut salvage)?;
    Ok(findings.problem_count == 0 && salvage.salvaged().is_whole())
}

// Opens the directory as a server does and reads everything; says also what is wrong beside that. An index that is wrong is
// made anew.
fn look_through(directory: &Path, now: Millis) -> Result<(Findings, Vec<Finding>), RepairError> {
    let options = Options { index: false, disk_reserve: 0, ..Options::default() };
    let (journal, store) = super::start::open_unshielded(directory, options)?;
    let mut snapshot = Snapshot::begin(journal.parts.clone(), now)?;
    let findings = inspect(&mut snapshot)?;
    Ok((findings, [store.inspect_lost(), journal.inspect_indices(true)].concat()))
}

/// Goes on with a repair that was interrupted; without one it does nothing.
pub(super) fn finish(directory: &Path, told: &mut dyn FnMut(RepairStep)) -> io::Result<()> {
    if directory.join(REPAIRING).exists() {
        fs::remove_dir_all(directory.join(REPAIRING))?;
    }
    for name in names(directory)? {
        if let Some(time) = name.strip_prefix(REPAIRED) {
            let arriving = directory.join(format!("{ARRIVING}{time}"));
            move_out(directory, &directory.join(format!("{DAMAGED}{time}")), told)?;
            fs::rename(directory.join(&name), &arriving)?;
            sync_directory(directory)?;
            told(RepairStep::Out);
            move_in(directory, &arriving, told)?;
        } else if name.starts_with(ARRIVING) {
            move_in(directory, &directory.join(&name), told)?;
        }
    }
    Ok(())
}

fn move_out(directory: &Path, aside: &Path, told: &mut dyn FnMut(RepairStep)) -> io::Result<()> {
    make_directory(aside)?;
    sync_directory(directory)?;
    for name in names(directory)?.into_iter().filter(|name| is_database(name)) {
        fs::rename(directory.join(&name), aside.join(&name))?;
        told(RepairStep::MovedOut);
    }
    sync_directory(aside)?;
    sync_directory(directory)
}

fn move_in(directory: &Path, arriving: &Path, told: &mut dyn FnMut(RepairStep)) -> io::Result<()> {
    for name in names(arriving)? {
        fs::rename(arriving.join(&name), directory.join(&name))?;
        told(RepairStep::MovedIn);
    }
    sync_directory(directory)?;
    fs::remove_dir(arriving)?;
    sync_directory(directory)
}

// What belongs to the journal; other files that somebody keeps there stay where they are.
fn is_database(name: &str) -> bool {
    let is_copy = ["draft-", "whole-", "dropped-"].iter().any(|start| name.starts_with(start));
    name == "main" || is_copy || Generation::parse_name(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Seq;
    use crate::journal::sled::database::Database;
    use crate::journal::sled::main_database::{STANDING, page_rows};

    fn opened(directory: &Path) -> String {
        let opened = super::super::start::open(directory, Options { disk_reserve: 0, ..Options::default() });
        opened.map(|_| ()).unwrap_err().to_string()
    }

    fn repaired(directory: &Path) -> String {
        repair(directory, Millis(0), &mut |_| {}).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_directory_of_a_future_version_is_refused_with_what_to_do_and_not_repaired() {
        let rows: [(&[u8], Vec<u8>); 2] =
            [(STANDING, vec![9, 0, 0]), (&page_rows(0, &[0]).next().unwrap().0, vec![9, 0, 0])];
        for (key, value) in rows {
            let directory = tempfile::tempdir().unwrap();
            {
                let main = Database::open(&directory.path().join("main"), None).unwrap();
                main.db.insert(key, value).unwrap();
                let log = Generation::open(directory.path(), Seq(0), None).unwrap();
                main.commit().and_then(|()| log.commit()).unwrap();
            }
            for told in [opened(directory.path()), repaired(directory.path()), opened(directory.path())] {
                assert!(
                    told.contains("format version `9`") && told.contains("start the version that wrote"),
                    "{told}"
                );
            }
            assert!(names(directory.path()).unwrap().iter().all(|name| !name.starts_with(DAMAGED)));
        }
    }
}
