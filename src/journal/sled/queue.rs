//! A bounded queue before a thread: its bound is in bytes, and what waits is taken all at once.
//!
//! That is how groups form by themselves: whatever arrives while the thread is busy with the disk is its next group.
//! Deliberately no waiting on the side of the sender: who finds it full is told so.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Things of a known size that wait for one thread.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
    most: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
    closed: bool,
}

/// Why the queue did not take a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It would have gone past the bound.
    Full,
    /// Nothing is taken any more.
    Closed,
}

impl<T> Queue<T> {
    /// A queue that holds `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        let waiting = Waiting { items: VecDeque::new(), bytes: 0, closed: false };
        Self { waiting: Mutex::new(waiting), arrived: Condvar::new(), most }
    }

    pub(super) fn push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        if waiting.bytes.saturating_add(bytes) > self.most {
            return Err(Refused::Full);
        }
        waiting.bytes += bytes;
        waiting.items.push_back((bytes, item));
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for something and takes what is there, oldest first: at least one thing, then up to `most` bytes in all.
    /// None once the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<T>> {
        let mut waiting = self.lock();
        while waiting.items.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some((size, _)) = waiting.items.front() {
            bytes = bytes.saturating_add(*size);
            if bytes > most && !taken.is_empty() {
                break;
            }
            if let Some((size, item)) = waiting.items.pop_front() {
                waiting.bytes -= size;
                taken.push(item);
            }
        }
        Some(taken)
    }

    /// Takes nothing more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Takes nothing more and lets go of what waits.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.items.clear();
        waiting.bytes = 0;
        drop(waiting);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_taken_together_up_to_the_asked_size_and_in_order() {
        let queue = Queue::new(100);
        for (item, bytes) in [('a', 60), ('b', 30), ('c', 10)] {
            queue.push(item, bytes).unwrap();
        }
        assert_eq!(queue.push('d', 1), Err(Refused::Full));
        assert_eq!(queue.take(10), Some(vec!['a']));
        queue.push('d', 60).unwrap();
        assert_eq!(queue.take(40), Some(vec!['b', 'c']));
        queue.close();
        assert_eq!(queue.push('e', 1), Err(Refused::Closed));
        assert_eq!(queue.take(40), Some(vec!['d']));
        assert_eq!(queue.take(40), None);
    }

    #[test]
    fn a_waiting_thread_is_woken_by_an_arrival_and_by_the_end() {
        let queue = Queue::new(100);
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| std::iter::from_fn(|| queue.take(1)).flatten().collect::<Vec<_>>());
            for item in 0..50 {
                while queue.push(item, 7) == Err(Refused::Full) {
                    std::thread::yield_now();
                }
            }
            queue.close();
            assert_eq!(taker.join().unwrap(), (0..50).collect::<Vec<_>>());
        });
    }
}
