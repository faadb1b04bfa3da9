//! What a process takes, and what it says of its events: read from outside.

use super::process::Process;
use super::stand::get;
use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::path::Path;

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Vital {
    /// Memory it really uses, in KB.
    pub(crate) resident: u64,
    /// The most memory it ever really used, in KB.
    pub(crate) most_resident: u64,
    /// Open files, sockets among them.
    pub(crate) files: u64,
}

impl Vital {
    /// What the kernel says of this process.
    pub(crate) fn of(id: Pid) -> Self {
        let directory = format!("/proc/{}", id.as_raw_nonzero());
        let status = std::fs::read_to_string(format!("{directory}/status")).expect("a running process");
        let files = std::fs::read_dir(format!("{directory}/fd")).expect("a running process").count();
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
        };
        Self { resident: kilobytes("VmRSS:"), most_resident: kilobytes("VmHWM:"), files: files as u64 }
    }
}

/// How many events stand where, as `/metrics` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Stored.
    pub(crate) accepted: u64,
    /// Ended as delivered.
    pub(crate) delivered: u64,
    /// Ended in another way.
    pub(crate) other: u64,
    /// Not ended.
    pub(crate) pending: u64,
}

impl Sums {
    /// Asks a server, and checks that every event has its one place.
    pub(crate) async fn of(server: &Process) -> Self {
        Self::read(get(server, "/metrics").await.text())
    }

    /// The same from what `/metrics` answered.
    pub(crate) fn read(metrics: &str) -> Self {
        let lines = metrics.lines().filter(|line| !line.starts_with('#'));
        let values: BTreeMap<&str, f64> = lines
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
            .collect();
        let value = |name: &str| match values.get(name) {
            Some(value) => *value as u64,
            None => panic!("no {name} in\n{metrics}"),
        };
        let ended = |state: &str| value(&format!("tapline_events_ended{{state=\"{state}\"}}"));
        let sums = Self {
            accepted: value("tapline_events_accepted_total"),
            delivered: ended("delivered"),
            other: ended("filtered") + ended("failed") + ended("dead"),
            pending: value("tapline_events_pending"),
        };
        assert_eq!(sums.accepted, sums.delivered + sums.other + sums.pending, "{sums:?}");
        sums
    }
}

/// Lets this process, and those it starts, open as many files as it may; says how many that are.
pub(crate) fn raise_open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a limit that may be raised");
    limit.maximum.unwrap_or(u64::MAX)
}

/// Bytes of all files below a directory, as far as they take room on the disk.
pub(crate) fn disk_bytes(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    // What goes while it is looked at takes no room.
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        bytes += if found.is_dir() { disk_bytes(&entry.path()) } else { found.blocks() * 512 };
    }
    bytes
}
