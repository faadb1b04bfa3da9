//! `tapline diff`: what another set of rules would make of the same events. This is what goes into a pull request.

mod human;
mod markdown;
mod set;
mod source;

use super::Failure;
use crate::engine::change::{Comparer, Policy};
use crate::engine::{Context, event::time};
use source::Source;
use std::io::Write;
use std::path::PathBuf;

/// Compare what two sets of rules make of the same events: what changes, how often, and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "BEFORE and AFTER are looked up in this order: a directory; `built-in`, the rules inside the \
                        binary; a git ref, as `main`, `HEAD~1` or `v1.2:rules`; a revision that the server of --data has \
                        kept, as `tapline check` shows it. Exit code 0: nothing changes, 1: something does, 2: it could \
                        not be found out."
)]
pub struct Args {
    /// The rules to compare with
    #[arg(default_value = "HEAD")]
    before: String,
    /// The rules that are to come [default: the rules directory]
    after: Option<String>,
    #[command(flatten)]
    rules: super::RulesArgs,
    /// The events: NDJSON, an array or `{"batch":[…]}`; `-` is standard input [default: those of the data directory]
    #[arg(long, value_name = "FILE", env = "TAPLINE_EVENTS")]
    events: Option<PathBuf>,
    /// The data directory, of which no server may have hold
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
    /// Only so many of the newest events of the data directory
    #[arg(long, value_name = "N", env = "TAPLINE_LAST", conflicts_with = "events")]
    last: Option<u64>,
    /// When the events were received, where they do not say so themselves (RFC 3339)
    #[arg(long, value_name = "TIME", env = "TAPLINE_NOW", value_parser = parse_time)]
    now: Option<i64>,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
    /// Name so many events of each group as examples
    #[arg(long, value_name = "N", default_value_t = 3, env = "TAPLINE_EXAMPLES", value_parser = clap::value_parser!(u8).range(0..=100))]
    examples: u8,
    /// Show values as they are; without it only their kind, as `text(12)`, because they may be personal
    #[arg(long, env = "TAPLINE_VALUES")]
    values: bool,
    /// End with 0 although something changes
    #[arg(long, env = "TAPLINE_ALLOW_CHANGES")]
    allow_changes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading
    Human,
    /// One JSON object
    Json,
    /// For a comment on a pull request
    Markdown,
}

fn parse_time(text: &str) -> Result<i64, String> {
    time::parse_iso(text)
        .ok_or_else(|| format!("expected a time like `2026-01-31T12:00:00Z`, found `{text}`"))
}

/// Runs the verb. That something changes is a found problem, unless it is allowed.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let mut data = source::Directory::new(args.data.clone());
    let before = set::load(&args.before, &args.rules, &mut data)?;
    let after = match &args.after {
        Some(after) => set::load(after, &args.rules, &mut data)?,
        None => set::in_force(&args.rules)?,
    };
    let names = [before.name.clone(), after.name.clone()];
    let policy = Policy { examples: usize::from(args.examples), values: args.values };
    let mut comparer =
        Comparer::new(before.compile(&args.rules, "BEFORE")?, after.compile(&args.rules, "AFTER")?, policy);
    let source = match &args.events {
        Some(file) => Source::File(file),
        None => Source::Journal { directory: &mut data, last: args.last },
    };
    let refused = source.each(&mut |name, received_at, event| {
        // Without a stopwatch, so that a slow moment of this machine does not look like a change of a script.
        let context = Context { received_at: received_at.or(args.now), stopwatch: None };
        comparer.compare(event, &context, name);
    })?;
    if refused > 0 {
        super::say(&format!("left out, because they failed on ingest and no rule sees them: {refused}"));
    }
    let [before, after] = names;
    let report = comparer.report(&before, &after);
    if report.counts.events == 0 {
        return Err(Failure::CouldNotRun("there are no events to compare with".to_owned()));
    }
    match args.format {
        Format::Human => human::write(out, &report)?,
        Format::Markdown => markdown::write(out, &report)?,
        Format::Json => {
            serde_json::to_writer(&mut *out, &report).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    // A reader that is gone wants no verdict either.
    out.flush()?;
    match report.changed() {
        0 => Ok(()),
        _ if args.allow_changes => Ok(()),
        changed => Err(Failure::NotGood(format!(
            "{changed} of {} events change; --allow-changes takes that for fine",
            report.counts.events
        ))),
    }
}
