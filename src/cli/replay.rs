//! `tapline replay`: events sent to CleverTap again, as a job of a running server.

use super::remote::{Remote, RemoteArgs};
use super::transform::progress;
use super::{Failure, say};
use indicatif::ProgressStyle;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is asked how far a job has got.
const ASKED_EVERY: Duration = Duration::from_millis(300);

/// Send events to CleverTap again: some by their ids, or all that match
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The server keeps the job: it goes on when this command ends, and after a restart. What is still on its \
                  way is passed over, and so is what was delivered, unless --include-delivered says otherwise.\n\
                  Exit codes: 0 done, or taken without --wait; 1 some events failed or became dead letters, some that were \
                  named were not sent, or the job was cancelled; 2 it could not be asked for."
)]
pub(super) struct Args {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Events by their ids, as `ev_7`
    #[arg(value_name = "EVENT_ID", conflicts_with_all = ["status", "code", "user", "event", "since", "until", "all_failed"])]
    ids: Vec<String>,
    /// Events that stand so: dead, failed, filtered or delivered (repeatable)
    #[arg(long, value_name = "STATUS", env = "TAPLINE_STATUS")]
    status: Vec<String>,
    /// Events with this reason code
    #[arg(long, value_name = "CODE", env = "TAPLINE_CODE")]
    code: Option<String>,
    /// Events of this userId or anonymousId
    #[arg(long, value_name = "ID", env = "TAPLINE_USER")]
    user: Option<String>,
    /// Events with this in their name
    #[arg(long, value_name = "NAME", env = "TAPLINE_EVENT")]
    event: Option<String>,
    /// Events received at this time or later (RFC 3339, or a date in UTC as `2026-11-20`)
    #[arg(long, value_name = "TIME", env = "TAPLINE_SINCE")]
    since: Option<String>,
    /// Events received before this time (RFC 3339, or a date in UTC, which is its first moment)
    #[arg(long, value_name = "TIME", env = "TAPLINE_UNTIL")]
    until: Option<String>,
    /// Everything that failed or became a dead letter
    #[arg(long, env = "TAPLINE_ALL_FAILED", conflicts_with = "status")]
    all_failed: bool,
    /// By the rules of then (those the event was evaluated with) or of now (those in force)
    #[arg(long, value_enum, value_name = "WHICH", env = "TAPLINE_RULES_OF", default_value_t = RulesOf::Now)]
    rules_of: RulesOf,
    /// Send this event, JSON, in the place of the one that is named; `-` is standard input
    #[arg(long, value_name = "FILE", env = "TAPLINE_EDIT", requires = "ids", conflicts_with = "rules_of")]
    edit: Option<PathBuf>,
    /// Send delivered events again, too; CleverTap counts them twice
    #[arg(long, env = "TAPLINE_INCLUDE_DELIVERED")]
    include_delivered: bool,
    /// Say what would be sent, and send nothing
    #[arg(long, env = "TAPLINE_DRY_RUN", conflicts_with = "wait")]
    dry_run: bool,
    /// Wait until the job has ended
    #[arg(long, env = "TAPLINE_WAIT")]
    wait: bool,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RulesOf {
    /// The rules the event was evaluated with
    Then,
    /// The rules in force
    Now,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading
    Human,
    /// What the server answered
    Json,
}

/// What is asked for, as the API takes it.
#[derive(Debug, Serialize)]
struct OrderDoc<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    events: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterDoc<'a>>,
    mode: &'static str,
    /// The edited event, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
    include_delivered: bool,
    dry_run: bool,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct FilterDoc<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
}

/// A job, as far as it is read here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobDoc {
    id: String,
    state: String,
    progress: f64,
    selected: u64,
    to_send: u64,
    records: u64,
    delivered: u64,
    dead: u64,
    filtered: u64,
    failed: u64,
    skipped: Map<String, Value>,
    codes: Map<String, Value>,
    complete: bool,
    paused: Option<PauseDoc>,
}

/// Why nothing is sent at the moment.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct PauseDoc {
    code: String,
    message: String,
}

/// The members of an order, and the flags they come from.
const FLAGS: [(&str, &str); 10] = [
    ("/events", "EVENT_ID"),
    ("/event", "--edit"),
    ("/filter/status", "--status"),
    ("/filter/code", "--code"),
    ("/filter/user", "--user"),
    ("/filter/name", "--event"),
    ("/filter/since", "--since"),
    ("/filter/until", "--until"),
    ("/mode", "--rules-of"),
    ("/include_delivered", "--include-delivered"),
];

/// Runs the verb.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let order = order(args)?;
    let remote = args.remote.connect()?.naming(&FLAGS);
    let answer: Value = remote.post("/api/v1/replays", &order)?;
    if args.dry_run {
        let survey = read(&remote, &answer)?;
        return match args.format {
            Format::Json => Ok(writeln!(out, "{answer}")?),
            Format::Human => Ok(writeln!(out, "{}", survey.foretold())?),
        };
    }
    let taken = read(&remote, &answer)?;
    if !args.wait {
        return match args.format {
            Format::Json => Ok(writeln!(out, "{answer}")?),
            Format::Human => Ok(writeln!(out, "job {}", taken.id)?),
        };
    }
    let answer = wait(&remote, &taken.id)?;
    let job = read(&remote, &answer)?;
    match args.format {
        Format::Json => writeln!(out, "{answer}")?,
        Format::Human => writeln!(out, "job {} {}: {}", job.id, job.state, job.counts())?,
    }
    let not_sent = if args.ids.is_empty() { 0 } else { job.filtered + job.not_sent() };
    match job.failed + job.dead {
        0 if job.state == "done" && not_sent > 0 => Err(Failure::NotGood(format!(
            "{not_sent} of the events that were named were not sent{}",
            if job.not_sent() > 0 {
                by_name(":", &job.skipped)
            } else {
                "; the rules filter them".to_owned()
            }
        ))),
        0 if job.state == "done" => Ok(()),
        0 => Err(Failure::NotGood(format!("job {} was {}", job.id, job.state))),
        bad => Err(Failure::NotGood(format!("{bad} events failed or are dead letters"))),
    }
}

fn order(args: &Args) -> Result<OrderDoc<'_>, Failure> {
    let filter = FilterDoc {
        status: match args.all_failed {
            true => vec!["failed", "dead"],
            false => args.status.iter().map(String::as_str).collect(),
        },
        code: args.code.as_deref(),
        user: args.user.as_deref(),
        name: args.event.as_deref(),
        since: args.since.as_deref(),
        until: args.until.as_deref(),
    };
    if args.ids.is_empty() && filter == FilterDoc::default() {
        return Err(Failure::CouldNotRun(
            "expected events: ids as `ev_7`, --all-failed, or a filter as --status dead".to_owned(),
        ));
    }
    let event = args.edit.as_deref().map(read_event).transpose()?;
    let mode = match (&event, args.rules_of) {
        (Some(_), _) => "edited",
        (None, RulesOf::Then) => "same",
        (None, RulesOf::Now) => "current",
    };
    let filter = args.ids.is_empty().then_some(filter);
    let Args { include_delivered, dry_run, ids, .. } = args;
    Ok(OrderDoc {
        events: ids,
        filter,
        mode,
        event,
        include_delivered: *include_delivered,
        dry_run: *dry_run,
    })
}

fn read_event(file: &Path) -> Result<Box<RawValue>, Failure> {
    let read = match file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(file),
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::CouldNotRun(format!("expected an event as JSON in `{}`: {error}", file.display()))
    };
    let text = read.map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}

/// Asks until the job is over, with a bar on stderr where that is a terminal.
fn wait(remote: &Remote, id: &str) -> Result<Value, Failure> {
    const STEPS: f64 = 1000.0;
    let bar = progress(Some(STEPS as u64));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}% {msg}") {
        bar.set_style(style);
    }
    let mut told = None;
    loop {
        let answer: Value = remote.get(&format!("/api/v1/replays/{id}"))?;
        let job = read(remote, &answer)?;
        let code = job.paused.as_ref().map(|pause| pause.code.clone());
        if code != told {
            bar.suspend(|| match &job.paused {
                Some(pause) => say(&format!("job {id} waits: {}", pause.message)),
                None => say(&format!("job {id} goes on")),
            });
            told = code;
        }
        if matches!(job.state.as_str(), "done" | "cancelled") {
            bar.finish_and_clear();
            return Ok(answer);
        }
        // The progress is between nought and one, so nothing is cut off.
        bar.set_position((job.progress * STEPS) as u64);
        bar.set_message(job.counts());
        std::thread::sleep(ASKED_EVERY);
    }
}

fn read(remote: &Remote, answer: &Value) -> Result<JobDoc, Failure> {
    JobDoc::deserialize(answer).map_err(|_| remote.not_understood())
}

impl JobDoc {
    fn not_sent(&self) -> u64 {
        self.skipped.values().filter_map(Value::as_u64).sum()
    }

    fn counts(&self) -> String {
        let Self { selected, delivered, dead, filtered, failed, .. } = self;
        let counts = format!(
            "{selected} selected, {delivered} delivered, {dead} dead, {filtered} filtered, {failed} failed"
        );
        format!("{counts}{}", by_name(", not sent", &self.skipped))
    }

    fn foretold(&self) -> String {
        let Self { selected, to_send, records, filtered, failed, .. } = self;
        let least = if self.complete { "" } else { "at least " };
        let counts = format!(
            "{least}{selected} selected, {to_send} to send in {records} records, {filtered} would be filtered, \
             {failed} would fail"
        );
        format!("{counts}{}{}", by_name(", not sent", &self.skipped), by_name("; because", &self.codes))
    }
}

fn by_name(words: &str, counts: &Map<String, Value>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name}: {count}")).collect();
    format!("{words} ({})", counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn said(line: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from([&["replay"], line].concat()).map_err(|error| error.to_string())?;
        let order = order(&line.args).map_err(|failure| failure.to_string())?;
        serde_json::to_value(order).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_line_becomes_an_order() {
        let common = |mut order: Value| {
            order["include_delivered"] = false.into();
            order["dry_run"] = false.into();
            order
        };
        let cases = [
            (
                &["ev_1", "ev_2", "--rules-of", "then"][..],
                json!({"events": ["ev_1", "ev_2"], "mode": "same"}),
            ),
            (&["--all-failed"], json!({"filter": {"status": ["failed", "dead"]}, "mode": "current"})),
            (
                &["--status", "dead", "--user", "user_1", "--since", "2026-11-23T00:00:00Z"],
                json!({"filter": {"status": ["dead"], "user": "user_1", "since": "2026-11-23T00:00:00Z"}, "mode": "current"}),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(said(line), Ok(common(expected)), "{line:?}");
        }
        assert!(said(&[]).unwrap_err().contains("--all-failed"));
        assert!(said(&["ev_1", "--status", "dead"]).is_err());
        assert!(said(&["--edit", "event.json"]).is_err());
    }
}
