//! The record so far as a rule's script sees it, and what the script wants changed.
//!
//! Reading looks into the bytes written so far, scanned when a script first reads; writing only makes a list, which
//! `apply.rs` works off in the end. The script holds handles, never the record itself.

use super::node::JsonNode;
use super::written::Written;
use crate::engine::event::{At, OwnedJson};
use crate::engine::record::{AddressKind, RecordKind};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The record so far and the wishes of a script.
#[derive(Debug, Default)]
pub struct Draft {
    /// What kind of record it is.
    kind: Option<RecordKind>,
    /// The record as JSON.
    raw: String,
    /// The same, once a script has read it.
    read: Option<Arc<OwnedJson>>,
    /// What it is to be called; only of events.
    pub name: Option<Written>,
    /// Its new `ts`.
    pub ts: Option<Written>,
    /// Values to put in its data, in order of writing.
    pub data: Vec<(ImmutableString, Dynamic, Written)>,
    /// Whether it is to be left out.
    pub dropped: bool,
}

impl Draft {
    /// Starts over with a record.
    pub fn open(&mut self, kind: RecordKind, raw: &str) {
        *self = Self { kind: Some(kind), raw: raw.to_owned(), ..Self::default() };
    }

    /// The record as it was, with its index.
    pub fn record(&mut self) -> Option<Arc<OwnedJson>> {
        if self.read.is_none() {
            self.read = OwnedJson::parse(&self.raw).ok().map(Arc::new);
        }
        self.read.clone()
    }

    /// Whether the script wishes nothing.
    pub fn is_untouched(&self) -> bool {
        self.name.is_none() && self.ts.is_none() && self.data.is_empty()
    }

    fn member(&mut self, key: &str) -> Dynamic {
        let Some(record) = self.record() else { return Dynamic::UNIT };
        let found = record.json().get(At::ROOT, key);
        found.map_or(Dynamic::UNIT, |at| JsonNode::at(&record, at))
    }

    /// Where the record's data stands.
    fn data_at(&mut self) -> Option<(Arc<OwnedJson>, At)> {
        let (record, kind) = (self.record()?, self.kind?);
        let at = record.json().get(At::ROOT, kind.data_key())?;
        Some((record, at))
    }

    fn field(&mut self, key: &str) -> Dynamic {
        if let Some((_, value, _)) = self.data.iter().rev().find(|(name, ..)| name == key) {
            return value.clone();
        }
        let Some((record, data)) = self.data_at() else { return Dynamic::UNIT };
        let found = record.json().get(data, key);
        found.map_or(Dynamic::UNIT, |at| JsonNode::at(&record, at))
    }

    fn put(&mut self, key: ImmutableString, value: Dynamic) -> Result<(), Box<EvalAltResult>> {
        if key.is_empty() {
            return Err("expected a key, found empty text".into());
        }
        let written = Written::of(&value).map_err(|what| format!("`{key}` can not be written: {what}"))?;
        self.data.retain(|(name, ..)| *name != key);
        self.data.push((key, value, written));
        Ok(())
    }

    fn keys(&mut self) -> Array {
        let Some((record, data)) = self.data_at() else { return Array::new() };
        let json = record.json();
        let mut keys: Vec<ImmutableString> =
            json.members(data).map(|(key, _)| json.decoded(key).as_ref().into()).collect();
        for (key, _, written) in &self.data {
            keys.retain(|known| known != key);
            if *written != Written::Nothing {
                keys.push(key.clone());
            }
        }
        keys.into_iter().map(Dynamic::from).collect()
    }
}

/// `record` in a script.
#[derive(Debug, Clone)]
pub struct RecordHandle(pub Arc<Mutex<Draft>>);

/// `record.data` in a script.
#[derive(Debug, Clone)]
struct DataHandle(Arc<Mutex<Draft>>);

/// Opens a draft. A draft is whole after every step, so one that a panic left behind is still good.
pub fn lock(draft: &Mutex<Draft>) -> MutexGuard<'_, Draft> {
    draft.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The new `name` or `ts` of a record.
fn written(what: &str, value: &Dynamic) -> Result<Option<Written>, Box<EvalAltResult>> {
    let written = Written::of(value).map_err(|why| format!("`{what}` can not be written: {why}"))?;
    Ok(Some(written))
}

fn set_name(record: &mut RecordHandle, value: Dynamic) -> Result<(), Box<EvalAltResult>> {
    let mut draft = lock(&record.0);
    match (draft.kind, written("name", &value)?) {
        (Some(RecordKind::Event), Some(name @ Written::Text(_))) => draft.name = Some(name),
        (Some(RecordKind::Event), _) => return Err("expected text as the event's name".into()),
        _ => return Err("expected a record that has a name, which only events have".into()),
    }
    Ok(())
}

fn set_ts(record: &mut RecordHandle, value: Dynamic) -> Result<(), Box<EvalAltResult>> {
    let mut draft = lock(&record.0);
    if draft.kind == Some(RecordKind::Token) {
        return Err("expected a record that has a `ts`, which tokens have not".into());
    }
    if !value.is_int() && !value.is_unit() {
        return Err("expected whole seconds since 1970 as `ts`, or `()`".into());
    }
    draft.ts = written("ts", &value)?;
    Ok(())
}

/// Makes a name behind a dot known, as `size` in `record.data.size`; see `node::register_property`.
pub fn register_property(engine: &mut Engine, name: &str) {
    let key = ImmutableString::from(name);
    let same = key.clone();
    engine.register_get(name, move |data: &mut DataHandle| lock(&data.0).field(&key));
    engine.register_set(name, move |data: &mut DataHandle, value: Dynamic| {
        lock(&data.0).put(same.clone(), value)
    });
}

/// Makes the record known to an engine.
pub fn register(engine: &mut Engine) {
    let address = |kind: AddressKind| {
        move |record: &mut RecordHandle| -> Dynamic { lock(&record.0).member(kind.as_str()) }
    };
    engine
        .register_type_with_name::<RecordHandle>("record")
        .register_get("type", |record: &mut RecordHandle| -> ImmutableString {
            lock(&record.0).kind.map_or("", RecordKind::as_str).into()
        })
        .register_get("identity", address(AddressKind::Identity))
        .register_get("objectId", address(AddressKind::ObjectId))
        .register_get("name", |record: &mut RecordHandle| -> Dynamic {
            let mut draft = lock(&record.0);
            match &draft.name {
                Some(Written::Text(name)) => ImmutableString::from(&**name).into(),
                _ => draft.member("evtName"),
            }
        })
        .register_set("name", set_name)
        .register_get("ts", |record: &mut RecordHandle| -> Dynamic {
            let mut draft = lock(&record.0);
            match &draft.ts {
                Some(Written::Json(ts)) => ts.parse::<i64>().map_or(Dynamic::UNIT, Dynamic::from),
                Some(_) => Dynamic::UNIT,
                None => draft.member("ts"),
            }
        })
        .register_set("ts", set_ts)
        .register_get("data", |record: &mut RecordHandle| DataHandle(record.0.clone()))
        // After `record.data.x = 1` rhai puts the data back where it came from, where it is already.
        .register_set("data", |_: &mut RecordHandle, _: DataHandle| {})
        .register_fn("drop", |record: &mut RecordHandle| lock(&record.0).dropped = true)
        .register_type_with_name::<DataHandle>("data")
        .register_indexer_get(|data: &mut DataHandle, key: ImmutableString| lock(&data.0).field(&key))
        .register_indexer_set(|data: &mut DataHandle, key: ImmutableString, value: Dynamic| {
            lock(&data.0).put(key, value)
        })
        .register_fn("remove", |data: &mut DataHandle, key: ImmutableString| {
            lock(&data.0).put(key, Dynamic::UNIT)
        })
        .register_fn("contains", |data: &mut DataHandle, key: ImmutableString| {
            !lock(&data.0).field(&key).is_unit()
        })
        .register_fn("keys", |data: &mut DataHandle| lock(&data.0).keys());
}
