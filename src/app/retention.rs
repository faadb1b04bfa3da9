//! Giving room back, now and then: what the settings say is over is dropped from the journal.

use crate::clock::Clock;
use crate::journal::{Journal, JournalError, Retention, Swept};
use crate::settings::{Limit, LiveSettings};
use crate::telemetry::event::{JournalFull, JournalSwept, RoomAgain, SweepFailed};
use crate::telemetry::{Cause, Telemetry};
use std::sync::Arc;
use std::time::Duration;

/// How often it looks. A look costs next to nothing, and a full disk is to take again soon.
const INTERVAL: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(86_400);

/// Drops what is past its time.
pub struct Sweeper {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    retention: Retention,
    /// What an operator has set instead.
    settings: Option<Arc<LiveSettings>>,
    /// Whether the last look found the journal full, so that only a change is told.
    was_full: bool,
    telemetry: Telemetry,
}

impl Sweeper {
    /// Keeps `journal` to `retention`, by the time of `clock`.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, retention: Retention) -> Self {
        Self { journal, clock, retention, settings: None, was_full: false, telemetry: Telemetry::default() }
    }

    /// Goes by what these settings say at every look, where they say something.
    pub fn following(self, settings: Arc<LiveSettings>) -> Self {
        Self { settings: Some(settings), ..self }
    }

    /// Tells what happens to `telemetry`.
    pub fn telling(self, telemetry: Telemetry) -> Self {
        Self { telemetry, ..self }
    }

    /// Looks once.
    pub async fn step(&mut self) -> Result<Swept, JournalError> {
        let swept = self.journal.sweep(self.in_force(), self.clock.now()).await?;
        let Swept { generations, events, bytes } = swept;
        JournalSwept { generations, events, bytes }.tell(&self.telemetry);
        let full = self.journal.full();
        match full {
            Some(full) if !self.was_full => {
                JournalFull { code: full.name(), error: Cause::told(&full) }.tell();
            }
            None if self.was_full => RoomAgain {}.tell(),
            _ => {}
        }
        self.was_full = full.is_some();
        Ok(swept)
    }

    fn in_force(&self) -> Retention {
        let Some(settings) = &self.settings else { return self.retention };
        let settings = settings.load();
        let limits = &settings.0.limits;
        let age = match limits.get(Limit::KeepDays) {
            None => self.retention.age,
            Some(days) => (days > 0).then(|| DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))),
        };
        Retention { age, bytes: limits.get(Limit::KeepBytes).or(self.retention.bytes) }
    }

    /// Looks for ever.
    pub(super) async fn run(mut self) {
        loop {
            // What can not be dropped now is tried again; the bounds hold either way.
            if let Err(error) = self.step().await {
                SweepFailed { error: Cause::of(&error) }.tell();
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{FixedClock, Millis};
    use crate::journal::memory::MemoryJournal;
    use crate::settings::{Origins, Settings};

    #[test]
    fn what_is_set_counts_from_the_next_look_on_and_else_what_it_was_made_with() {
        let live = Arc::new(LiveSettings::new(Settings::default(), Origins::new()));
        let own = Retention { age: Some(DAY), bytes: Some(7) };
        let clock = Arc::new(FixedClock::at(Millis(0)));
        let sweeper = Sweeper::new(Arc::new(MemoryJournal::new()), clock, own).following(live.clone());
        assert_eq!(sweeper.in_force(), own);
        let set = |days, bytes| {
            let mut settings = Settings::default();
            settings.limits.set(Limit::KeepDays, days);
            settings.limits.set(Limit::KeepBytes, bytes);
            live.replace(settings, Origins::new());
            sweeper.in_force()
        };
        assert_eq!(set(Some(3), None), Retention { age: Some(3 * DAY), bytes: Some(7) });
        assert_eq!(set(Some(0), Some(9)), Retention { age: None, bytes: Some(9) });
    }
}
