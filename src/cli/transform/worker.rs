//! One thread that maps chunks.

use super::reject::Reject;
use crate::backfill::{Chunk, event_on};
use crate::engine::{Context, Evaluator, Outcome, Plan};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

/// What came of one chunk.
#[derive(Debug, Default)]
pub struct Written {
    /// Records, each with its line feed.
    pub records: Vec<u8>,
    /// How many events there were.
    pub events: u64,
    /// How many records they became.
    pub record_count: u64,
    /// Events that became none.
    pub rejects: Vec<Reject>,
    /// How many bytes of the input it stands for.
    pub bytes: usize,
}

impl Written {
    /// Makes it ready to be used again.
    pub fn clear(&mut self) {
        self.records.clear();
        self.rejects.clear();
        (self.events, self.record_count, self.bytes) = (0, 0, 0);
    }
}

/// Maps the chunks that one thread is dealt.
pub struct Worker {
    evaluator: Evaluator,
    context: Context,
    give_back: SyncSender<Vec<u8>>,
}

impl Worker {
    /// A worker that gives the memory of chunks back.
    pub fn new(plan: Arc<Plan>, context: Context, give_back: SyncSender<Vec<u8>>) -> Self {
        Self { evaluator: Evaluator::new(plan), context, give_back }
    }

    /// Maps chunk after chunk until there are no more, or nobody wants what comes of them.
    pub fn run(mut self, chunks: &Receiver<Chunk>, empties: &Receiver<Written>, done: &SyncSender<Written>) {
        while let Ok(chunk) = chunks.recv() {
            let mut written = empties.try_recv().unwrap_or_default();
            written.bytes = chunk.bytes;
            self.map(&chunk, &mut written);
            // A full channel means that there is memory enough.
            let _ = self.give_back.try_send(chunk.memory);
            if done.send(written).is_err() {
                return;
            }
        }
    }

    fn map(&mut self, chunk: &Chunk, written: &mut Written) {
        if chunk.is_too_long {
            written.events += 1;
            written.rejects.push(Reject::new(chunk.first_line, b"", true, chunk.too_long()));
            return;
        }
        for (line, number) in chunk.text().split(|byte| *byte == b'\n').zip(chunk.first_line..) {
            let Some(line) = event_on(line, number) else { continue };
            written.events += 1;
            let evaluation = self.evaluator.evaluate(line, &self.context);
            for record in evaluation.records() {
                written.records.extend_from_slice(record.json);
                written.records.push(b'\n');
                written.record_count += 1;
            }
            match evaluation.outcome {
                Outcome::Mapped => {}
                Outcome::Filtered(reason) => {
                    written.rejects.push(Reject::new(number, line, false, reason));
                }
                Outcome::Failed(reason) => written.rejects.push(Reject::new(number, line, true, reason)),
            }
        }
    }
}
