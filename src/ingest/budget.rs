//! The bytes of all requests under way, bounded together, so that slow disks and many senders never become memory.
//!
//! Deliberately no waiting: who finds the budget used up is told to come back, and the sender's own queue does the
//! waiting.

use super::code::{Code, Complaint};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many bytes may be under way.
#[derive(Debug)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    bound: usize,
}

/// One request's share; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    used: Arc<AtomicUsize>,
    bound: usize,
    bytes: usize,
}

impl Budget {
    /// A budget of `bound` bytes.
    pub(crate) fn new(bound: usize) -> Self {
        Self { used: Arc::default(), bound }
    }

    /// An empty share.
    pub(crate) fn share(&self) -> Share {
        Share { used: Arc::clone(&self.used), bound: self.bound, bytes: 0 }
    }
}

impl Share {
    /// Takes `bytes` more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Complaint> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before.saturating_add(bytes) > self.bound {
            let message =
                "too many bytes are under way at this moment; send again after the time in `Retry-After`";
            return Err(Complaint::new(Code::Overloaded, message).retry_after(Duration::from_secs(1)));
        }
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.used.fetch_sub(excess, Ordering::Relaxed);
        self.bytes -= excess;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_bound_is_told_to_come_back_and_gives_its_share_back() {
        let budget = Budget::new(10);
        let mut first = budget.share();
        first.grow(8).unwrap();
        let refused = budget.share().grow(3).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Overloaded, Some(Duration::from_secs(1))));
        budget.share().grow(2).unwrap();
        first.shrink_to(1);
        budget.share().grow(9).unwrap();
        drop(first);
        budget.share().grow(10).unwrap();
    }
}
