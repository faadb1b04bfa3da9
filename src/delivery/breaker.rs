//! The circuit breaker of the account: whether CleverTap takes anything at the moment. Pure, told the time by its caller.
//!
//! It opens when whole uploads fail one after another, and when records that stand alone are refused one after another,
//! across users: then it is the account or the way there, and not the records. While it is open one upload of a single
//! event is tried at a time, ever more rarely, and nothing is given up for what happens meanwhile. Anything that is taken
//! closes it. Deliberately without an opinion on 429: whoever says that is well, and the limit of the lanes answers it.
//!
//! First thing to know: the time that it was open does not count towards an event's age, unless it was open for longer
//! than an event may be old.

use super::lane::LaneKey;
use std::time::Duration;
use tokio::time::Instant;

/// When the breaker opens, and how often it tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures of whole uploads in a row, over all lanes, after which it opens.
    pub failures: u32,
    /// Users whose records were refused alone, one after another, after which it opens.
    pub refused_users: usize,
    /// How often a record is refused alone before that is believed although nothing else was taken meanwhile.
    pub refused_tries: u32,
    /// The shortest wait before a try; waits double from here.
    pub probe_base: Duration,
    /// The longest wait before a try, save where a `Retry-After` asks for more.
    pub probe_cap: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            refused_users: 5,
            refused_tries: 3,
            probe_base: Duration::from_secs(1),
            probe_cap: Duration::from_secs(60),
        }
    }
}

/// What keeps uploads from being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// They fail: what happened last, in words.
    Failing(Failing, String),
    /// Every record is refused, even alone.
    Refusing,
}

/// How uploads fail, as far as it makes a difference to whoever must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// CleverTap answers, and not with what it should.
    There,
    /// It can not be reached.
    OnTheWay,
    /// Whoever answers is not to be trusted. Trying on tells nothing new, so one failure is enough.
    Untrusted,
}

/// What the breaker knows, for an upload to be judged by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outlook {
    /// Whether it is open, so that nothing is given up.
    pub(super) is_open: bool,
    /// When the newest of the uploads was sent of which CleverTap took something.
    pub(super) taken: Option<Instant>,
    /// For how long it has been open, outages longer than an event may be old left out.
    pub(super) held: Duration,
}

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    age_limit: Duration,
    failures: u32,
    refused: Vec<LaneKey>,
    taken: Option<Instant>,
    held: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    probes: u32,
    probe_at: Instant,
}

impl Breaker {
    /// A closed one. `age_limit` is how old an event may be.
    pub(super) fn new(policy: BreakerPolicy, age_limit: Duration) -> Self {
        Self {
            policy,
            age_limit,
            failures: 0,
            refused: Vec::new(),
            taken: None,
            held: Duration::ZERO,
            open: None,
        }
    }

    /// Events may be so old from now on.
    pub(super) fn set_age_limit(&mut self, age_limit: Duration) {
        self.age_limit = age_limit;
    }

    /// Before when the next upload is not to be tried; none while it is closed.
    pub(super) fn probe_at(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.probe_at)
    }

    /// What it knows.
    pub(super) fn outlook(&self, now: Instant) -> Outlook {
        let open = self.open.as_ref().map(|open| now.saturating_duration_since(open.since));
        let held = self.held + open.filter(|open| *open < self.age_limit).unwrap_or_default();
        Outlook { is_open: open.is_some(), taken: self.taken, held }
    }

    /// CleverTap took something of an upload that was sent at `begun`. Says whether the breaker closed by it.
    pub(super) fn taken(&mut self, begun: Instant, now: Instant) -> bool {
        self.taken = self.taken.max(Some(begun));
        self.close(now)
    }

    /// Forgets all trouble, because other settings are in force or CleverTap asks for others. Says whether it was open.
    pub(super) fn close(&mut self, now: Instant) -> bool {
        self.held = self.outlook(now).held;
        self.failures = 0;
        self.refused.clear();
        self.open.take().is_some()
    }

    /// A whole upload failed. Says whether the breaker opened by it, or stays open by a failed try: then the trouble is
    /// worth telling.
    pub(super) fn failed(&mut self, how: Failing, failure: Failure, random: &mut fastrand::Rng) -> bool {
        self.failures = self.failures.saturating_add(1);
        let enough = match how {
            Failing::Untrusted => 1,
            Failing::There | Failing::OnTheWay => self.policy.failures,
        };
        self.open_or_wait(self.failures >= enough, failure, random)
    }

    /// A record of this user was refused alone. Says what [`Self::failed`] says.
    pub(super) fn refused(&mut self, user: LaneKey, failure: Failure, random: &mut fastrand::Rng) -> bool {
        if !self.refused.contains(&user) && self.refused.len() < self.policy.refused_users {
            self.refused.push(user);
        }
        self.open_or_wait(self.refused.len() >= self.policy.refused_users, failure, random)
    }

    /// An upload was answered in a way that says nothing about the account. A try that ends so is over all the same.
    pub(super) fn undecided(&mut self, failure: Failure, random: &mut fastrand::Rng) {
        self.open_or_wait(false, failure, random);
    }

    fn open_or_wait(&mut self, is_enough: bool, failure: Failure, random: &mut fastrand::Rng) -> bool {
        let Failure { now, asked, is_probe } = failure;
        match &mut self.open {
            Some(open) if is_probe => {
                open.probes = open.probes.saturating_add(1);
                open.probe_at = now + self.policy.wait(open.probes, asked, random);
                true
            }
            // Sent before it opened.
            Some(_) => false,
            None if is_enough => {
                let probe_at = now + self.policy.wait(0, asked, random);
                self.open = Some(Open { since: now, probes: 0, probe_at });
                true
            }
            None => false,
        }
    }
}

/// When an upload failed, and what it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    /// When it was answered, or given up waiting for.
    pub(super) now: Instant,
    /// How long the server asks to wait.
    pub(super) asked: Option<Duration>,
    /// Whether it was the one try while the breaker is open.
    pub(super) is_probe: bool,
}

impl BreakerPolicy {
    /// The wait before the next try, after so many: between half of its longest and its longest, and never shorter than
    /// `probe_base` nor than what the server asked for.
    fn wait(&self, probes: u32, asked: Option<Duration>, random: &mut fastrand::Rng) -> Duration {
        let longest = self.probe_base.saturating_mul(1 << probes.min(31)).min(self.probe_cap);
        let drawn = longest.mul_f64(0.5 + random.f64() / 2.0);
        drawn.max(self.probe_base).max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn breaker() -> (Breaker, fastrand::Rng, Instant) {
        let breaker = Breaker::new(BreakerPolicy::default(), 24 * HOUR);
        (breaker, fastrand::Rng::with_seed(1), Instant::now())
    }

    fn failure(now: Instant, is_probe: bool) -> Failure {
        Failure { now, asked: None, is_probe }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_success_starts_the_row_anew() {
        let (mut breaker, mut random, now) = breaker();
        let mut fail =
            |breaker: &mut Breaker| breaker.failed(Failing::There, failure(now, false), &mut random);
        assert!((0..4).all(|_| !fail(&mut breaker)));
        assert!(!breaker.taken(now, now));
        assert!((0..4).all(|_| !fail(&mut breaker)));
        assert!(fail(&mut breaker));
        assert!(breaker.outlook(now).is_open);
        assert!(!fail(&mut breaker), "what was in flight is no news");
        assert!(breaker.taken(now, now));
        assert!(!breaker.outlook(now).is_open);
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_enough_where_the_peer_is_not_to_be_trusted() {
        let (mut breaker, mut random, now) = breaker();
        assert!(breaker.failed(Failing::Untrusted, failure(now, false), &mut random));
    }

    #[tokio::test(start_paused = true)]
    async fn only_refusals_across_users_open_it() {
        let (mut breaker, mut random, now) = breaker();
        let mut refuse = |breaker: &mut Breaker, user| {
            breaker.refused(LaneKey::of(user), failure(now, false), &mut random)
        };
        assert!((0..50).all(|_| !refuse(&mut breaker, "user_1")));
        assert!(["user_2", "user_3", "user_4"].iter().all(|user| !refuse(&mut breaker, user)));
        assert!(refuse(&mut breaker, "user_5"));
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_a_second_apart_at_least_and_a_minute_at_most_unless_asked() {
        let (mut breaker, mut random, now) = breaker();
        breaker.failed(Failing::Untrusted, failure(now, false), &mut random);
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            let wait = breaker.probe_at().unwrap() - now;
            assert!((1..=60).contains(&wait.as_secs()), "{wait:?}");
            longest = longest.max(wait);
            breaker.failed(Failing::There, failure(now, true), &mut random);
        }
        assert!(longest > Duration::from_secs(50));
        let asked = Failure { now, asked: Some(HOUR), is_probe: true };
        breaker.undecided(asked, &mut random);
        assert_eq!(breaker.probe_at(), Some(now + HOUR));
    }

    #[tokio::test(start_paused = true)]
    async fn outages_shorter_than_the_age_limit_do_not_count_and_longer_ones_do() {
        let (mut breaker, mut random, now) = breaker();
        let mut outage = |breaker: &mut Breaker, from: Instant, lasts: Duration| {
            breaker.failed(Failing::Untrusted, failure(from, false), &mut random);
            let during = breaker.outlook(from + lasts).held;
            breaker.taken(from + lasts, from + lasts);
            (during, breaker.outlook(from + lasts + HOUR).held)
        };
        assert_eq!(outage(&mut breaker, now, 20 * HOUR), (20 * HOUR, 20 * HOUR));
        assert_eq!(outage(&mut breaker, now + 30 * HOUR, 3 * HOUR), (23 * HOUR, 23 * HOUR));
        assert_eq!(outage(&mut breaker, now + 40 * HOUR, 24 * HOUR), (23 * HOUR, 23 * HOUR));
    }
}
