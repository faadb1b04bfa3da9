//! What ingest counts. Every label has a fixed, small set of values; none comes from a sender.

use super::code::Code;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Around what a durable write takes on a good disk, and up to what a bad one does.
const SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Counters of ingest. Clones count into the same ones.
#[derive(Debug, Clone)]
pub struct IngestMetrics {
    answers: Family<Answer, Counter>,
    events: Family<Event, Counter>,
    seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    status: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    outcome: &'static str,
}

/// What became of the events of one stored request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Stored, to be delivered.
    pub(crate) stored: u64,
    /// Stored as failed on ingest.
    pub(crate) failed: u64,
    /// Known already.
    pub(crate) duplicate: u64,
}

impl Default for IngestMetrics {
    fn default() -> Self {
        let seconds = Histogram::new(SECONDS);
        Self { answers: Family::default(), events: Family::default(), seconds }
    }
}

impl IngestMetrics {
    /// Makes the counters visible under their names.
    pub fn register(&self, registry: &mut Registry) {
        let answers = "Answers to requests of the tracking API";
        registry.register("tapline_ingest_answers", answers, self.answers.clone());
        let events = "Events of accepted requests: stored, failed on ingest, or known already";
        registry.register("tapline_ingest_events", events, self.events.clone());
        let seconds = "Time from the whole body to the answer of accepted requests, durable write included";
        registry.register("tapline_ingest_seconds", seconds, self.seconds.clone());
    }

    pub(crate) fn count_answer(&self, code: Code) {
        let status = match code.status() {
            200..300 => "2xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.answers.get_or_create(&Answer { status, code: code.as_str() }).inc();
    }

    pub(crate) fn count_events(&self, tally: Tally, took: Duration) {
        for (outcome, count) in
            [("stored", tally.stored), ("failed", tally.failed), ("duplicate", tally.duplicate)]
        {
            if count > 0 {
                self.events.get_or_create(&Event { outcome }).inc_by(count);
            }
        }
        self.seconds.observe(took.as_secs_f64());
    }
}
