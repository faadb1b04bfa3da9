//! What scripts are given beside rhai's own functions: the forms, key cases, and the two ends of an event.
//!
//! `as_phone(x)` is what `as: phone` is in a rule, `snake_case(x)` what `keys: snake_case` is; both come from the same
//! tables, so that whatever rules learn scripts can do too.

use super::node::JsonNode;
use super::written;
use crate::engine::event::{At, OwnedJson};
use crate::engine::keys;
use crate::engine::reason::Reason;
use crate::engine::record::Format;
use crate::engine::rules::rest::KeyCase;
use crate::engine::value::{Value, bring};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};
use std::sync::Arc;

/// Stands in an error for a script that ended its event.
#[derive(Debug, Clone)]
pub enum Ended {
    /// By `filter(code, message)`.
    Filtered(Reason),
    /// By `fail(code, message)`.
    Failed(Reason),
}

/// A value in a form, or `()` where it can not be brought into it.
fn in_form(format: Format, value: &Dynamic) -> Dynamic {
    let made = match value.read_lock::<JsonNode>() {
        Some(node) => {
            let (text, at) = node.place();
            bring(text.json(), format, &Value::Node(at)).map(|made| dynamic(text, made))
        }
        None => {
            let mut json = Vec::new();
            if written::push(&mut json, value, 0).is_err() {
                return Dynamic::UNIT;
            }
            let Ok(text) = OwnedJson::parse(&String::from_utf8_lossy(&json)).map(Arc::new) else {
                return Dynamic::UNIT;
            };
            if text.json().is_blank(At::ROOT) {
                return Dynamic::UNIT;
            }
            bring(text.json(), format, &Value::Node(At::ROOT)).map(|made| dynamic(&text, made))
        }
    };
    made.unwrap_or(Dynamic::UNIT)
}

fn dynamic(text: &Arc<OwnedJson>, value: Value) -> Dynamic {
    match value {
        Value::Missing | Value::Object | Value::Items(_) => Dynamic::UNIT,
        Value::Node(at) => JsonNode::at(text, at),
        Value::Text(made, _) => ImmutableString::from(&*made).into(),
        Value::Json(json, _) => {
            OwnedJson::parse(&json).map_or(Dynamic::UNIT, |json| JsonNode::root(Arc::new(json)))
        }
    }
}

/// A code and a message as a reason.
fn reason(code: &str, message: &str) -> Result<Reason, Box<EvalAltResult>> {
    if !Reason::is_code(code) {
        return Err(format!("expected a code of small letters, digits and `_`, found `{code}`").into());
    }
    Ok(Reason::new(code, message))
}

fn ended(end: Ended) -> Result<(), Box<EvalAltResult>> {
    // Termination can not be caught by the script.
    Err(EvalAltResult::ErrorTerminated(Dynamic::from(end), Position::NONE).into())
}

/// Makes the library known to an engine.
pub fn register(engine: &mut Engine) {
    for (name, format) in Format::ALL {
        engine.register_fn(format!("as_{name}"), move |value: Dynamic| in_form(format, &value));
    }
    for (name, case) in KeyCase::ALL.into_iter().filter(|(_, case)| *case != KeyCase::Preserve) {
        engine.register_fn(name, move |key: ImmutableString| -> ImmutableString {
            keys::case_key(&key, case).into()
        });
    }
    engine
        .register_fn("filter", |code: ImmutableString, message: ImmutableString| {
            ended(Ended::Filtered(reason(&code, &message)?))
        })
        .register_fn("fail", |code: ImmutableString, message: ImmutableString| {
            ended(Ended::Failed(reason(&code, &message)?))
        })
        .register_fn("to_json", |value: Dynamic| to_json(&value))
        // rhai has one of its own for maps, which knows nothing of events.
        .register_fn("to_json", |map: &mut Map| to_json(&Dynamic::from(map.clone())));
}

fn to_json(value: &Dynamic) -> Result<ImmutableString, Box<EvalAltResult>> {
    let mut json = Vec::new();
    written::push(&mut json, value, 0)?;
    Ok(String::from_utf8_lossy(&json).as_ref().into())
}
