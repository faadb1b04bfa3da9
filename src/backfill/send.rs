//! One run: from what is asked for to how it ended.

use super::ledger::Tally;
use super::log::FileLog;
use super::mapping::{DryRun, Forgetful, PlanMapping};
use super::reject::Rejects;
use super::source::{Source, SourceError};
use super::state::{Identity, StateError, StateFile};
use crate::clock::SystemClock;
use crate::delivery::{
    Account, AccountError, CleverTap, Delivery, DeliveryError, DeliveryPolicy, DeliveryStatus, Parts,
    PauseCode, RetryPolicy, Slots, Timeouts, Uploader, start,
};
use crate::engine::Plan;
use crate::journal::Journal;
use crate::settings::{LiveSettings, Origins, Settings};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of records wait in the lanes at most.
const BACKLOG: usize = 16 << 20;

/// How long uploads in flight have to be answered once the run is to end: longer than an answer may take.
const LAST_WAIT: Duration = Duration::from_secs(35);

/// How often it is told how the run stands.
const TICK: Duration = Duration::from_millis(100);

/// How long an event is tried where nothing else is said: as long as `serve` tries it.
pub fn usual_patience() -> Duration {
    RetryPolicy::default().age_limit
}

/// What is to be sent, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// The events, one JSON object a line.
    pub file: PathBuf,
    /// What is kept for the next run. Neither read nor written in a dry run.
    pub state: PathBuf,
    /// Where every event goes that was not delivered.
    pub rejects: Option<PathBuf>,
    /// Whether CleverTap is only to validate.
    pub dry_run: bool,
    /// The rules.
    pub plan: Arc<Plan>,
    /// When events were received that do not say so themselves, in milliseconds since 1970.
    pub now: Option<i64>,
    /// Which account to send to.
    pub settings: Settings,
    /// How long an event is tried before it counts as failed.
    pub retry_for: Duration,
}

/// How a run stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// About how much of the file has ended.
    pub bytes: u64,
    /// How much there is.
    pub of: u64,
    /// What became of events so far, in runs before too.
    pub tally: Tally,
    /// Rejects to be shown, each once.
    pub listed: Vec<String>,
    /// What CleverTap answered last, where that was no answer to records.
    pub trouble: Option<String>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Every line has ended.
    Done,
    /// Every line had ended in a run before; nothing was sent.
    DoneBefore,
    /// CleverTap refused the account; what was not sent waits for the next run.
    Unauthorised,
    /// Somebody stopped it; what was not sent waits for the next run.
    Stopped,
}

/// Why a run could not be made or not go on. The state file is good whatever happened.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// There is no account to send to.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The events can not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The state file can not be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The rejects can not be kept.
    #[error("can not write `{path}`: {error}")]
    Rejects {
        /// Where.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It broke on the way.
    #[error("{0}; what was not sent is sent by the next run")]
    Broken(String),
}

/// Sends a file until every line has ended, CleverTap refuses the account, or `stop` is over. Dropping
/// the future cuts what is in flight, which is sent again by the next run.
pub async fn run(
    order: Order,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(Standing),
) -> Result<(Halt, Tally), BackfillError> {
    let account = Account::of(&order.settings)?;
    let source = Source::open(&order.file)?;
    let of = source.bytes();
    let unreadable = |error| SourceError::Unreadable { path: order.file.display().to_string(), error };
    let (state, ledger) = if order.dry_run {
        (None, Default::default())
    } else {
        source.lock(&order.file)?;
        let identity = Identity {
            bytes: of,
            content: source.hash().map_err(unreadable)?,
            rules: order.plan.hash().to_string(),
            account: format!("{} at {}", account.id, account.base_url),
        };
        let (state, ledger) = StateFile::open(&order.state, identity)?;
        (Some(state), ledger)
    };
    if ledger.is_done() {
        return Ok((Halt::DoneBefore, ledger.tally));
    }
    let rejects = Rejects::open(order.rejects.as_deref(), ledger.rejects.as_ref()).map_err(|error| {
        let path = order.rejects.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        BackfillError::Rejects { path, error }
    })?;
    let log = FileLog::new(source, ledger, state, rejects).map_err(unreadable)?;
    let status = Arc::new(DeliveryStatus::default());
    let mut delivery = start(parts(&order, log.clone(), status.clone()));
    let mut say = || {
        let progress = log.progress();
        let trouble = status.last_answer().filter(|last| !is_answer(&last.words)).map(|last| last.words);
        tell(Standing {
            bytes: progress.bytes_ended,
            of,
            tally: progress.tally,
            listed: progress.listed,
            trouble,
        });
    };
    let halt = follow(&mut delivery, &log, &status, stop, &mut say).await;
    // What is in flight is answered and settled first, so that nothing of it is sent again.
    let stopped = delivery.stop(LAST_WAIT).await;
    let saved = log.save();
    say();
    let broken = |error: DeliveryError| match (log.broken(), error) {
        (Some(why), _) => BackfillError::Broken(why),
        (None, error) => BackfillError::Broken(error.to_string()),
    };
    let halt = halt.map_err(broken)?;
    stopped.map_err(broken)?;
    saved.map_err(|error| broken(error.into()))?;
    Ok((halt, log.progress().tally))
}

fn parts(order: &Order, log: FileLog, status: Arc<DeliveryStatus>) -> Parts {
    let clevertap = CleverTap::new(Timeouts::default());
    let uploader: Arc<dyn Uploader> =
        if order.dry_run { Arc::new(DryRun(clevertap)) } else { Arc::new(clevertap) };
    Parts {
        journal: Arc::new(log),
        store: Arc::new(Forgetful),
        settings: Arc::new(LiveSettings::new(order.settings.clone(), Origins::new())),
        clock: Arc::new(SystemClock),
        status,
        mapping: Box::new(PlanMapping::new(order.plan.clone(), order.now)),
        uploader,
        slots: Slots::default(),
        policy: DeliveryPolicy {
            retry: RetryPolicy { age_limit: order.retry_for, ..RetryPolicy::default() },
            backlog_bytes: BACKLOG,
            ..DeliveryPolicy::default()
        },
    }
}

async fn follow(
    delivery: &mut Delivery,
    log: &FileLog,
    status: &DeliveryStatus,
    stop: impl Future<Output = ()>,
    say: &mut impl FnMut(),
) -> Result<Halt, DeliveryError> {
    let mut stop = std::pin::pin!(stop);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = log.done() => return Ok(Halt::Done),
            error = delivery.failed() => return Err(error),
            () = &mut stop => return Ok(Halt::Stopped),
            _ = tick.tick() => {
                say();
                if status.pause().is_some_and(|pause| pause.code == PauseCode::Unauthorized.as_str()) {
                    return Ok(Halt::Unauthorised);
                }
            }
        }
    }
}

/// Whether these are CleverTap's own words for an answer to records.
fn is_answer(words: &str) -> bool {
    matches!(words, "success" | "partial" | "fail")
}
