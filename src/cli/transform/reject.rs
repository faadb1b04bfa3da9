//! Events that became no record: listed for the person at the terminal, kept in a file where one is named.

use super::worker::Written;
use crate::backfill::RejectDoc;
use crate::cli::{Failure, say};
use crate::engine::Reason;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// How many are listed one by one where no file keeps them.
const LISTED: u64 = 20;

/// An event that became no record.
#[derive(Debug)]
pub struct Reject {
    line: u64,
    event: Vec<u8>,
    failed: bool,
    reason: Reason,
}

impl Reject {
    /// The event on a line; `failed` where it is not filtered.
    pub fn new(line: u64, event: &[u8], failed: bool, reason: Reason) -> Self {
        Self { line, event: event.to_owned(), failed, reason }
    }

    fn outcome(&self) -> &'static str {
        if self.failed { "failed" } else { "filtered" }
    }
}

/// Everything that was rejected, counted.
pub struct Rejects {
    file: Option<BufWriter<File>>,
    by_code: BTreeMap<(bool, Arc<str>), u64>,
    events: u64,
    records: u64,
    rejected: u64,
}

impl Rejects {
    /// Nothing so far; with a file, it is made anew.
    pub fn new(file: Option<&Path>) -> Result<Self, Failure> {
        let file = file.map(|path| {
            let made = File::create(path).map(BufWriter::new);
            made.map_err(|error| Failure::CouldNotRun(format!("can not write `{}`: {error}", path.display())))
        });
        Ok(Self { file: file.transpose()?, by_code: BTreeMap::new(), events: 0, records: 0, rejected: 0 })
    }

    /// Takes note of what came of a chunk.
    pub fn add(&mut self, written: &Written) -> io::Result<()> {
        self.events += written.events;
        self.records += written.record_count;
        for reject in &written.rejects {
            self.rejected += 1;
            *self.by_code.entry((reject.failed, reject.reason.code.clone())).or_default() += 1;
            match &mut self.file {
                Some(file) => RejectDoc::new(reject.line, reject.outcome(), &reject.reason, &reject.event)
                    .render(file)?,
                None if self.rejected <= LISTED => {
                    let Reason { code, message, .. } = &reject.reason;
                    say(&format!("line {}: {}: {code}: {message}", reject.line, reject.outcome()));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Says what came of everything; events that failed are a problem.
    pub fn finish(mut self) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        } else if self.rejected > LISTED {
            say(&format!("… and {} more; --rejects FILE keeps them all", self.rejected - LISTED));
        }
        for ((failed, code), count) in &self.by_code {
            say(&format!("{} {code}: {count}", if *failed { "failed" } else { "filtered" }));
        }
        let failed: u64 =
            self.by_code.iter().filter(|((failed, _), _)| *failed).map(|(_, count)| count).sum();
        let filtered = self.rejected - failed;
        let sum = format!(
            "{} events: {} records, {filtered} events filtered, {failed} failed",
            self.events, self.records
        );
        match failed {
            0 => {
                say(&sum);
                Ok(())
            }
            _ => Err(Failure::NotGood(sum)),
        }
    }
}
