//! What went wrong in a script, as a reason for its event.
//!
//! What rhai says may hold values of the event; only what holds none is passed on. What a script throws is its author's
//! own text, and is.

use super::compile::Script;
use super::library::Ended;
use super::sandbox::{self, Stopped};
use super::weight;
use crate::engine::evaluate::Outcome;
use crate::engine::reason::OwnReason;
use rhai::{EvalAltResult, ImmutableString};

/// How an event ends whose script ended with an error.
pub fn outcome(error: EvalAltResult, script: &Script) -> Outcome {
    let place = script.location.place(error.position());
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, cause, _) = inner {
        inner = *cause;
    }
    if let EvalAltResult::ErrorTerminated(token, _) = &inner
        && let Some(ended) = token.clone().try_cast::<Ended>()
    {
        return match ended {
            Ended::Filtered(reason) => Outcome::Filtered(reason),
            Ended::Failed(reason) => Outcome::Failed(reason),
        };
    }
    let (own, what) = match limit(&inner) {
        Some(what) => (OwnReason::ScriptLimit, format!("the script at {place} was stopped: {what}")),
        None => (OwnReason::ScriptFailed, format!("the script at {place} went wrong: {}", words(&inner))),
    };
    Outcome::Failed(own.because(what))
}

/// The limit that was hit, if it was one.
fn limit(error: &EvalAltResult) -> Option<String> {
    Some(match error {
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("its functions called one another more than {} deep", sandbox::MAX_CALLS)
        }
        EvalAltResult::ErrorDataTooLarge(..) => format!(
            "it made text of more than {} bytes, an array or map of more than {} elements, or holds more than {} bytes in all",
            sandbox::MAX_TEXT,
            sandbox::MAX_ELEMENTS,
            weight::MAX_BYTES
        ),
        EvalAltResult::ErrorTooManyVariables(_) => {
            format!("it had more than {} variables", sandbox::MAX_NAMES)
        }
        EvalAltResult::ErrorTerminated(token, _) => match token.clone().try_cast::<Stopped>()? {
            Stopped::Operations => format!("it took more than {} operations", sandbox::MAX_OPERATIONS),
            Stopped::Time => format!("it ran for more than {} ms", sandbox::MAX_NANOS / 1_000_000),
        },
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("it took more than {} operations", sandbox::MAX_OPERATIONS)
        }
        _ => return None,
    })
}

/// A call that no function answers, from `name (type, type)`.
fn not_found(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = types.trim_end_matches(')').split(", ").filter(|kind| !kind.is_empty()).map(type_name);
    let types = match types.collect::<Vec<_>>() {
        none if none.is_empty() => "nothing".to_owned(),
        types => types.join(" and "),
    };
    match name.starts_with(|c: char| c.is_alphabetic()) {
        true => format!("the function `{name}` does not take {types}"),
        false => format!("`{name}` can not be used with {types}"),
    }
}

/// A type of rhai's in words.
fn type_name(rhai: &str) -> &str {
    match rhai {
        "()" => "nothing",
        "i64" => "a whole number",
        "f64" => "a number with a fraction",
        "bool" => "a boolean",
        "char" => "a character",
        "json" => "an object or array of the event",
        "array" => "an array",
        "map" => "a map",
        text if text.contains("String") || text.contains("&str") || text == "string" => "text",
        other => other,
    }
}

/// An error in words that hold nothing of the event.
fn words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(token, _) => match token.read_lock::<ImmutableString>() {
            Some(text) => text.to_string(),
            None => "it threw a value".to_owned(),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) => not_found(signature),
        EvalAltResult::ErrorMismatchDataType(expected, found, _)
        | EvalAltResult::ErrorMismatchOutputType(expected, found, _) => {
            format!("expected {}, found {}", type_name(expected), type_name(found))
        }
        EvalAltResult::ErrorArithmetic(what, _) => what.split(':').next().unwrap_or_default().to_lowercase(),
        EvalAltResult::ErrorArrayBounds(count, ..) => format!("there are {count} elements"),
        EvalAltResult::ErrorStringBounds(count, ..) => format!("there are {count} characters"),
        EvalAltResult::ErrorIndexNotFound(..) => "there is nothing under this key".to_owned(),
        EvalAltResult::ErrorDotExpr(what, _) => what.to_lowercase(),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no property `{name}`"),
        EvalAltResult::ErrorIndexingType(kind, _) => format!("{kind} can not be indexed"),
        EvalAltResult::ErrorAssignmentToConstant(name, _) => format!("`{name}` can not be changed"),
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("there is no variable `{name}`"),
        EvalAltResult::ErrorFor(_) => "expected an array or a range after `in`".to_owned(),
        EvalAltResult::ErrorUnboundThis(_) => "`this` is nothing here".to_owned(),
        _ => "it can not go on here".to_owned(),
    }
}
