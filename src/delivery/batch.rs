//! One upload: the jobs in it, and what an answer makes of them. Pure: no sending, no settling.

use super::answer::{Reading, Verdict};
use super::breaker::Outlook;
use super::code::Rejection;
use super::job::{Fate, FirstSent, Job, Stall};
use super::lane::LaneKey;
use super::retry::{RetryPolicy, RetryReason};
use super::status::Tally;
use crate::journal::{End, Seq, UploadId};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

/// So often an event fails alone until its records are sent one by one. An identify and its push token belong together,
/// so it has to be as good as certain that one of them is at fault; with back-off these are some ten minutes.
const APART_AFTER: u32 = 10;

/// What is in one upload.
#[derive(Debug)]
pub(super) struct Batch {
    /// Which upload.
    pub(super) id: UploadId,
    jobs: Vec<Job>,
    /// For each record of the upload, in order: which job, and which place in it.
    places: Vec<(usize, usize)>,
}

/// What an answer means for the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The lane goes on; so many jobs were answered for good, and among so many others a refused one is still to be found.
    GoOn {
        /// Answered one by one.
        answered: usize,
        /// Still suspect.
        suspects: usize,
    },
    /// The lane goes on as after one that was answered. A record of this user was refused although it stood alone.
    Refused(LaneKey),
    /// The upload fails while others are taken: the lane waits a little, at least so long, and one of so many jobs is
    /// to be found.
    Stalled {
        /// Still suspect.
        suspects: usize,
        /// How long the server asks to wait.
        asked: Option<Duration>,
    },
    /// A job that makes uploads fail has been found: it waits by itself, and the lane goes on.
    SetApart {
        /// Whether that was known before this upload, so that its failure is no news about the account.
        was_known: bool,
    },
    /// The lane waits, at least so long.
    Wait(Option<Duration>),
    /// All lanes wait for other settings.
    Close,
}

/// What was in an upload, told apart by whether it has ended.
#[derive(Debug)]
pub(super) struct Parted {
    /// Events with their end.
    pub(super) ended: Vec<(Job, End)>,
    /// Events to be sent again, in order.
    pub(super) waiting: Vec<Job>,
}

/// What an answer is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bench<'a> {
    /// When it came.
    pub(super) now: Instant,
    /// How long and how often events are tried.
    pub(super) policy: &'a RetryPolicy,
    /// How often a record is refused alone before that is believed without anything else being taken.
    pub(super) refused_tries: u32,
    /// What the breaker knew before.
    pub(super) outlook: Outlook,
    /// Whether a failure of the whole upload can come from what is in it.
    pub(super) may_be_a_record: bool,
}

impl Bench<'_> {
    fn is_late(&self, job: &Job) -> bool {
        job.age(self.now, self.outlook.held) >= self.policy.age_limit
    }

    /// Whether it is this record that is refused, and not everything: since it was first refused another upload was
    /// taken, or it was tried for as often or as long as the policies say.
    fn is_culprit(&self, job: &Job) -> bool {
        let others_are_taken =
            job.first_refused.zip(self.outlook.taken).is_some_and(|(refused, taken)| taken > refused);
        let is_believed = others_are_taken || job.refusals >= self.refused_tries;
        self.is_late(job) || !self.outlook.is_open && is_believed
    }

    /// Whether uploads with this job fail because of what is in them, and not because everything fails.
    fn is_stalled(&self, job: &Job) -> bool {
        let strikes = job.stall.as_ref().map(|stall| stall.strikes).unwrap_or_default();
        self.may_be_a_record && strikes >= self.policy.stall_limit
    }
}

/// What the verdicts on a job's records come to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    again: Option<RetryReason>,
    unclear: bool,
}

impl Batch {
    /// Takes jobs for an upload at `now`; counts the attempt. `held` is for how long the breaker has been open in all.
    pub(super) fn new(id: UploadId, mut jobs: Vec<Job>, now: Instant, held: Duration) -> Self {
        let mut places = Vec::new();
        for (index, job) in jobs.iter_mut().enumerate() {
            job.first_sent.get_or_insert(FirstSent::now(now, held));
            job.attempts = job.attempts.saturating_add(1);
            places.extend(job.next().map(|(place, _)| (index, place)));
        }
        Self { id, jobs, places }
    }

    /// `{"d":[…]}`
    pub(super) fn render(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.jobs.iter().map(|job| job.size().1).sum::<usize>() + 8);
        body.extend_from_slice(b"{\"d\":[");
        for (i, json) in self.jobs.iter().flat_map(|job| job.next().map(|(_, json)| json)).enumerate() {
            if i > 0 {
                body.push(b',');
            }
            body.extend_from_slice(json);
        }
        body.extend_from_slice(b"]}");
        body.into()
    }

    /// How many records.
    pub(super) fn records(&self) -> usize {
        self.places.len()
    }

    /// How often the event that was sent most was sent.
    pub(super) fn attempt(&self) -> u32 {
        self.jobs.iter().map(|job| job.attempts).max().unwrap_or_default()
    }

    /// Applies an answer.
    pub(super) fn apply(
        &mut self,
        reading: &Reading,
        bench: &Bench<'_>,
        random: &mut fastrand::Rng,
    ) -> Effect {
        match reading {
            Reading::Records { verdicts, .. } => self.take_verdicts(verdicts, bench, random),
            Reading::Again { reason, after } => {
                let effect = self.stall(*after, bench, random);
                let apart = self.places.first().filter(|_| self.jobs.len() == 1);
                for job in &mut self.jobs {
                    // A try while the breaker is open costs an event none of its own.
                    job.doubts += u32::from(reason.is_limited() && !bench.outlook.is_open);
                    match apart {
                        // The event's other records have their own tries.
                        Some((_, place)) if job.apart && bench.is_late(job) => {
                            job.decide(*place, Fate::Rejected(self.id, Rejection::RetriesExhausted(*reason)));
                            job.due = None;
                        }
                        _ => give_up_if_late(job, self.id, *reason, bench),
                    }
                }
                effect
            }
            Reading::Split(rejection) => self.split(*rejection, bench, random),
            Reading::Unauthorised => {
                // The wait for an operator does not make a record older.
                self.jobs.iter_mut().for_each(|job| job.first_sent = None);
                Effect::Close
            }
        }
    }

    fn take_verdicts(
        &mut self,
        verdicts: &[Verdict],
        bench: &Bench<'_>,
        random: &mut fastrand::Rng,
    ) -> Effect {
        let alone = self.places.len() == 1;
        let only_job = self.jobs.len() == 1;
        let mut sums = vec![Sum::default(); self.jobs.len()];
        for (&(index, place), verdict) in self.places.iter().zip(verdicts) {
            let (Some(job), Some(sum)) = (self.jobs.get_mut(index), sums.get_mut(index)) else { continue };
            match *verdict {
                Verdict::Delivered => job.decide(place, Fate::Delivered(self.id)),
                Verdict::Rejected(rejection) => job.decide(place, Fate::Rejected(self.id, rejection)),
                Verdict::Retry(reason) => sum.again = Some(reason),
                // Alone there is nothing to be told apart from.
                Verdict::Unclear if alone => sum.again = Some(RetryReason::Contradiction),
                Verdict::Unclear => sum.unclear = true,
            }
        }
        let mut suspects = 0;
        for (job, sum) in self.jobs.iter_mut().zip(sums) {
            job.due = None;
            if sum.unclear {
                suspects += 1;
                job.apart |= only_job;
            }
            // What is known of an event holds until each of its records has its fate.
            if !job.alone {
                job.stall = None;
            }
            let Some(reason) = sum.again else {
                job.failures = 0;
                continue;
            };
            job.failures = job.failures.saturating_add(1);
            job.doubts += u32::from(reason.is_limited());
            job.due = Some(bench.now + bench.policy.wait(job.failures, None, random));
            give_up_if_late(job, self.id, reason, bench);
        }
        Effect::GoOn { answered: self.jobs.len() - suspects, suspects }
    }

    /// The whole upload failed. While others are taken that is some record's doing after a while: found when it is alone,
    /// else the next upload is to be smaller.
    fn stall(&mut self, asked: Option<Duration>, bench: &Bench<'_>, random: &mut fastrand::Rng) -> Effect {
        if !bench.may_be_a_record {
            return Effect::Wait(asked);
        }
        for job in &mut self.jobs {
            let stall = job.stall.get_or_insert_with(|| Box::new(Stall { last: bench.now, strikes: 0 }));
            let others_were_taken = bench.outlook.taken.is_some_and(|taken| taken > stall.last);
            stall.strikes = stall.strikes.saturating_add(u32::from(others_were_taken));
            stall.last = bench.now;
        }
        if !self.jobs.iter().any(|job| bench.is_stalled(job)) {
            return Effect::Wait(asked);
        }
        match (self.jobs.as_mut_slice(), self.places.len()) {
            ([job], records) => {
                let was_known = std::mem::replace(&mut job.alone, true);
                job.failures = job.failures.saturating_add(1);
                job.apart |= records > 1 && job.failures >= APART_AFTER;
                job.due = Some(bench.now + bench.policy.wait(job.failures, asked, random));
                Effect::SetApart { was_known }
            }
            (jobs, _) => Effect::Stalled { suspects: jobs.len(), asked },
        }
    }

    /// Some record makes CleverTap refuse the upload. Found when it is alone; else the next upload is to be smaller.
    fn split(&mut self, rejection: Rejection, bench: &Bench<'_>, random: &mut fastrand::Rng) -> Effect {
        for job in &mut self.jobs {
            job.first_refused.get_or_insert(bench.now);
        }
        match (self.jobs.as_mut_slice(), self.places.as_slice()) {
            ([job], [(_, place)]) => {
                job.refusals = job.refusals.saturating_add(1);
                if bench.is_culprit(job) {
                    job.decide(*place, Fate::Rejected(self.id, rejection));
                    job.due = None;
                } else {
                    job.alone = true;
                    job.due = Some(bench.now + bench.policy.wait(job.refusals, None, random));
                }
                Effect::Refused(job.key)
            }
            ([job], _) => {
                job.apart = true;
                Effect::GoOn { answered: 0, suspects: 1 }
            }
            (jobs, _) => Effect::GoOn { answered: 0, suspects: jobs.len() },
        }
    }

    /// What it decided was decided by the sandbox.
    pub(super) fn mark_sandboxed(&mut self) {
        let upload = self.id;
        self.jobs.iter_mut().for_each(|job| job.mark_sandboxed(upload));
    }

    /// What became of the records so far.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for &(index, place) in &self.places {
            match self.jobs.get(index).and_then(|job| job.fate(place)) {
                Some(Fate::Delivered(_) | Fate::Sandboxed(_)) => tally.delivered += 1,
                Some(Fate::Rejected(..)) => tally.rejected += 1,
                None => tally.retried += 1,
            }
        }
        tally
    }

    /// What an answer that was read record by record says of each record that was not taken: the event, the record's
    /// number in it from 1, and the words. In order of events.
    pub(super) fn told(&self, reading: &Reading) -> Vec<(Seq, u32, String)> {
        let Reading::Records { verdicts, .. } = reading else { return Vec::new() };
        let mut told = Vec::new();
        for (&(index, place), verdict) in self.places.iter().zip(verdicts) {
            let Some(job) = self.jobs.get(index) else { continue };
            let words = match verdict {
                Verdict::Delivered => continue,
                Verdict::Retry(reason) => reason.to_string(),
                Verdict::Rejected(rejection) => format!("{rejection} ({})", rejection.code()),
                Verdict::Unclear => {
                    "CleverTap refused a record of the upload, and did not say which".to_owned()
                }
            };
            told.push((job.seq, u32::try_from(place + 1).unwrap_or(u32::MAX), words));
        }
        told
    }

    /// Tells the jobs apart.
    pub(super) fn part(self) -> Parted {
        let mut parted = Parted { ended: Vec::new(), waiting: Vec::new() };
        for job in self.jobs {
            match job.end() {
                Some(end) => parted.ended.push((job, end)),
                None => parted.waiting.push(job),
            }
        }
        parted
    }
}

fn give_up_if_late(job: &mut Job, upload: UploadId, reason: RetryReason, bench: &Bench<'_>) {
    if bench.is_late(job) {
        job.give_up(upload, Rejection::RetriesExhausted(reason));
    } else if job.doubts >= bench.policy.doubt_limit {
        job.give_up(upload, Rejection::Unclear);
    }
}
