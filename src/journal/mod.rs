//! The durable log of accepted events and of what became of them, and the small durable tables beside it.
//!
//! It promises: what [`Journal::append`] answered is on stable storage; what [`Journal::settle`] answered is never
//! handed out as pending again. It deliberately knows nothing of rules, of HTTP and of CleverTap: an event is bytes, and
//! an end is a word with a reason. What an event is found by is read in `facet.rs` and nowhere else.
//!
//! First thing to know: an event's [`Seq`] is its place in the log and its only identity here.

pub mod backup;
pub mod block;
mod erasure;
pub mod facet;
pub mod memory;
mod notice;
pub mod query;
mod room;
mod route;
pub mod sled;
pub mod store;
mod window;

use crate::clock::Millis;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use block::{Block, Entry};
pub use erasure::{Erasure, Purged};
pub use facet::{Facets, Term};
pub use notice::Notice;
pub use query::{Effort, Places, Query, Sought, Standing};
pub use room::{Full, Retention, Swept, Usage};
pub use route::Route;
pub use store::{Store, Table};
pub use window::WindowPolicy;

/// The place of an event in the log: ascending by one, never reused. Shown as `ev_<number>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Reads `ev_<number>`, as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("ev_")?;
        // A leading zero or a sign would give one event two names.
        if digits.len() > 1 && digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(Self)
    }

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ev_{}", self.0)
    }
}

/// What tells one call from its repetition: a 128-bit hash of write key and `messageId`.
/// The hash must be the same after a restart, because the window of known ids is rebuilt from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DedupKey(pub u128);

/// An event on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Recognises repetitions.
    pub dedup: DedupKey,
    /// When it was received.
    pub received_at: Millis,
    /// Why it failed on ingest, if it did: it is kept and listed, and never evaluated.
    pub refusal: Option<Refusal>,
    /// The event as JSON, completed by ingest (`receivedAt`, corrected `timestamp`, merged `context`).
    pub body: Vec<u8>,
}

/// Why one event of a batch could not be taken as an event: *Failed on ingest*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable code, as `missing_event_name`.
    pub code: String,
    /// What was expected, what was found and what to do, for the sender.
    pub message: String,
    /// RFC 6901 pointer into the request body, as `/batch/3/event`.
    pub pointer: String,
}

/// What became of one event that was handed to [`Journal::append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is stored, here.
    Stored(Seq),
    /// It was stored before, there.
    Duplicate(Seq),
}

/// Why nothing of an append was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log is at its bound or the queue before it is full; the sender is to come back.
    #[error("the journal is full; retry after {} s", retry_after.as_secs())]
    Full {
        /// When to come back.
        retry_after: Duration,
    },
    /// The disk refused. The journal takes nothing more; the process must restart.
    #[error("the journal can not write: {0}")]
    Broken(String),
}

/// Why the log could not be read or settled.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk or the database under it failed.
    #[error("the journal can not be read or written: {0}")]
    Storage(String),
    /// Stored bytes are not what was written.
    #[error("the journal holds damaged data at {at}: {what}")]
    Damaged {
        /// Where.
        at: Seq,
        /// What was found.
        what: String,
    },
    /// Another process has the data directory.
    #[error(
        "the data directory `{directory}` is in use by another process; stop that one or choose another with --data"
    )]
    InUse {
        /// The directory.
        directory: String,
    },
}

/// How one event ended, or how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every record was taken by CleverTap.
    Delivered,
    /// *Filtered at destination*, by a rule.
    Filtered,
    /// It could not become a record: failed on ingest or in the mapping.
    Failed,
    /// CleverTap refused a record for good, or retries ran out.
    Dead,
}

/// The end of one event. An event takes the state of its worst record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Which end.
    pub state: State,
    /// Stable reason code; none when delivered.
    pub code: Option<String>,
    /// The reason in words; never holds personal data.
    pub message: Option<String>,
    /// The upload that decided it, if one was made.
    pub upload: Option<UploadId>,
    /// The rules revision it was evaluated with.
    pub revision: String,
}

impl End {
    /// The stable code of [`Self::lost`].
    pub const LOST: &str = "lost_to_damage";

    /// The stable code of what the sandbox took.
    pub const SANDBOX: &str = "sandbox";

    /// The end of an event whose stored bytes are damaged.
    pub fn lost() -> Self {
        let message = "the stored log was damaged and this event can not be read any more; send it again";
        Self {
            state: State::Dead,
            code: Some(Self::LOST.to_owned()),
            message: Some(message.to_owned()),
            upload: None,
            revision: String::new(),
        }
    }

    /// The end of an event that had ended, when damage took what became of it.
    pub fn forgotten() -> Self {
        let message =
            "this event had ended, and what became of it was lost to damage; it was not sent again by itself";
        Self { message: Some(message.to_owned()), ..Self::lost() }
    }
}

/// One call of CleverTap's upload API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub u64);

/// What is kept of an upload for the console: no record, no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadNote {
    /// Which upload.
    pub id: UploadId,
    /// When it was sent.
    pub started_at: Millis,
    /// How long the answer took.
    pub duration_ms: u64,
    /// How many records it carried.
    pub records: u32,
    /// How many times these records had been sent, this one included.
    pub attempt: u32,
    /// HTTP status of the answer; none when no answer came.
    pub status: Option<u16>,
    /// CleverTap's own words: `success`, `partial`, `fail`, or what happened instead.
    pub answer: String,
}

/// A job that sends events again, as the ends it gave name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResendId(pub u64);

/// What is kept of an event that was sent again, beside the end it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The end that delivery gave it. What jobs before the last one gave it is not kept.
    pub first: End,
    /// The job that gave it the end it has now.
    pub by: ResendId,
}

/// Outcomes to be made durable together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settling {
    /// The upload that led to them, if any.
    pub upload: Option<UploadNote>,
    /// The events and their ends.
    pub ends: Vec<(Seq, End)>,
}

/// How many events stand where, since the data directory was made.
/// Always: `accepted = delivered + filtered + failed + dead + pending`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Stored, duplicates not counted.
    pub accepted: u64,
    /// Ended as [`State::Delivered`].
    pub delivered: u64,
    /// Ended as [`State::Filtered`].
    pub filtered: u64,
    /// Ended as [`State::Failed`].
    pub failed: u64,
    /// Ended as [`State::Dead`].
    pub dead: u64,
    /// Not ended yet.
    pub pending: u64,
}

impl Counts {
    /// Moves one event from pending to its end.
    pub(crate) fn end_one(&mut self, state: State) {
        let ended = self.ended(state);
        *ended = ended.saturating_add(1);
        self.pending = self.pending.saturating_sub(1);
    }

    /// Moves one event from an end to another.
    pub(crate) fn move_one(&mut self, from: State, to: State) {
        let left = self.ended(from);
        *left = left.saturating_sub(1);
        let ended = self.ended(to);
        *ended = ended.saturating_add(1);
    }

    fn ended(&mut self, state: State) -> &mut u64 {
        match state {
            State::Delivered => &mut self.delivered,
            State::Filtered => &mut self.filtered,
            State::Failed => &mut self.failed,
            State::Dead => &mut self.dead,
        }
    }
}

/// The durable log. One conformance suite (`tests/it/journal.rs`) holds for every implementation.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Stores `events` in order and answers for each once all are durable. Concurrent calls share one sync.
    /// A repetition of an event that is not durable yet is answered with that event's own commit.
    async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError>;

    /// The block that holds `at`, else the first one after it; none when there is nothing from `at` on.
    async fn block_from(&self, at: Seq) -> Result<Option<Arc<Block>>, JournalError>;

    /// The block that holds the last event before `before`; none when there is none.
    async fn block_before(&self, before: Seq) -> Result<Option<Arc<Block>>, JournalError>;

    /// Some places before `before`, newest first, whose events may match `query`, and how far was looked: at least one
    /// place further where there is one, and no further than `effort` allows. Whoever has no index hands out every place.
    async fn seek(&self, _query: &Query, before: Seq, _effort: &mut Effort) -> Result<Sought, JournalError> {
        let Some(block) = self.block_before(before).await? else {
            return Ok(Sought { places: Vec::new(), looked_to: self.kept_from().min(before) });
        };
        let places = block.iter().rev().map(|(place, _)| place).filter(|place| *place < before).collect();
        Ok(Sought { places, looked_to: block.first.min(before) })
    }

    /// Places of events before `before` whose `userId` or `anonymousId` is `user`, newest first and each looked at in the
    /// event itself, which neither a damaged event nor a hash that agrees by chance passes. To go on, ask with the answer's
    /// `next`; events that arrive meanwhile are not among them.
    async fn places_of(&self, user: &str, before: Seq) -> Result<Places, JournalError> {
        let query = Query { terms: vec![Term::user(user)], ..Query::default() };
        let sought = self.seek(&query, before, &mut Effort::new(u32::MAX)).await?;
        let (mut places, mut block) = (Vec::new(), None::<Arc<Block>>);
        for place in sought.places {
            if block.as_ref().is_none_or(|block| block.get(place).is_none()) {
                block = self.block_from(place).await?;
            }
            let entry = block.as_ref().and_then(|block| block.get(place));
            if entry.is_some_and(|entry| Facets::of(&entry.body).is_of(user)) {
                places.push(place);
            }
        }
        let next = Some(sought.looked_to).filter(|at| *at > self.kept_from() && *at < before);
        Ok(Places { places, next })
    }

    /// The place after the last durable event.
    fn end(&self) -> Seq;

    /// Told whenever [`Self::end`] moves.
    fn grown(&self) -> tokio::sync::watch::Receiver<Seq>;

    /// Counts up whenever ends became durable, by [`Self::settle`] or [`Self::replace`]. Whoever tells of none never counts.
    fn ended(&self) -> tokio::sync::watch::Receiver<u64> {
        static NEVER: std::sync::LazyLock<tokio::sync::watch::Sender<u64>> =
            std::sync::LazyLock::new(Default::default);
        NEVER.subscribe()
    }

    /// Everything before this place has ended. Reading starts here after a restart.
    fn settled_until(&self) -> Seq;

    /// Makes ends durable. The first end of an event stays; a later one for it is ignored.
    async fn settle(&self, settling: Settling) -> Result<(), JournalError>;

    /// Makes ends durable in the place of those that events have, and keeps the first of each. What is pending stays so:
    /// it is on its way and ends by [`Self::settle`]. The counts move with the ends, in the same write.
    async fn replace(&self, _by: ResendId, _settling: Settling) -> Result<(), JournalError> {
        Err(JournalError::Storage("this journal gives an event one end and no other".to_owned()))
    }

    /// Which of a block's events have an end by [`Self::replace`], in the block's order.
    async fn replaced(&self, block: &Block) -> Result<Vec<Option<Replaced>>, JournalError> {
        Ok(vec![None; block.entries.len()])
    }

    /// The ends of a block's events, in the block's order; `None` is pending.
    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError>;

    /// What is kept of an upload.
    async fn upload(&self, id: UploadId) -> Result<Option<UploadNote>, JournalError>;

    /// A number for the next upload, never given twice, also across restarts.
    fn next_upload(&self) -> UploadId;

    /// How many events stand where.
    fn counts(&self) -> Counts;

    /// Why nothing can be accepted any more, once a write has failed.
    fn broken(&self) -> Option<String>;

    /// Why nothing is accepted at the moment, while that is so; unlike [`Self::broken`], it passes.
    fn full(&self) -> Option<Full> {
        None
    }

    /// What an operator has to know although it works, as that it was repaired when it was opened.
    fn notices(&self) -> Vec<Notice> {
        Vec::new()
    }

    /// How much it holds; all zero where that is not known.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// The first place that is kept: events before it ended, are counted, and were dropped.
    fn kept_from(&self) -> Seq {
        Seq(0)
    }

    /// Everything it holds as of now, for a backup begun at `now`. Reading it blocks. Nothing is dropped until it is dropped.
    async fn snapshot(&self, _now: Millis) -> Result<Box<dyn backup::Source>, backup::BackupError> {
        Err(backup::BackupError::NothingKept)
    }

    /// Drops what is past `retention` at `now`, with all that is known of its events but the counts. Whoever knows the
    /// time and the settings calls this now and then. What has not ended stays.
    async fn sweep(&self, _retention: Retention, _now: Millis) -> Result<Swept, JournalError> {
        Ok(Swept::default())
    }

    /// Takes away what these events held, at the request of the person they are about. When this returns, no reader
    /// gets it any more, also after a restart; ends and counts stay as they are. The erasures become durable in the order
    /// given, so whoever is interrupted finds the last ones undone and asks again. Places that are not there are passed
    /// over. The bytes are still on the disk until [`Self::purge`].
    async fn erase(&self, _erasures: Vec<Erasure>, _now: Millis) -> Result<(), JournalError> {
        Err(JournalError::Storage("this journal can not erase".to_owned()))
    }

    /// Removes the bytes of erased events from the disk. Takes as long as rewriting the parts of the log that hold them,
    /// so several erasures should share one. What is interrupted goes on with the next call, also after a restart.
    async fn purge(&self) -> Result<Purged, JournalError> {
        Ok(Purged::default())
    }

    /// How many erased events still have their bytes on the disk.
    fn unpurged(&self) -> u64 {
        0
    }
}
