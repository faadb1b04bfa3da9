//! Where events are found by what they are about: an index for each generation.
//!
//! The generation that is written to has its rows in memory, a full one has a file in its directory, and what is not
//! indexed yet is looked through event by event, so that an answer never leaves anything out. The thread that makes
//! indices is [`super::indexer`]; asking is in [`super::search`]. An index holds hashes and is derived from the events:
//! deliberately nothing here is durable before the events are, nor waited for by those who append.
//!
//! First thing to know: an index only narrows down. Whoever asks looks at each event itself.

mod file;
mod list;
mod row;

pub(super) use file::TermFile;
pub(super) use list::between;
pub(super) use row::{Reading, Rows, Times};

use crate::journal::{JournalError, Query, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::IndexDamaged;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

/// The indices there are, and the bell of the thread that makes them.
#[derive(Debug, Default)]
pub(super) struct Index {
    parts: RwLock<BTreeMap<u64, Part>>,
    bell: Mutex<Bell>,
    rung: Condvar,
}

/// The index of one generation.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// In memory; rows may still be added.
    Rows(Arc<RwLock<Rows>>),
    /// On the disk.
    File(Arc<TermFile>),
}

#[derive(Debug, Default)]
struct Bell {
    rung: bool,
    closed: bool,
    /// Generations whose index turned out to be damaged.
    wanted: BTreeSet<u64>,
    /// How often the thread has found nothing to do.
    idle: u64,
}

/// What is left of a generation for one query. Offsets count from its first place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrowed {
    pub(super) first: Seq,
    /// What is said goes up to here.
    pub(super) end: Seq,
    /// The events that have all the terms; none where there are no terms.
    pub(super) matching: Option<Vec<u32>>,
    /// Events that match because they were refused on ingest.
    pub(super) refused: Vec<u32>,
    pub(super) times: Arc<Times>,
}

impl Index {
    /// What is left of the generation that starts at `first`; none where it has no index that can be read.
    pub(super) fn narrow(&self, first: Seq, query: &Query) -> Option<Narrowed> {
        let part = self.parts.read().unwrap_or_else(PoisonError::into_inner).get(&first.0)?.clone();
        match part {
            Part::Rows(rows) => Some(rows.read().unwrap_or_else(PoisonError::into_inner).narrow(query)),
            Part::File(file) => match file.narrow(query) {
                Ok(narrowed) => Some(narrowed),
                Err(error) => {
                    self.distrust(first, &error);
                    None
                }
            },
        }
    }

    /// Puts the index of a generation in place of what was there.
    pub(super) fn put(&self, first: Seq, part: Part) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).insert(first.0, part);
    }

    /// Takes the index of a generation away.
    pub(super) fn remove(&self, first: Seq) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).remove(&first.0);
    }

    /// Has the index of a generation made anew, because its events are not what they were.
    pub(super) fn renew(&self, first: Seq) {
        self.remove(first);
        self.bell().wanted.insert(first.0);
        self.ring();
    }

    /// Lets go of generations that were dropped.
    pub(super) fn forget_below(&self, at: Seq) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        *parts = parts.split_off(&at.0);
    }

    /// Tells the thread that there is something to do.
    pub(super) fn ring(&self) {
        self.bell().rung = true;
        self.rung.notify_all();
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.bell().closed = true;
        self.rung.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.bell().closed
    }

    /// Says that nothing is left to do, and waits for the bell; whether to go on.
    pub(super) fn wait(&self) -> bool {
        let mut bell = self.bell();
        if !bell.rung {
            bell.idle = bell.idle.wrapping_add(1);
            self.rung.notify_all();
        }
        while !bell.rung && !bell.closed {
            bell = self.rung.wait(bell).unwrap_or_else(PoisonError::into_inner);
        }
        bell.rung = false;
        !bell.closed
    }

    /// Waits until everything that is durable now is indexed, or can not be.
    pub(super) fn wait_until_idle(&self) {
        let mut bell = self.bell();
        bell.rung = true;
        self.rung.notify_all();
        let before = bell.idle;
        while bell.idle == before && !bell.closed {
            bell = self.rung.wait(bell).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The generations whose index is to be made anew.
    pub(super) fn take_wanted(&self) -> BTreeSet<u64> {
        std::mem::take(&mut self.bell().wanted)
    }

    fn distrust(&self, first: Seq, error: &JournalError) {
        IndexDamaged { generation: first.0, error: Cause::of(error) }.tell();
        self.renew(first);
    }

    fn bell(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
