//! What looking through everything has found.

use super::Head;
use crate::journal::Counts;
use serde::Serialize;

/// What there is, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The version of the program that wrote it.
    pub program: String,
    /// Events that were read.
    pub events: u64,
    /// Ends that were read.
    pub ends: u64,
    /// Notes about uploads that were read.
    pub uploads: u64,
    /// Other rows that were read: settings, accounts, revisions of rules.
    pub rows: u64,
    /// Events that are lost to damage.
    pub lost: u64,
    /// How many events stand where, those included whose time was over.
    pub counts: Counts,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first of them.
    pub problems: Vec<Finding>,
    /// How many of the problems are no more than lost events.
    #[serde(skip)]
    pub losses: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: an event as `ev_7`, or what in words.
    pub place: String,
    /// What.
    pub what: String,
}

impl Findings {
    /// Adds what was found elsewhere. It is no loss of events.
    pub fn add(&mut self, found: Vec<Finding>) {
        self.problem_count = self.problem_count.saturating_add(found.len() as u64);
        self.problems.extend(found);
    }

    /// Nothing found yet in what `head` announces.
    pub fn of(head: &Head) -> Self {
        Self {
            program: head.program.clone(),
            events: 0,
            ends: 0,
            uploads: 0,
            rows: 0,
            lost: 0,
            counts: head.counts,
            problem_count: 0,
            problems: Vec::new(),
            losses: 0,
        }
    }
}
