//! The fields of one object of a record while it is written, so that no key stands in it twice.

use super::event::At;
use super::rules::NameId;

/// What has been written into one object. Cleared by counting up, so that clearing costs nothing.
#[derive(Debug, Default)]
pub struct FieldScope {
    stamp: u32,
    seen: Vec<Seen>,
    fields: Vec<FieldSpan>,
    live: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    stamp: u32,
    field: u32,
}

/// A written field: its bytes, with the comma behind it.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpan {
    /// Where its key starts in the buffer.
    pub start: usize,
    /// Where its value starts.
    pub value: usize,
    /// After the comma.
    pub end: usize,
    /// The key in the event; the root where a rule names the field.
    pub key: At,
    /// Which of the copied objects it came from, from 0.
    pub source: u8,
    /// Whether its key came as it is written; fields that a rule names count as such.
    pub final_form: bool,
    /// The number of the decision on its key; none where a rule names it.
    pub plan: Option<u32>,
}

impl FieldScope {
    /// Starts a new object. `names` is how many numbers keys have so far.
    pub fn open(&mut self, names: usize) {
        self.fields.clear();
        self.live = 0;
        if self.seen.len() < names {
            self.seen.resize(names, Seen::default());
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // After four billion objects an old stamp could be taken for the new one.
            self.seen.fill(Seen::default());
            self.stamp = 1;
        }
    }

    /// How many fields stand in the object.
    #[inline]
    pub fn len(&self) -> usize {
        self.live
    }

    /// The field that has a key already.
    #[inline]
    pub fn find(&self, name: NameId) -> Option<FieldSpan> {
        let seen = self.seen.get(name.0 as usize).filter(|seen| seen.stamp == self.stamp)?;
        self.fields.get(seen.field as usize).copied()
    }

    /// Notes a written field.
    #[inline]
    pub fn add(&mut self, name: NameId, field: FieldSpan) {
        let place = name.0 as usize;
        if place >= self.seen.len() {
            self.seen.resize(place + 1, Seen::default());
        }
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = Seen { stamp: self.stamp, field: self.fields.len() as u32 };
        }
        self.fields.push(field);
        self.live += 1;
    }

    /// Takes a written field out of the buffer again.
    #[cold]
    pub fn remove(&mut self, name: NameId, out: &mut Vec<u8>) {
        let Some(field) = self.find(name) else { return };
        let length = field.end - field.start;
        out.drain(field.start..field.end.min(out.len()));
        for later in self.fields.iter_mut().filter(|later| later.start >= field.end) {
            later.start -= length;
            later.value -= length;
            later.end -= length;
        }
        if let Some(seen) = self.seen.get_mut(name.0 as usize) {
            seen.stamp = 0;
        }
        self.live -= 1;
    }
}
