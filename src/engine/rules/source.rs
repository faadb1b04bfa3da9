//! One rule file: its values as `serde_yaml` reads them, and where each stands as a span-aware reader saw it.
//!
//! Two readings, because each knows what the other does not: `serde_yaml` types scalars, resolves anchors and refuses
//! bombs; `reading.rs` knows lines, columns and keys that stand twice. They meet by pointer (`/rules/0/when`).
//! What either refuses is refused, so that there is no file of which only one knows what it says.

use super::reading::Reading;
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use serde_yaml::Value;
use std::collections::HashMap;
use std::ops::Range;
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
    /// The whole document, anchors and merges (`<<`) resolved.
    pub value: Value,
    places: HashMap<String, Place>,
    /// From where to where a collection reaches, in bytes.
    extents: HashMap<String, Range<usize>>,
    /// Where each alias leads.
    aliases: HashMap<String, String>,
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
        let reading = Reading::run(file.clone(), text);
        for (key, first, place) in &reading.repeated {
            let message = format!("the key `{key}` stands twice in one mapping, first in line {first}");
            let help = "keep one of the two, or write one key with a list";
            problems.push(Code::R102, Some(place.clone()), message, Some(help.into()));
        }
        if let Some(place) = reading.second_document {
            let help = "take out the line `---`, or make two files of it";
            problems.push(
                Code::R101,
                Some(place),
                "expected one document, found a second one",
                Some(help.into()),
            );
            return None;
        }
        // A mark of byte order is no part of the document.
        let document = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - document.len();
        let parsed = serde_yaml::from_str::<Value>(document).map(|mut value| {
            let merged = value.apply_merge();
            (value, merged.err())
        });
        let value = match (parsed, reading.refusal) {
            // A repeated key has been complained of, with its place.
            (Err(_), _) if !reading.repeated.is_empty() => return None,
            (Err(error), refusal) => {
                let place = error.location().map(|at| {
                    let start = skipped + at.index();
                    let end = start
                        + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                    Place { file, line: at.line() as u32, column: at.column() as u32, start, end }
                });
                // A quote that is never closed is reported where the file ends; the other reader knows where it opens.
                let opened = error.to_string().contains("unexpected end of stream");
                let refused = refusal.map(|(place, _)| place);
                let place = match refused {
                    Some(refused) if opened || place.is_none() => refused,
                    _ => place.unwrap_or(whole),
                };
                let message = format!("this is not YAML: {}", without_place(&error.to_string()));
                let help = match bracket_in_a_path(text, &place) {
                    Some(path) => Some(format!(
                        "`[` begins a list between braces; put the path in quotes: `\"{path}\"`"
                    )),
                    None => help_for(&error.to_string(), document),
                };
                problems.push(Code::R101, Some(place), message, help);
                return None;
            }
            (Ok((_, Some(error))), _) => {
                let mut keys: Vec<_> = reading
                    .places
                    .iter()
                    .filter(|(at, _)| at.ends_with("/<<#key"))
                    .map(|(_, at)| at)
                    .collect();
                keys.sort();
                let place = keys.first().map_or(whole, |place| (*place).clone());
                let help = "`<<` takes a mapping, as `<<: *defaults`";
                problems.push(
                    Code::R101,
                    Some(place),
                    format!("this can not be merged: {error}"),
                    Some(help.into()),
                );
                return None;
            }
            (Ok(_), Some((place, message))) => {
                let message = format!("this is not YAML: {}", without_place(&message));
                problems.push(Code::R101, Some(place), message, None);
                return None;
            }
            (Ok((value, None)), None) => value,
        };
        let Reading { places, extents, aliases, .. } = reading;
        Some(Self { file, value, text: shared, places, extents, aliases, whole })
    }

    /// Where the value under a pointer stands; the nearest known place around it otherwise.
    pub fn place(&self, pointer: &str) -> Place {
        let known = self.nearest(pointer, &|at| self.places.get(at));
        known.cloned().unwrap_or_else(|| self.whole.clone())
    }

    /// Where the key of a member stands.
    pub fn key_place(&self, pointer: &str) -> Place {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let exact = |at: &str| self.places.get(&format!("{at}#key"));
        let found = exact(pointer).or_else(|| self.led(parent, key).into_iter().find_map(|at| exact(&at)));
        found.cloned().unwrap_or_else(|| self.place(pointer))
    }

    /// Where a part of what stands at a place is written; the whole where it is written in another way, as by escapes.
    pub fn part(&self, place: &Place, part: &str) -> Place {
        let written = self.text.get(place.start..place.end).unwrap_or_default();
        let Some(at) = written.find(part).filter(|_| !part.is_empty()) else { return place.clone() };
        let before = written.get(..at).unwrap_or_default();
        let lines = before.matches('\n').count() as u32;
        let column = match before.rsplit_once('\n') {
            Some((_, last)) => last.chars().count() as u32 + 1,
            None => place.column + before.chars().count() as u32,
        };
        let start = place.start + at;
        Place { file: place.file.clone(), line: place.line + lines, column, start, end: start + part.len() }
    }

    /// From where to where the value under a pointer reaches, in bytes.
    pub fn extent(&self, pointer: &str) -> Range<usize> {
        let place = self.place(pointer);
        self.extents.get(pointer).cloned().unwrap_or(place.start..place.end)
    }

    fn nearest<'s, T>(&'s self, pointer: &str, find: &dyn Fn(&str) -> Option<&'s T>) -> Option<&'s T> {
        if let Some(found) = find(pointer) {
            return Some(found);
        }
        let (parent, key) = pointer.rsplit_once('/')?;
        let led = self.led(parent, key).into_iter().find_map(|at| find(&at));
        led.or_else(|| self.nearest(parent, find))
    }

    /// Where a member of a collection also may be written: where an alias leads, or what is merged in.
    fn led(&self, parent: &str, key: &str) -> Vec<String> {
        let mut found = Vec::new();
        // The aliases around it, innermost first; an alias that leads to another is followed so far and no further.
        let mut around = Some(parent);
        while let Some(at) = around {
            let below = parent.get(at.len()..).unwrap_or_default();
            let target = self.aliases.get(at).map(|target| format!("{target}{below}/{key}"));
            let merged = self.aliases.get(&format!("{at}/<<")).map(|target| format!("{target}{below}/{key}"));
            found.extend(target.into_iter().chain(merged));
            around = at.rsplit_once('/').map(|(parent, _)| parent);
        }
        found
    }
}

/// The place stands in front of the message already.
fn without_place(message: &str) -> String {
    let Some((before, after)) = message.split_once(" at ") else { return message.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace());
    let words = ["line", "column", "byte"];
    let mut rest = rest;
    while let Some(after) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    }
    match rest.strip_prefix(", ") {
        Some(more) => format!("{before}, {more}"),
        None => before.to_owned(),
    }
}

/// The path with an index, as `properties.order[0].x`, that ends a reading at a place: without quotes, YAML takes its
/// bracket for that of a list.
fn bracket_in_a_path<'t>(text: &'t str, place: &Place) -> Option<&'t str> {
    let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    let words = line.split(|c: char| c.is_whitespace() || "{},\"'".contains(c));
    let mut words = words.map(|word| word.trim_end_matches(':'));
    words.find(|word| {
        let Some((before, after)) = word.split_once('[') else { return false };
        let index = after.split_once(']').map_or("", |(index, _)| index);
        let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
        digits && before.starts_with(|c: char| c.is_alphabetic() || c == '$')
    })
}

/// What to do about the mistakes that are made most.
fn help_for(error: &str, text: &str) -> Option<String> {
    let says = |words: &str| error.contains(words);
    let tab = text.lines().any(|line| line.trim_start_matches(' ').starts_with('\t'));
    let help = if says("tab character") || says("cannot start any token") && tab {
        "YAML wants blanks for indentation, not tabs"
    } else if says("cannot start any token") {
        "put text in quotes that begins with a sign such as `@`, `%` or a backtick"
    } else if says("mapping values are not allowed") {
        "put text that holds `: ` in quotes"
    } else if says("did not find expected ',' or") {
        "close the bracket that was opened, or put text that holds `: ` or `, ` in quotes"
    } else if says("unexpected end of stream") {
        "close the quote that was opened"
    } else if says("unknown anchor") {
        "define it above as `&name`, or put text that begins with `*` in quotes"
    } else if says("expected '-' indicator") || says("expected key") {
        "indent everything in one list or mapping alike"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// A value as YAML in block style; none where YAML has no form for it.
pub fn render(value: &serde_json::Value) -> Option<String> {
    serde_yaml::to_string(value).ok()
}

/// What YAML says, where JSON has a form for it.
pub fn read(text: &str) -> Option<serde_json::Value> {
    serde_yaml::from_str(text).ok()
}

/// A key as it stands in a pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
