//! What is read from the rooms at the moment of a scrape, so that the figures can not drift from the truth.

use super::App;
use crate::delivery::DeliveryStatus;
use crate::ingest::IngestMetrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;

/// Everything `/metrics` shows.
pub(super) fn registry(app: &App, ingest: &IngestMetrics) -> Registry {
    let mut registry = Registry::default();
    registry.register(
        "tapline_build",
        "The running program",
        Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
    );
    ingest.register(&mut registry);
    registry.register_collector(Box::new(Rooms(app.clone())));
    registry
}

/// Reads the rooms when asked.
struct Rooms(App);

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rooms")
    }
}

impl Collector for Rooms {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let counts = self.0.journal.counts();
        let accepted = "Events stored since the data directory was made, duplicates not counted";
        counter(&mut encoder, "tapline_events_accepted", accepted, counts.accepted)?;
        ended(
            &mut encoder,
            [
                ("delivered", counts.delivered),
                ("filtered", counts.filtered),
                ("failed", counts.failed),
                ("dead", counts.dead),
            ],
        )?;
        gauge(&mut encoder, "tapline_events_pending", "Events that have not ended yet", counts.pending)?;
        let writable = u64::from(self.0.journal.broken().is_none());
        gauge(&mut encoder, "tapline_journal_writable", "Whether the journal can write", writable)?;
        let usage = self.0.journal.usage();
        let full = u64::from(self.0.journal.full().is_some());
        let help = "Whether events are refused until there is room; /readyz says why and what to do";
        gauge(&mut encoder, "tapline_journal_full", help, full)?;
        gauge(&mut encoder, "tapline_journal_bytes", "Bytes of the journal on the disk", usage.disk_bytes)?;
        let help = "Bytes on the disk of events that have not ended, about";
        gauge(&mut encoder, "tapline_journal_pending_bytes", help, usage.pending_bytes)?;
        let help = "Stored events found damaged since the start; the log names their places";
        gauge(&mut encoder, "tapline_journal_damaged_events", help, usage.lost_events)?;
        let help = "The first event that is kept; those before it ended, are counted, and were dropped";
        gauge(&mut encoder, "tapline_journal_kept_from", help, self.0.journal.kept_from().0)?;
        let paused = u64::from(self.0.delivery.pause().is_some());
        gauge(&mut encoder, "tapline_delivery_paused", "Whether nothing is delivered at the moment", paused)?;
        deliveries(&mut encoder, &self.0.delivery)?;
        let reloaded = u64::from(self.0.rules.problem().is_none());
        let help = "Whether the newest rules are the ones in force";
        gauge(&mut encoder, "tapline_config_last_reload_successful", help, reloaded)?;
        let plan = self.0.rules.plan();
        let info =
            Info::new(vec![("pack", plan.pack().to_owned()), ("revision", plan.revision().to_owned())]);
        let described =
            encoder.encode_descriptor("tapline_rules", "The rules in force", None, info.metric_type())?;
        info.encode(described)
    }
}

fn deliveries(encoder: &mut DescriptorEncoder, status: &DeliveryStatus) -> fmt::Result {
    let totals = status.totals();
    counter(encoder, "tapline_uploads", "Upload requests sent, whatever came back", totals.uploads)?;
    counter(encoder, "tapline_records_sent", "Records sent, every attempt counted", totals.sent)?;
    counter(encoder, "tapline_records_delivered", "Records taken by CleverTap", totals.delivered)?;
    counter(
        encoder,
        "tapline_records_retried",
        "Records to be sent again, every time counted",
        totals.retried,
    )?;
    counter(encoder, "tapline_records_rejected", "Records that ended as dead letters", totals.rejected)?;
    let left_out = "Push tokens not sent because the same was sent before";
    counter(encoder, "tapline_tokens_left_out", left_out, totals.tokens_left_out)?;
    gauge(encoder, "tapline_uploads_in_flight", "Uploads in flight", status.in_flight() as u64)?;
    let backlog: usize = status.backlog().iter().sum();
    gauge(encoder, "tapline_lanes_backlog", "Evaluated events that wait in the lanes", backlog as u64)
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

fn ended(encoder: &mut DescriptorEncoder, states: [(&'static str, u64); 4]) -> fmt::Result {
    let kind = ConstCounter::new(0u64).metric_type();
    let help = "Events that have ended, by how";
    let mut family = encoder.encode_descriptor("tapline_events_ended", help, None, kind)?;
    for (state, count) in states {
        ConstCounter::new(count).encode(family.encode_family(&[("state", state)])?)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}
