//! What waits in one lane, and what goes into its next upload: a pure decision, made anew for every upload.
//!
//! Order is kept per user: a user's next event is not sent before the one before it has ended. So a user whose record is
//! tried again holds up nobody else, and nothing of a user can overtake. Only a user with a long queue of waiting events
//! may have several of them in one upload, else one busy user could never be worked off; there, order is that of the
//! records in the upload, and one that is tried again comes after those that were taken.
//!
//! While the breaker is open one event is tried at a time, and of those that may go the one that was sent least: an event
//! that makes every upload fail can not be the only one that is tried.
//!
//! First thing to know: what [`Queue::select`] hands out is no longer in the queue; what has not ended comes back by
//! [`Queue::put_back`], to the front.

use super::job::Job;
use super::lane::LaneKey;
use crate::journal::Seq;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use tokio::time::Instant;

/// How much goes into one upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPolicy {
    /// Records of an upload. CleverTap takes 1000
    /// (<https://developer.clevertap.com/docs/upload-events-api>, 2026-06).
    pub records: usize,
    /// Bytes of an upload. CleverTap documents no bound; this one keeps memory and resends small.
    pub bytes: usize,
    /// Up to how many waiting events of a user are sent strictly one after the other.
    pub strict: usize,
}

impl Default for BatchPolicy {
    fn default() -> Self {
        Self { records: 1000, bytes: 2_000_000, strict: 40 }
    }
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Selection {
    /// Send these, in this order.
    Upload(Vec<Job>),
    /// Nothing may be sent before this moment.
    Later(Instant),
    /// Nothing waits, or only what waits for a deletion to end.
    Nothing,
}

/// The jobs of one lane, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    waiting: HashMap<LaneKey, usize>,
    /// So many jobs from the front were refused as a whole (400): halve until the one is found.
    suspects: usize,
    /// Whose deletion is under way; what they do next waits for it.
    deleting: HashSet<LaneKey>,
    /// Deletions whose turn has come.
    deletions: Vec<Job>,
}

impl Queue {
    /// Adds the newest.
    pub(super) fn push(&mut self, job: Job) {
        *self.waiting.entry(job.key).or_default() += 1;
        self.jobs.push_back(job);
    }

    /// Gives back jobs of the last selection that have not ended, in their order.
    pub(super) fn put_back(&mut self, jobs: Vec<Job>) {
        for job in jobs.into_iter().rev() {
            *self.waiting.entry(job.key).or_default() += 1;
            self.jobs.push_front(job);
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// So many jobs, just put back, hold one that makes CleverTap refuse the whole upload.
    pub(super) fn suspect(&mut self, jobs: usize) {
        self.suspects = jobs;
    }

    /// So many jobs were answered one by one, so none of them is suspect.
    pub(super) fn clear(&mut self, jobs: usize) {
        self.suspects = self.suspects.saturating_sub(jobs);
    }

    /// Takes out the deletions whose turn came with the last selection: everything before them of the same person has
    /// ended. What comes after them is held until [`Self::release`].
    pub(super) fn take_deletions(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.deletions)
    }

    /// A deletion has ended; its person's next events may go.
    pub(super) fn release(&mut self, key: LaneKey) {
        self.deleting.remove(&key);
    }

    /// Takes out what goes into the next upload: `most` jobs at most.
    pub(super) fn select(&mut self, now: Instant, policy: &BatchPolicy, most: usize) -> Selection {
        let only = if most == 1 { self.least_tried(now) } else { None };
        let most_jobs = if self.suspects > 0 { self.suspects.div_ceil(2).min(most) } else { most };
        let (mut chosen, mut ready): (Vec<Job>, Vec<Job>) = (Vec::new(), Vec::new());
        let mut kept = VecDeque::with_capacity(self.jobs.len());
        let mut users: HashMap<LaneKey, Standing> = HashMap::new();
        let (mut records, mut bytes) = (0, 0);
        let mut earliest: Option<Instant> = None;
        while let Some(job) = self.jobs.pop_front() {
            let waiting = self.waiting.get(&job.key).copied().unwrap_or_default();
            let due = job.due.filter(|due| *due > now);
            let held = self.deleting.contains(&job.key);
            let (is_first, standing) = match users.entry(job.key) {
                Entry::Occupied(entry) => (false, entry.into_mut()),
                Entry::Vacant(entry) if held => (true, entry.insert(Standing::Held)),
                Entry::Vacant(entry) => (true, entry.insert(Standing::of(waiting, policy))),
            };
            if job.deletion().is_some() {
                if is_first && !held {
                    self.deleting.insert(job.key);
                    ready.push(job);
                } else {
                    kept.push_back(job);
                }
                *standing = Standing::Held;
                continue;
            }
            if let Some(due) = due {
                earliest = Some(earliest.map_or(due, |earliest| earliest.min(due)));
                *standing = Standing::Held;
            }
            if only.is_some_and(|only| only != job.seq) || job.alone && !chosen.is_empty() {
                *standing = Standing::Held;
            }
            if *standing == Standing::Held {
                kept.push_back(job);
                continue;
            }
            if job.alone {
                chosen.push(job);
                kept.append(&mut self.jobs);
                break;
            }
            let (job_records, job_bytes) = job.size();
            let full = records + job_records > policy.records || bytes + job_bytes > policy.bytes;
            if !chosen.is_empty() && (full || chosen.len() >= most_jobs) {
                kept.push_back(job);
                kept.append(&mut self.jobs);
                break;
            }
            (records, bytes) = (records + job_records, bytes + job_bytes);
            if *standing == Standing::Strict {
                *standing = Standing::Held;
            }
            chosen.push(job);
        }
        self.jobs = kept;
        for job in chosen.iter().chain(&ready) {
            if let Entry::Occupied(mut entry) = self.waiting.entry(job.key) {
                *entry.get_mut() -= 1;
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        }
        self.deletions.append(&mut ready);
        match (chosen.is_empty(), earliest) {
            (false, _) => Selection::Upload(chosen),
            (true, Some(due)) => Selection::Later(due),
            (true, None) => Selection::Nothing,
        }
    }

    /// Of the jobs that may go now and are their user's first, the one that was sent least; the first of several.
    fn least_tried(&self, now: Instant) -> Option<Seq> {
        let mut users = HashSet::new();
        let firsts = self.jobs.iter().filter(|job| users.insert(job.key));
        let ready = firsts.filter(|job| {
            job.deletion().is_none()
                && job.due.is_none_or(|due| due <= now)
                && !self.deleting.contains(&job.key)
        });
        ready.min_by_key(|job| job.attempts).map(|job| job.seq)
    }
}

/// What may be taken of a user's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The next one, and then no more.
    Strict,
    /// As many as fit.
    Busy,
    /// None.
    Held,
}

impl Standing {
    fn of(waiting: usize, policy: &BatchPolicy) -> Self {
        if waiting > policy.strict { Self::Busy } else { Self::Strict }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::MappedRecord;
    use super::*;
    use crate::clock::Millis;
    use crate::engine::event::Person;
    use std::time::Duration;

    fn job(seq: u64, user: &str, bytes: usize) -> Job {
        let record = MappedRecord { json: bytes::Bytes::from("x".repeat(bytes)), token: None };
        Job::new(Seq(seq), Millis(0), Some(LaneKey::of(user)), "r".into(), vec![record], None)
    }

    fn queue(users: &[&str]) -> Queue {
        let mut queue = Queue::default();
        users.iter().enumerate().for_each(|(seq, user)| queue.push(job(seq as u64, user, 9)));
        queue
    }

    fn seqs(jobs: &[Job]) -> Vec<u64> {
        jobs.iter().map(|job| job.seq.0).collect()
    }

    fn take(queue: &mut Queue, policy: &BatchPolicy) -> Vec<Job> {
        match queue.select(Instant::now(), policy, usize::MAX) {
            Selection::Upload(jobs) => jobs,
            _ => Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_user_has_one_event_in_an_upload() {
        let mut queue = queue(&["a", "b", "a", "c", "b", "a"]);
        let policy = BatchPolicy::default();
        assert_eq!(seqs(&take(&mut queue, &policy)), [0, 1, 3]);
        assert_eq!(seqs(&take(&mut queue, &policy)), [2, 4]);
        assert_eq!(seqs(&take(&mut queue, &policy)), [5]);
        assert!(matches!(queue.select(Instant::now(), &policy, usize::MAX), Selection::Nothing));
    }

    #[tokio::test]
    async fn a_busy_user_has_many_in_order() {
        let mut queue = queue(&["a", "b", "a", "a", "b"]);
        let policy = BatchPolicy { strict: 2, ..BatchPolicy::default() };
        assert_eq!(seqs(&take(&mut queue, &policy)), [0, 1, 2, 3]);
        assert_eq!(seqs(&take(&mut queue, &policy)), [4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_who_waits_holds_up_only_himself() {
        let mut queue = queue(&["a", "b", "a"]);
        let policy = BatchPolicy::default();
        let now = Instant::now();
        let mut first = take(&mut queue, &policy);
        first.truncate(1);
        first[0].due = Some(now + Duration::from_secs(5));
        queue.put_back(first);
        queue.push(job(3, "b", 9));
        assert_eq!(seqs(&take(&mut queue, &policy)), [3]);
        let Selection::Later(due) = queue.select(now, &policy, usize::MAX) else { panic!() };
        assert_eq!(due, now + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(seqs(&take(&mut queue, &policy)), [0]);
        assert_eq!(seqs(&take(&mut queue, &policy)), [2]);
    }

    fn deletion(seq: u64, user: &str) -> Job {
        Job::of_deletion(Seq(seq), Millis(0), Person::User(user.to_owned()), "r".into(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_deletion_waits_for_what_is_before_it_and_holds_what_comes_after() {
        let policy = BatchPolicy { strict: 1, ..BatchPolicy::default() };
        let mut queue = queue(&["a", "b", "a"]);
        queue.push(deletion(3, "a"));
        queue.push(job(4, "a", 9));
        let mut first = take(&mut queue, &policy);
        assert_eq!(seqs(&first), [0, 1, 2], "a busy user's events go together, its deletion does not");
        assert!(queue.take_deletions().is_empty());
        // The last of them is to be tried again.
        first.drain(..2);
        first[0].due = Some(Instant::now() + Duration::from_secs(5));
        queue.put_back(first);
        assert!(matches!(queue.select(Instant::now(), &policy, usize::MAX), Selection::Later(_)));
        assert!(queue.take_deletions().is_empty());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(seqs(&take(&mut queue, &policy)), [2]);
        assert!(queue.take_deletions().is_empty(), "it is in flight");
        queue.push(job(5, "b", 9));
        queue.push(deletion(6, "a"));
        assert_eq!(seqs(&take(&mut queue, &policy)), [5]);
        assert_eq!(seqs(&queue.take_deletions()), [3]);
        assert!(matches!(queue.select(Instant::now(), &policy, usize::MAX), Selection::Nothing));
        queue.release(LaneKey::of("a"));
        assert_eq!(seqs(&take(&mut queue, &policy)), [4]);
        assert!(take(&mut queue, &policy).is_empty());
        assert_eq!(seqs(&queue.take_deletions()), [6]);
        assert_eq!((queue.len(), queue.waiting.len()), (0, 0));
    }

    #[tokio::test]
    async fn uploads_keep_to_records_and_bytes_but_never_starve_a_large_one() {
        let mut full = queue(&["a", "b", "c"]);
        let policy = BatchPolicy { records: 2, ..BatchPolicy::default() };
        assert_eq!(take(&mut full, &policy).len(), 2);
        let mut large = queue(&["a"]);
        large.push(job(1, "b", 500));
        large.push(job(2, "c", 9));
        let policy = BatchPolicy { bytes: 100, ..BatchPolicy::default() };
        assert_eq!(seqs(&take(&mut large, &policy)), [0]);
        assert_eq!(seqs(&take(&mut large, &policy)), [1]);
        assert_eq!(seqs(&take(&mut large, &policy)), [2]);
    }

    #[tokio::test]
    async fn what_was_refused_alone_stays_alone() {
        let mut queue = queue(&["a", "b", "b", "c"]);
        let policy = BatchPolicy { strict: 0, ..BatchPolicy::default() };
        let mut all = take(&mut queue, &policy);
        all[1].alone = true;
        queue.put_back(all);
        assert_eq!(seqs(&take(&mut queue, &policy)), [0, 3], "the user's next waits, too");
        assert_eq!(seqs(&take(&mut queue, &policy)), [1]);
        assert_eq!(seqs(&take(&mut queue, &policy)), [2]);
    }

    #[tokio::test]
    async fn one_at_a_time_whoever_was_tried_least_is_next_and_users_keep_their_order() {
        let mut queue = queue(&["a", "b", "a", "c"]);
        let policy = BatchPolicy { strict: 0, ..BatchPolicy::default() };
        let mut tried = Vec::new();
        for _ in 0..7 {
            let Selection::Upload(mut jobs) = queue.select(Instant::now(), &policy, 1) else { panic!() };
            jobs[0].attempts += 1;
            tried.extend(seqs(&jobs));
            queue.put_back(jobs);
        }
        // What was tried stands in front, as it came; order within a user is that of the log all the same.
        assert_eq!(tried[..3], [0, 1, 3]);
        assert!(!tried.contains(&2), "{tried:?}");
        assert_eq!(tried.iter().filter(|seq| **seq == 0).count(), 3, "{tried:?}");
    }

    #[tokio::test]
    async fn suspects_are_halved_until_they_are_cleared() {
        let mut queue = queue(&["a", "b", "c", "d", "e"]);
        let policy = BatchPolicy::default();
        let all = take(&mut queue, &policy);
        queue.put_back(all);
        queue.suspect(5);
        let half = take(&mut queue, &policy);
        assert_eq!(seqs(&half), [0, 1, 2]);
        queue.clear(3);
        assert_eq!(seqs(&take(&mut queue, &policy)), [3]);
        queue.clear(1);
        assert_eq!(seqs(&take(&mut queue, &policy)), [4]);
        queue.clear(1);
        queue.push(job(5, "f", 9));
        queue.push(job(6, "g", 9));
        assert_eq!(seqs(&take(&mut queue, &policy)), [5, 6]);
    }
}
