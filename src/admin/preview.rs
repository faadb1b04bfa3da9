//! Preview: what would become of an event, with the live rules or a candidate. Stores nothing and sends nothing.

use super::{Admin, AdminError};
use crate::clock::{self, Millis};
use crate::engine::event::batch;
use crate::engine::{Context, Diagnostics, Evaluator, Plan, Preview, RuleFiles, preview};
use crate::journal::Seq;
use crate::rulebook::{self, LiveRules};
use crate::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most events one request may preview: as many as a batch may hold.
pub const MOST_EVENTS: usize = 2500;

/// Rules to try instead of the live ones. Empty means the live ones.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// Another pack.
    pub pack: Option<String>,
    /// Options above those in force.
    pub options: BTreeMap<String, Value>,
    /// Files that replace or join those of the rules directory, by path relative to it.
    pub files: RuleFiles,
}

/// A set of files with the pack and the options that override its own.
pub(super) type Whole = (RuleFiles, Option<String>, BTreeMap<String, Value>);

impl Candidate {
    fn is_empty(&self) -> bool {
        self.pack.is_none() && self.options.is_empty() && self.files.is_empty()
    }

    fn compile(self, rules: &LiveRules, settings: &Settings) -> Result<Arc<Plan>, Refusal> {
        let (files, pack, options) = self.over(rules, settings).map_err(Refusal::Unreadable)?;
        Plan::compile(&files, pack.as_deref(), &options).map(Arc::new).map_err(Refusal::BadRules)
    }

    /// The files, the pack and the options there are when the candidate lies over what is in force.
    pub(super) fn over(self, rules: &LiveRules, settings: &Settings) -> std::io::Result<Whole> {
        let mut files = rulebook::load_files(rules.directory())?;
        files.extend(self.files);
        // Options of one pack mean nothing to another.
        let same_pack = self.pack.as_deref().is_none_or(|pack| pack == rules.plan().pack());
        let mut options = if same_pack { settings.options.clone() } else { BTreeMap::new() };
        options.extend(self.options);
        let pack = self.pack.or_else(|| settings.pack.clone());
        Ok((files, pack, options))
    }
}

/// Why candidate rules can not be tried.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// The rules directory could not be read.
    #[error("the rules can not be read: {0}")]
    Unreadable(std::io::Error),
    /// The candidate rules hold errors.
    #[error("{0}")]
    BadRules(Diagnostics),
}

/// One event and what would become of it.
#[derive(Debug)]
pub struct Sample {
    /// The event as it was given, byte for byte.
    pub event: String,
    /// What would become of it.
    pub preview: Preview,
}

/// What comes of a preview with candidate rules.
#[derive(Debug)]
pub enum PreviewOutcome {
    /// One answer per event, in order.
    Previewed(Vec<Preview>),
    /// The candidate rules hold errors.
    BadRules(Diagnostics),
    /// The rules directory could not be read.
    Unreadable(String),
}

impl Admin {
    /// The packs there are, also those that can only be previewed, and the one in force.
    pub fn packs(&self) -> (Vec<String>, String) {
        let plan = self.ground.rules.plan();
        (plan.packs().to_vec(), plan.pack().to_owned())
    }

    /// Previews one event with the live rules, on the calling thread; an event takes microseconds.
    pub fn preview_one(&self, event: &str, received_at: Option<Millis>, trace: bool) -> Preview {
        let context = Context { received_at: received_at.map(|at| at.0), stopwatch: Some(clock::stopwatch) };
        preview(&mut Evaluator::new(self.ground.rules.plan()), event.as_bytes(), &context, trace)
    }

    /// Previews every event of a pasted text with the rules in force, or with another pack of them, the first `traced` of
    /// the events with their traces. The error says what was expected.
    pub async fn preview_text(
        &self,
        text: String,
        pack: Option<String>,
        traced: usize,
    ) -> Result<Vec<Sample>, String> {
        let rules = self.ground.rules.clone();
        let settings = self.ground.settings.load();
        let work = move || {
            let events = split(&text)?;
            let plan = match pack {
                None => rules.plan(),
                Some(_) => {
                    let candidate = Candidate { pack, ..Candidate::default() };
                    candidate.compile(&rules, &settings.0).map_err(|refusal| refusal.to_string())?
                }
            };
            let mut evaluator = Evaluator::new(plan);
            let context = Context::default();
            let sample = |(index, event): (usize, &str)| Sample {
                event: event.to_owned(),
                preview: preview(&mut evaluator, event.as_bytes(), &context, index < traced),
            };
            Ok(events.into_iter().enumerate().map(sample).collect())
        };
        let stopping = |_| Err("the process is stopping; try again in a moment".to_owned());
        tokio::task::spawn_blocking(work).await.unwrap_or_else(stopping)
    }

    /// Previews a stored event, which is handed out beside it, with candidate rules and a trace, as of when it was received; none where there is no such
    /// event that rules could be asked about.
    pub async fn preview_stored(
        &self,
        seq: Seq,
        candidate: Candidate,
    ) -> Result<Option<(String, PreviewOutcome)>, AdminError> {
        let block = self.ground.journal.block_from(seq).await?;
        let entry = block.as_ref().and_then(|block| block.get(seq));
        let Some(entry) = entry.filter(|entry| !entry.is_lost && entry.erased_at.is_none()) else {
            return Ok(None);
        };
        let context = Context { received_at: Some(entry.received_at.0), stopwatch: Some(clock::stopwatch) };
        let event = String::from_utf8_lossy(&entry.body).into_owned();
        let outcome = self.evaluate(vec![event.clone()], candidate, context, true).await;
        Ok(Some((event, outcome)))
    }

    /// Previews events with candidate rules, off the threads that answer requests.
    pub async fn preview_with(
        &self,
        events: Vec<String>,
        candidate: Candidate,
        trace: bool,
    ) -> PreviewOutcome {
        self.evaluate(events, candidate, Context::default(), trace).await
    }

    async fn evaluate(
        &self,
        events: Vec<String>,
        candidate: Candidate,
        context: Context,
        trace: bool,
    ) -> PreviewOutcome {
        let rules = self.ground.rules.clone();
        let settings = self.ground.settings.load();
        let work = move || {
            let plan = match candidate.is_empty() {
                true => rules.plan(),
                false => match candidate.compile(&rules, &settings.0) {
                    Ok(plan) => plan,
                    Err(Refusal::Unreadable(error)) => return PreviewOutcome::Unreadable(error.to_string()),
                    Err(Refusal::BadRules(diagnostics)) => return PreviewOutcome::BadRules(diagnostics),
                },
            };
            let mut evaluator = Evaluator::new(plan);
            let one = |event: &String| preview(&mut evaluator, event.as_bytes(), &context, trace);
            PreviewOutcome::Previewed(events.iter().map(one).collect())
        };
        let stopping = |_| PreviewOutcome::Unreadable("the process is stopping".to_owned());
        tokio::task::spawn_blocking(work).await.unwrap_or_else(stopping)
    }
}

fn split(text: &str) -> Result<Vec<&str>, String> {
    if text.trim().is_empty() {
        return Err("expected an event as JSON, found nothing".to_owned());
    }
    let events = batch::split(text);
    match events.len() {
        0 => Err("expected at least one event, found an empty list".to_owned()),
        1..=MOST_EVENTS => Ok(events),
        more => Err(format!("expected at most {MOST_EVENTS} events at once, found {more}")),
    }
}
