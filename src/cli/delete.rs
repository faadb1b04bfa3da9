//! `tapline delete`: persons are deleted at CleverTap and erased here, by a running server.

use super::remote::{Remote, RemoteArgs};
use super::{Failure, say};
use crate::admin::{MOST_ASKED, MOST_PERSONS};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(500);

/// Delete persons at CleverTap and erase their earlier events here; asks a running server.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes the id of each deletion's event, one a line; with --wait followed by how it ended.\n\
                  What is accepted is done in the order of each person's events, and goes on when the server is \
                  started again. It can not be undone.\n\
                  Exit codes: 0 accepted (with --wait: done), 1 some were not done, 2 it could not run."
)]
pub(super) struct Args {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Read more ids from this file, one a line; `-` reads them from stdin
    #[arg(long, value_name = "FILE", env = "TAPLINE_DELETE_FILE")]
    file: Option<PathBuf>,
    /// The ids are anonymousIds, of persons who have no userId
    #[arg(long, env = "TAPLINE_DELETE_ANONYMOUS")]
    anonymous: bool,
    /// Wait until every deletion has ended and what it erases is erased
    #[arg(long, env = "TAPLINE_WAIT")]
    wait: bool,
    /// Needed at a terminal for more than one person
    #[arg(long, env = "TAPLINE_YES")]
    yes: bool,
    /// userIds
    #[arg(value_name = "USER")]
    users: Vec<String>,
}

#[derive(Deserialize)]
struct AcceptedDoc {
    ids: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
}

#[derive(Deserialize)]
struct StatesDoc {
    deletions: Vec<StateDoc>,
}

#[derive(Deserialize)]
struct StateDoc {
    id: String,
    state: String,
    code: Option<String>,
    message: Option<String>,
    erased: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let people = people(args)?;
    let count = match people.len() {
        0 => {
            return Err(Failure::CouldNotRun(
                "nobody to delete: name users, or give a file of them with --file".to_owned(),
            ));
        }
        1 => "1 person".to_owned(),
        many => format!("{many} persons"),
    };
    if people.len() > 1 && !args.yes && io::stdin().is_terminal() {
        return Err(Failure::CouldNotRun(format!(
            "{count} would be deleted, which can not be undone; repeat it with --yes"
        )));
    }
    let remote = args.remote.connect()?;
    let name = if args.anonymous { "anonymousIds" } else { "userIds" };
    let (mut ids, mut unknown) = (Vec::with_capacity(people.len()), HashSet::new());
    for people in people.chunks(MOST_PERSONS) {
        match remote.post::<AcceptedDoc>("/api/v1/deletions", &json!({ name: people })) {
            Ok(accepted) => {
                ids.extend(accepted.ids);
                unknown.extend(accepted.unknown);
            }
            Err(failure) if ids.is_empty() => return Err(failure),
            Err(failure) => {
                return Err(Failure::CouldNotRun(format!(
                    "the first {} were accepted, then: {failure}",
                    ids.len()
                )));
            }
        }
    }
    let server = &args.remote.server;
    if !args.wait {
        ids.iter().try_for_each(|id| writeln!(out, "{id}"))?;
        say(&format!("{server} has accepted the deletion of {count}; --wait waits until it is done"));
        return Ok(());
    }
    say(&format!("{server} has accepted the deletion of {count}; waiting"));
    match wait(&remote, ids, &unknown, out)? {
        0 => Ok(()),
        bad => Err(Failure::NotGood(format!("{bad} of {count} not deleted; their events' pages say why"))),
    }
}

/// Writes how each ended, as it ends; gives how many were not done.
fn wait(
    remote: &Remote,
    mut ids: Vec<String>,
    unknown: &HashSet<String>,
    out: &mut impl Write,
) -> Result<usize, Failure> {
    let mut bad = 0;
    loop {
        let mut ended = HashSet::new();
        for asked in ids.chunks(MOST_ASKED) {
            let states: StatesDoc = remote.get(&format!("/api/v1/deletions?ids={}", asked.join(",")))?;
            for StateDoc { id, state, code, message, erased } in states.deletions {
                let is_done = state == "delivered";
                if state == "pending" || is_done && !erased {
                    continue;
                }
                if is_done && unknown.contains(&id) {
                    writeln!(
                        out,
                        "{id} deleted: no event here was of this person, and CleverTap was told all the same"
                    )?;
                } else if is_done {
                    writeln!(out, "{id} deleted")?;
                } else {
                    bad += 1;
                    writeln!(
                        out,
                        "{id} {state} {}: {}",
                        code.unwrap_or_default(),
                        message.unwrap_or_default()
                    )?;
                }
                ended.insert(id);
            }
        }
        out.flush()?;
        ids.retain(|id| !ended.contains(id));
        if ids.is_empty() {
            return Ok(bad);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The ids that were given, each once, in order.
fn people(args: &Args) -> Result<Vec<String>, Failure> {
    let mut given = args.users.clone();
    if let Some(file) = &args.file {
        given.extend(lines(file)?);
    }
    let mut seen = HashSet::new();
    let people = given.into_iter().map(|id| id.trim().to_owned());
    Ok(people.filter(|id| !id.is_empty() && seen.insert(id.clone())).collect())
}

fn lines(file: &Path) -> Result<Vec<String>, Failure> {
    let read = match file == Path::new("-") {
        true => io::stdin().lock().lines().collect::<Result<Vec<_>, _>>(),
        false => std::fs::read_to_string(file).map(|text| text.lines().map(str::to_owned).collect()),
    };
    read.map_err(|error| Failure::CouldNotRun(format!("can not read `{}`: {error}", file.display())))
}
