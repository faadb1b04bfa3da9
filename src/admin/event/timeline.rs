//! The attempts to send an event, as far as they are kept, and what is to come.
//!
//! The uploads that decided its first and its newest end are kept for every event; attempts before and between only where
//! there was more than one, the first and last of them, and of a bounded number of events (`delivery/history.rs`). What is
//! left out is counted.

use super::EventDetail;
use crate::admin::resend::{Mode, ResendJob, edited_event, kept_job};
use crate::admin::{Admin, AdminError};
use crate::clock::Millis;
use crate::delivery::{Attempt, Attempts, kept_attempts};
use crate::journal::{End, UploadNote};
use serde::Serialize;

/// The attempts to send an event.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// In order.
    pub attempts: Vec<Attempt>,
    /// How many between them are not kept.
    pub left_out: u32,
    /// When it is tried again, where that is planned.
    pub next: Option<Millis>,
    /// The job that sent it again last, if one did and is kept.
    #[serde(skip)]
    pub job: Option<ResendJob>,
    /// The edited copy that the job sends in its place; jobs that are over have let go of it.
    #[serde(skip)]
    pub edited: Option<String>,
}

impl Timeline {
    /// Whether it was, or is to be, sent as an edited copy.
    pub fn is_edited(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.mode == Mode::Edited)
    }
}

impl Admin {
    /// What is known of the attempts to send `event`.
    pub async fn timeline(&self, event: &EventDetail) -> Result<Timeline, AdminError> {
        let (seq, by) = (event.seq, event.again.as_ref().map(|again| again.replaced.by));
        let (kept, job, edited) = self
            .stored(move |store| {
                let job = by.map(|by| kept_job(store, by)).transpose()?.flatten();
                let edited = by.map(|by| edited_event(store, by)).transpose()?.flatten();
                Ok((kept_attempts(store, seq)?, job, edited))
            })
            .await?;
        let waiting = self.ground.delivery.history().waiting(seq).unwrap_or_default();
        let first = event.again.as_ref().map(|again| (again.upload.as_ref(), Some(&again.replaced.first)));
        let decided = [first, Some((event.upload.as_ref(), event.end.as_ref()))].into_iter().flatten();
        let decided = decided.filter_map(|(note, end)| Some(of_note(note?, end)));
        let (attempts, left_out) = joined(kept, waiting, decided);
        let is_over = event.end.is_some();
        let next = attempts.last().and_then(|attempt| attempt.next).filter(|_| !is_over);
        let edited = edited.map(|edited| String::from_utf8_lossy(&edited).into_owned());
        Ok(Timeline { attempts, left_out, next, job, edited })
    }
}

/// Everything that is known, each upload once, in order of time.
fn joined(kept: Attempts, waiting: Attempts, decided: impl Iterator<Item = Attempt>) -> (Vec<Attempt>, u32) {
    let left_out = kept.left_out.saturating_add(waiting.left_out);
    let mut all: Vec<Attempt> = kept.shown.into_iter().chain(waiting.shown).collect();
    for attempt in decided {
        match all.iter_mut().find(|known| known.upload == attempt.upload) {
            // The end says more of the record than an answer's code.
            Some(known) if known.said.is_empty() => known.said = attempt.said,
            Some(_) => {}
            None => all.push(attempt),
        }
    }
    all.sort_by_key(|attempt| (attempt.at, attempt.upload));
    (all, left_out)
}

/// The upload that decided an end. What was said of the event's records is the end's reason.
fn of_note(note: &UploadNote, end: Option<&End>) -> Attempt {
    let said = end.and_then(|end| Some((0, format!("{} ({})", end.message.as_ref()?, end.code.as_ref()?))));
    Attempt {
        number: note.attempt,
        upload: note.id.0,
        at: note.started_at,
        duration_ms: note.duration_ms,
        records: note.records,
        status: note.status,
        answer: note.answer.clone(),
        said: said.into_iter().collect(),
        next: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::UploadId;

    fn note(id: u64, at: i64) -> UploadNote {
        UploadNote {
            id: UploadId(id),
            started_at: Millis(at),
            duration_ms: 1,
            records: 3,
            attempt: 1,
            status: Some(200),
            answer: "partial".to_owned(),
        }
    }

    #[test]
    fn an_upload_that_is_known_twice_stands_once_and_all_stand_in_order_of_time() {
        let kept =
            Attempts { shown: vec![of_note(&note(5, 50), None), of_note(&note(6, 60), None)], left_out: 2 };
        let decided = [of_note(&note(9, 90), None), of_note(&note(6, 60), None), of_note(&note(1, 10), None)];
        let (all, left_out) = joined(kept, Attempts::default(), decided.into_iter());
        assert_eq!(all.iter().map(|one| one.upload).collect::<Vec<_>>(), [1, 5, 6, 9]);
        assert_eq!(left_out, 2);
    }
}
