//! The command line: one file per verb.
//!
//! Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 found problems, 2 wrong usage or could not run.
//! Whatever a flag sets a variable `TAPLINE_…` sets too; the flag wins.

mod backup;
pub mod check;
mod delete;
mod delivery;
mod diff;
mod explain;
mod fmt;
mod init;
mod limit;
mod log;
pub mod preview;
mod remote;
mod replay;
mod restore;
mod rules;
mod schema;
mod serve;
mod simulator;
mod storage;
mod test;
mod transform;
mod upload;
mod verify;

pub use rules::RulesArgs;

use crate::engine::Diagnostics;
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

/// A self-hosted Segment to CleverTap destination.
#[derive(Debug, Parser)]
#[command(name = "tapline", version, disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Without a verb, the server starts.
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Take Segment calls in, deliver them to CleverTap, show every step in the console [the default]
    Serve(serve::Args),
    Preview(preview::Args),
    Check(check::Args),
    Test(test::Args),
    Transform(transform::Args),
    Upload(upload::Args),
    Replay(replay::Args),
    Delete(delete::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Verify(verify::Args),
    Fmt(fmt::Args),
    Init(init::Args),
    Schema(schema::Args),
    Diff(diff::Args),
    Explain(explain::Args),
    Simulator(simulator::Args),
}

/// Why a verb did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules hold problems.
    #[error("{0}")]
    FoundProblems(Diagnostics),
    /// The rules hold problems, which have been shown already.
    #[error("problems found: {0}")]
    ShownProblems(usize),
    /// The verb looked at something and it is not good; what was found has been shown.
    #[error("{0}")]
    NotGood(String),
    /// Something the verb needs is not to be had.
    #[error("{0}")]
    CouldNotRun(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
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
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match cli.verb {
        None => serve::run(&cli.serve),
        Some(Verb::Serve(args)) => serve::run(&args),
        Some(Verb::Preview(args)) => preview::run(&args, &mut out),
        Some(Verb::Check(args)) => check::run(&args, &mut out),
        Some(Verb::Test(args)) => test::run(&args, &mut out),
        Some(Verb::Transform(args)) => transform::run(&args, &mut out),
        Some(Verb::Upload(args)) => upload::run(&args),
        Some(Verb::Replay(args)) => replay::run(&args, &mut out),
        Some(Verb::Delete(args)) => delete::run(&args, &mut out),
        Some(Verb::Backup(args)) => backup::run(&args, &mut out),
        Some(Verb::Restore(args)) => restore::run(&args),
        Some(Verb::Verify(args)) => verify::run(&args, &mut out),
        Some(Verb::Fmt(args)) => fmt::run(&args, &mut out),
        Some(Verb::Init(args)) => init::run(&args, &mut out),
        Some(Verb::Schema(args)) => schema::run(&args, &mut out),
        Some(Verb::Diff(args)) => diff::run(&args, &mut out),
        Some(Verb::Explain(args)) => explain::run(&args, &mut out),
        Some(Verb::Simulator(args)) => simulator::run(&args),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us has read enough, as `head` does.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = out.flush();
            say(&failure.to_string());
            match failure {
                Failure::FoundProblems(_) | Failure::ShownProblems(_) | Failure::NotGood(_) => {
                    ExitCode::from(1)
                }
                Failure::CouldNotRun(_) | Failure::Io(_) => ExitCode::from(2),
            }
        }
    }
}

/// Says something to the person at the terminal.
fn say(text: &str) {
    // There is nobody left to tell that stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_verb_the_server_starts_and_takes_its_flags() {
        let bare = Cli::try_parse_from(["tapline", "--listen", "127.0.0.1:9000"]).unwrap();
        assert!(bare.verb.is_none());
        assert_eq!(bare.serve.listen.port(), 9000);
        let named = Cli::try_parse_from(["tapline", "serve", "--listen", "127.0.0.1:9000"]).unwrap();
        assert!(matches!(named.verb, Some(Verb::Serve(args)) if args.listen.port() == 9000));
    }

    #[test]
    fn every_flag_has_its_variable() {
        let command = Cli::command();
        for verb in command.get_subcommands() {
            let flags = verb.get_arguments().filter(|flag| !flag.is_positional());
            for flag in flags.filter(|flag| !matches!(flag.get_id().as_str(), "help" | "version")) {
                let variable = flag.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(variable.starts_with("TAPLINE_"), "{} {}", verb.get_name(), flag.get_id());
            }
        }
    }
}
