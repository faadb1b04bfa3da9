//! Collections in braces and brackets that do not fit on one line become blocks.

use super::{column, range};
use yaml_parser::SyntaxKind::{self, *};
use yaml_parser::SyntaxNode;

/// The text with the outermost collections that span lines written as blocks; none when there is none of them.
pub(super) fn open(root: &SyntaxNode, text: &str) -> Option<String> {
    let mut edits: Vec<Edit> = Vec::new();
    let wide = root.descendants().filter(|node| matches!(node.kind(), FLOW_MAP | FLOW_SEQ));
    for node in wide.filter(|node| node.text().contains_char('\n')) {
        let (start, _) = range(&node);
        let is_inside = edits.last().is_some_and(|edit| start < edit.end);
        if !is_inside {
            edits.extend(edit(&node, text));
        }
    }
    let mut opened = text.to_owned();
    for edit in edits.iter().rev() {
        opened.replace_range(edit.start..edit.end, &edit.text);
    }
    (!edits.is_empty()).then_some(opened)
}

/// A stretch of the text, and what stands there instead.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// A line of the block to be: an entry with the comment behind it, or a comment alone.
#[derive(Default)]
struct Line {
    entry: String,
    comment: String,
}

fn edit(node: &SyntaxNode, text: &str) -> Option<Edit> {
    let flow = node.parent().filter(|parent| parent.kind() == FLOW)?;
    let holder = flow.parent()?;
    let has_properties = flow.children().any(|child| child.kind() == PROPERTIES);
    let (start, end) = range(node);
    let (behind, rest) = comment_behind(text, end);
    let (head, lines) = lines(node)?;
    // Braces may share their line with a comment before the first entry and with one behind the last.
    let mut notes = [head, behind].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join(" ");
    if !notes.is_empty() {
        notes.insert(0, ' ');
    }
    let (indent, inline) = match holder.kind() {
        BLOCK_MAP_VALUE => (column(text, range(&holder.parent()?).0) + 2, false),
        BLOCK_SEQ_ENTRY => (column(text, range(&holder).0) + 2, !has_properties && notes.is_empty()),
        _ => return None,
    };
    // The blank before the brace goes where the brace goes.
    let start = if inline { start } else { text.get(..start)?.trim_end_matches(' ').len() };
    let mut block = notes;
    for (index, line) in lines.iter().enumerate() {
        if !(inline && index == 0) {
            block.push('\n');
            block.push_str(&" ".repeat(indent));
        }
        block.push_str(&line.entry);
        if !line.entry.is_empty() && !line.comment.is_empty() {
            block.push(' ');
        }
        block.push_str(&line.comment);
    }
    Some(Edit { start, end: end + rest, text: block })
}

/// The comment behind a byte on its line, and how many bytes it and the blanks before it take.
fn comment_behind(text: &str, at: usize) -> (String, usize) {
    let line = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    match line.trim_start().starts_with('#') {
        true => (line.trim().to_owned(), line.len()),
        false => (String::new(), 0),
    }
}

/// The comment right behind the brace, and the lines of the block; none where an entry has no form in a block.
fn lines(node: &SyntaxNode) -> Option<(String, Vec<Line>)> {
    let (mut head, mut lines) = (String::new(), Vec::<Line>::new());
    let mut on_new_line = false;
    let parts = node.children_with_tokens().flat_map(|part| match part.as_node() {
        Some(entries) if matches!(entries.kind(), FLOW_MAP_ENTRIES | FLOW_SEQ_ENTRIES) => {
            entries.children_with_tokens().collect()
        }
        _ => vec![part],
    });
    for part in parts {
        match part.kind() {
            WHITESPACE => on_new_line |= part.as_token()?.text().contains('\n'),
            COMMENT => {
                let comment = part.as_token()?.text().trim_end().to_owned();
                match lines.last_mut() {
                    None if !on_new_line => head = comment,
                    Some(line) if !on_new_line && line.comment.is_empty() => line.comment = comment,
                    _ => lines.push(Line { comment, ..Line::default() }),
                }
            }
            FLOW_MAP_ENTRY | FLOW_SEQ_ENTRY => {
                let entry = part.as_node()?;
                lines.push(Line { entry: entry_text(entry)?, ..Line::default() });
                on_new_line = false;
            }
            L_BRACE | R_BRACE | L_BRACKET | R_BRACKET | COMMA => {}
            _ => return None,
        }
    }
    // In brackets the comment of the last line may close over the bracket itself; an empty block says nothing.
    (lines.iter().any(|line| !line.entry.is_empty())).then_some((head, lines))
}

fn entry_text(entry: &SyntaxNode) -> Option<String> {
    let text = entry.text().to_string();
    let text = text.trim();
    let has = |kind: SyntaxKind| entry.children_with_tokens().any(|part| part.kind() == kind);
    if text.starts_with('?') || text.is_empty() {
        return None;
    }
    Some(match entry.kind() {
        FLOW_SEQ_ENTRY => format!("- {text}"),
        _ if has(FLOW_MAP_VALUE) || text.ends_with(':') => text.to_owned(),
        _ => format!("{text}:"),
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::layout::lay_out;

    /// Wide enough for a line of its own.
    fn word() -> String {
        "w".repeat(60)
    }

    #[test]
    fn what_does_not_fit_on_a_line_becomes_a_block_with_its_comments() {
        let w = word();
        for (from, to) in [
            (format!("a: {{ b: {w}, c: {w} }}\n"), format!("a:\n  b: {w}\n  c: {w}\n")),
            (format!("a: [{w}, {w}]\n"), format!("a:\n  - {w}\n  - {w}\n")),
            (format!("- {{ b: {w}, c: {w} }}\n- 1\n"), format!("- b: {w}\n  c: {w}\n- 1\n")),
            (format!("a: {{ b: {w}, c: {w} }} # all\n"), format!("a: # all\n  b: {w}\n  c: {w}\n")),
            (
                format!("a:\n  - x: &n {{ b: {w}, \"c\":[{w}, {{ d }}] }}\n    y: *n\n"),
                format!("a:\n  - x: &n\n      b: {w}\n      \"c\": [{w}, {{ d }}]\n    y: *n\n"),
            ),
            ("a: { b: 1, # one\n  # two\n  c: 2 }\n".into(), "a:\n  b: 1 # one\n  # two\n  c: 2\n".into()),
            (
                format!("a: {{ b: {{ c: {w}, d: {w} }}, e: 1 }}\n"),
                format!("a:\n  b:\n    c: {w}\n    d: {w}\n  e: 1\n"),
            ),
        ] {
            let once = lay_out("t.yaml", &from).unwrap();
            assert_eq!(once, to, "{from}");
            assert_eq!(lay_out("t.yaml", &once).unwrap(), once);
        }
    }
}
