//! Figures for `tests/README.md`, and how long the rounds are that lead to them.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

/// Set by `tests/run --full`.
const FULL: &str = "TAPLINE_TEST_FULL";

/// The file that figures go to, if anybody wants them.
const FIGURES: &str = "TAPLINE_TEST_FIGURES";

/// The file that rows of the table of faults go to, if anybody wants them.
const FAULTS: &str = "TAPLINE_TEST_FAULTS";

/// How many rounds: `usual`, or `full` when there is time.
pub(crate) fn rounds(usual: usize, full: usize) -> usize {
    if std::env::var_os(FULL).is_some() { full } else { usual }
}

/// Notes a figure for the table.
pub(crate) fn note(name: &str, value: impl Display) {
    append(FIGURES, &format!("{name}\t{value}"));
}

/// What a fault came to: one row of the table in `tests/README.md`.
pub(crate) struct Fault<'a> {
    /// What went wrong, and what it was done to.
    pub(crate) name: &'a str,
    /// How often.
    pub(crate) rounds: usize,
    /// Events that were answered 200.
    pub(crate) acknowledged: usize,
    /// Of those, the ones that neither arrived nor are listed.
    pub(crate) lost: usize,
    /// Records that arrived more than once; none where nothing was sent.
    pub(crate) twice: Option<usize>,
    /// The longest time until everything went on.
    pub(crate) recovery: Duration,
    /// The change to the program that makes the test fail.
    pub(crate) mutation: &'a str,
}

/// Notes a row for the table of faults.
pub(crate) fn fault(fault: Fault<'_>) {
    let Fault { name, rounds, acknowledged, lost, twice, recovery, mutation } = fault;
    let twice = twice.map_or_else(|| "–".to_owned(), |twice| twice.to_string());
    let recovery = format!("{:.1} s", recovery.as_secs_f64());
    let row = format!("{name} | {rounds} | {acknowledged} | {lost} | {twice} | {recovery} | {mutation}");
    append(FAULTS, &row);
}

fn append(variable: &str, line: &str) {
    if let Some(path) = std::env::var_os(variable) {
        let file = std::fs::File::options().append(true).create(true).open(path);
        writeln!(file.expect("a file for figures"), "{line}").expect("room for figures");
    }
}
