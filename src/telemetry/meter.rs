//! The numbers that events move. Counters begin at zero when the process starts.
//!
//! Names follow Prometheus' conventions: `tapline_<what>_<unit>_total`, seconds and bytes. Every series of a label is there
//! from the start, at zero, so that a rate has a beginning.
//! Source: <https://prometheus.io/docs/practices/naming/>, read 2026-11.

use super::event::{Received, Reload, UploadOutcome};
use super::exposition::Exposition;
use super::standing::Standing;
use super::word::{Listed, Word};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::sync::Arc;

/// Around what a durable write takes on a good disk, and up to what a bad one does.
const DISK_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// From an answer next door to the longest that is waited for one.
const NETWORK_SECONDS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From an event that goes through to one that waited for days while CleverTap was down.
const AGE_SECONDS: [f64; 13] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0];
/// An upload takes 1000 records at most.
const RECORDS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// A group can be many requests.
const GROUP: [f64; 10] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0];

/// Where things that happen are told. Clones tell the same; each application has its own.
#[derive(Clone, Default)]
pub struct Telemetry(Arc<Meters>);

/// Every number that events move.
pub(super) struct Meters {
    pub(super) ingest_requests: Words,
    pub(super) ingest_events: Words,
    pub(super) ingest_seconds: Histogram,
    pub(super) commit_seconds: Histogram,
    pub(super) commit_events: Histogram,
    pub(super) dropped_events: Counter,
    pub(super) uploads: Counter,
    pub(super) upload_answers: Words,
    pub(super) upload_limit_falls: Words,
    pub(super) upload_seconds: Histogram,
    pub(super) upload_records: Histogram,
    pub(super) records_sent: Counter,
    pub(super) records_delivered: Counter,
    pub(super) records_retried: Counter,
    pub(super) records_rejected: Counter,
    pub(super) tokens_left_out: Counter,
    pub(super) delivery_age_seconds: Histogram,
    pub(super) delivery_pauses: Words,
    pub(super) rules_reloads: Words,
}

/// A counter for each word of a list.
pub(super) struct Words {
    label: &'static str,
    counters: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Words {
    fn new(label: &'static str) -> Self {
        Self { label, counters: Family::default() }
    }

    fn listing<T: Listed>(label: &'static str) -> Self {
        let words = Self::new(label);
        words.expect::<T>();
        words
    }

    fn expect<T: Listed>(&self) {
        for value in T::LIST {
            self.of(Word::of(*value));
        }
    }

    /// The counters as they are shown.
    pub(super) fn family(&self) -> Family<[(&'static str, &'static str); 1], Counter> {
        self.counters.clone()
    }

    /// The counter of a word.
    pub(super) fn of(&self, word: Word) -> Counter {
        self.counters.get_or_create(&[(self.label, word.as_str())]).clone()
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            ingest_requests: Words::new("code"),
            ingest_events: Words::listing::<Received>("outcome"),
            ingest_seconds: Histogram::new(DISK_SECONDS),
            commit_seconds: Histogram::new(DISK_SECONDS),
            commit_events: Histogram::new(GROUP),
            dropped_events: Counter::default(),
            uploads: Counter::default(),
            upload_answers: Words::listing::<UploadOutcome>("outcome"),
            upload_limit_falls: Words::new("reason"),
            upload_seconds: Histogram::new(NETWORK_SECONDS),
            upload_records: Histogram::new(RECORDS),
            records_sent: Counter::default(),
            records_delivered: Counter::default(),
            records_retried: Counter::default(),
            records_rejected: Counter::default(),
            tokens_left_out: Counter::default(),
            delivery_age_seconds: Histogram::new(AGE_SECONDS),
            delivery_pauses: Words::new("code"),
            rules_reloads: Words::listing::<Reload>("outcome"),
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    pub(super) fn meters(&self) -> &Meters {
        &self.0
    }

    /// Has a series for each code with which requests are answered, before the first one is.
    pub(crate) fn expect_answers<T: Listed>(&self) {
        self.0.ingest_requests.expect::<T>();
    }

    /// Has a series for each code with which delivery can pause, before it does.
    pub(crate) fn expect_pauses<T: Listed>(&self) {
        self.0.delivery_pauses.expect::<T>();
    }

    /// Has a series for each reason for which the limit of uploads can fall, before it does.
    pub(crate) fn expect_limit_falls<T: Listed>(&self) {
        self.0.upload_limit_falls.expect::<T>();
    }

    /// What delivery did since the process started.
    pub(crate) fn totals(&self) -> DeliveryTotals {
        let meters = self.meters();
        DeliveryTotals {
            uploads: meters.uploads.get(),
            sent: meters.records_sent.get(),
            delivered: meters.records_delivered.get(),
            retried: meters.records_retried.get(),
            rejected: meters.records_rejected.get(),
            tokens_left_out: meters.tokens_left_out.get(),
        }
    }

    /// What `/metrics` shows; `standing` is asked at every scrape.
    pub fn exposition(&self, standing: impl Fn() -> Standing + Send + Sync + 'static) -> Exposition {
        Exposition::new(self.meters(), standing)
    }
}

/// A copy of what delivery did until one moment. Counts records where it does not say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct DeliveryTotals {
    /// Upload requests, whatever came back.
    pub uploads: u64,
    /// Sent, every attempt counted.
    pub sent: u64,
    /// Taken by CleverTap.
    pub delivered: u64,
    /// To be sent again, every time counted.
    pub retried: u64,
    /// Ended as dead letters.
    pub rejected: u64,
    /// Push tokens not sent, because the same was sent for the same objectId before.
    pub tokens_left_out: u64,
}
