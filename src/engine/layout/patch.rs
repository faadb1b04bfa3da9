//! Changing values of a YAML text in place: only what differs is written anew.
//!
//! Works on the syntax tree that the layout uses, which holds every blank and comment.
//! Deliberately no checks of the result: whoever calls reads it again.
//! A comment goes only with the line that it stands behind; one on a line of its own stays.

use crate::engine::rules::source;
use serde_json::{Map, Value};
use yaml_parser::SyntaxKind::*;
use yaml_parser::{SyntaxNode, SyntaxToken};

/// How many characters a collection in braces or brackets may have before it is written as a block.
const FLOW_WIDTH: usize = 80;

/// A text and what is to change in it.
pub(in crate::engine) struct Patch<'a> {
    mark: &'a str,
    text: &'a str,
    root: SyntaxNode,
    ending: &'static str,
    edits: Vec<(usize, usize, String)>,
}

/// A member of a mapping or an element of a list.
struct Entry {
    node: SyntaxNode,
    key: Option<String>,
    start: usize,
    end: usize,
}

impl<'a> Patch<'a> {
    /// Nothing to change yet; none where the syntax is not understood.
    pub fn new(text: &'a str) -> Option<Self> {
        let (mark, text) = text.split_at(text.len() - text.trim_start_matches('\u{feff}').len());
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Some(Self { mark, text, root: super::parse(text).ok()?, ending, edits: Vec::new() })
    }

    /// Makes `new` of the value `old` whose key stands at a byte.
    pub fn set(&mut self, key: usize, old: &Value, new: &Value) -> Option<()> {
        let key = key.checked_sub(self.mark.len())?;
        let is_entry = |node: &SyntaxNode| matches!(node.kind(), BLOCK_MAP_ENTRY | FLOW_MAP_ENTRY);
        let starts = |node: &SyntaxNode| bounds(node).is_some_and(|(start, _)| start == key);
        let holder = self.root.descendants().filter(is_entry).find(starts)?;
        self.value(&holder, old, new)
    }

    /// The text with everything changed.
    pub fn apply(mut self) -> String {
        self.edits.sort_by_key(|(start, end, _)| (*start, *end));
        let (mut out, mut at) = (self.mark.to_owned(), 0);
        for (start, end, new) in &self.edits {
            out.push_str(self.text.get(at..*start).unwrap_or_default());
            out.push_str(new);
            at = at.max(*end);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }

    fn value(&mut self, holder: &SyntaxNode, old: &Value, new: &Value) -> Option<()> {
        if old == new {
            return Some(());
        }
        let inner = content(holder).and_then(|node| node.children().find(is_collection));
        let same = match (old, new) {
            (Value::Object(old), Value::Object(new)) => inner.and_then(|map| self.members(&map, old, new)),
            (Value::Array(old), Value::Array(new)) => inner.and_then(|list| self.elements(&list, old, new)),
            _ => None,
        };
        same.or_else(|| self.replace(holder, new))
    }

    /// None, with nothing changed, where the whole has to be written anew.
    fn members(
        &mut self,
        map: &SyntaxNode,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) -> Option<()> {
        let entries = entries(map)?;
        let own = |key: &String| entries.iter().any(|entry| entry.key.as_ref() == Some(key));
        let is_kept =
            |entry: &Entry| entry.key.as_deref().is_some_and(|key| key == "<<" || new.contains_key(key));
        let kept: Vec<bool> = entries.iter().map(is_kept).collect();
        let merged_is_gone = old.keys().any(|key| !own(key) && !new.contains_key(key));
        if merged_is_gone || !kept.contains(&true) {
            return None;
        }
        for entry in entries.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(entry, _)| entry) {
            if let Some((old, new)) = entry.key.as_ref().and_then(|key| Some((old.get(key)?, new.get(key)?)))
            {
                self.value(&entry.node, old, new)?;
            }
        }
        let added = new.iter().filter(|(key, value)| !own(key) && old.get(*key) != Some(value));
        let added: Map<String, Value> = added.map(|(key, value)| (key.clone(), value.clone())).collect();
        self.reshape(map, &entries, &kept, &Value::Object(added))
    }

    fn elements(&mut self, list: &SyntaxNode, old: &[Value], new: &[Value]) -> Option<()> {
        let entries = entries(list)?;
        if entries.len() != old.len() || old.is_empty() || new.is_empty() {
            return None;
        }
        for ((entry, old), new) in entries.iter().zip(old).zip(new) {
            self.value(&entry.node, old, new)?;
        }
        let kept: Vec<bool> = (0..old.len()).map(|index| index < new.len()).collect();
        let added = new.iter().skip(old.len()).cloned().collect();
        self.reshape(list, &entries, &kept, &added)
    }

    /// Takes out entries and adds others behind the last that stays.
    fn reshape(&mut self, whole: &SyntaxNode, entries: &[Entry], kept: &[bool], added: &Value) -> Option<()> {
        let is_flow = matches!(whole.kind(), FLOW_MAP | FLOW_SEQ);
        let last = kept.iter().rposition(|kept| *kept)?;
        let anchor = entries.get(last)?;
        for (index, entry) in entries.iter().enumerate().filter(|(index, _)| kept.get(*index) == Some(&false))
        {
            let next = entries.get(index + 1).map(|next| next.start);
            let line = self.line_start(entry.start);
            let is_first_on_line = self.text.get(line..entry.start)?.trim().is_empty();
            match next {
                Some(next) if is_flow && index < last => self.edits.push((entry.start, next, String::new())),
                _ if is_flow => {
                    let before = entries.get(index.checked_sub(1)?)?.end;
                    let between = self.text.get(before..entry.start)?;
                    let comma = before + between.find(',')?;
                    self.edits.push((comma, comma + 1, String::new()));
                    let start = before + between.trim_end().len();
                    self.edits.push((start.max(comma + 1), entry.end, String::new()));
                }
                Some(next) if !is_first_on_line => {
                    let indent = " ".repeat(entry.start - line);
                    let notes = self.notes(self.line_end(entry.start), next);
                    let notes = notes.iter().map(|note| format!("{}{}{indent}", note.trim(), self.ending));
                    self.edits.push((entry.start, next, notes.collect()));
                }
                _ => {
                    let end = self.line_end(entry.end);
                    let notes = self.notes(entry.start, end);
                    let notes = notes.iter().map(|note| format!("{}{note}", self.ending));
                    self.edits.push((self.line_end(line.saturating_sub(1)), end, notes.collect()));
                }
            }
        }
        let is_nothing =
            added.as_array().is_some_and(Vec::is_empty) || added.as_object().is_some_and(Map::is_empty);
        if is_nothing {
            return Some(());
        }
        let (at, text) = if is_flow {
            let flow = flow(added);
            let inside = flow.get(1..flow.len() - 1)?.trim();
            (anchor.end, format!(", {inside}"))
        } else {
            let indent = " ".repeat(anchor.start - self.line_start(anchor.start));
            let lines = block(added).into_iter().map(|line| format!("{}{indent}{line}", self.ending));
            (self.line_end(anchor.end), lines.collect())
        };
        self.edits.push((at, at, text));
        Some(())
    }

    fn replace(&mut self, holder: &SyntaxNode, new: &Value) -> Option<()> {
        let in_flow = holder.ancestors().any(|node| matches!(node.kind(), FLOW_MAP | FLOW_SEQ));
        let sign = holder.children_with_tokens().find(|part| matches!(part.kind(), COLON | MINUS));
        let sign: Option<usize> = sign.map(|sign| sign.text_range().end().into());
        let node = content(holder);
        let anchor =
            node.as_ref().and_then(|node| node.descendants().find(|part| part.kind() == ANCHOR_PROPERTY));
        let anchor = anchor.filter(|anchor| anchor.ancestors().nth(2) == node.as_ref().cloned());
        let anchor = anchor.map(|anchor| format!("{} ", anchor.text())).unwrap_or_default();
        let (start, end) = match node.as_ref().and_then(bounds) {
            Some(found) => found,
            None => (sign?, sign?),
        };
        let gap = if node.is_none() { " " } else { "" };
        let inline = flow(new);
        let is_filled = new.as_object().is_some_and(|map| !map.is_empty())
            || new.as_array().is_some_and(|list| !list.is_empty());
        let was_empty = self.text.get(start..end).is_some_and(|text| matches!(text.trim(), "[]" | "{}"));
        let is_block = is_filled
            && (nests(new) && (was_empty || !self.text.get(start..end)?.starts_with(['{', '[']))
                || inline.len() > FLOW_WIDTH);
        let on_line = sign.is_none_or(|sign| self.line_end(sign) >= end);
        if in_flow || !is_block && on_line {
            self.edits.push((start, end, format!("{gap}{anchor}{inline}")));
            return Some(());
        }
        let sign = sign?;
        let first_end = self.line_end(sign);
        let stop = self.line_end(end);
        let behind = if on_line { end.min(first_end) } else { sign };
        let behind = self.text.get(behind..first_end)?.trim();
        let note = if behind.starts_with('#') { format!(" {behind}") } else { String::new() };
        let line = self.line_start(bounds(holder)?.0);
        let indent = " ".repeat(bounds(holder)?.0 - line + 2);
        let notes = self.notes(first_end, stop);
        let mut text = String::new();
        if is_block {
            text.push_str(format!(" {anchor}").trim_end());
            text.push_str(&note);
        } else {
            text.push_str(&format!(" {anchor}{inline}{note}"));
        }
        let lines = if is_block { block(new) } else { Vec::new() };
        for note in &notes {
            text.push_str(&format!("{}{note}", self.ending));
        }
        for line in &lines {
            text.push_str(&format!("{}{indent}{line}", self.ending));
        }
        self.edits.push((sign, stop, text));
        Some(())
    }

    /// The comments on lines of their own.
    fn notes(&self, start: usize, end: usize) -> Vec<&'a str> {
        let tokens = self.root.descendants_with_tokens().filter_map(|part| part.into_token());
        let starts = tokens
            .filter(|token| token.kind() == COMMENT)
            .map(|token| usize::from(token.text_range().start()));
        let alone = starts.filter(|at| *at >= start && *at < end).filter_map(|at| {
            let line = self.text.get(self.line_start(at)..self.line_end(at))?;
            line.trim_start().starts_with('#').then_some(line)
        });
        alone.collect()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        let start = self.line_start(at);
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.lines().next().map_or(0, str::len)
    }
}

fn is_collection(node: &SyntaxNode) -> bool {
    matches!(node.kind(), BLOCK_MAP | BLOCK_SEQ | FLOW_MAP | FLOW_SEQ)
}

/// The node of the value that an entry holds.
fn content(holder: &SyntaxNode) -> Option<SyntaxNode> {
    let is_value = |node: &SyntaxNode| matches!(node.kind(), BLOCK_MAP_VALUE | FLOW_MAP_VALUE);
    let around = holder.children().find(is_value).unwrap_or_else(|| holder.clone());
    around.children().find(|node| matches!(node.kind(), BLOCK | FLOW))
}

fn entries(whole: &SyntaxNode) -> Option<Vec<Entry>> {
    let holder = whole.children().find(|node| matches!(node.kind(), FLOW_MAP_ENTRIES | FLOW_SEQ_ENTRIES));
    let holder = holder.unwrap_or_else(|| whole.clone());
    let nodes = holder.children().map(|node| {
        let (start, end) = bounds(&node)?;
        let key = node.children().find(|part| matches!(part.kind(), BLOCK_MAP_KEY | FLOW_MAP_KEY));
        let key = key.and_then(|key| {
            source::read(&key.text().to_string()).and_then(|key| key.as_str().map(str::to_owned))
        });
        Some(Entry { node, key, start, end })
    });
    nodes.collect()
}

/// From where to where a node reaches, in bytes, without blanks and comments around it.
fn bounds(node: &SyntaxNode) -> Option<(usize, usize)> {
    let tokens: Vec<SyntaxToken> =
        node.descendants_with_tokens().filter_map(|part| part.into_token()).collect();
    let is_content = |token: &&SyntaxToken| !matches!(token.kind(), WHITESPACE | COMMENT);
    let (first, last) = (tokens.iter().find(is_content)?, tokens.iter().rfind(is_content)?);
    let trailing = last.text().len() - last.text().trim_end().len();
    Some((first.text_range().start().into(), usize::from(last.text_range().end()) - trailing))
}

/// Whether a collection holds a collection or is a mapping.
fn nests(value: &Value) -> bool {
    value.is_object()
        || value.as_array().is_some_and(|list| list.iter().any(|item| item.is_object() || item.is_array()))
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let members =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(&key.as_str().into()), flow(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        other => scalar(other),
    }
}

/// Text without quotes where it stays text also inside brackets.
fn scalar(value: &Value) -> String {
    let plain = source::render(value).unwrap_or_default().trim_end().to_owned();
    let is_same = source::read(&format!("[{plain}]")).is_some_and(|read| read == serde_json::json!([value]));
    if is_same && !plain.contains('\n') { plain } else { value.to_string() }
}

/// The lines of a value that is a filled collection.
fn block(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |head: String, value: &Value, is_item: bool| {
        let one = flow(value);
        let is_empty = matches!(one.as_str(), "{}" | "[]");
        let is_wide = nests(value) || value.is_array() && one.len() > FLOW_WIDTH;
        if !is_wide || is_empty {
            return lines.push(format!("{head} {one}"));
        }
        let inner = block(value);
        if !is_item {
            lines.push(head.clone());
        }
        for (index, line) in inner.iter().enumerate() {
            let lead = if is_item && index == 0 { "- " } else { "  " };
            lines.push(format!("{lead}{line}"));
        }
    };
    match value {
        Value::Object(map) => {
            map.iter()
                .for_each(|(key, value)| add(format!("{}:", scalar(&key.as_str().into())), value, false));
        }
        Value::Array(list) => list.iter().for_each(|value| add("-".to_owned(), value, true)),
        other => lines.push(scalar(other)),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(text: &str, new: &Value) -> String {
        let old: Value = source::read(text).unwrap();
        let mut patch = Patch::new(text).unwrap();
        patch.set(text.find("expect").unwrap(), &old["expect"], new).unwrap();
        let done = patch.apply();
        assert_eq!(source::read(&done).unwrap()["expect"], *new, "{done}");
        let mut again = Patch::new(&done).unwrap();
        again.set(done.find("expect").unwrap(), new, new).unwrap();
        assert_eq!(again.apply(), done);
        done
    }

    #[test]
    fn only_what_differs_is_written_and_comments_stay_with_their_keys() {
        for (from, new, to) in [
            (
                "expect: # a\n  rules: [track] # b\n  records: # c\n    - evtName: X # d\n      # e\n      n: 1 # f\n",
                json!({"rules": ["track"], "records": [{"evtName": "Y", "n": 1}]}),
                "expect: # a\n  rules: [track] # b\n  records: # c\n    - evtName: Y # d\n      # e\n      n: 1 # f\n",
            ),
            (
                "expect:\r\n  - a: 1 # x\r\n    # y\r\n    b: 2 # z\r\n# end\r\n",
                json!([{"b": 3}]),
                "expect:\r\n  - # y\r\n    b: 3 # z\r\n# end\r\n",
            ),
            (
                "expect:\n  a: 1 # x\n  # y\n  b: 2 # z\n",
                json!({"a": 1, "c": {"d": [1, "2"]}}),
                "expect:\n  a: 1 # x\n  c:\n    d: [1, '2']\n  # y\n",
            ),
            (
                "expect: { a: 1, b: 2 } # x\n",
                json!({"a": 1, "c": "d, e"}),
                "expect: { a: 1, c: \"d, e\" } # x\n",
            ),
            (
                "o: &n [1, 2]\nexpect: { a: *n } # x\n",
                json!({"a": [1, 3]}),
                "o: &n [1, 2]\nexpect: { a: [1, 3] } # x\n",
            ),
            (
                "o: &n { b: 1 }\nexpect:\n  <<: *n\n  a: 1\n",
                json!({"a": 1, "b": 2}),
                "o: &n { b: 1 }\nexpect:\n  <<: *n\n  a: 1\n  b: 2\n",
            ),
            (
                "expect:\n  a: [] # x\nz: 1\n",
                json!({"a": [{"b": 1}]}),
                "expect:\n  a: # x\n    - b: 1\nz: 1\n",
            ),
            (
                "expect:\n  a: # x\n    - b: 1 # y\n    # z\n    - c: 1\n",
                json!({"a": []}),
                "expect:\n  a: [] # x\n    # z\n",
            ),
        ] {
            if from.contains("<<") {
                let mut patch = Patch::new(from).unwrap();
                let old = json!({"a": 1, "b": 1});
                patch.set(from.find("expect").unwrap(), &old, &new).unwrap();
                assert_eq!(patch.apply(), to);
                continue;
            }
            assert_eq!(set(from, &new), to, "{from}");
        }
    }
}
