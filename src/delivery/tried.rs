//! What one upload was for the events in it, on its way into their history.

use super::batch::Batch;
use super::history::{Attempt, Attempts};
use super::job::Job;
use super::status::DeliveryStatus;
use crate::clock::Millis;
use crate::delivery::Reading;
use crate::journal::{End, Seq, UploadNote};
use tokio::time::Instant;

/// One upload that was answered, or not.
#[derive(Debug)]
pub(super) struct Tried {
    /// What is the same for all of its events.
    shared: Attempt,
    /// What was said of single records.
    told: Vec<(Seq, u32, String)>,
}

impl Tried {
    /// An upload, before its events are told apart.
    pub(super) fn new(note: &UploadNote, batch: &Batch, reading: &Reading) -> Self {
        let shared = Attempt {
            number: 1,
            upload: note.id.0,
            at: note.started_at,
            duration_ms: note.duration_ms,
            records: note.records,
            status: note.status,
            answer: note.answer.clone(),
            said: Vec::new(),
            next: None,
        };
        Self { shared, told: batch.told(reading) }
    }

    /// Notes it for the events that wait now: each with how often it was sent and when it is due. `wait_until` is until
    /// when the whole lane waits; `now` is the same moment by both clocks.
    pub(super) fn note(
        &self,
        status: &DeliveryStatus,
        waiting: Vec<(Seq, u32, Option<Instant>)>,
        wait_until: Option<Instant>,
        now: (Instant, Millis),
    ) {
        for (seq, number, due) in waiting {
            let next = due.max(wait_until).map(|due| {
                let wait = due.saturating_duration_since(now.0).as_millis();
                Millis(now.1.0.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)))
            });
            status.history().note(seq, Attempt { next, ..self.of(seq, number) });
        }
    }

    /// The attempts of the events that have ended by it, as far as it was not their first.
    pub(super) fn end(&self, status: &DeliveryStatus, ended: &[(Job, End)]) -> Vec<(Seq, Attempts)> {
        let sent_again = ended.iter().filter(|(job, _)| job.attempts > 1);
        let attempts = sent_again.filter_map(|(job, _)| {
            Some((job.seq, status.history().end(job.seq, self.of(job.seq, job.attempts))?))
        });
        attempts.collect()
    }

    fn of(&self, seq: Seq, number: u32) -> Attempt {
        let said = self.told.iter().filter(|(told, ..)| *told == seq);
        let said = said.map(|(_, record, words)| (*record, words.clone())).collect();
        Attempt { number, said, ..self.shared.clone() }
    }
}
