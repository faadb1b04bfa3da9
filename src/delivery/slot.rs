//! Leave to have a request at CleverTap.
//!
//! CleverTap counts requests in flight and not their rate: 15 uploads of an account at once (developer.clevertap.com,
//! "Upload Events", read 2026-07-03). The lanes have [`super::LANES`] of them; the other three are for what a person or a job
//! asks for beside the stream of events: connection tests, deletions and resends.

use super::lane::LANES;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests CleverTap takes at once from one account.
pub const IN_FLIGHT: usize = 15;

/// The places there are, one set for a process and account.
#[derive(Debug, Clone)]
pub struct Slots {
    spare: Arc<Semaphore>,
}

/// Leave for one request; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _held: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// The place of a lane, which is always its own.
    pub(super) fn of_lane() -> Self {
        Self { _held: None }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self { spare: Arc::new(Semaphore::new(IN_FLIGHT - LANES)) }
    }
}

impl Slots {
    /// A place beside the lanes, once one is free.
    pub async fn spare(&self) -> Slot {
        // The semaphore is never closed, so an error can not come.
        Slot { _held: self.spare.clone().acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn beside_the_lanes_three_requests_are_let_through_and_a_fourth_waits_for_one_of_them() {
        let slots = Slots::default();
        let mut held: Vec<_> = (0..3).map(|_| slots.spare().now_or_never().unwrap()).collect();
        assert!(slots.spare().now_or_never().is_none());
        held.pop();
        assert!(slots.spare().now_or_never().is_some());
    }
}
