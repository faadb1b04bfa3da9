//! Traces: why an event became what it became. Made only when asked for.
//!
//! Per rule and condition whether it holds and what was found; per output field its rule, `file:line:col`, source path
//! and what was done to the value; everything left out, with the reason.

use super::diagnostic::Place;
use super::evaluate::Run;
use super::event::{At, Call, time};
use super::record::RecordKind;
use super::rules::data::Field;
use super::rules::expression::{Alternative, From, Part};
use super::rules::rest::{KeyCase, Nested, Rest};
use super::rules::rule::{Action, Rule};
use super::value::Value;
use serde::Serialize;
use serde_json::value::RawValue;

pub use super::explain::{ConditionTrace, RuleTrace, Verdict};

/// Why an event became what it became.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Trace {
    /// Every rule in order.
    pub rules: Vec<RuleTrace>,
    /// The records in order, field by field.
    pub records: Vec<RecordTrace>,
    /// What of the event was left out, and why. What was left out with a warning is among the warnings.
    pub dropped: Vec<Dropped>,
    /// What scripts printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prints: Vec<Print>,
}

/// A line that a script printed.
#[derive(Debug, Clone, Serialize)]
pub struct Print {
    /// Where the script stands, `file:line:col`.
    pub place: String,
    /// What it printed.
    pub text: String,
}

/// Where one record came from.
#[derive(Debug, Clone, Serialize)]
pub struct RecordTrace {
    /// Profile, event or token, or a call.
    pub kind: RecordKind,
    /// The rule that made it.
    pub rule: String,
    /// What it has beside its data, in order: `identity` or `objectId`, `evtName`, `ts`. A call has nothing of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub envelope: Vec<FieldTrace>,
    /// The fields of its data, in order; of a call the values in its arguments.
    pub fields: Vec<FieldTrace>,
}

/// Where one field came from.
#[derive(Debug, Clone, Serialize)]
pub struct FieldTrace {
    /// The key in the record.
    pub target: String,
    /// The value in the record, as JSON.
    pub value: Box<RawValue>,
    /// The rule.
    pub rule: String,
    /// Where the rule says so, `file:line:col`.
    pub place: String,
    /// The source in the event, as `properties.order_id`; empty for a constant.
    pub from: String,
    /// What was done to the value or key.
    pub transforms: Vec<String>,
    #[serde(skip)]
    start: usize,
}

/// Something of the event that is in no record.
#[derive(Debug, Clone, Serialize)]
pub struct Dropped {
    /// Where in the event.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How a field came to be, as the writer knows it.
#[derive(Debug, Clone, Copy)]
pub enum FieldOrigin<'r> {
    /// A rule names it.
    Named {
        /// The field.
        field: &'r Field,
        /// What made it.
        alternative: &'r Alternative,
        /// The place in the event it started from.
        at: At,
    },
    /// It was copied with the rest.
    Copied {
        /// The rest.
        rest: &'r Rest,
        /// Its key as written, in quotes.
        rendered: &'r [u8],
        /// Its value in the event.
        at: At,
    },
}

/// Listens to an evaluation.
pub trait Tracer {
    /// Whether anything is listened to; where not, the compiler drops all calls.
    const ON: bool;
    /// The rules as judged.
    fn rules(&mut self, rules: Vec<RuleTrace>);
    /// A record begins.
    fn open_record(&mut self, kind: RecordKind, rule: &Rule, index: usize);
    /// The record that began is not made after all.
    fn drop_record(&mut self);
    /// The kind of the record that is being written, if one is.
    fn record(&self) -> Option<RecordKind>;
    /// A field was written, from `start` in the buffer on.
    fn field(&mut self, call: &Call<'_>, origin: FieldOrigin<'_>, value: &[u8], start: usize);
    /// A member beside the data was written.
    fn part(&mut self, target: &str, value: &[u8], from: String, place: &Place);
    /// A field was taken out again, and what follows it moved up.
    fn removed(&mut self, start: usize, length: usize);
    /// Something was left out without a warning.
    fn dropped(&mut self, call: &Call<'_>, at: At, why: &str);
    /// A script put a value under a key, or took it out.
    fn overridden(&mut self, target: &str, value: Option<&[u8]>, place: &Place);
    /// A script printed a line.
    fn printed(&mut self, place: &Place, text: String);
}

/// Listens to nothing.
#[derive(Debug)]
pub struct NoTrace;

impl Tracer for NoTrace {
    const ON: bool = false;
    fn rules(&mut self, _: Vec<RuleTrace>) {}
    fn open_record(&mut self, _: RecordKind, _: &Rule, _: usize) {}
    fn drop_record(&mut self) {}
    fn record(&self) -> Option<RecordKind> {
        None
    }
    fn field(&mut self, _: &Call<'_>, _: FieldOrigin<'_>, _: &[u8], _: usize) {}
    fn part(&mut self, _: &str, _: &[u8], _: String, _: &Place) {}
    fn removed(&mut self, _: usize, _: usize) {}
    fn dropped(&mut self, _: &Call<'_>, _: At, _: &str) {}
    fn overridden(&mut self, _: &str, _: Option<&[u8]>, _: &Place) {}
    fn printed(&mut self, _: &Place, _: String) {}
}

impl FieldTrace {
    /// The places in the event it was made of; none of a constant.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.from.split(", ").filter(|path| !path.is_empty())
    }
}

impl Tracer for Trace {
    const ON: bool = true;

    fn rules(&mut self, rules: Vec<RuleTrace>) {
        self.rules = rules;
    }

    fn open_record(&mut self, kind: RecordKind, rule: &Rule, _: usize) {
        self.records.push(RecordTrace {
            kind,
            rule: rule.id.to_string(),
            envelope: Vec::new(),
            fields: Vec::new(),
        });
    }

    fn drop_record(&mut self) {
        self.records.pop();
    }

    fn record(&self) -> Option<RecordKind> {
        self.records.last().map(|record| record.kind)
    }

    fn field(&mut self, call: &Call<'_>, origin: FieldOrigin<'_>, value: &[u8], start: usize) {
        let Some(record) = self.records.last_mut() else { return };
        let raw = String::from_utf8_lossy(value).into_owned();
        let Ok(value) = RawValue::from_string(raw) else { return };
        let rule = record.rule.clone();
        let field = match origin {
            FieldOrigin::Named { field, alternative, at } => FieldTrace {
                target: field.target.to_string(),
                value,
                rule,
                place: field.place.to_string(),
                from: from_text(call, &alternative.from, at),
                transforms: transforms(alternative),
                start,
            },
            FieldOrigin::Copied { rest, rendered, at } => FieldTrace {
                target: serde_json::from_slice(rendered).unwrap_or_default(),
                value,
                rule,
                place: rest.place.to_string(),
                from: call.json.path_of(at),
                transforms: copy_transforms(call, rest, at),
                start,
            },
        };
        record.fields.push(field);
    }

    fn part(&mut self, target: &str, value: &[u8], from: String, place: &Place) {
        let Some(record) = self.records.last_mut() else { return };
        let Ok(value) = RawValue::from_string(String::from_utf8_lossy(value).into_owned()) else { return };
        let (target, rule, place) = (target.to_owned(), record.rule.clone(), place.to_string());
        let transforms = if target == "ts" { vec!["unix_seconds".to_owned()] } else { Vec::new() };
        record.envelope.push(FieldTrace { target, value, rule, place, from, transforms, start: usize::MAX });
    }

    fn removed(&mut self, start: usize, length: usize) {
        let Some(record) = self.records.last_mut() else { return };
        record.fields.retain(|field| field.start != start);
        for field in record.fields.iter_mut().filter(|field| field.start > start) {
            field.start -= length;
        }
    }

    fn dropped(&mut self, call: &Call<'_>, at: At, why: &str) {
        self.dropped.push(Dropped { path: call.json.path_of(at), reason: why.to_owned() });
    }

    fn overridden(&mut self, target: &str, value: Option<&[u8]>, place: &Place) {
        let Some(record) = self.records.last_mut() else { return };
        let at = record.fields.iter().position(|field| field.target == target);
        let Some(value) = value else {
            at.map(|at| record.fields.remove(at));
            return;
        };
        let Ok(value) = RawValue::from_string(String::from_utf8_lossy(value).into_owned()) else { return };
        let field = FieldTrace {
            target: target.to_owned(),
            value,
            rule: record.rule.clone(),
            place: place.to_string(),
            from: String::new(),
            transforms: vec!["script".to_owned()],
            start: usize::MAX,
        };
        match at.and_then(|at| record.fields.get_mut(at)) {
            Some(before) => *before = field,
            None => record.fields.push(field),
        }
    }

    fn printed(&mut self, place: &Place, text: String) {
        self.prints.push(Print { place: place.to_string(), text });
    }
}

fn from_text(call: &Call<'_>, from: &From, at: At) -> String {
    match from {
        From::Template(template) => {
            let paths = template.parts.iter().flat_map(|part| match part {
                Part::Origins(origins, _) => origins.as_slice(),
                Part::Text(_) => &[],
            });
            paths.map(|origin| origin.as_str()).collect::<Vec<_>>().join(", ")
        }
        From::Text(_) | From::Constant(_) | From::Object(_) | From::Script(_) => String::new(),
        From::Origin(_) | From::Kept(_) | From::Each(..) => call.json.path_of(at),
    }
}

fn transforms(alternative: &Alternative) -> Vec<String> {
    let script = matches!(alternative.from, From::Script(_)).then_some("script");
    let steps = alternative.steps.iter().map(|step| step.name());
    script.into_iter().chain(steps).map(str::to_owned).collect()
}

fn copy_transforms(call: &Call<'_>, rest: &Rest, at: At) -> Vec<String> {
    use super::event::Kind;
    let mut transforms = Vec::new();
    if rest.keys != KeyCase::Preserve {
        transforms.push(format!("{} key", rest.keys.name()));
    }
    let array = call.json.kind(at) == Kind::Array;
    if array && rest.arrays == Nested::Stringify
        || call.json.kind(at) == Kind::Object && rest.objects == Nested::Stringify
    {
        transforms.push("stringify".to_owned());
    }
    transforms
}

impl<T: Tracer> Run<'_, '_, T> {
    /// Tells of a member beside the data, whose value stands in the buffer from `start` on. Where nobody listens, `from`
    /// is not asked.
    #[inline]
    pub(super) fn trace_part(
        &mut self,
        target: &str,
        start: usize,
        place: &Place,
        from: impl FnOnce(&Self) -> String,
    ) {
        if T::ON {
            let from = from(self);
            let value = self.out.get(start..).unwrap_or_default();
            self.tracer.part(target, value, from, place);
        }
    }

    /// Where a value stands in the event; empty where it stands nowhere.
    pub(super) fn source_of(&self, value: &Value) -> String {
        self.call.json.path_of(value.at())
    }

    /// Where what an alternative made came from.
    pub(super) fn source_in(&self, alternative: Option<&Alternative>, at: At) -> String {
        alternative.map(|alternative| from_text(&self.call, &alternative.from, at)).unwrap_or_default()
    }

    /// The members of the call that its time was made of.
    pub(super) fn sources_of_time(&self) -> String {
        let members = time::event_time_members(&self.call, self.context.received_at);
        let names = members.iter().filter(|member| self.call.member(**member).is_some());
        names.map(|member| member.name()).collect::<Vec<_>>().join(", ")
    }

    /// Judges every rule, also those after the one that decides.
    pub(super) fn trace_rules(&mut self) {
        let plan = self.plan;
        let mut traces = Vec::with_capacity(plan.rule_count());
        let mut decided: Option<&Rule> = None;
        for rule in &plan.pack.rules {
            let condition = self.explain(&rule.when);
            let verdict = match (condition.holds, decided) {
                (false, _) => Verdict::NotMatched,
                (true, None) => Verdict::Matched,
                (true, Some(_)) => Verdict::Shadowed,
            };
            let shadowed_by =
                decided.filter(|_| verdict == Verdict::Shadowed).map(|rule| rule.id.to_string());
            let mut trace = RuleTrace::new(rule, verdict, shadowed_by, condition);
            trace.requires = self.explain_requirements(rule, verdict);
            traces.push(trace);
            if verdict == Verdict::Matched {
                decided = Some(rule);
            }
        }
        let emits = decided.is_some_and(|rule| matches!(rule.action, Action::Emit(_)));
        let emits = emits && traces.iter().flat_map(|trace| &trace.requires).all(|required| required.holds);
        for rule in &plan.pack.extras {
            let condition = self.explain(&rule.when);
            let verdict = match (condition.holds, emits) {
                (false, _) => Verdict::NotMatched,
                (true, true) => Verdict::Matched,
                (true, false) => Verdict::NotReached,
            };
            let mut trace = RuleTrace::new(rule, verdict, None, condition);
            trace.requires = self.explain_requirements(rule, verdict);
            traces.push(trace);
        }
        for (rule, place) in &plan.pack.disabled {
            let condition = self.explain(&rule.when);
            traces.push(RuleTrace {
                disabled_at: Some(place.to_string()),
                ..RuleTrace::new(rule, Verdict::Disabled, None, condition)
            });
        }
        self.tracer.rules(traces);
    }
}
