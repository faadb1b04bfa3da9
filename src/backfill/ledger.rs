//! Which lines have ended: everything that is kept between two runs, and nothing that grows with the file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A place in the file: a line, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Counted from 1.
    pub(super) line: u64,
    /// Bytes from the beginning of the file.
    pub(super) byte: u64,
}

/// How far the file of rejects goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RejectsPlace {
    pub(super) file: PathBuf,
    pub(super) bytes: u64,
}

/// What became of events, over all runs together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Every record of the event was taken by CleverTap.
    pub delivered: u64,
    /// Filtered by a rule.
    pub filtered: u64,
    /// No record could be made of the event, or CleverTap did not take one.
    pub failed: u64,
    /// `filtered CODE` or `failed CODE` → how many.
    pub by_code: BTreeMap<String, u64>,
}

impl Tally {
    /// All events that have ended.
    pub fn events(&self) -> u64 {
        self.delivered + self.filtered + self.failed
    }
}

/// Which lines have ended. Those before `until` have, save the pending ones; how many of those there are is bounded by
/// what waits in the lanes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    until: Place,
    /// Line → byte.
    #[serde(with = "pairs")]
    pending: BTreeMap<u64, u64>,
    /// Whether `until` is the end of the file.
    at_end: bool,
    pub(super) tally: Tally,
    pub(super) rejects: Option<RejectsPlace>,
}

impl Default for Ledger {
    fn default() -> Self {
        let until = Place { line: 1, byte: 0 };
        Self { until, pending: BTreeMap::new(), at_end: false, tally: Tally::default(), rejects: None }
    }
}

impl Ledger {
    /// The first line that has not ended.
    pub(super) fn start(&self) -> Place {
        match self.pending.first_key_value() {
            Some((&line, &byte)) => Place { line, byte },
            None => self.until,
        }
    }

    /// Takes note of a line that was read; says whether it is to be delivered.
    pub(super) fn read(&mut self, place: Place, is_blank: bool) -> bool {
        if place.line < self.until.line {
            return self.pending.contains_key(&place.line);
        }
        if !is_blank {
            self.pending.insert(place.line, place.byte);
        }
        !is_blank
    }

    /// Everything before `place` was read.
    pub(super) fn read_until(&mut self, place: Place) {
        if place.line > self.until.line {
            self.until = place;
        }
    }

    /// The file ends here.
    pub(super) fn reach_end(&mut self) {
        self.at_end = true;
    }

    /// Takes note of the end of a line and says where it begins; none when it had ended before.
    pub(super) fn end(&mut self, line: u64) -> Option<u64> {
        self.pending.remove(&line)
    }

    /// Whether a line that was read has not ended.
    pub(super) fn is_pending(&self, line: u64) -> bool {
        self.pending.contains_key(&line)
    }

    /// How many lines wait for their end.
    pub(super) fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Whether every line of the file has ended.
    pub(super) fn is_done(&self) -> bool {
        self.at_end && self.pending.is_empty()
    }

    /// About how many bytes of the file have ended.
    pub(super) fn bytes_ended(&self) -> u64 {
        let mean = self.until.byte / self.until.line.saturating_sub(1).max(1);
        self.until.byte.saturating_sub(mean.saturating_mul(self.pending()))
    }
}

/// JSON has text for keys only, so the pairs stand in a list.
mod pairs {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<u64, u64>, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u64, u64>, D::Error> {
        Ok(Vec::<(u64, u64)>::deserialize(from)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64) -> Place {
        Place { line, byte: (line - 1) * 10 }
    }

    fn read(ledger: &mut Ledger, lines: std::ops::Range<u64>) -> Vec<u64> {
        let end = lines.end;
        let due = lines.filter(|line| ledger.read(place(*line), *line == 3)).collect();
        ledger.read_until(place(end));
        due
    }

    #[test]
    fn what_has_not_ended_is_due_again_after_saving_and_loading() {
        let mut ledger = Ledger::default();
        assert_eq!(read(&mut ledger, 1..8), [1, 2, 4, 5, 6, 7], "line 3 is blank");
        for line in [1, 4, 6] {
            assert_eq!(ledger.end(line), Some((line - 1) * 10));
        }
        assert_eq!(ledger.end(4), None, "the first end stays");
        let saved = serde_json::to_string(&ledger).unwrap();
        let mut ledger: Ledger = serde_json::from_str(&saved).unwrap();
        assert_eq!(ledger.start(), place(2));
        assert_eq!(read(&mut ledger, 2..10), [2, 5, 7, 8, 9]);
        [2, 5, 7, 8].iter().for_each(|line| assert!(ledger.end(*line).is_some()));
        ledger.reach_end();
        assert!(!ledger.is_done());
        ledger.end(9);
        assert!(ledger.is_done());
        assert_eq!(ledger.start(), place(10));
    }

    #[test]
    fn the_bar_counts_what_waits_as_not_done() {
        let mut ledger = Ledger::default();
        read(&mut ledger, 1..11);
        assert_eq!(ledger.bytes_ended(), 10, "the blank line");
        ledger.end(1);
        assert_eq!(ledger.bytes_ended(), 20);
    }
}
