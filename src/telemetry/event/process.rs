//! The process as a whole, and the rules it runs with.

use crate::telemetry::{Cause, Listed, Telemetry, Word};

/// The rules directory was read anew.
#[derive(Debug)]
pub(crate) enum RulesRead<'a> {
    /// What was read is in force.
    Taken {
        /// What is in force now.
        revision: &'a str,
    },
    /// What was read holds errors, and the last good rules stay.
    Refused {
        /// How many.
        problems: usize,
        /// The first of them.
        error: Cause<'a>,
    },
}

impl RulesRead<'_> {
    /// Writes the line and counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let reloads = &telemetry.meters().rules_reloads;
        match self {
            Self::Taken { revision } => {
                reloads.of(Word::of(Reload::Taken)).inc();
                tracing::info!(target: "tapline::rulebook", { rules.revision = revision }, "rules read anew");
            }
            Self::Refused { problems, error } => {
                reloads.of(Word::of(Reload::Refused)).inc();
                tracing::warn!(
                    target: "tapline::rulebook", problems, %error,
                    "the new rules hold errors and the last good ones stay in force; run `tapline check`"
                );
            }
        }
    }
}

/// How reading the rules anew ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// In force.
    Taken,
    /// With errors.
    Refused,
}

impl Listed for Reload {
    const LIST: &'static [Self] = &[Self::Taken, Self::Refused];

    fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
        }
    }
}

notes! { "tapline";
    /// By a signal, or because something failed for good.
    info Stopping {}
    "stopping";

    /// Their senders send again.
    warn RequestsCut {}
    "requests under way were cut, because they took too long";

    /// Whoever asks twice does not want to wait.
    warn StoppedAtOnce {}
    "stopped at once on a second signal";

    /// A disk that hangs can be left alone.
    warn JournalNotClosed {}
    "the journal did not close in time; what was answered is durable all the same";

    /// Says where, and not with which words: those may quote an event.
    error Panicked<'a> { place: &'a str }
    "a fault in the program; please report it with this line" [place];
}
