//! From an event's bytes to records that can wait in a lane: the seam between delivery and the engine.
//!
//! [`LiveMapping`] is the engine with the plan in force; tests put a script in its place. Deliberately not asynchronous:
//! the reader calls it on a thread where it may take its time.

use super::lane::LaneKey;
use super::tally::{RuleTallies, RuleTally};
use super::token::TokenKey;
use crate::clock::{self, Millis};
use crate::engine::record::{Address, RecordKind};
use crate::engine::{Context, Evaluation, Evaluator, Outcome, Plan, Reason};
use crate::rulebook::LiveRules;
use bytes::Bytes;
use std::sync::Arc;

/// What turns events into records.
pub trait Mapping: Send + 'static {
    /// Takes up the rules in force now and returns their revision. Called before each block, and after a panic.
    fn refresh(&mut self) -> Arc<str>;

    /// Maps one event, given as JSON.
    fn map(&mut self, event: &[u8], received_at: Millis) -> Mapped;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// Records were made.
    Records {
        /// Whose order they keep; none when they have nobody's to keep.
        key: Option<LaneKey>,
        /// The records, in the order they are to be uploaded.
        records: Vec<MappedRecord>,
    },
    /// *Filtered at destination* by a rule.
    Filtered(Reason),
    /// It can not become a record.
    Failed(Reason),
}

/// One record, ready to stand in an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedRecord {
    /// The record as JSON.
    pub json: Bytes,
    /// Which push token it is for whom, if it is one.
    pub token: Option<TokenKey>,
}

/// The engine, always with the plan in force.
#[derive(Debug)]
pub struct LiveMapping {
    rules: Arc<LiveRules>,
    plan: Arc<Plan>,
    evaluator: Evaluator,
    counting: Option<Counting>,
}

/// Where it is counted which rules took effect.
#[derive(Debug)]
struct Counting {
    tallies: Arc<RuleTallies>,
    /// That of the plan in force.
    tally: Arc<RuleTally>,
}

impl LiveMapping {
    /// Follows `rules`.
    pub fn new(rules: Arc<LiveRules>) -> Self {
        let plan = rules.plan();
        Self { rules, evaluator: Evaluator::new(plan.clone()), plan, counting: None }
    }

    /// The same; which rules took effect is counted in `tallies`.
    #[must_use]
    pub fn counted(self, tallies: Arc<RuleTallies>) -> Self {
        let tally = tallies.of(&self.plan);
        Self { counting: Some(Counting { tallies, tally }), ..self }
    }
}

impl Mapping for LiveMapping {
    fn refresh(&mut self) -> Arc<str> {
        let plan = self.rules.plan();
        if !Arc::ptr_eq(&plan, &self.plan) {
            self.evaluator = Evaluator::new(plan.clone());
            if let Some(counting) = &mut self.counting {
                counting.tally = counting.tallies.of(&plan);
            }
            self.plan = plan;
        }
        self.plan.revision().into()
    }

    fn map(&mut self, event: &[u8], received_at: Millis) -> Mapped {
        let context = Context { received_at: Some(received_at.0), stopwatch: Some(clock::stopwatch) };
        let evaluation = self.evaluator.evaluate(event, &context);
        if let Some(counting) = &self.counting {
            counting.tally.count(&evaluation, received_at);
        }
        Mapped::of(evaluation)
    }
}

impl Mapped {
    /// What the engine makes of an event, given as JSON.
    pub fn by(evaluator: &mut Evaluator, event: &[u8], context: &Context) -> Self {
        Self::of(evaluator.evaluate(event, context))
    }

    fn of(evaluation: Evaluation<'_>) -> Self {
        match evaluation.outcome {
            Outcome::Mapped => {}
            Outcome::Filtered(reason) => return Self::Filtered(reason),
            Outcome::Failed(reason) => return Self::Failed(reason),
        }
        let lane = evaluation.lane();
        let key = (!lane.is_empty()).then(|| LaneKey::of(&lane));
        let own = |record: crate::engine::evaluate::RecordRef<'_>| MappedRecord {
            json: Bytes::copy_from_slice(record.json),
            token: match (record.kind, &record.address) {
                (RecordKind::Token, Some(Address::ObjectId(object_id))) => {
                    Some(TokenKey::of(object_id, record.json))
                }
                _ => None,
            },
        };
        Self::Records { key, records: evaluation.records().map(own).collect() }
    }
}
