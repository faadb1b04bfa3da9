//! Whether anything may be sent, and to which account.
//!
//! Closed while settings are missing, and after CleverTap has refused the account (401, 403): trying on would only lock
//! it out, and nothing is lost by waiting. Any change of the settings opens it again. While the breaker is open, one upload
//! at a time is let through to try, and the lanes take turns at that: a record that makes every try fail can not keep the
//! others from theirs.

use super::account::{Account, AccountError};
use super::breaker::{Breaker, Failing, Failure, Outlook, Trouble};
use super::lane::LaneKey;
use super::retry::RetryPolicy;
use super::status::{DeliveryStatus, Pause, PauseCode};
use super::{DeliveryPolicy, Slots};
use crate::clock::Clock;
use crate::settings::{Limit, LiveSettings};
use crate::telemetry::event::{DeliveryPaused, DeliveryResumed};
use crate::telemetry::{Cause, Word};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// An account, and with which edition of the settings it came.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) account: Arc<Account>,
    edition: u64,
    /// Held by the one upload that is tried while the breaker is open; the next waits until it is dropped.
    probe: Option<OwnedSemaphorePermit>,
}

impl Admitted {
    /// Whether this is the one try while the breaker is open, which carries a single event.
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// How the door stands.
#[derive(Debug)]
struct Standing {
    account: Option<Arc<Account>>,
    edition: u64,
    breaker: Breaker,
    retry: RetryPolicy,
    /// Requests in flight, and the lanes' share of them.
    sizes: (usize, usize),
}

/// The one place that decides about pauses.
pub(super) struct Gate {
    settings: Arc<LiveSettings>,
    status: Arc<DeliveryStatus>,
    clock: Arc<dyn Clock>,
    slots: Slots,
    policy: DeliveryPolicy,
    door: watch::Sender<Standing>,
    /// The one try; semaphores let in whoever waited longest.
    turn: Arc<Semaphore>,
}

impl Gate {
    /// Decides by the settings in force.
    pub(super) fn new(
        settings: Arc<LiveSettings>,
        status: Arc<DeliveryStatus>,
        clock: Arc<dyn Clock>,
        slots: Slots,
        policy: DeliveryPolicy,
    ) -> Self {
        let edition = *settings.changed().borrow();
        let breaker = Breaker::new(policy.breaker.clone(), policy.retry.age_limit);
        let (retry, sizes) = (policy.retry.clone(), (policy.slots.in_flight, policy.slots.lanes));
        let door = watch::Sender::new(Standing { account: None, edition, breaker, retry, sizes });
        let gate = Self { settings, status, clock, slots, policy, door, turn: Arc::new(Semaphore::new(1)) };
        gate.decide(edition);
        gate
    }

    /// Decides anew at every change of the settings; never ends. An edition is decided once, or a refusal of it would be
    /// forgotten.
    pub(super) async fn follow(&self) {
        let mut changed = self.settings.changed();
        loop {
            let edition = *changed.borrow_and_update();
            if edition != self.door.borrow().edition {
                self.decide(edition);
            }
            if changed.changed().await.is_err() {
                // The settings are gone, so they change no more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Leave to send, once there is an account and the breaker is closed or it is this caller's turn to try.
    pub(super) async fn admit(&self) -> Admitted {
        loop {
            self.until(|standing| standing.account.is_some()).await;
            let turn = if self.probe_at().is_none() {
                None
            } else {
                tokio::select! {
                    turn = self.turn.clone().acquire_owned() => turn.ok(),
                    () = self.until(|standing| standing.breaker.probe_at().is_none()) => continue,
                }
            };
            if let Some(at) = self.probe_at() {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = self.until(|standing| standing.breaker.probe_at() != Some(at)) => continue,
                }
            }
            let door = self.door.borrow();
            let is_open = door.breaker.probe_at().is_some();
            if let Some(account) = door.account.clone()
                && is_open == turn.is_some()
            {
                return Admitted { account, edition: door.edition, probe: turn };
            }
        }
    }

    /// Leave to send to CleverTap itself: what can not be undone waits while the sandbox is on.
    pub(super) async fn admit_to_clevertap(&self) -> Admitted {
        let is_clevertap = |account: &Arc<Account>| !account.is_sandbox;
        loop {
            self.until(|standing| standing.account.as_ref().is_some_and(is_clevertap)).await;
            let admitted = self.admit().await;
            if is_clevertap(&admitted.account) {
                return admitted;
            }
        }
    }

    /// Whether leave that was given some time ago still counts.
    pub(super) fn still_admits(&self, admitted: &Admitted) -> bool {
        let door = self.door.borrow();
        let is_open = door.breaker.probe_at().is_some();
        door.account.is_some() && door.edition == admitted.edition && (admitted.is_probe() || !is_open)
    }

    /// When to try again, and for how long, by the settings in force.
    pub(super) fn retry(&self) -> RetryPolicy {
        self.door.borrow().retry.clone()
    }

    /// What the breaker knows.
    pub(super) fn outlook(&self, now: Instant) -> Outlook {
        self.door.borrow().breaker.outlook(now)
    }

    /// CleverTap took something of an upload that was sent at `begun`.
    pub(super) fn taken(&self, admitted: &Admitted, begun: Instant, now: Instant) {
        self.change(admitted, |standing| {
            if standing.breaker.taken(begun, now) {
                DeliveryResumed {}.tell();
                self.status.breaker_closed();
                self.status.set_pause(None);
            }
        });
    }

    /// A whole upload failed.
    pub(super) fn failed(
        &self,
        admitted: &Admitted,
        (how, words): (Failing, &str),
        failure: Failure,
        random: &mut fastrand::Rng,
    ) {
        self.change(admitted, |standing| {
            let was_open = standing.breaker.probe_at().is_some();
            if standing.breaker.failed(how, failure, random) {
                self.tell(&Trouble::Failing(how, words.to_owned()), was_open);
            }
        });
    }

    /// A record of this user was refused alone.
    pub(super) fn refused(
        &self,
        admitted: &Admitted,
        user: LaneKey,
        failure: Failure,
        random: &mut fastrand::Rng,
    ) {
        self.change(admitted, |standing| {
            let was_open = standing.breaker.probe_at().is_some();
            if standing.breaker.refused(user, failure, random) {
                self.tell(&Trouble::Refusing, was_open);
            }
        });
    }

    /// An upload was answered in a way that says nothing about the account.
    pub(super) fn undecided(&self, admitted: &Admitted, failure: Failure, random: &mut fastrand::Rng) {
        self.change(admitted, |standing| standing.breaker.undecided(failure, random));
    }

    /// CleverTap refused the account. Does nothing when other settings have come into force since.
    pub(super) fn close(&self, refused: &Admitted, status: u16, now: Instant) {
        self.change(refused, |standing| {
            if standing.breaker.close(now) {
                self.status.breaker_closed();
            }
            if standing.account.take().is_some() {
                let message = format!(
                    "CleverTap refused the account ID, passcode and region ({status}), so delivery waits and keeps \
                     everything; correct them on the Settings page, where the connection test helps"
                );
                self.pause(PauseCode::Unauthorized, message);
            }
        });
    }

    fn decide(&self, edition: u64) {
        let settings = self.settings.load();
        let settings = &settings.0;
        let slots = &self.policy.slots;
        let sizes = (
            settings.limits.count(Limit::RequestsInFlight).unwrap_or(slots.in_flight),
            settings.limits.count(Limit::UploadsInFlight).unwrap_or(slots.lanes),
        );
        if sizes != self.door.borrow().sizes {
            self.slots.resize(sizes.0, sizes.1);
        }
        self.status.limit_is(self.slots.limit(), None);
        self.door.send_modify(|standing| {
            standing.edition = edition;
            standing.sizes = sizes;
            standing.retry = self.policy.retry.with(&settings.limits);
            standing.breaker.set_age_limit(standing.retry.age_limit);
            if standing.breaker.close(Instant::now()) {
                self.status.breaker_closed();
            }
            match Account::in_force(settings) {
                Ok(account) => {
                    standing.account = Some(Arc::new(account));
                    if self.status.pause().is_some() {
                        DeliveryResumed {}.tell();
                    }
                    self.status.set_pause(None);
                }
                Err(error @ (AccountError::Missing { .. } | AccountError::Unsendable { .. })) => {
                    standing.account = None;
                    self.pause(PauseCode::NotConfigured, error.to_string());
                }
            }
        });
    }

    /// Changes the standing, unless what is reported was sent by other settings than those in force, or delivery is
    /// paused by a refusal of them: then it tells nothing.
    fn change(&self, admitted: &Admitted, change: impl FnOnce(&mut Standing)) {
        self.door.send_if_modified(|standing| {
            let is_current = standing.edition == admitted.edition && standing.account.is_some();
            if is_current {
                change(standing);
            }
            is_current
        });
    }

    fn probe_at(&self) -> Option<Instant> {
        self.door.borrow().breaker.probe_at()
    }

    async fn until(&self, is_so: impl FnMut(&Standing) -> bool) {
        if self.door.subscribe().wait_for(is_so).await.is_err() {
            // Can not come: the door lives as long as the gate.
            std::future::pending::<()>().await;
        }
    }

    fn tell(&self, trouble: &Trouble, was_open: bool) {
        if !was_open {
            self.status.breaker_opened();
        }
        let (code, message) = trouble.tell();
        if was_open {
            // Every try would be a line in the log, which its upload has already.
            self.status.set_pause(Some(Pause { code: code.as_str(), message, since: self.clock.now() }));
        } else {
            self.pause(code, message);
        }
    }

    fn pause(&self, code: PauseCode, message: String) {
        DeliveryPaused { code: Word::of(code), error: Cause::told(&message) }.tell(self.status.telemetry());
        let code = code.as_str();
        self.status.set_pause(Some(Pause { code, message, since: self.clock.now() }));
    }
}

impl Trouble {
    /// The code of the pause, and what happened and what to do, for the operator.
    fn tell(&self) -> (PauseCode, String) {
        match self {
            Self::Refusing => (
                PauseCode::RefusesAll,
                "CleverTap refuses the records of one user after another as malformed, even alone (400), so it is the \
                 account or the way there and hardly the records; nothing is given up, and one event at a time is \
                 tried. Test the connection on the Settings page, compare account ID and region with CleverTap's \
                 dashboard, and preview an event to see whether new rules make such records"
                    .to_owned(),
            ),
            Self::Failing(how, words) => {
                let remedy = match how {
                    Failing::There => {
                        "If it lasts, look at CleverTap's status page and at any proxy in between"
                    }
                    Failing::OnTheWay => {
                        "If it lasts, check the region or address on the Settings page, and name resolution, \
                         firewall and proxy of this machine"
                    }
                    Failing::Untrusted => {
                        "The passcode was not sent. Check the address on the Settings page, this machine's clock and \
                         root certificates, and whether something in between answers in CleverTap's place"
                    }
                };
                let message = format!(
                    "uploads fail one after another (the last: {words}), so everything is kept and one event at a time \
                     is tried until CleverTap takes it. {remedy}"
                );
                (PauseCode::Unavailable, message)
            }
        }
    }
}
