//! Figures for `tests/README.md`, and how long the rounds are that lead to them.

use std::fmt::Display;
use std::io::Write;

/// Set by `tests/run --full`.
const FULL: &str = "TAPLINE_TEST_FULL";

/// The file that figures go to, if anybody wants them.
const FIGURES: &str = "TAPLINE_TEST_FIGURES";

/// How many rounds: `usual`, or `full` when there is time.
pub(crate) fn rounds(usual: usize, full: usize) -> usize {
    if std::env::var_os(FULL).is_some() { full } else { usual }
}

/// Notes a figure for the table.
pub(crate) fn note(name: &str, value: impl Display) {
    if let Some(path) = std::env::var_os(FIGURES) {
        let mut file =
            std::fs::File::options().append(true).create(true).open(path).expect("a file for figures");
        writeln!(file, "{name}\t{value}").expect("room for figures");
    }
}
