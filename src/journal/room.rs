//! How much room the log takes, and why it takes nothing more at the moment.
//!
//! Deliberately apart from a broken log: this passes by itself once events end or space is given back.

use crate::clock::Millis;
use std::fmt;
use std::time::Duration;

/// Why nothing is accepted at the moment. Its words say what to do; what was accepted is safe, and delivery goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Events that have not ended take as much as they may.
    Pending {
        /// Bytes they take on the disk, about.
        bytes: u64,
        /// Bytes they may take.
        bound: u64,
    },
    /// The whole log takes as much as it may.
    Disk {
        /// Bytes it takes.
        bytes: u64,
        /// Bytes it may take.
        bound: u64,
    },
    /// The file system has too little left; without some, not even a restart would succeed.
    Free {
        /// Bytes that are free.
        bytes: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
}

impl Full {
    /// One word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending_events",
            Self::Disk { .. } => "data_directory",
            Self::Free { .. } => "free_space",
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Pending { bytes, bound } => write!(
                f,
                "events that have not been delivered take {} of {}; see why delivery stands still, \
                 or raise `--max-pending-bytes`",
                Size(bytes),
                Size(bound)
            ),
            Self::Disk { bytes, bound } => write!(
                f,
                "the data directory takes {} of {}, and no event in it may be dropped yet; \
                 see why delivery stands still, or raise `--max-disk-bytes`",
                Size(bytes),
                Size(bound)
            ),
            Self::Free { bytes, reserve } => write!(
                f,
                "the disk of the data directory has {} free, and {} must stay free; make room on it, \
                 or lower `--min-free-bytes`",
                Size(bytes),
                Size(reserve)
            ),
        }
    }
}

/// How much the log holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on the disk.
    pub disk_bytes: u64,
    /// Bytes that events take that have not ended, about.
    pub pending_bytes: u64,
    /// Stored events that were found damaged since the start, whether or not they had ended.
    pub lost_events: u64,
    /// Free bytes of the file system; none where it does not tell, or there is none.
    pub free_bytes: Option<u64>,
}

/// How long events are kept after all around them have ended. What has not ended is always kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// A part of the log is dropped when its newest event was received longer ago than this.
    pub age: Option<Duration>,
    /// The oldest parts are dropped while all together take more bytes than this on the disk.
    pub bytes: Option<u64>,
}

impl Retention {
    /// How long one part of the log may go on, so that its oldest events do not outstay [`Self::age`] by much.
    pub fn part_span(&self) -> Option<Duration> {
        self.age.map(|age| age / 8)
    }

    /// Whether something received at `then` is older than the age.
    pub(crate) fn is_past(&self, then: Millis, now: Millis) -> bool {
        self.age.is_some_and(|age| is_longer_ago(then, age, now))
    }
}

/// Whether `then` is longer ago than `span`.
pub(crate) fn is_longer_ago(then: Millis, span: Duration, now: Millis) -> bool {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    then.0.saturating_add(span) < now.0
}

/// What a sweep gave back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Parts of the log that were dropped.
    pub generations: u64,
    /// Events that were in them.
    pub events: u64,
    /// Bytes given back to the disk.
    pub bytes: u64,
}

/// Bytes in words, with one decimal.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        match units.into_iter().find(|(_, shift)| self.0 >> shift > 0) {
            Some((unit, shift)) => {
                let tenths = (u128::from(self.0) * 10) >> shift;
                write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
            }
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (512 << 20, "512.0 MiB"),
            (32 << 30, "32.0 GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }
}
