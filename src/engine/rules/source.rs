//! One rule file: its values as `serde_yaml` reads them, and where each stands as a span-aware reader saw it.
//!
//! Two readings, because each knows what the other does not: `serde_yaml` types scalars, resolves anchors and refuses
//! bombs; `saphyr-parser` knows lines, columns and keys that stand twice. They meet by pointer (`/rules/0/when`).

use crate::engine::diagnostic::{Code, Diagnostics, Place};
use saphyr_parser::{Event, Parser, Span};
use serde_yaml::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The longest rule file read.
pub const MAX_BYTES: usize = 256 * 1024;

/// A read file.
#[derive(Debug)]
pub struct Source {
    /// Path below the rules directory.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The whole document.
    pub value: Value,
    places: HashMap<String, Place>,
    whole: Place,
}

impl Source {
    /// Reads a file; what is wrong with it goes to `problems`. `None` when nothing in it can be used.
    pub fn parse(file: &str, text: &str, problems: &mut Diagnostics) -> Option<Self> {
        let file: Arc<str> = file.into();
        let shared: Arc<str> = text.into();
        problems.add_source(file.clone(), shared.clone());
        let whole = Place { file: file.clone(), line: 1, column: 1, start: 0, end: text.len().min(1) };
        if text.len() > MAX_BYTES {
            let message = format!("expected at most 256 KB, found {} KB", text.len() / 1024);
            problems.push(Code::R101, Some(whole), message, Some("split it into several files".into()));
            return None;
        }
        let mut reading = Reading::new(file.clone(), text);
        reading.run(text, problems);
        let value = match serde_yaml::from_str::<Value>(text) {
            Ok(value) => value,
            // A repeated key has been complained of, with its place.
            Err(_) if reading.repeated => return None,
            Err(error) => {
                let place = error.location().map_or(whole, |at| Place {
                    file,
                    line: at.line() as u32,
                    column: at.column() as u32,
                    start: at.index(),
                    end: at.index() + 1,
                });
                problems.push(Code::R101, Some(place), format!("this is not YAML: {error}"), None);
                return None;
            }
        };
        Some(Self { file, text: shared, value, places: reading.places, whole })
    }

    /// Where the value under a pointer stands; the nearest known place around it otherwise.
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return place.clone();
            }
            match pointer.rsplit_once('/') {
                Some((parent, _)) => pointer = parent,
                None => return self.whole.clone(),
            }
        }
    }

    /// Where the key of a member stands.
    pub fn key_place(&self, pointer: &str) -> Place {
        self.places.get(&format!("{pointer}#key")).cloned().unwrap_or_else(|| self.place(pointer))
    }
}

/// The second reading: a walk over parser events that notes where everything stands.
struct Reading {
    file: Arc<str>,
    /// Byte offset of every character, and of the end.
    offsets: Vec<usize>,
    places: HashMap<String, Place>,
    repeated: bool,
    /// Where each open collection stands and what comes next in it.
    open: Vec<Open>,
}

struct Open {
    pointer: String,
    keys: Option<HashSet<String>>,
    next: usize,
    key: Option<String>,
}

impl Reading {
    fn new(file: Arc<str>, text: &str) -> Self {
        let offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { file, offsets, places: HashMap::new(), repeated: false, open: Vec::new() }
    }

    fn run(&mut self, text: &str, problems: &mut Diagnostics) {
        for event in Parser::new_from_str(text) {
            // What this reader refuses and `serde_yaml` accepts costs places, nothing else.
            let Ok((event, span)) = event else { return };
            match event {
                Event::Scalar(text, ..) => self.scalar(&text, &span, problems),
                Event::Alias(_) => drop(self.value(&span)),
                Event::SequenceStart(..) => self.enter(&span, None),
                Event::MappingStart(..) => self.enter(&span, Some(HashSet::new())),
                Event::SequenceEnd | Event::MappingEnd => drop(self.open.pop()),
                _ => {}
            }
        }
    }

    fn scalar(&mut self, text: &str, span: &Span, problems: &mut Diagnostics) {
        let place = self.place(span);
        if let Some(open) = self.open.last_mut()
            && let Some(keys) = &mut open.keys
            && open.key.is_none()
        {
            if !keys.insert(text.to_owned()) {
                self.repeated = true;
                let message = format!("the key `{text}` stands twice in one mapping");
                problems.push(Code::R102, Some(place.clone()), message, Some("keep one of the two".into()));
            }
            let pointer = format!("{}/{}", open.pointer, escape(text));
            open.key = Some(text.to_owned());
            self.places.insert(format!("{pointer}#key"), place);
            return;
        }
        self.value(span);
    }

    fn enter(&mut self, span: &Span, keys: Option<HashSet<String>>) {
        let pointer = self.value(span);
        self.open.push(Open { pointer, keys, next: 0, key: None });
    }

    /// Notes where the next value stands and returns its pointer.
    fn value(&mut self, span: &Span) -> String {
        let pointer = match self.open.last_mut() {
            None => String::new(),
            Some(open) => match open.key.take() {
                Some(key) => format!("{}/{}", open.pointer, escape(&key)),
                None => {
                    open.next += 1;
                    format!("{}/{}", open.pointer, open.next - 1)
                }
            },
        };
        let place = self.place(span);
        self.places.insert(pointer.clone(), place);
        pointer
    }

    fn place(&self, span: &Span) -> Place {
        let byte = |index: usize| self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or(0);
        let (start, end) = (byte(span.start.index()), byte(span.end.index()));
        Place {
            file: self.file.clone(),
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            start,
            end: end.max(start + 1),
        }
    }
}

/// A value as YAML in block style; none where YAML has no form for it.
pub fn render(value: &serde_json::Value) -> Option<String> {
    serde_yaml::to_string(value).ok()
}

/// A key as it stands in a pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
