//! Rules as an operator and programs see them: what is in force and how often it took effect, what is wrong with the newest,
//! what a candidate is worth.
//!
//! First thing to know: the files in force are those that were read when they came into force, not those on disk now.

mod hits;
mod list;
mod source;
mod text_change;

pub use hits::Hits;
pub use list::{LastRead, RuleList, RuleRow};
pub use source::{SetName, SourceFile, SourceHome};
pub use text_change::{ChangedFile, ChangedLine, FileFate, LineFate, patch, text_changes};

use super::{Admin, Candidate};
use crate::engine::lint::{RuleSet, lint};
use crate::engine::report::{self, Problem};
use crate::engine::{Diagnostics, Plan};
use crate::rulebook;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is in force, and why the newest set is not if it is not.
#[derive(Debug)]
pub struct RulesStatus {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// Why the newest set is not in force.
    pub problem: Option<RulesProblem>,
}

/// Why a set of rules is not in force.
#[derive(Debug)]
pub struct RulesProblem {
    /// In a sentence.
    pub message: String,
    /// Problem by problem; none where the files could not be read at all.
    pub problems: Vec<Problem>,
}

/// What a candidate is worth.
#[derive(Debug)]
pub enum Validation {
    /// It could be in force, as this revision. It may still hold what is most likely not meant.
    Fit {
        /// The revision it would be.
        revision: String,
        /// Warnings.
        problems: Vec<Problem>,
    },
    /// It could not; errors and warnings.
    Unfit(Vec<Problem>),
    /// The rules directory could not be read.
    Unreadable(String),
}

impl Admin {
    /// The rules in force.
    pub fn rules_status(&self) -> RulesStatus {
        let rules = &self.ground.rules;
        let problem = rules.problem().map(|problem| match &*problem {
            rulebook::Problem::Invalid(diagnostics) => RulesProblem {
                message: "the newest rules hold errors, so the last good ones are in force".to_owned(),
                problems: report::list(diagnostics, ""),
            },
            other @ (rulebook::Problem::Unreadable { .. } | rulebook::Problem::EntryGone { .. }) => {
                RulesProblem { message: other.to_string(), problems: Vec::new() }
            }
        });
        RulesStatus { plan: rules.plan(), problem }
    }

    /// Judges candidate rules as `tapline check` does, off the threads that answer requests. Nothing is put in force.
    pub async fn validate(&self, candidate: Candidate) -> Validation {
        let rules = self.ground.rules.clone();
        let settings = self.ground.settings.load();
        let work = move || {
            let (files, pack, options) = match candidate.over(&rules, &settings.0) {
                Ok(set) => set,
                Err(error) => return Validation::Unreadable(error.to_string()),
            };
            judge(&RuleSet {
                files: &files,
                pack: pack.as_deref(),
                options: &options,
                live: true,
                cases: None,
                foreign: &BTreeSet::new(),
            })
        };
        let stopping =
            |_| Validation::Unreadable("the process is stopping; try again in a moment".to_owned());
        tokio::task::spawn_blocking(work).await.unwrap_or_else(stopping)
    }
}

fn judge(set: &RuleSet<'_>) -> Validation {
    let listed = |found: &Diagnostics| report::list(found, "");
    match (lint(set), Plan::compile_live(set.files, set.pack, set.options)) {
        (Ok(warnings), Ok(plan)) => {
            Validation::Fit { revision: plan.revision().to_owned(), problems: listed(&warnings) }
        }
        (Err(problems), _) | (_, Err(problems)) => Validation::Unfit(listed(&problems)),
    }
}
