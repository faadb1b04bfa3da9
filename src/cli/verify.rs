//! `tapline verify`: reads everything of a backup or a data directory, and says whether it is whole.

use super::Failure;
use super::backup::{contents, stream};
use super::remote::parse_server;
use crate::app::{DataDirectory, DataError, Findings, inspect_backup};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Read everything of a backup, of a data directory or of a running server, and say whether it is whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 everything is whole, 1 something is not, 2 it could not be read.")]
pub(super) struct Args {
    /// A backup, or `-` for standard input
    #[arg(conflicts_with = "server")]
    file: Option<PathBuf>,
    /// The data directory of a server that is stopped, where no file is named
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
    /// The running server whose data directory to read; its API token is read from TAPLINE_API_TOKEN
    #[arg(long, env = "TAPLINE_SERVER", value_name = "URL", value_parser = parse_server)]
    server: Option<String>,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading
    Human,
    /// One JSON object
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let (what, findings) = match (&args.file, &args.server) {
        (Some(file), _) => (file.display().to_string(), inspect_file(file)?),
        (None, Some(server)) => (server.clone(), inspect_server(server)?),
        (None, None) => (args.data.display().to_string(), inspect_directory(&args.data)?),
    };
    match args.format {
        Format::Json => {
            serde_json::to_writer(&mut *out, &findings).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Human => {
            for problem in &findings.problems {
                writeln!(out, "{}: {}", problem.place, problem.what)?;
            }
            writeln!(out, "`{what}` holds {}", contents(&findings))?;
        }
    }
    match findings.problem_count {
        0 => Ok(()),
        count => Err(Failure::NotGood(format!("problems found: {count}"))),
    }
}

// What is cut, changed or foreign was looked at and is not good; what is not there could not be looked at.
fn inspect_file(file: &Path) -> Result<Findings, Failure> {
    let not_good = |error: &dyn std::fmt::Display| Failure::NotGood(format!("`{}`: {error}", file.display()));
    if file == Path::new("-") {
        return inspect_backup(io::stdin()).map_err(|error| not_good(&error));
    }
    let opened = File::open(file)
        .map_err(|error| Failure::CouldNotRun(format!("can not read `{}`: {error}", file.display())))?;
    inspect_backup(BufReader::new(opened)).map_err(|error| not_good(&error))
}

fn inspect_directory(directory: &Path) -> Result<Findings, Failure> {
    let data = DataDirectory::open(directory).map_err(|error| {
        let advice = match error {
            DataError::InUse(_) => "; while a server runs, name it with --server",
            _ => "",
        };
        Failure::CouldNotRun(format!("{error}{advice}"))
    })?;
    data.inspect().map_err(|error| Failure::NotGood(format!("`{}`: {error}", directory.display())))
}

/// Reads the server's backup as it comes, and keeps nothing of it.
fn inspect_server(server: &str) -> Result<Findings, Failure> {
    let (reader, mut writer) = io::pipe()?;
    let inspecting = std::thread::spawn(move || inspect_backup(reader));
    let streamed = stream(server, &mut |part| writer.write_all(part));
    drop(writer);
    let inspected = inspecting
        .join()
        .map_err(|_| Failure::CouldNotRun("reading the backup stopped unexpectedly".to_owned()))?;
    match (inspected, streamed) {
        // A stream that ended by itself is told by the server's words, not as a cut backup.
        (Err(error), Ok(())) => Err(Failure::NotGood(format!("{server}: {error}"))),
        (_, Err(failure)) => Err(failure),
        (Ok(findings), Ok(())) => Ok(findings),
    }
}
