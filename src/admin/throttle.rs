//! Slows down guessing: a bucket of tries for every pair of account and address, refilled with time.
//!
//! Nobody is locked out for good, so an attacker can not lock out the owner for longer than the attack lasts. Kept in
//! memory only: a restart costs an attacker more than it gives.

use crate::clock::Millis;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tries at once, for one account from one address.
const BURST: f64 = 5.0;
/// One more try after this long.
const REFILL: Duration = Duration::from_secs(20);
/// Tries at once from one address, whatever the account: trying many names must not help.
const BURST_OF_ADDRESS: f64 = 20.0;
/// Pairs remembered; when there are more, full buckets are forgotten first.
const MOST_BUCKETS: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Millis,
}

/// Counts tries.
#[derive(Debug, Default)]
pub struct Throttle {
    buckets: Mutex<HashMap<(String, Option<IpAddr>), Bucket>>,
}

impl Throttle {
    /// Takes one try for `account` from `address`, or says when the next one may be made.
    pub fn take(&self, account: &str, address: Option<IpAddr>, now: Millis) -> Result<(), Duration> {
        let address = address.map(network);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.retain(|(account, _), bucket| refilled(*bucket, burst(account), now) < burst(account));
        }
        if buckets.len() >= MOST_BUCKETS {
            return Err(REFILL);
        }
        // The empty account stands for the address as a whole.
        for account in [account, ""] {
            let most = burst(account);
            let bucket =
                buckets.entry((account.to_owned(), address)).or_insert(Bucket { left: most, at: now });
            bucket.left = refilled(*bucket, most, now);
            bucket.at = now;
            if bucket.left < 1.0 {
                return Err(REFILL.mul_f64((1.0 - bucket.left).clamp(0.0, 1.0)));
            }
        }
        for account in [account, ""] {
            if let Some(bucket) = buckets.get_mut(&(account.to_owned(), address)) {
                bucket.left -= 1.0;
            }
        }
        Ok(())
    }

    /// Forgets the tries of an account that has just proved itself.
    pub fn clear(&self, account: &str, address: Option<IpAddr>) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.remove(&(account.to_owned(), address.map(network)));
    }
}

fn burst(account: &str) -> f64 {
    if account.is_empty() { BURST_OF_ADDRESS } else { BURST }
}

fn refilled(bucket: Bucket, most: f64, now: Millis) -> f64 {
    let passed = Duration::from_millis(u64::try_from(now.0.saturating_sub(bucket.at.0)).unwrap_or(0));
    (bucket.left + passed.as_secs_f64() / REFILL.as_secs_f64()).min(most)
}

/// One IPv6 customer has a whole /64, so that is what counts as an address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn after_five_tries_one_more_comes_every_twenty_seconds() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.take("admin", HERE, Millis(0)).unwrap();
        }
        assert_eq!(throttle.take("admin", HERE, Millis(0)), Err(REFILL));
        assert!(throttle.take("admin", HERE, Millis(19_000)).is_err());
        throttle.take("admin", HERE, Millis(20_000)).unwrap();
        assert!(throttle.take("admin", HERE, Millis(20_000)).is_err());
    }

    #[test]
    fn another_address_is_not_held_up_and_many_names_do_not_help() {
        let throttle = Throttle::default();
        let there = Some("2001:db8::1".parse().unwrap());
        let neighbour = Some("2001:db8::ffff".parse().unwrap());
        for i in 0..20 {
            throttle.take(&format!("user_{i}"), there, Millis(0)).unwrap();
        }
        assert!(throttle.take("user_20", neighbour, Millis(0)).is_err(), "one /64 is one address");
        throttle.take("user_20", HERE, Millis(0)).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_tries() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.take("admin", HERE, Millis(1_000_000)).unwrap();
        }
        assert!(throttle.take("admin", HERE, Millis(0)).is_err());
    }
}
