//! The attempts to send an event as JSON: `/v1/events/{id}/attempts`, and the same members in the event itself.
//!
//! It shows what the console's page of an event shows, from the same [`Timeline`].

use crate::admin::event::{Attempt, EventDetail, Stage, Timeline};
use crate::clock::Millis;
use crate::journal::{End, Replaced};
use jiff::Timestamp;
use serde::Serialize;

/// The attempts to send an event, as far as they are kept.
#[derive(Serialize)]
pub(super) struct AttemptsDoc {
    /// In order of time.
    attempts: Vec<AttemptDoc>,
    /// How many between them are not kept.
    attempts_left_out: u32,
    /// When it is tried again, where that is planned.
    next_attempt_at: Option<String>,
}

/// One upload that the event's records went with.
#[derive(Serialize)]
struct AttemptDoc {
    upload: u64,
    /// Which try of these records it was, from 1.
    attempt: u32,
    sent_at: String,
    duration_ms: u64,
    /// Of the whole upload, other events' records included.
    records: u32,
    status: Option<u16>,
    answer: String,
    /// What was said of this event's records; empty where the answer was about the whole upload.
    said: Vec<SaidDoc>,
    /// The end that it led to; none where another attempt followed.
    state: Option<&'static str>,
    /// The job that sent it; none for delivery itself.
    replay: Option<String>,
}

#[derive(Serialize)]
struct SaidDoc {
    /// Which of the event's records, from 1; none for the event as a whole.
    record: Option<u32>,
    text: String,
}

impl AttemptsDoc {
    /// The attempts of `timeline`, each with the end of `event` that it led to.
    pub(super) fn new(event: &EventDetail, timeline: Timeline) -> AttemptsDoc {
        let replaced = event.again.as_ref().map(|again| &again.replaced);
        let of = |attempt: Attempt| {
            let end = ends(event.end.as_ref(), replaced).find(|end| is_of(end, attempt.upload));
            let by = replaced.filter(|replaced| !is_of(&replaced.first, attempt.upload));
            // What came before the first end was sent by delivery, and what came after it by the job.
            let by = by.filter(|_| end.is_some()).map(|replaced| replaced.by.0.to_string());
            AttemptDoc::new(attempt, end.map(|end| Stage::from(end.state).name()), by)
        };
        AttemptsDoc {
            attempts: timeline.attempts.into_iter().map(of).collect(),
            attempts_left_out: timeline.left_out,
            next_attempt_at: timeline.next.map(moment),
        }
    }
}

fn ends<'a>(newest: Option<&'a End>, replaced: Option<&'a Replaced>) -> impl Iterator<Item = &'a End> {
    replaced.map(|replaced| &replaced.first).into_iter().chain(newest)
}

fn is_of(end: &End, upload: u64) -> bool {
    end.upload.is_some_and(|id| id.0 == upload)
}

impl AttemptDoc {
    fn new(attempt: Attempt, state: Option<&'static str>, replay: Option<String>) -> AttemptDoc {
        let said = |(record, text)| SaidDoc { record: Some(record).filter(|record| *record > 0), text };
        AttemptDoc {
            upload: attempt.upload,
            attempt: attempt.number,
            sent_at: moment(attempt.at),
            duration_ms: attempt.duration_ms,
            records: attempt.records,
            status: attempt.status,
            answer: attempt.answer,
            said: attempt.said.into_iter().map(said).collect(),
            state,
            replay,
        }
    }
}

/// RFC 3339, in UTC.
pub(super) fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
