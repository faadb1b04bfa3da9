//! The blocks read or written last, unpacked.
//!
//! Delivery and the console read the tail of the log over and over; unpacking it each time would cost more than writing it.

use crate::journal::{Block, Seq};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Blocks by their first place, up to a number of bytes. The one put in first leaves first.
#[derive(Debug)]
pub(super) struct Cache {
    held: Mutex<Held>,
    most: usize,
}

#[derive(Debug, Default)]
struct Held {
    blocks: BTreeMap<u64, Arc<Block>>,
    order: VecDeque<u64>,
    bytes: usize,
}

impl Cache {
    /// A cache of `most` bytes of events.
    pub(super) fn new(most: usize) -> Self {
        Self { held: Mutex::new(Held::default()), most }
    }

    /// The block that holds `at`.
    pub(super) fn holding(&self, at: Seq) -> Option<Arc<Block>> {
        let held = self.held();
        let (_, block) = held.blocks.range(..=at.0).next_back()?;
        (block.end() > at).then(|| block.clone())
    }

    pub(super) fn put(&self, block: Arc<Block>) {
        let mut held = self.held();
        if held.blocks.contains_key(&block.first.0) {
            return;
        }
        held.bytes += size(&block);
        held.order.push_back(block.first.0);
        held.blocks.insert(block.first.0, block);
        while held.bytes > self.most {
            let Some(oldest) = held.order.pop_front() else { break };
            if let Some(gone) = held.blocks.remove(&oldest) {
                held.bytes -= size(&gone);
            }
        }
    }

    /// Lets go of the blocks that hold these places, because they are not as they were.
    pub(super) fn forget(&self, places: impl Iterator<Item = Seq>) {
        let mut held = self.held();
        for at in places {
            let holding = held.blocks.range(..=at.0).next_back();
            let gone = holding.filter(|(_, block)| block.end() > at).map(|(first, _)| *first);
            if let Some(block) = gone.and_then(|first| held.blocks.remove(&first)) {
                held.bytes -= size(&block);
            }
        }
        let Held { blocks, order, .. } = &mut *held;
        order.retain(|first| blocks.contains_key(first));
    }

    /// Lets go of everything before `at`, which is not in the log any more.
    pub(super) fn forget_below(&self, at: Seq) {
        let mut held = self.held();
        let kept = held.blocks.split_off(&at.0);
        held.blocks = kept;
        held.order.retain(|first| *first >= at.0);
        held.bytes = held.blocks.values().map(|block| size(block)).sum();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(block: &Block) -> usize {
    block.entries.iter().map(|entry| entry.body.len() + size_of_val(entry)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::journal::Entry;

    fn block(first: u64, count: usize) -> Arc<Block> {
        let body = vec![b' '; 1000].into();
        let entry = Entry { received_at: Millis(0), refusal: None, is_lost: false, erased_at: None, body };
        Arc::new(Block { first: Seq(first), entries: vec![entry; count] })
    }

    #[test]
    fn a_block_is_found_by_any_of_its_places_until_newer_ones_push_it_out() {
        let cache = Cache::new(9000);
        for first in [0, 4, 20] {
            cache.put(block(first, 2));
        }
        for (at, expected) in [(0, Some(0)), (1, Some(0)), (2, None), (5, Some(4)), (6, None), (21, Some(20))]
        {
            assert_eq!(cache.holding(Seq(at)).map(|block| block.first.0), expected, "{at}");
        }
        cache.put(block(30, 4));
        assert!(cache.holding(Seq(0)).is_none() && cache.holding(Seq(30)).is_some());
        cache.forget([Seq(20), Seq(25)].into_iter());
        assert!(cache.holding(Seq(21)).is_none() && cache.holding(Seq(30)).is_some());
        cache.put(block(20, 2));
        cache.forget_below(Seq(30));
        assert!(cache.holding(Seq(20)).is_none() && cache.holding(Seq(33)).is_some());
    }
}
