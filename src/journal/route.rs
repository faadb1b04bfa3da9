//! Going through the log oldest first, and only where the index says that something can be.
//!
//! For work that goes forward and must come everywhere: jobs that send again, and erasing. Deliberately no ends: they
//! change while such work goes on, and what was found by them before would be missed after a restart.
//!
//! First thing to know: a route leaves nothing out and holds too much; whoever goes it looks at each event.

use super::{Effort, Journal, JournalError, Query, Seq};

/// Places that are remembered; where there are more, reading everything is hardly slower. Eight bytes each.
const PLACES_MOST: usize = 1 << 20;

/// Where to look, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// In every event.
    Everywhere,
    /// In these, in order and each once.
    Places(Vec<Seq>),
}

impl Route {
    /// Where events from `from` on and before `until` can be that match any of `queries`, their ends left aside.
    pub async fn find(
        journal: &dyn Journal,
        queries: Vec<Query>,
        from: Seq,
        until: Seq,
    ) -> Result<Self, JournalError> {
        let from = from.max(journal.kept_from());
        let mut places = Vec::new();
        for query in queries {
            let query = Query { standing: None, code: None, ..query };
            if query.terms.is_empty() && query.from.is_none() && query.to.is_none() {
                return Ok(Self::Everywhere);
            }
            let mut before = until;
            while before > from {
                let sought = journal.seek(&query, before, &mut Effort::new(u32::MAX)).await?;
                places.extend(sought.places.into_iter().filter(|place| *place >= from));
                if places.len() > PLACES_MOST {
                    return Ok(Self::Everywhere);
                }
                if sought.looked_to >= before {
                    break;
                }
                before = sought.looked_to;
            }
        }
        places.sort_unstable();
        places.dedup();
        Ok(Self::Places(places))
    }

    /// The first place from `at` on to look at; none where there is nothing more.
    pub fn next(&self, at: Seq) -> Option<Seq> {
        match self {
            Self::Everywhere => Some(at),
            Self::Places(places) => places.get(places.partition_point(|place| *place < at)).copied(),
        }
    }
}
