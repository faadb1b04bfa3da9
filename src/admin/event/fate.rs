//! What became of every part of an event: kept, renamed, changed, left out with a reason, or taken by no line.
//!
//! Deliberately nothing that is not in the trace: fields name their sources, and what was left out names its place. Parts
//! of which nothing is known stand together, so that a long `context` is one row.

use crate::engine::Preview;
use crate::engine::event::path::push_segment;
use crate::engine::event::{At, Json, Kind, Scanner};
use crate::engine::trace::FieldTrace;
use serde::Serialize;
use std::collections::HashMap;

/// One part of an event, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// Where it stands, as `properties.order_id`.
    pub path: String,
    /// The part as JSON, as it is written.
    pub value: String,
    /// In a word.
    pub kind: FateKind,
    /// The fields it went into, in order of the records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
    /// Why it is in no record; empty where it is in one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What became of a part, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FateKind {
    /// It is in a record under its own key, as it was written.
    Kept,
    /// It is in a record as it was written, under another key.
    Renamed,
    /// It is in a record in another form, or as a part of something.
    Changed,
    /// It was left out, for a reason.
    Dropped,
    /// It is in no record, and nothing says why: no line takes it.
    Unused,
}

/// A field of a record that holds a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The record, from 1.
    pub record: usize,
    /// The key in the record.
    pub field: String,
    /// The field's value as JSON.
    pub value: String,
    /// What was done to it.
    pub transforms: Vec<String>,
}

/// What became of the parts of `event`, in its order. Nothing of what is no JSON.
pub fn fates(event: &str, preview: &Preview) -> Vec<Fate> {
    let mut scanner = Scanner::default();
    let Ok(json) = scanner.scan(event) else { return Vec::new() };
    let known = Known::of(preview);
    let mut found = Vec::new();
    walk(json, At::ROOT, "", &known, &mut found);
    found
}

/// What the trace says of places.
struct Known {
    uses: HashMap<String, Vec<Use>>,
    reasons: HashMap<String, String>,
}

impl Known {
    fn of(preview: &Preview) -> Self {
        let (mut uses, mut reasons) = (HashMap::<String, Vec<Use>>::new(), HashMap::new());
        let Some(trace) = &preview.trace else { return Self { uses, reasons } };
        for (index, record) in trace.records.iter().enumerate() {
            for field in record.envelope.iter().chain(&record.fields) {
                for path in field.sources() {
                    uses.entry(path.to_owned()).or_default().push(Use::of(index + 1, field));
                }
            }
        }
        for drop in &trace.dropped {
            reasons.insert(drop.path.clone(), drop.reason.clone());
        }
        // A warning says more than the bare fact.
        for warning in preview.warnings.iter().filter(|warning| !warning.path.is_empty()) {
            reasons.insert(warning.path.clone(), warning.message.clone());
        }
        Self { uses, reasons }
    }

    fn knows(&self, path: &str) -> bool {
        self.uses.contains_key(path) || self.reasons.contains_key(path)
    }

    fn knows_inside(&self, path: &str) -> bool {
        let inside =
            |known: &String| known.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.uses.keys().any(inside) || self.reasons.keys().any(inside)
    }
}

impl Use {
    fn of(record: usize, field: &FieldTrace) -> Self {
        let (field, value, transforms) =
            (field.target.clone(), field.value.get().to_owned(), field.transforms.clone());
        Self { record, field, value, transforms }
    }

    fn kind(&self, key: &str, raw: &str) -> FateKind {
        match (self.value == raw, self.field == key) {
            (true, true) => FateKind::Kept,
            (true, false) => FateKind::Renamed,
            (false, _) => FateKind::Changed,
        }
    }
}

fn walk(json: Json<'_>, at: At, path: &str, known: &Known, found: &mut Vec<Fate>) {
    let parts: Vec<(String, String, At)> = match json.kind(at) {
        Kind::Object => {
            let member = |(key, value)| {
                let key = json.decoded(key).into_owned();
                let mut inner = path.to_owned();
                push_segment(&mut inner, &key);
                (inner, key, value)
            };
            json.members(at).map(member).collect()
        }
        _ => {
            let element = |(index, value)| (format!("{path}[{index}]"), String::new(), value);
            json.elements(at).enumerate().map(element).collect()
        }
    };
    for (path, key, value) in parts {
        if !known.knows(&path) && known.knows_inside(&path) {
            walk(json, value, &path, known, found);
            continue;
        }
        let uses = known.uses.get(&path).cloned().unwrap_or_default();
        let raw = json.raw(value);
        let reason = known.reasons.get(&path).filter(|_| uses.is_empty()).cloned();
        let kind = match (uses.iter().map(|one| one.kind(&key, raw)).min(), &reason) {
            (Some(kind), _) => kind,
            (None, Some(_)) => FateKind::Dropped,
            (None, None) => FateKind::Unused,
        };
        found.push(Fate { path, value: raw.to_owned(), kind, uses, reason: reason.unwrap_or_default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, Evaluator, Plan, RuleFiles, preview};
    use std::sync::Arc;

    #[test]
    fn every_part_of_an_event_is_kept_renamed_changed_left_out_or_in_no_record() {
        let rules = "version: 1\npack: p\nrules:\n  - id: all\n    emit:\n      - event:\n          \
                     address: [{ identity: userId }]\n          name: event\n          data:\n            \
                     Amount: { from: properties.total, as: number }\n            \
                     \"*\": { rest: properties, keys: snake_case, objects: drop, arrays: drop, except: [total] }\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), rules.to_owned())].into();
        let plan = Plan::compile(&files, Some("p"), &Default::default()).unwrap();
        let event = r#"{"type":"track","event":"Seen","userId":"u","properties":{"plan":"gold","planName":"x","total":"5","deep":{"a":1},"none":null},"context":{"os":{"name":"x"}}}"#;
        let preview =
            preview(&mut Evaluator::new(Arc::new(plan)), event.as_bytes(), &Context::default(), true);
        let told: Vec<(String, FateKind, String)> = fates(event, &preview)
            .into_iter()
            .map(|fate| {
                let fields: Vec<_> = fate.uses.iter().map(|one| one.field.as_str()).collect();
                (fate.path, fate.kind, fields.join(","))
            })
            .collect();
        let told: Vec<_> =
            told.iter().map(|(path, kind, fields)| (path.as_str(), *kind, fields.as_str())).collect();
        assert_eq!(
            told,
            [
                ("type", FateKind::Unused, ""),
                ("event", FateKind::Renamed, "evtName"),
                ("userId", FateKind::Renamed, "identity"),
                ("properties.plan", FateKind::Kept, "plan"),
                ("properties.planName", FateKind::Renamed, "plan_name"),
                ("properties.total", FateKind::Changed, "Amount"),
                ("properties.deep", FateKind::Dropped, ""),
                ("properties.none", FateKind::Dropped, ""),
                ("context", FateKind::Unused, ""),
            ]
        );
    }
}
