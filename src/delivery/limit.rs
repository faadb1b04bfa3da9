//! How many uploads the lanes may have in flight, learned from CleverTap's answers: pure, told the time by its caller.
//!
//! The limit falls by a share when CleverTap says 429 or when uploads take clearly longer than they used to, and rises
//! by one after as many good answers as it lets through: additive increase, multiplicative decrease, as TCP and Vector's
//! adaptive request concurrency have it (vector.dev/blog/adaptive-request-concurrency, read 2026-11). Deliberately
//! without an opinion on failures: when nothing works, fewer requests at once help nobody, and the breaker decides.
//!
//! First thing to know: only requests that began under the present limit are judged. One that began before the last fall
//! tells of the limit that was.

use crate::telemetry::Listed;
use std::time::Duration;
use tokio::time::Instant;

/// How the limit moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitPolicy {
    /// To how much of itself the limit falls, in percent. It falls by one at least, and never below one.
    pub fall_percent: u32,
    /// From which part of its usual time on an upload is slow, in percent.
    pub slow_percent: u32,
    /// How much longer than usual it must take besides, so that a few milliseconds mean nothing.
    pub slow_by: Duration,
    /// How far the usual time follows what was seen last, in percent: a peer that stays slow becomes usual.
    pub learn_percent: u32,
}

impl Default for LimitPolicy {
    fn default() -> Self {
        Self { fall_percent: 85, slow_percent: 200, slow_by: Duration::from_millis(250), learn_percent: 20 }
    }
}

/// Why the limit is below its most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReason {
    /// CleverTap answered 429.
    TooManyRequests,
    /// Uploads took clearly longer than usual.
    Latency,
}

impl Listed for LimitReason {
    const LIST: &'static [Self] = &[Self::TooManyRequests, Self::Latency];

    fn word(self) -> &'static str {
        match self {
            Self::TooManyRequests => "too_many_requests",
            Self::Latency => "latency",
        }
    }
}

/// How the limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStatus {
    /// Uploads that may be in flight.
    pub now: usize,
    /// The most that may ever be.
    pub most: usize,
    /// Why it fell last; none when it is back at the most.
    pub why: Option<LimitReason>,
}

/// What one upload says about the limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// When the request was sent.
    pub(super) begun: Instant,
    /// How many records it carried; large uploads take longer.
    pub(super) records: usize,
    /// How it was answered.
    pub(super) kind: SampleKind,
}

/// How an upload was answered, as far as the limit cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleKind {
    /// Record by record.
    Good,
    /// With 429.
    TooMany,
    /// Not within the time limit.
    Late,
}

/// Uploads of like size are compared: below 10 records, below 100, and so on.
const SIZES: usize = 4;

/// The limit, and what it is judged by.
#[derive(Debug)]
pub(super) struct Limit {
    policy: LimitPolicy,
    status: LimitStatus,
    usual: [Option<Duration>; SIZES],
    fell_at: Option<Instant>,
    window: Window,
}

/// The answers since the limit was judged last.
#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    answers: usize,
    slow: usize,
    /// Whether a lane had to wait, or nearly: a limit that nobody reaches says nothing about a higher one.
    reached: bool,
    took: [(Duration, u32); SIZES],
}

impl Limit {
    /// Starts at the most, which is what CleverTap documents.
    pub(super) fn new(policy: LimitPolicy, most: usize) -> Self {
        let status = LimitStatus { now: most, most, why: None };
        Self { policy, status, usual: [None; SIZES], fell_at: None, window: Window::default() }
    }

    /// The most that may be in flight from now on. Where it was at the most before, it is so again.
    pub(super) fn set_most(&mut self, most: usize) {
        let was_at_most = self.status.now == self.status.most;
        self.status.now = if was_at_most { most } else { self.status.now.min(most) };
        self.status.most = most;
        if self.status.now == most {
            self.status.why = None;
        }
    }

    /// How it stands.
    pub(super) fn status(&self) -> LimitStatus {
        self.status
    }

    /// Takes an answer into account; says why when the limit fell by it. `reached` is whether all places were taken.
    pub(super) fn answered(&mut self, sample: Sample, reached: bool, now: Instant) -> Option<LimitReason> {
        if sample.kind == SampleKind::TooMany {
            let is_old = self.fell_at.is_some_and(|fell_at| sample.begun < fell_at);
            return if is_old { None } else { self.fall(LimitReason::TooManyRequests, now) };
        }
        let since = *self.window.since.get_or_insert(sample.begun);
        if sample.begun < since {
            return None;
        }
        self.count(sample, reached, now);
        if self.window.answers < self.status.now {
            return None;
        }
        let window = std::mem::take(&mut self.window);
        self.window.since = Some(now);
        self.learn(&window);
        if window.slow * 2 > window.answers {
            return self.fall(LimitReason::Latency, now);
        }
        if window.reached && self.status.now < self.status.most {
            self.status.now += 1;
            if self.status.now == self.status.most {
                self.status.why = None;
            }
        }
        None
    }

    fn count(&mut self, sample: Sample, reached: bool, now: Instant) {
        let size = sample.records.max(1).ilog10().min(SIZES as u32 - 1) as usize;
        let took = now.saturating_duration_since(sample.begun);
        self.window.answers += 1;
        self.window.reached |= reached;
        let usual = self.usual.get_mut(size).map(|usual| *usual.get_or_insert(took)).unwrap_or(took);
        let bound = (usual * self.policy.slow_percent / 100).max(usual + self.policy.slow_by);
        let is_late = sample.kind == SampleKind::Late;
        self.window.slow += usize::from(is_late || took > bound);
        if let (false, Some(sum)) = (is_late, self.window.took.get_mut(size)) {
            *sum = (sum.0 + took, sum.1 + 1);
        }
    }

    fn learn(&mut self, window: &Window) {
        let learn = self.policy.learn_percent.min(100);
        for (usual, &(sum, count)) in self.usual.iter_mut().zip(&window.took) {
            if let (Some(usual), 1..) = (usual, count) {
                *usual = (*usual * (100 - learn) + sum / count * learn) / 100;
            }
        }
    }

    fn fall(&mut self, why: LimitReason, now: Instant) -> Option<LimitReason> {
        let share = self.policy.fall_percent.min(100) as usize;
        let fallen = (self.status.now * share / 100).min(self.status.now.saturating_sub(1)).max(1);
        (self.status.now, self.status.why) = (fallen, Some(why));
        self.fell_at = Some(now);
        self.window = Window { since: Some(now), ..Window::default() };
        Some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `count` uploads one after the other, each taking so long, and gives the limit after each.
    fn after(limit: &mut Limit, now: &mut Instant, count: usize, kind: SampleKind, takes: u64) -> Vec<usize> {
        let each = |_| {
            let begun = *now;
            *now += Duration::from_millis(takes);
            limit.answered(Sample { begun, records: 1, kind }, true, *now);
            limit.status().now
        };
        (0..count).map(each).collect()
    }

    fn limit() -> (Limit, Instant) {
        (Limit::new(LimitPolicy::default(), 12), Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn it_falls_by_a_share_and_rises_by_one() {
        let (mut limit, mut now) = limit();
        let falling = after(&mut limit, &mut now, 9, SampleKind::TooMany, 10);
        assert_eq!(falling, [10, 8, 6, 5, 4, 3, 2, 1, 1]);
        assert_eq!(limit.status().why, Some(LimitReason::TooManyRequests));
        let rising = after(&mut limit, &mut now, 6, SampleKind::Good, 10);
        assert_eq!(rising, [2, 2, 3, 3, 3, 4]);
        after(&mut limit, &mut now, 100, SampleKind::Good, 10);
        assert_eq!(limit.status(), LimitStatus { now: 12, most: 12, why: None });
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_requests_that_were_in_flight_together_count_once() {
        let (mut limit, begun) = limit();
        let later = begun + Duration::from_millis(10);
        let sample = Sample { begun, records: 1, kind: SampleKind::TooMany };
        assert_eq!(limit.answered(sample, true, later), Some(LimitReason::TooManyRequests));
        for _ in 0..11 {
            assert_eq!(limit.answered(sample, true, later), None);
        }
        assert_eq!(limit.status().now, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn it_falls_when_uploads_become_slow_and_takes_a_lasting_slowness_for_usual() {
        let (mut limit, mut now) = limit();
        after(&mut limit, &mut now, 50, SampleKind::Good, 100);
        let slow = after(&mut limit, &mut now, 200, SampleKind::Good, 1_000);
        let least = *slow.iter().min().unwrap();
        assert!((4..10).contains(&least), "{slow:?}");
        assert_eq!(limit.status().now, 12, "slow has become usual");
        let (mut steady, mut now) = self::limit();
        let noise: Vec<usize> = (0..100)
            .flat_map(|i| after(&mut steady, &mut now, 1, SampleKind::Good, 20 + 60 * (i % 3)))
            .collect();
        assert!(noise.iter().all(|limit| *limit == 12), "some milliseconds mean nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_that_never_came_back_count_as_slow() {
        let (mut limit, mut now) = limit();
        after(&mut limit, &mut now, 20, SampleKind::Good, 100);
        assert!(after(&mut limit, &mut now, 30, SampleKind::Late, 30_000).last() < Some(&12));
        assert_eq!(limit.status().why, Some(LimitReason::Latency));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_upload_is_not_slow_because_a_small_one_was_fast() {
        let (mut limit, mut now) = limit();
        after(&mut limit, &mut now, 40, SampleKind::Good, 50);
        for _ in 0..40 {
            let begun = now;
            now += Duration::from_secs(2);
            limit.answered(Sample { begun, records: 1_000, kind: SampleKind::Good }, true, now);
        }
        assert_eq!(limit.status().now, 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_nobody_reaches_does_not_rise() {
        let (mut limit, mut now) = limit();
        after(&mut limit, &mut now, 3, SampleKind::TooMany, 10);
        for _ in 0..50 {
            let begun = now;
            now += Duration::from_millis(10);
            limit.answered(Sample { begun, records: 1, kind: SampleKind::Good }, false, now);
        }
        assert_eq!(limit.status().now, 6);
    }
}
