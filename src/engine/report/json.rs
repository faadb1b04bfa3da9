//! Problems as one JSON object.

use crate::engine::diagnostic::{Diagnostics, Severity};
use serde::Serialize;

/// One problem, for programs. What is about no file has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// As `R103`; `tapline explain` says more.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: Severity,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The path from where the program was started, with `/`.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    /// From 1.
    pub end_line: Option<u32>,
    /// From 1, in characters; the one after the last.
    pub end_column: Option<u32>,
}

#[derive(Serialize)]
struct Report<'a> {
    errors: usize,
    warnings: usize,
    problems: &'a [Problem],
}

pub(super) fn render(all: &Diagnostics, problems: &[Problem]) -> String {
    let (errors, warnings) = (all.count(Severity::Error), all.count(Severity::Warning));
    let report = Report { errors, warnings, problems };
    let mut text = serde_json::to_string(&report).unwrap_or_default();
    text.push('\n');
    text
}
