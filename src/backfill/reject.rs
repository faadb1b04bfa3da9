//! Events that were not delivered, one JSON object a line: number of the line, outcome, reason, event.

use super::ledger::RejectsPlace;
use crate::engine::Reason;
use serde::Serialize;
use serde_json::value::RawValue;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How many are listed one by one where no file keeps them.
const LISTED: u64 = 20;

/// A line of the file.
#[derive(Debug, Serialize)]
pub struct RejectDoc<'a> {
    line: u64,
    outcome: &'static str,
    reason: &'a Reason,
    /// The event as received; as text where it is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl<'a> RejectDoc<'a> {
    /// The event on a line, numbered from 1; `outcome` is `filtered` or `failed`.
    pub fn new(line: u64, outcome: &'static str, reason: &'a Reason, event: &'a [u8]) -> Self {
        let json = serde_json::from_slice::<&RawValue>(event).ok();
        let text = match json {
            None if !event.is_empty() => Some(String::from_utf8_lossy(event).into_owned()),
            _ => None,
        };
        Self { line, outcome, reason, event: json, text }
    }

    /// Writes it with its line feed.
    pub fn render(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut out, self)?;
        out.write_all(b"\n")
    }
}

/// Where rejects go: into a file, else the first few of them to whoever looks.
#[derive(Debug)]
pub(super) struct Rejects {
    file: Option<(PathBuf, BufWriter<File>)>,
    listed: Vec<String>,
    seen: u64,
}

impl Rejects {
    /// Rejects for `path`. A file that a run before wrote is cut to what that run knew of at its last saving; any other
    /// is made anew.
    pub(super) fn open(path: Option<&Path>, before: Option<&RejectsPlace>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self { file: None, listed: Vec::new(), seen: 0 }) };
        let known = before.filter(|before| before.file == path);
        let mut file = OpenOptions::new().write(true).create(true).truncate(known.is_none()).open(path)?;
        if let Some(before) = known {
            // Where somebody has shortened the file, it goes on at its end.
            let bytes = before.bytes.min(file.metadata()?.len());
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
        }
        Ok(Self { file: Some((path.to_owned(), BufWriter::new(file))), listed: Vec::new(), seen: 0 })
    }

    /// Whether the event itself is wanted, beside its reason.
    pub(super) fn wants_event(&self) -> bool {
        self.file.is_some()
    }

    /// Adds one.
    pub(super) fn add(
        &mut self,
        line: u64,
        outcome: &'static str,
        reason: &Reason,
        event: &[u8],
    ) -> io::Result<()> {
        self.seen += 1;
        if let Some((_, file)) = &mut self.file {
            return RejectDoc::new(line, outcome, reason, event).render(file);
        }
        if self.seen <= LISTED {
            self.listed.push(format!("line {line}: {outcome}: {}: {}", reason.code, reason.message));
        } else if self.seen == LISTED + 1 {
            self.listed.push("… and more; --rejects FILE keeps them all".to_owned());
        }
        Ok(())
    }

    /// What is to be shown and was not yet.
    pub(super) fn take_listed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.listed)
    }

    /// Makes what was added durable and says how far the file goes.
    pub(super) fn sync(&mut self) -> io::Result<Option<RejectsPlace>> {
        let Some((path, file)) = &mut self.file else { return Ok(None) };
        file.flush()?;
        file.get_ref().sync_data()?;
        let bytes = file.stream_position()?;
        Ok(Some(RejectsPlace { file: path.clone(), bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_wrote_after_its_last_saving_is_written_by_the_next_run_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects");
        let reason = Reason::new("some_code", "some words");
        let add = |rejects: &mut Rejects, line| rejects.add(line, "failed", &reason, b"{}").unwrap();
        let lines = || {
            let text = std::fs::read_to_string(&path).unwrap();
            let line = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["line"].as_u64();
            text.lines().filter_map(line).collect::<Vec<u64>>()
        };
        let mut killed = Rejects::open(Some(&path), None).unwrap();
        add(&mut killed, 1);
        let saved = killed.sync().unwrap();
        add(&mut killed, 2);
        killed.sync().unwrap();
        let mut next = Rejects::open(Some(&path), saved.as_ref()).unwrap();
        assert_eq!(lines(), [1]);
        add(&mut next, 2);
        add(&mut next, 3);
        next.sync().unwrap();
        assert_eq!(lines(), [1, 2, 3]);
        let elsewhere = RejectsPlace { file: directory.path().join("other"), bytes: 9 };
        Rejects::open(Some(&path), Some(&elsewhere)).unwrap();
        assert!(lines().is_empty(), "another run's file is made anew");
    }
}
