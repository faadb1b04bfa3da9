//! Pages of ends as they stood when a backup was begun, while ends go on to be written.
//!
//! Before a page is overwritten that the backup has not reached, its bytes are set aside; the backup takes those. What
//! is in memory is what ends during a backup ahead of it, and pages come first in a backup to keep that little.
//!
//! First thing to know: the writer sets aside before it writes, and the reader looks here after it has read, so a page
//! that was read half old and half new is always found here.

use crate::journal::JournalError;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is set aside for the one backup there may be.
#[derive(Debug, Default)]
pub(super) struct PageCopies(Mutex<Option<Copying>>);

#[derive(Debug)]
struct Copying {
    /// Pages before this one have been copied.
    next: u64,
    aside: BTreeMap<u64, Vec<u8>>,
}

impl PageCopies {
    /// Begins; says whether no other backup is under way.
    pub(super) fn begin(&self) -> bool {
        let mut copying = self.lock();
        let is_free = copying.is_none();
        if is_free {
            *copying = Some(Copying { next: 0, aside: BTreeMap::new() });
        }
        is_free
    }

    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    /// Whether a backup is under way; nothing may be dropped then.
    pub(super) fn is_active(&self) -> bool {
        self.lock().is_some()
    }

    /// Sets pages aside that are about to be written and were not copied yet.
    pub(super) fn keep(
        &self,
        pages: &[u64],
        read: impl Fn(u64) -> Result<Vec<u8>, JournalError>,
    ) -> Result<(), JournalError> {
        let mut copying = self.lock();
        let Some(copying) = copying.as_mut() else { return Ok(()) };
        for number in pages.iter().filter(|number| **number >= copying.next) {
            if !copying.aside.contains_key(number) {
                copying.aside.insert(*number, read(*number)?);
            }
        }
        Ok(())
    }

    /// The bytes of page `number` as of the beginning, when `read` is what was found just now.
    pub(super) fn take(&self, number: u64, read: Vec<u8>) -> Vec<u8> {
        let mut copying = self.lock();
        let Some(copying) = copying.as_mut() else { return read };
        copying.next = number.saturating_add(1);
        let found = copying.aside.remove(&number).unwrap_or(read);
        copying.aside = copying.aside.split_off(&copying.next);
        found
    }

    fn lock(&self) -> MutexGuard<'_, Option<Copying>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_copied_as_it_was_at_the_beginning_however_often_it_is_written() {
        let copies = PageCopies::default();
        copies.keep(&[1], |_| panic!("nobody copies")).unwrap();
        assert!(copies.begin() && !copies.begin() && copies.is_active());
        copies.keep(&[1, 2], |number| Ok(vec![number as u8])).unwrap();
        copies.keep(&[2], |_| panic!("it is set aside already")).unwrap();
        assert_eq!(copies.take(0, vec![9]), [9]);
        assert_eq!(copies.take(2, vec![9]), [2]);
        copies.keep(&[2], |_| panic!("it was copied")).unwrap();
        copies.end();
        assert!(!copies.is_active());
    }
}
