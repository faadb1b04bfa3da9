//! How delivery stands, for the console, `/readyz` and `/metrics`: written by the lanes, read by anyone at any time.

use super::history::History;
use super::lane::LANES;
use super::limit::{LimitReason, LimitStatus};
use crate::clock::Millis;
use crate::telemetry::event::{UploadLimitFell, UploadSent};
use crate::telemetry::{DeliveryTotals, Listed, Telemetry, Word};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// How delivery stands.
#[derive(Debug, Default)]
pub struct DeliveryStatus {
    pause: RwLock<Option<Pause>>,
    last_answer: RwLock<Option<LastAnswer>>,
    in_flight: AtomicUsize,
    backlog: [AtomicUsize; LANES],
    limit: RwLock<Option<LimitStatus>>,
    is_breaker_open: AtomicBool,
    breaker_openings: AtomicU64,
    history: History,
    telemetry: Telemetry,
}

/// Why delivery can pause. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCode {
    /// Settings that delivery needs are missing, or can not be sent.
    NotConfigured,
    /// CleverTap has refused the account.
    Unauthorized,
    /// Uploads fail one after another; one at a time is tried.
    Unavailable,
    /// Records of one user after another are refused, even alone; one at a time is tried.
    RefusesAll,
}

impl PauseCode {
    /// Every code.
    pub const ALL: [Self; 4] = [Self::NotConfigured, Self::Unauthorized, Self::Unavailable, Self::RefusesAll];

    /// As shown, `unauthorized`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::RefusesAll => "refuses_all",
        }
    }
}

impl Listed for PauseCode {
    const LIST: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// Why nothing is delivered at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// A [`PauseCode`] as shown.
    pub code: &'static str,
    /// What happened and what to do, for the operator.
    pub message: String,
    /// Since when.
    pub since: Millis,
}

/// How the last upload was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAnswer {
    /// When.
    pub at: Millis,
    /// The HTTP status; none when no answer came.
    pub status: Option<u16>,
    /// CleverTap's word (`success`, `partial`, `fail`), or what happened instead.
    pub words: String,
}

/// What became of the records of one upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    pub(super) retried: u64,
    pub(super) rejected: u64,
}

impl DeliveryStatus {
    /// Nothing delivered so far; what happens is told to `telemetry`.
    pub fn new(telemetry: Telemetry) -> Self {
        telemetry.expect_pauses::<PauseCode>();
        telemetry.expect_limit_falls::<LimitReason>();
        Self { telemetry, ..Self::default() }
    }

    /// Why nothing is delivered at the moment, if so.
    pub fn pause(&self) -> Option<Pause> {
        self.pause.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pauses, or resumes with `None`. A pause that goes on for the same reason keeps the moment it began.
    pub fn set_pause(&self, to: Option<Pause>) {
        let mut pause = self.pause.write().unwrap_or_else(PoisonError::into_inner);
        let since = match (&*pause, &to) {
            (Some(old), Some(new)) if old.code == new.code => Some(old.since),
            _ => None,
        };
        *pause = to.map(|new| Pause { since: since.unwrap_or(new.since), ..new });
    }

    /// How the last upload was answered, if there was one.
    pub fn last_answer(&self) -> Option<LastAnswer> {
        self.last_answer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many uploads are in flight now; at most [`LANES`].
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many uploads the lanes may have in flight now, and why not all; none before delivery has started.
    pub fn limit(&self) -> Option<LimitStatus> {
        *self.limit.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the breaker is open, so that one event at a time is tried.
    pub fn is_breaker_open(&self) -> bool {
        self.is_breaker_open.load(Ordering::Relaxed)
    }

    /// How often the breaker opened since the process started.
    pub fn breaker_openings(&self) -> u64 {
        self.breaker_openings.load(Ordering::Relaxed)
    }

    /// How many evaluated events wait in each lane, those in flight included.
    pub fn backlog(&self) -> [usize; LANES] {
        std::array::from_fn(|lane| self.backlog.get(lane).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    /// What was done since the process started.
    pub fn totals(&self) -> DeliveryTotals {
        self.telemetry.totals()
    }

    /// The attempts of events that wait to be sent again.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where delivery tells what happens.
    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(super) fn upload_begins(&self, records: usize) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        UploadSent { records: records as u64 }.tell(&self.telemetry);
        InFlight(self)
    }

    pub(super) fn limit_is(&self, limit: LimitStatus, fell: Option<LimitReason>) {
        *self.limit.write().unwrap_or_else(PoisonError::into_inner) = Some(limit);
        if let Some(why) = fell {
            UploadLimitFell { why: Word::of(why) }.tell(&self.telemetry);
        }
    }

    pub(super) fn breaker_opened(&self) {
        self.is_breaker_open.store(true, Ordering::Relaxed);
        self.breaker_openings.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn breaker_closed(&self) {
        self.is_breaker_open.store(false, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, answer: LastAnswer) {
        *self.last_answer.write().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub(super) fn lane_holds(&self, lane: usize, events: usize) {
        if let Some(count) = self.backlog.get(lane) {
            count.store(events, Ordering::Relaxed);
        }
    }
}

/// An upload in flight; over when dropped, also when the lane is stopped in the middle of it.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a DeliveryStatus);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_goes_on_keeps_its_beginning() {
        let status = DeliveryStatus::default();
        let pause = |code, since| Some(Pause { code, message: String::new(), since: Millis(since) });
        status.set_pause(pause("unauthorized", 1));
        status.set_pause(pause("unauthorized", 5));
        assert_eq!(status.pause(), pause("unauthorized", 1));
        status.set_pause(pause("not_configured", 7));
        assert_eq!(status.pause(), pause("not_configured", 7));
        status.set_pause(None);
        assert_eq!(status.pause(), None);
    }

    #[test]
    fn an_upload_is_in_flight_until_it_is_dropped() {
        let status = DeliveryStatus::default();
        let upload = status.upload_begins(3);
        assert_eq!((status.in_flight(), status.totals().sent), (1, 3));
        drop(upload);
        assert_eq!((status.in_flight(), status.totals().uploads), (0, 1));
    }
}
