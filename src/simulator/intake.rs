//! What was taken, in order, up to a bound.

use serde_json::value::RawValue;
use std::collections::VecDeque;

/// The records taken. The oldest are forgotten beyond the bound, but still counted.
#[derive(Debug)]
pub(super) struct Intake {
    kept: VecDeque<Box<RawValue>>,
    forgotten: usize,
    bound: usize,
    deletions: Vec<Deletion>,
}

/// A profile that was deleted after so many records.
#[derive(Debug)]
struct Deletion {
    key: String,
    after: usize,
}

impl Intake {
    /// Keeps at most `bound` records.
    pub(super) fn new(bound: usize) -> Self {
        Self { kept: VecDeque::new(), forgotten: 0, bound, deletions: Vec::new() }
    }

    /// Takes one more.
    pub(super) fn push(&mut self, record: Box<RawValue>) {
        self.kept.push_back(record);
        while self.kept.len() > self.bound {
            self.kept.pop_front();
            self.forgotten += 1;
        }
    }

    /// Notes that what was taken so far for `key` (an identity or an objectId) is gone.
    pub(super) fn delete(&mut self, key: String) {
        self.deletions.push(Deletion { key, after: self.count() });
    }

    /// What was deleted, with how many records had been taken before.
    pub(super) fn deleted(&self) -> impl Iterator<Item = (String, usize)> {
        self.deletions.iter().map(|deletion| (deletion.key.clone(), deletion.after))
    }

    /// How many records of `key` are gone, counted over all records.
    pub(super) fn deleted_until(&self, key: &str) -> usize {
        self.deletions.iter().rev().find(|deletion| deletion.key == key).map_or(0, |deletion| deletion.after)
    }

    /// How many were taken since the last clearing.
    pub(super) fn count(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    /// The ones still kept, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &RawValue> {
        self.kept.iter().map(|record| &**record)
    }

    /// The ones still kept after the first `after`, with their place.
    pub(super) fn kept_after(&self, after: usize) -> impl Iterator<Item = (usize, &RawValue)> {
        let skip = after.saturating_sub(self.forgotten);
        self.kept.iter().enumerate().skip(skip).map(|(i, record)| (self.forgotten + i, &**record))
    }

    /// Forgets everything and counts from nought.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bound);
    }
}
