//! What becomes of a key, decided once and remembered: renamed, kept or skipped, and how it is written.
//!
//! Casing a key costs more than mapping a whole event, so each evaluator remembers the decisions. Keys come from
//! outside, so what is remembered is bounded: past the bound everything is forgotten, between events.

use super::event::text::push_escaped;
use super::record::{RecordKind, limit};
use super::rules::rest::{KeyCase, Rest};
use super::rules::{Limits, NameId};
use super::warning::WarningCode;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use heck::{ToKebabCase, ToLowerCamelCase, ToSnakeCase, ToTitleCase};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Stands between the keys of a flattened path; a control character, so it is rare in keys and harmless there.
pub const JOINT: char = '\u{1f}';

const MOST_BYTES: usize = 4 << 20;

/// What becomes of one key of one rest.
#[derive(Debug)]
pub struct KeyPlan {
    raw: Box<str>,
    /// As written in the record: `"order_id":`.
    pub rendered: Box<[u8]>,
    /// The number of the resulting key.
    pub name: NameId,
    /// Whether the key was received as it is written.
    pub final_form: bool,
    /// What is done with its value.
    pub take: Take,
    /// What is to be noted about the key.
    pub note: Option<WarningCode>,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// It is left out by the rest's `except`.
    Skip,
    /// It is copied as the rest says.
    Copy,
    /// It is copied as the rest says, under the key as received.
    CopyKeepingKey,
    /// It is copied untouched.
    Keep,
    /// It is copied as the rest says; text that is an ISO date becomes its moment in UTC.
    CopyMoment,
    /// It is copied as the rest says, unless the value with this key has been written.
    CopyUnless(NameId),
}

/// The remembered decisions.
#[derive(Debug)]
pub struct Keys {
    hasher: RandomState,
    plans: Vec<KeyPlan>,
    by_rest: Vec<HashTable<u32>>,
    names: Vec<Arc<str>>,
    by_name: HashTable<u32>,
    fixed: usize,
    bytes: usize,
}

impl Keys {
    /// Nothing remembered but the keys that rules name.
    pub fn new(names: &[Arc<str>], rests: u16) -> Self {
        let mut keys = Self {
            hasher: RandomState::default(),
            plans: Vec::new(),
            by_rest: (0..rests).map(|_| HashTable::new()).collect(),
            names: names.to_vec(),
            by_name: HashTable::new(),
            fixed: names.len(),
            bytes: 0,
        };
        keys.forget();
        keys
    }

    /// Makes room. Numbers given before are void afterwards, so this is for the time between two events.
    pub fn make_room(&mut self) {
        if self.bytes > MOST_BYTES {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.plans.clear();
        self.by_rest.iter_mut().for_each(HashTable::clear);
        self.names.truncate(self.fixed);
        self.by_name.clear();
        self.bytes = 0;
        for at in 0..self.names.len() {
            self.index_name(at as u32);
        }
    }

    fn index_name(&mut self, at: u32) {
        let (hasher, names) = (&self.hasher, &self.names);
        let hash_at = |at: &u32| names.get(*at as usize).map_or(0, |name| hasher.hash_one(name.as_bytes()));
        self.by_name.insert_unique(hash_at(&at), at, hash_at);
    }

    /// About how many bytes are remembered.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The keys that have a number, in order.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// How many numbers have been given to keys.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The decision with a number.
    #[inline]
    pub fn get(&self, at: u32) -> Option<&KeyPlan> {
        self.plans.get(at as usize)
    }

    /// The number of the decision on a key; a flattened path's keys are joined by [`JOINT`].
    #[inline]
    pub fn find(&mut self, rest: &Rest, kind: RecordKind, raw: &str) -> u32 {
        let hash = self.hasher.hash_one(raw.as_bytes());
        let plans = &self.plans;
        let same = |at: &u32| plans.get(*at as usize).is_some_and(|plan| *plan.raw == *raw);
        match self.by_rest.get(rest.id as usize).and_then(|table| table.find(hash, same)) {
            Some(at) => *at,
            None => self.decide(rest, kind, raw, hash),
        }
    }

    #[cold]
    fn decide(&mut self, rest: &Rest, kind: RecordKind, raw: &str, hash: u64) -> u32 {
        let nested = raw.contains(JOINT);
        let moved = rest.moved.iter().find(|(key, _)| !nested && key == raw);
        let take = match nested {
            false if rest.except.iter().any(|key| key == raw) => Take::Skip,
            false if rest.keep_keys.iter().any(|pattern| pattern.matches(raw)) => Take::CopyKeepingKey,
            false if rest.keep.iter().any(|pattern| pattern.matches(raw)) => Take::Keep,
            _ => match moved {
                Some((_, target)) => Take::CopyUnless(*target),
                None if rest.moments => Take::CopyMoment,
                None => Take::Copy,
            },
        };
        let (key, kept) = match take {
            Take::Copy | Take::CopyMoment | Take::CopyUnless(_) => case_path(raw, rest.keys),
            _ => (raw.replace(JOINT, "_"), false),
        };
        let cut = match rest.limits {
            Limits::Cut => limit::cut_key(kind, &key),
            Limits::Pass => &key,
        };
        let note = match (cut.len() < key.len(), kept) {
            (true, _) => Some(WarningCode::KeyCut),
            (false, true) => Some(WarningCode::KeyKept),
            (false, false) => None,
        };
        let mut rendered = b"\"".to_vec();
        push_escaped(&mut rendered, cut);
        rendered.extend_from_slice(b"\":");
        let name = self.name(cut);
        let final_form = cut == raw;
        self.bytes += 3 * raw.len() + rendered.len() + 160;
        let at = self.plans.len() as u32;
        self.plans.push(KeyPlan { raw: raw.into(), rendered: rendered.into(), name, final_form, take, note });
        let (hasher, plans) = (&self.hasher, &self.plans);
        if let Some(table) = self.by_rest.get_mut(rest.id as usize) {
            let hash_at =
                |at: &u32| plans.get(*at as usize).map_or(0, |plan| hasher.hash_one(plan.raw.as_bytes()));
            table.insert_unique(hash, at, hash_at);
        }
        at
    }

    /// The number of a key.
    pub fn name(&mut self, key: &str) -> NameId {
        let hash = self.hasher.hash_one(key.as_bytes());
        let names = &self.names;
        let found = self.by_name.find(hash, |at| names.get(*at as usize).is_some_and(|name| &**name == key));
        if let Some(at) = found {
            return NameId(*at);
        }
        let at = self.names.len() as u32;
        self.names.push(key.into());
        self.index_name(at);
        NameId(at)
    }
}

/// Each key of a path in its case, joined by `_`, and whether one had to stay as received.
fn case_path(raw: &str, case: KeyCase) -> (String, bool) {
    let mut joined = String::with_capacity(raw.len() + 4);
    let mut kept = false;
    for (i, key) in raw.split(JOINT).enumerate() {
        if i > 0 {
            joined.push('_');
        }
        let cased = case_key(key, case);
        let nothing_left = cased.is_empty() && case != KeyCase::Preserve;
        kept |= nothing_left;
        joined.push_str(if nothing_left { key } else { &cased });
    }
    (joined, kept)
}

/// One key in a case.
pub fn case_key(key: &str, case: KeyCase) -> String {
    match case {
        KeyCase::Snake => key.to_snake_case(),
        KeyCase::Camel => key.to_lower_camel_case(),
        KeyCase::Kebab => key.to_kebab_case(),
        KeyCase::Title => key.to_title_case(),
        KeyCase::Lower => key.to_lowercase(),
        KeyCase::Preserve => key.to_owned(),
    }
}
