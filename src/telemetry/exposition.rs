//! Everything `/metrics` shows, by name.
//!
//! `tests/golden/metrics.txt` lists the names, types and labels: alarms lean on them.

use super::meter::Meters;
use super::standing::{Standing, StandingCollector};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;

/// All numbers under their names.
#[derive(Debug)]
pub struct Exposition(Registry);

impl Exposition {
    /// What the content of [`Self::render`] is called in HTTP.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(super) fn new(meters: &Meters, standing: impl Fn() -> Standing + Send + Sync + 'static) -> Self {
        let mut registry = Registry::default();
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("tapline_build", "The running program", version);
        ingest(&mut registry, meters);
        journal(&mut registry, meters);
        delivery(&mut registry, meters);
        let reloads = "Times the rules directory was read anew, by whether it came into force";
        registry.register("tapline_rules_reloads", reloads, meters.rules_reloads.family());
        registry.register_collector(Box::new(StandingCollector(standing)));
        Self(registry)
    }

    /// The numbers now, in the text format of OpenMetrics 1.0.
    ///
    /// # Errors
    /// Never in practice: writing to memory does not fail.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}

fn ingest(registry: &mut Registry, meters: &Meters) {
    let requests = "Requests of the tracking API, by how they were answered";
    registry.register("tapline_ingest_requests", requests, meters.ingest_requests.family());
    let events = "Events received, by what became of them; a refused body that can not be read counts as one";
    registry.register("tapline_ingest_events", events, meters.ingest_events.family());
    let seconds = "Time from the whole body to the answer of accepted requests, durable write included";
    registry.register("tapline_ingest_duration_seconds", seconds, meters.ingest_seconds.clone());
}

fn journal(registry: &mut Registry, meters: &Meters) {
    let seconds = "Time to make a group of events durable";
    registry.register("tapline_journal_commit_duration_seconds", seconds, meters.commit_seconds.clone());
    let events = "Events that became durable together";
    registry.register("tapline_journal_commit_events", events, meters.commit_events.clone());
    let dropped = "Events dropped because their time was over; all of them had ended";
    registry.register("tapline_journal_dropped_events", dropped, meters.dropped_events.clone());
}

fn delivery(registry: &mut Registry, meters: &Meters) {
    let Meters { uploads, records_sent, records_delivered, records_retried, records_rejected, .. } = meters;
    registry.register("tapline_uploads", "Upload requests sent, whatever came back", uploads.clone());
    let answers =
        "Uploads that came back: read by record, to be sent again, refused for some record, unauthorized";
    registry.register("tapline_upload_answers", answers, meters.upload_answers.family());
    let falls = "Times that the limit of uploads in flight fell, by why";
    registry.register("tapline_upload_limit_falls", falls, meters.upload_limit_falls.family());
    let seconds = "Time from sending an upload to its answer or failure";
    registry.register("tapline_upload_duration_seconds", seconds, meters.upload_seconds.clone());
    registry.register("tapline_upload_records", "Records in an upload", meters.upload_records.clone());
    registry.register("tapline_records_sent", "Records sent, every attempt counted", records_sent.clone());
    registry.register("tapline_records_delivered", "Records taken by CleverTap", records_delivered.clone());
    let retried = "Records to be sent again, every time counted";
    registry.register("tapline_records_retried", retried, records_retried.clone());
    registry.register(
        "tapline_records_rejected",
        "Records that ended as dead letters",
        records_rejected.clone(),
    );
    let left_out = "Push tokens not sent because the same was sent before";
    registry.register("tapline_tokens_left_out", left_out, meters.tokens_left_out.clone());
    let age = "Age of events when CleverTap had taken them, since they were received";
    registry.register("tapline_delivery_age_seconds", age, meters.delivery_age_seconds.clone());
    let pauses = "Times that delivery paused until an operator does something";
    registry.register("tapline_delivery_pauses", pauses, meters.delivery_pauses.family());
}
