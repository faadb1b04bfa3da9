//! `tapline upload`: a file of events straight to CleverTap.

use super::preview::parse_time;
use super::transform::progress;
use super::{Failure, say};
use crate::admin::Environment;
use crate::backfill::{self, Halt, Order, Standing, Tally};
use crate::engine::Plan;
use crate::settings::Settings;
use indicatif::ProgressStyle;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Send a file of events to CleverTap, by the rules and with the limits, retries and order of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The account is that of `serve`: TAPLINE_ACCOUNT_ID, TAPLINE_PASSCODE, and TAPLINE_REGION or \
                  TAPLINE_CLEVERTAP_URL.\n\
                  Stopped or killed at any moment, the same command goes on where it was; only what was in flight may \
                  arrive twice. A push token is sent once a run for each device, and again when it changes; `serve` \
                  does not know of it and sends it once more.\n\
                  Exit codes: 0 every event was delivered or filtered, 1 some failed, 2 it could not run or not go on."
)]
pub(super) struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// Segment events, one JSON object a line: a file, because it is read again after a stop
    file: PathBuf,
    /// Where it is kept which lines have ended [default: FILE.upload-state, beside FILE]
    #[arg(long, value_name = "FILE", env = "TAPLINE_STATE")]
    state: Option<PathBuf>,
    /// Have CleverTap validate everything and keep nothing (its `dryRun=1`); leaves the state file alone
    #[arg(long, env = "TAPLINE_DRY_RUN")]
    dry_run: bool,
    /// Where to keep every event that was not delivered, one JSON object a line: number of its line, reason, event
    #[arg(long, value_name = "FILE", env = "TAPLINE_REJECTS")]
    rejects: Option<PathBuf>,
    /// When the events were received, where they do not say so themselves (RFC 3339)
    #[arg(long, value_name = "TIME", env = "TAPLINE_NOW", value_parser = parse_time)]
    now: Option<i64>,
    /// How long an event is tried before it counts as failed, where CleverTap does not answer or is overloaded
    #[arg(long, value_name = "SECONDS", env = "TAPLINE_RETRY_FOR", default_value_t = backfill::usual_patience().as_secs())]
    retry_for: u64,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let files = args.rules.load()?;
    let plan = Plan::compile_live(&files, args.rules.pack.as_deref(), &args.rules.options())
        .map_err(Failure::FoundProblems)?;
    let settings = settings(|name| std::env::var(name).ok())?;
    let address = settings.base_url();
    let order = Order {
        file: args.file.clone(),
        state: args.state.clone().unwrap_or_else(|| state_beside(&args.file)),
        rejects: args.rejects.clone(),
        dry_run: args.dry_run,
        plan: Arc::new(plan),
        now: args.now,
        settings,
        retry_for: Duration::from_secs(args.retry_for),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(send(order));
    runtime.shutdown_background();
    let (halt, tally) = ended?;
    finish(args, &address, halt, &tally)
}

/// Sends until the end, a first signal (which lets uploads in flight be answered) or a second (which does not).
async fn send(order: Order) -> Result<(Halt, Tally), Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (first, told) = tokio::sync::oneshot::channel::<()>();
    let signals = async {
        let mut next = async || {
            tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        };
        next().await;
        say("stopping: uploads in flight are answered first; a second signal cuts them");
        let _ = first.send(());
        next().await;
    };
    let stop = async {
        // The sender lives as long as this is waited for.
        let _ = told.await;
    };
    let bar = progress(Some(std::fs::metadata(&order.file).map_or(0, |about| about.len())));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}% {eta} left: {prefix}{msg}") {
        bar.set_style(style);
    }
    let tell = |standing: Standing| {
        bar.suspend(|| standing.listed.iter().for_each(|line| say(line)));
        bar.set_position(standing.bytes.min(standing.of));
        bar.set_prefix(counts(&standing.tally));
        bar.set_message(standing.trouble.map(|words| format!("; trying again: {words}")).unwrap_or_default());
    };
    let ended = tokio::select! {
        ended = backfill::run(order, stop, tell) => ended,
        () = signals => return Err(Failure::CouldNotRun("cut; the same command goes on".to_owned())),
    };
    bar.finish_and_clear();
    ended.map_err(|error| Failure::CouldNotRun(error.to_string()))
}

fn finish(args: &Args, address: &str, halt: Halt, tally: &Tally) -> Result<(), Failure> {
    for (code, count) in &tally.by_code {
        say(&format!("{code}: {count}"));
    }
    let what = if args.dry_run { "dry run, nothing is kept at CleverTap: " } else { "" };
    let sum = format!("{what}{} events: {}", tally.events(), counts(tally));
    match halt {
        Halt::Done if tally.failed > 0 => return Err(Failure::NotGood(sum)),
        Halt::Done => {
            say(&sum);
            return Ok(());
        }
        Halt::DoneBefore | Halt::Unauthorised | Halt::Stopped => say(&sum),
    }
    let state = args.state.clone().unwrap_or_else(|| state_beside(&args.file));
    let why = match halt {
        Halt::Done | Halt::DoneBefore => {
            say(&format!(
                "nothing was sent: `{}` says that all of `{}` was uploaded before; remove it to send everything again",
                state.display(),
                args.file.display()
            ));
            return if tally.failed > 0 {
                Err(Failure::NotGood("some events had failed".to_owned()))
            } else {
                Ok(())
            };
        }
        Halt::Unauthorised => format!(
            "CleverTap at {address} does not know this account ID, passcode and region together: compare TAPLINE_ACCOUNT_ID, \
             TAPLINE_PASSCODE and TAPLINE_REGION with Settings, Project in CleverTap's dashboard"
        ),
        Halt::Stopped => "stopped before the end".to_owned(),
    };
    let again = if args.dry_run { "" } else { "; the same command goes on where it was" };
    Err(Failure::CouldNotRun(format!("{why}{again}")))
}

fn counts(tally: &Tally) -> String {
    format!("{} delivered, {} filtered, {} failed", tally.delivered, tally.filtered, tally.failed)
}

fn state_beside(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".upload-state");
    name.into()
}

/// The account that the environment names.
fn settings(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Failure> {
    let environment =
        Environment::read(variable).map_err(|problems| Failure::CouldNotRun(problems.join("\n")))?;
    let (settings, _) = environment.overlay(&Settings::default());
    match settings.missing_for_delivery().as_slice() {
        [] => Ok(settings),
        missing => Err(Failure::CouldNotRun(format!(
            "there is no {}; set TAPLINE_ACCOUNT_ID and TAPLINE_PASSCODE, and TAPLINE_REGION where it is not `eu1`",
            missing.join(" and no ")
        ))),
    }
}
