//! How many requests are in flight at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests in flight, up to a limit.
#[derive(Debug)]
pub(super) struct Gauge {
    limit: usize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    /// A gauge that lets in `limit` at once.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// Counts one in until the answer is dropped; none when that is one too many. The most seen counts that one, too.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let place = Place(self);
        (now <= self.limit).then_some(place)
    }

    /// The most there ever were at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Gauge);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_is_refused_and_leaves_no_trace() {
        let gauge = Gauge::new(1);
        let first = gauge.enter();
        assert!(first.is_some());
        assert!(gauge.enter().is_none());
        drop(first);
        assert!(gauge.enter().is_some());
        assert_eq!(gauge.most(), 2);
    }
}
