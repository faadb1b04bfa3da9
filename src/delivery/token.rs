//! Push tokens already sent: the engine emits a token with every call of a device, and CleverTap needs it once.
//!
//! What was delivered is kept in the store, by hash: objectId → token. What is under way or was refused is known for the
//! life of the process only, so that a refused token fails one event and not every event of its device.

use super::lane::LaneKey;
use crate::engine::event::Person;
use crate::journal::{JournalError, Store, Table};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_128;

/// How many devices are remembered in memory. Forgetting one costs a look into the store.
const REMEMBERED: usize = 100_000;

/// A push token for an objectId, as hashes: neither is personal data any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKey {
    device: u128,
    token: u128,
}

impl TokenKey {
    /// `record` is the token record as JSON: its bytes are the same for the same token.
    pub fn of(object_id: &str, record: &[u8]) -> Self {
        Self { device: xxh3_128(object_id.as_bytes()), token: xxh3_128(record) }
    }
}

/// A device in the table of push tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DeviceKey(u128);

impl DeviceKey {
    /// The device that is addressed by this objectId.
    pub(super) fn of(object_id: &str) -> Self {
        Self(xxh3_128(object_id.as_bytes()))
    }
}

/// Which token was last sent for which objectId.
pub(super) struct TokenMemory {
    store: Arc<dyn Store>,
    sent: Mutex<HashMap<u128, u128>>,
    deleting: Mutex<Deleting>,
}

/// Whose deletions are under way: what was sent before them is worth nothing afterwards, because CleverTap forgets it,
/// too. By user and by device, with how many deletions each.
#[derive(Debug, Default)]
struct Deleting {
    users: HashMap<LaneKey, usize>,
    devices: HashMap<u128, usize>,
}

impl TokenMemory {
    /// Remembers in `store`.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, sent: Mutex::default(), deleting: Mutex::default() }
    }

    /// Whether this token need not be sent; if it must, it counts as sent from now on. Blocks for a look into the store.
    pub(super) fn is_known(&self, key: TokenKey) -> Result<bool, JournalError> {
        if let Some(known) = self.sent().get(&key.device) {
            if *known == key.token {
                return Ok(true);
            }
        } else if self.store.get(Table::PushTokens, &key.device.to_be_bytes())?.as_deref()
            == Some(&key.token.to_be_bytes())
        {
            self.remember(key);
            return Ok(true);
        }
        self.remember(key);
        Ok(false)
    }

    /// Keeps delivered tokens. Blocks for a disk write.
    pub(super) fn keep(&self, keys: &[TokenKey]) -> Result<(), JournalError> {
        let pair =
            |key: &TokenKey| (key.device.to_be_bytes().to_vec(), Some(key.token.to_be_bytes().to_vec()));
        self.store.put_all(Table::PushTokens, &keys.iter().map(pair).collect::<Vec<_>>())
    }

    /// A token that counted as sent was given up; the device's next call is to send it again.
    pub(super) fn forget(&self, key: TokenKey) {
        let mut sent = self.sent();
        if sent.get(&key.device) == Some(&key.token) {
            sent.remove(&key.device);
        }
    }

    /// Forgets all that is known of these devices. Blocks for a disk write.
    pub(super) fn forget_devices(&self, devices: &[DeviceKey]) -> Result<(), JournalError> {
        let mut sent = self.sent();
        sent.retain(|known, _| !devices.contains(&DeviceKey(*known)));
        drop(sent);
        let gone = |device: &DeviceKey| (device.0.to_be_bytes().to_vec(), None);
        self.store.put_all(Table::PushTokens, &devices.iter().map(gone).collect::<Vec<_>>())
    }

    /// The deletion of this person was read. Until it is over, none of their tokens counts as sent: what they do next
    /// makes a new profile, which needs it.
    pub(super) fn deletion_begins(&self, person: &Person) {
        let mut deleting = self.deleting();
        *deleting.users.entry(LaneKey::of(person.id())).or_default() += 1;
        if let Person::Anonymous(id) = person {
            *deleting.devices.entry(DeviceKey::of(id).0).or_default() += 1;
        }
    }

    /// The deletion of this person was refused, or all that was known of their devices is forgotten.
    pub(super) fn deletion_ends(&self, person: &Person) {
        let mut deleting = self.deleting();
        end_one(&mut deleting.users, LaneKey::of(person.id()));
        if let Person::Anonymous(id) = person {
            end_one(&mut deleting.devices, DeviceKey::of(id).0);
        }
    }

    /// Whether the deletion of the person who has this token is under way.
    pub(super) fn is_deleting(&self, user: Option<LaneKey>, key: TokenKey) -> bool {
        let deleting = self.deleting();
        user.is_some_and(|user| deleting.users.contains_key(&user))
            || deleting.devices.contains_key(&key.device)
    }

    fn deleting(&self) -> MutexGuard<'_, Deleting> {
        self.deleting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, key: TokenKey) {
        let mut sent = self.sent();
        if sent.len() >= REMEMBERED {
            sent.clear();
        }
        sent.insert(key.device, key.token);
    }

    fn sent(&self) -> MutexGuard<'_, HashMap<u128, u128>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_one<K: Eq + Hash>(deletions: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut entry) = deletions.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    #[test]
    fn a_token_is_sent_once_and_again_when_it_changes() {
        let store = Arc::new(MemoryStore::default());
        let memory = TokenMemory::new(store.clone());
        let (first, second) = (TokenKey::of("anon-1", b"a"), TokenKey::of("anon-1", b"b"));
        let known = |memory: &TokenMemory, key| memory.is_known(key).unwrap();
        assert!(!known(&memory, first));
        assert!(known(&memory, first));
        assert!(!known(&memory, second));
        assert!(!known(&memory, first), "the device changed back");
        assert!(!known(&memory, TokenKey::of("anon-2", b"a")));

        memory.keep(&[first]).unwrap();
        let after_restart = TokenMemory::new(store);
        assert!(known(&after_restart, first));
        assert!(!known(&after_restart, TokenKey::of("anon-2", b"a")));
    }

    #[test]
    fn a_device_that_is_forgotten_sends_its_token_again_also_after_a_restart() {
        let store = Arc::new(MemoryStore::default());
        let memory = TokenMemory::new(store.clone());
        let (gone, kept) = (TokenKey::of("anon-1", b"a"), TokenKey::of("anon-2", b"a"));
        for key in [gone, kept] {
            assert!(!memory.is_known(key).unwrap());
        }
        memory.keep(&[gone, kept]).unwrap();
        memory.forget_devices(&[DeviceKey::of("anon-1")]).unwrap();
        assert_eq!(store.list(Table::PushTokens).unwrap().len(), 1);
        assert!(!memory.is_known(gone).unwrap() && memory.is_known(kept).unwrap());
    }

    #[test]
    fn a_token_that_was_given_up_is_sent_again() {
        let memory = TokenMemory::new(Arc::new(MemoryStore::default()));
        let key = TokenKey::of("anon-1", b"a");
        assert!(!memory.is_known(key).unwrap());
        memory.forget(key);
        assert!(!memory.is_known(key).unwrap());
    }
}
