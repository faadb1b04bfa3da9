//! One evaluated event on its way: its records, what became of each, and when it may go on.

use super::code::Rejection;
use super::lane::LaneKey;
use super::mapping::MappedRecord;
use super::token::TokenKey;
use crate::clock::Millis;
use crate::engine::event::Person;
use crate::journal::{End, Seq, State, UploadId};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// The end of what went to the sandbox, in words.
const SANDBOXED: &str = "sandbox mode was on, so the built-in stand-in took it and CleverTap did not get it";

/// An event in a lane. Its records stay together in one upload until an answer tells them apart.
#[derive(Debug)]
pub(super) struct Job {
    /// Which event.
    pub(super) seq: Seq,
    /// When it was received, by the wall clock.
    pub(super) received_at: Millis,
    /// Whose order it keeps.
    pub(super) key: LaneKey,
    /// When it was first sent; tells its age. None before, and again after a pause.
    pub(super) first_sent: Option<FirstSent>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// How often some record of it was answered with a code for CleverTap's own problems, or it failed alone, in a row.
    pub(super) failures: u32,
    /// What is known of whole uploads that failed with it in them; nothing of nearly every event.
    pub(super) stall: Option<Box<Stall>>,
    /// How often the answer contradicted itself.
    pub(super) doubts: u32,
    /// When an upload that it was in was first refused as a whole (400, 413).
    pub(super) first_refused: Option<Instant>,
    /// How often it was refused so when it stood alone.
    pub(super) refusals: u32,
    /// It is sent in an upload of its own, because alone it was refused or failed.
    pub(super) alone: bool,
    /// Not to be sent before.
    pub(super) due: Option<Instant>,
    /// Its records are sent one by one, because together they were refused.
    pub(super) apart: bool,
    /// Whether it was the sandbox that refused a record of it.
    refused_in_sandbox: bool,
    revision: Arc<str>,
    records: Vec<JobRecord>,
    deletion: Option<Person>,
    // Held for its effect: memory is given back to the reader when the job ends.
    _memory: Option<OwnedSemaphorePermit>,
}

/// Failures of whole uploads that an event was in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    /// When the last of them failed.
    pub(super) last: Instant,
    /// How often one failed although another upload was taken since the failure before.
    pub(super) strikes: u32,
}

/// When an event was first sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstSent {
    at: Instant,
    held: Duration,
}

impl FirstSent {
    /// Now. `held` is for how long the breaker has been open in all.
    pub(super) fn now(at: Instant, held: Duration) -> Self {
        Self { at, held }
    }

    /// How old an event is, the time left out in which the breaker was open.
    fn age(self, now: Instant, held: Duration) -> Duration {
        now.saturating_duration_since(self.at).saturating_sub(held.saturating_sub(self.held))
    }
}

#[derive(Debug)]
struct JobRecord {
    json: Bytes,
    token: Option<TokenKey>,
    fate: Option<Fate>,
}

/// What became of a record, by which upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// CleverTap took it.
    Delivered(UploadId),
    /// The built-in stand-in took it, because the sandbox was on.
    Sandboxed(UploadId),
    /// It will not be sent again.
    Rejected(UploadId, Rejection),
}

impl Job {
    /// A job that was not sent yet.
    pub(super) fn new(
        seq: Seq,
        received_at: Millis,
        key: Option<LaneKey>,
        revision: Arc<str>,
        records: Vec<MappedRecord>,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let waiting = |record: MappedRecord| JobRecord { json: record.json, token: record.token, fate: None };
        Self {
            seq,
            received_at,
            key: key.unwrap_or_else(|| LaneKey::of_event(seq)),
            first_sent: None,
            attempts: 0,
            failures: 0,
            stall: None,
            doubts: 0,
            first_refused: None,
            refusals: 0,
            alone: false,
            due: None,
            apart: false,
            refused_in_sandbox: false,
            revision,
            records: records.into_iter().map(waiting).collect(),
            deletion: None,
            _memory: memory,
        }
    }

    /// How long ago it was first sent; `held` as in [`FirstSent::now`].
    pub(super) fn age(&self, now: Instant, held: Duration) -> Duration {
        self.first_sent.map(|first| first.age(now, held)).unwrap_or_default()
    }

    /// A job that carries no record, but asks for a person to be deleted. It keeps the order of that person.
    pub(super) fn of_deletion(
        seq: Seq,
        received_at: Millis,
        person: Person,
        revision: Arc<str>,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let key = LaneKey::of(person.id());
        Self {
            deletion: Some(person),
            ..Self::new(seq, received_at, Some(key), revision, Vec::new(), memory)
        }
    }

    /// Who is to be deleted, if that is what it asks for.
    pub(super) fn deletion(&self) -> Option<&Person> {
        self.deletion.as_ref()
    }

    /// The end of a deletion: done by a call, or refused for good by one.
    pub(super) fn end_of_deletion(&self, by: UploadId, refusal: Option<Rejection>) -> End {
        End {
            state: if refusal.is_some() { State::Dead } else { State::Delivered },
            code: refusal.map(Rejection::code),
            message: refusal.map(|refusal| refusal.to_string()),
            upload: Some(by),
            revision: self.revision.to_string(),
        }
    }

    /// The end of a deletion of whom CleverTap can not know.
    pub(super) fn end_of_unknown(&self) -> End {
        let message = "CleverTap never got anything under this anonymousId, because it takes none like it, so there \
                       was nothing to delete there";
        End {
            state: State::Delivered,
            code: None,
            message: Some(message.to_owned()),
            upload: None,
            revision: self.revision.to_string(),
        }
    }

    /// The records the next upload would carry, with their place in the job.
    pub(super) fn next(&self) -> impl Iterator<Item = (usize, &Bytes)> {
        let most = if self.apart { 1 } else { usize::MAX };
        let waiting = self.records.iter().enumerate().filter(|(_, record)| record.fate.is_none());
        waiting.map(|(place, record)| (place, &record.json)).take(most)
    }

    /// How many records the next upload would carry, and how many bytes with their commas.
    pub(super) fn size(&self) -> (usize, usize) {
        self.next().fold((0, 0), |(count, bytes), (_, json)| (count + 1, bytes + json.len() + 1))
    }

    /// Notes what became of a record. The first fate stays.
    pub(super) fn decide(&mut self, place: usize, fate: Fate) {
        if let Some(record) = self.records.get_mut(place) {
            record.fate.get_or_insert(fate);
        }
    }

    /// What `upload` decided was decided by the sandbox.
    pub(super) fn mark_sandboxed(&mut self, upload: UploadId) {
        for record in &mut self.records {
            match record.fate {
                Some(Fate::Delivered(by)) if by == upload => record.fate = Some(Fate::Sandboxed(upload)),
                Some(Fate::Rejected(by, _)) => self.refused_in_sandbox |= by == upload,
                Some(Fate::Delivered(_) | Fate::Sandboxed(_)) | None => {}
            }
        }
    }

    /// What became of a record, if that is known.
    pub(super) fn fate(&self, place: usize) -> Option<Fate> {
        self.records.get(place)?.fate
    }

    /// Gives up all records that are still waiting.
    pub(super) fn give_up(&mut self, upload: UploadId, rejection: Rejection) {
        for record in &mut self.records {
            record.fate.get_or_insert(Fate::Rejected(upload, rejection));
        }
    }

    /// The push tokens among the records, with what became of them.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (TokenKey, Option<Fate>)> {
        self.records.iter().filter_map(|record| Some((record.token?, record.fate)))
    }

    /// The end of the event, once every record has one: that of its worst record.
    pub(super) fn end(&self) -> Option<End> {
        let (mut upload, mut sandbox) = (None, None);
        let mut worst = None;
        for record in &self.records {
            match record.fate? {
                Fate::Delivered(by) => upload = upload.max(Some(by)),
                Fate::Sandboxed(by) => sandbox = sandbox.max(Some(by)),
                Fate::Rejected(by, rejection) => worst = worst.or(Some((by, rejection))),
            }
        }
        let revision = self.revision.to_string();
        Some(match worst {
            // CleverTap lacks a record of it, so it is not delivered.
            None if sandbox.is_some() => End {
                state: State::Filtered,
                code: Some(End::SANDBOX.to_owned()),
                message: Some(SANDBOXED.to_owned()),
                upload: sandbox,
                revision,
            },
            None => End { state: State::Delivered, code: None, message: None, upload, revision },
            Some((by, rejection)) => End {
                state: State::Dead,
                code: Some(rejection.code()),
                message: Some(match self.refused_in_sandbox {
                    true => format!("in the sandbox, not at CleverTap: {rejection}"),
                    false => rejection.to_string(),
                }),
                upload: Some(by),
                revision,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::RecordCode;
    use super::*;

    fn job(records: usize) -> Job {
        let record = |i| MappedRecord { json: Bytes::from(format!("{{\"n\":{i}}}")), token: None };
        Job::new(Seq(7), Millis(0), None, "r1".into(), (0..records).map(record).collect(), None)
    }

    #[test]
    fn an_event_ends_as_its_worst_record() {
        let mut job = job(2);
        let email = Rejection::Listed(RecordCode::Email);
        job.decide(0, Fate::Rejected(UploadId(1), email));
        assert_eq!(job.end(), None);
        assert_eq!(job.size(), (1, 8));
        job.decide(1, Fate::Delivered(UploadId(2)));
        let end = job.end().unwrap();
        assert_eq!(
            (end.state, end.code.as_deref(), end.upload),
            (State::Dead, Some("clevertap_515"), Some(UploadId(1)))
        );
        assert_eq!(end.revision, "r1");
    }

    #[test]
    fn a_delivered_event_names_its_last_upload() {
        let mut job = job(2);
        job.decide(1, Fate::Delivered(UploadId(1)));
        job.decide(0, Fate::Delivered(UploadId(2)));
        assert_eq!(job.end().map(|end| (end.state, end.upload)), Some((State::Delivered, Some(UploadId(2)))));
    }

    #[test]
    fn what_the_sandbox_took_even_in_part_does_not_count_as_delivered() {
        let mut job = job(2);
        job.decide(0, Fate::Delivered(UploadId(1)));
        job.mark_sandboxed(UploadId(1));
        job.decide(1, Fate::Delivered(UploadId(2)));
        let end = job.end().unwrap();
        assert_eq!(
            (end.state, end.code.as_deref(), end.upload),
            (State::Filtered, Some("sandbox"), Some(UploadId(1)))
        );
    }

    #[test]
    fn what_the_sandbox_refuses_says_that_it_was_the_sandbox() {
        let mut job = job(1);
        job.decide(0, Fate::Rejected(UploadId(1), Rejection::Listed(RecordCode::Email)));
        job.mark_sandboxed(UploadId(1));
        let end = job.end().unwrap();
        assert_eq!((end.state, end.code.as_deref()), (State::Dead, Some("clevertap_515")));
        assert!(end.message.unwrap().starts_with("in the sandbox, not at CleverTap: "));
    }

    #[test]
    fn a_job_taken_apart_sends_one_record_at_a_time() {
        let mut job = job(3);
        job.apart = true;
        assert_eq!(job.next().map(|(place, _)| place).collect::<Vec<_>>(), [0]);
        job.decide(0, Fate::Delivered(UploadId(1)));
        assert_eq!(job.next().map(|(place, _)| place).collect::<Vec<_>>(), [1]);
    }
}
