//! Escapes of JSON text: resolving them, writing them as `JSON.stringify` does, and cutting text at a limit.
//!
//! Half a surrogate pair (`\ud800` alone) is valid JSON and not valid Unicode. It is kept as the escape it came as, so
//! that no text is refused or changed for it.

/// One character of JSON text, or half a surrogate pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A character.
    Char(char),
    /// A surrogate without its partner.
    Half(u16),
}

/// Walks the inside of a checked JSON string, resolving escapes.
pub fn units(content: &str) -> impl Iterator<Item = Unit> + '_ {
    Units { rest: content }
}

struct Units<'a> {
    rest: &'a str,
}

impl Units<'_> {
    fn hex(&mut self) -> Option<u16> {
        let digits = self.rest.get(..4)?;
        let value = u16::from_str_radix(digits, 16).ok()?;
        self.rest = self.rest.get(4..)?;
        Some(value)
    }

    fn low_surrogate(&mut self) -> Option<u16> {
        let mut ahead = Units { rest: self.rest.strip_prefix("\\u")? };
        let low = ahead.hex().filter(|low| (0xDC00..0xE000).contains(low))?;
        self.rest = ahead.rest;
        Some(low)
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        self.rest = chars.as_str();
        if first != '\\' {
            return Some(Unit::Char(first));
        }
        let kind = chars.next()?;
        self.rest = chars.as_str();
        Some(Unit::Char(match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.hex()?;
                if !(0xD800..0xDC00).contains(&unit) {
                    return Some(char::from_u32(u32::from(unit)).map_or(Unit::Half(unit), Unit::Char));
                }
                let Some(low) = self.low_surrogate() else { return Some(Unit::Half(unit)) };
                let scalar = 0x1_0000 + ((u32::from(unit) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                char::from_u32(scalar)?
            }
            other => other,
        }))
    }
}

/// The inside of a checked JSON string with its escapes resolved; half a surrogate pair becomes U+FFFD.
pub fn unescape(content: &str) -> String {
    units(content)
        .map(|unit| match unit {
            Unit::Char(c) => c,
            Unit::Half(_) => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}

/// Appends text as the inside of a JSON string, escaping only what must be, as `JSON.stringify` does.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        push_unit(out, Unit::Char(byte as char));
        copied = at + 1;
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
}

/// Appends one character as it stands inside a JSON string.
pub fn push_unit(out: &mut Vec<u8>, unit: Unit) {
    let short = match unit {
        Unit::Char('"') => b'"',
        Unit::Char('\\') => b'\\',
        Unit::Char('\u{8}') => b'b',
        Unit::Char('\u{c}') => b'f',
        Unit::Char('\n') => b'n',
        Unit::Char('\r') => b'r',
        Unit::Char('\t') => b't',
        Unit::Char(c) if (c as u32) < 0x20 => {
            return out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes());
        }
        Unit::Half(half) => return out.extend_from_slice(format!("\\u{half:04x}").as_bytes()),
        Unit::Char(c) => return out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The longest start of `text` that has at most `max` bytes and ends at a character.
pub fn cut_bytes(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The longest start of `text` that has at most `max` characters.
pub fn cut_chars(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_surrogate_pair_is_kept_as_its_escape() {
        let mut out = Vec::new();
        units("a\\ud83d\\u0041\\udc00").for_each(|unit| push_unit(&mut out, unit));
        assert_eq!(out, b"a\\ud83dA\\udc00");
        assert_eq!(unescape("\\ud83d\\ude00"), "\u{1f600}");
    }

    #[test]
    fn cutting_never_splits_a_character() {
        assert_eq!(cut_bytes("aé", 2), "a");
        assert_eq!(cut_bytes("aé", 3), "aé");
        assert_eq!(cut_chars("éé", 1), "é");
    }

    proptest! {
        #[test]
        fn escaping_is_what_serde_json_writes_and_unescaping_gives_it_back(text in any::<String>()) {
            let mut out = b"\"".to_vec();
            push_escaped(&mut out, &text);
            out.push(b'"');
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), serde_json::to_string(&text).unwrap());
            let inside = std::str::from_utf8(&out[1..out.len() - 1]).unwrap();
            prop_assert_eq!(unescape(inside), text);
        }
    }
}
