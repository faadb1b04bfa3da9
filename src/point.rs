//! Names for the moments between two steps of a promise, at which a process may die.
//!
//! In builds with debug assertions, `TAPLINE_ABORT_AT=<name>:<n>` aborts the process at the n-th passing of such a moment,
//! without unwinding and without writing anything more, as a kill does; tests go through all of them.
//! In other builds, which are the ones that people run, nothing is looked at and nothing is left of this.
//!
//! First thing to know: a point is passed where it is named, and [`CommitPoint::ALL`] is what tests go through, so a point
//! that no code passes any more fails them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names the point to abort at, in builds with debug assertions.
const VARIABLE: &str = "TAPLINE_ABORT_AT";

/// Declares the points with their names, so that none is forgotten in a list.
macro_rules! points {
    ($($(#[$about:meta])* $point:ident = $name:literal,)*) => {
        /// A moment between two steps of a promise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CommitPoint {
            $($(#[$about])* $point,)*
        }

        impl CommitPoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            /// The name, as `events-synced`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// A group of events is taken, and nothing of it is written.
    BlockBegun = "block-begun",
    /// A block is written in part: some of its chunks are there, the first is not.
    ChunkWritten = "chunk-written",
    /// A block is written and not synced.
    BlockWritten = "block-written",
    /// Events are durable, and nobody knows.
    EventsSynced = "events-synced",
    /// Events are answered.
    EventsAnswered = "events-answered",
    /// A database has handed its log to the system, which has not synced it.
    LogFlushed = "log-flushed",
    /// Ends are about to be written.
    EndsBegun = "ends-begun",
    /// Ends, or anything else of the main database, are written and not synced.
    MainWritten = "main-written",
    /// Ends are durable, and nobody knows.
    EndsSynced = "ends-synced",
    /// Ends are answered.
    EndsAnswered = "ends-answered",
    /// The files of a database are made, and none is synced.
    DatabaseMade = "database-made",
    /// The settings of a database are synced, the names of its files are not.
    DatabaseConfigured = "database-configured",
    /// A database is durable as a whole.
    DatabaseNamed = "database-named",
    /// The next generation takes over.
    GenerationChanged = "generation-changed",
    /// A generation is left out of the log, and its files are as they were.
    DropBegun = "drop-begun",
    /// The directory of a dropped generation has its new name, which is not synced.
    DropRenamed = "drop-renamed",
    /// The name of a dropped generation is durable, and its files are there.
    DropNamed = "drop-named",
    /// The files of a dropped generation are gone, and its ends are there.
    DropEmptied = "drop-emptied",
    /// The ends of a dropped generation are gone.
    DropForgotten = "drop-forgotten",
    /// A setting, or anything else of the small tables, is about to be written.
    TableBegun = "table-begun",
    /// A setting is durable, and nobody knows.
    TableSynced = "table-synced",
    /// A part of a backup is written.
    BackupPart = "backup-part",
    /// A backup is written and synced, and has no name yet.
    BackupWritten = "backup-written",
    /// A backup has its name, which is not synced.
    BackupNamed = "backup-named",
    /// The databases of a restored directory are written, and none is in its place.
    RestoreBuilt = "restore-built",
    /// One of them is in its place.
    RestoreMovedIn = "restore-moved-in",
    /// All of them are, and the directory does not say so yet.
    RestoreIn = "restore-in",
    /// The new databases of a repair are written and durable.
    RepairBuilt = "repair-built",
    /// They were opened and read back.
    RepairChecked = "repair-checked",
    /// They have the name that says so.
    RepairWhole = "repair-whole",
    /// One of the old databases is out.
    RepairMovedOut = "repair-moved-out",
    /// All old ones are out, and the name says so.
    RepairOut = "repair-out",
    /// One of the new databases is in place.
    RepairMovedIn = "repair-moved-in",
    /// An upload is about to be sent.
    UploadBegun = "upload-begun",
    /// An upload was answered, and nothing of that is written.
    UploadAnswered = "upload-answered",
    /// The ends of an upload are durable, the push tokens it brought are not.
    UploadSettled = "upload-settled",
    /// The push tokens of an upload are durable.
    TokensKept = "tokens-kept",
}

/// Passes a point: goes on, unless the process was told to end here.
#[inline]
pub(crate) fn pass(point: CommitPoint) {
    if cfg!(debug_assertions) {
        abort_if_told(point);
    }
}

fn abort_if_told(point: CommitPoint) {
    static TOLD: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let told = TOLD.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?));
    if let Some((name, times)) = told
        && name == point.name()
        && PASSED.fetch_add(1, Ordering::SeqCst).saturating_add(1) == *times
    {
        std::process::abort();
    }
}

fn parse(told: &str) -> Option<(String, u64)> {
    let (name, times) = told.split_once(':')?;
    Some((name.to_owned(), times.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> =
            CommitPoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), CommitPoint::ALL.len());
        assert_eq!(parse("events-synced:3"), Some(("events-synced".to_owned(), 3)));
        assert_eq!(parse("events-synced"), None);
    }
}
