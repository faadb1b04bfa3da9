//! Flags about how long events are kept and how much room they may take.

use crate::app::{JournalOptions, Retention};
use crate::settings::{Limit, Limits};
use std::time::Duration;

/// Less room than this holds no generation of the log, whose files grow in steps of megabytes.
const LEAST: u64 = 64 << 20;

/// How long events are kept where nothing is given and nothing is saved.
pub(super) fn usual_retention() -> Retention {
    let age = Duration::from_secs(Limit::KeepDays.default_value() * 24 * 60 * 60);
    Retention { age: Some(age), bytes: Some(Limit::KeepBytes.default_value()) }
}

/// How long events are kept, and how much room they may take.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub(super) struct StorageArgs {
    /// Days for which events are kept once all around them have ended; 0 keeps them until --keep-bytes is reached
    /// [default: as saved in the console, else 30]
    #[arg(long, env = "TAPLINE_KEEP_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u64).range(0..=36_500))]
    keep_days: Option<u64>,
    /// Bytes above which the oldest events are dropped once they have ended [default: as saved in the console, else
    /// 17179869184]
    #[arg(long, env = "TAPLINE_KEEP_BYTES", value_name = "BYTES")]
    keep_bytes: Option<u64>,
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
    /// Adds what is given to `limits`.
    pub(super) fn add_to(&self, limits: &mut Limits) {
        limits.set(Limit::KeepDays, self.keep_days);
        limits.set(Limit::KeepBytes, self.keep_bytes);
    }

    /// The journal's options, if the bounds fit together.
    pub(super) fn options(&self) -> Result<JournalOptions, String> {
        let Self { max_pending_bytes, max_disk_bytes, min_free_bytes, .. } = *self;
        let keep_bytes = self.keep_bytes.unwrap_or(Limit::KeepBytes.default_value());
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

    fn limits(flags: &[&str]) -> Limits {
        let mut limits = Limits::default();
        storage(flags).add_to(&mut limits);
        limits
    }

    #[test]
    fn without_flags_a_month_is_kept_within_the_journals_own_bounds() {
        let args = storage(&[]);
        assert_eq!(usual_retention().age, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(usual_retention().bytes, Some(16 << 30));
        assert_eq!(limits(&[]), Limits::default());
        let (options, defaults) = (args.options().unwrap(), JournalOptions::default());
        assert_eq!(
            (options.pending_bound, options.disk_bound, options.disk_reserve),
            (defaults.pending_bound, defaults.disk_bound, defaults.disk_reserve)
        );
        let given = limits(&["--keep-days", "0", "--keep-bytes", "100000000"]);
        let given = [Limit::KeepDays, Limit::KeepBytes].map(|limit| given.get(limit));
        assert_eq!(given, [Some(0), Some(100_000_000)]);
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
