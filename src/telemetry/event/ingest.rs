//! What comes in.

use super::console::some;
use crate::telemetry::repeat::LINES;
use crate::telemetry::{Telemetry, Word};
use std::time::{Duration, Instant};

/// A request was stored and is answered 200.
#[derive(Debug)]
pub(crate) struct RequestAccepted {
    /// How it is answered.
    pub(crate) code: Word,
    /// Events stored, to be delivered.
    pub(crate) stored: u64,
    /// Events stored as failed on ingest.
    pub(crate) failed: u64,
    /// Events known already.
    pub(crate) duplicate: u64,
    /// From the whole body to the answer, durable write included.
    pub(crate) took: Duration,
}

impl RequestAccepted {
    /// Writes the line and counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let Self { code, stored, failed, duplicate, took } = self;
        let meters = telemetry.meters();
        meters.ingest_requests.of(code).inc();
        for (outcome, events) in
            [(Received::Stored, stored), (Received::Failed, failed), (Received::Duplicate, duplicate)]
        {
            meters.ingest_events.of(Word::of(outcome)).inc_by(events);
        }
        meters.ingest_seconds.observe(took.as_secs_f64());
        tracing::debug!(target: "tapline::ingest", stored, failed, duplicate, "request accepted");
    }
}

/// A request was refused as a whole. What is wrong with it is told to its sender, word for word; here only the code.
#[derive(Debug)]
pub(crate) struct RequestRefused {
    /// Why.
    pub(crate) code: Word,
    /// The HTTP status it is answered with.
    pub(crate) status: u16,
    /// How many events it held; one where it could not be read.
    pub(crate) events: u64,
}

impl RequestRefused {
    /// Counts, and writes the line: where the fault is ours a warning, once a second for each code.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let Self { code, status, events } = self;
        let meters = telemetry.meters();
        meters.ingest_requests.of(code).inc();
        meters.ingest_events.of(Word::of(Received::Refused)).inc_by(events);
        let word = code.as_str();
        if status < 500 {
            tracing::debug!(target: "tapline::ingest", status, code = word, events, "request refused");
        } else if let Some(left_out) = LINES.admit(code, Instant::now()) {
            let left_out = some(left_out);
            tracing::warn!(target: "tapline::ingest", status, code = word, events, left_out, "request refused");
        }
    }
}

/// What became of an event that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Stored, to be delivered.
    Stored,
    /// Stored as failed on ingest.
    Failed,
    /// Known already, so not stored again.
    Duplicate,
    /// Refused with its whole request.
    Refused,
}

impl crate::telemetry::Listed for Received {
    const LIST: &'static [Self] = &[Self::Stored, Self::Failed, Self::Duplicate, Self::Refused];

    fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}
