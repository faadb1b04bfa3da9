//! Asking for events to be sent again, looking at jobs, and cancelling them.

use super::book;
use super::job::{JobState, Mode, ResendJob, Selection, Tally};
use crate::admin::{Admin, AdminError, Digest, IdempotencyKey};
use crate::journal::{ResendId, Seq};
use crate::telemetry::event::ResendAsked;
use serde::Serialize;

/// How many events may be named one by one.
pub const MOST_EVENTS: usize = 1000;

/// How many jobs may wait at once.
const MOST_WAITING: usize = 50;

/// How many bytes an edited event may have, as one call of Segment's tracking API.
const MOST_BYTES: usize = 32 * 1024;

/// What is sent of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// What the rules it was evaluated with make of it.
    Same,
    /// What the rules in force make of it.
    Current,
    /// What the rules in force make of this, JSON, instead.
    Edited(String),
}

impl Payload {
    /// The mode of its job.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Same => Mode::Same,
            Self::Current => Mode::Current,
            Self::Edited(_) => Mode::Edited,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResendOrder {
    /// Which events.
    pub selection: Selection,
    /// What is sent of them.
    pub payload: Payload,
    /// Whether delivered events are sent again, too.
    pub include_delivered: bool,
}

/// What is wrong with an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderProblem {
    /// No event is named.
    #[error("expected at least one event, found none")]
    NoEvent,
    /// More than can be named one by one.
    #[error("expected at most {MOST_EVENTS} events, found {0}; choose them by a filter")]
    TooManyEvents(usize),
    /// There is no such event.
    #[error("there is no event `{0}`")]
    NoSuchEvent(Seq),
    /// An edited copy stands for one event.
    #[error("expected one event for an edited copy, found {0}")]
    EditedNeedsOne(String),
    /// The edited copy is not an event.
    #[error("expected an event as a JSON object, found something else: {0}")]
    NotAnEvent(String),
    /// It would take back that events were delivered.
    #[error(
        "delivered events can not be sent again while the sandbox is on: they would count as taken by it"
    )]
    DeliveredInSandbox,
    /// The edited copy is too large.
    #[error("expected an event of at most {MOST_BYTES} bytes, found {0}")]
    TooLarge(usize),
}

impl OrderProblem {
    /// Whether it is about the edited copy and not about the selection.
    pub fn is_about_payload(&self) -> bool {
        matches!(self, Self::EditedNeedsOne(_) | Self::NotAnEvent(_) | Self::TooLarge(_))
    }
}

/// What comes of asking.
#[derive(Debug)]
pub enum OrderOutcome {
    /// A job was made, or had been made for the same key and request before.
    Taken(Box<ResendJob>),
    /// It can not be done.
    Unfit(Vec<OrderProblem>),
    /// The key came with another request before.
    KeyReused,
    /// So many jobs wait already.
    TooManyWaiting(usize),
}

impl ResendOrder {
    /// Everything that is wrong with it, for a log that ends at `end`. Puts the places in order.
    fn check(&mut self, end: Seq) -> Vec<OrderProblem> {
        let mut problems = Vec::new();
        let mut named = "a filter".to_owned();
        if let Selection::Events(places) = &mut self.selection {
            places.sort_unstable();
            places.dedup();
            named = places.len().to_string();
            match places.len() {
                0 => problems.push(OrderProblem::NoEvent),
                1..=MOST_EVENTS => {}
                more => problems.push(OrderProblem::TooManyEvents(more)),
            }
            let missing = places.iter().filter(|place| **place >= end);
            problems.extend(missing.take(10).map(|place| OrderProblem::NoSuchEvent(*place)));
        }
        if let Payload::Edited(event) = &self.payload {
            if named != "1" {
                problems.push(OrderProblem::EditedNeedsOne(named));
            }
            if event.len() > MOST_BYTES {
                problems.push(OrderProblem::TooLarge(event.len()));
            } else if let Err(error) = serde_json::from_str::<serde_json::Map<_, _>>(event) {
                // The position only: serde's own words would quote the value.
                let place = format!("line {} column {}", error.line(), error.column());
                problems.push(OrderProblem::NotAnEvent(place));
            }
        }
        problems
    }

    /// The job for it, in a log that is kept from `kept` to `end`.
    pub(super) fn job(&self, kept: Seq, end: Seq) -> ResendJob {
        let (from, until) = match &self.selection {
            Selection::Events(places) => (
                places.first().copied().unwrap_or_default(),
                places.last().map(|last| last.next()).unwrap_or_default(),
            ),
            Selection::Matching { .. } => (kept, end),
        };
        ResendJob {
            version: 1,
            id: ResendId(0),
            selection: self.selection.clone(),
            mode: self.payload.mode(),
            include_delivered: self.include_delivered,
            from,
            until,
            cursor: from,
            state: JobState::Waiting,
            tally: Tally::default(),
            created_by: String::new(),
            created_at: crate::clock::Millis(0),
            started_at: None,
            ended_at: None,
            cancelled_by: None,
            key: None,
        }
    }
}

impl Admin {
    /// Checks an order without making a job; gives it with its places in order.
    pub(super) fn checked(&self, mut order: ResendOrder) -> Result<ResendOrder, Vec<OrderProblem>> {
        let mut problems = order.check(self.ground.journal.end());
        if order.include_delivered && self.is_sandbox() {
            problems.push(OrderProblem::DeliveredInSandbox);
        }
        if problems.is_empty() { Ok(order) } else { Err(problems) }
    }

    /// Makes a job, in the name of `who`. The same `key` with the same order gives the job that was made for it.
    pub async fn resend(
        &self,
        order: ResendOrder,
        who: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<OrderOutcome, AdminError> {
        let order = match self.checked(order) {
            Ok(order) => order,
            Err(problems) => return Ok(OrderOutcome::Unfit(problems)),
        };
        let key = match key {
            // A caller's keys are his own, so that nobody meets another's.
            Some(key) => Some((
                Digest::for_purpose(who, &key.digest().to_text()),
                Digest::of_bytes(&crate::admin::encode("order", &order)?),
            )),
            None => None,
        };
        let mut job = order.job(self.ground.journal.kept_from(), self.ground.journal.end());
        (job.created_by, job.created_at, job.key) = (who.to_owned(), self.now(), key);
        let _one_at_a_time = self.ordering.lock().await;
        let outcome = self
            .stored(move |store| {
                let jobs = book::kept_jobs(store)?;
                if let Some((key, request)) = &job.key
                    && let Some((known, (_, before))) =
                        jobs.iter().find_map(|job| Some((job, job.key.filter(|(known, _)| known == key)?)))
                {
                    return Ok(match before == *request {
                        true => OrderOutcome::Taken(Box::new(known.clone())),
                        false => OrderOutcome::KeyReused,
                    });
                }
                let waiting = jobs.iter().filter(|job| book::is_open(job)).count();
                if waiting >= MOST_WAITING {
                    return Ok(OrderOutcome::TooManyWaiting(waiting));
                }
                job.id = ResendId(jobs.first().map_or(0, |newest| newest.id.0) + 1);
                let edited = match &order.payload {
                    Payload::Edited(event) => Some(event.as_str()),
                    Payload::Same | Payload::Current => None,
                };
                book::add(store, &job, edited, &jobs)?;
                Ok(OrderOutcome::Taken(Box::new(job)))
            })
            .await?;
        if let OrderOutcome::Taken(job) = &outcome {
            ResendAsked { job: job.id.0, mode: job.mode.name() }.tell();
            self.resends.notify_one();
        }
        Ok(outcome)
    }

    /// Told when there is a job to carry out, or one was cancelled.
    pub fn resends_changed(&self) -> std::sync::Arc<tokio::sync::Notify> {
        self.resends.clone()
    }

    /// Jobs before `before` (or the newest), at most so many, and the number that the next page begins before.
    pub async fn resend_jobs(
        &self,
        before: Option<ResendId>,
        most: usize,
    ) -> Result<(Vec<ResendJob>, Option<ResendId>), AdminError> {
        self.stored(move |store| {
            let mut jobs = book::kept_jobs(store)?;
            jobs.retain(|job| before.is_none_or(|before| job.id < before));
            let more = jobs.len() > most;
            jobs.truncate(most);
            let next = jobs.last().map(|job| job.id).filter(|_| more);
            Ok((jobs, next))
        })
        .await
    }

    /// One job.
    pub async fn resend_job(&self, id: ResendId) -> Result<Option<ResendJob>, AdminError> {
        self.stored(move |store| book::kept_job(store, id)).await
    }

    /// Cancels a job, in the name of `who`: what is in flight is answered and counted, nothing more is sent. Does nothing
    /// to one that is over. Gives it as it is then.
    pub async fn cancel_resend(&self, id: ResendId, who: &str) -> Result<Option<ResendJob>, AdminError> {
        let (who, now) = (who.to_owned(), self.now());
        let job = self
            .stored(move |store| {
                book::update_job(store, id, |job| {
                    if job.state.is_over() {
                        return;
                    }
                    job.cancelled_by.get_or_insert_with(|| who.clone());
                    // One that was not begun has nothing in flight.
                    if job.state == JobState::Waiting {
                        (job.state, job.ended_at) = (JobState::Cancelled, Some(now));
                    }
                })
            })
            .await?;
        self.resends.notify_one();
        Ok(job)
    }
}
