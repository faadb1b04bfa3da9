//! Scripts: what a rule can not say, said in Rhai, in a sandbox.
//!
//! A field's `script` makes its value; a rule's `script` changes the records that the rule made. Both are compiled when
//! the rules are, and run with nothing in hand but the event, the options and, in a rule, the record so far.
//! The first thing to know: a script that goes wrong or hits a limit fails its event with a code, never the process.
//! Deliberately not here: anything that a rule can say without a script. Only this room knows rhai.

mod apply;
mod compile;
mod draft;
mod error;
mod library;
mod locate;
mod node;
mod runner;
mod sandbox;
mod weight;
mod written;

pub use compile::{Compiler, Purpose, Script, Used, is_script};
pub use runner::Runner;
pub use sandbox::Stopwatch;

/// Every function a script can reach, as `name(argument: type) -> type`, in order.
pub fn functions() -> Vec<String> {
    let mut functions = sandbox::engine(&std::sync::Arc::default()).gen_fn_signatures(true);
    functions.sort();
    functions.dedup();
    functions
}
