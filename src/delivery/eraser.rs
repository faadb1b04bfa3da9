//! Erasing: once CleverTap has deleted a person, what the journal holds of that person's events goes, too.
//!
//! It is work on a list in the store: the place of every deletion that CleverTap has taken stands there until its person's
//! events are erased. So it goes on after a restart, and doing a part of it twice changes nothing. Several deletions share
//! one look through the log, and one removal of the bytes ([`Journal::purge`]).
//!
//! Erased are the person's events that were accepted before the deletion. Those accepted after it are new: CleverTap makes
//! a new profile of them, and whoever does not want that stops sending.
//!
//! First thing to know: the deletion itself is erased last. Of its person a keyed hash remains, by which the same request
//! can be recognised by whoever has the key, and nobody can be found by guessing.

use super::DeliveryError;
use super::mention::take_out;
use super::token::DeviceKey;
use super::worker::Shared;
use crate::engine::event::time::render_iso;
use crate::engine::event::{Ids, Person, Scanner};
use crate::journal::{Block, Erasure, Journal, JournalError, Query, Route, Seq, State, Store, Table, Term};
use crate::telemetry::Cause;
use crate::telemetry::event::{PersonsErased, PurgeFailed};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Where the key that hashes persons stands among the places.
const KEY: &[u8] = b"key";
/// Persons at once for whom an index is asked one by one; for more the whole log is read, once for all.
const ASKED_MOST: usize = 500;
/// Erasures that are asked of the journal at once, about.
const AT_ONCE: usize = 4096;
/// When to look again for events that had not ended, and after a purge that could not be done.
const AGAIN: Duration = Duration::from_secs(10);

/// Erases what is owed.
pub(super) struct Eraser {
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
}

/// A deletion whose person's events are to be erased.
#[derive(Debug)]
struct Request {
    at: Seq,
    person: Person,
}

/// The persons that are looked for, by their ids.
#[derive(Debug)]
struct Wanted {
    requests: Vec<Request>,
    by_id: HashMap<String, Vec<usize>>,
    until: Seq,
}

/// What a block holds of them.
#[derive(Debug, Default)]
struct Found {
    /// The places, each with the deletions that it concerns.
    places: Vec<(Seq, Vec<Seq>)>,
    devices: Vec<DeviceKey>,
}

/// Notes durably that what these deletions' persons did is to be erased.
pub(super) async fn owe(store: &Arc<dyn Store>, deletions: Vec<Seq>) -> Result<(), JournalError> {
    let row = |at: Seq| (at.0.to_be_bytes().to_vec(), Some(vec![1]));
    let rows: Vec<_> = deletions.into_iter().map(row).collect();
    stored(store, move |store| store.put_all(Table::Erasures, &rows)).await
}

impl Eraser {
    /// An eraser that has not begun.
    pub(super) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        Self { shared, stop }
    }

    /// Works until it is told to stop. What it leaves undone, it does after the next start.
    pub(super) async fn run(self) -> Result<(), DeliveryError> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            worked = self.work() => worked,
        }
    }

    async fn work(&self) -> Result<(), DeliveryError> {
        let journal = &self.shared.journal;
        // What was erased before the start has waited long enough.
        let mut purge_at = (journal.unpurged() > 0).then(Instant::now);
        loop {
            let unfinished = self.erase_owed().await?;
            if journal.unpurged() > 0 {
                purge_at.get_or_insert_with(|| Instant::now() + self.shared.policy.deletion.purge_after);
            }
            if purge_at.is_some_and(|at| at <= Instant::now()) {
                if let Err(error) = journal.purge().await {
                    PurgeFailed { error: Cause::of(&error) }.tell();
                }
                purge_at = (journal.unpurged() > 0).then(|| Instant::now() + AGAIN);
            }
            let look_at = unfinished.then(|| Instant::now() + AGAIN);
            let wake = purge_at.into_iter().chain(look_at).min();
            tokio::select! {
                () = self.shared.erasing.notified() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    /// Erases what is owed; says whether something of it has to wait for events that have not ended.
    async fn erase_owed(&self) -> Result<bool, DeliveryError> {
        let store = &self.shared.store;
        let rows = stored(store, |store| store.list(Table::Erasures)).await?;
        let owed: Vec<Seq> = rows
            .iter()
            .filter_map(|(key, _)| key.first_chunk::<8>().filter(|_| key.len() == 8))
            .map(|key| Seq(u64::from_be_bytes(*key)))
            .collect();
        if owed.is_empty() {
            return Ok(false);
        }
        let (mut requests, mut done) = (Vec::new(), Vec::new());
        for at in owed {
            match self.request(at).await? {
                Owed::Request(request) => requests.push(request),
                Owed::NotYet => {}
                Owed::Nothing => done.push(at),
            }
        }
        let wanted = Arc::new(Wanted::new(requests));
        let unfinished = self.erase_events_of(&wanted).await?;
        let finished: Vec<&Request> =
            wanted.requests.iter().filter(|request| !unfinished.contains(&request.at)).collect();
        if !finished.is_empty() {
            let people: Vec<Person> = finished.iter().map(|request| request.person.clone()).collect();
            // Before the deletions lose their persons: after a kill it is done again.
            stored(store, move |store| take_out(store, &people.iter().collect::<Vec<_>>())).await?;
            let key = stored(store, hash_key).await?;
            let now = self.shared.clock.now();
            let erasure = |request: &&Request| Erasure {
                at: request.at,
                remains: remains(&key, &request.person, &render_iso(now.0)),
            };
            let erasures = finished.iter().map(erasure).collect();
            self.shared.journal.erase(erasures, now).await?;
            finished.iter().for_each(|request| self.shared.tokens.deletion_ends(&request.person));
            PersonsErased { deletions: finished.len() }.tell();
        }
        done.extend(finished.iter().map(|request| request.at));
        let rows: Vec<_> = done.iter().map(|at| (at.0.to_be_bytes().to_vec(), None)).collect();
        if !rows.is_empty() {
            stored(store, move |store| store.put_all(Table::Erasures, &rows)).await?;
        }
        Ok(!unfinished.is_empty())
    }

    /// What is owed for the deletion at a place.
    async fn request(&self, at: Seq) -> Result<Owed, JournalError> {
        let journal = &self.shared.journal;
        let Some(block) = journal.block_from(at).await? else { return Ok(Owed::Nothing) };
        let Some(entry) = block.get(at).filter(|entry| entry.erased_at.is_none()) else {
            return Ok(Owed::Nothing);
        };
        let ends = journal.ends(&block).await?;
        let index = usize::try_from(at.0.saturating_sub(block.first.0)).unwrap_or(usize::MAX);
        Ok(match ends.into_iter().nth(index).flatten() {
            // Noted and then not settled: the call is made again, and the note with it.
            None => Owed::NotYet,
            Some(end) if end.state == State::Delivered => match Person::of_deletion(&entry.body) {
                Some(person) => Owed::Request(Request { at, person }),
                None => Owed::Nothing,
            },
            Some(_) => Owed::Nothing,
        })
    }

    /// Erases the events of these persons; gives the deletions some of whose events have not ended.
    async fn erase_events_of(&self, wanted: &Arc<Wanted>) -> Result<BTreeSet<Seq>, DeliveryError> {
        let mut unfinished = BTreeSet::new();
        let (mut erasures, mut devices) = (Vec::new(), Vec::new());
        let mut at = self.shared.journal.kept_from();
        let route = wanted.route(&*self.shared.journal).await?;
        while let Some((found, next)) = self.find(wanted, &route, at).await? {
            at = next;
            for (place, deletions) in found.places {
                match deletions.is_empty() {
                    true => erasures.push(Erasure::whole(place)),
                    false => unfinished.extend(deletions),
                }
            }
            devices.extend(found.devices);
            if erasures.len() >= AT_ONCE {
                self.forget(std::mem::take(&mut erasures), std::mem::take(&mut devices)).await?;
            }
        }
        devices.extend(wanted.requests.iter().filter_map(|request| match &request.person {
            Person::Anonymous(id) => Some(DeviceKey::of(id)),
            Person::User(_) => None,
        }));
        self.forget(erasures, devices).await?;
        Ok(unfinished)
    }

    /// Looks for events of these persons in the next block from `at` on that holds some; none at the end. The one place
    /// where a person's events are looked for: in the blocks on the route, one at a time.
    async fn find(
        &self,
        wanted: &Arc<Wanted>,
        route: &Route,
        at: Seq,
    ) -> Result<Option<(Found, Seq)>, DeliveryError> {
        let journal = &self.shared.journal;
        let mut at = at;
        while let Some(place) = route.next(at).filter(|place| *place < wanted.until) {
            at = place;
            let Some(block) = journal.block_from(at).await? else { return Ok(None) };
            at = block.end();
            let looking = {
                let (wanted, block) = (wanted.clone(), block.clone());
                tokio::task::spawn_blocking(move || wanted.look_into(&block))
            };
            let mut found = looking.await.map_err(|error| DeliveryError::Crashed(error.to_string()))?;
            if found.places.is_empty() {
                continue;
            }
            let ends = journal.ends(&block).await?;
            for (place, deletions) in &mut found.places {
                let index = usize::try_from(place.0.saturating_sub(block.first.0)).unwrap_or(usize::MAX);
                if ends.get(index).is_some_and(Option::is_some) {
                    deletions.clear();
                }
            }
            return Ok(Some((found, at)));
        }
        Ok(None)
    }

    async fn forget(&self, erasures: Vec<Erasure>, mut devices: Vec<DeviceKey>) -> Result<(), DeliveryError> {
        if !devices.is_empty() {
            let shared = self.shared.clone();
            devices.dedup();
            let forgotten = tokio::task::spawn_blocking(move || shared.tokens.forget_devices(&devices)).await;
            forgotten.map_err(|error| DeliveryError::Crashed(error.to_string()))??;
        }
        if !erasures.is_empty() {
            self.shared.journal.erase(erasures, self.shared.clock.now()).await?;
        }
        Ok(())
    }
}

/// What is owed for a deletion.
enum Owed {
    Request(Request),
    /// It has not ended.
    NotYet,
    /// It was done before, or came to nothing.
    Nothing,
}

impl Wanted {
    fn new(requests: Vec<Request>) -> Self {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, request) in requests.iter().enumerate() {
            by_id.entry(request.person.id().to_owned()).or_default().push(index);
        }
        let until = requests.iter().map(|request| request.at).max().unwrap_or(Seq(0));
        Self { requests, by_id, until }
    }

    /// Where events of theirs can be. An alias names an earlier id that no index knows, so all aliases are on the way.
    async fn route(&self, journal: &dyn Journal) -> Result<Route, JournalError> {
        if self.requests.len() > ASKED_MOST {
            return Ok(Route::Everywhere);
        }
        let terms = self.by_id.keys().map(|id| Term::user(id)).chain([Term::kind("alias")]);
        let queries = terms.map(|term| Query { terms: vec![term], ..Query::default() }).collect();
        Route::find(journal, queries, journal.kept_from(), self.until).await
    }

    fn look_into(&self, block: &Block) -> Found {
        let mut scanner = Scanner::default();
        let mut found = Found::default();
        for (place, entry) in block.iter().filter(|(_, entry)| entry.erased_at.is_none() && !entry.is_lost) {
            let ids = Ids::of_event(&entry.body, &mut scanner);
            let named = [&ids.user, &ids.anonymous, &ids.previous].into_iter().flatten();
            let candidates = named.filter_map(|id| self.by_id.get(id)).flatten();
            let mut deletions: Vec<Seq> = candidates
                .filter_map(|index| self.requests.get(*index))
                .filter(|request| place < request.at && request.person.owns(&ids))
                .map(|request| request.at)
                .collect();
            deletions.sort_unstable();
            deletions.dedup();
            if !deletions.is_empty() {
                found.places.push((place, deletions));
                found.devices.extend(ids.anonymous.as_deref().map(DeviceKey::of));
            }
        }
        found
    }
}

/// What is kept of a deletion: that there was one, and a hash of whom it was about.
fn remains(key: &[u8], person: &Person, at: &str) -> Vec<u8> {
    let hash = Hmac::<Sha256>::new_from_slice(key).map(|mut code| {
        code.update(person.key().as_bytes());
        code.update(&[0]);
        code.update(person.id().as_bytes());
        code.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    // A key of any length is taken, so there is always a hash.
    let hash = hash.unwrap_or_default();
    format!(r#"{{"type":"{}","personHash":"{hash}","erasedAt":"{at}"}}"#, Person::TYPE).into_bytes()
}

/// The key that hashes persons, made when it is first needed.
fn hash_key(store: &dyn Store) -> Result<Vec<u8>, JournalError> {
    if let Some(key) = store.get(Table::Erasures, KEY)? {
        return Ok(key);
    }
    let mut key = vec![0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| JournalError::Storage(format!("the system gave no random numbers: {error}")))?;
    store.swap(Table::Erasures, KEY, None, Some(&key))?;
    Ok(store.get(Table::Erasures, KEY)?.unwrap_or(key))
}

async fn stored<T: Send + 'static>(
    store: &Arc<dyn Store>,
    work: impl FnOnce(&dyn Store) -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&*store)).await;
    done.unwrap_or_else(|error| Err(JournalError::Storage(format!("the work stopped unexpectedly: {error}"))))
}
