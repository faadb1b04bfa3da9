//! The reader: blocks of the journal in order, through the rules in force, into the lanes.
//!
//! What needs no upload (refused on ingest, filtered, failed) it settles itself. It stops reading while the lanes hold as
//! much as they may, so a long outage costs no memory: the journal grows, not the process.

use super::DeliveryError;
use super::errand::{Letter, Step};
use super::job::Job;
use super::lane::LaneKey;
use super::mapping::{Mapped, MappedRecord, Mapping};
use super::worker::{Shared, ToLane};
use crate::clock::Millis;
use crate::engine::Reason;
use crate::engine::event::Person;
use crate::journal::{Block, End, Entry, Seq, Settling, State};
use crate::telemetry::Cause;
use crate::telemetry::event::{TokenLeftOut, TokenUnknown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};

/// Memory is counted in pieces of so many bytes, because a semaphore counts in 32 bits.
const PIECE_BYTES: usize = 256;

/// What an event costs beside its bytes, about.
const JOB_BYTES: usize = 256;

/// Reads the journal for the lanes.
pub(super) struct Reader {
    shared: Arc<Shared>,
    mapping: Box<dyn Mapping>,
    lanes: Vec<mpsc::UnboundedSender<ToLane>>,
    stop: watch::Receiver<bool>,
    memory: Arc<Semaphore>,
    pieces: u32,
}

/// A block, read.
struct Read {
    mapping: Box<dyn Mapping>,
    revision: Arc<str>,
    ends: Vec<(Seq, End)>,
    to_send: Vec<(Seq, Millis, Wish)>,
}

/// What an event asks of CleverTap.
enum Wish {
    /// To take records.
    Take(Letter),
    /// To forget a person.
    Forget(Person),
}

impl Wish {
    fn bytes(&self) -> usize {
        match self {
            Self::Take(letter) => letter.bytes(),
            Self::Forget(person) => person.id().len(),
        }
    }
}

impl Reader {
    /// A reader for these lanes.
    pub(super) fn new(
        shared: Arc<Shared>,
        mapping: Box<dyn Mapping>,
        lanes: Vec<mpsc::UnboundedSender<ToLane>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let pieces = u32::try_from((shared.policy.backlog_bytes / PIECE_BYTES).max(1)).unwrap_or(u32::MAX);
        let memory = Arc::new(Semaphore::new(pieces as usize));
        Self { shared, mapping, lanes, stop, memory, pieces }
    }

    /// Reads until it is told to stop.
    pub(super) async fn run(self) -> Result<(), DeliveryError> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            read = self.read() => read,
        }
    }

    async fn read(mut self) -> Result<(), DeliveryError> {
        let journal = self.shared.journal.clone();
        let mut grown = journal.grown();
        let mut at = journal.settled_until();
        // Events accepted later can have no end yet, so nobody need be asked about them.
        let asked_until = journal.end();
        loop {
            grown.borrow_and_update();
            let Some(block) = journal.block_from(at).await? else {
                if grown.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            };
            let ends = if block.first < asked_until { journal.ends(&block).await? } else { Vec::new() };
            let from = at.max(block.first);
            at = block.end();
            let first = block.first;
            let ended = move |seq: Seq| {
                let index = usize::try_from(seq.0.saturating_sub(first.0)).unwrap_or(usize::MAX);
                seq < from || ends.get(index).is_some_and(Option::is_some)
            };
            self = self.pass_on(block, ended).await?;
        }
    }

    async fn pass_on(
        self,
        block: Arc<Block>,
        ended: impl Fn(Seq) -> bool + Send + 'static,
    ) -> Result<Self, DeliveryError> {
        let Self { shared, mapping, lanes, stop, memory, pieces } = self;
        let reading = {
            let shared = shared.clone();
            tokio::task::spawn_blocking(move || read_block(&shared, mapping, &block, ended))
        };
        let Read { mapping, revision, ends, to_send } =
            reading.await.map_err(|error| DeliveryError::Crashed(error.to_string()))?;
        if !ends.is_empty() {
            shared.journal.settle(Settling { upload: None, ends }).await?;
            shared.settlings.send_modify(|settlings| *settlings += 1);
        }
        for (seq, received_at, wish) in to_send {
            let bytes = JOB_BYTES + wish.bytes();
            let share = u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX).min(pieces);
            // The semaphore is never closed.
            let Ok(permit) = memory.clone().acquire_many_owned(share).await else { continue };
            let job = match wish {
                Wish::Take(Letter { key, revision, records }) => {
                    Job::new(seq, received_at, key, revision, records, Some(permit))
                }
                Wish::Forget(person) => {
                    Job::of_deletion(seq, received_at, person, revision.clone(), Some(permit))
                }
            };
            if let Some(lane) = lanes.get(job.key.lane()) {
                // A lane that is gone has failed, and its failure ends delivery.
                let _ = lane.send(ToLane::Job(job));
            }
        }
        Ok(Self { shared, mapping, lanes, stop, memory, pieces })
    }
}

/// Runs on a thread of its own, because rules may take their time and push tokens are looked up on disk.
fn read_block(
    shared: &Shared,
    mut mapping: Box<dyn Mapping>,
    block: &Block,
    ended: impl Fn(Seq) -> bool,
) -> Read {
    let revision = mapping.refresh();
    let (mut ends, mut to_send) = (Vec::new(), Vec::new());
    for (seq, entry) in block.iter().filter(|(seq, _)| !ended(*seq)) {
        if entry.is_lost {
            ends.push((seq, End::lost()));
            continue;
        }
        if let Some(refusal) = &entry.refusal {
            let (code, message) = (Some(refusal.code.clone()), Some(refusal.message.clone()));
            let revision = revision.to_string();
            ends.push((seq, End { state: State::Failed, code, message, upload: None, revision }));
            continue;
        }
        // No rule is asked about a deletion, so none can keep a person from being forgotten.
        if let Some(person) = Person::of_deletion(&entry.body) {
            shared.tokens.deletion_begins(&person);
            to_send.push((seq, entry.received_at, Wish::Forget(person)));
            continue;
        }
        match step(shared, map(mapping.as_mut(), entry), &revision) {
            Step::End(end) => ends.push((seq, end)),
            Step::Send(letter) => to_send.push((seq, entry.received_at, Wish::Take(letter))),
        }
    }
    Read { mapping, revision, ends, to_send }
}

/// What is to be done about an event that the rules of `revision` made this of.
pub(super) fn step(shared: &Shared, mapped: Mapped, revision: &Arc<str>) -> Step {
    let end = |state, reason: Option<Reason>| {
        let (code, message) =
            reason.map(|reason| (reason.code.to_string(), reason.message.to_string())).unzip();
        Step::End(End { state, code, message, upload: None, revision: revision.to_string() })
    };
    match mapped {
        Mapped::Filtered(reason) => end(State::Filtered, Some(reason)),
        Mapped::Failed(reason) => end(State::Failed, Some(reason)),
        Mapped::Records { key, mut records } => {
            records.retain(|record| !leave_out(shared, key, record));
            match records.is_empty() {
                true => end(State::Delivered, None),
                false => Step::Send(Letter { key, revision: revision.clone(), records }),
            }
        }
    }
}

/// A panic in the rules is one event's failure, not delivery's.
fn map(mapping: &mut dyn Mapping, entry: &Entry) -> Mapped {
    let mapped = catch_unwind(AssertUnwindSafe(|| mapping.map(&entry.body, entry.received_at)));
    mapped.unwrap_or_else(|_| {
        mapping.refresh();
        let message = "the rules crashed on this event, which is a fault of Tapline's; please report it";
        Mapped::Failed(Reason::new("internal_error", message))
    })
}

fn leave_out(shared: &Shared, user: Option<LaneKey>, record: &MappedRecord) -> bool {
    let Some(token) = record.token else { return false };
    if shared.tokens.is_deleting(user, token) {
        return false;
    }
    let known = shared.tokens.is_known(token).unwrap_or_else(|error| {
        TokenUnknown { error: Cause::of(&error) }.tell();
        false
    });
    if known {
        TokenLeftOut {}.tell(shared.status.telemetry());
    }
    known
}
