//! JSON for reading: coloured and indented by the style sheet alone, so that the text of the element is, byte for byte, the
//! JSON that was or would be sent.

use crate::engine::event::path::push_segment;
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// A piece of shown JSON. Members are boxes inside boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Piece {
    /// Begins a member or an element; the id is empty where nothing links to it.
    Open(String),
    /// Ends it.
    Close,
    /// A key that leads somewhere.
    Key(String, Mark),
    /// Text with its class: `k` key, `s` text, `n` number, `w` word, `p` punctuation, `x` not JSON.
    Text(&'static str, String),
}

/// Shown JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct JsonView {
    pub(in crate::web) pieces: Vec<Piece>,
}

/// Where a key leads, and what it has to do with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Mark {
    /// The id it leads to.
    pub(in crate::web) to: String,
    /// The ids of what tells about it, with blanks between them.
    pub(in crate::web) told_by: String,
    /// The ids of everything that belongs together with it.
    pub(in crate::web) lights: String,
    /// Whether a warning is about it.
    pub(in crate::web) is_warned: bool,
}

/// What members are called by, and which of their keys lead somewhere.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Marks {
    /// What every id begins with.
    pub(in crate::web) prefix: String,
    /// By path.
    pub(in crate::web) by_path: HashMap<String, Mark>,
}

impl JsonView {
    /// Exactly this text; no ids.
    pub(in crate::web) fn exact(text: &str) -> Self {
        build(text, None, true)
    }

    /// Exactly this text, with an id for every path, and keys that lead somewhere.
    pub(in crate::web) fn marked(text: &str, marks: &Marks) -> Self {
        build(text, Some(marks), true)
    }

    /// The same without the white space between its parts.
    pub(in crate::web) fn event(text: &str, marks: &Marks) -> Self {
        build(text, Some(marks), false)
    }
}

impl Marks {
    /// The id of the member at a path.
    pub(in crate::web) fn id(&self, path: &str) -> String {
        format!("{}{}", self.prefix, path_id(path))
    }
}

/// The id of a path's member, as `at-properties.order_id`. Letters that may not stand in an address are written as
/// `_` and a number, so that a link to it needs no escaping.
pub(in crate::web) fn path_id(path: &str) -> String {
    format!("at-{}", slug(path))
}

/// Any text as a part of an id.
pub(in crate::web) fn slug(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => id.push(c),
            '[' => id.push('.'),
            ']' => {}
            other => id.push_str(&format!("_{:x}_", u32::from(other))),
        }
    }
    id
}

/// Indented by two spaces, numbers and escapes as they stand. What is not JSON comes back as it is.
pub(in crate::web) fn pretty(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let tokens: Vec<Token<'_>> = tokens(text).into_iter().filter(|token| token.kind != Kind::Space).collect();
    let mut shown = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.push_str(&"  ".repeat(depth));
    };
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| tokens.get(index)).map(|token| token.kind);
        match token.kind {
            Kind::Close => {
                depth = depth.saturating_sub(1);
                if before != Some(Kind::Open) {
                    line(&mut shown, depth);
                }
            }
            _ if before == Some(Kind::Open) || before == Some(Kind::Comma) => line(&mut shown, depth),
            _ => {}
        }
        shown.push_str(token.text);
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Colon => shown.push(' '),
            _ => {}
        }
    }
    shown
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Colon,
    Comma,
    Text,
    Number,
    Word,
    Space,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// Takes JSON apart. Only for text that a parser has accepted.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let (kind, length) = match first {
            b'{' | b'[' => (Kind::Open, 1),
            b'}' | b']' => (Kind::Close, 1),
            b':' => (Kind::Colon, 1),
            b',' => (Kind::Comma, 1),
            b'"' => (Kind::Text, string_length(rest)),
            b'-' | b'0'..=b'9' => (Kind::Number, run(rest, |byte| !b" \t\r\n,]}".contains(&byte))),
            b' ' | b'\t' | b'\r' | b'\n' => (Kind::Space, run(rest, |byte| b" \t\r\n".contains(&byte))),
            _ => (Kind::Word, run(rest, |byte| byte.is_ascii_alphabetic()).max(1)),
        };
        let Some((token, after)) = rest.split_at_checked(length) else {
            tokens.push(Token { kind: Kind::Word, text: rest });
            break;
        };
        tokens.push(Token { kind, text: token });
        rest = after;
    }
    tokens
}

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where one is inside the value.
struct Level {
    is_object: bool,
    /// The path of the whole.
    path: String,
    /// Elements begun.
    count: usize,
    /// Whether the next text is a key.
    at_key: bool,
    /// Whether a member's box is open.
    in_member: bool,
    /// The path of the member at hand.
    member: String,
}

fn build(text: &str, marks: Option<&Marks>, keeps_blanks: bool) -> JsonView {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return JsonView { pieces: vec![Piece::Text("x", text.to_owned())] };
    }
    let mut pieces = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    for token in tokens(text) {
        if token.kind == Kind::Space {
            if keeps_blanks {
                pieces.push(Piece::Text("p", token.text.to_owned()));
            }
            continue;
        }
        begin_member(&token, &mut levels, &mut pieces, marks);
        let class = match token.kind {
            Kind::Text if levels.last().is_some_and(|level| level.at_key) => "k",
            Kind::Text => "s",
            Kind::Number => "n",
            Kind::Word => "w",
            _ => "p",
        };
        if token.kind == Kind::Close && levels.pop().is_some_and(|level| level.in_member) {
            pieces.push(Piece::Close);
        }
        let mark = levels.last().filter(|_| class == "k");
        let mark = mark.and_then(|level| marks?.by_path.get(&level.member));
        pieces.push(match mark {
            Some(mark) => Piece::Key(token.text.to_owned(), mark.clone()),
            None => Piece::Text(class, token.text.to_owned()),
        });
        let within = levels.last_mut();
        match (token.kind, within) {
            (Kind::Open, within) => {
                let path = within.map(|level| level.member.clone()).unwrap_or_default();
                levels.push(Level {
                    is_object: token.text == "{",
                    path,
                    count: 0,
                    at_key: token.text == "{",
                    in_member: false,
                    member: String::new(),
                });
            }
            (Kind::Colon, Some(level)) => level.at_key = false,
            (Kind::Comma, Some(level)) => {
                level.at_key = level.is_object;
                level.in_member = false;
                pieces.push(Piece::Close);
            }
            _ => {}
        }
    }
    JsonView { pieces }
}

/// Opens the box of a member where its key begins, of an element where its value begins.
fn begin_member(token: &Token<'_>, levels: &mut [Level], pieces: &mut Vec<Piece>, marks: Option<&Marks>) {
    let Some(level) = levels.last_mut().filter(|level| !level.in_member) else {
        return;
    };
    if matches!(token.kind, Kind::Close | Kind::Comma | Kind::Colon) {
        return;
    }
    level.member.clone_from(&level.path);
    match level.is_object {
        true => {
            push_segment(&mut level.member, &serde_json::from_str::<String>(token.text).unwrap_or_default())
        }
        false => level.member.push_str(&format!("[{}]", level.count)),
    }
    level.count += 1;
    level.in_member = true;
    pieces.push(Piece::Open(marks.map(|marks| marks.id(&level.member)).unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(view: &JsonView) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(_, text) | Piece::Key(text, _) => text.clone(),
            _ => String::new(),
        };
        view.pieces.iter().map(text).collect()
    }

    #[test]
    fn the_text_of_a_view_is_the_json_byte_for_byte_and_its_boxes_close() {
        for text in [
            r#"{"a":[1,{"b":"x\"y"},[]],"c":{},"d":-1.50e+3,"ü":"\u00fc","e":null}"#,
            "[]",
            "3",
            "\"}\"",
            "{ \"a\" : [ 1 , 2 ] }",
            "not json {",
            "",
        ] {
            let view = JsonView::exact(text);
            assert_eq!(text_of(&view), text);
            let depth = view.pieces.iter().fold(0_i32, |depth, piece| match piece {
                Piece::Open(_) => depth + 1,
                Piece::Close => depth - 1,
                Piece::Text(..) | Piece::Key(..) => depth,
            });
            assert_eq!(depth, 0, "{text}");
        }
    }

    #[test]
    fn every_member_of_an_event_has_an_id_made_of_its_path() {
        let text = r#"{ "properties": {"Order ID": 1, "products": [{"sku": "a"}]} }"#;
        let mark = Mark { to: "r1".to_owned(), ..Mark::default() };
        let by_path = [("properties.products[0].sku".to_owned(), mark.clone())].into();
        let marks = Marks { prefix: String::new(), by_path };
        let view = JsonView::event(text, &marks);
        assert!(view.pieces.contains(&Piece::Key("\"sku\"".to_owned(), mark)));
        assert_eq!(text_of(&view), text.replace(' ', "").replace("OrderID", "Order ID"));
        assert_eq!(text_of(&JsonView::marked(text, &marks)), text);
        let ids: Vec<&str> = view
            .pieces
            .iter()
            .filter_map(|piece| if let Piece::Open(id) = piece { Some(id.as_str()) } else { None })
            .collect();
        assert_eq!(
            ids,
            [
                "at-properties",
                "at-properties._22_Order_20_ID_22_",
                "at-properties.products",
                "at-properties.products.0",
                "at-properties.products.0.sku"
            ]
        );
        assert_eq!(path_id("properties.products[0].sku"), "at-properties.products.0.sku");
    }

    #[test]
    fn pretty_json_keeps_numbers_and_escapes_as_they_stand() {
        assert_eq!(
            pretty(r#"{"n":12345678901234567890.10,"s":"\u00fc","e":{},"l":[1,[]]}"#),
            "{\n  \"n\": 12345678901234567890.10,\n  \"s\": \"\\u00fc\",\n  \"e\": {},\n  \"l\": [\n    1,\n    []\n  ]\n}"
        );
        assert_eq!(pretty("nonsense"), "nonsense");
    }
}
