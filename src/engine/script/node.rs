//! JSON as a script sees it: looked into where the script asks, never taken apart.
//!
//! `event.properties.total` walks the index that the engine has made already. Text, whole numbers, other numbers,
//! booleans and null become the script's own values; objects, arrays and whole numbers of more than 64 bits stay what
//! they are and go into a record as received.

use crate::engine::event::{At, Json, Kind, OwnedJson};
use crate::engine::write;
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};
use std::sync::Arc;

/// A value inside a scanned text.
#[derive(Debug, Clone)]
pub struct JsonNode {
    text: Arc<OwnedJson>,
    at: At,
}

impl JsonNode {
    /// The value of a whole text, as a script's value.
    pub fn root(text: Arc<OwnedJson>) -> Dynamic {
        dynamic(&text, At::ROOT)
    }

    /// The value at a place, as a script's value.
    pub fn at(text: &Arc<OwnedJson>, at: At) -> Dynamic {
        dynamic(text, at)
    }

    /// The text it is in, and where.
    pub fn place(&self) -> (&Arc<OwnedJson>, At) {
        (&self.text, self.at)
    }

    /// Appends it as compact JSON.
    pub fn push_compact(&self, out: &mut Vec<u8>) {
        write::push_compact(out, self.json(), self.at);
    }

    fn json(&self) -> Json<'_> {
        self.text.json()
    }

    fn kind(&self) -> Kind {
        self.json().kind(self.at)
    }

    fn compact(&self) -> String {
        let mut out = Vec::new();
        self.push_compact(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn member(&self, key: &str) -> Dynamic {
        self.json().get(self.at, key).map_or(Dynamic::UNIT, |at| dynamic(&self.text, at))
    }

    fn element(&self, index: i64) -> Dynamic {
        let count = || self.json().elements(self.at).count();
        let index = match index {
            0.. => usize::try_from(index).ok(),
            _ => usize::try_from(index.unsigned_abs()).ok().and_then(|back| count().checked_sub(back)),
        };
        let found = index.and_then(|index| self.json().elements(self.at).nth(index));
        found.map_or(Dynamic::UNIT, |at| dynamic(&self.text, at))
    }

    fn len(&self) -> i64 {
        let json = self.json();
        let count = match self.kind() {
            Kind::Array => json.elements(self.at).count(),
            _ => json.members(self.at).count(),
        };
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    fn keys(&self) -> Array {
        self.json().members(self.at).map(|(key, _)| self.json().decoded(key).into_owned().into()).collect()
    }

    fn to_array(&self) -> Array {
        self.json().elements(self.at).map(|at| dynamic(&self.text, at)).collect()
    }

    fn to_map(&self) -> Map {
        let json = self.json();
        let members = json.members(self.at);
        members.map(|(key, at)| (json.decoded(key).as_ref().into(), dynamic(&self.text, at))).collect()
    }
}

impl IntoIterator for JsonNode {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    /// The elements of an array; of an object nothing, because its keys are asked for by name.
    fn into_iter(self) -> Self::IntoIter {
        self.to_array().into_iter()
    }
}

/// The value at a place.
fn dynamic(text: &Arc<OwnedJson>, at: At) -> Dynamic {
    let json = text.json();
    match json.kind(at) {
        Kind::Null => Dynamic::UNIT,
        Kind::True => Dynamic::TRUE,
        Kind::False => Dynamic::FALSE,
        Kind::String | Kind::Key => ImmutableString::from(json.decoded(at).as_ref()).into(),
        Kind::Number => number(json.content(at)).unwrap_or_else(|| lazy(text, at)),
        Kind::Object | Kind::Array => lazy(text, at),
    }
}

fn lazy(text: &Arc<OwnedJson>, at: At) -> Dynamic {
    Dynamic::from(JsonNode { text: text.clone(), at })
}

/// A number that a script can count with; none where digits would be lost.
fn number(written: &str) -> Option<Dynamic> {
    if let Ok(whole) = written.parse::<i64>() {
        return Some(whole.into());
    }
    let whole = !written.contains(['.', 'e', 'E']);
    written.parse::<f64>().ok().filter(|number| number.is_finite() && !whole).map(Dynamic::from)
}

/// Reads JSON that stands in text.
fn parse_json(text: &str) -> Result<Dynamic, Box<EvalAltResult>> {
    match OwnedJson::parse(text) {
        Ok(owned) => Ok(JsonNode::root(Arc::new(owned))),
        Err(_) => Err("`parse_json` expected JSON".into()),
    }
}

/// Makes a name behind a dot known, as `properties` in `event.properties`. It would be found without; but rhai then asks
/// for a getter first, and writes an error that nobody reads for each that it does not find.
pub fn register_property(engine: &mut Engine, name: &str) {
    let key = name.to_owned();
    engine.register_get(name, move |node: &mut JsonNode| node.member(&key));
    engine.register_get(name, |(): &mut ()| ());
}

/// Makes JSON known to an engine.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<JsonNode>("json")
        .register_indexer_get(|node: &mut JsonNode, key: ImmutableString| node.member(&key))
        .register_indexer_get(|node: &mut JsonNode, index: i64| node.element(index))
        // Inside nothing is nothing, as on the paths of rules; else every script would have to ask at each step.
        .register_indexer_get(|_: &mut (), _: ImmutableString| ())
        .register_indexer_get(|_: &mut (), _: i64| ())
        .register_iterator::<JsonNode>()
        .register_fn("len", |node: &mut JsonNode| node.len())
        .register_fn("keys", |node: &mut JsonNode| node.keys())
        .register_fn("contains", |node: &mut JsonNode, key: ImmutableString| {
            node.json().get(node.at, &key).is_some()
        })
        .register_fn("is_array", |node: &mut JsonNode| node.kind() == Kind::Array)
        .register_fn("is_object", |node: &mut JsonNode| node.kind() == Kind::Object)
        .register_fn("to_array", |node: &mut JsonNode| node.to_array())
        .register_fn("to_map", |node: &mut JsonNode| node.to_map())
        .register_fn("to_json", |node: &mut JsonNode| node.compact())
        .register_fn("to_string", |node: &mut JsonNode| node.compact())
        .register_fn("to_debug", |node: &mut JsonNode| node.compact())
        .register_fn("==", |a: JsonNode, b: JsonNode| a.compact() == b.compact())
        .register_fn("!=", |a: JsonNode, b: JsonNode| a.compact() != b.compact())
        .register_fn("parse_json", parse_json);
}
