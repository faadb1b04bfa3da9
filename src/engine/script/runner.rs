//! Running scripts. One runner an evaluator, kept from event to event.

use super::compile::{Script, Used};
use super::draft::{self, RecordHandle};
use super::error;
use super::node::{self, JsonNode};
use super::sandbox::{self, State, Stopwatch};
use super::written::Written;
use crate::engine::evaluate::Outcome;
use crate::engine::event::{At, Json, OwnedJson};
use crate::engine::record::RecordKind;
use rhai::{Dynamic, Engine, EvalAltResult, Position, Scope};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a script has in hand beside the event and the options.
pub(super) enum Hand<'a> {
    /// Nothing more.
    Event,
    /// The element of a list.
    Item(At),
    /// The record so far.
    Record(RecordKind, &'a str),
}

/// Runs the scripts of one evaluator.
pub struct Runner {
    engine: Engine,
    scope: Scope<'static>,
    pub(super) state: Arc<State>,
    options: Arc<OwnedJson>,
    /// The event at hand; copied when its first script runs.
    event: Arc<OwnedJson>,
    is_copied: bool,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner; `options` are the pack's with the values in force, `used` is what its scripts use.
    pub fn new<'a>(options: impl Iterator<Item = (&'a str, &'a serde_json::Value)>, used: &Used) -> Self {
        let state = Arc::new(State::default());
        let mut engine = sandbox::engine(&state);
        for name in &used.properties {
            node::register_property(&mut engine, name);
            draft::register_property(&mut engine, name);
        }
        let options: serde_json::Map<_, _> =
            options.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let options = OwnedJson::parse(&serde_json::Value::from(options).to_string()).unwrap_or_default();
        Self {
            engine,
            scope: Scope::new(),
            state,
            options: Arc::new(options),
            event: Arc::default(),
            is_copied: false,
        }
    }

    /// A new event is at hand.
    pub fn begin(&mut self) {
        self.is_copied = false;
    }

    /// Runs a script; the error is how its event ends.
    pub(super) fn run(
        &mut self,
        script: &Script,
        event: Json<'_>,
        hand: &Hand<'_>,
        stopwatch: Option<Stopwatch>,
        listening: bool,
    ) -> Result<Dynamic, Outcome> {
        if !self.is_copied {
            // Nothing refers to the event before, so its memory is used again.
            match Arc::get_mut(&mut self.event) {
                Some(owned) => owned.copy(event),
                None => {
                    let mut owned = OwnedJson::default();
                    owned.copy(event);
                    self.event = Arc::new(owned);
                }
            }
            self.is_copied = true;
        }
        self.state.start(stopwatch, listening);
        self.scope.push_constant_dynamic("event", JsonNode::root(self.event.clone()));
        self.scope.push_constant_dynamic("options", JsonNode::root(self.options.clone()));
        match hand {
            Hand::Event => {}
            Hand::Item(at) => drop(self.scope.push_constant_dynamic("item", JsonNode::at(&self.event, *at))),
            Hand::Record(kind, raw) => {
                draft::lock(&self.state.draft).open(*kind, raw);
                self.scope.push("record", RecordHandle(self.state.draft.clone()));
            }
        }
        let (engine, scope) = (&self.engine, &mut self.scope);
        // rhai is not known to panic; if it does, it costs this event and not the process.
        let made =
            catch_unwind(AssertUnwindSafe(|| engine.eval_ast_with_scope::<Dynamic>(scope, &script.ast)));
        self.scope.clear();
        match made {
            Ok(made) => made.map_err(|error| error::outcome(*error, script)),
            Err(_) => {
                let what = "the script engine itself failed; the log has its words".into();
                Err(error::outcome(EvalAltResult::ErrorRuntime(what, Position::NONE), script))
            }
        }
    }

    /// Runs a script that makes a value.
    pub(super) fn value(
        &mut self,
        script: &Script,
        event: Json<'_>,
        hand: &Hand<'_>,
        stopwatch: Option<Stopwatch>,
        listening: bool,
    ) -> Result<Written, Outcome> {
        let made = self.run(script, event, hand, stopwatch, listening)?;
        Written::of(&made)
            .map_err(|what| error::outcome(EvalAltResult::ErrorRuntime(what.into(), Position::NONE), script))
    }
}
