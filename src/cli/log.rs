//! Flags about what the process says about itself.

use super::{Failure, say};
use crate::telemetry::{self, Format};

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogArgs {
    /// What to log: a level, or levels by module as `info,tapline::ingest=debug`
    #[arg(long, env = "TAPLINE_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// The form of a line
    #[arg(long, env = "TAPLINE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// Starts logging.
    pub(super) fn start(&self) -> Result<(), Failure> {
        let format = match self.log_format {
            LogFormat::Human => Format::Human,
            LogFormat::Json => Format::Json,
        };
        telemetry::start(&self.log, format).map_err(|error| {
            let expected = "expected --log to be a level like `info`, or levels by module";
            Failure::CouldNotRun(format!("{expected}, found `{}`: {error}", self.log))
        })
    }

    /// Says something that is neither data nor a mistake: plainly to a person, as lines of the log to a machine.
    pub(super) fn say(&self, text: &str) {
        match self.log_format {
            LogFormat::Human => say(text),
            LogFormat::Json => text
                .lines()
                .filter(|line| !line.is_empty())
                .for_each(|line| tracing::info!("{}", line.trim())),
        }
    }
}
