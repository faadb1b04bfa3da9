//! Asking for comparisons, looking at them, and opening one of their events.

use super::job::{DiffJob, DiffState};
use super::order::{DiffOrder, MOST_EVENTS};
use super::run;
use super::set::{SetRefusal, SetSource, Side};
use crate::admin::{Admin, AdminError};
use crate::engine::{Context, Evaluator, Preview, preview};
use crate::journal::Seq;
use crate::rulebook;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Comparisons that are kept; the oldest that is over is forgotten.
pub const MOST_JOBS: usize = 12;

/// How often it is looked whether a comparison that somebody waits for is over.
const LOOK: Duration = Duration::from_millis(20);

/// The comparisons there are.
#[derive(Debug)]
pub(in crate::admin) struct DiffDesk {
    jobs: Mutex<VecDeque<Arc<DiffJob>>>,
    next: AtomicU64,
    /// One at a time: delivery needs the processors too.
    turn: Arc<Semaphore>,
}

impl Default for DiffDesk {
    fn default() -> Self {
        Self { jobs: Mutex::default(), next: AtomicU64::new(1), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl DiffDesk {
    /// Whether there is room for one more, which is made where possible.
    fn make_room(&self) -> bool {
        let mut jobs = self.lock();
        while jobs.len() >= MOST_JOBS {
            let Some(over) = jobs.iter().position(|job| job.state().is_over()) else { return false };
            jobs.remove(over);
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<DiffJob>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of asking.
#[derive(Debug)]
pub enum DiffOutcome {
    /// It is under way, or done.
    Taken(Arc<DiffJob>),
    /// A set can not be used.
    Refused(Side, SetRefusal),
    /// So many are under way already.
    TooMany(usize),
}

/// One event with what both sets make of it.
#[derive(Debug)]
pub struct DiffedEvent {
    /// The event as received, with what ingest added.
    pub event: String,
    /// What the first set makes of it, with the trace.
    pub before: Preview,
    /// What the second makes of it.
    pub after: Preview,
}

impl Admin {
    /// Begins a comparison in the name of `who`; both sets are compiled before it answers.
    pub async fn diff(&self, order: DiffOrder, who: &str) -> Result<DiffOutcome, AdminError> {
        let order = DiffOrder { last: order.last.clamp(1, MOST_EVENTS), ..order };
        let (rules, store) = (Arc::clone(&self.ground.rules), Arc::clone(&self.ground.store));
        let settings = self.ground.settings.load();
        let load = move || {
            // Before the files, so that what changes meanwhile is noticed when the candidate is to be written.
            let base = match &order.after {
                SetSource::Edited(edits) => edits.base.or(rulebook::directory_hash(rules.directory()).ok()),
                _ => None,
            };
            let side = |side, set: &SetSource| {
                set.load(&rules, &settings.0, &*store).map_err(|refusal| (side, refusal))
            };
            let before = side(Side::Before, &order.before);
            let after = side(Side::After, &order.after);
            before.and_then(|before| Ok((before, after?))).map(|sets| (order, base, sets))
        };
        let loaded = tokio::task::spawn_blocking(load).await.map_err(|_| AdminError::Interrupted)?;
        let (order, base, (before, after)) = match loaded {
            Ok(loaded) => loaded,
            Err((side, refusal)) => return Ok(DiffOutcome::Refused(side, refusal)),
        };
        let desk = &self.diffs;
        if !desk.make_room() {
            return Ok(DiffOutcome::TooMany(MOST_JOBS));
        }
        let job = Arc::new(DiffJob {
            id: desk.next.fetch_add(1, Relaxed),
            order,
            created_by: who.to_owned(),
            created_at: self.now(),
            plans: [before.0, after.0],
            files: [before.1, after.1],
            base,
            places: Default::default(),
            compared: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            stand: Mutex::new(DiffState::Waiting),
        });
        desk.lock().push_back(Arc::clone(&job));
        let (worked, turn, journal) =
            (Arc::clone(&job), Arc::clone(&desk.turn), Arc::clone(&self.ground.journal));
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = turn.acquire().await;
            run::run(&worked, &*journal).await;
        });
        Ok(DiffOutcome::Taken(job))
    }

    /// Waits until a comparison is over, for so long at most.
    pub async fn await_diff(&self, job: &DiffJob, most: Duration) {
        let over = async {
            while !job.state().is_over() {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Whoever asked sees how it stands either way.
        let _ = tokio::time::timeout(most, over).await;
    }

    /// One comparison.
    pub fn diff_job(&self, id: u64) -> Option<Arc<DiffJob>> {
        self.diffs.lock().iter().find(|job| job.id == id).cloned()
    }

    /// The comparisons that are kept, the newest first.
    pub fn diff_jobs(&self) -> Vec<Arc<DiffJob>> {
        self.diffs.lock().iter().rev().cloned().collect()
    }

    /// What both sets of a comparison make of a stored event; none where there is no such event that rules could be asked
    /// about.
    pub async fn diffed_event(
        &self,
        job: &Arc<DiffJob>,
        seq: Seq,
    ) -> Result<Option<DiffedEvent>, AdminError> {
        let Some(block) = self.ground.journal.block_from(seq).await? else { return Ok(None) };
        let Some(entry) = block.get(seq).filter(|entry| !entry.is_lost && entry.erased_at.is_none()) else {
            return Ok(None);
        };
        let (received_at, body, job) = (entry.received_at, entry.body.clone(), Arc::clone(job));
        let look = move || {
            let context = Context { received_at: Some(received_at.0), stopwatch: None };
            let [before, after] =
                job.plans.clone().map(|plan| preview(&mut Evaluator::new(plan), &body, &context, true));
            DiffedEvent { event: String::from_utf8_lossy(&body).into_owned(), before, after }
        };
        tokio::task::spawn_blocking(look).await.map(Some).map_err(|_| AdminError::Interrupted)
    }
}
