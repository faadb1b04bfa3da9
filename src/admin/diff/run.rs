//! Carrying out a comparison: the newest events first, a batch at a time on a thread that may take its time.

use super::job::{DiffJob, DiffState};
use crate::admin::event::Filter;
use crate::clock::Millis;
use crate::engine::Context;
use crate::engine::change::{Comparer, Policy};
use crate::engine::event::Person;
use crate::journal::{Block, Effort, End, Entry, Journal, JournalError, Seq};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Events that are named of each group.
const EXAMPLES: usize = 100;
/// Events that are compared before others may use the thread, and before a cancellation is noticed.
const BATCH: usize = 500;
/// Bytes of events that wait to be compared.
const BATCH_BYTES: usize = 4 << 20;
/// Steps of the journal for one question.
const STEPS: u32 = 2000;

type Batch = Vec<(Seq, Millis, Bytes)>;

/// Compares until enough was compared, nothing is left, or it is cancelled.
pub(super) async fn run(job: &DiffJob, journal: &dyn Journal) {
    job.set(DiffState::Running);
    let [before, after] = job.plans.clone();
    let policy = Policy { examples: EXAMPLES, values: job.order.values };
    let comparer = Comparer::new(before, after, policy);
    let state = match walk(job, journal, comparer).await {
        Ok(comparer) => {
            let (before, after) = (job.order.before.name(), job.order.after.name());
            let report = Arc::new(comparer.report(&before, &after));
            let is_cancelled = job.cancelled.load(Relaxed);
            if is_cancelled { DiffState::Cancelled(report) } else { DiffState::Done(report) }
        }
        Err(stop) => DiffState::Failed(stop.to_string()),
    };
    job.set(state);
}

/// Why a comparison could not go on.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the rules crashed on one of the events, which is a fault of Tapline's; please report it")]
    Crashed,
}

async fn walk(job: &DiffJob, journal: &dyn Journal, comparer: Comparer) -> Result<Comparer, Stop> {
    let (start, floor) = (journal.end(), journal.kept_from());
    job.places.0.store(start.0.saturating_sub(floor.0), Relaxed);
    let filter = &job.order.filter;
    let query = filter.query();
    let mut work = Work { job, comparer: Some(comparer), batch: Batch::new(), bytes: 0, found: 0 };
    let (mut at, mut known) = (start, None::<Known>);
    while at > floor && work.goes_on() {
        let sought = journal.seek(&query, at, &mut Effort::new(STEPS)).await?;
        for place in sought.places {
            if !work.goes_on() {
                break;
            }
            if known.as_ref().is_none_or(|known| known.block.get(place).is_none()) {
                known = Known::of(journal, place, query.asks_for_ends()).await?;
            }
            let entry = known.as_ref().and_then(|known| Some((known, known.block.get(place)?)));
            if let Some((known, entry)) = entry
                && is_wanted(entry, known.end(place), filter)
            {
                work.take(place, entry).await?;
            }
            job.places.1.store(start.0.saturating_sub(place.0), Relaxed);
        }
        at = sought.looked_to;
        job.places.1.fetch_max(start.0.saturating_sub(at.0), Relaxed);
        tokio::task::yield_now().await;
    }
    work.flush().await?;
    work.comparer.ok_or(Stop::Crashed)
}

/// Whether rules are asked about it at all, and it is one of those that are meant.
fn is_wanted(entry: &Entry, end: Option<&End>, filter: &Filter) -> bool {
    let is_event = !entry.is_lost && entry.refusal.is_none() && entry.erased_at.is_none();
    is_event && filter.holds(entry, end) && Person::of_deletion(&entry.body).is_none()
}

/// The block that is being looked through.
struct Known {
    block: Arc<Block>,
    /// Empty where nobody asks for ends.
    ends: Vec<Option<End>>,
}

impl Known {
    async fn of(journal: &dyn Journal, place: Seq, with_ends: bool) -> Result<Option<Self>, JournalError> {
        let Some(block) = journal.block_from(place).await? else { return Ok(None) };
        let ends = if with_ends { journal.ends(&block).await? } else { Vec::new() };
        Ok(Some(Self { block, ends }))
    }

    fn end(&self, place: Seq) -> Option<&End> {
        let index = usize::try_from(place.0.checked_sub(self.block.first.0)?).ok()?;
        self.ends.get(index)?.as_ref()
    }
}

/// What has been found and not been compared yet.
struct Work<'j> {
    job: &'j DiffJob,
    /// None only while it is away, and after a crash.
    comparer: Option<Comparer>,
    batch: Batch,
    bytes: usize,
    found: u64,
}

impl Work<'_> {
    fn goes_on(&self) -> bool {
        self.found < self.job.order.last && !self.job.cancelled.load(Relaxed)
    }

    async fn take(&mut self, place: Seq, entry: &Entry) -> Result<(), Stop> {
        self.batch.push((place, entry.received_at, entry.body.clone()));
        (self.bytes, self.found) = (self.bytes + entry.body.len(), self.found + 1);
        match self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        let Some(mut comparer) = self.comparer.take() else { return Err(Stop::Crashed) };
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let events = batch.len() as u64;
        let compare = move || {
            for (place, received_at, event) in batch {
                // Without a stopwatch, so that a slow moment of this machine does not look like a change of a script.
                let context = Context { received_at: Some(received_at.0), stopwatch: None };
                comparer.compare(&event, &context, &place);
            }
            comparer
        };
        self.comparer = Some(tokio::task::spawn_blocking(compare).await.map_err(|_| Stop::Crashed)?);
        self.job.compared.fetch_add(events, Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::DiffOrder;
    use super::super::set::SetSource;
    use super::*;
    use crate::engine::{Plan, RuleFiles};
    use crate::journal::memory::MemoryJournal;
    use crate::journal::{DedupKey, NewEvent};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    fn job(last: u64) -> DiffJob {
        let rules = "version: 1\npack: p\nrules:\n  - { id: all, filter: { code: all, message: m } }\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), rules.to_owned())].into();
        let plan = Arc::new(Plan::compile(&files, Some("p"), &Default::default()).unwrap());
        let files = Arc::new(files);
        let filter = Filter::default();
        DiffJob {
            id: 1,
            order: DiffOrder {
                before: SetSource::Live,
                after: SetSource::Program,
                last,
                filter,
                values: false,
            },
            created_by: "admin".to_owned(),
            created_at: Millis(0),
            plans: [Arc::clone(&plan), plan],
            files: [Arc::clone(&files), files],
            base: None,
            places: Default::default(),
            compared: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            stand: Mutex::new(DiffState::Waiting),
        }
    }

    async fn journal(events: u64) -> MemoryJournal {
        let journal = MemoryJournal::new();
        let event = |number: u64| NewEvent {
            dedup: DedupKey(number.into()),
            received_at: Millis(0),
            refusal: None,
            body: br#"{"type":"track"}"#.to_vec(),
        };
        journal.append((0..events).map(event).collect()).await.unwrap();
        journal
    }

    #[tokio::test]
    async fn it_ends_when_enough_was_compared_when_nothing_is_left_or_when_it_is_cancelled() {
        let journal = journal(1300).await;
        for (last, expected) in [(5, 5), (1000, 1000), (2000, 1300)] {
            let job = job(last);
            run(&job, &journal).await;
            assert_eq!((job.state().name(), job.compared(), job.progress()), ("done", expected, 1.0));
        }
        let job = job(1000);
        job.cancel();
        run(&job, &journal).await;
        let state = job.state();
        assert_eq!((state.name(), state.report().map(|report| report.counts.events)), ("cancelled", Some(0)));
    }
}
