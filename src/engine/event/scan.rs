//! Reads JSON text into a flat index, checking all of RFC 8259 on the way.
//!
//! One pass in safe code, eight bytes at a time inside text. It is our own because the engine's speed stands on it: the
//! index costs less than `serde_json` needs to skip the same text, and values need no second look.
//! What `serde_json` accepts it accepts and the other way round, except for nesting deeper than [`MAX_DEPTH`];
//! a property test holds the two against each other.

use super::tape::{At, Json, Kind, Node};
use std::fmt;

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 64;

/// How long a text may be, in bytes. Offsets are kept in 32 bits.
pub const MAX_LENGTH: usize = 1 << 30;

/// Memory for indexes, reused from text to text.
#[derive(Debug, Default)]
pub struct Scanner {
    nodes: Vec<Node>,
    open: Vec<u32>,
}

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// The byte where it went wrong.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl ScanError {
    /// Line and column, from 1; columns count characters.
    pub fn line_column(&self, text: &str) -> (usize, usize) {
        let before = text.as_bytes().get(..self.offset).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1);
        let column =
            before.get(start..).unwrap_or_default().iter().filter(|&&b| b & 0xC0 != 0x80).count() + 1;
        (line, column)
    }

    /// The whole complaint, with line and column.
    pub fn render(&self, text: &str) -> String {
        let (line, column) = self.line_column(text);
        format!("invalid JSON at line {line}, column {column}: expected {}", self.expected)
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON at byte {}: expected {}", self.offset, self.expected)
    }
}

impl Scanner {
    /// Indexes one JSON text.
    pub fn scan<'a>(&'a mut self, text: &'a str) -> Result<Json<'a>, ScanError> {
        self.scan_within(text, MAX_DEPTH)
    }

    /// Indexes one JSON text that may nest `max_depth` deep, as one that holds events inside something else.
    pub fn scan_within<'a>(&'a mut self, text: &'a str, max_depth: usize) -> Result<Json<'a>, ScanError> {
        self.nodes.clear();
        self.open.clear();
        if text.len() > MAX_LENGTH {
            return Err(ScanError { offset: MAX_LENGTH, expected: "a text of at most 1 GiB" });
        }
        Scan { bytes: text.as_bytes(), nodes: &mut self.nodes, open: &mut self.open, max_depth }.run()?;
        Ok(Json { text, nodes: &self.nodes })
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    nodes: &'a mut Vec<Node>,
    open: &'a mut Vec<u32>,
    max_depth: usize,
}

impl Scan<'_> {
    fn run(mut self) -> Result<(), ScanError> {
        let mut at = self.skip_space(0);
        loop {
            at = match self.peek(at) {
                b'"' => self.string(at, Kind::String)?,
                b'{' => match self.enter(at, Kind::Object)? {
                    Entered::Empty(end) => end,
                    Entered::Inside(inside) => {
                        at = self.key(inside)?;
                        continue;
                    }
                },
                b'[' => match self.enter(at, Kind::Array)? {
                    Entered::Empty(end) => end,
                    Entered::Inside(inside) => {
                        at = inside;
                        continue;
                    }
                },
                b'-' | b'0'..=b'9' => self.number(at)?,
                b't' => self.literal(at, b"true", Kind::True)?,
                b'f' => self.literal(at, b"false", Kind::False)?,
                b'n' => self.literal(at, b"null", Kind::Null)?,
                _ => return Err(ScanError { offset: at, expected: "a value" }),
            };
            // A value ended; close what ends with it, then find the next one.
            loop {
                at = self.skip_space(at);
                let Some(&parent) = self.open.last() else {
                    return if at == self.bytes.len() {
                        Ok(())
                    } else {
                        Err(ScanError { offset: at, expected: "nothing after the value" })
                    };
                };
                let object = self.nodes.get(parent as usize).is_some_and(|node| node.kind == Kind::Object);
                match (self.peek(at), object) {
                    (b',', true) => {
                        let key = self.skip_space(at + 1);
                        at = self.key(key)?;
                        break;
                    }
                    (b',', false) => {
                        at = self.skip_space(at + 1);
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.open.pop();
                        at += 1;
                        self.close(parent, at);
                    }
                    (_, true) => return Err(ScanError { offset: at, expected: "`,` or `}`" }),
                    (_, false) => return Err(ScanError { offset: at, expected: "`,` or `]`" }),
                }
            }
        }
    }

    /// The byte at a place; 0, which JSON never holds outside text, past the end.
    #[inline(always)]
    fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.peek(at), b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn push(&mut self, start: usize, end: usize, kind: Kind, escaped: bool) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind, escaped });
    }

    #[inline(always)]
    fn close(&mut self, parent: u32, end: usize) {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.end = end as u32;
            node.next = next;
        }
    }

    #[inline]
    fn enter(&mut self, at: usize, kind: Kind) -> Result<Entered, ScanError> {
        let place = self.nodes.len() as u32;
        self.push(at, at, kind, false);
        let inside = self.skip_space(at + 1);
        let closing = if kind == Kind::Object { b'}' } else { b']' };
        if self.peek(inside) == closing {
            self.close(place, inside + 1);
            return Ok(Entered::Empty(inside + 1));
        }
        if self.open.len() >= self.max_depth {
            return Err(ScanError { offset: at, expected: "fewer levels of nesting" });
        }
        self.open.push(place);
        Ok(Entered::Inside(inside))
    }

    /// A member's name and the colon; returns where its value starts.
    #[inline]
    fn key(&mut self, at: usize) -> Result<usize, ScanError> {
        if self.peek(at) != b'"' {
            return Err(ScanError { offset: at, expected: "a key in double quotes" });
        }
        let after = self.string(at, Kind::Key)?;
        // Almost always the colon follows at once and the value follows it.
        let colon = self.skip_space(after);
        if self.peek(colon) != b':' {
            return Err(ScanError { offset: colon, expected: "`:`" });
        }
        Ok(self.skip_space(colon + 1))
    }

    #[inline]
    fn string(&mut self, quote: usize, kind: Kind) -> Result<usize, ScanError> {
        let start = quote + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = find_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(_) => {
                    return Err(ScanError {
                        offset: at,
                        expected: "control characters in text to be escaped",
                    });
                }
                None => return Err(ScanError { offset: at, expected: "`\"` at the end of the text" }),
            }
        }
        self.push(start, at, kind, escaped);
        Ok(at + 1)
    }

    #[cold]
    fn escape(&self, backslash: usize) -> Result<usize, ScanError> {
        match self.peek(backslash + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(backslash + 2),
            b'u' => {
                let digits = self.bytes.get(backslash + 2..backslash + 6).unwrap_or_default();
                if digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit) {
                    Ok(backslash + 6)
                } else {
                    Err(ScanError { offset: backslash + 2, expected: "four hexadecimal digits after `\\u`" })
                }
            }
            _ => Err(ScanError { offset: backslash + 1, expected: "one of `\"\\/bfnrtu` after `\\`" }),
        }
    }

    #[inline]
    fn number(&mut self, start: usize) -> Result<usize, ScanError> {
        let mut at = start;
        if self.peek(at) == b'-' {
            at += 1;
        }
        if self.peek(at) == b'0' {
            at += 1;
        } else {
            at = self.digits(at)?;
        }
        if self.peek(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if matches!(self.peek(at), b'e' | b'E') {
            at += 1;
            if matches!(self.peek(at), b'+' | b'-') {
                at += 1;
            }
            at = self.digits(at)?;
        }
        self.push(start, at, Kind::Number, false);
        Ok(at)
    }

    #[inline]
    fn digits(&self, start: usize) -> Result<usize, ScanError> {
        let mut at = start;
        while self.peek(at).is_ascii_digit() {
            at += 1;
        }
        if at == start { Err(ScanError { offset: at, expected: "a digit" }) } else { Ok(at) }
    }

    #[inline]
    fn literal(&mut self, start: usize, word: &'static [u8], kind: Kind) -> Result<usize, ScanError> {
        let end = start + word.len();
        if self.bytes.get(start..end) == Some(word) {
            self.push(start, end, kind, false);
            Ok(end)
        } else {
            Err(ScanError {
                offset: start,
                expected: "a value (`true`, `false` and `null` are the only words)",
            })
        }
    }
}

enum Entered {
    Empty(usize),
    Inside(usize),
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first `"`, `\` or control character from `at` on, else the end.
#[inline(always)]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(Ok(chunk)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(chunk);
        // Each term sets the high bit of a byte that is zero after the xor, or below 0x20. Borrows can only set bits
        // above a true hit, and the lowest hit is the one that counts.
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        let hits = ((quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}

/// Whether a text is one JSON value, and its place if so. For callers that need no index of their own.
pub fn check(text: &str) -> Result<At, ScanError> {
    Scanner::default().scan(text).map(|_| At::ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `serde_json` is the judge; depth is ours alone.
    fn agrees(text: &str) {
        let ours = check(text).is_ok();
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        assert_eq!(ours, theirs, "{text:?}");
    }

    #[test]
    fn the_edges_of_the_grammar_are_judged_as_serde_json_judges_them() {
        for text in [
            "",
            " ",
            "{}",
            "[]",
            "{ }",
            "[ ]",
            "[,]",
            "[1,]",
            "{,}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "nul",
            "null",
            "nulll",
            "true",
            "tru",
            "01",
            "-",
            "-0",
            "-01",
            "1.",
            "1.5",
            ".5",
            "1e",
            "1e+",
            "1e+5",
            "1E-5",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\u1234\"",
            "\"\\ud800\"",
            "\"tab\there\"",
            "\"\u{7f}\"",
            "\"é\"",
            "{\"a\":[{\"b\":null}]}",
            "[[[]]]",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "1 1",
            "\u{feff}{}",
            "{\"a\":1}}",
            "]",
            "}",
            ":",
            "\n[\t1\r]\n",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let ok = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        assert!(check(&ok).is_ok());
        assert_eq!(check(&deep).map_err(|e| e.offset), Err(MAX_DEPTH));
    }

    #[test]
    fn an_error_names_line_and_column_in_characters() {
        let text = "{\"ä\": 1,\n  \"b\" 2}";
        let error = check(text).unwrap_err();
        assert_eq!(error.render(text), "invalid JSON at line 2, column 7: expected `:`");
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_serde_json_judges_it(text in "[\\[\\]{}:,\"\\\\ \\n0-9eE.+\\-a-fnrtuls\u{e9}]{0,40}") {
            agrees(&text);
        }

        #[test]
        fn any_value_survives_the_index(value in json_value()) {
            let text = serde_json::to_string(&value).unwrap();
            let mut scanner = Scanner::default();
            let json = scanner.scan(&text).unwrap();
            prop_assert_eq!(rebuild(json, At::ROOT), value);
        }

        #[test]
        fn special_characters_are_found_where_they_stand(text in "[a-z\"\\\\\u{1}\u{1f} !\u{e9}\u{ff}\u{80}]{0,40}", from in 0usize..8) {
            let bytes = text.as_bytes();
            let from = from.min(bytes.len());
            let slow = (from..bytes.len()).find(|&i| bytes[i] == b'"' || bytes[i] == b'\\' || bytes[i] < 0x20);
            prop_assert_eq!(find_special(bytes, from), slow.unwrap_or(bytes.len()));
        }
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,20}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::hash_map(".{0,12}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn rebuild(json: Json<'_>, at: At) -> serde_json::Value {
        match json.kind(at) {
            Kind::Object => {
                json.members(at).map(|(k, v)| (json.decoded(k).into_owned(), rebuild(json, v))).collect()
            }
            Kind::Array => json.elements(at).map(|v| rebuild(json, v)).collect(),
            Kind::String | Kind::Key => json.decoded(at).into_owned().into(),
            Kind::Number => serde_json::from_str(json.raw(at)).unwrap(),
            Kind::True => true.into(),
            Kind::False => false.into(),
            Kind::Null => serde_json::Value::Null,
        }
    }
}
