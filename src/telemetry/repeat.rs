//! Lines that can come thousands of times a second: one a second of each kind, with the number of those left out.
//!
//! Only lines are left out, never numbers. What was left out last is told with the next of its kind, and counted in
//! `tapline_log_lines_left_out_total` at once.

use super::word::Word;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long one line of a kind stands for all of them.
const QUIET: Duration = Duration::from_secs(1);

/// The lines of this process; there is one stderr.
pub(super) static LINES: Repeats = Repeats::new();

/// Which kinds were told last when. The kinds are words out of fixed lists, so this stays small.
#[derive(Debug)]
pub(super) struct Repeats {
    kinds: Mutex<Vec<Kind>>,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Kind {
    word: Word,
    told: Instant,
    left_out: u64,
}

impl Repeats {
    const fn new() -> Self {
        Self { kinds: Mutex::new(Vec::new()), left_out: AtomicU64::new(0) }
    }

    /// Whether a line of this kind may be written `now`: then how many were left out since the last one.
    pub(super) fn admit(&self, word: Word, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kind) = kinds.iter_mut().find(|kind| kind.word == word) else {
            kinds.push(Kind { word, told: now, left_out: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(kind.told) < QUIET {
            kind.left_out += 1;
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        kind.told = now;
        Some(std::mem::take(&mut kind.left_out))
    }

    /// How many lines were left out in all.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::UploadOutcome;

    #[test]
    fn one_line_a_second_of_each_kind_tells_how_many_were_left_out() {
        let repeats = Repeats::new();
        let (one, other) = (Word::of(UploadOutcome::Again), Word::of(UploadOutcome::Split));
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(repeats.admit(one, start), Some(0));
        assert!((1..1000).all(|ms| repeats.admit(one, after(ms)).is_none()));
        assert_eq!(repeats.admit(other, after(500)), Some(0), "another kind is told");
        assert_eq!(repeats.admit(one, after(1000)), Some(999));
        assert_eq!(repeats.admit(one, after(2000)), Some(0));
        assert_eq!(repeats.left_out(), 999);
    }
}
