//! Journals under test, events and ends to put into them.

use std::path::Path;
use std::sync::Arc;
use tapline::clock::Millis;
use tapline::journal::memory::{MemoryJournal, MemoryStore};
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{
    Appended, DedupKey, End, Journal, NewEvent, Refusal, Seq, Settling, State, Store, UploadId, UploadNote,
};

/// A journal with its store, which can be closed and opened again.
pub struct Subject {
    pub journal: Arc<dyn Journal>,
    pub store: Arc<dyn Store>,
    directory: Option<tempfile::TempDir>,
}

/// Small sizes, so that a few hundred events already span blocks and generations.
pub fn small() -> Options {
    Options {
        generation_events: 100,
        block_bytes: 400,
        disk_reserve: 0,
        cache_bytes: 4000,
        ..Options::default()
    }
}

/// All events in one generation.
pub fn one_generation() -> Options {
    Options { generation_events: 1_000_000, ..small() }
}

impl Subject {
    pub fn memory() -> Self {
        Self { journal: Arc::new(MemoryJournal::new()), store: Arc::new(MemoryStore::new()), directory: None }
    }

    pub fn sled() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
        Self { journal, store, directory: Some(directory) }
    }

    /// Closed and opened again, when it is durable.
    pub fn reopened(self) -> Self {
        let Some(directory) = self.directory else { return self };
        drop((self.journal, self.store));
        let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
        Self { journal, store, directory: Some(directory) }
    }
}

/// The time of the first event.
pub const START: i64 = 1_790_000_000_000;

/// An event whose key, time and body follow from a number.
pub fn event(number: u64) -> NewEvent {
    let refusal = number.is_multiple_of(11).then(|| Refusal {
        code: "missing_event_name".to_owned(),
        message: "expected a name in `event`, found none; send one".to_owned(),
        pointer: format!("/batch/{number}/event"),
    });
    NewEvent {
        dedup: DedupKey(u128::from(number) << 64 | 1),
        received_at: Millis(START + i64::try_from(number).unwrap()),
        refusal,
        body: format!(r#"{{"type":"track","event":"Step {number}","userId":"user_{}"}}"#, number % 7)
            .into_bytes(),
    }
}

/// Consecutive events.
pub fn events(range: std::ops::Range<u64>) -> Vec<NewEvent> {
    range.map(event).collect()
}

/// Appends events one call each `step`, all of them new.
pub async fn fill(journal: &dyn Journal, range: std::ops::Range<u64>, step: usize) {
    for first in range.clone().step_by(step) {
        let last = (first + step as u64).min(range.end);
        let answers = journal.append(events(first..last)).await.unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Appended::Stored(_))), "{answers:?}");
    }
}

/// An end whose words follow from a number.
pub fn end(number: u64) -> End {
    let state = [State::Delivered, State::Filtered, State::Failed, State::Dead][number as usize % 4];
    let reason = |text: &str| (state != State::Delivered).then(|| format!("{text} {}", number % 3));
    End {
        state,
        code: reason("code"),
        message: reason("what happened and what to do:"),
        upload: (state == State::Delivered || state == State::Dead).then_some(UploadId(number / 10)),
        revision: format!("revision {}", number % 2),
    }
}

/// Ends for consecutive events, by place.
pub fn ends(range: std::ops::Range<u64>) -> Settling {
    Settling { upload: None, ends: range.map(|place| (Seq(place), end(place))).collect() }
}

/// A note about an upload.
pub fn note(id: UploadId) -> UploadNote {
    UploadNote {
        id,
        started_at: Millis(START),
        duration_ms: 120,
        records: 1000,
        attempt: 2,
        status: Some(200),
        answer: "partial".to_owned(),
    }
}

/// Every event of a journal that can be read, forwards.
pub async fn all(journal: &dyn Journal) -> Vec<(Seq, NewEvent, Option<End>)> {
    let mut found = Vec::new();
    let mut at = Seq(0);
    while let Some(block) = journal.block_from(at).await.unwrap() {
        let ends = journal.ends(&block).await.unwrap();
        assert_eq!(ends.len(), block.entries.len());
        for ((place, entry), end) in block.iter().zip(ends).filter(|((_, entry), _)| !entry.is_lost) {
            let event = NewEvent {
                dedup: DedupKey(0),
                received_at: entry.received_at,
                refusal: entry.refusal.clone(),
                body: entry.body.to_vec(),
            };
            found.push((place, event, end));
        }
        at = block.end();
    }
    found
}

/// Whether a directory holds something by this start of a name.
pub fn named(directory: &Path, start: &str) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> =
        names.filter_map(|name| name.into_string().ok()).filter(|n| n.starts_with(start)).collect();
    names.sort();
    names
}

/// Text that does not shrink, other for every seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b' ' + (state % 90) as u8
    })
    .take(length)
    .collect()
}

/// Runs tests for each journal; a new one gets its line here.
macro_rules! holds_for_every_journal {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Subject::memory()).await })*
        }
        mod sled {
            $(#[tokio::test] async fn $name() { super::$name(super::Subject::sled()).await })*
        }
    };
}
pub(crate) use holds_for_every_journal;
