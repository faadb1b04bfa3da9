//! What CleverTap is asked when persons are to be deleted, and what its answer means. Pure: no sending, no settling.
//!
//! A call names up to 100 persons of one kind and is answered as a whole, unlike an upload: no answer says which of them
//! it is about, so a call that is refused is halved until the one is found.
//! Source: <https://developer.clevertap.com/docs/delete-profile-api>, read 2026-07.

use super::answer::is_page;
use super::client::Reply;
use super::code::Rejection;
use super::job::Job;
use super::retry::RetryReason;
use crate::clock::Millis;
use crate::engine::event::Person;
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How persons are deleted, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionPolicy {
    /// Persons of one call.
    pub persons: usize,
    /// Calls at CleverTap at once. Its limit for deletions is 3
    /// (<https://developer.clevertap.com/docs/api-request-limit>, 2026-03).
    pub in_flight: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long after an erasure the bytes may stay on the disk before they are removed; erasures that come meanwhile
    /// share that work.
    pub purge_after: Duration,
}

impl Default for DeletionPolicy {
    fn default() -> Self {
        Self {
            persons: 100,
            in_flight: 3,
            timeout: Duration::from_secs(60),
            purge_after: Duration::from_secs(60 * 60),
        }
    }
}

/// What an answer means for all persons of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeletionReading {
    /// CleverTap deletes them; it takes up to a day, which it does not report.
    Done,
    /// To be asked again.
    Again {
        /// Why.
        reason: RetryReason,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// Refused because of one of them.
    Refused(Rejection),
    /// Nobody lets us in with these settings.
    Unauthorised,
}

/// Reads the answer to a delete call. `now` is the wall clock, for a `Retry-After` that names a date.
pub(super) fn read(reply: &Reply, now: Millis) -> DeletionReading {
    let Reply::Answer(answer) = reply else {
        return DeletionReading::Again { reason: RetryReason::NoAnswer, after: None };
    };
    let again =
        |reason| DeletionReading::Again { reason, after: answer.retry_after.map(|after| after.delay(now)) };
    match answer.status {
        200..=299 => match serde_json::from_slice::<Doc<'_>>(&answer.body) {
            Ok(doc) if answer.whole && doc.status == "success" => DeletionReading::Done,
            Ok(doc) if answer.whole && doc.status == "fail" => {
                DeletionReading::Refused(Rejection::DeletionRefused)
            }
            _ => again(RetryReason::NotAnAnswer),
        },
        400 if is_page(&answer.body) => again(RetryReason::UnexpectedStatus(400)),
        400 | 413 => DeletionReading::Refused(Rejection::DeletionRefused),
        401 | 403 => DeletionReading::Unauthorised,
        429 => again(RetryReason::TooManyRequests),
        status @ (408 | 500..=599) => again(RetryReason::ServerError(status)),
        status => again(RetryReason::UnexpectedStatus(status)),
    }
}

#[derive(Deserialize)]
struct Doc<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// Deletions that go in one call.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) jobs: Vec<Job>,
    /// How often the call failed as a whole, in a row.
    pub(super) failures: u32,
    /// Not to be sent before.
    pub(super) due: Option<Instant>,
}

impl Group {
    /// The body of the call.
    pub(super) fn render(&self) -> Bytes {
        Person::render_call(self.jobs.iter().filter_map(Job::deletion)).into()
    }

    /// Two halves, the first not smaller; the second is empty where there is one job.
    pub(super) fn halve(mut self) -> [Self; 2] {
        let rest = self.jobs.split_off(self.jobs.len().div_ceil(2));
        [self.jobs, rest].map(|jobs| Self { jobs, failures: 0, due: None })
    }

    /// How often the deletion that was sent most was sent.
    pub(super) fn attempt(&self) -> u32 {
        self.jobs.iter().map(|job| job.attempts).max().unwrap_or_default()
    }
}

/// What waits to be deleted.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    fresh: VecDeque<Job>,
    again: VecDeque<Group>,
}

impl Waiting {
    /// Adds the newest.
    pub(super) fn push(&mut self, job: Job) {
        self.fresh.push_back(job);
    }

    /// Gives back what is to be sent again, to the front.
    pub(super) fn put_back(&mut self, group: Group) {
        if !group.jobs.is_empty() {
            self.again.push_front(group);
        }
    }

    /// Takes out the next call: what was sent before and is due, else up to `most` new ones of one kind.
    pub(super) fn next(&mut self, now: Instant, most: usize) -> Option<Group> {
        let due = self.again.iter().position(|group| group.due.is_none_or(|due| due <= now));
        if let Some(group) = due.and_then(|place| self.again.remove(place)) {
            return Some(group);
        }
        let key = self.fresh.front()?.deletion().map(Person::key);
        let (mut jobs, mut others) = (Vec::new(), VecDeque::new());
        while let Some(job) = self.fresh.pop_front() {
            if job.deletion().map(Person::key) == key && jobs.len() < most {
                jobs.push(job);
            } else {
                others.push_back(job);
            }
        }
        self.fresh = others;
        Some(Group { jobs, failures: 0, due: None })
    }

    /// When the next of what was sent before is due; none where nothing waits for its time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again.iter().filter_map(|group| group.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::{Answer, NoAnswer, NoAnswerKind};
    use super::*;
    use crate::journal::Seq;

    fn reading(status: u16, body: &'static str) -> DeletionReading {
        let body = Bytes::from_static(body.as_bytes());
        read(&Reply::Answer(Answer { status, retry_after: None, body, whole: true }), Millis(0))
    }

    #[test]
    fn a_deletion_is_done_only_when_clevertap_says_so() {
        assert_eq!(reading(200, r#"{"status":"success"}"#), DeletionReading::Done);
        let refused = DeletionReading::Refused(Rejection::DeletionRefused);
        assert_eq!(reading(400, r#"{"status":"fail","error":"x"}"#), refused);
        assert_eq!((reading(413, ""), reading(200, r#"{"status":"fail"}"#)), (refused, refused));
        assert_eq!(
            (reading(401, ""), reading(403, "")),
            (DeletionReading::Unauthorised, DeletionReading::Unauthorised)
        );
        for (status, body, reason) in [
            (200, "", RetryReason::NotAnAnswer),
            (200, "<html>", RetryReason::NotAnAnswer),
            (200, r#"{"status":"maybe"}"#, RetryReason::NotAnAnswer),
            (400, " <html>", RetryReason::UnexpectedStatus(400)),
            (404, "", RetryReason::UnexpectedStatus(404)),
            (408, "", RetryReason::ServerError(408)),
            (429, "", RetryReason::TooManyRequests),
            (503, "", RetryReason::ServerError(503)),
        ] {
            assert_eq!(
                reading(status, body),
                DeletionReading::Again { reason, after: None },
                "{status} {body}"
            );
        }
        let none = Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Cut, detail: String::new() });
        assert_eq!(
            read(&none, Millis(0)),
            DeletionReading::Again { reason: RetryReason::NoAnswer, after: None }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn calls_hold_one_kind_and_no_more_than_they_may() {
        let job = |seq, person| Job::of_deletion(Seq(seq), Millis(0), person, "r".into(), None);
        let seqs = |group: &Group| group.jobs.iter().map(|job| job.seq.0).collect::<Vec<_>>();
        let mut waiting = Waiting::default();
        for seq in 0..5 {
            let id = format!("p{seq}");
            waiting.push(job(seq, if seq == 1 { Person::Anonymous(id) } else { Person::User(id) }));
        }
        let now = Instant::now();
        let first = waiting.next(now, 3).unwrap();
        assert_eq!(
            (seqs(&first), &first.render()[..]),
            (vec![0, 2, 3], &br#"{"identity":["p0","p2","p3"]}"#[..])
        );
        assert_eq!(seqs(&waiting.next(now, 3).unwrap()), [1]);
        let [left, right] = first.halve();
        assert_eq!((seqs(&left), seqs(&right)), (vec![0, 2], vec![3]));
        waiting.put_back(Group { due: Some(now + Duration::from_secs(9)), ..right });
        assert_eq!(seqs(&waiting.next(now, 3).unwrap()), [4]);
        assert!(waiting.next(now, 3).is_none());
        assert_eq!(waiting.due(), Some(now + Duration::from_secs(9)));
        assert_eq!(seqs(&waiting.next(now + Duration::from_secs(9), 3).unwrap()), [3]);
    }
}
