use crate::delivery::rig::Rig;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tapline::journal::memory::MemoryJournal;
use tapline::journal::{Counts, Journal, State};
use tokio::task::JoinHandle;

/// Looks at the sums again and again until it is dropped or asked to end.
pub(crate) struct SumsWatch(JoinHandle<()>);

/// Every accepted event has one end or is pending.
pub(crate) fn assert_sums(counts: Counts) {
    let Counts { accepted, filtered, failed, dead, delivered, pending } = counts;
    assert_eq!(accepted, filtered + failed + dead + delivered + pending, "{counts:?}");
}

impl SumsWatch {
    /// Looks every so often.
    pub(crate) fn over(journal: &Arc<MemoryJournal>, every: Duration) -> Self {
        let journal = Arc::clone(journal);
        Self(tokio::spawn(async move {
            loop {
                assert_sums(journal.counts());
                tokio::time::sleep(every).await;
            }
        }))
    }

    /// Passes on what it found wrong.
    pub(crate) async fn end(self) {
        self.0.abort();
        let ended = self.0.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "the sums did not hold");
    }
}

/// Holds the ends of events `0..` against the numbers that arrived, in order of arrival, and gives how many came twice.
/// Delivered is what arrived; a dead letter has a code, and may have arrived where that code says so.
pub(crate) async fn assert_ends(rig: &Rig, arrived: &[u64]) -> usize {
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for number in arrived {
        *times.entry(*number).or_default() += 1;
    }
    let ends = rig.ends().await;
    for (number, end) in ends.iter().enumerate() {
        let end = end.as_ref().unwrap_or_else(|| panic!("{number} has no end"));
        let came = times.contains_key(&(number as u64));
        match (end.state, end.code.as_deref()) {
            (State::Delivered, _) => assert!(came, "{number} is delivered and never arrived"),
            (State::Dead, Some("unclear_answer" | "retries_exhausted")) => {}
            (State::Dead, Some(code)) => assert!(!came, "{number} arrived and is `{code}`"),
            (state, code) => panic!("{number}: {state:?}, {code:?}"),
        }
    }
    let known: BTreeSet<u64> = (0..ends.len() as u64).collect();
    assert!(times.keys().all(|number| known.contains(number)), "something arrived that was never accepted");
    assert_sums(rig.journal.counts());
    assert_eq!(rig.journal.counts().accepted as usize, ends.len());
    times.values().map(|times| times - 1).sum()
}

/// The numbers in the order of their first arrival, by whose they are.
pub(crate) fn assert_order(arrived: impl IntoIterator<Item = (String, u64)>) {
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    for (user, number) in arrived {
        if seen.insert(number) {
            let before = last.insert(user.clone(), number);
            assert!(before < Some(number), "{user}: {number} came after {before:?}");
        }
    }
}
