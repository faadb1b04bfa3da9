//! How much ingest takes.

use std::time::Duration;

/// Bounds on what a sender may send. Sizes are in bytes, 1 KB being 1024 of them.
///
/// The defaults of the first three are Segment's own:
/// <https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#max-request-size>, read 2026-11.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One call, as it came and once more with the batch's shared parts: 32 KB.
    pub event_bytes: usize,
    /// A batch, as it came over the wire: 500 KB.
    pub batch_bytes: usize,
    /// Calls in a batch: 2500.
    pub batch_events: usize,
    /// Calls in an array from Segment's webhook, whose bytes are bounded as those of an inflated batch: 4000.
    /// Source: Segment's Webhooks (Actions) destination, whose batches have 1000 calls unless told otherwise and 4000 at
    /// most; what is refused with 413 Segment does not send again. Read 2026-11.
    pub webhook_events: usize,
    /// A batch after inflating, and all repetitions of its shared parts together: 4 MB.
    pub inflated_bytes: usize,
    /// The time the whole body has: 10 s. The server itself sets none.
    pub body_deadline: Duration,
    /// The time before a body must keep [`Self::body_rate`]: 3 s.
    pub body_grace: Duration,
    /// Bytes a second that a body must bring after the grace: 1 KB.
    pub body_rate: u32,
    /// Bytes of all requests under way together: 64 MB. More is answered 429 until some are done.
    pub in_flight_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 32 * 1024,
            batch_bytes: 500 * 1024,
            batch_events: 2500,
            webhook_events: 4000,
            inflated_bytes: 4 * 1024 * 1024,
            body_deadline: Duration::from_secs(10),
            body_grace: Duration::from_secs(3),
            body_rate: 1024,
            in_flight_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Characters a `messageId` may have.
/// Source: <https://segment.com/docs/connections/spec/common/>, read 2026-11.
pub(crate) const MESSAGE_ID_CHARS: usize = 100;
