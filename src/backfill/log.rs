//! A file of events as a journal: what delivery reads from, and where it puts ends.
//!
//! A line's number is its place. Lanes that settle at the same time share one saving of the state: whoever comes while
//! one is written finds, when its turn comes, that a later one has covered it.

use super::chunk::{Chunk, Chunks, MAX_LINE, event_on};
use super::ledger::{Ledger, Place, Tally};
use super::reject::Rejects;
use super::source::Source;
use super::state::StateFile;
use crate::clock::{self, Millis};
use crate::engine::Reason;
use crate::journal::{
    AppendError, Appended, Block, Counts, End, Entry, Journal, JournalError, NewEvent, Refusal, Seq,
    Settling, State, UploadId, UploadNote,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Ends that needed no upload are saved so often, in nanoseconds: finding them again costs only time.
const SAVE_EVERY: u64 = 1_000_000_000;

/// The file and its ledger. Cloning shares them.
#[derive(Clone)]
pub(super) struct FileLog(Arc<Shared>);

struct Shared {
    source: Source,
    input: Mutex<Input>,
    book: Mutex<Book>,
    /// None in a dry run. Held while the state is written; inside, which edition of the book was.
    state: Option<Mutex<Saved>>,
    start: Seq,
    next_upload: AtomicU64,
    grown: watch::Sender<Seq>,
    done: watch::Sender<bool>,
}

struct Input {
    chunks: Chunks<Box<dyn Read + Send>>,
    /// Where the next chunk begins.
    byte: u64,
}

struct Book {
    ledger: Ledger,
    rejects: Rejects,
    /// Counts the changes.
    edition: u64,
    broken: Option<String>,
}

struct Saved {
    file: StateFile,
    edition: u64,
    at: u64,
}

/// How a file stands.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) bytes_ended: u64,
    pub(super) tally: Tally,
    pub(super) listed: Vec<String>,
}

impl FileLog {
    /// Goes on where `ledger` stands; without a state file nothing is kept.
    pub(super) fn new(
        source: Source,
        ledger: Ledger,
        state: Option<StateFile>,
        rejects: Rejects,
    ) -> io::Result<Self> {
        let start = ledger.start();
        let input: Box<dyn Read + Send> = Box::new(source.from(start.byte)?);
        let chunks = Chunks::from_line(input, start.line);
        let saved = |file| Mutex::new(Saved { file, edition: 0, at: clock::stopwatch() });
        Ok(Self(Arc::new(Shared {
            source,
            input: Mutex::new(Input { chunks, byte: start.byte }),
            book: Mutex::new(Book { ledger, rejects, edition: 0, broken: None }),
            state: state.map(saved),
            start: Seq(start.line),
            next_upload: AtomicU64::new(1),
            grown: watch::Sender::new(Seq(u64::MAX)),
            done: watch::Sender::new(false),
        })))
    }

    /// Waits until every line has ended.
    pub(super) async fn done(&self) {
        // The sender lives in here.
        let _ = self.0.done.subscribe().wait_for(|done| *done).await;
    }

    /// How it stands, with the rejects that are to be shown.
    pub(super) fn progress(&self) -> Progress {
        let mut book = self.0.book();
        Progress {
            bytes_ended: book.ledger.bytes_ended(),
            tally: book.ledger.tally.clone(),
            listed: book.rejects.take_listed(),
        }
    }

    /// Saves what was not saved yet. Blocks for disk writes.
    pub(super) fn save(&self) -> Result<(), JournalError> {
        self.0.save()
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_block(&self) -> io::Result<Option<Block>> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(chunk) = input.chunks.next(Vec::new())? else {
            if input.byte < self.source.bytes() {
                return Err(io::Error::other("the file has become shorter since it was opened"));
            }
            let mut book = self.book();
            book.ledger.reach_end();
            book.edition += 1;
            self.done.send_replace(book.ledger.is_done());
            return Ok(None);
        };
        let mut byte = input.byte;
        input.byte += chunk.bytes as u64;
        let mut book = self.book();
        book.edition += 1;
        let mut entries = Vec::new();
        let mut place = Place { line: chunk.first_line, byte };
        for line in lines(&chunk) {
            let event = event_on(line, place.line);
            let due = book.ledger.read(place, event.is_none());
            let refusal = chunk.is_too_long.then(|| refusal(&chunk.too_long()));
            // What is not due takes a place in the block, but no memory.
            let body =
                event.filter(|_| due && refusal.is_none()).map(Bytes::copy_from_slice).unwrap_or_default();
            entries.push(Entry { received_at: Millis(0), refusal, is_lost: false, erased_at: None, body });
            byte += line.len() as u64 + 1;
            place = Place { line: place.line + 1, byte };
        }
        book.ledger.read_until(Place { line: place.line, byte: input.byte });
        Ok(Some(Block { first: Seq(chunk.first_line), entries }))
    }

    fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        let mut book = self.book();
        for (seq, end) in settling.ends {
            let Some(byte) = book.ledger.end(seq.0) else { continue };
            if let Err(error) = self.enter(&mut book, seq.0, byte, &end) {
                return Err(broken(&mut book, format!("the rejects can not be written: {error}")));
            }
        }
        book.edition += 1;
        let is_done = book.ledger.is_done();
        drop(book);
        if settling.upload.is_some() || is_done || self.is_time_to_save() {
            self.save()?;
        }
        if is_done {
            self.done.send_replace(true);
        }
        Ok(())
    }

    fn enter(&self, book: &mut Book, line: u64, byte: u64, end: &End) -> io::Result<()> {
        let tally = &mut book.ledger.tally;
        let outcome = match end.state {
            State::Delivered => {
                tally.delivered += 1;
                return Ok(());
            }
            State::Filtered => {
                tally.filtered += 1;
                "filtered"
            }
            State::Failed | State::Dead => {
                tally.failed += 1;
                "failed"
            }
        };
        let reason =
            Reason::new(end.code.clone().unwrap_or_default(), end.message.clone().unwrap_or_default());
        *tally.by_code.entry(format!("{outcome} {}", reason.code)).or_default() += 1;
        let event = match book.rejects.wants_event() && &*reason.code != Chunk::TOO_LONG {
            true => self.source.line_at(byte, MAX_LINE)?,
            false => Vec::new(),
        };
        book.rejects.add(line, outcome, &reason, event_on(&event, line).unwrap_or_default())
    }

    fn is_time_to_save(&self) -> bool {
        // Whoever holds the lock is saving already.
        let saved = self.state.as_ref().and_then(|state| state.try_lock().ok());
        saved.is_some_and(|saved| clock::stopwatch().saturating_sub(saved.at) > SAVE_EVERY)
    }

    fn save(&self) -> Result<(), JournalError> {
        let wanted = self.book().edition;
        let Some(state) = &self.state else {
            let mut book = self.book();
            return match book.rejects.sync() {
                Ok(_) => Ok(()),
                Err(error) => Err(broken(&mut book, format!("the rejects can not be written: {error}"))),
            };
        };
        let mut saved = state.lock().unwrap_or_else(PoisonError::into_inner);
        if saved.edition >= wanted && saved.edition > 0 {
            return Ok(());
        }
        let (ledger, edition) = {
            let mut book = self.book();
            // Before the state that counts on them.
            match book.rejects.sync() {
                Ok(place) => book.ledger.rejects = place,
                Err(error) => {
                    return Err(broken(&mut book, format!("the rejects can not be written: {error}")));
                }
            }
            (book.ledger.clone(), book.edition)
        };
        match saved.file.save(&ledger) {
            Ok(()) => {
                (saved.edition, saved.at) = (edition, clock::stopwatch());
                Ok(())
            }
            Err(error) => Err(broken(&mut self.book(), error.to_string())),
        }
    }
}

/// The lines of a chunk, without their line feeds; what is behind the last line feed is a line if it is there.
fn lines(chunk: &Chunk) -> impl Iterator<Item = &[u8]> {
    let text = chunk.text();
    text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n')
}

fn refusal(Reason { code, message, .. }: &Reason) -> Refusal {
    Refusal { code: code.to_string(), message: message.to_string(), pointer: String::new() }
}

fn broken(book: &mut Book, why: String) -> JournalError {
    book.broken.get_or_insert_with(|| why.clone());
    JournalError::Storage(why)
}

fn crashed(error: tokio::task::JoinError) -> JournalError {
    JournalError::Storage(error.to_string())
}

#[async_trait]
impl Journal for FileLog {
    /// Always refused: a file is read, not written.
    async fn append(&self, _: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        Err(AppendError::Broken("a file of events takes no others".to_owned()))
    }

    /// The next block. Delivery asks for one after the other, so `at` is always where the last one ended.
    async fn block_from(&self, _: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        let shared = self.0.clone();
        let read = tokio::task::spawn_blocking(move || {
            shared.read_block().map_err(|error| {
                broken(&mut shared.book(), format!("the events can not be read any further: {error}"))
            })
        });
        Ok(read.await.map_err(crashed)??.map(Arc::new))
    }

    /// None: nobody looks back.
    async fn block_before(&self, _: Seq) -> Result<Option<Arc<Block>>, JournalError> {
        Ok(None)
    }

    /// Not known before it is reached.
    fn end(&self) -> Seq {
        Seq(u64::MAX)
    }

    fn grown(&self) -> watch::Receiver<Seq> {
        self.0.grown.subscribe()
    }

    fn settled_until(&self) -> Seq {
        self.0.start
    }

    async fn settle(&self, settling: Settling) -> Result<(), JournalError> {
        let shared = self.0.clone();
        tokio::task::spawn_blocking(move || shared.settle(settling)).await.map_err(crashed)?
    }

    /// Delivered stands for every end: which it was is known by the tally only.
    async fn ends(&self, block: &Block) -> Result<Vec<Option<End>>, JournalError> {
        let book = self.0.book();
        let ended = || End {
            state: State::Delivered,
            code: None,
            message: None,
            upload: None,
            revision: String::new(),
        };
        Ok(block.iter().map(|(seq, _)| (!book.ledger.is_pending(seq.0)).then(ended)).collect())
    }

    /// None: notes are not kept.
    async fn upload(&self, _: UploadId) -> Result<Option<UploadNote>, JournalError> {
        Ok(None)
    }

    /// Unique in this run.
    fn next_upload(&self) -> UploadId {
        UploadId(self.0.next_upload.fetch_add(1, Ordering::Relaxed))
    }

    fn counts(&self) -> Counts {
        let book = self.0.book();
        let (tally, pending) = (&book.ledger.tally, book.ledger.pending());
        Counts {
            accepted: tally.events() + pending,
            delivered: tally.delivered,
            filtered: tally.filtered,
            failed: tally.failed,
            dead: 0,
            pending,
        }
    }

    fn broken(&self) -> Option<String> {
        self.0.book().broken.clone()
    }
}
