//! Whether what a source hands out fits together: every block's and page's own checks, the sums, and no gap.
//!
//! First thing to know: the standing comes first and the log last, in the order of a backup.

use super::Parts;
use super::format::Stored;
use super::generation::Generation;
use super::index::{Reading, Rows, TermFile};
use super::lock::DirectoryLock;
use super::main_database::{Standing, is_upload};
use super::page::{EVENTS, Page};
use super::rebuild::{check_finished, names};
use super::salvage::Salvage;
use super::shield::{self, Damaged, Extent};
use crate::clock::Millis;
use crate::journal::backup::{BackupError, Finding, Findings, Item, Source};
use crate::journal::{JournalError, Seq, State};
use std::path::Path;

/// Problems that are named; more are only counted.
const NAMED: usize = 1000;

/// What was found so far.
pub(super) struct Inspection {
    findings: Findings,
    standing: Standing,
    kept_from: Seq,
    end: Seq,
    /// Delivered, filtered, failed, dead: of the events that are kept.
    ended: [u64; 4],
    /// The place after the ends that follow one another from the first kept place on.
    settled: u64,
    /// Where the log goes on.
    at: Seq,
}

impl Inspection {
    pub(super) fn of(source: &dyn Source) -> Self {
        let head = source.head();
        Self {
            findings: Findings::of(head),
            standing: Standing::default(),
            kept_from: head.kept_from,
            end: head.end,
            ended: [0; 4],
            settled: head.kept_from.0,
            at: head.kept_from,
        }
    }

    /// Takes the next thing into account.
    pub(super) fn look_at(&mut self, item: &Item) {
        match item {
            Item::Standing(bytes) => match Standing::parse(bytes) {
                Ok(standing) => self.standing = standing,
                Err(error) => self.complain("the standing", error.to_string()),
            },
            Item::Page { number, bytes } => self.look_at_page(*number, bytes),
            Item::Row { tree, key, .. } if tree.is_empty() && is_upload(key) => self.findings.uploads += 1,
            Item::Row { .. } => self.findings.rows += 1,
            Item::Generation(_) => {}
            Item::Block { first, bytes } => self.look_at_block(*first, bytes),
        }
    }

    /// What was found, once everything was handed in.
    pub(super) fn finish(mut self) -> Findings {
        let end = self.end;
        self.note_gap(end);
        let Standing { delivered, filtered, failed, dead, settled_until, .. } = self.standing;
        let stood = [delivered, filtered, failed, dead];
        let (kept, all) = (self.ended.iter().sum::<u64>(), stood.iter().sum::<u64>());
        let dropped = self.kept_from.0;
        if all != kept.saturating_add(dropped) {
            self.complain(
                "the counts",
                format!("expected {kept} ended events and {dropped} dropped ones to be all, found {all}"),
            );
        }
        // What was dropped is counted too, so the counts may only be larger.
        for (name, (stood, kept)) in
            ["delivered", "filtered", "failed", "dead"].iter().zip(stood.into_iter().zip(self.ended))
        {
            if stood < kept {
                self.complain("the counts", format!("expected at least {kept} {name}, found {stood}"));
            }
        }
        if settled_until != self.settled {
            let settled = Seq(self.settled);
            self.complain(
                "the counts",
                format!(
                    "everything before `{}` is said to have ended, expected {settled}",
                    Seq(settled_until)
                ),
            );
        }
        self.findings
    }

    fn look_at_page(&mut self, number: u64, bytes: &[u8]) {
        let first = number.saturating_mul(EVENTS);
        let page = match Page::parse(number, bytes) {
            Ok(page) => page,
            Err(error) => return self.complain(&Seq(first).to_string(), error.to_string()),
        };
        for index in 0..EVENTS {
            let place = first.saturating_add(index);
            let Some(end) = page.end(index as usize) else { continue };
            if place >= self.end.0 {
                self.complain(
                    &Seq(place).to_string(),
                    "it has an end, but the log does not reach it".to_owned(),
                );
            } else if place >= self.kept_from.0 {
                let [delivered, filtered, failed, dead] = &mut self.ended;
                *match end.state {
                    State::Delivered => delivered,
                    State::Filtered => filtered,
                    State::Failed => failed,
                    State::Dead => dead,
                } += 1;
                self.findings.ends += 1;
                if place == self.settled {
                    self.settled += 1;
                }
            }
        }
    }

    fn look_at_block(&mut self, first: Seq, bytes: &[u8]) {
        self.note_gap(first);
        match Stored::parse(first, bytes).and_then(|stored| stored.unpack()) {
            Ok(block) => {
                self.at = self.at.max(block.end());
                self.findings.events += block.entries.len() as u64;
            }
            // Its events are named with the gap that it leaves.
            Err(error) => self.complain(&first.to_string(), error.to_string()),
        }
    }

    fn note_gap(&mut self, until: Seq) {
        let lost = until.0.saturating_sub(self.at.0);
        if lost > 0 {
            self.findings.lost += lost;
            let what = format!("{lost} events up to {until} are lost to damage");
            self.findings.losses += 1;
            self.complain(&self.at.to_string(), what);
        }
        self.at = self.at.max(until);
    }

    fn complain(&mut self, place: &str, what: String) {
        self.findings.problem_count += 1;
        if self.findings.problems.len() < NAMED {
            self.findings.problems.push(Finding { place: place.to_owned(), what });
        }
    }
}

/// What is wrong with a directory whose logs are damaged; none where they are whole, or where there is nothing. Nothing is
/// opened, because whoever opens a damaged directory changes it.
pub(super) fn inspect_damage(directory: &Path, now: Millis) -> Result<Option<Findings>, BackupError> {
    let is_database = |name: &String| name == "main" || Generation::parse_name(name).is_some();
    if !directory.is_dir() || !names(directory)?.iter().any(is_database) {
        return Ok(None);
    }
    let _lock = DirectoryLock::acquire(directory)?;
    check_finished(directory)?;
    let Some(Damaged { database, places }) = shield::examine(directory, Extent::All)? else {
        return Ok(None);
    };
    let mut findings = inspect(&mut Salvage::open(directory, now)?)?;
    let what = format!(
        "{places} places of its log can not be read; the next start repairs it, or `tapline verify --repair --data {}`",
        directory.display()
    );
    findings.add(vec![Finding { place: format!("the database `{database}`"), what }]);
    Ok(Some(findings))
}

/// Compares the files of indices with the events; a generation that is damaged or holds erased events has its own words.
pub(super) fn inspect_indices(parts: &Parts, is_to_renew: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for (slot, end) in parts.chain.spans() {
        let Some(end) = end else { continue };
        if let Err(error) = inspect_index(parts, slot.first, end, is_to_renew) {
            let place = format!("the index from {} on", slot.first);
            found.push(Finding { place, what: error.to_string() });
        }
    }
    found
}

fn inspect_index(parts: &Parts, first: Seq, end: Seq, is_to_renew: bool) -> Result<(), JournalError> {
    let directory = parts.chain.directory_of(first);
    // Until their bytes are gone, erased events may be in an index or not.
    if !TermFile::is_known(&directory) || !parts.erasures.within(first, end).is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(first);
    while rows.end() < end {
        let block = parts.block_at(rows.end())?.filter(|block| block.get(rows.end()).is_some());
        let Some(block) = block else { return Ok(()) };
        // What is lost was in the index when that was made, and is told of already.
        if block.entries.iter().any(|entry| entry.is_lost) {
            return Ok(());
        }
        rows.add(Reading::of(&block, rows.end()));
    }
    let found = TermFile::compare(&directory, &rows);
    if found.is_err() && is_to_renew {
        TermFile::save(&directory, &rows)?;
    }
    found
}

/// Reads everything of `source`.
pub(super) fn inspect(source: &mut dyn Source) -> Result<Findings, BackupError> {
    let mut inspection = Inspection::of(source);
    while let Some(item) = source.next()? {
        inspection.look_at(&item);
    }
    Ok(inspection.finish())
}
