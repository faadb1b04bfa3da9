//! Secrets on their way between two requests: a key that is shown once, or one that was typed into a form which came back
//! with a question.
//!
//! Kept in memory only, for one owner, for minutes. So a secret never has to travel back to the browser inside a form.

use super::{AdminError, random_text};
use crate::clock::Millis;
use crate::settings::Secret;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Half an hour: as long as an idle session.
const KEPT_MILLIS: i64 = 30 * 60 * 1000;
/// More than operators at work; the oldest goes first.
const MOST: usize = 64;

struct Parcel {
    owner: String,
    until: Millis,
    secrets: BTreeMap<String, Secret>,
}

/// Named secrets by a random number that only their owner's page knows.
#[derive(Default)]
pub struct Handover(Mutex<HashMap<String, Parcel>>);

impl Handover {
    /// Keeps `secrets` for `owner` and gives the number to ask for them with.
    pub fn keep(
        &self,
        owner: &str,
        secrets: BTreeMap<String, Secret>,
        now: Millis,
    ) -> Result<String, AdminError> {
        let number = random_text::<16>()?;
        let until = Millis(now.0.saturating_add(KEPT_MILLIS));
        let mut parcels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parcels.retain(|_, parcel| parcel.until > now);
        while parcels.len() >= MOST {
            let oldest =
                parcels.iter().min_by_key(|(_, parcel)| parcel.until).map(|(number, _)| number.clone());
            oldest.and_then(|number| parcels.remove(&number));
        }
        parcels.insert(number.clone(), Parcel { owner: owner.to_owned(), until, secrets });
        Ok(number)
    }

    /// Gives them out, once.
    pub fn take(&self, owner: &str, number: &str, now: Millis) -> BTreeMap<String, Secret> {
        let mut parcels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match parcels.get(number) {
            Some(parcel) if parcel.owner == owner && parcel.until > now => {
                parcels.remove(number).map(|parcel| parcel.secrets).unwrap_or_default()
            }
            _ => BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_handed_over_once_and_only_to_its_owner() {
        let handover = Handover::default();
        let secrets = BTreeMap::from([("key".to_owned(), Secret::parse("k-123").unwrap())]);
        let number = handover.keep("admin", secrets, Millis(0)).unwrap();
        assert!(handover.take("other", &number, Millis(1)).is_empty());
        assert_eq!(handover.take("admin", &number, Millis(1))["key"].expose(), "k-123");
        assert!(handover.take("admin", &number, Millis(1)).is_empty());
    }

    #[test]
    fn what_nobody_fetches_is_forgotten() {
        let handover = Handover::default();
        let secrets = || BTreeMap::from([("key".to_owned(), Secret::parse("k-123").unwrap())]);
        let number = handover.keep("admin", secrets(), Millis(0)).unwrap();
        assert!(handover.take("admin", &number, Millis(KEPT_MILLIS)).is_empty());
        let first = handover.keep("admin", secrets(), Millis(KEPT_MILLIS)).unwrap();
        for _ in 0..MOST {
            handover.keep("admin", secrets(), Millis(KEPT_MILLIS + 1)).unwrap();
        }
        assert!(handover.take("admin", &first, Millis(KEPT_MILLIS + 2)).is_empty());
    }
}
