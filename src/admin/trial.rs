//! Having CleverTap look at what an event becomes: validated only, or sent for real by hand.
//!
//! What is sent for real is neither stored nor counted as delivered: it goes beside the journal, for whoever wants to see
//! a record arrive. So it needs the digest of just the records that were shown, and rules that have changed meanwhile
//! send nothing.

use super::{Admin, Digest};
use crate::clock::Millis;
use crate::delivery::{Mode, TrialError, TrialReport, try_records};
use crate::engine::Preview;
use crate::engine::event::Person;
use crate::telemetry::event::SentByHand;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialOrder {
    /// CleverTap validates and keeps nothing.
    Validate,
    /// CleverTap keeps it; the digest is that of the records that were shown.
    Send(Digest),
}

/// What came of it.
#[derive(Debug)]
pub enum TrialOutcome {
    /// The event has no record that could be uploaded; its preview says why.
    NothingToSend,
    /// The records are other ones than those that were shown.
    Changed,
    /// Nothing was asked.
    NotAsked(TrialError),
    /// CleverTap was asked.
    Asked(TrialReport),
}

impl Admin {
    /// The digest by which the records of a preview can be sent for real; none where there is nothing to send.
    pub fn records_digest(&self, preview: &Preview) -> Option<Digest> {
        if preview.records.is_empty()
            || preview.warnings.iter().any(|warning| warning.code == "deletes_person")
        {
            return None;
        }
        let records: Vec<&str> = preview.records.iter().map(|record| record.get()).collect();
        Some(Digest::of(&records.join("\n")))
    }

    /// Previews an event by the rules in force, and has CleverTap look at its records. `who` asks: an account or a token,
    /// by name.
    pub async fn try_at_clevertap(
        &self,
        event: &str,
        received_at: Option<Millis>,
        order: TrialOrder,
        who: &str,
    ) -> (Preview, TrialOutcome) {
        let preview = self.preview_one(event, received_at, true);
        let digest =
            self.records_digest(&preview).filter(|_| Person::of_deletion(event.as_bytes()).is_none());
        let Some(digest) = digest else { return (preview, TrialOutcome::NothingToSend) };
        let mode = match order {
            TrialOrder::Validate => Mode::DryRun,
            TrialOrder::Send(shown) if shown == digest => Mode::Keep,
            TrialOrder::Send(_) => return (preview, TrialOutcome::Changed),
        };
        let records: Vec<&str> = preview.records.iter().map(|record| record.get()).collect();
        let settings = self.ground.settings.load();
        let asked = try_records(&settings.0, &self.ground.slots, mode, &records, self.now()).await;
        if let (Ok(report), Mode::Keep) = (&asked, mode) {
            let taken = report.records.iter().filter(|record| record.is_taken).count();
            SentByHand { by: who, records: records.len(), taken, status: report.status.unwrap_or_default() }
                .tell();
        }
        let outcome = asked.map_or_else(TrialOutcome::NotAsked, TrialOutcome::Asked);
        (preview, outcome)
    }
}
