//! `tapline restore`: a data directory from a backup.

use super::Failure;
use super::backup::contents;
use crate::app::restore_backup;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Make a data directory from a backup: all of it, or nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What had not ended when the backup was taken is delivered once a server starts on the directory, also \
                  if the old server has delivered it since; CleverTap counts such an event twice.\n\
                  A backup knows nothing of what came after it: persons who were deleted since are in it again. \
                  Deletions that waited when it was taken are carried out; ask for the later ones again with \
                  `tapline delete --file`, from the list that you keep of them, before anything else is done with it.\n\
                  Exit codes: 0 everything is there, 2 it could not be restored."
)]
pub(super) struct Args {
    /// The backup, or `-` for standard input
    file: PathBuf,
    /// The data directory, which must be empty or new
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let restored = match args.file == Path::new("-") {
        true => restore_backup(std::io::stdin(), &args.data),
        false => {
            let file = File::open(&args.file).map_err(|error| {
                Failure::CouldNotRun(format!("can not read `{}`: {error}", args.file.display()))
            })?;
            restore_backup(BufReader::new(file), &args.data)
        }
    };
    let findings =
        restored.map_err(|error| Failure::CouldNotRun(format!("nothing was restored: {error}")))?;
    super::say(&format!("`{}` holds {}", args.data.display(), contents(&findings)));
    super::say(
        "persons who were deleted after this backup was taken are in it again: once a server has it, delete them \
         anew with `tapline delete --file`",
    );
    Ok(())
}
