//! What a job would come to, without making one: how many events it would select, and what would become of them.

use super::job::{SkipReason, Tally};
use super::order::{OrderProblem, Payload, ResendOrder};
use super::walk::{KeptRules, Known, Remapping, remap, route, stretch};
use crate::admin::{Admin, AdminError};
use crate::delivery::Mapped;
use crate::journal::State;
use std::collections::BTreeMap;

/// How many events of the log a survey looks at; it says so where there are more.
pub const MOST_SURVEYED: u64 = 200_000;

/// What a job would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// What is known beforehand: `selected`, `filtered`, `failed` and `skipped`. The rest is to be sent.
    pub tally: Tally,
    /// Events that would be sent.
    pub to_send: u64,
    /// The records of these; push tokens that were sent before are left out on the way and counted here all the same.
    pub records: u64,
    /// Why events would be filtered or fail, by code.
    pub codes: BTreeMap<String, u64>,
    /// Places of the log that were looked at.
    pub scanned: u64,
    /// Whether that was all of them.
    pub complete: bool,
}

impl Admin {
    /// Looks at what an order would come to. Sends nothing and stores nothing.
    pub async fn resend_survey(
        &self,
        order: ResendOrder,
    ) -> Result<Result<Survey, Vec<OrderProblem>>, AdminError> {
        let order = match self.checked(order) {
            Ok(order) => order,
            Err(problems) => return Ok(Err(problems)),
        };
        let journal = &self.ground.journal;
        // No job has the number nought, so nothing counts as done by it.
        let job = order.job(journal.kept_from(), journal.end());
        let mut rules = KeptRules::new(self.ground.store.clone(), self.ground.rules.clone());
        let edited = match order.payload {
            Payload::Edited(event) => Some(event.into_bytes()),
            Payload::Same | Payload::Current => None,
        };
        let mut survey = Survey::default();
        let mut at = job.from;
        let route = route(&**journal, &job, at).await?;
        while survey.scanned < MOST_SURVEYED
            && let Some(found) = stretch(&**journal, &job, &route, at).await?
        {
            survey.scanned += found.looked;
            at = found.next;
            for (_, known) in found.known {
                if let Known::Skipped(reason) = known {
                    survey.tally.skip(reason);
                }
            }
            let (candidates, copy, mode) = (found.candidates, edited.clone(), job.mode);
            let work = move || {
                rules.refresh();
                let mapped: Vec<_> = candidates
                    .iter()
                    .map(|candidate| remap(&mut rules, mode, candidate, copy.as_deref()))
                    .collect();
                (rules, mapped)
            };
            let done = tokio::task::spawn_blocking(work).await;
            let mapped;
            (rules, mapped) = done.map_err(|_| AdminError::Interrupted)?;
            mapped.into_iter().for_each(|mapped| survey.count(mapped.map(|(_, mapped)| mapped)));
        }
        survey.complete = route.next(at).is_none_or(|at| at >= job.until);
        Ok(Ok(survey))
    }
}

impl Survey {
    fn count(&mut self, mapped: Option<Mapped>) {
        let (state, reason) = match mapped {
            None => return self.tally.skip(SkipReason::RevisionNotKept),
            Some(Mapped::Records { records, .. }) => {
                self.tally.selected += 1;
                self.to_send += 1;
                self.records += records.len() as u64;
                return;
            }
            Some(Mapped::Filtered(reason)) => (State::Filtered, reason),
            Some(Mapped::Failed(reason)) => (State::Failed, reason),
        };
        self.tally.end(state, false);
        *self.codes.entry(reason.code.to_string()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Reason;

    #[test]
    fn a_survey_tells_what_would_be_sent_from_what_the_rules_keep_back() {
        let mut survey = Survey::default();
        survey.count(Some(Mapped::Records { key: None, records: Vec::new() }));
        survey.count(Some(Mapped::Filtered(Reason::new("missing_user_id", "none"))));
        survey.count(None);
        let Tally { selected, filtered, delivered, .. } = survey.tally;
        assert_eq!((selected, survey.to_send, filtered, delivered), (3, 1, 1, 0));
        assert_eq!(survey.tally.skipped, [(SkipReason::RevisionNotKept, 1)].into());
        assert_eq!(survey.codes, [("missing_user_id".to_owned(), 1)].into());
    }
}
