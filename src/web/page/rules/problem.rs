//! A problem of rules as a list shows it: code, words, place, and what mends it where that is one word.

use super::source_address;
use crate::engine::diagnostic::Severity;
use crate::engine::report::Problem;
use crate::web::view::Prose;

/// One problem.
#[derive(Debug, Clone)]
pub(super) struct ProblemView {
    pub(super) code: &'static str,
    pub(super) is_error: bool,
    pub(super) message: Prose,
    pub(super) help: Option<Prose>,
    /// `file:line:col`; empty where it is about no file.
    pub(super) place: String,
    /// Where the place is shown; empty where it is nowhere.
    pub(super) link: String,
    /// The file; empty where it is about none.
    pub(super) file: String,
    /// Line and column from 1, of its beginning and of what is behind its end.
    pub(super) span: Option<((u32, u32), (u32, u32))>,
    /// What mends it.
    pub(super) fix: Option<Fix>,
}

/// A word that is put in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fix {
    /// The file.
    pub(super) path: String,
    /// From 1.
    pub(super) line: u32,
    /// From 1, in characters: of the first character and of the one after the last.
    pub(super) columns: (u32, u32),
    /// What is put there.
    pub(super) word: String,
}

impl ProblemView {
    /// With a link to the source of a set, where `query` is what names the set, as `?set=newest`.
    pub(super) fn of(problem: &Problem, query: &str) -> Self {
        let (file, line) = (problem.file.clone().unwrap_or_default(), problem.line.unwrap_or_default());
        let is_placed = !file.is_empty() && line > 0;
        Self {
            code: problem.code,
            is_error: problem.severity == Severity::Error,
            message: Prose::sentence(&problem.message),
            help: problem.help.as_deref().map(Prose::sentence),
            place: match is_placed {
                true => format!("{file}:{line}:{}", problem.column.unwrap_or_default()),
                false => file.clone(),
            },
            span: problem.line.zip(problem.column).map(|from| {
                let end = problem.end_line.zip(problem.end_column);
                (from, end.unwrap_or((from.0, from.1 + 1)))
            }),
            link: if is_placed { format!("{}{query}#L{line}", source_address(&file)) } else { String::new() },
            fix: Fix::of(problem),
            file,
        }
    }

    /// The same for every one.
    pub(super) fn all(problems: &[Problem], query: &str) -> Vec<Self> {
        problems.iter().map(|problem| Self::of(problem, query)).collect()
    }
}

impl Fix {
    /// Only what stands on one line and has one word as its cure.
    fn of(problem: &Problem) -> Option<Self> {
        let word = problem.help.as_ref()?.strip_prefix("did you mean `")?.split_once("`?")?.0;
        let is_one_line = problem.end_line == problem.line;
        Some(Self {
            path: problem.file.clone()?,
            line: problem.line?,
            columns: (problem.column?, problem.end_column.filter(|_| is_one_line)?),
            word: word.to_owned(),
        })
    }

    /// Reads what [`Self::to_value`] wrote.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.splitn(5, '|');
        let (line, from, to) =
            (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (path, word) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { path, line, columns: (from, to), word })
    }

    /// As a button's value.
    pub(super) fn to_value(&self) -> String {
        format!("{}|{}|{}|{}|{}", self.line, self.columns.0, self.columns.1, self.path, self.word)
    }

    /// The text with the word in its place; quotes around the word stay. None where the place is not there.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let start: usize =
            text.split_inclusive('\n').take(self.line.checked_sub(1)? as usize).map(str::len).sum();
        let line = text.get(start..)?;
        // A mark of byte order is no column.
        let mark = if start == 0 && line.starts_with('\u{feff}') { 1 } else { 0 };
        let at = |column: u32| {
            let index = column.checked_sub(1)? as usize + mark;
            let end = line.find('\n').unwrap_or(line.len());
            let place = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(index)?;
            (place <= end).then_some(start + place)
        };
        let (from, to) = (at(self.columns.0)?, at(self.columns.1)?);
        let found = text.get(from..to)?;
        let quote =
            found.chars().next().filter(|first| matches!(first, '"' | '\'') && found.ends_with(*first));
        let quote = quote.map(String::from).unwrap_or_default();
        Some(format!("{}{quote}{}{quote}{}", text.get(..from)?, self.word, text.get(to..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_puts_one_word_in_the_place_of_another() {
        let fix = |line, columns| Fix { path: "a|b.yaml".into(), line, columns, word: "priority".into() };
        let text = "é: 1\n  \"prioriy\": 2\n";
        assert_eq!(fix(2, (3, 12)).apply(text).as_deref(), Some("é: 1\n  \"priority\": 2\n"));
        assert_eq!(fix(1, (1, 2)).apply(text).as_deref(), Some("priority: 1\n  \"prioriy\": 2\n"));
        assert_eq!(fix(1, (1, 9)).apply(text), None, "not beyond the line");
        assert_eq!(fix(9, (1, 2)).apply(text), None);
        let plain = Fix { path: "packs/a.yaml".into(), ..fix(2, (3, 12)) };
        assert_eq!(Fix::parse(&plain.to_value()), Some(plain));
        assert_eq!(Fix::parse("1|2"), None);
    }
}
