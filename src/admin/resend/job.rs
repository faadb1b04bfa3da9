//! A job: what it is about, how it stands, and what it came to so far.

use crate::admin::Digest;
use crate::admin::event::{Filter, Stage, StageFilter};
use crate::clock::Millis;
use crate::engine::event::Person;
use crate::journal::{End, Entry, ResendId, Seq, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A job as stored in [`crate::journal::Table::Resends`] under its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendJob {
    pub(super) version: u32,
    /// Its number and name.
    pub id: ResendId,
    /// Which events.
    pub selection: Selection,
    /// By which rules.
    pub mode: Mode,
    /// Whether delivered events are sent again, too.
    pub include_delivered: bool,
    /// The first place looked at.
    pub from: Seq,
    /// The place after the last one looked at.
    pub until: Seq,
    /// Everything before this place is done; the tally is about just that.
    pub cursor: Seq,
    /// How it stands.
    pub state: JobState,
    /// What it came to so far.
    pub tally: Tally,
    /// Who asked for it: an account or a token by name.
    pub created_by: String,
    /// When.
    pub created_at: Millis,
    /// When it was first worked at.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Who asked to cancel it.
    pub cancelled_by: Option<String>,
    /// The caller's key and the request it came with, so that a repetition is answered with this job.
    pub(super) key: Option<(Digest, Digest)>,
}

/// Which events a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These, in order and each once.
    Events(Vec<Seq>),
    /// All that match.
    Matching {
        /// How they stand: any of these, or any at all where there is none.
        states: Vec<StageFilter>,
        /// What else must hold.
        filter: Filter,
    },
}

/// By which rules events are evaluated again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Those the event was evaluated with, from the revisions that are kept.
    Same,
    /// Those in force when the job comes to the event.
    Current,
    /// Those in force, and an edited copy in the event's place.
    Edited,
}

impl Mode {
    /// The name in addresses and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Current => "current",
            Self::Edited => "edited",
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Others are before it.
    Waiting,
    /// It is worked at.
    Running,
    /// Everything selected has its end.
    Done,
    /// Somebody cancelled it; what was sent before is counted.
    Cancelled,
}

impl JobState {
    /// The name in programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

/// Why a selected event was not sent again. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It is on its way.
    Pending,
    /// It was delivered, and that was not asked for again.
    Delivered,
    /// It failed on ingest: it is no event that rules could map.
    RefusedOnIngest,
    /// Its stored bytes are damaged.
    Lost,
    /// It was erased at the person's request.
    Erased,
    /// It asks for a person to be deleted, which is asked for anew where it is wanted again.
    Deletion,
    /// Its time to be kept was over.
    Dropped,
    /// The rules it was evaluated with are not kept any more.
    RevisionNotKept,
    /// The job was cancelled before it was sent.
    Cancelled,
}

impl SkipReason {
    /// In a few words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pending => "still on its way",
            Self::Delivered => "delivered before",
            Self::RefusedOnIngest => "failed on ingest, so no rule can map it",
            Self::Lost => "lost to damage",
            Self::Erased => "erased at the person's request",
            Self::Deletion => "a deletion; ask for it anew",
            Self::Dropped => "past its time to be kept",
            Self::RevisionNotKept => "its rules revision is not kept any more",
            Self::Cancelled => "cancelled before it was sent",
        }
    }
}

/// What a job came to, in events. `selected` is always the sum of the ends and of `skipped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Chosen by the selection.
    pub selected: u64,
    /// Sent in an upload, whatever came of it.
    pub sent: u64,
    /// Ended as delivered.
    pub delivered: u64,
    /// Ended as dead letters, again.
    pub dead: u64,
    /// The rules say that it is not to be sent.
    pub filtered: u64,
    /// It could not be mapped.
    pub failed: u64,
    /// Not sent, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl Tally {
    /// Counts an event by its new end.
    pub fn end(&mut self, state: State, sent: bool) {
        self.selected += 1;
        self.sent += u64::from(sent);
        match state {
            State::Delivered => self.delivered += 1,
            State::Dead => self.dead += 1,
            State::Filtered => self.filtered += 1,
            State::Failed => self.failed += 1,
        }
    }

    /// Counts an event that was passed over.
    pub fn skip(&mut self, reason: SkipReason) {
        self.selected += 1;
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Passed over, whatever the reason.
    pub fn skipped(&self) -> u64 {
        self.skipped.values().sum()
    }
}

/// What a job has to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// It is not about it.
    No,
    /// It is passed over.
    Skip(SkipReason),
    /// The job has given it this end already, before a restart.
    Done(State, bool),
    /// It is to be evaluated again.
    Yes,
}

impl ResendJob {
    /// How much of what is to be looked at is done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let whole = self.until.0.saturating_sub(self.from.0);
        match self.state {
            JobState::Done => 1.0,
            _ if whole == 0 => 0.0,
            _ => self.cursor.0.saturating_sub(self.from.0) as f64 / whole as f64,
        }
    }

    /// What is to be done about the event at a place, which stands as `end` says, by the job `by` if it was sent again.
    pub(super) fn pick(&self, at: Seq, entry: &Entry, end: Option<&End>, by: Option<ResendId>) -> Pick {
        // First of all: its new end may not match the selection any more.
        if let (Some(end), true) = (end, by == Some(self.id)) {
            return Pick::Done(end.state, end.upload.is_some());
        }
        if !self.selection.holds(at, entry, end) {
            return Pick::No;
        }
        match end {
            _ if entry.is_lost => Pick::Skip(SkipReason::Lost),
            _ if entry.erased_at.is_some() => Pick::Skip(SkipReason::Erased),
            _ if entry.refusal.is_some() => Pick::Skip(SkipReason::RefusedOnIngest),
            None => Pick::Skip(SkipReason::Pending),
            Some(End { state: State::Delivered, .. }) if !self.include_delivered => {
                Pick::Skip(SkipReason::Delivered)
            }
            Some(_) if Person::of_deletion(&entry.body).is_some() => Pick::Skip(SkipReason::Deletion),
            Some(_) => Pick::Yes,
        }
    }
}

impl Selection {
    fn holds(&self, at: Seq, entry: &Entry, end: Option<&End>) -> bool {
        match self {
            Self::Events(places) => places.binary_search(&at).is_ok(),
            Self::Matching { states, filter } => {
                let stage = Stage::of(entry, end).name();
                (states.is_empty() || states.iter().any(|state| state.name() == stage))
                    && filter.holds(entry, end)
            }
        }
    }

    /// The first place from `at` on that it can be about.
    pub(super) fn next(&self, at: Seq) -> Option<Seq> {
        match self {
            Self::Events(places) => places.get(places.partition_point(|place| *place < at)).copied(),
            Self::Matching { .. } => Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(selection: Selection) -> ResendJob {
        ResendJob {
            version: 1,
            id: ResendId(7),
            selection,
            mode: Mode::Current,
            include_delivered: false,
            from: Seq(0),
            until: Seq(10),
            cursor: Seq(0),
            state: JobState::Waiting,
            tally: Tally::default(),
            created_by: "admin".to_owned(),
            created_at: Millis(0),
            started_at: None,
            ended_at: None,
            cancelled_by: None,
            key: None,
        }
    }

    fn entry() -> Entry {
        let body = br#"{"type":"track","event":"Tested","userId":"user_1"}"#.to_vec().into();
        Entry { received_at: Millis(100), refusal: None, is_lost: false, erased_at: None, body }
    }

    fn end(state: State) -> End {
        End { state, code: None, message: None, upload: None, revision: "r1".to_owned() }
    }

    #[test]
    fn what_is_under_way_or_was_delivered_is_passed_over_unless_it_is_asked_for() {
        let mut job = job(Selection::Events(vec![Seq(3), Seq(5)]));
        let dead = end(State::Dead);
        assert_eq!(job.pick(Seq(4), &entry(), Some(&dead), None), Pick::No);
        assert_eq!(job.pick(Seq(5), &entry(), Some(&dead), None), Pick::Yes);
        assert_eq!(job.pick(Seq(5), &entry(), None, None), Pick::Skip(SkipReason::Pending));
        let delivered = end(State::Delivered);
        assert_eq!(job.pick(Seq(5), &entry(), Some(&delivered), None), Pick::Skip(SkipReason::Delivered));
        job.include_delivered = true;
        assert_eq!(job.pick(Seq(5), &entry(), Some(&delivered), None), Pick::Yes);
        assert_eq!(job.selection.next(Seq(4)), Some(Seq(5)));
        assert_eq!(job.selection.next(Seq(6)), None);
    }

    #[test]
    fn what_was_erased_and_what_deletes_a_person_is_not_sent_again() {
        let job = job(Selection::Events(vec![Seq(5)]));
        let dead = end(State::Dead);
        let erased = Entry::erased(Millis(100), Millis(200), "{}".into());
        assert_eq!(job.pick(Seq(5), &erased, Some(&dead), None), Pick::Skip(SkipReason::Erased));
        let deletion = Entry { body: br#"{"type":"delete","userId":"user_1"}"#.to_vec().into(), ..entry() };
        assert_eq!(job.pick(Seq(5), &deletion, Some(&dead), None), Pick::Skip(SkipReason::Deletion));
    }

    #[test]
    fn what_the_job_has_done_before_a_restart_is_counted_and_not_done_again() {
        let states = vec![StageFilter::Dead];
        let job = job(Selection::Matching { states, filter: Filter::default() });
        let delivered = end(State::Delivered);
        let by = Some(ResendId(7));
        assert_eq!(job.pick(Seq(1), &entry(), Some(&delivered), by), Pick::Done(State::Delivered, false));
        assert_eq!(job.pick(Seq(1), &entry(), Some(&delivered), Some(ResendId(6))), Pick::No);
        assert_eq!(job.pick(Seq(1), &entry(), Some(&end(State::Dead)), Some(ResendId(6))), Pick::Yes);
    }

    #[test]
    fn a_time_range_begins_with_its_first_moment_and_ends_before_its_last() {
        let holds = |since, until| {
            let (from, to) = (Some(Millis(since)), Some(Millis(until)));
            let filter = Filter { user: Some("user_1".to_owned()), from, to, ..Filter::default() };
            let job = job(Selection::Matching { states: Vec::new(), filter });
            job.pick(Seq(1), &entry(), Some(&end(State::Failed)), None) == Pick::Yes
        };
        assert!(holds(100, 101));
        assert!(!holds(101, 200));
        assert!(!holds(0, 100));
    }
}
