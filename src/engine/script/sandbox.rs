//! The engine that scripts run in: what they can reach, and how much of it.
//!
//! It starts from nothing and is given chosen packages: no files, no network, no modules, no clock, no `eval`. Limits
//! bound operations, calls, sizes and time. Two things that rhai's own limits miss are closed here: `replace` may grow
//! text beyond any bound before it is measured, and `sleep` blocks. `tests/golden/script/functions.txt` lists every
//! function a script can reach, so that a new version of rhai can not add one unseen.

use super::draft::Draft;
use super::{draft, library, node, weight};
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{
    Dynamic, Engine, EvalAltResult, ImmutableString, Module, OptimizationLevel, Position, def_package,
};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Operations a script may take for one value or one record; a few milliseconds.
pub const MAX_OPERATIONS: u64 = 50_000;
/// How deep functions of a script may call one another.
pub const MAX_CALLS: usize = 16;
/// Longest text, in bytes: as long as the longest event that is taken in, so that a script can read all of it.
pub const MAX_TEXT: usize = 32 * 1024;
/// Most elements of an array and members of a map.
pub const MAX_ELEMENTS: usize = 1_000;
/// Most variables at a time, and most functions of a script.
pub const MAX_NAMES: usize = 64;
/// How deep expressions may be nested.
pub const MAX_DEPTH: usize = 48;
/// How long a script may run, in nanoseconds.
pub const MAX_NANOS: u64 = 100_000_000;
/// Longest script, in bytes.
pub const MAX_SCRIPT: usize = 32 * 1024;
/// Most lines that one event's scripts may print.
const MAX_PRINTS: usize = 100;
/// Longest printed line, in bytes.
const MAX_PRINT: usize = 1024;
/// How many operations pass between two looks at the time.
const LOOK: u64 = 256;

/// What can not be written in a script. `this` would hide from `weight.rs` what a function holds.
pub const FORBIDDEN: [&str; 5] = ["eval", "sleep", "exit", "debug", "this"];

/// Nanoseconds since some beginning; never goes back. Handed in, because the engine reads no clock.
pub type Stopwatch = fn() -> u64;

/// Stands in an error for a script that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It took too many operations.
    Operations,
    /// It ran too long.
    Time,
}

/// What a script and its host share while it runs.
#[derive(Debug, Default)]
pub struct State {
    /// The record that a rule's script changes.
    pub draft: Arc<Mutex<Draft>>,
    listening: AtomicBool,
    prints: Mutex<Vec<String>>,
    stopwatch: Mutex<Option<Stopwatch>>,
    deadline: AtomicU64,
    operations: AtomicU64,
    looks: AtomicU32,
}

impl State {
    /// Starts the time of a script.
    pub fn start(&self, stopwatch: Option<Stopwatch>, listening: bool) {
        let deadline = stopwatch.map_or(u64::MAX, |now| now().saturating_add(MAX_NANOS));
        self.deadline.store(deadline, Ordering::Relaxed);
        self.operations.store(0, Ordering::Relaxed);
        *self.stopwatch.lock().unwrap_or_else(PoisonError::into_inner) = stopwatch;
        self.listening.store(listening, Ordering::Relaxed);
    }

    /// What was printed since it was last asked for.
    pub fn take_prints(&self) -> Vec<String> {
        std::mem::take(&mut self.prints.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn print(&self, text: &str) {
        if !self.listening.load(Ordering::Relaxed) {
            return;
        }
        let mut prints = self.prints.lock().unwrap_or_else(PoisonError::into_inner);
        if prints.len() < MAX_PRINTS {
            prints.push(crate::engine::event::text::cut_bytes(text, MAX_PRINT).to_owned());
        }
    }

    /// How often a script has looked at a variable.
    pub fn count_look(&self) -> u32 {
        self.looks.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Counts an operation. rhai's own count starts anew in every function that `map` or `sort` calls, so that nested
    /// ones would run for hours within it.
    fn count(&self) -> Option<Stopped> {
        // Only one script runs at a time, so no other can count in between.
        let operations = self.operations.load(Ordering::Relaxed) + 1;
        self.operations.store(operations, Ordering::Relaxed);
        if operations > MAX_OPERATIONS {
            return Some(Stopped::Operations);
        }
        if !operations.is_multiple_of(LOOK) {
            return None;
        }
        let stopwatch = *self.stopwatch.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = stopwatch.is_some_and(|now| now() > self.deadline.load(Ordering::Relaxed));
        is_over.then_some(Stopped::Time)
    }
}

def_package! {
    /// What scripts may use of rhai's own functions.
    Chosen(module) :
        LanguageCorePackage, ArithmeticPackage, LogicPackage, BasicStringPackage, MoreStringPackage,
        BasicMathPackage, BasicArrayPackage, BasicMapPackage, BasicIteratorPackage, BasicFnPackage
    {}
}

/// Made once: putting the packages together takes longer than many scripts.
static CHOSEN: LazyLock<Arc<Module>> = LazyLock::new(|| Chosen::new().as_shared_module());

/// An engine whose scripts share `state` with their host.
pub fn engine(state: &Arc<State>) -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(CHOSEN.clone());
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_strict_variables(true)
        .set_max_operations(MAX_OPERATIONS)
        .set_max_call_levels(MAX_CALLS)
        .set_max_expr_depths(MAX_DEPTH, MAX_DEPTH)
        .set_max_string_size(MAX_TEXT)
        .set_max_array_size(MAX_ELEMENTS)
        .set_max_map_size(MAX_ELEMENTS)
        .set_max_variables(MAX_NAMES)
        .set_max_functions(MAX_NAMES)
        .set_max_strings_interned(256);
    for symbol in FORBIDDEN {
        engine.disable_symbol(symbol);
    }
    let sink = state.clone();
    engine.on_print(move |text| sink.print(text));
    let watch = state.clone();
    engine.on_progress(move |_| watch.count().map(Dynamic::from));
    weight::watch(&mut engine, state);
    close_gaps(&mut engine);
    node::register(&mut engine);
    draft::register(&mut engine);
    library::register(&mut engine);
    engine
}

/// `replace` measured before it is done, and `sleep` refused also where it is called by a pointer.
fn close_gaps(engine: &mut Engine) {
    fn replaced(text: &mut ImmutableString, from: &str, to: &str) -> Result<(), Box<EvalAltResult>> {
        let found = match from.is_empty() {
            true => text.chars().count() + 1,
            false => text.matches(from).count(),
        };
        if text.len().saturating_add(found.saturating_mul(to.len())) > MAX_TEXT {
            let error = EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE);
            return Err(error.into());
        }
        *text = text.replace(from, to).into();
        Ok(())
    }
    fn asleep<T>(_: T) -> Result<(), Box<EvalAltResult>> {
        Err("a script can not sleep".into())
    }
    engine
        .register_fn("replace", |text: &mut ImmutableString, from: ImmutableString, to: ImmutableString| {
            replaced(text, &from, &to)
        })
        .register_fn("replace", |text: &mut ImmutableString, from: char, to: ImmutableString| {
            replaced(text, from.encode_utf8(&mut [0; 4]), &to)
        })
        .register_fn("replace", |text: &mut ImmutableString, from: ImmutableString, to: char| {
            replaced(text, &from, to.encode_utf8(&mut [0; 4]))
        })
        .register_fn("replace", |text: &mut ImmutableString, from: char, to: char| {
            replaced(text, from.encode_utf8(&mut [0; 4]), to.encode_utf8(&mut [0; 4]))
        })
        .register_fn("sleep", asleep::<i64>)
        .register_fn("sleep", asleep::<f64>);
}
