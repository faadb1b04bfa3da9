//! The thread that makes ends durable: what arrives during one sync shares the next.
//!
//! It also keeps upload numbers ahead of their use, in the same writes.
//!
//! First thing to know: an answer is given after the sync, and an end that was answered is never pending again.

use super::health::Health;
use super::ledger::Ledger;
use super::main_database::{Changes, MainDatabase};
use super::queue::{Queue, Refused};
use crate::journal::{JournalError, ResendId, Seq, Settling, UploadId};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::UploadNumbersNotReserved;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{oneshot, watch};

/// Upload numbers that are reserved at once; so many are skipped at most when the process is killed.
const UPLOADS_AHEAD: u64 = 1024;
/// Settlings that share one sync at most.
const GROUP: usize = 256;

/// A settling and the one who waits for it.
#[derive(Debug)]
struct Waiting {
    settling: Settling,
    /// The job whose ends take the place of earlier ones; none for first ends.
    by: Option<ResendId>,
    answer: oneshot::Sender<Result<(), JournalError>>,
}

#[derive(Debug)]
enum Work {
    Settle(Waiting),
    ReserveUploads,
}

/// The way to the thread.
pub(super) struct Settler {
    queue: Queue<Work>,
    permits: tokio::sync::Semaphore,
    main: Arc<MainDatabase>,
    health: Arc<Health>,
    log_end: Arc<AtomicU64>,
    next_upload: AtomicU64,
    reserving: AtomicBool,
    ended: watch::Sender<u64>,
}

impl Settler {
    /// A settler for the log that ends at `log_end`, with upload numbers in reserve.
    pub(super) fn new(
        main: Arc<MainDatabase>,
        health: Arc<Health>,
        log_end: Arc<AtomicU64>,
    ) -> Result<Self, JournalError> {
        let next = main.standing().uploads_below;
        main.write(Changes::default(), |standing| {
            standing.uploads_below = next.saturating_add(UPLOADS_AHEAD)
        })?;
        Ok(Self {
            queue: Queue::new(2 * GROUP + 1),
            permits: tokio::sync::Semaphore::new(2 * GROUP),
            main,
            health,
            log_end,
            next_upload: AtomicU64::new(next),
            reserving: AtomicBool::new(false),
            ended: watch::Sender::default(),
        })
    }

    /// Hands a settling over and waits until it is durable.
    pub(super) async fn settle(&self, by: Option<ResendId>, settling: Settling) -> Result<(), JournalError> {
        let closed = || JournalError::Storage("the journal is closed".to_owned());
        let _permit = self.permits.acquire().await.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        match self.queue.push(Work::Settle(Waiting { settling, by, answer }), 1) {
            Ok(()) => {}
            Err(Refused::Closed | Refused::Full) => return Err(closed()),
        }
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// A number for the next upload.
    pub(super) fn next_upload(&self) -> UploadId {
        let id = self.next_upload.fetch_add(1, Ordering::Relaxed);
        let below = self.main.standing().uploads_below;
        if id.saturating_add(UPLOADS_AHEAD / 2) >= below && !self.reserving.swap(true, Ordering::AcqRel) {
            // When the queue takes nothing, the next call tries again.
            if self.queue.push(Work::ReserveUploads, 0).is_err() {
                self.reserving.store(false, Ordering::Release);
            }
        }
        if id >= below {
            self.reserve_uploads();
        }
        UploadId(id)
    }

    /// Counts up whenever ends became durable.
    pub(super) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Takes nothing more; what was handed over is still made durable.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// Lets everybody go who waits for a thread that is gone.
    pub(super) fn abandon(&self) {
        self.queue.abandon();
    }

    /// The work of the thread, until the queue is closed and empty.
    pub(super) fn run(&self, mut ledger: Ledger) {
        while let Some(group) = self.queue.take(GROUP) {
            let mut waiting = Vec::with_capacity(group.len());
            for work in group {
                match work {
                    Work::Settle(settle) => waiting.push(settle),
                    Work::ReserveUploads => self.reserve_uploads(),
                }
            }
            if !waiting.is_empty() {
                self.settle_group(&mut ledger, waiting);
            }
        }
        let next = self.next_upload.load(Ordering::Acquire);
        // On a clean end no number is skipped; when this fails, some are.
        let _ = self.main.write(Changes::default(), |standing| standing.uploads_below = next);
    }

    fn settle_group(&self, ledger: &mut Ledger, group: Vec<Waiting>) {
        point::pass(CommitPoint::EndsBegun);
        let log_end = Seq(self.log_end.load(Ordering::Acquire));
        let (mut proposal, mut changes) = (ledger.propose(), Changes::default());
        let mut to_answer = Vec::with_capacity(group.len());
        let mut notes = 0_usize;
        for Waiting { settling, by, answer } in group {
            let added = match by {
                None => ledger.add(&mut proposal, &self.main, log_end, &settling.ends),
                Some(by) => ledger.replace(&mut proposal, &self.main, log_end, by, &settling.ends),
            };
            let noted = added.and_then(|()| match settling.upload {
                Some(note) => changes.put_upload(note).map(|()| notes += 1),
                None => Ok(()),
            });
            match noted {
                Ok(()) => to_answer.push(answer),
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let written = if proposal.is_empty() && notes == 0 {
            // Nothing new was said; what repeats an earlier end is durable with that one.
            self.health.check().map_err(JournalError::Storage)
        } else {
            ledger
                .complete(&mut proposal, &self.main, &mut changes)
                .and_then(|()| self.main.write(changes, |standing| proposal.revise(standing)).map(drop))
                .map(|()| ledger.keep(proposal))
        };
        point::pass(CommitPoint::EndsSynced);
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
        for answer in to_answer {
            // Who went away does not need to know.
            let _ = answer.send(match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(repeat(error)),
            });
        }
        point::pass(CommitPoint::EndsAnswered);
    }

    fn reserve_uploads(&self) {
        let next = self.next_upload.load(Ordering::Acquire).saturating_add(UPLOADS_AHEAD);
        let reserved = self.main.write(Changes::default(), |standing| {
            standing.uploads_below = standing.uploads_below.max(next);
        });
        // The journal is broken then, and no upload can be noted any more, so no number can come to mean two.
        if let Err(error) = reserved {
            UploadNumbersNotReserved { error: Cause::of(&error) }.tell();
        }
        self.reserving.store(false, Ordering::Release);
    }
}

// The error for everybody who shared the write; the original can not be copied.
fn repeat(error: &JournalError) -> JournalError {
    match error {
        JournalError::Damaged { at, what } => JournalError::Damaged { at: *at, what: what.clone() },
        JournalError::Storage(reason) => JournalError::Storage(reason.clone()),
        JournalError::InUse { directory } => JournalError::InUse { directory: directory.clone() },
    }
}
