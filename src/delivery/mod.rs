//! Delivery: from the journal through lanes and batches to CleverTap, until every event has its one end.
//!
//! A reader takes blocks from the journal and evaluates each with the rules in force; the records wait in [`LANES`] lanes
//! by user; one worker per lane uploads, reads the answer record by record, and settles the ends in the journal.
//! Deliberately without a memory of its own: what has no end in the journal is sent again after a restart, so an event
//! may arrive twice when a process dies between an upload and its settling, and never not at all.
//!
//! A deletion waits in its person's lane like an event, then goes to the one deleter (`deleter.rs`), and when CleverTap has
//! taken it, `eraser.rs` erases what the journal holds of that person.
//!
//! First thing to know: [`start`] returns at once, and [`Delivery::stop`] lets the uploads in flight finish.

mod account;
mod answer;
mod batch;
mod breaker;
mod client;
mod code;
mod connection;
mod deleter;
mod deletion;
mod eraser;
mod errand;
mod gate;
mod history;
mod job;
mod lane;
mod limit;
mod mapping;
mod mention;
mod queue;
mod reader;
mod retry;
mod slot;
mod status;
mod tally;
mod token;
mod trial;
mod tried;
mod worker;

pub use crate::telemetry::DeliveryTotals;
pub use account::{Account, AccountError};
pub use answer::{Reading, Verdict, read as read_answer};
pub use breaker::BreakerPolicy;
pub use client::{
    Answer, Call, CallMethod, CleverTap, HttpClient, Incoming, Mode, NoAnswer, NoAnswerKind, Reply, Timeouts,
    Uploader,
};
pub use code::{RecordCode, Rejection, Resend};
pub use connection::{ConnectionTest, ConnectionVerdict, test_connection};
pub use deletion::DeletionPolicy;
pub use errand::{Desk, Ended, Errand, Letter, Step};
pub use history::{Attempt, Attempts, History, KEPT_MOST, kept_attempts};
pub use lane::{LANES, LaneKey};
pub use limit::{LimitPolicy, LimitReason, LimitStatus};
pub use mapping::{LiveMapping, Mapped, MappedRecord, Mapping};
pub use queue::BatchPolicy;
pub use retry::{RetryAfter, RetryPolicy, RetryReason};
pub use slot::{IN_FLIGHT, Slot, SlotPolicy, Slots};
pub use status::{DeliveryStatus, LastAnswer, Pause, PauseCode};
pub use tally::{PlanCount, RuleCount, RuleTallies, RuleTally};
pub use token::TokenKey;
pub use trial::{RecordVerdict, TrialError, TrialReport, try_records};

use crate::clock::Clock;
use crate::journal::{Journal, JournalError, Store};
use crate::settings::LiveSettings;
use crate::telemetry::event::UploadsCut;
use deleter::Deleter;
use eraser::Eraser;
use gate::Gate;
use reader::Reader;
use std::sync::Arc;
use std::time::Duration;
use token::TokenMemory;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use worker::{LanePost, Shared, Worker};

/// How delivery decides, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How much goes into one upload.
    pub batch: BatchPolicy,
    /// When to try again, and for how long.
    pub retry: RetryPolicy,
    /// How persons are deleted.
    pub deletion: DeletionPolicy,
    /// How many requests may be in flight, and how that moves.
    pub slots: SlotPolicy,
    /// When the account counts as down.
    pub breaker: BreakerPolicy,
    /// How long a lane that was empty waits for company before it sends.
    pub linger: Duration,
    /// How many bytes of records wait in the lanes at most; beyond it the reader stops.
    pub backlog_bytes: usize,
    /// Where the randomness of waits starts; drawn anew for every process when none.
    pub seed: Option<u64>,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            batch: BatchPolicy::default(),
            retry: RetryPolicy::default(),
            deletion: DeletionPolicy::default(),
            slots: SlotPolicy::default(),
            breaker: BreakerPolicy::default(),
            linger: Duration::from_millis(20),
            backlog_bytes: 32 << 20,
            seed: None,
        }
    }
}

/// What delivery works with.
pub struct Parts {
    /// Where events come from and ends go to.
    pub journal: Arc<dyn Journal>,
    /// Where sent push tokens are remembered.
    pub store: Arc<dyn Store>,
    /// Which account to send to.
    pub settings: Arc<LiveSettings>,
    /// The wall clock. Waiting is by the monotonic clock, so that a jump of this one neither hurries nor holds anything.
    pub clock: Arc<dyn Clock>,
    /// Where it tells how it stands.
    pub status: Arc<DeliveryStatus>,
    /// What turns events into records: [`LiveMapping`].
    pub mapping: Box<dyn Mapping>,
    /// What sends: [`CleverTap`].
    pub uploader: Arc<dyn Uploader>,
    /// Where every upload takes its place, shared with whoever else sends to this account; made from `policy.slots`.
    pub slots: Slots,
    /// How it decides, where the settings say nothing else.
    pub policy: DeliveryPolicy,
}

/// Why delivery can not go on. Nothing is lost: what has no end in the journal is delivered after a restart.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The journal can not be read or settled.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A part of it ended by a fault of our own.
    #[error("delivery crashed: {0}")]
    Crashed(String),
}

/// Delivery at work. Dropping it cuts the uploads in flight.
pub struct Delivery {
    tasks: JoinSet<Result<(), DeliveryError>>,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
}

/// Starts to deliver everything in the journal that has no end. Needs a running tokio.
pub fn start(parts: Parts) -> Delivery {
    let Parts { journal, store, settings, clock, status, mapping, uploader, slots, policy } = parts;
    let gate = Gate::new(settings, status.clone(), clock.clone(), slots.clone(), policy.clone());
    let shared = Arc::new(Shared {
        journal,
        uploader,
        clock,
        status,
        gate,
        tokens: TokenMemory::new(store.clone()),
        policy,
        store,
        slots,
        erasing: Notify::new(),
        settlings: watch::Sender::new(0),
    });
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut lanes = Vec::with_capacity(LANES);
    let (to_deleter, deletions) = mpsc::unbounded_channel();
    for lane in 0..LANES {
        let (to_lane, inbox) = mpsc::unbounded_channel();
        lanes.push(to_lane);
        let post = Arc::new(LanePost::new(lane, shared.clone()));
        let deleter = Some(to_deleter.clone());
        tasks.spawn(Worker::new(lane, post, shared.clone(), inbox, deleter, stopped.clone()).run());
    }
    tasks.spawn(Deleter::new(shared.clone(), deletions, lanes.clone(), stopped.clone()).run());
    tasks.spawn(Eraser::new(shared.clone(), stopped.clone()).run());
    tasks.spawn(Reader::new(shared.clone(), mapping, lanes, stopped.clone()).run());
    let following = shared.clone();
    tasks.spawn(async move {
        let mut stopped = stopped;
        tokio::select! {
            () = following.gate.follow() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        Ok(())
    });
    Delivery { tasks, stop, shared }
}

impl Delivery {
    /// Waits until delivery fails, which it does only when the journal does. Nothing new is sent from then on, and the
    /// process is to restart.
    pub async fn failed(&mut self) -> DeliveryError {
        while let Some(ended) = self.tasks.join_next().await {
            let error = match ended {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(crash) => DeliveryError::Crashed(crash.to_string()),
            };
            self.stop.send_replace(true);
            return error;
        }
        std::future::pending().await
    }

    /// Where jobs beside the lanes get workers from.
    pub fn desk(&self) -> Desk {
        Desk::new(self.shared.clone())
    }

    /// Waits until every event accepted so far has its end. For tests and for draining.
    pub async fn idle(&self) {
        let mut settlings = self.shared.settlings.subscribe();
        while self.shared.journal.counts().pending > 0 {
            if settlings.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends nothing new, lets the uploads in flight be answered and settled, and cuts what is left after `deadline`: its
    /// events stay pending and are sent again after the next start.
    pub async fn stop(mut self, deadline: Duration) -> Result<(), DeliveryError> {
        self.stop.send_replace(true);
        let until = Instant::now() + deadline;
        let mut result = Ok(());
        loop {
            match tokio::time::timeout_at(until, self.tasks.join_next()).await {
                Ok(None) => return result,
                Ok(Some(Ok(Ok(())))) => {}
                Ok(Some(Ok(Err(error)))) => result = Err(error),
                Ok(Some(Err(crash))) => result = Err(DeliveryError::Crashed(crash.to_string())),
                Err(_late) => {
                    UploadsCut { uploads: self.tasks.len() }.tell();
                    self.tasks.shutdown().await;
                    return result;
                }
            }
        }
    }
}
