//! `tapline verify`: reads everything of a backup or a data directory, and says whether it is whole; on demand it makes a
//! damaged data directory one that opens.

use super::Failure;
use super::backup::{contents, stream};
use super::remote::parse_server;
use crate::app::{
    DataDirectory, DataError, Findings, Repair, RepairError, Repaired, inspect_backup, inspect_damage,
    repair_directory,
};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Read everything of a backup, of a data directory or of a running server, and say whether it is whole.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A repair reads what it can without the database under it, writes that into fresh databases, reads them \
                  back and puts them in place. A start does the same before anything that is damaged is opened; without \
                  --repair nothing that is damaged is changed here. The damaged files are kept in `damaged-<time>` in the \
                  data directory; remove them when nobody wants to look at them any more. It needs as much room as the events take.\n\
                  Exit codes: 0 everything is whole, 1 something is not or is lost, 2 it could not be read or repaired."
)]
pub(super) struct Args {
    /// A backup, or `-` for standard input
    file: Option<PathBuf>,
    /// The data directory of a server that is stopped, where no file is named
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
    /// The running server whose data directory to read; its API token is read from TAPLINE_API_TOKEN
    #[arg(long, env = "TAPLINE_SERVER", value_name = "URL", value_parser = parse_server)]
    server: Option<String>,
    /// Make a damaged data directory one that opens, keep the damaged files, and say what is lost
    #[arg(long, conflicts_with = "file", env = "TAPLINE_REPAIR")]
    repair: bool,
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
    // A variable may stand for other verbs; what is named on the command line is what is meant.
    let is_typed =
        args.server != std::env::var("TAPLINE_SERVER").ok().and_then(|url| parse_server(&url).ok());
    if let (Some(server), true, true) = (&args.server, is_typed, args.file.is_some() || args.repair) {
        return Err(Failure::CouldNotRun(format!(
            "expected one thing to read, found `--server {server}` beside another; leave one of them out"
        )));
    }
    let is_typed_data = args.data != Path::new("./tapline-data")
        && std::env::var_os("TAPLINE_DATA").is_none_or(|directory| Path::new(&directory) != args.data);
    let server = args.server.as_ref().filter(|_| is_typed || !is_typed_data);
    let mut losses = Vec::new();
    let (what, findings) = match (&args.file, server) {
        _ if args.repair => {
            let (findings, told) = repair(&args.data)?;
            losses = told;
            (args.data.display().to_string(), findings)
        }
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
    losses.iter().for_each(|loss| super::say(loss));
    match findings.problem_count {
        0 if losses.is_empty() => Ok(()),
        0 => Err(Failure::NotGood(
            "the directory is repaired, and not everything could be had back".to_owned(),
        )),
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
    // Opening would repair it, and nobody asked for that. Who has it, or what else stands in the way, opening says too.
    if let Ok(Some(findings)) = inspect_damage(directory) {
        return Ok(findings);
    }
    let data = DataDirectory::open(directory).map_err(|error| {
        let advice = match error {
            DataError::InUse(_) => "; while a server runs, name it with --server",
            _ => "",
        };
        Failure::CouldNotRun(format!("{error}{advice}"))
    })?;
    data.inspect().map_err(|error| Failure::NotGood(format!("`{}`: {error}", directory.display())))
}

/// What the directory holds now, and a sentence for everything that a repair could not bring back beside events.
fn repair(directory: &Path) -> Result<(Findings, Vec<String>), Failure> {
    let repaired = repair_directory(directory).map_err(|error| {
        let advice = match error {
            RepairError::Journal(_) => "; stop the server that has it first",
            _ => "",
        };
        Failure::CouldNotRun(format!("`{}` was not repaired: {error}{advice}", directory.display()))
    })?;
    match repaired {
        Repaired::Nothing(findings) => {
            if findings.problem_count == 0 {
                super::say("nothing is damaged, and nothing was changed");
            }
            Ok((findings, Vec::new()))
        }
        Repaired::Done(repair) => {
            super::say(&format!("repaired; the damaged files are kept in `{}`", repair.aside.display()));
            let losses = losses(&repair);
            Ok((repair.findings, losses))
        }
    }
}

fn losses(repair: &Repair) -> Vec<String> {
    let salvaged = &repair.salvaged;
    let mut told = Vec::new();
    if salvaged.pending_again > 0 {
        told.push(format!(
            "{} events had ended and are pending again: CleverTap may get them twice",
            salvaged.pending_again
        ));
    }
    if salvaged.ends_lost > 0 {
        told.push(format!(
            "of {} events it is lost what became of them: they are listed as `lost_to_damage` and not sent again",
            salvaged.ends_lost
        ));
    }
    if salvaged.damaged_in_main > 0 || salvaged.stray_rows > 0 {
        told.push(format!(
            "{} places and {} rows of the main database are lost: look through settings, accounts and tokens, \
             which may be missing or as they were before",
            salvaged.damaged_in_main, salvaged.stray_rows
        ));
    }
    if salvaged.are_counts_lost {
        told.push(
            "the counts were lost and made anew; events that were dropped by age count as delivered"
                .to_owned(),
        );
    }
    told
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
