//! The one that deletes persons at CleverTap: takes deletions whose turn has come from the lanes, and tells the lanes when
//! they have ended.
//!
//! Deliberately beside the lanes: a lane goes on with everybody else's events while a deletion is under way. Calls take
//! their place at CleverTap from [`Slots`](super::Slots), and are few at a time by CleverTap's own limit.
//!
//! First thing to know: before a deletion is settled as done, it is noted that the person's events are to be erased. So
//! whatever moment the process dies in, the erasure is made up for.

use super::breaker::Failure;
use super::client::{NoAnswer, NoAnswerKind, Reply};
use super::deletion::{self, DeletionReading, Group, Waiting};
use super::eraser::owe;
use super::gate::Admitted;
use super::job::{FirstSent, Job};
use super::status::LastAnswer;
use super::worker::{Shared, ToLane, failing, status};
use super::{DeliveryError, code::Rejection};
use crate::clock::Millis;
use crate::journal::{End, Seq, Settling, UploadId, UploadNote};
use crate::telemetry::Cause;
use crate::telemetry::event::{DeletionFailed, PersonsDeleted};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Deletes persons.
pub(super) struct Deleter {
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Job>,
    lanes: Vec<mpsc::UnboundedSender<ToLane>>,
    stop: watch::Receiver<bool>,
    waiting: Waiting,
    /// The first of new deletions waits until then for company.
    company: Option<Instant>,
    random: fastrand::Rng,
}

/// A call that was made, or that was not because it is time to stop.
struct Called {
    group: Group,
    answered: Option<Answered>,
}

struct Answered {
    admitted: Admitted,
    id: UploadId,
    started_at: Millis,
    begun: Instant,
    reply: Reply,
}

impl Deleter {
    /// A deleter for these lanes.
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: mpsc::UnboundedReceiver<Job>,
        lanes: Vec<mpsc::UnboundedSender<ToLane>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let random = shared.policy.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { shared, inbox, lanes, stop, waiting: Waiting::default(), company: None, random }
    }

    /// Works until it is told to stop; calls in flight are still answered and settled.
    pub(super) async fn run(mut self) -> Result<(), DeliveryError> {
        let mut stop = self.stop.clone();
        let mut stopping = false;
        let mut calls: JoinSet<Called> = JoinSet::new();
        loop {
            let policy = &self.shared.policy.deletion;
            let (persons, in_flight) = (policy.persons, policy.in_flight);
            while !stopping && self.company.is_none() && calls.len() < in_flight {
                let Some(group) = self.waiting.next(Instant::now(), persons) else { break };
                calls.spawn(call(self.shared.clone(), group, self.stop.clone()));
            }
            if stopping && calls.is_empty() {
                return Ok(());
            }
            let wake = self.company.or_else(|| self.waiting.due().filter(|_| calls.len() < in_flight));
            tokio::select! {
                biased;
                () = told(&mut stop), if !stopping => stopping = true,
                Some(called) = calls.join_next(), if !calls.is_empty() => {
                    let called = called.map_err(|error| DeliveryError::Crashed(error.to_string()))?;
                    self.answered(called).await?;
                }
                job = self.inbox.recv(), if !stopping => match job {
                    Some(job) => self.take(job).await?,
                    // The lanes are gone, so nothing can come any more.
                    None => stopping = true,
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() && !stopping => {
                    self.company = None;
                }
            }
        }
    }

    async fn take(&mut self, job: Job) -> Result<(), DeliveryError> {
        if job.deletion().is_some_and(|person| !person.is_sendable()) {
            let end = job.end_of_unknown();
            return self.settle(None, vec![(job, end)]).await;
        }
        self.waiting.push(job);
        let linger = self.shared.policy.linger;
        self.company.get_or_insert_with(|| Instant::now() + linger);
        Ok(())
    }

    async fn answered(&mut self, called: Called) -> Result<(), DeliveryError> {
        let Called { mut group, answered } = called;
        let Some(Answered { admitted, id, started_at, begun, reply }) = answered else { return Ok(()) };
        let shared = self.shared.clone();
        let (ended, now) = (Instant::now(), shared.clock.now());
        let reading = deletion::read(&reply, now);
        let note = UploadNote {
            id,
            started_at,
            duration_ms: u64::try_from((ended - begun).as_millis()).unwrap_or(u64::MAX),
            records: u32::try_from(group.jobs.len()).unwrap_or(u32::MAX),
            attempt: group.attempt(),
            status: status(&reply),
            answer: words(&reply, reading),
        };
        report(&note, reading);
        self.tell_gate(&admitted, (&reply, reading), (begun, ended), &note.answer);
        shared.status.answered(LastAnswer { at: now, status: note.status, words: note.answer.clone() });
        match reading {
            DeletionReading::Done => {
                let done = |job: Job| {
                    let end = job.end_of_deletion(id, None);
                    (job, end)
                };
                self.settle(Some(note), group.jobs.into_iter().map(done).collect()).await
            }
            DeletionReading::Refused(rejection) if group.jobs.len() == 1 => {
                self.settle(Some(note), refused(group.jobs, id, rejection)).await
            }
            DeletionReading::Refused(_) => {
                let [left, right] = group.halve();
                self.waiting.put_back(right);
                self.waiting.put_back(left);
                Ok(())
            }
            DeletionReading::Unauthorised => {
                shared.gate.close(&admitted, note.status.unwrap_or_default(), ended);
                // The wait for an operator makes nothing older.
                group.jobs.iter_mut().for_each(|job| job.first_sent = None);
                self.waiting.put_back(Group { failures: 0, due: None, ..group });
                Ok(())
            }
            DeletionReading::Again { reason, after } => {
                let policy = shared.gate.retry();
                let outlook = shared.gate.outlook(ended);
                let is_late = |job: &Job| job.age(ended, outlook.held) >= policy.age_limit;
                let (late, jobs): (Vec<Job>, Vec<Job>) = group.jobs.into_iter().partition(is_late);
                let failures = group.failures.saturating_add(1);
                let due = Some(ended + policy.wait(failures, after, &mut self.random));
                self.waiting.put_back(Group { jobs, failures, due });
                if late.is_empty() {
                    return Ok(());
                }
                self.settle(Some(note), refused(late, id, Rejection::RetriesExhausted(reason))).await
            }
        }
    }

    /// Tells the breaker what the answer says about the account.
    fn tell_gate(
        &mut self,
        admitted: &Admitted,
        (reply, reading): (&Reply, DeletionReading),
        (begun, now): (Instant, Instant),
        words: &str,
    ) {
        let gate = &self.shared.gate;
        let asked = match reading {
            DeletionReading::Again { after, .. } => after,
            DeletionReading::Done | DeletionReading::Refused(_) | DeletionReading::Unauthorised => None,
        };
        let asked = asked.map(|asked| asked.min(self.shared.gate.retry().retry_after_cap));
        let failure = Failure { now, asked, is_probe: admitted.is_probe() };
        match reading {
            DeletionReading::Done => gate.taken(admitted, begun, now),
            DeletionReading::Again { reason, .. } => match failing(reply, reason) {
                Some(how) => gate.failed(admitted, (how, words), failure, &mut self.random),
                None => gate.undecided(admitted, failure, &mut self.random),
            },
            // One person who can not be deleted says nothing about the account.
            DeletionReading::Refused(_) => gate.undecided(admitted, failure, &mut self.random),
            DeletionReading::Unauthorised => {}
        }
    }

    /// Notes what is to be erased, makes the ends durable, and lets the persons' next events go.
    async fn settle(&self, note: Option<UploadNote>, ended: Vec<(Job, End)>) -> Result<(), DeliveryError> {
        let shared = &self.shared;
        let is_done = |end: &End| end.state == crate::journal::State::Delivered;
        let done: Vec<Seq> = ended.iter().filter(|(_, end)| is_done(end)).map(|(job, _)| job.seq).collect();
        if !done.is_empty() {
            owe(&shared.store, done).await?;
        }
        let ends = ended.iter().map(|(job, end)| (job.seq, end.clone())).collect();
        shared.journal.settle(Settling { upload: note, ends }).await?;
        shared.settlings.send_modify(|settlings| *settlings += 1);
        shared.erasing.notify_one();
        for (job, end) in &ended {
            // One that was done is over when the eraser is done with it.
            if let Some(person) = job.deletion().filter(|_| !is_done(end)) {
                shared.tokens.deletion_ends(person);
            }
            if let Some(lane) = self.lanes.get(job.key.lane()) {
                // A lane that is gone has failed, and its failure ends delivery.
                let _ = lane.send(ToLane::Deleted(job.key));
            }
        }
        Ok(())
    }
}

/// Waits until it is time to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that delivery is gone, which is one more reason.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn refused(jobs: Vec<Job>, by: UploadId, rejection: Rejection) -> Vec<(Job, End)> {
    let refused = |job: Job| {
        let end = job.end_of_deletion(by, Some(rejection));
        (job, end)
    };
    jobs.into_iter().map(refused).collect()
}

/// Makes one call, once there is an account, leave to send, and no reason to stop.
async fn call(shared: Arc<Shared>, mut group: Group, mut stop: watch::Receiver<bool>) -> Called {
    let leave = async {
        loop {
            let admitted = shared.gate.admit_to_clevertap().await;
            let slot = shared.slots.spare().await;
            // Much can happen while one waits for a place.
            if shared.gate.still_admits(&admitted) {
                return (admitted, slot);
            }
        }
    };
    let (admitted, _slot) = tokio::select! {
        biased;
        () = told(&mut stop) => return Called { group, answered: None },
        leave = leave => leave,
    };
    let (begun, started_at) = (Instant::now(), shared.clock.now());
    let held = shared.gate.outlook(begun).held;
    for job in &mut group.jobs {
        job.first_sent.get_or_insert(FirstSent::now(begun, held));
        job.attempts = job.attempts.saturating_add(1);
    }
    let id = shared.journal.next_upload();
    let asked = shared.uploader.delete(&admitted.account, group.render());
    let reply = timeout(shared.policy.deletion.timeout, asked).await.unwrap_or_else(|_| {
        let detail = "the deletion was not answered in time".to_owned();
        Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Timeout, detail })
    });
    Called { group, answered: Some(Answered { admitted, id, started_at, begun, reply }) }
}

fn words(reply: &Reply, reading: DeletionReading) -> String {
    match (reading, reply) {
        (DeletionReading::Done, _) => "success".to_owned(),
        (_, Reply::NoAnswer(none)) => format!("{}: {}", none.kind.words(), none.detail),
        (DeletionReading::Again { reason, .. }, _) => reason.to_string(),
        (DeletionReading::Refused(_), _) => {
            "CleverTap refused the deletion of somebody in the call".to_owned()
        }
        (DeletionReading::Unauthorised, _) => "CleverTap refused account ID, passcode or region".to_owned(),
    }
}

fn report(note: &UploadNote, reading: DeletionReading) {
    let UploadNote { id: UploadId(call), duration_ms, records: persons, attempt, status, ref answer, .. } =
        *note;
    if reading == DeletionReading::Done {
        PersonsDeleted { call, persons, duration_ms, status }.tell();
    } else {
        DeletionFailed { call, persons, duration_ms, status, attempt, error: Cause::told(answer) }.tell();
    }
}
