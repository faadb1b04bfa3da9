//! Where a position inside a script stands in its file.
//!
//! A script of its own file is its own file. One inside YAML is found exactly when it stands in a literal block (`|`) or
//! on one line; where YAML folds lines or resolves escapes, the whole value is named.

use crate::engine::diagnostic::Place;
use rhai::Position;
use std::sync::Arc;

/// Where the lines of a script stand in the text of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    text: Arc<str>,
    lines: Vec<Line>,
    whole: Place,
}

/// Where one line of a script begins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    start: usize,
    number: u32,
    column: u32,
}

impl Location {
    /// A script that is a file.
    pub fn file(file: Arc<str>, text: Arc<str>) -> Self {
        let mut start = 0;
        let mut lines = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            lines.push(Line { start, number: index as u32 + 1, column: 1 });
            start += line.len();
        }
        let whole = Place { file, line: 1, column: 1, start: 0, end: text.len().min(1) };
        Self { text, lines, whole }
    }

    /// A script that is the value at `place` of a YAML file.
    pub fn inside(text: Arc<str>, place: Place, script: &str) -> Self {
        let raw = text.get(place.start..place.end).unwrap_or_default();
        let whole = Place { end: place.start + raw.trim_end().len().max(1), ..place.clone() };
        let lines = match block(&text, &place) {
            Some(Block { is_literal: true, start, line }) => block_lines(&text, start, line, script),
            Some(Block { is_literal: false, .. }) => Vec::new(),
            None => {
                let quoted = raw.starts_with(['"', '\'']);
                let inside = raw.get(usize::from(quoted)..).unwrap_or_default();
                let verbatim = !script.contains('\n') && inside.starts_with(script);
                let (start, column) = (place.start + usize::from(quoted), place.column + u32::from(quoted));
                if verbatim { vec![Line { start, number: place.line, column }] } else { Vec::new() }
            }
        };
        Self { text, lines, whole }
    }

    /// The whole script.
    pub fn whole(&self) -> Place {
        self.whole.clone()
    }

    /// The place of the word at a position, the whole script where there is none.
    pub fn place(&self, position: Position) -> Place {
        let line = position.line().and_then(|line| self.lines.get(line.checked_sub(1)?));
        let (Some(line), Some(column)) = (line, position.position()) else { return self.whole.clone() };
        let rest = self.text.get(line.start..).unwrap_or_default();
        let rest = rest.split('\n').next().unwrap_or_default();
        let before: usize = rest.chars().take(column - 1).map(char::len_utf8).sum();
        let word = rest.get(before..).unwrap_or_default();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match word.find(|c| !is_word(c)) {
            Some(0) => word.chars().next().map_or(1, char::len_utf8),
            Some(length) => length,
            None => word.len().max(1),
        };
        let start = line.start + before;
        Place {
            file: self.whole.file.clone(),
            line: line.number,
            column: line.column + column as u32 - 1,
            start,
            end: start + length,
        }
    }
}

/// A value that stands in a block: where the first line after its header begins, and that line's number.
struct Block {
    is_literal: bool,
    start: usize,
    line: u32,
}

/// The block around a value, if it stands in one. Its header is the nearest line above that is not blank, and ends with
/// `|` or `>` and what may follow them.
fn block(text: &str, place: &Place) -> Option<Block> {
    let mut start = text.get(..place.start)?.rfind('\n')? + 1;
    let mut line = place.line;
    loop {
        let above = text.get(..start.checked_sub(1)?)?;
        let header = above.rfind('\n').map_or(0, |at| at + 1);
        let content = above.get(header..)?.trim();
        if content.is_empty() {
            (start, line) = (header, line.checked_sub(1)?);
            continue;
        }
        let content = content.split(" #").next().unwrap_or_default().trim_end();
        let bare = content.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
        let is_literal = bare.ends_with('|');
        return (is_literal || bare.ends_with('>')).then_some(Block { is_literal, start, line });
    }
}

/// The lines of a literal block that begins at `start`, on line `number`.
fn block_lines(text: &str, mut start: usize, number: u32, script: &str) -> Vec<Line> {
    let body = text.get(start..).unwrap_or_default();
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    // Every line of a block loses the blanks that its first line of text has before what the script begins with.
    let first = script.split('\n').position(|line| !line.trim().is_empty()).unwrap_or(0);
    let own = script.split('\n').nth(first).map_or(0, blanks);
    let indent = body.split('\n').nth(first).map_or(0, blanks).saturating_sub(own);
    let mut lines = Vec::new();
    for (index, line) in body.split_inclusive('\n').take(script.split('\n').count()).enumerate() {
        let cut = indent.min(blanks(line));
        lines.push(Line { start: start + cut, number: number + index as u32, column: cut as u32 + 1 });
        start += line.len();
    }
    lines
}
