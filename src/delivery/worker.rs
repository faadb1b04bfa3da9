//! The worker of one lane: take what may go, send it, read the answer, settle what has ended, and over again.
//!
//! One upload is in flight per lane, never more. A failure of the whole upload makes the lane wait; a failure of one
//! record makes only its user wait.

use super::answer::{self, Reading};
use super::batch::{Batch, Effect, Parted};
use super::client::{Reply, Uploader};
use super::code::Rejection;
use super::gate::{Admitted, Gate};
use super::job::{Fate, Job};
use super::lane::LaneKey;
use super::queue::{Queue, Selection};
use super::status::{DeliveryStatus, LastAnswer};
use super::token::{TokenKey, TokenMemory};
use super::{DeliveryError, DeliveryPolicy, Slots};
use crate::clock::Clock;
use crate::journal::{Journal, Settling, State, Store, UploadNote};
use crate::telemetry::Cause;
use crate::telemetry::event::{EventDelivered, TokensForgotten, UploadEnded, UploadOutcome};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// What all lanes and the reader share.
pub(super) struct Shared {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) uploader: Arc<dyn Uploader>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) status: Arc<DeliveryStatus>,
    pub(super) gate: Gate,
    pub(super) tokens: TokenMemory,
    pub(super) policy: DeliveryPolicy,
    pub(super) store: Arc<dyn Store>,
    pub(super) slots: Slots,
    /// Wakes the eraser.
    pub(super) erasing: Notify,
    /// Counts the settlings, to wake whoever waits for one.
    pub(super) settlings: watch::Sender<u64>,
}

/// What a lane is told.
#[derive(Debug)]
pub(super) enum ToLane {
    /// To send this.
    Job(Job),
    /// That the deletion under way for this person has ended.
    Deleted(LaneKey),
}

/// One lane at work.
pub(super) struct Worker {
    lane: usize,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<ToLane>,
    deleter: mpsc::UnboundedSender<Job>,
    stop: watch::Receiver<bool>,
    queue: Queue,
    /// Failures of whole uploads in a row.
    failures: u32,
    /// Until when the lane waits because of them.
    wait_until: Option<Instant>,
    random: fastrand::Rng,
}

impl Worker {
    /// A worker with an empty queue.
    pub(super) fn new(
        lane: usize,
        shared: Arc<Shared>,
        inbox: mpsc::UnboundedReceiver<ToLane>,
        deleter: mpsc::UnboundedSender<Job>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let random = match shared.policy.seed {
            Some(seed) => fastrand::Rng::with_seed(seed.wrapping_add(lane as u64)),
            None => fastrand::Rng::new(),
        };
        let queue = Queue::default();
        Self { lane, shared, inbox, deleter, stop, queue, failures: 0, wait_until: None, random }
    }

    /// Works until it is told to stop. What has not ended then stays pending in the journal.
    pub(super) async fn run(mut self) -> Result<(), DeliveryError> {
        while let Some((jobs, admitted)) = self.next().await {
            self.upload(jobs, &admitted).await?;
            self.shared.status.lane_holds(self.lane, self.queue.len());
        }
        Ok(())
    }

    /// Waits for something to send and for leave to send it; none when it is time to stop.
    async fn next(&mut self) -> Option<(Vec<Job>, Admitted)> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            next = self.next_to_send() => next,
        }
    }

    async fn next_to_send(&mut self) -> Option<(Vec<Job>, Admitted)> {
        let shared = self.shared.clone();
        loop {
            if self.queue.len() == 0 {
                let first = self.inbox.recv().await?;
                self.take(first);
                tokio::time::sleep(shared.policy.linger).await;
            }
            if let Some(until) = self.wait_until {
                tokio::time::sleep_until(until).await;
            }
            let admitted = shared.gate.admit().await;
            while let Ok(told) = self.inbox.try_recv() {
                self.take(told);
            }
            let selection = self.queue.select(Instant::now(), &shared.policy.batch);
            for deletion in self.queue.take_deletions() {
                // A deleter that is gone has failed, and its failure ends delivery.
                let _ = self.deleter.send(deletion);
            }
            match selection {
                Selection::Upload(jobs) => {
                    shared.status.lane_holds(self.lane, self.queue.len() + jobs.len());
                    return Some((jobs, admitted));
                }
                Selection::Nothing if self.queue.len() == 0 => {}
                Selection::Nothing => {
                    let told = self.inbox.recv().await?;
                    self.take(told);
                }
                Selection::Later(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    // A closed inbox is answered at once and for ever: then only the time counts.
                    Some(told) = self.inbox.recv() => self.take(told),
                },
            }
        }
    }

    fn take(&mut self, told: ToLane) {
        match told {
            ToLane::Job(job) => self.queue.push(job),
            ToLane::Deleted(key) => self.queue.release(key),
        }
    }

    async fn upload(&mut self, jobs: Vec<Job>, admitted: &Admitted) -> Result<(), DeliveryError> {
        let shared = self.shared.clone();
        let (begun, started_at) = (Instant::now(), shared.clock.now());
        let mut batch = Batch::new(shared.journal.next_upload(), jobs, begun);
        let in_flight = shared.status.upload_begins(batch.records());
        let reply = shared.uploader.upload(&admitted.account, batch.render()).await;
        drop(in_flight);
        let (ended, now) = (Instant::now(), shared.clock.now());
        let reading = answer::read(&reply, batch.records(), now);
        let note = UploadNote {
            id: batch.id,
            started_at,
            duration_ms: u64::try_from((ended - begun).as_millis()).unwrap_or(u64::MAX),
            records: u32::try_from(batch.records()).unwrap_or(u32::MAX),
            attempt: batch.attempt(),
            status: status(&reply),
            answer: words(&reply, &reading),
        };
        shared.status.answered(LastAnswer { at: now, status: note.status, words: note.answer.clone() });
        let effect = batch.apply(&reading, ended, &shared.policy.retry, &mut self.random);
        let tally = batch.tally();
        UploadEnded {
            upload: note.id.0,
            outcome: outcome(&reading),
            status: note.status,
            answer: Cause::told(&note.answer),
            attempt: note.attempt,
            took: ended - begun,
            delivered: tally.delivered,
            retried: tally.retried,
            rejected: tally.rejected,
        }
        .tell(shared.status.telemetry());
        let Parted { ended: finished, waiting } = batch.part();
        self.queue.put_back(waiting);
        self.react(effect, admitted, note.status, ended);
        // An event that is still waiting for another record may end by this upload all the same, so its note is kept.
        if tally.delivered + tally.rejected > 0 {
            self.settle(note, finished).await?;
        }
        Ok(())
    }

    fn react(&mut self, effect: Effect, admitted: &Admitted, status: Option<u16>, now: Instant) {
        match effect {
            Effect::GoOn { answered, suspects } => {
                (self.failures, self.wait_until) = (0, None);
                self.queue.clear(answered);
                if suspects > 0 {
                    self.queue.suspect(suspects);
                }
            }
            Effect::Wait(asked) => {
                self.failures = self.failures.saturating_add(1);
                let wait = self.shared.policy.retry.wait(self.failures, asked, &mut self.random);
                self.wait_until = Some(now + wait);
            }
            Effect::Close => self.shared.gate.close(admitted, status.unwrap_or_default()),
        }
    }

    /// Makes the ends durable, then the tokens: the other way round, a token could count as sent for an event that is
    /// sent again.
    async fn settle(
        &self,
        note: UploadNote,
        finished: Vec<(Job, crate::journal::End)>,
    ) -> Result<(), DeliveryError> {
        let ends = finished.iter().map(|(job, end)| (job.seq, end.clone())).collect();
        self.shared.journal.settle(Settling { upload: Some(note), ends }).await?;
        self.shared.settlings.send_modify(|settlings| *settlings += 1);
        let now = self.shared.clock.now();
        for (job, _) in finished.iter().filter(|(_, end)| end.state == State::Delivered) {
            let age = u64::try_from(now.0.saturating_sub(job.received_at.0)).unwrap_or_default();
            EventDelivered { age: Duration::from_millis(age) }.tell(self.shared.status.telemetry());
        }
        let mut delivered: Vec<TokenKey> = Vec::new();
        for (token, fate) in finished.iter().flat_map(|(job, _)| job.tokens()) {
            match fate {
                Some(Fate::Delivered(_)) => delivered.push(token),
                Some(Fate::Rejected(_, Rejection::RetriesExhausted(_) | Rejection::Unclear)) => {
                    self.shared.tokens.forget(token);
                }
                Some(Fate::Rejected(..)) | None => {}
            }
        }
        if !delivered.is_empty() {
            let shared = self.shared.clone();
            let kept = tokio::task::spawn_blocking(move || shared.tokens.keep(&delivered)).await;
            if let Ok(Err(error)) = kept {
                TokensForgotten { error: Cause::of(&error) }.tell();
            }
        }
        Ok(())
    }
}

pub(super) fn status(reply: &Reply) -> Option<u16> {
    match reply {
        Reply::Answer(answer) => Some(answer.status),
        Reply::NoAnswer(_) => None,
    }
}

fn words(reply: &Reply, reading: &Reading) -> String {
    match (reading, reply) {
        (Reading::Records { word, .. }, _) => (*word).to_owned(),
        (_, Reply::NoAnswer(none)) => format!("{}: {}", none.kind.words(), none.detail),
        (Reading::Again { reason, .. }, _) => reason.to_string(),
        (Reading::Split(_), _) => "CleverTap refused the upload because of some record in it".to_owned(),
        (Reading::Unauthorised, _) => "CleverTap refused account ID, passcode or region".to_owned(),
    }
}

fn outcome(reading: &Reading) -> UploadOutcome {
    match reading {
        Reading::Records { .. } => UploadOutcome::Read,
        Reading::Again { .. } => UploadOutcome::Again,
        Reading::Split(_) => UploadOutcome::Split,
        Reading::Unauthorised => UploadOutcome::Unauthorized,
    }
}
