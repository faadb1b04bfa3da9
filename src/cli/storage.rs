//! Flags about how long events are kept and how much room they may take.

use crate::app::{JournalOptions, Retention};
use std::time::Duration;

/// Less room than this holds no generation of the log, whose files grow in steps of megabytes.
const LEAST: u64 = 64 << 20;

/// How long events are kept, and how much room they may take.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub(super) struct StorageArgs {
    /// Days for which events are kept once all around them have ended; 0 keeps them until --keep-bytes is reached
    #[arg(long, env = "TAPLINE_KEEP_DAYS", value_name = "DAYS", default_value_t = 30)]
    keep_days: u32,
    /// Bytes above which the oldest events are dropped once they have ended
    #[arg(long, env = "TAPLINE_KEEP_BYTES", value_name = "BYTES", default_value_t = 16 << 30)]
    keep_bytes: u64,
    /// Bytes that events without an end may take; above it senders are told to come back
    #[arg(long, env = "TAPLINE_MAX_PENDING_BYTES", value_name = "BYTES", default_value_t = JournalOptions::default().pending_bound)]
    max_pending_bytes: u64,
    /// Bytes that the data directory may take; above it senders are told to come back
    #[arg(long, env = "TAPLINE_MAX_DISK_BYTES", value_name = "BYTES", default_value_t = JournalOptions::default().disk_bound)]
    max_disk_bytes: u64,
    /// Bytes that must stay free on the disk; with fewer, senders are told to come back
    #[arg(long, env = "TAPLINE_MIN_FREE_BYTES", value_name = "BYTES", default_value_t = JournalOptions::default().disk_reserve)]
    min_free_bytes: u64,
}

impl StorageArgs {
    /// How long events are kept.
    pub(super) fn retention(&self) -> Retention {
        let age = Duration::from_secs(u64::from(self.keep_days) * 24 * 60 * 60);
        Retention { age: (self.keep_days > 0).then_some(age), bytes: Some(self.keep_bytes) }
    }

    /// The journal's options, if the bounds fit together.
    pub(super) fn options(&self) -> Result<JournalOptions, String> {
        let Self { keep_bytes, max_pending_bytes, max_disk_bytes, min_free_bytes, .. } = *self;
        if max_pending_bytes < LEAST || max_disk_bytes < LEAST || keep_bytes < LEAST {
            return Err(format!(
                "expected --keep-bytes, --max-pending-bytes and --max-disk-bytes to be at least {LEAST}, \
                 found {keep_bytes}, {max_pending_bytes} and {max_disk_bytes}"
            ));
        }
        if keep_bytes > max_disk_bytes || max_pending_bytes > max_disk_bytes {
            return Err(format!(
                "expected --keep-bytes and --max-pending-bytes to be at most --max-disk-bytes ({max_disk_bytes}), \
                 found {keep_bytes} and {max_pending_bytes}"
            ));
        }
        let (pending_bound, disk_bound, disk_reserve) = (max_pending_bytes, max_disk_bytes, min_free_bytes);
        Ok(JournalOptions { pending_bound, disk_bound, disk_reserve, ..JournalOptions::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        storage: StorageArgs,
    }

    fn storage(flags: &[&str]) -> StorageArgs {
        Flags::try_parse_from([&["flags"], flags].concat()).unwrap().storage
    }

    #[test]
    fn without_flags_a_month_is_kept_within_the_journals_own_bounds() {
        let args = storage(&[]);
        assert_eq!(args.retention().age, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(args.retention().bytes, Some(16 << 30));
        let (options, defaults) = (args.options().unwrap(), JournalOptions::default());
        assert_eq!(
            (options.pending_bound, options.disk_bound, options.disk_reserve),
            (defaults.pending_bound, defaults.disk_bound, defaults.disk_reserve)
        );
        assert_eq!(storage(&["--keep-days", "0"]).retention().age, None);
    }

    #[test]
    fn bounds_that_do_not_fit_together_are_refused() {
        for flags in [
            ["--keep-bytes", "1000"],
            ["--max-disk-bytes", "100000000"],
            ["--max-pending-bytes", "99000000000"],
        ] {
            assert!(storage(&flags).options().is_err(), "{flags:?}");
        }
        assert!(storage(&["--max-pending-bytes", "67108864"]).options().is_ok());
    }
}
