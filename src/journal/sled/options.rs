//! What can be set about the durable journal. Every default is the measured or reasoned one; nothing here is a rule.

use super::purge::PurgeHook;
use crate::journal::WindowPolicy;
use crate::telemetry::Telemetry;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How the journal uses memory and disk.
#[derive(Debug, Clone)]
pub struct Options {
    /// How repetitions are recognised.
    pub window: WindowPolicy,
    /// Events after which a new generation is begun. Default 500,000: measured best, and drops whole in 86 ms.
    pub generation_events: u64,
    /// Stored bytes after which a new generation is begun. Default 1 GiB.
    pub generation_bytes: u64,
    /// Bytes on the disk, all databases together, past which nothing more is accepted. Default 64 GiB.
    pub disk_bound: u64,
    /// Bytes that events without an end may take on the disk; past it nothing more is accepted. Default 32 GiB.
    pub pending_bound: u64,
    /// Free bytes of the file system below which nothing more is accepted, because sled can not even be opened on a full
    /// disk: each database takes up to a segment of 4 MiB then, and keeps it when the opening fails (measured 2026-11 with
    /// 8 MB left and two databases). Default 512 MiB. There is deliberately no file to give up for a start: this reserve
    /// is one, and where other programs take even that, they take what a file would free, too.
    pub disk_reserve: u64,
    /// Bytes of events that may wait for their commit; more are answered "full". Default 64 MiB.
    pub queue_bytes: usize,
    /// Bytes of events that share one sync at most, so that a flood does not make everybody wait. Default 4 MiB.
    pub group_bytes: usize,
    /// Bytes of events before compression at which a block is closed. Default 64 KiB.
    pub block_bytes: usize,
    /// Bytes of unpacked blocks kept for readers. Default 32 MiB.
    pub cache_bytes: usize,
    /// Whether indices are made and used, in the background. Without them lists look through every event, and a process
    /// that only passes by neither reads the newest generation nor writes files. Default yes.
    pub index: bool,
    /// Called before every sync.
    pub on_sync: Option<SyncHook>,
    /// Where commits are told.
    pub telemetry: Telemetry,
    /// Called after each step in which the bytes of erased events go.
    pub on_purge: Option<PurgeHook>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            window: WindowPolicy::default(),
            generation_events: 500_000,
            generation_bytes: 1 << 30,
            disk_bound: 64 << 30,
            pending_bound: 32 << 30,
            disk_reserve: 512 << 20,
            queue_bytes: 64 << 20,
            group_bytes: 4 << 20,
            block_bytes: 64 << 10,
            cache_bytes: 32 << 20,
            index: true,
            on_sync: None,
            telemetry: Telemetry::default(),
            on_purge: None,
        }
    }
}

/// Called with the directory of the database before each of its syncs, on the thread that syncs. An error counts as the
/// disk's own, and taking long as a slow disk: this is how tests break and hold the disk.
#[derive(Clone)]
pub struct SyncHook(Arc<Call>);

type Call = dyn Fn(&Path) -> io::Result<()> + Send + Sync;

impl SyncHook {
    /// A hook that calls `call`.
    pub fn new(call: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    pub(super) fn call(&self, directory: &Path) -> io::Result<()> {
        (self.0)(directory)
    }
}

impl std::fmt::Debug for SyncHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncHook")
    }
}
