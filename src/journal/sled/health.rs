//! Whether the disk can still be believed.
//!
//! First thing to know: a failure is for good. What a failed sync left behind is unknown, so nothing is written after it;
//! the process must start again and read what is really there.

use crate::telemetry::Cause;
use crate::telemetry::event::JournalBroken;
use std::sync::OnceLock;

/// The first failure to write, if there was one.
#[derive(Debug, Default)]
pub(super) struct Health(OnceLock<String>);

impl Health {
    /// Writes a failure down; answers with the first one, in words for the operator.
    pub(super) fn give_up(&self, reason: &str) -> String {
        self.0
            .get_or_init(|| {
                JournalBroken { error: Cause::told(&reason) }.tell();
                reason.to_owned()
            })
            .clone()
    }

    /// The first failure, if there was one.
    pub(super) fn broken(&self) -> Option<String> {
        self.0.get().cloned()
    }

    /// An error once something has failed.
    pub(super) fn check(&self) -> Result<(), String> {
        self.broken().map_or(Ok(()), Err)
    }
}
