//! Sending beside the lanes: for a job that somebody asked for, as sending events again.
//!
//! A job has workers of its own, which batch, read answers, try again and find culprits as the lanes do, and wait for
//! the same pauses. Each upload takes one of the places of [`super::Slots::spare`], and there are fewer workers than places, so
//! that a connection test or a deletion never waits for a whole job.
//!
//! First thing to know: the order of a user's events is kept within a job. Between a job and the lanes it is not: what is
//! sent again was accepted before what may be waiting in a lane, and has lost its place long ago.

use super::gate::Admitted;
use super::job::Job;
use super::lane::LaneKey;
use super::mapping::{Mapped, MappedRecord};
use super::slot::Slot;
use super::worker::{Post, Shared, ToLane, Worker};
use super::{DeliveryError, reader};
use crate::clock::Millis;
use crate::journal::{End, JournalError, ResendId, Seq, Settling, State};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Workers of a job: one less than there are places beside the lanes.
const WORKERS: usize = 2;

/// Where jobs get workers from. Works as long as its [`super::Delivery`] runs.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

/// What an event comes to before anything is sent.
#[derive(Debug)]
pub enum Step {
    /// Nothing is to be sent.
    End(End),
    /// This is.
    Send(Letter),
}

/// The records of one event, ready to be sent.
#[derive(Debug)]
pub struct Letter {
    pub(super) key: Option<LaneKey>,
    pub(super) revision: Arc<str>,
    pub(super) records: Vec<MappedRecord>,
}

impl Letter {
    /// Bytes of its records.
    pub fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.json.len()).sum()
    }
}

/// An event whose new end is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub seq: Seq,
    /// The end.
    pub state: State,
    /// Whether an upload led to it.
    pub sent: bool,
}

/// The workers of one job. Dropping it cuts their uploads.
pub struct Errand {
    post: Arc<ErrandPost>,
    inboxes: Vec<mpsc::UnboundedSender<ToLane>>,
    ended: mpsc::UnboundedReceiver<Vec<Ended>>,
    tasks: JoinSet<Result<(), DeliveryError>>,
    stop: watch::Sender<bool>,
}

impl Desk {
    /// A desk for what is shared with the lanes.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Workers for a job.
    pub fn open(&self, by: ResendId) -> Errand {
        let (told, ended) = mpsc::unbounded_channel();
        let post = Arc::new(ErrandPost { shared: self.shared.clone(), by, told });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut inboxes = Vec::with_capacity(WORKERS);
        for number in 0..WORKERS {
            let (to_worker, inbox) = mpsc::unbounded_channel();
            inboxes.push(to_worker);
            tasks.spawn(
                Worker::new(number, post.clone(), self.shared.clone(), inbox, None, stopped.clone()).run(),
            );
        }
        Errand { post, inboxes, ended, tasks, stop }
    }

    /// What is to be done about an event that the rules of `revision` made this of. Push tokens that were sent are left
    /// out. Blocks for a look into the store.
    pub fn step(&self, mapped: Mapped, revision: &Arc<str>) -> Step {
        reader::step(&self.shared, mapped, revision)
    }
}

impl Errand {
    /// Has an event sent, which was received at this moment.
    pub fn send(&self, seq: Seq, received_at: Millis, letter: Letter) {
        let Letter { key, revision, records } = letter;
        let job = Job::new(seq, received_at, key, revision, records, None);
        let worker = job.key.lane() % WORKERS;
        if let Some(inbox) = self.inboxes.get(worker) {
            // A worker that is gone has failed, which `ended` tells.
            let _ = inbox.send(ToLane::Job(job));
        }
    }

    /// Notes ends that need no upload. They are told by [`Self::ended`], as the others.
    pub async fn settle(&self, ends: Vec<(Seq, End)>) -> Result<(), DeliveryError> {
        Ok(self.post.settle(Settling { upload: None, ends }).await?)
    }

    /// Waits for events to end.
    pub async fn ended(&mut self) -> Result<Vec<Ended>, DeliveryError> {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.ended.recv() => return Ok(ended),
                Some(done) = self.tasks.join_next() => {
                    done.map_err(|crash| DeliveryError::Crashed(crash.to_string()))??;
                }
            }
        }
    }

    /// Sends nothing new, waits for the uploads in flight, and cuts what is left after `deadline`. Gives what has ended
    /// and was not told yet.
    pub async fn stop(mut self, deadline: Duration) -> Result<Vec<Ended>, DeliveryError> {
        self.stop.send_replace(true);
        let until = Instant::now() + deadline;
        while let Ok(Some(done)) = tokio::time::timeout_at(until, self.tasks.join_next()).await {
            done.map_err(|crash| DeliveryError::Crashed(crash.to_string()))??;
        }
        self.tasks.shutdown().await;
        let mut ended = Vec::new();
        while let Ok(more) = self.ended.try_recv() {
            ended.extend(more);
        }
        Ok(ended)
    }
}

/// Takes places beside the lanes, and gives ends that replace others.
struct ErrandPost {
    shared: Arc<Shared>,
    by: ResendId,
    told: mpsc::UnboundedSender<Vec<Ended>>,
}

#[async_trait]
impl Post for ErrandPost {
    async fn admit(&self) -> (Admitted, Slot) {
        // First the account: while delivery pauses, no place is held.
        loop {
            let admitted = self.shared.gate.admit().await;
            let slot = self.shared.slots.spare().await;
            if self.shared.gate.still_admits(&admitted) {
                return (admitted, slot);
            }
        }
    }

    fn holds(&self, _: usize) {}

    // How old an event was when it was delivered says how fast delivery is, and not how late somebody asked for it.
    fn delivered(&self, _: Millis) {}

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        let ended = settling.ends.iter();
        let ended = ended.map(|(seq, end)| Ended { seq: *seq, state: end.state, sent: end.upload.is_some() });
        let ended: Vec<Ended> = ended.collect();
        self.shared.journal.replace(self.by, settling).await?;
        self.shared.settlings.send_modify(|settlings| *settlings += 1);
        // Whoever does not listen any more has stopped, and reads the ends when it goes on.
        let _ = self.told.send(ended);
        Ok(())
    }
}
