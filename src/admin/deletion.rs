//! Having persons deleted: the request becomes an event in the journal, like one from Segment's webhook.
//!
//! So there is one way for all of them: durable before it is answered, in its person's order, listed with its end.
//!
//! First thing to know: accepted is not deleted. What became of it is asked by the event's id.

use super::{Admin, AdminError};
use crate::engine::event::Person;
use crate::engine::event::time::render_iso;
use crate::journal::{
    AppendError, Appended, Block, DedupKey, Effort, End, Entry, Facets, JournalError, NewEvent, Query, Seq,
    Term,
};
use crate::telemetry::event::DeletionAsked;
use std::sync::Arc;
use std::time::Duration;

/// Persons of one request: as many as Segment sends in one of its own
/// (<https://segment.com/docs/privacy/user-deletion-and-suppression/>, read 2026-11).
pub const MOST_PERSONS: usize = 5000;
/// Deletions that can be asked about at once.
pub const MOST_ASKED: usize = 500;

/// Persons of one request who are looked for in the journal.
pub const MOST_LOOKED_FOR: usize = 100;
/// Blocks of the journal that are read for one of them.
const PLACES_LOOKED_AT: u32 = 200;

/// What comes of asking for deletions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// They are stored: the events, in the order of the persons.
    Accepted(Vec<Seq>),
    /// The journal takes nothing at the moment.
    Full {
        /// When to come back.
        retry_after: Duration,
    },
}

/// How a deletion stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionState {
    /// Its event.
    pub seq: Seq,
    /// How it ended; none while it is under way.
    pub end: Option<End>,
    /// Whether the person's earlier events are erased here.
    pub is_erased: bool,
}

impl Admin {
    /// Stores that these persons are to be deleted.
    pub async fn delete_persons(&self, people: Vec<Person>) -> Result<DeletionOutcome, AdminError> {
        let now = self.now();
        let at = render_iso(now.0);
        let mut events = Vec::with_capacity(people.len());
        for person in &people {
            let mut id = [0; 16];
            getrandom::fill(&mut id).map_err(|_| AdminError::NoRandomness)?;
            // Asked for twice, it is done twice: between the two the person may have come back.
            let id = u128::from_be_bytes(id);
            let body = person.render_event(&format!("tapline-delete-{id:032x}"), &at);
            events.push(NewEvent { dedup: DedupKey(id), received_at: now, refusal: None, body });
        }
        match self.ground.journal.append(events).await {
            Ok(appended) => {
                let place = |appended| match appended {
                    Appended::Stored(seq) | Appended::Duplicate(seq) => seq,
                };
                DeletionAsked { persons: people.len() }.tell();
                Ok(DeletionOutcome::Accepted(appended.into_iter().map(place).collect()))
            }
            Err(AppendError::Full { retry_after }) => Ok(DeletionOutcome::Full { retry_after }),
            Err(AppendError::Broken(reason)) => Err(JournalError::Storage(reason).into()),
        }
    }

    /// Which of these persons no event of the journal is about, deletions aside; their places among `people`. More than
    /// [`MOST_LOOKED_FOR`] persons are not looked for, and one of whom very much was erased counts as known.
    pub async fn unknown_persons(&self, people: &[Person]) -> Result<Vec<usize>, AdminError> {
        let mut unknown = Vec::new();
        if people.len() <= MOST_LOOKED_FOR {
            for (index, person) in people.iter().enumerate() {
                if !self.knows(person).await? {
                    unknown.push(index);
                }
            }
        }
        Ok(unknown)
    }

    async fn knows(&self, person: &Person) -> Result<bool, AdminError> {
        let journal = &self.ground.journal;
        let query = Query { terms: vec![Term::user(person.id())], ..Query::default() };
        let (mut before, mut left) = (journal.end(), PLACES_LOOKED_AT);
        let mut block: Option<Arc<Block>> = None;
        loop {
            let sought = journal.seek(&query, before, &mut Effort::new(u32::MAX)).await?;
            for place in sought.places {
                if block.as_ref().is_none_or(|block| block.get(place).is_none()) {
                    if left == 0 {
                        return Ok(true);
                    }
                    left -= 1;
                    block = journal.block_from(place).await?;
                }
                let entry = block.as_ref().and_then(|block| block.get(place));
                let is_theirs = |entry: &Entry| {
                    entry.erased_at.is_none()
                        && Facets::of(&entry.body).is_of(person.id())
                        && Person::of_deletion(&entry.body).is_none()
                };
                if entry.is_some_and(is_theirs) {
                    return Ok(true);
                }
            }
            if sought.looked_to <= journal.kept_from() || sought.looked_to >= before {
                return Ok(false);
            }
            before = sought.looked_to;
        }
    }

    /// How the deletions at these places stand, in their order; places that hold none are left out.
    pub async fn deletion_states(&self, places: &[Seq]) -> Result<Vec<DeletionState>, AdminError> {
        let journal = &self.ground.journal;
        let mut states = Vec::with_capacity(places.len());
        for seq in places.iter().copied() {
            let Some(block) = journal.block_from(seq).await? else { continue };
            let Some(entry) = block.get(seq) else { continue };
            let is_erased = entry.erased_at.is_some();
            if !is_erased && Person::of_deletion(&entry.body).is_none() {
                continue;
            }
            let ends = journal.ends(&block).await?;
            let index = usize::try_from(seq.0.saturating_sub(block.first.0)).unwrap_or(usize::MAX);
            states.push(DeletionState { seq, end: ends.into_iter().nth(index).flatten(), is_erased });
        }
        Ok(states)
    }
}
