//! How much memory a script holds on to.
//!
//! rhai measures what operators and functions make, but not what assignments put under the keys of a map, so a map of
//! long texts could grow to hundreds of megabytes within all other limits. What a script's variables hold is weighed
//! here, every so many times that it looks at one.

use super::sandbox::State;
use rhai::{Array, Dynamic, Engine, EvalAltResult, EvalContext, ImmutableString, Map, Position};
use std::mem::size_of;
use std::sync::Arc;

/// Most bytes that the variables of a script, or of one of its functions, may hold.
pub const MAX_BYTES: usize = 2 << 20;
/// How many looks at a variable pass between two weighings.
const LOOK: u32 = 64;

/// Has an engine weigh what its scripts hold.
pub fn watch(engine: &mut Engine, state: &Arc<State>) {
    let state = state.clone();
    let look = move |_: &str, _: usize, context: EvalContext<'_, '_, '_, '_, '_, '_>| {
        if state.count_look().is_multiple_of(LOOK) {
            let weight: usize = context.scope().iter_raw().map(|(_, _, value)| weigh(value)).sum();
            if weight > MAX_BYTES {
                let error = EvalAltResult::ErrorDataTooLarge("variables".to_owned(), Position::NONE);
                return Err(error.into());
            }
        }
        Ok(None)
    };
    // The only hook that sees variables. rhai marks it so because it may change, and the version is pinned.
    #[allow(deprecated, reason = "rhai says itself that it is not deprecated")]
    engine.on_var(look);
}

/// About how many bytes a value holds; what is shared counts each time.
fn weigh(value: &Dynamic) -> usize {
    let held = if let Some(text) = value.read_lock::<ImmutableString>() {
        text.len()
    } else if let Some(array) = value.read_lock::<Array>() {
        array.iter().map(weigh).sum()
    } else if let Some(map) = value.read_lock::<Map>() {
        map.iter().map(|(key, value)| key.len() + size_of::<Dynamic>() + weigh(value)).sum()
    } else {
        0
    };
    held + size_of::<Dynamic>()
}
