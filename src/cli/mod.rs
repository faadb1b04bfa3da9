//! The command line: one file per verb.
//!
//! Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 found problems, 2 wrong usage or could not run.
//! Whatever a flag sets a variable `TAPLINE_…` sets too; the flag wins.

mod limit;
mod log;
mod rule;
mod serve;
mod simulator;

pub use rule::RuleArgs;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// How a verb ended, when it could run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to complain about.
    Fine,
    /// It did its work and found problems.
    Problems,
}

/// A self-hosted Segment to CleverTap destination.
#[derive(Debug, Parser)]
#[command(name = "tapline", version, args_conflicts_with_subcommands = true)]
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
    /// Stand in for CleverTap's API: its limits, its codes, and faults on request
    Simulator(simulator::Args),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    // clap answers wrong usage with 2 and help with 0, as it should be.
    let cli = Cli::parse();
    let ended = match cli.verb {
        None => serve::run(cli.serve),
        Some(Verb::Serve(args)) => serve::run(args),
        Some(Verb::Simulator(args)) => simulator::run(args),
    };
    match ended {
        Ok(Exit::Fine) => ExitCode::SUCCESS,
        Ok(Exit::Problems) => ExitCode::from(1),
        // Whoever reads our output has read enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Says something to the person at the terminal.
fn say(text: &str) {
    use io::Write;
    // There is nobody left to tell that stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
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
            for flag in verb.get_arguments().filter(|flag| !matches!(flag.get_id().as_str(), "help" | "version")) {
                let variable = flag.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(variable.starts_with("TAPLINE_"), "{} {}", verb.get_name(), flag.get_id());
            }
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing");
        assert!(is_broken_pipe(&closed));
        assert!(!is_broken_pipe(&anyhow::anyhow!("something else")));
    }
}
