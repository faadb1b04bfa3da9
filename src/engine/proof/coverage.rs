//! Which rules decided or added something, and which fields they wrote, over many cases.

use crate::engine::diagnostic::Place;
use crate::engine::plan::Plan;
use crate::engine::rules::rule::{Action, Rule};
use crate::engine::trace::{Trace, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was reached of the plans that were run.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Ids of rules by place.
    rules: BTreeMap<Spot, String>,
    /// Fields by place, as `order-completed: Amount`.
    fields: BTreeMap<Spot, String>,
    reached: BTreeSet<String>,
}

/// A place as it sorts, and as a trace names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot(Place);

/// How much of something was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many were.
    pub reached: usize,
    /// How many there are.
    pub total: usize,
    /// Rounded down.
    pub percent: u8,
    /// The others, with their places.
    pub missing: Vec<Missing>,
}

/// Something no case reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// A rule's id, or a field as `order-completed: Amount`.
    pub name: String,
    /// Where it is written, `file:line:col`.
    pub place: String,
}

impl Coverage {
    /// Counts a plan's rules and fields among what there is.
    pub fn expect(&mut self, plan: &Plan) {
        for rule in plan.pack.rules.iter().chain(&plan.pack.extras) {
            self.rules.insert(Spot(rule.place.clone()), rule.id.to_string());
            self.expect_fields(rule);
        }
    }

    fn expect_fields(&mut self, rule: &Rule) {
        let Action::Emit(records) = &rule.action else { return };
        for record in records {
            for (place, target) in record.call.iter().flat_map(|call| call.fields()) {
                self.fields.insert(Spot(place.clone()), format!("{}: {target}", rule.id));
            }
            let data = &record.data;
            let named = data.fields.iter().map(|field| (&field.place, &*field.target));
            let copied = data.rest.iter().map(|rest| (&rest.place, "*"));
            let merged = data.merge.iter().map(|merge| (&merge.place, "**"));
            for (place, target) in named.chain(copied).chain(merged) {
                self.fields.insert(Spot(place.clone()), format!("{}: {target}", rule.id));
            }
        }
    }

    /// Counts only what stands in files for which `counts` holds.
    pub fn retain(&mut self, counts: impl Fn(&str) -> bool) {
        self.rules.retain(|spot, _| counts(&spot.0.file));
        self.fields.retain(|spot, _| counts(&spot.0.file));
    }

    /// Counts what one event reached.
    pub fn reach(&mut self, trace: &Trace) {
        let applied = trace.rules.iter().filter(|rule| rule.verdict == Verdict::Matched);
        self.reached.extend(applied.map(|rule| rule.place.clone()));
        let fields = trace.records.iter().flat_map(|record| &record.fields);
        self.reached.extend(fields.map(|field| field.place.clone()));
    }

    /// Whether what stands at a place was reached.
    pub fn has_reached(&self, place: &Place) -> bool {
        self.reached.contains(&place.to_string())
    }

    /// How many rules decided or added something.
    pub fn rules(&self) -> Share {
        self.share(&self.rules)
    }

    /// How many fields were written.
    pub fn fields(&self) -> Share {
        self.share(&self.fields)
    }

    fn share(&self, parts: &BTreeMap<Spot, String>) -> Share {
        let missing: Vec<Missing> = parts
            .iter()
            .map(|(spot, name)| Missing { name: name.clone(), place: spot.0.to_string() })
            .filter(|part| !self.reached.contains(&part.place))
            .collect();
        let (total, reached) = (parts.len(), parts.len() - missing.len());
        let percent = (reached * 100).checked_div(total).unwrap_or(100);
        Share { reached, total, percent: u8::try_from(percent).unwrap_or(100), missing }
    }
}
