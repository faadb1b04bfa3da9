//! Lanes: who waits behind whom.
//!
//! The records of one user leave in the order their events were accepted, so they always go through the same lane; users
//! are spread over the lanes by a hash that is the same in every process and on every machine.

use crate::journal::Seq;
use xxhash_rust::xxh3::xxh3_64;

/// How many lanes there are, and so how many uploads are in flight at most. CleverTap allows 15 per account
/// (<https://developer.clevertap.com/docs/api-request-limit>, 2026-03); three are kept for tests, deletions and resends.
pub const LANES: usize = 12;

/// Whose order a record keeps: a hash of userId, else anonymousId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneKey(u64);

impl LaneKey {
    /// The key of a user.
    pub fn of(user: &str) -> Self {
        Self(xxh3_64(user.as_bytes()))
    }

    /// A key of its own for an event that belongs to nobody.
    pub(super) fn of_event(seq: Seq) -> Self {
        Self(xxh3_64(&seq.0.to_be_bytes()))
    }

    /// Which lane, below [`LANES`].
    pub fn lane(self) -> usize {
        // The remainder is below LANES, so nothing is cut off.
        (self.0 % LANES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_stays_in_the_same_lane_for_ever() {
        // These are part of the promise between machines: never change them.
        let lanes: Vec<usize> =
            ["user_1", "user_2", "jane@example.com", "", "ü"].map(|user| LaneKey::of(user).lane()).into();
        assert_eq!(lanes, [1, 6, 5, 10, 10]);
    }

    #[test]
    fn users_spread_over_all_lanes() {
        let mut counts = [0; LANES];
        for user in 0..12_000 {
            counts[LaneKey::of(&format!("user_{user}")).lane()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
