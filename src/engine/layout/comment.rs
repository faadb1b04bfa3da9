//! Comments stay with what they are about: where a comment stands beside the line above, `pretty_yaml` moves those at the
//! end of a block out of it, and those above something into the block before.

use super::{column, range};
use yaml_parser::SyntaxKind::*;
use yaml_parser::{SyntaxNode, SyntaxToken};

/// The text `after`, which `pretty_yaml` made of `before`, with such comments indented as they were meant.
pub(super) fn keep_inside(before: (&SyntaxNode, &str), after: (&SyntaxNode, &str)) -> String {
    let (was, is) = (alone(before), alone(after));
    let mut text = after.1.to_owned();
    if was.len() != is.len() {
        return text;
    }
    for (was, is) in was.iter().zip(&is).rev() {
        let wanted = match was.depth() {
            // It stands above something, and goes where that goes.
            None => is.next.filter(|_| was.next == Some(was.column)),
            Some(depth) => is.blocks.get(depth).copied().filter(|wanted| *wanted > is.column),
        };
        if let Some(wanted) = wanted {
            text.replace_range(is.at - is.column..is.at, &" ".repeat(wanted));
        }
    }
    text
}

/// A comment on a line of its own.
struct Alone {
    /// Its first byte.
    at: usize,
    column: usize,
    /// The columns of the blocks that the line above it stands in, the outermost first.
    blocks: Vec<usize>,
    /// The column of the next line that is no comment.
    next: Option<usize>,
}

impl Alone {
    /// The number of the block it is the end of; none where it stands above something in the same block.
    fn depth(&self) -> Option<usize> {
        let ends = self.next.is_none_or(|next| next < self.column);
        self.blocks.iter().rposition(|block| *block <= self.column).filter(|_| ends)
    }
}

fn alone((root, text): (&SyntaxNode, &str)) -> Vec<Alone> {
    let tokens = root.descendants_with_tokens().filter_map(|element| element.into_token());
    let comments = tokens.filter(|token| token.kind() == COMMENT);
    comments.filter_map(|token| read(&token, text)).collect()
}

fn read(token: &SyntaxToken, text: &str) -> Option<Alone> {
    let at: usize = token.text_range().start().into();
    let column = column(text, at);
    if !text.get(at - column..at)?.trim().is_empty() {
        return None;
    }
    let is_content = |token: &SyntaxToken| !matches!(token.kind(), WHITESPACE | COMMENT);
    let last = std::iter::successors(token.prev_token(), SyntaxToken::prev_token).find(is_content);
    let around = last.iter().flat_map(SyntaxToken::parent_ancestors);
    let blocks = around.filter(|node| matches!(node.kind(), BLOCK_MAP | BLOCK_SEQ));
    let mut blocks: Vec<usize> = blocks.map(|block| super::column(text, range(&block).0)).collect();
    blocks.reverse();
    let mut lines = text.get(at..)?.lines().map(str::trim_end);
    let next = lines.find(|line| !line.is_empty() && !line.trim_start().starts_with('#'));
    Some(Alone { at, column, blocks, next: next.map(|line| line.len() - line.trim_start().len()) })
}

#[cfg(test)]
mod tests {
    use crate::engine::layout::lay_out;

    #[test]
    fn a_comment_at_the_end_of_a_block_stays_in_it() {
        for (from, to) in [
            ("a:\n    b: x # c\n    # end\nd: 1\n", "a:\n  b: x # c\n  # end\nd: 1\n"),
            ("a:\n- b: x # c\n  # end\n", "a:\n  - b: x # c\n    # end\n"),
            ("a:\n- x # c\n# of d\nd: 1\n", "a:\n  - x # c\n# of d\nd: 1\n"),
            ("a:\n  - b: x # c\n  # - b: y\n  #   z: 1\n", "a:\n  - b: x # c\n  # - b: y\n  #   z: 1\n"),
        ] {
            let once = lay_out("t.yaml", from).unwrap();
            assert_eq!(once, to, "{from}");
            assert_eq!(lay_out("t.yaml", &once).unwrap(), once);
        }
    }
}
