//! The worker of one lane: take what may go, send it, read the answer, settle what has ended, and over again.
//!
//! One upload is in flight per worker, never more. A failure of the whole upload makes the worker wait; a failure of one
//! record makes only its user wait. Jobs that send beside the lanes have the same workers; what differs is a [`Post`].

use super::answer::{self, Reading};
use super::batch::{Batch, Bench, Effect, Parted};
use super::breaker::{Failing, Failure};
use super::client::{NoAnswerKind, Reply, Uploader};
use super::code::Rejection;
use super::gate::{Admitted, Gate};
use super::history::Attempts;
use super::job::{Fate, Job};
use super::lane::LaneKey;
use super::limit::{Sample, SampleKind};
use super::queue::{Queue, Selection};
use super::retry::RetryReason;
use super::slot::Slot;
use super::status::{DeliveryStatus, LastAnswer};
use super::token::{TokenKey, TokenMemory};
use super::tried::Tried;
use super::{DeliveryError, DeliveryPolicy, Slots};
use crate::clock::{Clock, Millis};
use crate::journal::{Journal, JournalError, Seq, Settling, State, Store, UploadNote};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::{
    AttemptsNotKept, DeadLetters, EventDelivered, TokensForgotten, UploadEnded, UploadOutcome,
};
use async_trait::async_trait;
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
    pub(super) slots: Slots,
    pub(super) tokens: TokenMemory,
    pub(super) policy: DeliveryPolicy,
    pub(super) store: Arc<dyn Store>,
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

/// What differs between a lane and a job beside the lanes.
#[async_trait]
pub(super) trait Post: Send + Sync {
    /// Waits for leave to send one upload. The place is given back when the upload has been answered.
    async fn admit(&self) -> (Admitted, Slot);

    /// Told how many events wait here.
    fn holds(&self, events: usize);

    /// Makes ends durable.
    async fn settle(&self, settling: Settling) -> Result<(), JournalError>;

    /// Told of each event that was delivered, and when it had been received.
    fn delivered(&self, received_at: Millis);
}

/// A lane's: it takes turns with the others, and ends are first ends.
pub(super) struct LanePost {
    lane: usize,
    shared: Arc<Shared>,
}

impl LanePost {
    /// The post of a lane.
    pub(super) fn new(lane: usize, shared: Arc<Shared>) -> Self {
        Self { lane, shared }
    }
}

#[async_trait]
impl Post for LanePost {
    async fn admit(&self) -> (Admitted, Slot) {
        loop {
            let admitted = self.shared.gate.admit().await;
            let slot = Slot::of_lane(self.shared.slots.lane().await);
            if self.shared.gate.still_admits(&admitted) {
                return (admitted, slot);
            }
        }
    }

    fn holds(&self, events: usize) {
        self.shared.status.lane_holds(self.lane, events);
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        self.shared.journal.settle(settling).await?;
        self.shared.settlings.send_modify(|settlings| *settlings += 1);
        Ok(())
    }

    fn delivered(&self, received_at: Millis) {
        let age = self.shared.clock.now().0.saturating_sub(received_at.0);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or_default());
        EventDelivered { age }.tell(self.shared.status.telemetry());
    }
}

/// One lane at work, or one worker of a job.
pub(super) struct Worker {
    post: Arc<dyn Post>,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<ToLane>,
    /// Who deletes persons; a job has none, because deletions are not sent again.
    deleter: Option<mpsc::UnboundedSender<Job>>,
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
        number: usize,
        post: Arc<dyn Post>,
        shared: Arc<Shared>,
        inbox: mpsc::UnboundedReceiver<ToLane>,
        deleter: Option<mpsc::UnboundedSender<Job>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let random = match shared.policy.seed {
            Some(seed) => fastrand::Rng::with_seed(seed.wrapping_add(number as u64)),
            None => fastrand::Rng::new(),
        };
        let queue = Queue::default();
        Self { post, shared, inbox, deleter, stop, queue, failures: 0, wait_until: None, random }
    }

    /// Works until it is told to stop. What has not ended then stays pending in the journal.
    pub(super) async fn run(mut self) -> Result<(), DeliveryError> {
        while let Some((jobs, admitted, slot)) = self.next().await {
            self.upload(jobs, &admitted, slot).await?;
            self.post.holds(self.queue.len());
        }
        Ok(())
    }

    /// Waits for something to send and for leave to send it; none when it is time to stop.
    async fn next(&mut self) -> Option<(Vec<Job>, Admitted, Slot)> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            next = self.next_to_send() => next,
        }
    }

    async fn next_to_send(&mut self) -> Option<(Vec<Job>, Admitted, Slot)> {
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
            let (admitted, slot) = self.post.admit().await;
            while let Ok(told) = self.inbox.try_recv() {
                self.take(told);
            }
            // What is tried while nothing else is sent may be taken without an answer each time, so it is little.
            let most = if admitted.is_probe() { 1 } else { usize::MAX };
            let selection = self.queue.select(Instant::now(), &shared.policy.batch, most);
            for deletion in self.queue.take_deletions() {
                if let Some(deleter) = &self.deleter {
                    // A deleter that is gone has failed, and its failure ends delivery.
                    let _ = deleter.send(deletion);
                }
            }
            let due = match selection {
                Selection::Upload(jobs) => {
                    self.post.holds(self.queue.len() + jobs.len());
                    return Some((jobs, admitted, slot));
                }
                Selection::Nothing => None,
                Selection::Later(due) => Some(due),
            };
            // Nobody waits for a place or a turn that is not used.
            drop((admitted, slot));
            match due {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    // A closed inbox is answered at once and for ever: then only the time counts.
                    Some(told) = self.inbox.recv() => self.take(told),
                },
                None if self.queue.len() == 0 => {}
                None => {
                    let told = self.inbox.recv().await?;
                    self.take(told);
                }
            }
        }
    }

    fn take(&mut self, told: ToLane) {
        match told {
            ToLane::Job(job) => self.queue.push(job),
            ToLane::Deleted(key) => self.queue.release(key),
        }
    }

    async fn upload(&mut self, jobs: Vec<Job>, admitted: &Admitted, slot: Slot) -> Result<(), DeliveryError> {
        let shared = self.shared.clone();
        let (begun, started_at) = (Instant::now(), shared.clock.now());
        let held = shared.gate.outlook(begun).held;
        let mut batch = Batch::new(shared.journal.next_upload(), jobs, begun, held);
        let in_flight = shared.status.upload_begins(batch.records());
        point::pass(CommitPoint::UploadBegun);
        let reply = shared.uploader.upload(&admitted.account, batch.render()).await;
        point::pass(CommitPoint::UploadAnswered);
        let (ended, now) = (Instant::now(), shared.clock.now());
        let reading = answer::read(&reply, batch.records(), now);
        if let Some(kind) = sample_kind(&reply, &reading) {
            let fell = shared.slots.answered(Sample { begun, records: batch.records(), kind }, ended);
            shared.status.limit_is(shared.slots.limit(), fell);
        }
        drop((in_flight, slot));
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
        let retry = shared.gate.retry();
        let bench = Bench {
            now: ended,
            policy: &retry,
            refused_tries: shared.policy.breaker.refused_tries,
            outlook: shared.gate.outlook(ended),
            may_be_a_record: may_be_a_record(&reply, &reading),
        };
        let effect = batch.apply(&reading, &bench, &mut self.random);
        if admitted.account.is_sandbox {
            batch.mark_sandboxed();
        }
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
        let tried = Tried::new(&note, &batch, &reading);
        let Parted { ended: finished, waiting } = batch.part();
        let again: Vec<_> = waiting.iter().map(|job| (job.seq, job.attempts, job.due)).collect();
        self.queue.put_back(waiting);
        self.report(admitted, (&reply, &reading), effect, (begun, ended));
        self.react(effect, admitted, note.status, ended);
        tried.note(&shared.status, again, self.wait_until, (ended, now));
        // An event that is still waiting for another record may end by this upload all the same, so its note is kept.
        if tally.delivered + tally.rejected > 0 {
            let attempts = tried.end(&shared.status, &finished);
            self.settle(note, finished).await?;
            self.keep(attempts).await;
        }
        Ok(())
    }

    /// Keeps the attempts of events that were sent more than once. What can not be kept is told; the ends are durable.
    async fn keep(&self, attempts: Vec<(Seq, Attempts)>) {
        if attempts.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        let work = move || shared.status.history().keep(&*shared.store, attempts, shared.journal.kept_from());
        let kept = tokio::task::spawn_blocking(work).await;
        if let Ok(Err(error)) = kept {
            AttemptsNotKept { error: Cause::of(&error) }.tell();
        }
    }

    /// Tells the breaker what the answer says about the account.
    fn report(
        &mut self,
        admitted: &Admitted,
        (reply, reading): (&Reply, &Reading),
        effect: Effect,
        (begun, now): (Instant, Instant),
    ) {
        let gate = &self.shared.gate;
        let asked = match effect {
            Effect::Wait(asked) | Effect::Stalled { asked, .. } => {
                asked.map(|asked| asked.min(gate.retry().retry_after_cap))
            }
            Effect::GoOn { .. } | Effect::Refused(_) | Effect::SetApart { .. } | Effect::Close => None,
        };
        let failure = Failure { now, asked, is_probe: admitted.is_probe() };
        match (reading, effect) {
            (_, Effect::Refused(user)) => gate.refused(admitted, user, failure, &mut self.random),
            // Known to fail whatever else is taken, so it says nothing about the account.
            (_, Effect::SetApart { was_known: true }) => gate.undecided(admitted, failure, &mut self.random),
            // CleverTap looked at every record, whatever it says of them.
            (Reading::Records { .. }, _) => gate.taken(admitted, begun, now),
            (Reading::Again { reason, .. }, _) => match failing(reply, *reason) {
                Some(how) => gate.failed(admitted, (how, &words(reply, reading)), failure, &mut self.random),
                None => gate.undecided(admitted, failure, &mut self.random),
            },
            (Reading::Split(_), _) => gate.undecided(admitted, failure, &mut self.random),
            (Reading::Unauthorised, _) => {}
        }
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
            Effect::Refused(_) => {
                (self.failures, self.wait_until) = (0, None);
                self.queue.clear(1);
            }
            Effect::SetApart { .. } => {
                (self.failures, self.wait_until) = (0, None);
                self.queue.clear(1);
            }
            Effect::Stalled { suspects, asked } => {
                let is_open = self.shared.gate.outlook(now).is_open;
                let wait = self.shared.policy.retry.wait(1, asked, &mut self.random);
                (self.failures, self.wait_until) = (0, (!is_open).then(|| now + wait));
                self.queue.suspect(suspects);
            }
            // The breaker paces the tries, and when it closes every lane is to go on at once.
            Effect::Wait(_) if self.shared.gate.outlook(now).is_open => {
                (self.failures, self.wait_until) = (0, None);
            }
            Effect::Wait(asked) => {
                self.failures = self.failures.saturating_add(1);
                let wait = self.shared.gate.retry().wait(self.failures, asked, &mut self.random);
                self.wait_until = Some(now + wait);
            }
            Effect::Close => self.shared.gate.close(admitted, status.unwrap_or_default(), now),
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
        self.post.settle(Settling { upload: Some(note), ends }).await?;
        point::pass(CommitPoint::UploadSettled);
        let mut dead = finished.iter().filter(|(_, end)| end.state == State::Dead);
        if let Some((job, end)) = dead.next() {
            let (first, code) = (job.seq.to_string(), end.code.as_deref().unwrap_or_default());
            DeadLetters { events: 1 + dead.count(), first, code }.tell();
        }
        for (job, _) in finished.iter().filter(|(_, end)| end.state == State::Delivered) {
            self.post.delivered(job.received_at);
        }
        let mut delivered: Vec<TokenKey> = Vec::new();
        for (token, fate) in finished.iter().flat_map(|(job, _)| job.tokens()) {
            match fate {
                Some(Fate::Delivered(_)) => delivered.push(token),
                // CleverTap does not have it, so the device's next call is to send it.
                Some(Fate::Sandboxed(_))
                | Some(Fate::Rejected(_, Rejection::RetriesExhausted(_) | Rejection::Unclear)) => {
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
            point::pass(CommitPoint::TokensKept);
        }
        Ok(())
    }
}

/// What an answer says about how many requests may be in flight; nothing where it is a failure of another kind.
fn sample_kind(reply: &Reply, reading: &Reading) -> Option<SampleKind> {
    match (reading, reply) {
        (Reading::Records { .. }, _) => Some(SampleKind::Good),
        (Reading::Again { reason: RetryReason::TooManyRequests, .. }, _) => Some(SampleKind::TooMany),
        (_, Reply::NoAnswer(none)) if none.kind == NoAnswerKind::Timeout => Some(SampleKind::Late),
        _ => None,
    }
}

/// Whether a failure of the whole upload can come from a record in it: not where nothing was sent, nor where the answer
/// says what else it is.
fn may_be_a_record(reply: &Reply, reading: &Reading) -> bool {
    let Reading::Again { reason, .. } = reading else { return false };
    let was_sent = match reply {
        Reply::NoAnswer(none) => matches!(none.kind, NoAnswerKind::Timeout | NoAnswerKind::Cut),
        Reply::Answer(_) => true,
    };
    was_sent && failing(reply, *reason).is_some()
}

/// How the whole upload failed; none where that says nothing about the account.
pub(super) fn failing(reply: &Reply, reason: RetryReason) -> Option<Failing> {
    match (reason, reply) {
        (
            RetryReason::TooManyRequests | RetryReason::Contradiction | RetryReason::RecordServerError(_),
            _,
        ) => None,
        (_, Reply::NoAnswer(none)) if none.kind == NoAnswerKind::Untrusted => Some(Failing::Untrusted),
        (_, Reply::NoAnswer(_)) => Some(Failing::OnTheWay),
        (
            RetryReason::NoAnswer
            | RetryReason::ServerError(_)
            | RetryReason::UnexpectedStatus(_)
            | RetryReason::NotAnAnswer,
            Reply::Answer(_),
        ) => Some(Failing::There),
    }
}

pub(super) fn status(reply: &Reply) -> Option<u16> {
    match reply {
        Reply::Answer(answer) => Some(answer.status),
        Reply::NoAnswer(_) => None,
    }
}

pub(super) fn words(reply: &Reply, reading: &Reading) -> String {
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
