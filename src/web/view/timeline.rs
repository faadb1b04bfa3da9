//! The attempts to send an event, ready to show.

use super::{Moment, Prose};
use crate::admin::event::{Attempt, Timeline};
use crate::clock::Millis;

/// The attempts.
#[derive(Debug, Clone)]
pub(in crate::web) struct TimelineView {
    pub(in crate::web) attempts: Vec<AttemptView>,
    /// How many between them are not kept.
    pub(in crate::web) left_out: u32,
    /// When it is tried again, a sentence; empty where nothing is planned.
    pub(in crate::web) next: String,
    /// Whether it was sent again as an edited copy.
    pub(in crate::web) is_edited: bool,
    /// That copy, as long as it is kept.
    pub(in crate::web) edited: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone)]
pub(in crate::web) struct AttemptView {
    pub(in crate::web) number: u32,
    pub(in crate::web) upload: u64,
    pub(in crate::web) at: Moment,
    pub(in crate::web) took: String,
    /// `200`, or `no answer`.
    pub(in crate::web) status: String,
    pub(in crate::web) answer: Prose,
    pub(in crate::web) records: u32,
    /// What was said of this event's records: the record's number, or 0 where it is the event's reason.
    pub(in crate::web) said: Vec<(u32, Prose)>,
}

impl TimelineView {
    /// What is known, seen at `now`.
    pub(in crate::web) fn new(timeline: Timeline, now: Millis) -> Self {
        let is_edited = timeline.is_edited();
        Self {
            left_out: timeline.left_out,
            next: timeline.next.map(|next| until(next, now)).unwrap_or_default(),
            is_edited,
            edited: timeline.edited,
            attempts: timeline.attempts.into_iter().map(|attempt| AttemptView::new(attempt, now)).collect(),
        }
    }
}

impl AttemptView {
    fn new(attempt: Attempt, now: Millis) -> Self {
        let said = attempt.said.iter().map(|(record, words)| (*record, Prose::sentence(words)));
        Self {
            number: attempt.number,
            upload: attempt.upload,
            at: Moment::new(attempt.at, now),
            took: match attempt.duration_ms {
                millis @ 0..=9_999 => format!("{millis} ms"),
                millis => format!("{} s", millis / 1000),
            },
            status: attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string()),
            answer: Prose::new(&attempt.answer),
            records: attempt.records,
            said: said.collect(),
        }
    }
}

/// When something is planned for, in words.
fn until(next: Millis, now: Millis) -> String {
    match next.0.saturating_sub(now.0).saturating_add(999) / 1000 {
        i64::MIN..=0 => "It is due to be sent again with the next upload of its lane.".to_owned(),
        seconds @ 1..=119 => format!("It is tried again in about {seconds} s."),
        seconds => format!("It is tried again in about {} min.", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_try_is_told_in_words() {
        for (wait, words) in [
            (-5_000, "It is due to be sent again with the next upload of its lane."),
            (3_200, "It is tried again in about 4 s."),
            (300_000, "It is tried again in about 5 min."),
        ] {
            assert_eq!(until(Millis(1_000_000 + wait), Millis(1_000_000)), words);
        }
    }
}
