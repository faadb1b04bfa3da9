//! Evaluation: one event through the plan.
//!
//! Copying a field allocates nothing: the event is indexed in place, keys are decided from memory, values go straight
//! into one reused buffer. Only a value that is brought into another form takes memory of its own. The same code runs with and without a trace; without one, tracing compiles to nothing.

use super::event::{At, Call, Json, Kind, Member, Scanner, time};
use super::keys::Keys;
use super::plan::Plan;
use super::reason::{OwnReason, Reason};
use super::record::{Address, AddressKind, RecordKind};
use super::rules::Origin;
use super::rules::condition::{Condition, Test};
use super::rules::predicate::Predicate;
use super::rules::rule::{Action, Rule};
use super::scope::FieldScope;
use super::script::{Runner, Stopwatch};
use super::trace::{NoTrace, Tracer};
use super::value::Value;
use super::warning::{Note, Warning};
use std::borrow::Cow;
use std::sync::Arc;

/// What the engine may know beside the event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// Milliseconds since 1970 at which the event was received, used only where it has no `receivedAt` of its own.
    pub received_at: Option<i64>,
    /// Measures how long a script runs; without it only its other limits hold.
    pub stopwatch: Option<Stopwatch>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Records were made.
    Mapped,
    /// *Filtered at destination* by a rule.
    Filtered(Reason),
    /// It can not become a record.
    Failed(Reason),
}

/// Evaluates events with one plan. Holds scratch memory: keep one per worker and reuse it.
#[derive(Debug)]
pub struct Evaluator {
    plan: Arc<Plan>,
    scanner: Scanner,
    work: Work,
}

/// Memory reused from event to event.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) keys: Keys,
    pub(super) out: Vec<u8>,
    pub(super) records: Vec<Span>,
    pub(super) notes: Vec<Note>,
    pub(super) values: Vec<Value>,
    pub(super) scopes: Vec<FieldScope>,
    pub(super) path: String,
    /// Runs scripts; none where the plan has none.
    pub(super) scripts: Option<Box<Runner>>,
    /// The rules that took effect, by their numbers: the one that decided, then those that added records.
    applied: Vec<u16>,
    /// Of these the one by which the event failed.
    blamed: Option<u16>,
}

/// A finished record in the buffer.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) kind: RecordKind,
    /// None of calls.
    pub(super) address: Option<(AddressKind, Value)>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One event on its way through the plan.
pub(super) struct Run<'e, 'w, T> {
    pub(super) plan: &'w Plan,
    pub(super) call: Call<'e>,
    pub(super) context: Context,
    pub(super) keys: &'w mut Keys,
    pub(super) out: &'w mut Vec<u8>,
    pub(super) records: &'w mut Vec<Span>,
    pub(super) notes: &'w mut Vec<Note>,
    pub(super) values: &'w mut Vec<Value>,
    /// One for each object that is being written, the outermost first.
    pub(super) scopes: &'w mut Vec<FieldScope>,
    /// How many objects are being written.
    pub(super) depth: usize,
    /// The element of a list that is being rewritten.
    pub(super) item: Option<At>,
    pub(super) path: &'w mut String,
    pub(super) scripts: &'w mut Option<Box<Runner>>,
    /// How the whole event ends, found while a value or a record was made.
    pub(super) refusal: Option<Outcome>,
    applied: &'w mut Vec<u16>,
    blamed: &'w mut Option<u16>,
    pub(super) tracer: &'w mut T,
}

impl Evaluator {
    /// An evaluator for `plan`.
    pub fn new(plan: Arc<Plan>) -> Self {
        let work = Work {
            keys: Keys::new(&plan.pack.names, plan.pack.rests),
            out: Vec::new(),
            records: Vec::new(),
            notes: Vec::new(),
            values: Vec::new(),
            scopes: Vec::new(),
            path: String::new(),
            scripts: plan.runner().map(Box::new),
            applied: Vec::new(),
            blamed: None,
        };
        Self { plan, scanner: Scanner::default(), work }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// About how many bytes of decisions on keys are remembered; bounded whatever keys come.
    pub fn remembered_bytes(&self) -> usize {
        self.work.keys.bytes()
    }

    /// Maps one event, given as JSON.
    #[inline]
    pub fn evaluate<'a>(&'a mut self, event: &'a [u8], context: &Context) -> Evaluation<'a> {
        self.evaluate_traced(event, context, &mut NoTrace)
    }

    /// Maps one event and tells `tracer` of every step.
    pub(super) fn evaluate_traced<'a, T: Tracer>(
        &'a mut self,
        event: &'a [u8],
        context: &Context,
        tracer: &mut T,
    ) -> Evaluation<'a> {
        let Self { plan, scanner, work } = self;
        work.keys.make_room();
        work.out.clear();
        work.records.clear();
        work.notes.clear();
        work.values.clear();
        work.applied.clear();
        work.blamed = None;
        if let Some(scripts) = &mut work.scripts {
            scripts.begin();
        }
        let text = match std::str::from_utf8(event) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("expected UTF-8, found other bytes at byte {}", error.valid_up_to());
                return Evaluation::refused(work, OwnReason::InvalidJson.because(message));
            }
        };
        let json = match scanner.scan(text) {
            Ok(json) => json,
            Err(error) => {
                return Evaluation::refused(work, OwnReason::InvalidJson.because(error.render(text)));
            }
        };
        if json.kind(At::ROOT) != Kind::Object {
            let message =
                format!("expected an event, which is a JSON object; found {}", json.kind(At::ROOT).noun());
            return Evaluation::refused(work, OwnReason::InvalidEvent.because(message));
        }
        let call = Call::new(json);
        let Work { keys, out, records, notes, values, scopes, path, scripts, applied, blamed } = &mut *work;
        let (context, depth, item, refusal) = (*context, 0, None, None);
        let mut run = Run {
            plan,
            call,
            context,
            keys,
            out,
            records,
            notes,
            values,
            scopes,
            depth,
            item,
            path,
            scripts,
            refusal,
            applied,
            blamed,
            tracer,
        };
        let outcome = run.rules();
        if !matches!(outcome, Outcome::Failed(_)) {
            *run.blamed = None;
        }
        Evaluation { outcome, call: Some(call), work }
    }
}

impl<T: Tracer> Run<'_, '_, T> {
    fn rules(&mut self) -> Outcome {
        let plan = self.plan;
        for (_, expression) in &plan.pack.values {
            let (value, _) = self.make(expression, None, false);
            self.values.push(value);
        }
        if let Some(outcome) = self.refusal.take() {
            return outcome;
        }
        if T::ON {
            self.trace_rules();
        }
        for (number, rule) in (0_u16..).zip(&plan.pack.rules) {
            if !self.holds(&rule.when) {
                continue;
            }
            self.applied.push(number);
            match &rule.action {
                Action::Filter(reason) => return Outcome::Filtered(reason.clone()),
                Action::Fail(reason) => {
                    *self.blamed = Some(number);
                    return Outcome::Failed(reason.clone());
                }
                Action::Emit(templates) => {
                    *self.blamed = Some(number);
                    if let Some(reason) = self.unmet(rule) {
                        return Outcome::Failed(reason);
                    }
                    templates.iter().for_each(|template| self.record(template, rule));
                    if self.refusal.is_none() && self.records.is_empty() {
                        return plan.no_record();
                    }
                    for (behind, extra) in (0_u16..).zip(&plan.pack.extras) {
                        if let (true, Action::Emit(templates)) = (self.holds(&extra.when), &extra.action) {
                            let number = behind.saturating_add(plan.pack.rules.len() as u16);
                            self.applied.push(number);
                            // What was refused before is not this rule's doing.
                            if self.refusal.is_none() {
                                *self.blamed = Some(number);
                            }
                            if let Some(reason) = self.unmet(extra) {
                                *self.blamed = Some(number);
                                self.records.clear();
                                return Outcome::Failed(reason);
                            }
                            templates.iter().for_each(|template| self.record(template, extra));
                        }
                    }
                    if let Some(outcome) = self.refusal.take() {
                        self.records.clear();
                        return outcome;
                    }
                    return Outcome::Mapped;
                }
            }
        }
        plan.no_rule()
    }

    /// Why a rule that applies can not make its records, if it can not.
    #[inline]
    fn unmet(&self, rule: &Rule) -> Option<Reason> {
        let unmet = rule.require.iter().find(|requirement| !self.holds(&requirement.condition));
        unmet.map(|requirement| requirement.reason.clone())
    }

    /// Whether a condition holds. Looks no further than it must.
    pub(super) fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(list) => list.iter().all(|inner| self.holds(inner)),
            Condition::Any(list) => list.iter().any(|inner| self.holds(inner)),
            Condition::Not(inner) => !self.holds(inner),
            Condition::Test(test, _) => self.passes(test),
        }
    }

    /// Whether a single test holds.
    #[inline]
    pub(super) fn passes(&self, test: &Test) -> bool {
        match test {
            Test::Type(kinds) => self.call.kind().is_some_and(|kind| kinds.holds(kind)),
            Test::Option { expected, actual, .. } => expected == actual,
            Test::Present(origins) => origins.iter().any(|origin| !self.origin(origin).is_missing()),
            Test::Missing(origins) => origins.iter().all(|origin| self.origin(origin).is_missing()),
            Test::Where { origin, predicates } => self.satisfies(origin, predicates),
            Test::IntegrationOff(names) => integration_off(&self.call, names),
        }
    }

    fn satisfies(&self, origin: &Origin, predicates: &[Predicate]) -> bool {
        let json = self.call.json;
        let at = match origin {
            Origin::Path(path) => path.locate(&self.call),
            Origin::Value(..) | Origin::Item(..) => match self.origin(origin) {
                Value::Missing | Value::Object => None,
                Value::Node(at) | Value::Items(at) => Some(at),
                Value::Text(text, _) => {
                    return made_satisfies(&serde_json::Value::from(&*text).to_string(), predicates);
                }
                Value::Json(json, _) => return made_satisfies(&json, predicates),
            },
        };
        predicates.iter().all(|predicate| predicate.holds(json, at))
    }

    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// The event's time in whole seconds.
    pub(super) fn seconds(&self) -> Option<i64> {
        time::event_time(&self.call, self.context.received_at).map(|millis| millis.div_euclid(1000))
    }
}

/// A value that was made is judged as the JSON it would be written as; rare enough to be scanned for it.
#[cold]
fn made_satisfies(text: &str, predicates: &[Predicate]) -> bool {
    let mut scanner = Scanner::default();
    let Ok(json) = scanner.scan(text) else { return false };
    predicates.iter().all(|predicate| predicate.holds(json, Some(At::ROOT)))
}

fn integration_off(call: &Call<'_>, names: &[String]) -> bool {
    let Some(map) = call.member(Member::Integrations) else { return false };
    let named = names.iter().find_map(|name| call.json.get(map, name));
    let decisive = named.or_else(|| call.json.get(map, "All")).or_else(|| call.json.get(map, "all"));
    decisive.is_some_and(|at| call.json.kind(at) == Kind::False)
}

/// One evaluated event; borrows the evaluator's memory.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// What became of it.
    pub outcome: Outcome,
    call: Option<Call<'a>>,
    work: &'a Work,
}

impl<'a> Evaluation<'a> {
    fn refused(work: &'a Work, reason: Reason) -> Self {
        Self { outcome: Outcome::Failed(reason), call: None, work }
    }

    /// Whose order it keeps: userId, else anonymousId. Empty when it has neither.
    pub fn lane(&self) -> Cow<'a, str> {
        let Some(call) = self.call else { return Cow::Borrowed("") };
        let id = |member| {
            let at = call.member(member)?;
            let usable = matches!(call.json.kind(at), Kind::String | Kind::Number);
            let text = usable.then(|| call.json.decoded(at))?;
            (!text.trim().is_empty()).then_some(text)
        };
        id(Member::UserId).or_else(|| id(Member::AnonymousId)).unwrap_or_default()
    }

    /// The records, in the order they are to be uploaded.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        self.work.records.iter().map(|span| {
            let address = span.address.as_ref().map(|(kind, value)| {
                let text = match (value, self.call) {
                    (Value::Node(at), Some(call)) => call.json.decoded(*at),
                    (Value::Text(text, _) | Value::Json(text, _), _) => Cow::Borrowed(&**text),
                    _ => Cow::Borrowed(""),
                };
                match kind {
                    AddressKind::Identity => Address::Identity(text),
                    AddressKind::ObjectId => Address::ObjectId(text),
                }
            });
            let json = self.work.out.get(span.start..span.end).unwrap_or_default();
            RecordRef { kind: span.kind, address, json }
        })
    }

    /// The rules that took effect, by their places in [`Plan::rule_notes`]: the one that decided, then those that added
    /// records.
    pub fn applied(&self) -> &[u16] {
        &self.work.applied
    }

    /// Of these the one by which the event failed; none where it did not, or where none applied.
    pub fn blamed(&self) -> Option<u16> {
        self.work.blamed
    }

    /// How many things were cut, dropped or left out.
    pub fn warning_count(&self) -> usize {
        self.work.notes.len()
    }

    /// What was cut, dropped or left out, in words.
    pub fn warnings(&self) -> Vec<Warning> {
        let Some(call) = self.call else { return Vec::new() };
        self.work.notes.iter().map(|note| note.render(call.json, self.work.keys.names())).collect()
    }

    /// The event with its index; none when it is no JSON.
    pub fn json(&self) -> Option<Json<'a>> {
        self.call.map(|call| call.json)
    }
}

/// One record, as bytes of the evaluator's buffer.
#[derive(Debug, Clone)]
pub struct RecordRef<'a> {
    /// Profile, event or token, or a call.
    pub kind: RecordKind,
    /// Whom it is addressed to; none of calls.
    pub address: Option<Address<'a>>,
    /// The record as JSON, ready to stand in an upload's `d`.
    pub json: &'a [u8],
}
