//! How everything stands at one moment: what is read from the rooms at a scrape and not counted along.

use super::repeat::LINES;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use std::fmt;

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The events; read in one piece, so that they add up.
    pub events: EventStanding,
    /// The log on the disk.
    pub journal: JournalStanding,
    /// What goes out.
    pub delivery: DeliveryStanding,
    /// The rules.
    pub rules: RulesStanding,
}

/// Events since the data directory was made. Always `accepted = delivered + filtered + failed + dead + pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventStanding {
    /// Stored, duplicates not counted.
    pub accepted: u64,
    /// Taken by CleverTap.
    pub delivered: u64,
    /// Left out by a rule.
    pub filtered: u64,
    /// Refused by ingest or by a rule.
    pub failed: u64,
    /// Refused by CleverTap, or lost to damage.
    pub dead: u64,
    /// Without an end so far.
    pub pending: u64,
}

/// The log on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalStanding {
    /// Whether it can write.
    pub writable: bool,
    /// Whether a bound is reached.
    pub full: bool,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes of events that have not ended, about.
    pub pending_bytes: u64,
    /// Events found damaged since the start.
    pub damaged_events: u64,
    /// The first event that is kept.
    pub first_kept: u64,
    /// Free bytes of the file system; none where it does not tell.
    pub free_bytes: Option<u64>,
}

/// What goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryStanding {
    /// Whether it waits for an operator.
    pub paused: bool,
    /// Uploads in flight.
    pub in_flight: u64,
    /// How many may be at once.
    pub limit: u64,
    /// Evaluated events in the lanes, those in flight included.
    pub backlog: u64,
}

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesStanding {
    /// Whether the newest are the ones in force.
    pub newest_is_live: bool,
    /// The pack in force.
    pub pack: String,
    /// The revision in force.
    pub revision: String,
}

/// Asks how everything stands whenever somebody scrapes.
pub(super) struct StandingCollector<F>(pub(super) F);

impl<F> fmt::Debug for StandingCollector<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandingCollector")
    }
}

impl<F: Fn() -> Standing + Send + Sync + 'static> Collector for StandingCollector<F> {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Standing { events, journal, delivery, rules } = (self.0)();
        events.encode(&mut encoder)?;
        journal.encode(&mut encoder)?;
        delivery.encode(&mut encoder)?;
        let help = "Whether the newest rules are the ones in force";
        let newest = u64::from(rules.newest_is_live);
        gauge(&mut encoder, "tapline_config_last_reload_successful", help, newest)?;
        let left_out = "Lines of the log left out because the same was written within the same second";
        counter(&mut encoder, "tapline_log_lines_left_out", left_out, LINES.left_out())?;
        let info = Info::new(vec![("pack", rules.pack), ("revision", rules.revision)]);
        let described =
            encoder.encode_descriptor("tapline_rules", "The rules in force", None, info.metric_type())?;
        info.encode(described)
    }
}

impl EventStanding {
    fn encode(self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let Self { accepted, delivered, filtered, failed, dead, pending } = self;
        let help = "Events stored since the data directory was made, duplicates not counted";
        counter(encoder, "tapline_events_accepted", help, accepted)?;
        // A gauge, because what is sent again moves an event from one end to another.
        let (kind, help) = (ConstGauge::new(0i64).metric_type(), "Events that have ended, by how they stand");
        let mut family = encoder.encode_descriptor("tapline_events_ended", help, None, kind)?;
        let states = [("delivered", delivered), ("filtered", filtered), ("failed", failed), ("dead", dead)];
        for (state, count) in states {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&[("state", state)])?)?;
        }
        gauge(encoder, "tapline_events_pending", "Events that have not ended yet", pending)
    }
}

impl JournalStanding {
    fn encode(self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let Self { writable, full, bytes, pending_bytes, damaged_events, first_kept, free_bytes } = self;
        let help = "Whether the journal can write";
        gauge(encoder, "tapline_journal_writable", help, u64::from(writable))?;
        let help = "Whether events are refused until there is room; /readyz says why and what to do";
        gauge(encoder, "tapline_journal_full", help, u64::from(full))?;
        gauge(encoder, "tapline_journal_bytes", "Bytes of the journal on the disk", bytes)?;
        let help = "Bytes on the disk of events that have not ended, about";
        gauge(encoder, "tapline_journal_pending_bytes", help, pending_bytes)?;
        let help = "Stored events found damaged since the start; the log names their places";
        counter(encoder, "tapline_journal_damaged_events", help, damaged_events)?;
        let help = "The first event that is kept; those before it ended, are counted, and were dropped";
        gauge(encoder, "tapline_journal_first_kept_event", help, first_kept)?;
        match free_bytes {
            Some(free) => {
                let help = "Free bytes of the file system that holds the journal";
                gauge(encoder, "tapline_disk_free_bytes", help, free)
            }
            None => Ok(()),
        }
    }
}

impl DeliveryStanding {
    fn encode(self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let Self { paused, in_flight, limit, backlog } = self;
        let help = "Whether nothing is delivered until an operator does something";
        gauge(encoder, "tapline_delivery_paused", help, u64::from(paused))?;
        gauge(encoder, "tapline_uploads_in_flight", "Uploads in flight", in_flight)?;
        gauge(encoder, "tapline_uploads_limit", "Uploads that may be in flight at once", limit)?;
        let help = "Evaluated events in the lanes, those in flight included";
        gauge(encoder, "tapline_lanes_events", help, backlog)
    }
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}
