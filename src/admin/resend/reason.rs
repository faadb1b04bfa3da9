//! Why events of a job were not delivered: counted by reason.
//!
//! Asked of the journal whenever somebody looks, and stored nowhere: an event that is sent once more by another job is
//! that job's. First thing to know: it is bounded, and says where it did not look at everything.

use super::job::{ResendJob, Selection};
use crate::admin::{Admin, AdminError};
use crate::journal::{Block, Effort, Query, Seq, Standing, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Places that are looked at; a job of more tells the reasons of its newest events.
const PLACES_MOST: usize = 20_000;
/// Pages of ends that are read to find them.
const EFFORT: u32 = 20_000;

/// One reason, and how many events of a job ended by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendReason {
    /// `dead`, `failed` or `filtered`.
    pub state: &'static str,
    /// The stable code.
    pub code: String,
    /// What the newest of them says.
    pub message: Option<String>,
    /// How many events.
    pub events: u64,
    /// The newest of them.
    pub newest: Seq,
}

/// The reasons of a job, those of most events first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResendReasons {
    /// Each once.
    pub reasons: Vec<ResendReason>,
    /// Whether every event was looked at.
    pub complete: bool,
}

impl Admin {
    /// Why events of `job` were not delivered.
    pub async fn resend_reasons(&self, job: &ResendJob) -> Result<ResendReasons, AdminError> {
        let (places, complete) = self.undelivered(job).await?;
        let mut reasons: BTreeMap<(&'static str, String), ResendReason> = BTreeMap::new();
        let mut held: Option<Held> = None;
        for place in places {
            if held.as_ref().is_none_or(|held| held.block.get(place).is_none()) {
                held = self.hold(place, job).await?;
            }
            let Some(Some((state, code, message))) = held.as_ref().and_then(|held| held.end_at(place)) else {
                continue;
            };
            let reason = reasons.entry((*state, code.clone())).or_insert_with(|| ResendReason {
                state,
                code: code.clone(),
                message: message.clone(),
                events: 0,
                newest: place,
            });
            reason.events += 1;
        }
        let mut reasons: Vec<ResendReason> = reasons.into_values().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.events));
        Ok(ResendReasons { reasons, complete })
    }

    /// Where events of a job may be that were not delivered, newest first, and whether these are all.
    async fn undelivered(&self, job: &ResendJob) -> Result<(Vec<Seq>, bool), AdminError> {
        let filter = match &job.selection {
            Selection::Events(places) => return Ok((places.iter().rev().copied().collect(), true)),
            Selection::Matching { filter, .. } => filter.query(),
        };
        let journal = &self.ground.journal;
        let (mut places, mut complete) = (Vec::new(), true);
        for state in [State::Dead, State::Failed, State::Filtered] {
            // What an event ended with before it was sent again is not what it is looked for by.
            let query = Query { standing: Some(Standing::Ended(state)), code: None, ..filter.clone() };
            let (mut before, mut effort) = (job.until, Effort::new(EFFORT));
            let from = job.from.max(journal.kept_from());
            while before > from {
                let sought = journal.seek(&query, before, &mut effort).await?;
                places.extend(sought.places.into_iter().filter(|place| *place >= from));
                if sought.looked_to >= before {
                    break;
                }
                before = sought.looked_to;
                if before > from && (effort.is_spent() || places.len() >= PLACES_MOST) {
                    complete = false;
                    break;
                }
            }
        }
        places.sort_unstable_by(|one, other| other.cmp(one));
        places.dedup();
        Ok((places, complete))
    }

    async fn hold(&self, at: Seq, job: &ResendJob) -> Result<Option<Held>, AdminError> {
        let journal = &self.ground.journal;
        let Some(block) = journal.block_from(at).await? else { return Ok(None) };
        let ends = journal.ends(&block).await?;
        let replaced = journal.replaced(&block).await?;
        let ours = ends.into_iter().zip(replaced).map(|(end, replaced)| {
            let end = end.filter(|_| replaced.is_some_and(|replaced| replaced.by == job.id))?;
            let state = match end.state {
                State::Delivered => return None,
                State::Dead => "dead",
                State::Failed => "failed",
                State::Filtered => "filtered",
            };
            Some((state, end.code.unwrap_or_default(), end.message))
        });
        Ok(Some(Held { ours: ours.collect(), block }))
    }
}

/// A block, and how those of its events ended that the job gave an end other than delivered.
struct Held {
    block: Arc<Block>,
    ours: Vec<Option<(&'static str, String, Option<String>)>>,
}

impl Held {
    fn end_at(&self, at: Seq) -> Option<&Option<(&'static str, String, Option<String>)>> {
        let index = at.0.checked_sub(self.block.first.0)?;
        self.ours.get(usize::try_from(index).ok()?)
    }
}
