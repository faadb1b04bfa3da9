//! How often rules took effect, kept by revision across restarts.
//!
//! What is counted in memory is added to the stored numbers every few seconds and when the process stops; a crash loses
//! what was counted since. A revision that is not kept any more loses its numbers too.

use crate::admin::{Admin, AdminError, decode, encode, kept_revisions};
use crate::clock::Millis;
use crate::delivery::{PlanCount, RuleCount};
use crate::engine::hash::ContentHash;
use crate::journal::{Store, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

const WHAT: &str = "count of a rule";

/// How often a rule took effect, as stored under its revision and id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// Events for which it took effect; under no id, the events that were evaluated.
    pub hits: u64,
    /// Of these the events that failed by it.
    pub errors: u64,
    /// When the earliest of these events was received.
    pub first: Option<Millis>,
    /// When the latest was.
    pub last: Option<Millis>,
}

impl Hits {
    /// Adds others to it.
    pub(super) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.errors += other.errors;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

impl From<&RuleCount> for Hits {
    fn from(count: &RuleCount) -> Self {
        let RuleCount { hits, errors, first, last } = *count;
        Self { hits, errors, first: Some(first), last: Some(last) }
    }
}

/// The numbers of one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RevisionHits {
    /// Events evaluated.
    pub(super) events: u64,
    /// By the rule's id.
    pub(super) rules: BTreeMap<String, Hits>,
}

impl Admin {
    /// Adds what was counted since the last time to what is stored. What can not be stored stays counted.
    pub async fn save_rule_hits(&self) -> Result<(), AdminError> {
        let _one_at_a_time = self.tallying.lock().await;
        self.save_hits().await
    }

    /// The numbers of `live`, those of all other revisions together, up to now.
    pub(super) async fn rule_hits(
        &self,
        live: ContentHash,
    ) -> Result<(RevisionHits, RevisionHits), AdminError> {
        let _one_at_a_time = self.tallying.lock().await;
        self.save_hits().await?;
        self.stored(move |store| stored_hits(store, live)).await
    }

    async fn save_hits(&self) -> Result<(), AdminError> {
        let taken = self.ground.tallies.take();
        if taken.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut *self.unsaved_hits());
        waiting.extend(taken);
        let saved = waiting.clone();
        let outcome = self.stored(move |store| add(store, &saved)).await;
        if outcome.is_err() {
            *self.unsaved_hits() = waiting;
        }
        outcome
    }

    fn unsaved_hits(&self) -> std::sync::MutexGuard<'_, Vec<(ContentHash, PlanCount)>> {
        self.unsaved_hits.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn key(plan: ContentHash, id: &str) -> Vec<u8> {
    [plan.as_bytes(), id.as_bytes()].concat()
}

fn add(store: &dyn Store, counted: &[(ContentHash, PlanCount)]) -> Result<(), AdminError> {
    let mut rows = BTreeMap::<Vec<u8>, Hits>::new();
    for (plan, count) in counted {
        let events = Hits { hits: count.events, ..Hits::default() };
        let rules = count.rules.iter().map(|(id, count)| (id.as_str(), Hits::from(count)));
        for (id, hits) in std::iter::once(("", events)).chain(rules) {
            rows.entry(key(*plan, id)).or_default().add(&hits);
        }
    }
    let (mut pairs, mut is_new) = (Vec::new(), false);
    for (key, hits) in rows {
        let mut sum = match store.get(Table::RuleHits, &key)? {
            Some(bytes) => decode::<Hits>(WHAT, &bytes)?,
            None => Hits::default(),
        };
        is_new |= sum.hits == 0;
        sum.add(&hits);
        pairs.push((key, Some(encode(WHAT, &sum)?)));
    }
    store.put_all(Table::RuleHits, &pairs)?;
    if is_new { forget(store, counted) } else { Ok(()) }
}

/// Forgets the numbers of revisions that are not kept any more. Asked only when a rule is counted for the first time.
fn forget(store: &dyn Store, counted: &[(ContentHash, PlanCount)]) -> Result<(), AdminError> {
    let mut kept: HashSet<[u8; 32]> =
        kept_revisions(store)?.iter().map(|kept| *kept.hash.as_bytes()).collect();
    kept.extend(counted.iter().map(|(plan, _)| *plan.as_bytes()));
    let rows = store.list(Table::RuleHits)?;
    let is_gone = |key: &[u8]| key.get(..32).is_none_or(|plan| !kept.iter().any(|kept| kept == plan));
    let gone: Vec<_> = rows.into_iter().filter(|(key, _)| is_gone(key)).map(|(key, _)| (key, None)).collect();
    if gone.is_empty() { Ok(()) } else { Ok(store.put_all(Table::RuleHits, &gone)?) }
}

fn stored_hits(store: &dyn Store, live: ContentHash) -> Result<(RevisionHits, RevisionHits), AdminError> {
    let (mut of_live, mut of_others) = (RevisionHits::default(), RevisionHits::default());
    for (key, bytes) in store.list(Table::RuleHits)? {
        let Some((plan, id)) = key.split_at_checked(32) else { continue };
        let Ok(id) = std::str::from_utf8(id) else { continue };
        let hits: Hits = decode(WHAT, &bytes)?;
        let into = if plan == live.as_bytes() { &mut of_live } else { &mut of_others };
        match id {
            "" => into.events += hits.hits,
            id => into.rules.entry(id.to_owned()).or_default().add(&hits),
        }
    }
    Ok((of_live, of_others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    fn count(hits: u64, first: i64, last: i64) -> PlanCount {
        let rule = RuleCount { hits, errors: 1, first: Millis(first), last: Millis(last) };
        PlanCount { events: hits + 1, rules: [("order".to_owned(), rule)].into() }
    }

    #[test]
    fn numbers_add_up_by_revision_and_rule() {
        let (store, live, old) = (MemoryStore::new(), ContentHash::of("live"), ContentHash::of("old"));
        add(&store, &[(live, count(2, 10, 20)), (old, count(1, 1, 2))]).unwrap();
        add(&store, &[(live, count(3, 5, 15)), (live, count(1, 30, 30)), (old, count(1, 1, 2))]).unwrap();
        let (of_live, of_others) = stored_hits(&store, live).unwrap();
        let expected = Hits { hits: 6, errors: 3, first: Some(Millis(5)), last: Some(Millis(30)) };
        assert_eq!((of_live.events, of_live.rules["order"]), (9, expected));
        assert_eq!((of_others.events, of_others.rules["order"].hits), (4, 2));
    }

    #[test]
    fn numbers_of_revisions_that_are_not_kept_are_forgotten() {
        let store = MemoryStore::new();
        add(&store, &[(ContentHash::of("old"), count(2, 1, 1))]).unwrap();
        add(&store, &[(ContentHash::of("new"), count(2, 1, 1))]).unwrap();
        let (new, others) = stored_hits(&store, ContentHash::of("new")).unwrap();
        assert_eq!((new.events, others.events), (3, 0));
    }
}
