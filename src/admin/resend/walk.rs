//! Going through the log for a job, and evaluating what it finds: for the survey before it and for the sending itself.

use super::job::{Mode, Pick, ResendJob, Selection, SkipReason};
use crate::admin::{AdminError, kept_files, kept_revisions};
use crate::clock::{self, Millis};
use crate::delivery::{LiveMapping, Mapped, Mapping};
use crate::engine::{Context, Evaluator, Plan, Reason};
use crate::journal::{Journal, JournalError, Route, Seq, State, Store};
use crate::rulebook::LiveRules;
use crate::telemetry::Cause;
use crate::telemetry::event::KeptRulesUnreadable;
use bytes::Bytes;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Kept revisions that are held compiled; a job seldom meets more than a few.
const COMPILED_MOST: usize = 16;

/// What one block of the log holds for a job.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Where to go on.
    pub next: Seq,
    /// Places that were looked at.
    pub looked: u64,
    /// Events about which nothing is to be done.
    pub known: Vec<(Seq, Known)>,
    /// Events to be evaluated again.
    pub candidates: Vec<Candidate>,
}

/// What is known of a selected event without evaluating it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is passed over.
    Skipped(SkipReason),
    /// The job has given it this end before a restart; and whether an upload led to it.
    Done(State, bool),
}

/// An event to be evaluated again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub seq: Seq,
    /// When it was received.
    pub received_at: Millis,
    /// The event as JSON.
    pub body: Bytes,
    /// The rules revision it ended with.
    pub revision: String,
}

/// Where `job` has to look from `at` on, by what the index knows of its filter.
pub async fn route(journal: &dyn Journal, job: &ResendJob, at: Seq) -> Result<Route, JournalError> {
    match &job.selection {
        Selection::Events(places) => Ok(Route::Places(places.clone())),
        Selection::Matching { filter, .. } => Route::find(journal, vec![filter.query()], at, job.until).await,
    }
}

/// What the log holds for `job` from `at` on, about a block of it; none where there is nothing more on its `route`.
pub async fn stretch(
    journal: &dyn Journal,
    job: &ResendJob,
    route: &Route,
    at: Seq,
) -> Result<Option<Stretch>, JournalError> {
    let Some(at) = route.next(at).filter(|at| *at < job.until) else { return Ok(None) };
    let block = journal.block_from(at).await?;
    let Some(block) = block.filter(|block| block.first < job.until) else {
        // Nothing is left of what it named.
        return Ok(Some(Stretch {
            next: job.until,
            known: dropped(job, at, job.until),
            ..Stretch::default()
        }));
    };
    let ends = journal.ends(&block).await?;
    let replaced = journal.replaced(&block).await?;
    let mut stretch = Stretch {
        next: block.end().min(job.until),
        looked: block.end().min(job.until).0.saturating_sub(block.first.max(at).0),
        known: dropped(job, at, block.first),
        candidates: Vec::new(),
    };
    for ((seq, entry), (end, replaced)) in block.iter().zip(ends.into_iter().zip(replaced)) {
        if seq < at || seq >= job.until {
            continue;
        }
        match job.pick(seq, entry, end.as_ref(), replaced.map(|replaced| replaced.by)) {
            Pick::No => {}
            Pick::Skip(reason) => stretch.known.push((seq, Known::Skipped(reason))),
            Pick::Done(state, sent) => stretch.known.push((seq, Known::Done(state, sent))),
            Pick::Yes => stretch.candidates.push(Candidate {
                seq,
                received_at: entry.received_at,
                body: entry.body.clone(),
                revision: end.map(|end| end.revision).unwrap_or_default(),
            }),
        }
    }
    Ok(Some(stretch))
}

/// The events that a job names between two places, of which nothing is left.
fn dropped(job: &ResendJob, from: Seq, to: Seq) -> Vec<(Seq, Known)> {
    let mut found = Vec::new();
    let mut at = from;
    while let Selection::Events(_) = job.selection
        && let Some(place) = job.selection.next(at).filter(|place| *place < to)
    {
        found.push((place, Known::Skipped(SkipReason::Dropped)));
        at = place.next();
    }
    found
}

/// Evaluates events again, by the rules that a job asks for.
pub trait Remapping: Send + 'static {
    /// Takes up the rules in force now. Called before each block, and after a panic.
    fn refresh(&mut self);

    /// Maps one event, given as JSON, that ended with the rules of `revision`. Gives the revision it was mapped with; none
    /// where that is not kept.
    fn map(
        &mut self,
        mode: Mode,
        revision: &str,
        event: &[u8],
        received_at: Millis,
    ) -> Option<(Arc<str>, Mapped)>;
}

/// What became of a candidate.
pub type Remapped = Option<(Arc<str>, Mapped)>;

/// Evaluates a candidate, or `edited` in its place. A panic in the rules is that event's failure.
pub fn remap(
    remapping: &mut dyn Remapping,
    mode: Mode,
    candidate: &Candidate,
    edited: Option<&[u8]>,
) -> Remapped {
    let Candidate { received_at, body, revision, .. } = candidate;
    let event = edited.unwrap_or(body);
    let mapped = catch_unwind(AssertUnwindSafe(|| remapping.map(mode, revision, event, *received_at)));
    mapped.unwrap_or_else(|_| {
        remapping.refresh();
        let message = "the rules crashed on this event, which is a fault of Tapline's; please report it";
        Some((revision.as_str().into(), Mapped::Failed(Reason::new("internal_error", message))))
    })
}

/// The engine, with the rules in force and those of the revisions that are kept.
pub struct KeptRules {
    store: Arc<dyn Store>,
    rules: Arc<LiveRules>,
    live: LiveMapping,
    live_revision: Arc<str>,
    kept: HashMap<String, Option<Evaluator>>,
}

impl KeptRules {
    /// The rules in force, and those that `store` keeps.
    pub fn new(store: Arc<dyn Store>, rules: Arc<LiveRules>) -> Self {
        let live = LiveMapping::new(rules.clone());
        let live_revision = rules.plan().revision().into();
        Self { store, rules, live, live_revision, kept: HashMap::new() }
    }

    /// The rules of a revision, if they are kept and still compile.
    fn compile(&self, revision: &str) -> Option<Evaluator> {
        let unreadable =
            |error: &AdminError| KeptRulesUnreadable { revision, error: Cause::of(error) }.tell();
        let revisions = kept_revisions(&*self.store).inspect_err(unreadable).ok()?;
        let kept = revisions.into_iter().find(|kept| kept.good && kept.hash.short() == revision)?;
        let files = kept_files(&*self.store, &kept).inspect_err(unreadable).ok()?;
        let plan = Plan::compile_live(&files, kept.pack.as_deref(), &kept.options).ok()?;
        Some(Evaluator::new(Arc::new(plan)))
    }
}

impl Remapping for KeptRules {
    fn refresh(&mut self) {
        // Made anew: what a panic left behind is not used again.
        self.live = LiveMapping::new(self.rules.clone());
        self.live_revision = self.live.refresh();
    }

    fn map(&mut self, mode: Mode, revision: &str, event: &[u8], received_at: Millis) -> Remapped {
        if mode != Mode::Same || *revision == *self.live_revision {
            return Some((self.live_revision.clone(), self.live.map(event, received_at)));
        }
        if !self.kept.contains_key(revision) {
            if self.kept.len() >= COMPILED_MOST {
                self.kept.clear();
            }
            let compiled = self.compile(revision);
            self.kept.insert(revision.to_owned(), compiled);
        }
        // Taken out while it works, so that one that panics is not met again.
        let mut evaluator = self.kept.insert(revision.to_owned(), None)??;
        let context = Context { received_at: Some(received_at.0), stopwatch: Some(clock::stopwatch) };
        let mapped = Mapped::by(&mut evaluator, event, &context);
        self.kept.insert(revision.to_owned(), Some(evaluator));
        Some((revision.into(), mapped))
    }
}
