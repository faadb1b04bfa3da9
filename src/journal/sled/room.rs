//! Whether the log may grow.
//!
//! Measured where it is asked, from the sizes of the databases and of the file system: nothing is counted along, so
//! nothing can drift, and a restart finds the same.

use super::chain::Chain;
use super::main_database::MainDatabase;
use super::options::Options;
use crate::journal::{Full, Seq, Usage};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bounds, and what they are about.
pub(super) struct Room {
    chain: Arc<Chain>,
    main: Arc<MainDatabase>,
    log_end: Arc<AtomicU64>,
    directory: PathBuf,
    disk_bound: u64,
    disk_reserve: u64,
    pending_bound: u64,
}

impl Room {
    pub(super) fn new(
        options: &Options,
        directory: &Path,
        chain: Arc<Chain>,
        main: Arc<MainDatabase>,
        log_end: Arc<AtomicU64>,
    ) -> Self {
        let Options { disk_bound, disk_reserve, pending_bound, .. } = *options;
        Self {
            chain,
            main,
            log_end,
            directory: directory.to_owned(),
            disk_bound,
            disk_reserve,
            pending_bound,
        }
    }

    /// Why nothing may be added, if so.
    pub(super) fn full(&self) -> Option<Full> {
        self.disk_full().or_else(|| {
            let (bytes, bound) = (self.pending_bytes(), self.pending_bound);
            (bytes >= bound).then_some(Full::Pending { bytes, bound })
        })
    }

    /// Why nothing may be added, where dropping what has ended would help.
    pub(super) fn disk_full(&self) -> Option<Full> {
        let (bytes, bound) = (self.disk_bytes(), self.disk_bound);
        if bytes >= bound {
            return Some(Full::Disk { bytes, bound });
        }
        // A file system that does not tell its free space is not watched.
        let (bytes, reserve) = (self.free_bytes().unwrap_or(u64::MAX), self.disk_reserve);
        (bytes < reserve).then_some(Full::Free { bytes, reserve })
    }

    /// What is held, but for damage.
    pub(super) fn usage(&self) -> Usage {
        let (disk_bytes, pending_bytes) = (self.disk_bytes(), self.pending_bytes());
        Usage { disk_bytes, pending_bytes, lost_events: 0, free_bytes: self.free_bytes() }
    }

    fn free_bytes(&self) -> Option<u64> {
        rustix::fs::statvfs(&self.directory).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))
    }

    fn disk_bytes(&self) -> u64 {
        self.chain.bytes().saturating_add(self.main.bytes())
    }

    // The generations that hold events without an end tell their bytes; an event takes its share of them. One event that
    // is tried for long holds up the settled place, so what ended behind it is not counted.
    fn pending_bytes(&self) -> u64 {
        let end = Seq(self.log_end.load(Ordering::Acquire));
        let standing = self.main.standing();
        let pending = standing.counts(end).pending;
        let (bytes, events) = self.chain.span_from(Seq(standing.settled_until), end);
        let share = u128::from(bytes) * u128::from(pending) / u128::from(events.max(1));
        u64::try_from(share).unwrap_or(u64::MAX).min(bytes)
    }
}
