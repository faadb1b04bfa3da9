//! The command line: one file per verb. Data on standard output, talk on standard error.
//!
//! Exit codes: 0 fine, 1 found problems, 2 usage or could not run.

pub mod check;
pub mod preview;
mod rules;

pub use rules::RulesArgs;

use crate::engine::Diagnostics;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// A self-hosted Segment to CleverTap destination.
#[derive(Debug, Parser)]
#[command(name = "tapline", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Preview(preview::Args),
    Check(check::Args),
}

/// Why a verb did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules hold problems.
    #[error("{0}")]
    FoundProblems(Diagnostics),
    /// Something the verb needs is not to be had.
    #[error("{0}")]
    CouldNotRun(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Reads the arguments, runs the verb and says how it went.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let done = match &cli.verb {
        Some(Verb::Preview(args)) => preview::run(args, &mut out),
        Some(Verb::Check(args)) => check::run(args, &mut out),
        None => Err(Failure::CouldNotRun("no verb".into())),
    };
    let done = done.and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us has read enough.
        Err(Failure::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = out.flush();
            eprintln!("{failure}");
            match failure {
                Failure::FoundProblems(_) => ExitCode::from(1),
                _ => ExitCode::from(2),
            }
        }
    }
}
