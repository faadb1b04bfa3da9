//! Flags about what the process says about itself.

use super::Failure;
use crate::telemetry::{self, Format};

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogArgs {
    /// What to log: a level, or levels by module as `info,tapline::ingest=debug`
    #[arg(long, env = "TAPLINE_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// The form of a line
    #[arg(long, env = "TAPLINE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    log_format: Format,
}

impl LogArgs {
    /// Starts logging.
    pub(super) fn start(&self) -> Result<(), Failure> {
        telemetry::start(&self.log, self.log_format).map_err(|error| {
            let expected = "expected --log to be a level like `info`, or levels by module";
            Failure::CouldNotRun(format!("{expected}, found `{}`: {error}", self.log))
        })
    }
}
