//! What is left of a damaged data directory, as a source of backups: read without sled, and without writing a byte.
//!
//! sled opens no log with damage in certain places, and cuts off what is behind damage near the end. Here every message
//! whose checksum holds counts, wherever it stands. What is left out shows as it does in any backup: missing places are
//! lost events. Deliberately nothing is guessed about events; about ends see [`Salvaged`].
//!
//! First thing to know: an event whose end is lost is pending again unless it is known to have ended, because at least
//! once comes before at most once. What is known to have ended is not sent again.

mod message;
mod part;
mod tree;

pub(super) use self::message::LogFile;

use self::message::Span;
use self::part::Part;
use self::tree::{Rows, read_trees};
use super::generation::Generation;
use super::main_database::{STANDING, Standing, is_of_main, is_upload, parse_page_key};
use super::page::{EVENTS, Page};
use crate::clock::Millis;
use crate::journal::backup::{BackupError, Head, Item, Source};
use crate::journal::{End, JournalError, Seq, State};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// What could not be read, as far as it is no lost event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Places in the log of the main database (ends, settings, accounts) that can not be read. What was written there is
    /// gone or as it was before; it is known only to have been there.
    pub damaged_in_main: u64,
    /// Places in the logs of events that can not be read, for most of which an older copy stands in.
    pub damaged_in_log: u64,
    /// Rows that belong to no table any more.
    pub stray_rows: u64,
    /// Events that had ended, and what became of them is lost: they are listed as lost and not sent again.
    pub ends_lost: u64,
    /// Events that had ended and are pending again, so they may be sent twice.
    pub pending_again: u64,
    /// Whether the counts are lost. They were made anew from the ends, and dropped events counted as delivered.
    pub are_counts_lost: bool,
}

impl Salvaged {
    /// Whether everything was there.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// Hands out what can be read.
pub(super) struct Salvage {
    head: Head,
    salvaged: Salvaged,
    main: Option<LogFile>,
    /// As it was stored.
    was: Standing,
    standing: Standing,
    pages: BTreeMap<u64, Vec<Span>>,
    parts: Vec<(Seq, PathBuf)>,
    is_begun: bool,
    next_page: u64,
    rows: VecDeque<(String, Rows)>,
    next_part: usize,
    part: Option<Part>,
    at: Seq,
}

impl Salvage {
    /// Reads the log of the main database in `directory`, which nobody else may write to meanwhile.
    pub(super) fn open(directory: &Path, now: Millis) -> Result<Self, BackupError> {
        let main = LogFile::open(&directory.join("main"))?;
        let mut trees = main.as_ref().map(read_trees).transpose()?.unwrap_or_default();
        let mut own = trees.named.remove("").unwrap_or_default();
        // A key of another form has lost its beginning with its page.
        let (of_main, others): (Rows, Rows) = own.into_iter().partition(|(key, _)| is_of_main(key));
        own = of_main;
        trees.stray.extend(others);
        for (key, span) in std::mem::take(&mut trees.stray) {
            if is_of_main(&key) {
                own.entry(key).or_insert(span);
            } else {
                trees.stray.insert(key, span);
            }
        }
        let standing = match (&main, own.remove(STANDING)) {
            (Some(main), Some(span)) => Some(Standing::parse(&main.value(span)?)?),
            _ => None,
        };
        let salvaged = Salvaged {
            damaged_in_main: trees.damaged,
            stray_rows: trees.stray.len() as u64,
            are_counts_lost: standing.is_none() && (trees.damaged > 0 || main.is_none()),
            ..Salvaged::default()
        };
        let mut pages: BTreeMap<u64, Vec<Span>> = BTreeMap::new();
        own.retain(|key, span| {
            let Some((number, chunk)) = parse_page_key(key) else { return true };
            let chunks = pages.entry(number).or_default();
            if chunks.len() == usize::from(chunk) {
                chunks.push(*span);
            }
            false
        });
        let uploads = own.keys().rev().find(|key| is_upload(key)).and_then(|key| key.last_chunk::<8>());
        let given = uploads.map_or(1, |key| u64::from_be_bytes(*key).saturating_add(1));
        let parts = parts(directory)?;
        let kept_from = parts.first().map(|(first, _)| *first);
        let mut was = standing.unwrap_or_default();
        was.uploads_below = was.uploads_below.max(given);
        let mut salvage = Self {
            head: Head {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                made_at: now,
                kept_from: Seq(0),
                end: Seq(0),
                counts: was.counts(Seq(0)),
            },
            salvaged,
            main,
            was,
            standing: was,
            pages,
            parts,
            is_begun: false,
            next_page: 0,
            rows: std::iter::once((String::new(), own)).chain(trees.named).collect(),
            next_part: 0,
            part: None,
            at: Seq(0),
        };
        let end = salvage.end()?;
        salvage.head.kept_from = kept_from.unwrap_or(end);
        salvage.head.end = end.max(salvage.head.kept_from);
        salvage.at = salvage.head.kept_from;
        salvage.next_page = salvage.head.kept_from.0 / EVENTS;
        salvage.count()?;
        Ok(salvage)
    }

    /// What could not be read so far; everything, after the last item.
    pub(super) fn salvaged(&self) -> Salvaged {
        self.salvaged
    }

    // The place after the last event of which anything tells.
    fn end(&self) -> Result<Seq, BackupError> {
        let known = match self.pages.last_key_value() {
            Some((number, _)) => self.stored_page(*number)?.end_of_known(*number),
            None => 0,
        };
        let known = known.max(self.was.log_until).max(self.was.settled_until);
        let known = known.max(super::shield::events_until(self.parts.iter().map(|(_, directory)| directory)));
        for (first, directory) in self.parts.iter().rev() {
            if let Some(reached) = Part::open(*first, Seq(u64::MAX), directory)?.reached()? {
                return Ok(Seq(known).max(reached));
            }
        }
        Ok(Seq(known))
    }

    // The standing that fits the ends which are there, and what is to be said about those which are not.
    fn count(&mut self) -> Result<(), BackupError> {
        let (kept_from, until) = (self.head.kept_from.0, self.head.end.0);
        let (mut stored, mut filled, mut settled) = ([0_u64; 4], 0_u64, kept_from);
        let last =
            until.max(self.pages.last_key_value().map_or(0, |(number, _)| number.saturating_mul(EVENTS)));
        for number in kept_from / EVENTS..=last / EVENTS {
            let known = self.stored_page(number)?;
            let page = self.page(number)?;
            for index in 0..EVENTS as usize {
                let place = number.saturating_mul(EVENTS).saturating_add(index as u64);
                let Some(end) = page.end(index).filter(|_| (kept_from..until).contains(&place)) else {
                    continue;
                };
                if known.is_pending(index) {
                    filled += 1;
                } else if let Some(count) = stored.get_mut(rank(end.state)) {
                    *count += 1;
                }
                settled += u64::from(place == settled);
            }
        }
        let was = [self.was.delivered, self.was.filtered, self.was.failed, self.was.dead];
        let mut dropped: Vec<u64> =
            was.iter().zip(stored).map(|(was, stored)| was.saturating_sub(stored)).collect();
        // All that are not there any more were dropped, or their ends are lost.
        let mut excess = dropped.iter().sum::<u64>().saturating_sub(kept_from);
        self.salvaged.ends_lost = filled;
        self.salvaged.pending_again = excess.saturating_sub(filled);
        for count in &mut dropped {
            let less = excess.min(*count);
            (*count, excess) = (*count - less, excess - less);
        }
        let missing = kept_from.saturating_sub(dropped.iter().sum());
        let sum = |state: State| {
            let rank = rank(state);
            dropped.get(rank).copied().unwrap_or_default() + stored.get(rank).copied().unwrap_or_default()
        };
        self.standing = Standing {
            settled_until: settled,
            delivered: sum(State::Delivered) + missing,
            filtered: sum(State::Filtered),
            failed: sum(State::Failed),
            dead: sum(State::Dead) + filled,
            uploads_below: self.was.uploads_below,
            log_until: until,
        };
        self.head.counts = self.standing.counts(Seq(until));
        Ok(())
    }

    // As stored; empty when it can not be read.
    fn stored_page(&self, number: u64) -> Result<Page, BackupError> {
        let (Some(main), Some(chunks)) = (&self.main, self.pages.get(&number)) else {
            return Ok(Page::default());
        };
        let mut bytes = Vec::new();
        for span in chunks {
            bytes.extend(main.value(*span)?);
        }
        match Page::parse(number, &bytes) {
            Err(JournalError::Damaged { .. }) => Ok(Page::default()),
            parsed => Ok(parsed?),
        }
    }

    // With an end for every event that is known to have had one.
    fn page(&self, number: u64) -> Result<Page, BackupError> {
        let mut page = self.stored_page(number)?;
        let first = number.saturating_mul(EVENTS);
        let ended = self.head.kept_from.0..self.was.settled_until.min(self.head.end.0);
        for index in 0..EVENTS as usize {
            if ended.contains(&first.saturating_add(index as u64)) && page.is_pending(index) {
                page.set(index, &End::forgotten());
            }
        }
        Ok(page)
    }

    fn row(&mut self) -> Result<Option<Item>, BackupError> {
        while let (Some(main), Some((tree, rows))) = (&self.main, self.rows.front_mut()) {
            let Some((key, span)) = rows.pop_first() else {
                self.rows.pop_front();
                continue;
            };
            if tree.is_empty() && !self.standing.knows_upload(&key) {
                continue;
            }
            return Ok(Some(Item::Row { tree: tree.clone(), key, value: main.value(span)? }));
        }
        Ok(None)
    }

    fn log(&mut self) -> Result<Option<Item>, BackupError> {
        loop {
            while let Some(part) = &mut self.part {
                match part.next_block(self.at)? {
                    Some((first, end, bytes)) => {
                        self.at = end;
                        return Ok(Some(Item::Block { first, bytes }));
                    }
                    None => self.part = None,
                }
            }
            let Some((first, directory)) = self.parts.get(self.next_part) else { return Ok(None) };
            self.next_part += 1;
            let until = self.parts.get(self.next_part).map_or(self.head.end, |(next, _)| *next);
            // One that was made ahead, and that nothing reached.
            if *first >= self.head.end && *first != self.head.kept_from {
                continue;
            }
            let part = Part::open(*first, until, directory)?;
            self.salvaged.damaged_in_log += part.damaged();
            self.part = Some(part);
            return Ok(Some(Item::Generation(*first)));
        }
    }
}

impl Source for Salvage {
    fn head(&self) -> &Head {
        &self.head
    }

    fn next(&mut self) -> Result<Option<Item>, BackupError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Ok(Some(Item::Standing(self.standing.render()?)));
        }
        while self.next_page.saturating_mul(EVENTS) < self.head.end.0 {
            let number = self.next_page;
            self.next_page += 1;
            let page = self.page(number)?;
            if !page.is_empty() {
                return Ok(Some(Item::Page { number, bytes: page.render()? }));
            }
        }
        if let Some(row) = self.row()? {
            return Ok(Some(row));
        }
        self.log()
    }
}

fn rank(state: State) -> usize {
    match state {
        State::Delivered => 0,
        State::Filtered => 1,
        State::Failed => 2,
        State::Dead => 3,
    }
}

// The parts of the log in order. One that was being written anew and is whole counts instead of the old one.
fn parts(directory: &Path) -> std::io::Result<Vec<(Seq, PathBuf)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if let Some(first) = super::chain::parse_whole(&name) {
            found.insert(first, entry.path());
        } else if let Some(first) = Generation::parse_name(&name) {
            found.entry(first).or_insert_with(|| entry.path());
        }
    }
    Ok(found.into_iter().collect())
}
