//! `tapline backup`: everything a data directory holds, as one file.

use super::Failure;
use super::remote::{Remote, RemoteArgs, parse_server};
use crate::app::{BackupFile, DataDirectory, DataError, Findings, noted_server};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a server is looked for when one has the data directory and does not say where it listens.
const USUAL_SERVER: &str = "http://127.0.0.1:8080";
/// How long a whole backup may take.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Write everything that the data directory holds into one file, also while the server runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "While a server has the data directory, the backup comes from the server, which goes on; its token is \
                  read from TAPLINE_API_TOKEN, and must be the TAPLINE_API_TOKEN that the server was started with.\n\
                  The backup holds events, accounts, and settings with their secrets, unsealed: keep it as safe as \
                  those. Its file can be read by its owner alone.\n\
                  Exit codes: 0 written and read back, 1 so too, but something of the original is lost, 2 it could not be."
)]
pub(super) struct Args {
    /// The data directory
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
    /// The running server to back up, whatever its data directory [default: the one that has DIR, if it is in use]
    #[arg(long, env = "TAPLINE_SERVER", value_name = "URL", value_parser = parse_server)]
    server: Option<String>,
    /// The file to write, or `-` for standard output, which is not read back
    #[arg(long, env = "TAPLINE_TO", value_name = "FILE", default_value = "tapline.backup")]
    to: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    if args.to == Path::new("-") {
        return take(args, &mut |part| out.write_all(part));
    }
    let failed =
        |error: &dyn std::fmt::Display| Failure::CouldNotRun(format!("`{}`: {error}", args.to.display()));
    let mut file = BackupFile::create(&args.to).map_err(|error| failed(&error))?;
    take(args, &mut |part| file.write(part))?;
    let findings = file.finish().map_err(|error| failed(&error))?;
    super::say(&format!("`{}` holds {}", args.to.display(), contents(&findings)));
    super::say("it holds settings with their secrets: keep it safe");
    match findings.problem_count {
        0 => Ok(()),
        count => Err(Failure::NotGood(format!(
            "the backup is whole, and what it was made from is not (problems: {count}); `tapline verify` says where"
        ))),
    }
}

/// Hands over the bytes of a backup.
fn take(args: &Args, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Failure> {
    let data = match &args.server {
        Some(server) => return stream(server, take),
        None => DataDirectory::open(&args.data),
    };
    match data {
        Ok(data) => data.backup(take).map_err(|error| Failure::CouldNotRun(error.to_string())),
        Err(DataError::InUse(_)) => {
            let server = noted_server(&args.data).unwrap_or_else(|| USUAL_SERVER.to_owned());
            super::say(&format!("a server has `{}`; asking {server}", args.data.display()));
            stream(&server, take)
        }
        Err(error) => Err(Failure::CouldNotRun(error.to_string())),
    }
}

/// The backup of a running server.
pub(super) fn stream(server: &str, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Failure> {
    connect(server)?.stream("/api/v1/backup", take)
}

fn connect(server: &str) -> Result<Remote, Failure> {
    RemoteArgs { server: server.to_owned() }.connect_for(PATIENCE)
}

/// What there is, in words.
pub(super) fn contents(findings: &Findings) -> String {
    let Findings { events, ends, uploads, rows, lost, .. } = findings;
    let mut words = format!("{events} events, {ends} ends, {uploads} uploads and {rows} other rows");
    if *lost > 0 {
        words.push_str(&format!("; {lost} events are lost to damage"));
    }
    words
}
