//! Rules and cases stand apart by a blank line, and a rule begins with its id, its place and its condition.

use super::{column, range};
use crate::engine::rules::source::Source;
use yaml_parser::SyntaxKind::*;
use yaml_parser::SyntaxNode;

/// Lists whose elements stand apart.
const APART: [&str; 3] = ["rules", "extras", "cases"];

/// Lists of rules.
const RULES: [&str; 2] = ["rules", "extras"];

/// Keys of a rule that stand before all others, in this order; those of one row keep the order they have.
const FIRST: [&[&str]; 4] = [&["id"], &["allow"], &["before", "after", "replaces"], &["when"]];

/// Everything a file says, as text. The order of keys counts, but for those of a rule: which of them stands first means
/// nothing, while the order of a record's data is the order of what is sent.
pub(super) fn values(source: &Source) -> String {
    let Some(root) = source.value.as_mapping() else { return format!("{:?}", source.value) };
    let mut text = String::new();
    for (key, value) in root {
        let is_rules = key.as_str().is_some_and(|key| RULES.contains(&key));
        for (index, element) in value.as_sequence().into_iter().flatten().enumerate() {
            let Some(rule) = element.as_mapping().filter(|_| is_rules) else { continue };
            let mut members: Vec<_> = rule.iter().map(|member| format!("{member:?}")).collect();
            members.sort_unstable();
            text.push_str(&format!("{key:?} {index}: {members:?}\n"));
        }
        let is_told =
            is_rules && value.as_sequence().is_some_and(|list| list.iter().all(|rule| rule.is_mapping()));
        text.push_str(&format!("{key:?}: {:?}\n", (!is_told).then_some(value)));
    }
    text
}

/// The text with the keys of each rule in order; none when they are.
pub(super) fn order(root: &SyntaxNode, text: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut changed = false;
    for item in items(root, &RULES) {
        let map = item.descendants().find(|node| node.kind() == BLOCK_MAP);
        // The mapping of the element itself, not one inside a list in it.
        let map = map.filter(|map| column(text, range(map).0) == column(text, range(&item).0) + 2);
        changed |= map.is_some_and(|map| order_one(&map, text, &mut lines).is_some());
    }
    changed.then(|| lines.join("\n") + "\n")
}

/// Puts the keys of one rule in order. Each takes the comments above it along.
fn order_one(map: &SyntaxNode, text: &str, lines: &mut [String]) -> Option<()> {
    let entries: Vec<SyntaxNode> = map.children().filter(|node| node.kind() == BLOCK_MAP_ENTRY).collect();
    let indent = column(text, range(map).0);
    let rank = |entry: &SyntaxNode| {
        let key = key(entry);
        FIRST.iter().position(|row| row.contains(&key.as_str())).unwrap_or(FIRST.len())
    };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| entries.get(*index).map(rank));
    if order.is_sorted() {
        return None;
    }
    let mut starts = Vec::with_capacity(entries.len() + 1);
    for (index, entry) in entries.iter().enumerate() {
        let line = line_of(text, range(entry).0);
        starts.push(if index == 0 { line } else { above(lines, line, |found| found == indent) });
    }
    starts.push(line_of(text, last_word(entries.last()?)?) + 1);
    let mut chunks = Vec::with_capacity(entries.len());
    for pair in starts.windows(2) {
        let [from, to] = pair else { return None };
        chunks.push(lines.get(*from..*to)?.to_vec());
    }
    let head = lines.get(*starts.first()?)?.get(..indent)?.to_owned();
    let first = *order.first()?;
    // What stands above the new first key would come to stand above the rule.
    if is_comment(chunks.get(first)?.first()?) {
        return None;
    }
    let replace_head = |chunk: &mut Vec<String>, head: &str| {
        let line = chunk.first_mut()?;
        *line = format!("{head}{}", line.get(indent..)?);
        Some(())
    };
    replace_head(chunks.get_mut(0)?, &" ".repeat(indent))?;
    replace_head(chunks.get_mut(first)?, &head)?;
    let from = *starts.first()?;
    let sorted = order.iter().filter_map(|index| chunks.get(*index)).flatten().cloned();
    let sorted: Vec<String> = sorted.collect();
    for (slot, line) in lines.iter_mut().skip(from).zip(sorted) {
        *slot = line;
    }
    Some(())
}

/// The text with a blank line between rules and between cases; none when it is there.
pub(super) fn space(root: &SyntaxNode, text: &str) -> Option<String> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut gaps = Vec::new();
    for item in items(root, &APART).filter(|item| item.prev_sibling().is_some()) {
        let start = range(&item).0;
        let indent = column(text, start);
        let line = above(&lines, line_of(text, start), |found| found <= indent);
        if line.checked_sub(1).and_then(|line| lines.get(line)).is_some_and(|line| !line.trim().is_empty()) {
            gaps.push(line);
        }
    }
    let mut spaced = lines;
    for line in gaps.iter().rev() {
        spaced.insert(*line, String::new());
    }
    (!gaps.is_empty()).then(|| spaced.join("\n") + "\n")
}

/// The elements of the lists with these names at the top of the file.
fn items<'n>(root: &'n SyntaxNode, names: &'n [&str]) -> impl Iterator<Item = SyntaxNode> + 'n {
    let map = root.descendants().find(|node| node.kind() == BLOCK_MAP);
    let entries = map.into_iter().flat_map(|map| map.children());
    let lists = entries.filter(move |node| node.kind() == BLOCK_MAP_ENTRY && names.contains(&&*key(node)));
    let list = |entry: SyntaxNode| {
        let value = entry.children().find(|node| node.kind() == BLOCK_MAP_VALUE)?;
        let block = value.children().find(|node| node.kind() == BLOCK)?;
        block.children().find(|node| node.kind() == BLOCK_SEQ)
    };
    lists.filter_map(list).flat_map(|list| list.children()).filter(|node| node.kind() == BLOCK_SEQ_ENTRY)
}

fn key(entry: &SyntaxNode) -> String {
    let key = entry.children().find(|node| node.kind() == BLOCK_MAP_KEY);
    key.map(|key| key.text().to_string().trim_matches(['"', '\'', ' ']).to_owned()).unwrap_or_default()
}

/// The first of the comment lines that stand directly above a line and are indented so.
fn above(lines: &[String], line: usize, fits: impl Fn(usize) -> bool) -> usize {
    let mut top = line;
    while let Some(line) = top.checked_sub(1).and_then(|above| lines.get(above)) {
        if !is_comment(line) || !fits(line.len() - line.trim_start().len()) {
            break;
        }
        top -= 1;
    }
    top
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count()
}

/// Where the last token of an entry that is neither blank nor comment begins; of a block scalar, where it ends.
fn last_word(entry: &SyntaxNode) -> Option<usize> {
    let tokens = entry.descendants_with_tokens().filter_map(|element| element.into_token());
    let token = tokens.filter(|token| !matches!(token.kind(), WHITESPACE | COMMENT)).last()?;
    let end: usize = token.text_range().end().into();
    Some(end - (token.text().len() - token.text().trim_end().len()))
}

#[cfg(test)]
mod tests {
    use crate::engine::layout::lay_out;

    #[test]
    fn rules_stand_apart_and_begin_with_their_id() {
        for (from, to) in [
            (
                "rules:\n  - id: a\n    fail: {}\n    # of a\n  # of b\n  - id: b\n",
                "rules:\n  - id: a\n    fail: {}\n    # of a\n\n  # of b\n  - id: b\n",
            ),
            (
                "rules:\n  # rule\n  - filter:\n      code: x # c\n    # why\n    when: { type: track }\n    after: y\n    id: a\n    # end\nextras: []\n",
                "rules:\n  # rule\n  - id: a\n    after: y\n    # why\n    when: { type: track }\n    filter:\n      code: x # c\n    # end\nextras: []\n",
            ),
            (
                "rules:\n  - emit: [{ event: { data: { when: 1, id: 2 } } }]\n    id: a\n",
                "rules:\n  - id: a\n    emit: [{ event: { data: { when: 1, id: 2 } } }]\n",
            ),
            (
                "rules:\n  - fail: 1\n    # of the id\n    id: a\n",
                "rules:\n  - fail: 1\n    # of the id\n    id: a\n",
            ),
            (
                "rules:\n  - filter: &x { type: track }\n    when: *x\n    id: a\n",
                "rules:\n  - filter: &x { type: track }\n    when: *x\n    id: a\n",
            ),
            (
                "rules:\n  - fail:\n      message: |\n        long\n        text\n\n    id: a\n  - id: b\n",
                "rules:\n  - id: a\n    fail:\n      message: |\n        long\n        text\n\n  - id: b\n",
            ),
        ] {
            let once = lay_out("t.yaml", from).unwrap();
            assert_eq!(once, to, "{from}");
            assert_eq!(lay_out("t.yaml", &once).unwrap(), once);
        }
    }
}
