//! placeholder
use crate::clock::Millis;
use std::sync::RwLock;

/// How delivery stands, for the console, `/readyz` and `/metrics`.
#[derive(Debug, Default)]
pub struct DeliveryStatus {
    pause: RwLock<Option<Pause>>,
}

/// Why nothing is delivered at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Stable code: `not_configured`, `unauthorized`.
    pub code: &'static str,
    /// What happened and what to do, for the operator.
    pub message: String,
    /// Since when.
    pub since: Millis,
}

impl DeliveryStatus {
    /// Why nothing is delivered at the moment, if so.
    pub fn pause(&self) -> Option<Pause> {
        self.pause.read().map(|pause| pause.clone()).unwrap_or_default()
    }

    /// Pauses, or resumes with `None`.
    pub fn set_pause(&self, to: Option<Pause>) {
        if let Ok(mut pause) = self.pause.write() {
            *pause = to;
        }
    }
}
