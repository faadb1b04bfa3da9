//! Diagnostics for programs: JSON, GitHub's workflow commands, SARIF. For people there is [`Diagnostics::render`].
//!
//! One shape wherever they are shown, on the command line, in the API and in the console.
//! The first thing to know: columns count characters from 1, and an end is the place after the last character.

mod github;
mod json;
mod sarif;

pub use json::Problem;

use super::diagnostic::{Diagnostic, Diagnostics, Place};

/// How problems are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// A line each, which GitHub shows at the line in question.
    Github,
    /// SARIF 2.1.0, as code scanning takes it.
    Sarif,
}

/// Writes all problems. `directory` is where the rule files are, and stands before their names.
pub fn render(problems: &Diagnostics, format: Format, directory: &str) -> String {
    let found = list(problems, directory);
    match format {
        Format::Json => json::render(problems, &found),
        Format::Github => github::render(&found),
        Format::Sarif => sarif::render(&found),
    }
}

/// The problems in the shape in which programs get them.
pub fn list(problems: &Diagnostics, directory: &str) -> Vec<Problem> {
    problems.iter().map(|problem| read(problems, problem, directory)).collect()
}

fn read(all: &Diagnostics, problem: &Diagnostic, directory: &str) -> Problem {
    let place = problem.place.as_ref();
    let end = place.and_then(|place| end(all, place));
    Problem {
        code: problem.code.as_str(),
        severity: problem.code.severity(),
        message: problem.message.clone(),
        help: problem.help.clone(),
        file: place.map(|place| path(directory, &place.file)),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        end_line: end.map(|end| end.0),
        end_column: end.map(|end| end.1),
    }
}

/// A file below a directory, as seen from where the program was started.
fn path(directory: &str, file: &str) -> String {
    let directory = directory.strip_prefix("./").unwrap_or(directory).trim_end_matches('/');
    match directory {
        "" | "." => file.to_owned(),
        _ => format!("{directory}/{file}"),
    }
}

/// Line and column after the last character of a place.
fn end(all: &Diagnostics, place: &Place) -> Option<(u32, u32)> {
    let inside = all.source(&place.file)?.get(place.start..place.end)?;
    let lines = inside.matches('\n').count() as u32;
    let last = inside.rsplit_once('\n').map(|(_, last)| last);
    let column = last.map_or(place.column, |_| 1) + last.unwrap_or(inside).chars().count() as u32;
    Some((place.line + lines, column))
}
