//! When the next generation begins, and having it open by then.
//!
//! Making a sled database takes up to 90 ms, so another thread makes the next one while the present one still has room.
//! Its name needs the place of its first event, so that place is fixed when the making begins, and the committer changes
//! over exactly there.

use super::chain::Chain;
use super::generation::Generation;
use super::options::Options;
use crate::journal::{JournalError, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::GenerationNotMade;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

/// The plan for the next generation.
#[derive(Debug)]
pub(super) struct Rotation {
    events: u64,
    bytes: u64,
    next: Option<Next>,
    /// After a failure no plan is made before this place.
    not_before: Seq,
}

#[derive(Debug)]
struct Next {
    first: Seq,
    made: Receiver<Result<Generation, JournalError>>,
}

impl Rotation {
    /// A plan that starts with what an earlier run made ahead.
    pub(super) fn new(options: &Options, ahead: Option<Generation>) -> Self {
        let next = ahead.map(|generation| {
            let first = generation.first();
            let (sender, made) = sync_channel(1);
            // There is room for one.
            let _ = sender.send(Ok(generation));
            Next { first, made }
        });
        let (events, bytes) = (options.generation_events.max(1), options.generation_bytes.max(1));
        Self { events, bytes, next, not_before: Seq(0) }
    }

    /// The place at which the next generation begins, once that is fixed.
    pub(super) fn boundary(&self) -> Option<Seq> {
        self.next.as_ref().map(|next| next.first)
    }

    /// Looks whether it is time to make the next generation, and has it made.
    pub(super) fn look_ahead(&mut self, chain: &Arc<Chain>, active: &Generation, end: Seq) {
        if self.next.is_some() || end < self.not_before {
            return;
        }
        let (events, bytes) = (end.0.saturating_sub(active.first().0), active.bytes());
        let early = |part: u64, whole: u64| part >= whole - whole / 4;
        if events == 0 || !(early(events, self.events) || early(bytes, self.bytes)) {
            return;
        }
        // By events the place is known; by bytes it is where the last quarter ends if events stay as large as they are.
        let by_events = active.first().0.saturating_add(self.events);
        let by_bytes = if early(bytes, self.bytes) { end.0.saturating_add(events / 3) } else { u64::MAX };
        let first = Seq(by_events.min(by_bytes).max(end.next().0));
        let (sender, made) = sync_channel(1);
        let chain = chain.clone();
        let maker = std::thread::Builder::new().name("journal-ahead".to_owned());
        // Nobody listens any more when the journal was closed meanwhile.
        let started = maker.spawn(move || drop(sender.send(chain.open_generation(first))));
        match started {
            Ok(_) => self.next = Some(Next { first, made }),
            Err(error) => self.postpone(end, &error),
        }
    }

    /// Changes over: the generation that begins at `end`, if it could be made.
    pub(super) fn take(&mut self, end: Seq) -> Option<Generation> {
        let next = self.next.take_if(|next| next.first == end)?;
        match next.made.recv() {
            Ok(Ok(generation)) => Some(generation),
            Ok(Err(error)) => {
                self.postpone(end, &error);
                None
            }
            Err(error) => {
                self.postpone(end, &error);
                None
            }
        }
    }

    // The present generation goes on, larger than planned; that is better than taking nothing.
    fn postpone(&mut self, end: Seq, error: &dyn std::fmt::Display) {
        self.not_before = Seq(end.0.saturating_add((self.events / 8).max(1)));
        GenerationNotMade { error: Cause::told(&error) }.tell();
    }
}

impl Drop for Rotation {
    // Who closes the journal must not leave a thread behind that still makes a database.
    fn drop(&mut self) {
        if let Some(next) = self.next.take() {
            drop(next.made.recv());
        }
    }
}
