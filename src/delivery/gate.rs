//! Whether anything may be sent, and to which account.
//!
//! Closed while settings are missing, and after CleverTap has refused the account (401, 403): trying on would only lock
//! it out, and nothing is lost by waiting. Any change of the settings opens it again.

use super::account::{Account, AccountError};
use super::status::{DeliveryStatus, Pause, PauseCode};
use crate::clock::Clock;
use crate::settings::LiveSettings;
use crate::telemetry::event::{DeliveryPaused, DeliveryResumed};
use crate::telemetry::{Cause, Word};
use std::sync::Arc;
use tokio::sync::watch;

/// An account, and with which edition of the settings it came.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) account: Arc<Account>,
    edition: u64,
}

/// The one place that decides about pauses.
pub(super) struct Gate {
    settings: Arc<LiveSettings>,
    status: Arc<DeliveryStatus>,
    clock: Arc<dyn Clock>,
    door: watch::Sender<Option<Admitted>>,
    first_edition: u64,
}

impl Gate {
    /// Decides by the settings in force.
    pub(super) fn new(
        settings: Arc<LiveSettings>,
        status: Arc<DeliveryStatus>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let first_edition = *settings.changed().borrow();
        let gate = Self { settings, status, clock, door: watch::Sender::new(None), first_edition };
        gate.decide(first_edition);
        gate
    }

    /// Decides anew at every change of the settings; never ends. An edition is decided once, or a refusal of it would be
    /// forgotten.
    pub(super) async fn follow(&self) {
        let mut changed = self.settings.changed();
        let mut decided = self.first_edition;
        loop {
            let edition = *changed.borrow_and_update();
            if edition != decided {
                self.decide(edition);
                decided = edition;
            }
            if changed.changed().await.is_err() {
                // The settings are gone, so they change no more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The account to send to, once there is one.
    pub(super) async fn admit(&self) -> Admitted {
        let mut door = self.door.subscribe();
        let admitted = door.wait_for(Option::is_some).await.ok().and_then(|door| door.clone());
        match admitted {
            Some(admitted) => admitted,
            // Can not come: the door lives as long as the gate.
            None => std::future::pending().await,
        }
    }

    /// Whether this is still the account to send to.
    pub(super) fn still_admits(&self, admitted: &Admitted) -> bool {
        self.door.borrow().as_ref().is_some_and(|open| open.edition == admitted.edition)
    }

    /// CleverTap refused the account. Does nothing when other settings have come into force since.
    pub(super) fn close(&self, refused: &Admitted, status: u16) {
        let closed = self.door.send_if_modified(|door| {
            let same = door.as_ref().is_some_and(|open| open.edition == refused.edition);
            if same {
                *door = None;
            }
            same
        });
        if closed {
            let message = format!(
                "CleverTap refused the account ID, passcode and region ({status}), so delivery waits and keeps \
                 everything; correct them on the Settings page, where the connection test helps"
            );
            self.pause(PauseCode::Unauthorized, message);
        }
    }

    fn decide(&self, edition: u64) {
        match Account::of(&self.settings.load().0) {
            Ok(account) => {
                if self.status.pause().is_some() {
                    DeliveryResumed {}.tell();
                }
                self.status.set_pause(None);
                self.door.send_replace(Some(Admitted { account: Arc::new(account), edition }));
            }
            Err(error @ (AccountError::Missing { .. } | AccountError::Unsendable { .. })) => {
                self.door.send_replace(None);
                self.pause(PauseCode::NotConfigured, error.to_string());
            }
        }
    }

    fn pause(&self, code: PauseCode, message: String) {
        DeliveryPaused { code: Word::of(code), error: Cause::told(&message) }.tell(self.status.telemetry());
        let code = code.as_str();
        self.status.set_pause(Some(Pause { code, message, since: self.clock.now() }));
    }
}
