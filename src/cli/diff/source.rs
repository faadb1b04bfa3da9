//! The events: a file, standard input, or what the data directory holds. One at a time, so that memory stays flat.

use crate::app::{DataDirectory, DataError};
use crate::cli::Failure;
use crate::engine::event::{At, Kind, Scanner, batch};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Takes an event: what it is called, when it was received where that is known, and its JSON.
pub(super) type Take<'t> = dyn FnMut(&dyn Display, Option<i64>, &[u8]) + 't;

/// Where events come from.
pub(super) enum Source<'a> {
    /// A file, or standard input.
    File(&'a Path),
    /// The journal of a data directory.
    Journal {
        /// Which.
        directory: &'a mut Directory,
        /// How many of the newest; none for all.
        last: Option<u64>,
    },
}

impl Source<'_> {
    /// Hands over every event in order. Says how many had been refused on ingest and were left out.
    pub(super) fn each(self, take: &mut Take<'_>) -> Result<u64, Failure> {
        match self {
            Self::Journal { directory, last } => {
                let events =
                    directory.open()?.events(last, &mut |seq, at, event| take(&seq, Some(at.0), event));
                events.map_err(could_not_run)
            }
            Self::File(file) => {
                let read = match file.to_str() {
                    Some("-") => read(&mut io::stdin().lock(), take),
                    _ => File::open(file).and_then(|file| read(&mut BufReader::new(file), take)),
                };
                let name = file.display();
                read.map_err(|error| Failure::CouldNotRun(format!("can not read `{name}`: {error}")))?;
                Ok(0)
            }
        }
    }
}

/// A data directory that is opened when it is first needed.
pub(super) struct Directory {
    path: PathBuf,
    open: Option<DataDirectory>,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    pub(super) fn open(&mut self) -> Result<&DataDirectory, Failure> {
        let open = match self.open.take() {
            Some(open) => open,
            None => DataDirectory::open(&self.path).map_err(could_not_run)?,
        };
        Ok(self.open.insert(open))
    }
}

fn could_not_run(error: DataError) -> Failure {
    let advice = match error {
        DataError::Absent { .. } => "; name events with --events, or the server's directory with --data",
        DataError::InUse(_) => {
            "; while a server runs, name events with --events; what it has kept can be read once it is stopped"
        }
        DataError::Journal(_) | DataError::Runtime(_) => "",
    };
    Failure::CouldNotRun(format!("{error}{advice}"))
}

/// Reads NDJSON line by line, and every other form as a whole.
fn read(input: &mut dyn BufRead, take: &mut Take<'_>) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0_u64;
    let mut scanner = Scanner::default();
    let mut is_first = true;
    while next_line(input, &mut line)? {
        number += 1;
        let start = if number == 1 && line.starts_with(BOM) { BOM.len() } else { 0 };
        let event = line.get(start..).unwrap_or_default().trim_ascii();
        if event.is_empty() {
            continue;
        }
        if std::mem::take(&mut is_first) && !is_event(event, &mut scanner) {
            input.read_to_end(&mut line)?;
            // What is not UTF-8 reaches the engine as text that is no JSON either, and is complained of there.
            let text = String::from_utf8_lossy(&line);
            let events = batch::split(&text);
            // One broken text is the wrong file, and says nothing of rules.
            if matches!(events.as_slice(), [only] if scanner.scan(only).is_err()) {
                let message = "expected events as JSON, found something else";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            for (index, event) in events.into_iter().enumerate() {
                take(&format_args!("event {}", index + 1), None, event.as_bytes());
            }
            return Ok(());
        }
        take(&format_args!("line {number}"), None, event);
    }
    Ok(())
}

/// UTF-8's byte-order mark, which some editors put before the first event.
const BOM: &[u8] = b"\xEF\xBB\xBF";

fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(input.read_until(b'\n', line)? > 0)
}

/// Whether the text is one whole event, and not the beginning of something larger.
fn is_event(text: &[u8], scanner: &mut Scanner) -> bool {
    let Some(json) = std::str::from_utf8(text).ok().and_then(|text| scanner.scan(text).ok()) else {
        return false;
    };
    let is_batch = json.get(At::ROOT, "batch").is_some_and(|at| json.kind(at) == Kind::Array);
    json.kind(At::ROOT) == Kind::Object && !is_batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_events_is_read() {
        for (text, expected) in [
            ("{\"a\":1}\n\n {\"b\":2} \n", vec!["line 1 {\"a\":1}", "line 3 {\"b\":2}"]),
            ("\n{\"a\":1}\nbroken\n", vec!["line 2 {\"a\":1}", "line 3 broken"]),
            ("{\"a\":1}", vec!["line 1 {\"a\":1}"]),
            ("{\n\"a\":1}", vec!["event 1 {\n\"a\":1}"]),
            ("[{\"a\":1},\n{\"b\":2}]", vec!["event 1 {\"a\":1}", "event 2 {\"b\":2}"]),
            ("{\"batch\":[{\"a\":1},{}]}\n", vec!["event 1 {\"a\":1}", "event 2 {}"]),
            ("broken\n{\"a\":1}\n", vec!["event 1 broken", "event 2 {\"a\":1}"]),
            ("", vec![]),
        ] {
            let mut events = Vec::new();
            let mut take = |name: &dyn Display, _: Option<i64>, event: &[u8]| {
                events.push(format!("{name} {}", String::from_utf8_lossy(event)));
            };
            read(&mut text.as_bytes(), &mut take).unwrap();
            assert_eq!(events, expected, "{text:?}");
        }
    }
}
