//! The one thread that writes events.
//!
//! It takes what waits (that is the group), recognises repetitions, packs blocks, writes them, syncs, and only then
//! answers. What arrives during a sync is the next group. Because the thread is one, a repetition is recognised while its
//! first event is still on its way, and is answered after that one's sync.
//!
//! It deliberately waits for nobody: with a wait of 0, 1 or 5 ms before a group is taken, the median answer to a single
//! event came after 0.24, 1.5 and 9 ms, with 64 callers after 0.9, 5 and 10 ms, and throughput of batches of 100 from 16
//! callers did not gain (140–166, 194 and 83 thousand events a second, on two cores under other load). Groups bounded at
//! 1, 4 and 16 MiB differed by less than two runs of one did; at 256 KiB batches were slower (measured 2026-11 by
//! `tests/benches/journal.rs`).
//!
//! First thing to know: any error of a write or a sync is final. The group is answered "broken", and so is everything
//! after it.

use super::cache::Cache;
use super::chain::Chain;
use super::format::{Draft, Encoder, MOST_EVENTS};
use super::generation::Generation;
use super::health::Health;
use super::index::Index;
use super::options::Options;
use super::queue::{Queue, Refused};
use super::room::Room;
use super::rotation::Rotation;
use crate::journal::window::Window;
use crate::journal::{AppendError, Appended, Block, JournalError, NewEvent, Seq};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::{GenerationNotMade, GroupCommitted};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// What an event takes in memory beside its body.
const EVENT_OVERHEAD: usize = 128;
/// When to come back to a full queue: it empties in well under a second.
const QUEUE_RETRY: Duration = Duration::from_secs(1);
/// When to come back to a full disk.
const DISK_RETRY: Duration = Duration::from_secs(30);

type Answer = Result<Vec<Appended>, AppendError>;

/// Events and the one who waits for their commit.
#[derive(Debug)]
struct Request {
    events: Vec<NewEvent>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
enum Work {
    Append(Request),
    /// Begin a new generation, and tell.
    Rotate(oneshot::Sender<()>),
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Intake {
    queue: Queue<Work>,
    health: Arc<Health>,
}

impl Intake {
    pub(super) fn new(options: &Options, health: Arc<Health>) -> Self {
        Self { queue: Queue::new(options.queue_bytes), health }
    }

    /// Hands events over and waits until they are durable.
    pub(super) async fn append(&self, events: Vec<NewEvent>) -> Answer {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let closed =
            || AppendError::Broken(self.health.broken().unwrap_or_else(|| "it is closed".to_owned()));
        let bytes = events.iter().map(|event| event.body.len() + EVENT_OVERHEAD).sum();
        let (answer, answered) = oneshot::channel();
        match self.queue.push(Work::Append(Request { events, answer }), bytes) {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(closed())),
            Err(Refused::Full) => Err(AppendError::Full { retry_after: QUEUE_RETRY }),
            Err(Refused::Closed) => Err(closed()),
        }
    }

    /// Ends the newest generation, and waits until that is done or can not be.
    pub(super) async fn rotate(&self) {
        let (done, is_done) = oneshot::channel();
        if self.queue.push(Work::Rotate(done), 0).is_ok() {
            // An error means that the journal was closed meanwhile.
            let _ = is_done.await;
        }
    }

    /// Takes nothing more; what was handed over is still made durable.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// Lets everybody go who waits for a thread that is gone.
    pub(super) fn abandon(&self) {
        self.queue.abandon();
    }
}

/// What the thread works with.
pub(super) struct Committer {
    pub(super) intake: Arc<Intake>,
    pub(super) chain: Arc<Chain>,
    pub(super) cache: Arc<Cache>,
    pub(super) index: Arc<Index>,
    pub(super) room: Arc<Room>,
    pub(super) health: Arc<Health>,
    pub(super) options: Options,
    pub(super) window: Window,
    pub(super) rotation: Rotation,
    pub(super) active: Arc<Generation>,
    pub(super) encoder: Encoder,
    pub(super) end: Seq,
    pub(super) log_end: Arc<AtomicU64>,
    pub(super) grown: watch::Sender<Seq>,
}

/// What a group has come to so far.
struct Group {
    draft: Draft,
    blocks: Vec<Arc<Block>>,
    answers: Vec<(oneshot::Sender<Answer>, Vec<Appended>)>,
}

impl Committer {
    /// The work of the thread, until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let intake = self.intake.clone();
        while let Some(work) = intake.queue.take(self.options.group_bytes) {
            let mut group = Vec::with_capacity(work.len());
            let mut rotations = Vec::new();
            for work in work {
                match work {
                    Work::Append(request) => group.push(request),
                    Work::Rotate(done) => rotations.push(done),
                }
            }
            let refusal = match self.health.broken() {
                Some(reason) => Some(AppendError::Broken(reason)),
                None if self.room.full().is_some() => Some(AppendError::Full { retry_after: DISK_RETRY }),
                None => None,
            };
            match refusal {
                Some(refusal) => {
                    group.into_iter().for_each(|request| drop(request.answer.send(Err(copy(&refusal)))))
                }
                None => self.commit(group),
            }
            if !rotations.is_empty() && self.health.broken().is_none() {
                self.rotate();
            }
            for done in rotations {
                // Who went away does not need to know.
                let _ = done.send(());
            }
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        point::pass(CommitPoint::BlockBegun);
        let begun = Instant::now();
        let mut group = Group { draft: Draft::new(self.end), blocks: Vec::new(), answers: Vec::new() };
        let mut written = Ok(());
        for request in requests {
            let mut places = Vec::with_capacity(request.events.len());
            for event in request.events {
                match self.window.find(event.dedup, event.received_at) {
                    Some(first) => places.push(Appended::Duplicate(first)),
                    None if written.is_ok() => {
                        let at = group.draft.end();
                        self.window.push(at, event.dedup, event.received_at);
                        group.draft.push(event);
                        places.push(Appended::Stored(at));
                        written = self.close_full_block(&mut group);
                    }
                    None => {}
                }
            }
            group.answers.push((request.answer, places));
        }
        let written = written.and_then(|()| self.close_block(&mut group));
        let durable = match written {
            Ok(()) if group.blocks.is_empty() => Ok(()),
            Ok(()) => self.sync(),
            Err(error) => Err(error),
        };
        match durable {
            Ok(()) => {
                if !group.blocks.is_empty() {
                    let events = group.blocks.iter().map(|block| block.end().0 - block.first.0).sum();
                    GroupCommitted { events, took: begun.elapsed() }.tell(&self.options.telemetry);
                }
                self.publish(group);
            }
            Err(error) => {
                let reason = self.health.give_up(&error.to_string());
                for (answer, _) in group.answers {
                    let _ = answer.send(Err(AppendError::Broken(reason.clone())));
                }
            }
        }
    }

    fn close_full_block(&mut self, group: &mut Group) -> Result<(), JournalError> {
        let reached = self.rotation.boundary() == Some(group.draft.end());
        let is_full =
            group.draft.raw_bytes() >= self.options.block_bytes || group.draft.len() >= MOST_EVENTS as usize;
        if reached || is_full { self.close_block(group) } else { Ok(()) }
    }

    fn close_block(&mut self, group: &mut Group) -> Result<(), JournalError> {
        if group.draft.len() == 0 {
            return Ok(());
        }
        let end = group.draft.end();
        let draft = std::mem::replace(&mut group.draft, Draft::new(end));
        let (bytes, block) = draft.finish(&mut self.encoder)?;
        self.active
            .add(block.first, &bytes)
            .map_err(|error| JournalError::Storage(format!("a block could not be written: {error}")))?;
        point::pass(CommitPoint::BlockWritten);
        group.blocks.push(Arc::new(block));
        self.end = end;
        if self.rotation.boundary() == Some(end) {
            // What the old generation holds of this group must be durable too, and nothing will sync it later.
            self.sync()?;
            if let Some(next) = self.rotation.take(end) {
                self.active = self.chain.insert_open(next);
                point::pass(CommitPoint::GenerationChanged);
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.active
            .commit()
            .map_err(|error| JournalError::Storage(format!("events could not be synced: {error}")))
    }

    fn publish(&mut self, group: Group) {
        point::pass(CommitPoint::EventsSynced);
        let grew = !group.blocks.is_empty();
        group.blocks.into_iter().for_each(|block| self.cache.put(block));
        if grew {
            self.log_end.store(self.end.0, Ordering::Release);
            self.grown.send_replace(self.end);
            self.index.ring();
        }
        for (answer, places) in group.answers {
            // Who went away does not need to know.
            let _ = answer.send(Ok(places));
        }
        point::pass(CommitPoint::EventsAnswered);
        if grew {
            self.rotation.look_ahead(&self.chain, &self.active, self.end);
        }
    }

    // Ends the newest generation early, so that it can be dropped when its time is over. On the way of the events, because
    // only their thread may change over; making a database takes up to 90 ms, and this happens a few times a year.
    fn rotate(&mut self) {
        if self.end == self.active.first() {
            return;
        }
        let next = match self.rotation.take(self.end) {
            Some(next) => Ok(next),
            None => self.chain.open_generation(self.end),
        };
        match next {
            Ok(next) => self.active = self.chain.insert_open(next),
            Err(error) => GenerationNotMade { error: Cause::of(&error) }.tell(),
        }
    }
}

fn copy(error: &AppendError) -> AppendError {
    match error {
        AppendError::Full { retry_after } => AppendError::Full { retry_after: *retry_after },
        AppendError::Broken(reason) => AppendError::Broken(reason.clone()),
    }
}
