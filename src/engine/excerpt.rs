//! Rule files and words of them as they are shown beside a problem, with what looks like a secret or like something about
//! a person masked: what is said of rules ends in logs that many read.
//!
//! The first thing to know: a masked text has as many characters as the written one, so that columns stay what they are.

use super::diagnostic::Place;
use super::lint::secret;
use std::ops::Range;

/// A file's text, fit to be shown.
#[derive(Debug)]
pub struct Excerpt {
    text: String,
    /// How many bytes at the head of the file are not shown: a mark of byte order would be counted as a column.
    skipped: usize,
    /// Where masking has made a character shorter, and by how many bytes.
    lost: Vec<(usize, usize)>,
}

impl Excerpt {
    /// Masks what is suspicious in a text, line by line, and `found`, stretches in bytes that are known to be.
    pub fn new(source: &str, found: impl Iterator<Item = Range<usize>>) -> Self {
        let written = source.strip_prefix('\u{feff}').unwrap_or(source);
        let skipped = source.len() - written.len();
        let mut hidden: Vec<Range<usize>> = found
            .map(|range| range.start.saturating_sub(skipped)..range.end.saturating_sub(skipped))
            .collect();
        let mut start = 0;
        for line in written.split_inclusive('\n') {
            let stretches = secret::stretches(line).into_iter();
            hidden.extend(stretches.map(|stretch| start + stretch.start..start + stretch.end));
            start += line.len();
        }
        hidden.sort_by_key(|range| range.start);
        let mut hidden = hidden.into_iter().peekable();
        let (mut text, mut lost, mut end) = (String::with_capacity(written.len()), Vec::new(), 0);
        for (at, c) in written.char_indices() {
            while let Some(range) = hidden.next_if(|range| range.start <= at) {
                end = end.max(range.end);
            }
            if at >= end || c == '\n' || c == '\r' {
                text.push(c);
                continue;
            }
            text.push('*');
            if c.len_utf8() > 1 {
                lost.push((at, c.len_utf8() - 1));
            }
        }
        Self { text, skipped, lost }
    }

    /// The text as it may be shown.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stretch of the text that is marked, in bytes: of what goes over several lines the first.
    pub fn span(&self, place: &Place) -> Range<usize> {
        let (end, text) = (self.shift(place.end).min(self.text.len()), &self.text);
        let start = self.shift(place.start).min(end);
        let inside = text.get(start..end).unwrap_or_default();
        let first = inside.lines().next().unwrap_or_default().trim_end();
        start..(start + first.len()).max(start + 1).min(text.len())
    }

    /// Where a byte of the file is in the text.
    fn shift(&self, at: usize) -> usize {
        let at = at.saturating_sub(self.skipped);
        let lost = self.lost.iter().take_while(|(before, _)| *before < at);
        at.saturating_sub(lost.map(|(_, bytes)| bytes).sum())
    }
}

/// Words of a file, as they may be shown in a message.
pub fn mask(text: &str) -> String {
    Excerpt::new(text, std::iter::empty()).text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_keeps_its_characters_and_the_columns_behind_it() {
        let source =
            "\u{feff}a: jörg@shop.com, b: \"+49 170 1234567\", c: jane@example.com # ghp_0123456789\n";
        let at = source.find("c:").unwrap();
        let place = Place { file: "a.yaml".into(), line: 1, column: 1, start: at, end: at + 1 };
        let shown = Excerpt::new(source, std::iter::empty());
        let expected = "a: *************, b: \"***************\", c: jane@example.com # ghp_0123456789\n";
        assert_eq!(shown.text(), expected);
        assert_eq!(shown.text().get(shown.span(&place)), Some("c"));
        assert_eq!(mask("found `AKIAIOSFODNN7EXAMPLE`"), "found `********************`");
    }
}
