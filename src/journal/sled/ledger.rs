//! What became of which event: the pages of ends in memory, and how far everything has ended.
//!
//! Deliberately no thread and no sync here: [`super::settler`] owns both.
//!
//! First thing to know: changes are worked out on copies and taken over by [`Ledger::keep`] once they are durable, so a
//! failed write leaves the ledger as it was.

use super::main_database::{Changes, MainDatabase, Standing};
use super::page::{EVENTS, Page, locate};
use crate::journal::{End, JournalError, ResendId, Seq, State};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Pages kept in memory; more are read again when they are needed.
const PAGES_MOST: usize = 4096;

/// Which events have ended.
#[derive(Debug)]
pub(super) struct Ledger {
    pages: BTreeMap<u64, Page>,
    /// Pages above the frontier whose events have all ended.
    complete: BTreeSet<u64>,
    /// Everything before this place has ended.
    settled_until: u64,
}

/// Changes that are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Proposal {
    pages: BTreeMap<u64, Page>,
    complete: BTreeSet<u64>,
    ended: [u64; 4],
    /// Ends that were replaced by others.
    left: [u64; 4],
    settled_until: u64,
}

impl Ledger {
    /// The ledger as the database holds it.
    pub(super) fn load(main: &MainDatabase) -> Result<Self, JournalError> {
        let settled_until = main.standing().settled_until;
        let mut ledger = Self { pages: BTreeMap::new(), complete: BTreeSet::new(), settled_until };
        for number in main.pages_from(settled_until / EVENTS) {
            let number = number?;
            if main.page(number)?.is_complete() {
                ledger.complete.insert(number);
            }
        }
        Ok(ledger)
    }

    /// Begins to work out changes.
    pub(super) fn propose(&self) -> Proposal {
        Proposal { settled_until: self.settled_until, ..Proposal::default() }
    }

    /// Adds ends to `proposal`: all of them, or none when a page can not be read. Places past `log_end`, places before
    /// everything settled and events that have ended are passed over.
    pub(super) fn add(
        &mut self,
        proposal: &mut Proposal,
        main: &MainDatabase,
        log_end: Seq,
        ends: &[(Seq, End)],
    ) -> Result<(), JournalError> {
        let settled_until = self.settled_until;
        let open = |(at, _): &&(Seq, End)| *at < log_end && at.0 >= settled_until;
        for (at, _) in ends.iter().filter(open) {
            self.bring(proposal, main, locate(*at).0)?;
        }
        for (at, end) in ends.iter().filter(open) {
            let (number, index) = locate(*at);
            let Some(page) = proposal.pages.get_mut(&number) else { continue };
            if page.set(index, end) {
                if let Some(ended) = proposal.ended.get_mut(state_index(end.state)) {
                    *ended += 1;
                }
                if page.is_complete() {
                    proposal.complete.insert(number);
                }
            }
        }
        Ok(())
    }

    /// Adds ends to `proposal` in the place of those that the events have: all of them, or none when a page can not be
    /// read. Events that are pending, and those that are not there any more, are passed over.
    pub(super) fn replace(
        &mut self,
        proposal: &mut Proposal,
        main: &MainDatabase,
        log_end: Seq,
        by: ResendId,
        ends: &[(Seq, End)],
    ) -> Result<(), JournalError> {
        let there = |(at, _): &&(Seq, End)| *at < log_end;
        for (at, _) in ends.iter().filter(there) {
            self.bring(proposal, main, locate(*at).0)?;
        }
        for (at, end) in ends.iter().filter(there) {
            let (number, index) = locate(*at);
            let page = proposal.pages.get_mut(&number);
            let Some(before) = page.and_then(|page| page.replace(index, end, by)) else { continue };
            for (counts, state) in [(&mut proposal.left, before), (&mut proposal.ended, end.state)] {
                if let Some(count) = counts.get_mut(state_index(state)) {
                    *count += 1;
                }
            }
        }
        // A page that was dropped meanwhile does not come back.
        proposal.pages.retain(|_, page| !page.is_empty());
        Ok(())
    }

    /// Works out how far everything has ended, and puts the changes into `changes`.
    pub(super) fn complete(
        &mut self,
        proposal: &mut Proposal,
        main: &MainDatabase,
        changes: &mut Changes,
    ) -> Result<(), JournalError> {
        loop {
            let number = proposal.settled_until / EVENTS;
            if self.complete.contains(&number) || proposal.complete.contains(&number) {
                proposal.settled_until = (number + 1) * EVENTS;
                continue;
            }
            let settled = match proposal.pages.get(&number).or_else(|| self.pages.get(&number)) {
                Some(page) => page.settled(),
                None => main.page(number)?.settled(),
            };
            proposal.settled_until = number * EVENTS + settled;
            break;
        }
        proposal.pages.iter().try_for_each(|(number, page)| changes.put_page(*number, page))
    }

    /// Takes over what is durable now.
    pub(super) fn keep(&mut self, proposal: Proposal) {
        self.settled_until = proposal.settled_until;
        let frontier = proposal.settled_until / EVENTS;
        self.complete.extend(proposal.complete);
        self.complete = self.complete.split_off(&frontier);
        self.pages.extend(proposal.pages);
        self.pages = self.pages.split_off(&frontier);
        self.pages.retain(|number, _| !self.complete.contains(number));
        if self.pages.len() > PAGES_MOST {
            self.pages.clear();
        }
    }

    fn bring(
        &mut self,
        proposal: &mut Proposal,
        main: &MainDatabase,
        number: u64,
    ) -> Result<(), JournalError> {
        if let Entry::Vacant(place) = proposal.pages.entry(number) {
            place.insert(self.pages.get(&number).map_or_else(|| main.page(number), |page| Ok(page.clone()))?);
        }
        Ok(())
    }
}

impl Proposal {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.ended.iter().all(|count| *count == 0)
    }

    /// The standing once this is durable.
    pub(super) fn revise(&self, standing: &mut Standing) {
        let counts =
            [&mut standing.delivered, &mut standing.filtered, &mut standing.failed, &mut standing.dead];
        for ((count, ended), left) in counts.into_iter().zip(self.ended).zip(self.left) {
            *count = count.saturating_add(ended).saturating_sub(left);
        }
        standing.settled_until = self.settled_until;
    }
}

fn state_index(state: State) -> usize {
    match state {
        State::Delivered => 0,
        State::Filtered => 1,
        State::Failed => 2,
        State::Dead => 3,
    }
}
