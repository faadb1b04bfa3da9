//! Rule files line by line, in colours that a style sheet gives to words of the language.
//!
//! Deliberately no parser: a file that is broken is shown too, and colours only help reading. What is wrong with a file the
//! engine says.

/// A stretch of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Token {
    /// `k` key, `s` text, `n` number, `w` word of the language, `c` comment, `p` sign; empty for anything else.
    pub(in crate::web) class: &'static str,
    /// The text, as written.
    pub(in crate::web) text: String,
}

/// Takes a file apart into lines, without their ends.
pub(in crate::web) fn highlight(path: &str, text: &str) -> Vec<Vec<Token>> {
    let is_script = path.ends_with(".rhai");
    let mut state = State::default();
    let lines = text.lines().map(|line| match is_script {
        true => state.script(line),
        false => state.yaml(line),
    });
    lines.collect()
}

/// What lasts beyond a line.
#[derive(Debug, Default)]
struct State {
    /// How many brackets of YAML are open.
    depth: usize,
    /// The indentation of the line whose block of text goes on below it.
    block: Option<usize>,
    /// Whether a comment of a script goes on.
    in_comment: bool,
}

/// A line that is being taken apart.
struct Line<'l> {
    rest: &'l str,
    tokens: Vec<Token>,
}

impl<'l> Line<'l> {
    fn new(rest: &'l str) -> Self {
        Self { rest, tokens: Vec::new() }
    }

    /// Takes so many bytes, which end at a character.
    fn take(&mut self, bytes: usize, class: &'static str) {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        match self.tokens.last_mut() {
            Some(last) if last.class == class => last.text.push_str(taken),
            _ if taken.is_empty() => {}
            _ => self.tokens.push(Token { class, text: taken.to_owned() }),
        }
    }

    fn take_blanks(&mut self) -> bool {
        let blanks = self.rest.len() - self.rest.trim_start().len();
        self.take(blanks, "");
        blanks > 0
    }

    /// The length of the quoted text at the beginning, with its quotes; all of it where it does not end here.
    fn quoted(&self, quote: char) -> usize {
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if quote != '\'' => drop(chars.next()),
                c if c == quote => return at + c.len_utf8(),
                _ => {}
            }
        }
        self.rest.len()
    }
}

impl State {
    fn yaml(&mut self, text: &str) -> Vec<Token> {
        let mut line = Line::new(text);
        let indent = text.len() - text.trim_start().len();
        if let Some(outer) = self.block {
            if text.trim().is_empty() || indent > outer {
                line.take(text.len(), "s");
                return line.tokens;
            }
            self.block = None;
        }
        let mut after_blank = true;
        while !line.rest.is_empty() {
            after_blank = line.take_blanks() || after_blank;
            let Some(first) = line.rest.chars().next() else { break };
            match first {
                '#' if after_blank => line.take(line.rest.len(), "c"),
                '"' | '\'' => {
                    let length = line.quoted(first);
                    let is_key = line.rest.get(length..).is_some_and(|rest| rest.starts_with(':'));
                    line.take(length, if is_key { "k" } else { "s" });
                }
                '{' | '[' => {
                    self.depth += 1;
                    line.take(1, "p");
                }
                '}' | ']' => {
                    self.depth = self.depth.saturating_sub(1);
                    line.take(1, "p");
                }
                ',' | ':' => line.take(1, "p"),
                '-' if line.rest == "-" || line.rest.starts_with("- ") => line.take(1, "p"),
                '|' | '>' if after_blank && self.depth == 0 => {
                    self.block = Some(indent);
                    line.take(line.rest.len(), "p");
                }
                _ => self.scalar(&mut line),
            }
            after_blank = false;
        }
        line.tokens
    }

    /// A plain scalar, up to what ends it: a key where a colon follows.
    fn scalar(&self, line: &mut Line<'_>) {
        let rest = line.rest;
        let ends = |at: usize, c: char| {
            let next = rest.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
            match c {
                ':' => next.is_none_or(char::is_whitespace),
                '#' => rest.get(..at).is_some_and(|before| before.ends_with(char::is_whitespace)),
                ',' | ']' | '}' | '[' | '{' => self.depth > 0,
                _ => false,
            }
        };
        let end = rest.char_indices().find(|(at, c)| ends(*at, *c)).map_or(rest.len(), |(at, _)| at);
        let text = rest.get(..end).unwrap_or(rest).trim_end();
        let is_key = rest.get(end..).is_some_and(|rest| rest.starts_with(':'));
        let class = match text {
            _ if is_key => "k",
            "true" | "false" | "null" | "~" => "w",
            text if text.parse::<f64>().is_ok() => "n",
            text if text.starts_with(['&', '*', '!', '$']) => "w",
            _ => "s",
        };
        // A sign that begins nothing is at least passed over.
        line.take(text.len().max(rest.chars().next().map_or(0, char::len_utf8)), class);
    }

    fn script(&mut self, text: &str) -> Vec<Token> {
        const WORDS: [&str; 17] = [
            "let", "const", "if", "else", "switch", "for", "in", "while", "loop", "do", "until", "fn",
            "return", "throw", "break", "continue", "try",
        ];
        let mut line = Line::new(text);
        while !line.rest.is_empty() {
            if self.in_comment {
                let end = line.rest.find("*/").map(|at| at + 2);
                self.in_comment = end.is_none();
                line.take(end.unwrap_or(line.rest.len()), "c");
                continue;
            }
            line.take_blanks();
            let Some(first) = line.rest.chars().next() else { break };
            match first {
                '/' if line.rest.starts_with("//") => line.take(line.rest.len(), "c"),
                '/' if line.rest.starts_with("/*") => {
                    self.in_comment = true;
                    line.take(2, "c");
                }
                '"' | '`' => line.take(line.quoted(first), "s"),
                c if c.is_alphanumeric() || c == '_' => {
                    let end = line.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let word = line.rest.get(..end.unwrap_or(line.rest.len())).unwrap_or_default();
                    let class = match word {
                        "true" | "false" => "w",
                        word if WORDS.contains(&word) => "k",
                        _ if c.is_ascii_digit() => "n",
                        _ => "",
                    };
                    line.take(word.len(), class);
                }
                c => line.take(c.len_utf8(), "p"),
            }
        }
        line.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, text: &str) -> Vec<String> {
        let token = |token: &Token| format!("{}<{}>", token.class, token.text);
        highlight(path, text).iter().map(|line| line.iter().map(token).collect()).collect()
    }

    #[test]
    fn every_line_of_yaml_keeps_every_byte_and_its_words_have_their_classes() {
        let text = "version: 1 # one\n- id: 'a b'\n  when: { type: track, n: [1.5, \"x\"] }\n  script: |\n    let a = 1;\n\n  \
                    done: true\n\"key\": $user\nurl: a:b#c\n";
        let lines = shown("a.yaml", text);
        assert_eq!(lines[0], "k<version>p<:>< >n<1>< >c<# one>");
        assert_eq!(lines[1], "p<->< >k<id>p<:>< >s<'a b'>");
        assert!(
            lines[2].contains("k<type>p<:>< >s<track>p<,>") && lines[2].contains("n<1.5>p<,>"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[4], "s<    let a = 1;>");
        assert_eq!(lines[6], "<  >k<done>p<:>< >w<true>");
        assert_eq!(lines[7], "k<\"key\">p<:>< >w<$user>");
        assert_eq!(lines[8], "k<url>p<:>< >s<a:b#c>");
        for (line, tokens) in text.lines().zip(highlight("a.yaml", text)) {
            assert_eq!(tokens.iter().map(|token| token.text.as_str()).collect::<String>(), line);
        }
    }

    #[test]
    fn whatever_stands_in_a_file_it_ends_and_keeps_every_byte() {
        for text in
            ["\u{0}", "é: ü#", "'", "\"\\", "[[{", "}]:-", "&", ": :", "|", "- - -", "\t#", "/* a", "*/ b `"]
        {
            for path in ["a.yaml", "a.rhai"] {
                let tokens: String =
                    highlight(path, text).into_iter().flatten().map(|token| token.text).collect();
                assert_eq!(tokens, text, "{path}");
            }
        }
    }

    #[test]
    fn a_script_has_its_own_words() {
        let lines = shown("a.rhai", "if x == 1 { \"a\" } // no\n/* more\nstill */ let y");
        assert_eq!(lines[0], "k<if>< x >p<==>< >n<1>< >p<{>< >s<\"a\">< >p<}>< >c<// no>");
        assert_eq!(lines[2], "c<still */>< >k<let>< y>");
    }
}
