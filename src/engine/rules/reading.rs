//! The second reading of a rule file: where everything stands, and which keys stand twice.
//!
//! A walk over the events of `saphyr-parser`, which counts in characters; places are in bytes as well.
//! Deliberately without values: those are `serde_yaml`'s, see `source.rs`.

use super::source::escape;
use crate::engine::diagnostic::Place;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What the walk has found.
#[derive(Debug)]
pub struct Reading {
    /// Where values stand, by pointer, and keys, by pointer with `#key` behind.
    pub places: HashMap<String, Place>,
    /// From where to where collections reach, in bytes.
    pub extents: HashMap<String, Range<usize>>,
    /// Pointers of aliases, and of what each stands for.
    pub aliases: HashMap<String, String>,
    /// Keys that stand twice: the key, the line of the first, the place of the second.
    pub repeated: Vec<(String, u32, Place)>,
    /// Where a second document begins.
    pub second_document: Option<Place>,
    /// Where and why the walk could not go on.
    pub refusal: Option<(Place, String)>,
}

/// The walk itself.
struct Walk<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Byte offset of every character, and of the end.
    offsets: Vec<usize>,
    found: Reading,
    /// The collections that are open, the outermost first.
    open: Vec<Open>,
    /// Pointers of anchored values, by number.
    anchors: HashMap<usize, String>,
    /// How deep inside a key that is a collection itself; nothing in there has a place.
    inside_key: usize,
    documents: usize,
}

/// An open collection and what comes next in it.
struct Open {
    pointer: String,
    start: usize,
    /// The keys so far with their lines; none in a list.
    keys: Option<HashMap<String, u32>>,
    next: usize,
    key: Option<String>,
}

impl Reading {
    /// Walks over a text.
    pub fn run(file: Arc<str>, text: &str) -> Self {
        let first = Walk::new(file.clone(), text).run(text);
        if first.refusal.is_none() || !text.contains('\t') {
            return first;
        }
        // Blanks and tabs separate alike, but this parser takes fewer tabs than YAML allows. A blank in the place of
        // each leaves every character where it is.
        let second = Walk::new(file, text).run(&text.replace('\t', " "));
        if second.refusal.is_none() { second } else { first }
    }
}

impl<'a> Walk<'a> {
    fn new(file: Arc<str>, text: &'a str) -> Self {
        let offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let found = Reading {
            places: HashMap::new(),
            extents: HashMap::new(),
            aliases: HashMap::new(),
            repeated: Vec::new(),
            second_document: None,
            refusal: None,
        };
        let (open, anchors) = (Vec::new(), HashMap::new());
        Self { file, text, offsets, found, open, anchors, inside_key: 0, documents: 0 }
    }

    fn run(mut self, walked: &str) -> Reading {
        for event in Parser::new_from_str(walked) {
            match event {
                Ok((event, span)) => self.event(event, &span),
                Err(error) => {
                    let at = *error.marker();
                    let place = self.place(&Span::new(at, at));
                    self.found.refusal = Some((place, error.info().to_owned()));
                    break;
                }
            }
        }
        self.found
    }

    fn event(&mut self, event: Event<'_>, span: &Span) {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.found.second_document = Some(self.place(span));
                }
            }
            // Pointers of a second document would be taken for those of the first.
            _ if self.documents > 1 => {}
            Event::SequenceStart(..) | Event::MappingStart(..) if self.inside_key > 0 || self.at_key() => {
                if let (0, Some(open)) = (self.inside_key, self.open.last()) {
                    let pointer = format!("{}/#key", open.pointer);
                    self.found.places.insert(pointer, self.place(span));
                }
                self.inside_key += 1;
            }
            Event::SequenceEnd | Event::MappingEnd if self.inside_key > 0 => {
                self.inside_key -= 1;
                if self.inside_key == 0 {
                    self.key(String::new(), None);
                }
            }
            Event::Scalar(..) | Event::Alias(_) if self.inside_key > 0 => {}
            Event::Scalar(text, style, anchor, _) => {
                let place = self.scalar_place(span, style);
                match self.at_key() {
                    true => self.key(text.into_owned(), Some(place)),
                    false => drop(self.value(place, anchor)),
                }
            }
            Event::Alias(_) if self.at_key() => self.key(String::new(), None),
            Event::Alias(anchor) => {
                let pointer = self.value(self.place(span), 0);
                if let Some(target) = self.anchors.get(&anchor) {
                    self.found.aliases.insert(pointer, target.clone());
                }
            }
            Event::SequenceStart(anchor, _) => self.enter(span, None, anchor),
            Event::MappingStart(anchor, _) => self.enter(span, Some(HashMap::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => self.leave(span),
            _ => {}
        }
    }

    /// Whether a key comes next.
    fn at_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.keys.is_some() && open.key.is_none())
    }

    /// Notes a key; none where it is no text.
    fn key(&mut self, text: String, place: Option<Place>) {
        let Some(open) = self.open.last_mut() else { return };
        if let (Some(place), Some(keys)) = (place, &mut open.keys) {
            let pointer = format!("{}/{}", open.pointer, escape(&text));
            match keys.get(&text) {
                Some(first) => self.found.repeated.push((text.clone(), *first, place.clone())),
                None => drop(keys.insert(text.clone(), place.line)),
            }
            if let (1, Some(whole)) = (keys.len(), self.found.places.get_mut(&open.pointer))
                && whole.start == place.start
            {
                // A mapping in block style begins with its first key, so that is where it stands.
                whole.end = place.end;
            }
            self.found.places.insert(format!("{pointer}#key"), place);
        }
        open.key = Some(text);
    }

    fn enter(&mut self, span: &Span, keys: Option<HashMap<String, u32>>, anchor: usize) {
        let place = self.place(span);
        let start = place.start;
        let pointer = self.value(place, anchor);
        self.open.push(Open { pointer, start, keys, next: 0, key: None });
    }

    fn leave(&mut self, span: &Span) {
        let Some(open) = self.open.pop() else { return };
        let end = self.byte(span.end.index()).max(open.start);
        let inside = self.text.get(open.start..end).unwrap_or_default().trim_end();
        let end = open.start + inside.len();
        // In flow style the whole of it is shown, in block style where it begins.
        if inside.ends_with(['}', ']'])
            && span.end.index() > span.start.index()
            && let Some(place) = self.found.places.get_mut(&open.pointer)
        {
            place.end = end;
        }
        self.found.extents.insert(open.pointer, open.start..end);
    }

    /// Notes where the next value stands and returns its pointer.
    fn value(&mut self, place: Place, anchor: usize) -> String {
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
        self.found.places.insert(pointer.clone(), place);
        if anchor > 0 {
            self.anchors.insert(anchor, pointer.clone());
        }
        pointer
    }

    fn byte(&self, index: usize) -> usize {
        self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or(0)
    }

    fn place(&self, span: &Span) -> Place {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        let next = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        Place {
            file: self.file.clone(),
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            start,
            end: end.max(start + next),
        }
    }

    /// Where a scalar stands; of block text without the blank lines behind it.
    fn scalar_place(&self, span: &Span, style: ScalarStyle) -> Place {
        let mut place = self.place(span);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            let inside = self.text.get(place.start..place.end).unwrap_or_default();
            place.end = place.start + inside.trim_end().len().max(1);
        }
        place
    }
}
