//! The one that takes jobs up and brings them to their end.

use super::run::Run;
use super::{Parts, ResendError};
use crate::admin::AdminError;
use crate::admin::resend::{
    Candidate, JobState, Known, Mode, Remapping, ResendJob, SkipReason, Stretch, Tally, edited_event,
    forget_edited, kept_jobs, remap, route, stretch, update_job,
};
use crate::clock::{Clock, Millis};
use crate::delivery::{Desk, Errand, Step};
use crate::journal::{Journal, ResendId, Seq, Store};
use crate::telemetry::event::{ResendBegun, ResendEnded};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How often it is stored how far a job has got, while it moves. After a kill so much of the log is read again.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// How long uploads in flight have to be answered when a job is cancelled: longer than an answer may take.
const LAST_ANSWERS: Duration = Duration::from_secs(40);

/// Carries out jobs.
pub(super) struct Runner {
    journal: Arc<dyn Journal>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    desk: Desk,
    changed: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

/// What evaluates; handed from step to step, because it works on threads of its own.
type Rules = Box<dyn Remapping>;

/// Why work at a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    Done,
    Cancelled,
    Stopped,
}

impl Runner {
    /// Carries out jobs until it is told to stop.
    pub(super) async fn run(parts: Parts, stop: watch::Receiver<bool>) -> Result<(), ResendError> {
        let Parts { journal, store, clock, desk, remapping: mut rules, changed } = parts;
        let runner = Self { journal, store, clock, desk, changed, stop };
        while !*runner.stop.borrow() {
            match runner.next_job().await? {
                Some(job) => rules = runner.carry_out(job, rules).await?,
                None => {
                    let mut stop = runner.stop.clone();
                    tokio::select! {
                        () = runner.changed.notified() => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// The job that was begun, else the oldest that waits.
    async fn next_job(&self) -> Result<Option<ResendJob>, ResendError> {
        let jobs = self.stored(kept_jobs).await?;
        let open = jobs.into_iter().rev().filter(|job| !job.state.is_over());
        Ok(open.min_by_key(|job| (job.state != JobState::Running, job.id)))
    }

    async fn carry_out(&self, job: ResendJob, rules: Rules) -> Result<Rules, ResendError> {
        let (id, now) = (job.id, self.clock.now());
        let begun = self.update(id, move |job| {
            if job.state == JobState::Waiting {
                job.state = JobState::Running;
            }
            job.started_at.get_or_insert(now);
        });
        let Some(job) = begun.await?.filter(|job| job.state == JobState::Running) else { return Ok(rules) };
        let edited: Option<Arc<[u8]>> = match job.mode {
            Mode::Edited => self.stored(move |store| edited_event(store, id)).await?.map(Arc::from),
            Mode::Same | Mode::Current => None,
        };
        ResendBegun { job: id.0, from: job.cursor.0, until: job.until.0 }.tell();
        let mut errand = self.desk.open(id);
        let mut run = Run::of(&job);
        let (rules, halt) = self.work(&job, rules, &mut run, &mut errand, edited).await?;
        run.end(errand.stop(LAST_ANSWERS).await?);
        if halt == Halt::Cancelled {
            run.cancel();
        }
        let now = self.clock.now();
        let ended = self.update(id, move |job| {
            run.write(job);
            match halt {
                Halt::Done => job.state = JobState::Done,
                Halt::Cancelled => job.state = JobState::Cancelled,
                Halt::Stopped => return,
            }
            job.ended_at = Some(now);
        });
        let ended = ended.await?;
        if halt != Halt::Stopped {
            self.stored(move |store| forget_edited(store, id)).await?;
        }
        if let Some(job) = ended {
            let Tally { delivered, dead, .. } = job.tally;
            let (state, skipped) = (job.state.name(), job.tally.skipped());
            ResendEnded { job: id.0, state, delivered, dead, skipped }.tell();
        }
        Ok(rules)
    }

    /// Reads, sends and waits, until one of the reasons to end.
    async fn work(
        &self,
        job: &ResendJob,
        mut rules: Rules,
        run: &mut Run,
        errand: &mut Errand,
        edited: Option<Arc<[u8]>>,
    ) -> Result<(Rules, Halt), ResendError> {
        // Cancelled, and stopped before that could be carried out.
        if job.cancelled_by.is_some() {
            return Ok((rules, Halt::Cancelled));
        }
        let route = route(&*self.journal, job, run.at).await?;
        let mut stop = self.stop.clone();
        let mut save_at = Instant::now() + SAVED_EVERY;
        loop {
            if *stop.borrow() {
                return Ok((rules, Halt::Stopped));
            }
            if run.is_done() {
                return Ok((rules, Halt::Done));
            }
            if run.wants_more() {
                match stretch(&*self.journal, job, &route, run.at).await? {
                    Some(found) => rules = self.take(job, rules, run, errand, found, edited.clone()).await?,
                    None => run.has_read_all(),
                }
                if Instant::now() < save_at {
                    continue;
                }
            } else {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => continue,
                    ended = errand.ended() => {
                        run.end(ended?);
                        if Instant::now() < save_at {
                            continue;
                        }
                    }
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep_until(save_at) => {}
                }
            }
            save_at = Instant::now() + SAVED_EVERY;
            if self.save(job, run).await? {
                return Ok((rules, Halt::Cancelled));
            }
        }
    }

    /// Stores how far the job has got; says whether it was cancelled, or is gone.
    async fn save(&self, job: &ResendJob, run: &Run) -> Result<bool, ResendError> {
        let mut standing = job.clone();
        run.write(&mut standing);
        let saved = self.update(job.id, move |job| {
            job.cursor = standing.cursor;
            job.tally = standing.tally.clone();
        });
        Ok(saved.await?.is_none_or(|job| job.cancelled_by.is_some()))
    }

    /// Has the events of a stretch evaluated, and hands them on.
    async fn take(
        &self,
        job: &ResendJob,
        rules: Rules,
        run: &mut Run,
        errand: &mut Errand,
        found: Stretch,
        edited: Option<Arc<[u8]>>,
    ) -> Result<Rules, ResendError> {
        let Stretch { next, known, candidates, .. } = found;
        known.into_iter().for_each(|(seq, known)| run.note(seq, known));
        let (desk, mode) = (self.desk.clone(), job.mode);
        let (rules, steps) = if candidates.is_empty() {
            (rules, Vec::new())
        } else {
            let work = move || evaluate(rules, &desk, mode, &candidates, edited.as_deref());
            let done = tokio::task::spawn_blocking(work).await;
            done.map_err(|crash| ResendError::Crashed(crash.to_string()))?
        };
        let mut ends = Vec::new();
        for (seq, received_at, step) in steps {
            match step {
                None => run.note(seq, Known::Skipped(SkipReason::RevisionNotKept)),
                Some(Step::End(end)) => {
                    run.begin(seq, 0);
                    ends.push((seq, end));
                }
                Some(Step::Send(letter)) => {
                    run.begin(seq, letter.bytes());
                    errand.send(seq, received_at, letter);
                }
            }
        }
        if !ends.is_empty() {
            errand.settle(ends).await?;
        }
        run.read_to(next);
        Ok(rules)
    }

    async fn update(
        &self,
        id: ResendId,
        change: impl Fn(&mut ResendJob) + Send + 'static,
    ) -> Result<Option<ResendJob>, ResendError> {
        self.stored(move |store| update_job(store, id, change)).await
    }

    /// Runs `work` where it may wait for the disk.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, ResendError> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&*store)).await;
        Ok(done.map_err(|crash| ResendError::Crashed(crash.to_string()))??)
    }
}

/// Runs on a thread of its own, because rules may take their time and push tokens are looked up on disk.
fn evaluate(
    mut rules: Rules,
    desk: &Desk,
    mode: Mode,
    candidates: &[Candidate],
    edited: Option<&[u8]>,
) -> (Rules, Vec<(Seq, Millis, Option<Step>)>) {
    rules.refresh();
    let step = |candidate: &Candidate| {
        let remapped = remap(rules.as_mut(), mode, candidate, edited);
        (
            candidate.seq,
            candidate.received_at,
            remapped.map(|(revision, mapped)| desk.step(mapped, &revision)),
        )
    };
    let steps = candidates.iter().map(step).collect();
    (rules, steps)
}
