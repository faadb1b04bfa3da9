//! A comparison under way or done: what it is about, how far it has got, what it found.

use super::order::DiffOrder;
use super::set::{Edits, SetSource};
use crate::clock::Millis;
use crate::engine::change::Report;
use crate::engine::hash::ContentHash;
use crate::engine::{Plan, RuleFiles};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// A comparison.
#[derive(Debug)]
pub struct DiffJob {
    /// Its number and name; begins at 1 with every start of the process.
    pub id: u64,
    /// What was asked for.
    pub order: DiffOrder,
    /// Who asked.
    pub created_by: String,
    /// When.
    pub created_at: Millis,
    /// Both sets, compiled.
    pub(super) plans: [Arc<Plan>; 2],
    /// The files of both.
    pub(super) files: [Arc<RuleFiles>; 2],
    /// The state of the rules directory that the candidate started from.
    pub(super) base: Option<ContentHash>,
    /// Places of the log that were to be looked at, and that were.
    pub(super) places: (AtomicU64, AtomicU64),
    pub(super) compared: AtomicU64,
    pub(super) cancelled: AtomicBool,
    pub(super) stand: Mutex<DiffState>,
}

/// How a comparison stands.
#[derive(Debug, Clone)]
pub enum DiffState {
    /// Another is before it.
    Waiting,
    /// Events are being compared.
    Running,
    /// Everything that was asked for was compared.
    Done(Arc<Report>),
    /// It was cancelled; what it found until then.
    Cancelled(Arc<Report>),
    /// It could not go on; a sentence.
    Failed(String),
}

impl DiffState {
    /// The name in programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Cancelled(_) => "cancelled",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    /// What was found, once it is over.
    pub fn report(&self) -> Option<&Arc<Report>> {
        match self {
            Self::Done(report) | Self::Cancelled(report) => Some(report),
            Self::Waiting | Self::Running | Self::Failed(_) => None,
        }
    }
}

impl DiffJob {
    /// How it stands.
    pub fn state(&self) -> DiffState {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, state: DiffState) {
        *self.stand.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Events compared so far.
    pub fn compared(&self) -> u64 {
        self.compared.load(Relaxed)
    }

    /// How far it has got, from 0 to 1: in the log, or towards the number of events that is enough.
    pub fn progress(&self) -> f64 {
        if matches!(self.state(), DiffState::Done(_)) {
            return 1.0;
        }
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let looked = share(self.places.1.load(Relaxed), self.places.0.load(Relaxed));
        looked.max(share(self.compared(), self.order.last)).clamp(0.0, 1.0)
    }

    /// Asks it to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// What the candidate changes, where one side is a candidate.
    pub fn edits(&self) -> Option<&Edits> {
        match &self.order.after {
            SetSource::Edited(edits) => Some(edits),
            _ => None,
        }
    }

    /// The files of the set to compare with and of the one that is to come.
    pub fn files(&self) -> (&RuleFiles, &RuleFiles) {
        let [before, after] = &self.files;
        (before, after)
    }

    /// The revision that the second set has, or would have.
    pub fn revision(&self) -> &str {
        self.plans[1].revision()
    }
}
