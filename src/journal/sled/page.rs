//! A page of ends: what became of 256 consecutive events, in one compact value.
//!
//! Pages are cut by place and not by block, so that the page of an event is known without looking for its block, and an
//! hour of single events does not make an hour of values. An event takes one byte; what the ends of a page have in
//! common (state, reason, upload, revision) is kept once.
//!
//! First thing to know: the first end of an event is kept for good. Beside it stands, for what was sent again, the newest;
//! what was between is left out, so that a page stays bounded however often that is done.

use super::digest::Digest;
use crate::journal::{End, JournalError, Query, Replaced, ResendId, Seq, State, UploadId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Events a page is about.
pub(super) const EVENTS: u64 = 256;
/// The version of pages whose ends are all first ones.
const VERSION: u8 = 1;
/// The version of pages with ends that were replaced: as the other, and then those.
const VERSION_REPLACED: u8 = 2;

/// What several events may have in common. Texts are numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    state: State,
    code: Option<u16>,
    message: Option<u16>,
    upload: Option<UploadId>,
    revision: u16,
}

/// The ends of 256 events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    texts: Vec<String>,
    verdicts: Vec<Verdict>,
    /// For each event 0 while it is pending, else the number of its verdict, counted from one. The pending ones at the
    /// end are left out.
    marks: Vec<u16>,
    /// What the events had before that were sent again.
    #[serde(skip)]
    replaced: Vec<Earlier>,
}

/// The first end of an event that was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Earlier {
    index: u8,
    /// The number of its first verdict, counted from one.
    verdict: u16,
    /// Which job gave it the end it has now.
    by: ResendId,
}

/// The page that is about an event, and the event's index in it.
pub(super) fn locate(at: Seq) -> (u64, usize) {
    (at.0 / EVENTS, (at.0 % EVENTS) as usize)
}

impl Page {
    /// The end of one event; none while it is pending.
    pub(super) fn end(&self, index: usize) -> Option<End> {
        self.verdict(*self.marks.get(index)?)
    }

    /// What one event had before it was sent again, if it was.
    pub(super) fn replaced(&self, index: usize) -> Option<Replaced> {
        let earlier = self.replaced.iter().find(|earlier| usize::from(earlier.index) == index)?;
        Some(Replaced { first: self.verdict(earlier.verdict)?, by: earlier.by })
    }

    /// The end that a number stands for.
    fn verdict(&self, number: u16) -> Option<End> {
        let verdict = self.verdicts.get(usize::from(number).checked_sub(1)?)?;
        let text = |number: u16| self.texts.get(usize::from(number)).cloned();
        Some(End {
            state: verdict.state,
            code: verdict.code.and_then(text),
            message: verdict.message.and_then(text),
            upload: verdict.upload,
            revision: text(verdict.revision).unwrap_or_default(),
        })
    }

    /// Writes the end of one event down, if it has none yet; says whether it did.
    pub(super) fn set(&mut self, index: usize, end: &End) -> bool {
        if index >= EVENTS as usize || self.marks.get(index).is_some_and(|mark| *mark > 0) {
            return false;
        }
        let number = self.number(end);
        if self.marks.len() <= index {
            self.marks.resize(index + 1, 0);
        }
        if let Some(mark) = self.marks.get_mut(index) {
            *mark = number;
        }
        true
    }

    /// Writes another end of one event down, if it has one already; gives the state it had.
    pub(super) fn replace(&mut self, index: usize, end: &End, by: ResendId) -> Option<State> {
        let before = *self.marks.get(index)?;
        let state = self.verdicts.get(usize::from(before).checked_sub(1)?)?.state;
        let place = u8::try_from(index).ok()?;
        let number = self.number(end);
        if let Some(mark) = self.marks.get_mut(index) {
            *mark = number;
        }
        match self.replaced.iter_mut().find(|earlier| earlier.index == place) {
            Some(earlier) => earlier.by = by,
            None => self.replaced.push(Earlier { index: place, verdict: before, by }),
        }
        self.compact();
        Some(state)
    }

    /// Leaves out what no event has any more.
    fn compact(&mut self) {
        let firsts = self.replaced.iter().map(|earlier| earlier.verdict);
        let used: BTreeSet<u16> =
            self.marks.iter().copied().chain(firsts).filter(|number| *number > 0).collect();
        if used.len() == self.verdicts.len() {
            return;
        }
        let whole = self.clone();
        (self.texts, self.verdicts) = (Vec::new(), Vec::new());
        let ends = used.into_iter().filter_map(|number| Some((number, whole.verdict(number)?)));
        let numbers: BTreeMap<u16, u16> = ends.map(|(number, end)| (number, self.number(&end))).collect();
        let renumber = |number: &mut u16| *number = numbers.get(number).copied().unwrap_or_default();
        self.marks.iter_mut().for_each(renumber);
        self.replaced.iter_mut().for_each(|earlier| renumber(&mut earlier.verdict));
    }

    /// The number of an end, which is written down where it is new.
    fn number(&mut self, end: &End) -> u16 {
        let verdict = Verdict {
            state: end.state,
            code: end.code.as_deref().map(|code| self.text(code)),
            message: end.message.as_deref().map(|message| self.text(message)),
            upload: end.upload,
            revision: self.text(&end.revision),
        };
        let known = self.verdicts.iter().rposition(|known| *known == verdict);
        let number = known.unwrap_or_else(|| {
            self.verdicts.push(verdict);
            self.verdicts.len() - 1
        });
        // A page has 513 verdicts at most: two for each event, and one that is about to take a place.
        number as u16 + 1
    }

    /// How many events from the first one on have ended without a gap.
    pub(super) fn settled(&self) -> u64 {
        self.marks.iter().take_while(|mark| **mark > 0).count() as u64
    }

    /// Whether no event has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Whether every event has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.settled() == EVENTS
    }

    /// The place after the last event that has ended, when this is page `number`.
    pub(super) fn end_of_known(&self, number: u64) -> u64 {
        number.saturating_mul(EVENTS).saturating_add(self.marks.len() as u64)
    }

    /// What the ends have, without which event has which.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = Digest::new(self.marks.iter().filter(|mark| **mark > 0).count() as u16);
        for verdict in &self.verdicts {
            digest.add(verdict.state, verdict.code.and_then(|code| self.texts.get(usize::from(code))));
        }
        digest
    }

    /// Which of its events `query` admits as far as ends decide, by index.
    pub(super) fn admitted(&self, query: &Query) -> impl Fn(usize) -> bool + use<'_> {
        let admits = |verdict: &Verdict| {
            let code = verdict.code.and_then(|code| self.texts.get(usize::from(code)));
            query.admits(Some((verdict.state, code.map(String::as_str))))
        };
        // Verdicts are counted from one, and before them stands what is pending.
        let admitted: Vec<bool> =
            std::iter::once(query.admits(None)).chain(self.verdicts.iter().map(admits)).collect();
        move |index| {
            let mark = self.marks.get(index).copied().unwrap_or_default();
            admitted.get(usize::from(mark)).copied().unwrap_or_default()
        }
    }

    /// Whether an event is pending.
    pub(super) fn is_pending(&self, index: usize) -> bool {
        self.marks.get(index).is_none_or(|mark| *mark == 0)
    }

    /// The lowest upload that an end names.
    pub(super) fn lowest_upload(&self) -> Option<UploadId> {
        self.verdicts.iter().filter_map(|verdict| verdict.upload).min()
    }

    pub(super) fn render(&self) -> Result<Vec<u8>, JournalError> {
        let version = if self.replaced.is_empty() { VERSION } else { VERSION_REPLACED };
        let packed = postcard::to_extend(self, vec![version]).and_then(|bytes| match version {
            VERSION => Ok(bytes),
            _ => postcard::to_extend(&self.replaced, bytes),
        });
        packed.map_err(|error| JournalError::Storage(format!("ends can not be packed: {error}")))
    }

    /// Reads page `number`. Whatever the bytes are, it ends in a page that is whole or in an error.
    pub(super) fn parse(number: u64, bytes: &[u8]) -> Result<Self, JournalError> {
        let damaged = |what: String| JournalError::Damaged { at: Seq(number.saturating_mul(EVENTS)), what };
        let Some((version, bytes)) = bytes.split_first() else { return Ok(Self::default()) };
        if !matches!(*version, VERSION | VERSION_REPLACED) {
            return Err(JournalError::Storage(format!(
                "the ends of events have format version `{version}`, this program reads `{VERSION}` and \
                 `{VERSION_REPLACED}`; start the version that wrote them"
            )));
        }
        let unreadable = |error| damaged(format!("unreadable ends: {error}"));
        let (mut page, rest) = postcard::take_from_bytes::<Self>(bytes).map_err(unreadable)?;
        if *version == VERSION_REPLACED {
            page.replaced = postcard::from_bytes(rest).map_err(unreadable)?;
        }
        let known = |number: &u16| usize::from(*number) < page.texts.len();
        let verdict_holds = |verdict: &Verdict| {
            known(&verdict.revision) && verdict.code.iter().all(known) && verdict.message.iter().all(known)
        };
        let mark_holds = |mark: &u16| usize::from(*mark) <= page.verdicts.len();
        if page.marks.len() > EVENTS as usize
            || !page.verdicts.iter().all(verdict_holds)
            || !page.marks.iter().all(mark_holds)
            || !page.replaced.iter().all(|earlier| earlier.verdict > 0 && mark_holds(&earlier.verdict))
        {
            return Err(damaged("ends that refer to reasons which are not there".to_owned()));
        }
        Ok(page)
    }

    fn text(&mut self, text: &str) -> u16 {
        let known = self.texts.iter().rposition(|known| known == text);
        let number = known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        // A page has 1539 texts at most: three for each verdict.
        number as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(seed: usize) -> End {
        let states = [State::Delivered, State::Filtered, State::Failed, State::Dead];
        End {
            state: states[seed % 4],
            code: (!seed.is_multiple_of(4)).then(|| format!("code_{}", seed % 5)),
            message: (seed % 4 > 1).then(|| format!("message {seed}")),
            upload: seed.is_multiple_of(3).then_some(UploadId(seed as u64)),
            revision: format!("revision {}", seed % 2),
        }
    }

    #[test]
    fn ends_are_kept_word_for_word_and_the_first_one_stays() {
        let mut page = Page::default();
        for index in (0..256).rev().step_by(3) {
            assert!(page.set(index, &end(index)));
            assert!(!page.set(index, &end(index + 1)));
        }
        assert!(!page.set(256, &end(0)));
        let read = Page::parse(9, &page.render().unwrap()).unwrap();
        for index in 0..256 {
            assert_eq!(read.end(index), (index % 3 == 0).then(|| end(index)), "{index}");
        }
        assert_eq!((read.settled(), read.is_complete()), (1, false));
        assert_eq!(read.lowest_upload(), Some(UploadId(0)));
    }

    #[test]
    fn a_replaced_end_stands_beside_the_first_and_what_was_between_is_gone() {
        let mut page = Page::default();
        assert_eq!(page.replace(3, &end(1), ResendId(1)), None, "pending stays pending");
        for index in 0..256 {
            page.set(index, &end(index));
        }
        for round in 1..400 {
            for index in [0, 3, 255] {
                let before = page.end(index).unwrap().state;
                assert_eq!(
                    page.replace(index, &end(round * 1000 + index), ResendId(round as u64)),
                    Some(before)
                );
            }
        }
        assert!(page.verdicts.len() <= 2 * 256 && page.texts.len() <= 3 * 512);
        let read = Page::parse(0, &page.render().unwrap()).unwrap();
        assert_eq!(read, page);
        for index in 0..256 {
            let again = [0, 3, 255].contains(&index);
            let last = if again { end(399_000 + index) } else { end(index) };
            assert_eq!(read.end(index), Some(last), "{index}");
            let replaced = again.then(|| Replaced { first: end(index), by: ResendId(399) });
            assert_eq!(read.replaced(index), replaced, "{index}");
        }
        assert!(read.is_complete());
        assert_eq!(read.lowest_upload(), Some(UploadId(0)), "the first upload is still named");
    }

    #[test]
    fn what_a_longer_page_left_behind_is_not_read() {
        let mut page = Page::default();
        page.set(0, &end(1));
        page.replace(0, &end(2), ResendId(1));
        let mut bytes = page.render().unwrap();
        bytes.extend([7; 900]);
        assert_eq!(Page::parse(0, &bytes).unwrap(), page);
    }

    #[test]
    fn a_page_is_complete_with_its_last_event_and_small_when_the_ends_agree() {
        let mut page = Page::default();
        for index in 0..256 {
            assert!(!page.is_complete());
            page.set(index, &end(0));
        }
        assert!(page.is_complete());
        let length = page.render().unwrap().len();
        assert!(length < 300, "{length} bytes");
    }

    #[test]
    fn the_stored_form_of_states_stays_what_it_is() {
        let mut page = Page::default();
        for (index, state) in
            [State::Delivered, State::Filtered, State::Failed, State::Dead].into_iter().enumerate()
        {
            page.set(
                index,
                &End { state, code: None, message: None, upload: None, revision: "r".to_owned() },
            );
        }
        let expected =
            [1, 1, 1, b'r', 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 1, 2, 3, 4];
        assert_eq!(page.render().unwrap(), expected);
    }

    #[test]
    fn a_page_of_the_future_is_named_and_not_called_damage() {
        let error = Page::parse(0, &[7, 0, 0, 0]).unwrap_err().to_string();
        assert!(error.contains("format version `7`"), "{error}");
    }

    proptest! {
        #[test]
        fn mutated_pages_never_panic_and_never_read_as_half_a_page(
            mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let mut page = Page::default();
            for index in 0..40 {
                page.set(index, &end(index));
            }
            let mut bytes = page.render().unwrap();
            for (place, value) in mutations {
                let place = place.index(bytes.len() - 1) + 1;
                bytes[place] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(page) = Page::parse(0, &bytes) {
                for index in 0..300 {
                    let marked = page.marks.get(index).is_some_and(|mark| *mark > 0);
                    prop_assert_eq!(page.end(index).is_some(), marked);
                }
            }
        }
    }
}
