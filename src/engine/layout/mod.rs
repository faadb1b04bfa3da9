//! The canonical layout of rule files, which `tapline fmt` writes.
//!
//! `pretty_yaml` sets the text; what it lacks is added here: collections that do not fit on a line become blocks
//! (`block.rs`), comments stay in their block (`comment.rs`), rules stand apart and begin with their id (`rule.rs`).
//! Deliberately no reading of rules: a file that is YAML can be laid out, whatever `tapline check` says of it.
//! The first thing to know: nothing leaves this room that does not hold the same values and comments as what came in.

mod block;
mod comment;
pub(in crate::engine) mod patch;
mod rule;

use super::diagnostic::Diagnostics;
use super::rules::source::Source;
use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions};
use yaml_parser::{SyntaxKind, SyntaxNode};

/// How many characters a line may have before a collection on it becomes a block.
pub const WIDTH: usize = 110;

/// How many columns a line may be indented: `yaml_parser` keeps the columns in use as bits of 64.
const MAX_INDENT: usize = 60;

/// How many rounds a layout may take to settle. A round opens one level of the collections that are too wide.
const MAX_ROUNDS: usize = 40;

/// Why a file has no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLaidOut {
    /// It is not YAML, or says something twice.
    #[error("{0}")]
    Invalid(Diagnostics),
    /// It is YAML that the layout does not know how to write.
    #[error(
        "the layout of `{file}` can not be changed without changing what it says, so it stays as it is: {why}"
    )]
    Unfaithful {
        /// The file.
        file: String,
        /// What would have changed.
        why: String,
    },
}

/// The text of a file in canonical layout. Laying out the result again changes nothing.
pub fn lay_out(file: &str, text: &str) -> Result<String, NotLaidOut> {
    let text = text.trim_start_matches('\u{feff}');
    let before = meaning(file, text)?;
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let unfaithful = |why: String| NotLaidOut::Unfaithful { file: file.to_owned(), why };
    let laid_out = settle(text, &before, file).map_err(unfaithful)?;
    let after = meaning(file, &laid_out).map_err(|error| {
        unfaithful(format!("the result can not be read: {}", first_line(&error.to_string())))
    })?;
    if after.values != before.values {
        return Err(unfaithful("a value would become another".into()));
    }
    if after.comments != before.comments {
        return Err(unfaithful("a comment would be lost".into()));
    }
    Ok(laid_out)
}

/// What must be the same afterwards.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    /// The values with their types and in their order, but for the keys of a rule.
    values: String,
    /// Every comment, in order of their letters.
    comments: Vec<String>,
}

fn meaning(file: &str, text: &str) -> Result<Meaning, NotLaidOut> {
    let mut problems = Diagnostics::default();
    let source = Source::parse(file, text, &mut problems);
    let (Some(source), true) = (source, problems.is_empty()) else {
        return Err(NotLaidOut::Invalid(problems));
    };
    let unfaithful = |why| NotLaidOut::Unfaithful { file: file.to_owned(), why };
    let mut comments: Vec<String> = parse(text)
        .map_err(unfaithful)?
        .descendants_with_tokens()
        .filter(|element| element.kind() == SyntaxKind::COMMENT)
        .filter_map(|element| Some(element.as_token()?.text().trim_end().to_owned()))
        .collect();
    comments.sort_unstable();
    Ok(Meaning { values: rule::values(&source), comments })
}

fn settle(text: &str, before: &Meaning, file: &str) -> Result<String, String> {
    let mut text = set(text)?;
    for _ in 0..MAX_ROUNDS {
        let mut next = text.clone();
        for step in [rule::order, block::open, rule::space] {
            let Some(changed) = step(&parse(&next)?, &next) else { continue };
            // What a step can not do here is left undone: an alias may need its anchor above it.
            let Ok(changed) = set(&changed) else { continue };
            if meaning(file, &changed).is_ok_and(|after| after == *before) {
                next = changed;
            }
        }
        if next == text {
            return Ok(text);
        }
        text = next;
    }
    Err("it would come out differently each time".into())
}

/// One round of `pretty_yaml`.
fn set(text: &str) -> Result<String, String> {
    check_indent(text)?;
    let language = LanguageOptions {
        trailing_comma: false,
        prefer_single_line: true,
        // It would also trim what block scalars hold.
        trim_trailing_whitespaces: false,
        ..LanguageOptions::default()
    };
    let layout = LayoutOptions { print_width: WIDTH, ..LayoutOptions::default() };
    let options = FormatOptions { layout, language };
    let set =
        guarded(|| pretty_yaml::format_text(text, &options).map_err(|error| first_line(&error.to_string())))?;
    Ok(comment::keep_inside((&parse(text)?, text), (&parse(&set)?, &set)))
}

/// The syntax of a text, with every blank and comment; says why where it is not understood.
fn parse(text: &str) -> Result<SyntaxNode, String> {
    check_indent(text)?;
    guarded(|| yaml_parser::parse(text).map_err(|error| first_line(&error.to_string())))
}

/// Both crates have places that they hold to be unreachable. Should one be reached, the file stays as it is.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let run = std::panic::AssertUnwindSafe(run);
    std::panic::catch_unwind(run).unwrap_or_else(|_| Err("its layout is not understood".into()))
}

fn check_indent(text: &str) -> Result<(), String> {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    match text.lines().position(|line| indent(line) > MAX_INDENT) {
        Some(line) => Err(format!("line {} is indented by more than {MAX_INDENT} columns", line + 1)),
        None => Ok(()),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The column of a byte, in bytes, from 0.
fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where a node begins and ends, in bytes.
fn range(node: &SyntaxNode) -> (usize, usize) {
    (node.text_range().start().into(), node.text_range().end().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str) -> String {
        let once = lay_out("t.yaml", text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(lay_out("t.yaml", &once).as_deref(), Ok(once.as_str()), "laying out is not idempotent");
        once
    }

    #[test]
    fn spacing_quotes_and_indentation_are_made_one() {
        for (from, to) in [
            ("", ""),
            ("\n\n", ""),
            ("a:   1   # one\r\nb:\r\n-   x\r\n", "a: 1 # one\nb:\n  - x\n"),
            ("\u{feff}a: 1", "a: 1\n"),
            ("a: {b: 1,c: [ 2,3 ]}\n", "a: { b: 1, c: [2, 3] }\n"),
            ("a: 'x'\nb: 'say \"x\"'\n", "a: \"x\"\nb: 'say \"x\"'\n"),
            ("a: 1\n\n\n\n#x\nb: 2\n", "a: 1\n\n#x\nb: 2\n"),
            ("a: |\n    two  \n      four\nb: >-\n   folded\n", "a: |\n  two  \n    four\nb: >-\n  folded\n"),
            ("a: &x {b: 1}\nc: *x\nd: !t  e\n", "a: &x { b: 1 }\nc: *x\nd: !t e\n"),
            ("-   a:   1\n    b: 2\n", "- a: 1\n  b: 2\n"),
        ] {
            assert_eq!(laid_out(from), to, "{from}");
        }
    }

    #[test]
    fn what_is_no_yaml_or_can_not_be_set_is_refused_and_nothing_panics() {
        let deep = (0..40).map(|depth| format!("{}a:\n", "  ".repeat(depth))).collect::<String>();
        let wide_key = format!("? {}\n: 1\n", "k".repeat(2000));
        for text in ["a: {", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "\ta: 1\n", &deep] {
            assert!(lay_out("t.yaml", text).is_err(), "{text}");
        }
        let _ = lay_out("t.yaml", &wide_key);
    }
}
