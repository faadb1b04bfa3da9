//! Flags about how much ingest takes.

use crate::ingest::Limits;
use std::time::Duration;

/// Bounds on what a sender may send; the defaults are Segment's own where it has them.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Bytes of one call
    #[arg(long, env = "TAPLINE_MAX_EVENT_BYTES", value_name = "BYTES", default_value_t = Limits::default().event_bytes)]
    max_event_bytes: usize,
    /// Bytes of a batch as it comes over the wire
    #[arg(long, env = "TAPLINE_MAX_BATCH_BYTES", value_name = "BYTES", default_value_t = Limits::default().batch_bytes)]
    max_batch_bytes: usize,
    /// Calls in a batch
    #[arg(long, env = "TAPLINE_MAX_BATCH_EVENTS", value_name = "COUNT", default_value_t = Limits::default().batch_events)]
    max_batch_events: usize,
    /// Bytes of a batch after inflating
    #[arg(long, env = "TAPLINE_MAX_INFLATED_BYTES", value_name = "BYTES", default_value_t = Limits::default().inflated_bytes)]
    max_inflated_bytes: usize,
    /// Bytes of all requests under way together
    #[arg(long, env = "TAPLINE_MAX_IN_FLIGHT_BYTES", value_name = "BYTES", default_value_t = Limits::default().in_flight_bytes)]
    max_in_flight_bytes: usize,
    /// Seconds that a whole request body has
    #[arg(long, env = "TAPLINE_BODY_TIMEOUT", value_name = "SECONDS", default_value_t = Limits::default().body_deadline.as_secs())]
    body_timeout: u64,
}

impl LimitArgs {
    /// The limits, if they fit together.
    pub(super) fn limits(&self) -> Result<Limits, String> {
        if self.max_event_bytes == 0 || self.max_batch_events == 0 {
            return Err("expected --max-event-bytes and --max-batch-events to be above zero".to_owned());
        }
        if self.max_batch_bytes < self.max_event_bytes || self.max_inflated_bytes < self.max_batch_bytes {
            return Err(format!(
                "expected --max-event-bytes ≤ --max-batch-bytes ≤ --max-inflated-bytes, found {}, {} and {}",
                self.max_event_bytes, self.max_batch_bytes, self.max_inflated_bytes
            ));
        }
        // The largest request alone: its body as it came, inflated, and its events with the batch's shared parts.
        let largest = self.max_inflated_bytes.saturating_mul(3);
        if self.max_in_flight_bytes < largest {
            return Err(format!(
                "expected --max-in-flight-bytes to be at least three times --max-inflated-bytes ({largest}), found {}",
                self.max_in_flight_bytes
            ));
        }
        let defaults = Limits::default();
        let body_deadline = Duration::from_secs(self.body_timeout);
        Ok(Limits {
            event_bytes: self.max_event_bytes,
            batch_bytes: self.max_batch_bytes,
            batch_events: self.max_batch_events,
            inflated_bytes: self.max_inflated_bytes,
            in_flight_bytes: self.max_in_flight_bytes,
            body_deadline,
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn limits(flags: &[&str]) -> Result<Limits, String> {
        Flags::try_parse_from([&["flags"], flags].concat()).unwrap().limits.limits()
    }

    #[test]
    fn without_flags_the_limits_are_the_defaults() {
        assert_eq!(limits(&[]).unwrap(), Limits::default());
    }

    #[test]
    fn limits_that_do_not_fit_together_are_refused() {
        assert!(limits(&["--max-event-bytes", "0"]).is_err());
        assert!(limits(&["--max-event-bytes", "600000"]).is_err());
        assert!(limits(&["--max-batch-bytes", "5000000"]).is_err());
        assert!(limits(&["--max-inflated-bytes", "30000000"]).is_err());
        assert!(limits(&["--max-inflated-bytes", "20000000"]).is_ok());
    }
}
