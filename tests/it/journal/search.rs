//! Finding events: an answer leaves nothing out, repeats nothing and goes on, whatever is indexed by then.

use super::damage::damage;
use super::subject::{START, Subject, all, end, event, events, fill, named, one_generation, small};
use std::fs;
use std::path::Path;
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{
    Effort, End, Facets, Journal, NewEvent, Query, Retention, Seq, Settling, Standing, State, Term,
};

/// A question in words, so that it can be answered without an index, too.
#[derive(Debug, Clone, Default)]
struct Asked {
    kind: Option<&'static str>,
    name: Option<&'static str>,
    user: Option<&'static str>,
    standing: Option<Standing>,
    code: Option<&'static str>,
    from: Option<i64>,
    to: Option<i64>,
}

impl Asked {
    fn query(&self) -> Query {
        let terms = [self.kind.map(Term::kind), self.name.map(Term::name), self.user.map(Term::user)];
        Query {
            terms: terms.into_iter().flatten().collect(),
            standing: self.standing,
            code: self.code.map(str::to_owned),
            from: self.from.map(|millis| Millis(START + millis)),
            to: self.to.map(|millis| Millis(START + millis)),
        }
    }

    fn holds(&self, event: &NewEvent, end: Option<&End>) -> bool {
        let facets = Facets::of(&event.body);
        let refused = event.refusal.as_ref();
        let state = if refused.is_some() { Some(State::Failed) } else { end.map(|end| end.state) };
        let standing = state.map_or(Standing::Pending, Standing::Ended);
        let code = end.and_then(|end| end.code.as_deref()).or(refused.map(|refusal| refusal.code.as_str()));
        let millis = event.received_at.0 - START;
        self.kind.is_none_or(|kind| facets.kind.eq_ignore_ascii_case(kind))
            && self.name.is_none_or(|name| facets.name.eq_ignore_ascii_case(name))
            && self.user.is_none_or(|user| facets.is_of(user))
            && self.standing.is_none_or(|asked| asked == standing)
            && self.code.is_none_or(|asked| code == Some(asked))
            && self.from.is_none_or(|from| millis >= from)
            && self.to.is_none_or(|to| millis < to)
    }
}

/// Questions that together use everything that can be asked for.
fn questions() -> Vec<Asked> {
    let asked = Asked::default;
    let standings = [State::Delivered, State::Filtered, State::Failed, State::Dead].map(Standing::Ended);
    let mut questions = vec![
        asked(),
        Asked { user: Some("user_3"), ..asked() },
        Asked { user: Some("nobody"), ..asked() },
        Asked { kind: Some("TRACK"), ..asked() },
        Asked { kind: Some("page"), ..asked() },
        Asked { name: Some("step 77"), ..asked() },
        Asked { name: Some("Step 77"), user: Some("user_0"), kind: Some("track"), ..asked() },
        Asked { name: Some("Step 77"), user: Some("user_1"), ..asked() },
        Asked { code: Some("code 1"), ..asked() },
        Asked { code: Some("missing_event_name"), ..asked() },
        Asked { code: Some("missing_event_name"), user: Some("user_4"), ..asked() },
        Asked { code: Some("nothing"), ..asked() },
        Asked { from: Some(90), to: Some(260), ..asked() },
        Asked { from: Some(90), to: Some(90), ..asked() },
        Asked { to: Some(120), user: Some("user_5"), ..asked() },
        Asked { standing: Some(Standing::Ended(State::Dead)), user: Some("user_2"), ..asked() },
        Asked { standing: Some(Standing::Ended(State::Failed)), code: Some("code 2"), ..asked() },
        Asked { standing: Some(Standing::Pending), code: Some("code 2"), ..asked() },
    ];
    questions.extend(
        standings.into_iter().chain([Standing::Pending]).map(|one| Asked { standing: Some(one), ..asked() }),
    );
    questions
}

/// Every place that is handed out for a query, page by page.
async fn candidates(journal: &dyn Journal, query: &Query, steps: u32) -> Vec<Seq> {
    let (mut found, mut at) = (Vec::new(), journal.end());
    while at > journal.kept_from() {
        let sought = journal.seek(query, at, &mut Effort::new(steps)).await.unwrap();
        assert!(sought.looked_to < at, "no way on from {at}");
        assert!(sought.places.iter().all(|place| (sought.looked_to..at).contains(place)));
        found.extend(sought.places);
        at = sought.looked_to;
    }
    assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "newest first and each once");
    found
}

/// Asserts that each question finds all it should; says how many places were handed out in vain.
async fn check(journal: &dyn Journal) -> usize {
    let known = all(journal).await;
    let mut in_vain = 0;
    for question in questions() {
        for steps in [1, 1000] {
            let found = candidates(journal, &question.query(), steps).await;
            let expected: Vec<Seq> = known
                .iter()
                .rev()
                .filter(|(_, event, end)| question.holds(event, end.as_ref()))
                .map(|(place, ..)| *place)
                .collect();
            assert!(
                expected.iter().all(|place| found.contains(place)),
                "{question:?} left out {:?}",
                expected.iter().find(|place| !found.contains(place))
            );
            in_vain += found.len() - expected.len();
        }
    }
    in_vain
}

/// Ends as delivery gives them: who was refused on ingest has failed, with that code.
fn ends(range: std::ops::Range<u64>) -> Settling {
    let end = |place: u64| match event(place).refusal {
        Some(refusal) => End { state: State::Failed, code: Some(refusal.code), ..end(place) },
        None => end(place),
    };
    Settling { upload: None, ends: range.map(|place| (Seq(place), end(place))).collect() }
}

/// Events of which some have ended, some in the last page, and some are refused.
async fn populate(journal: &dyn Journal, count: u64) {
    fill(journal, 0..count, 25).await;
    journal.settle(ends(0..count / 2)).await.unwrap();
    journal.settle(ends(count * 3 / 4..count - 20)).await.unwrap();
}

#[tokio::test]
async fn every_journal_finds_all_that_matches() {
    for subject in [Subject::memory(), Subject::sled()] {
        populate(&*subject.journal, 930).await;
        check(&*subject.journal).await;
        let subject = subject.reopened();
        check(&*subject.journal).await;
        journal_goes_on(&*subject.journal, 930).await;
    }
}

#[tokio::test]
async fn without_any_index_everything_is_looked_through_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), Options { index: false, ..small() }).unwrap();
    populate(&*journal, 930).await;
    journal.wait_until_indexed();
    assert!(check(&*journal).await > 930, "what no index rules out is handed out");
    assert!(indices(directory.path()).is_empty());
    journal_goes_on(&*journal, 930).await;
}

async fn journal_goes_on(journal: &dyn Journal, from: u64) {
    fill(journal, from..from + 150, 30).await;
    journal.settle(ends(from..from + 50)).await.unwrap();
    check(journal).await;
}

#[tokio::test]
async fn once_all_is_indexed_nothing_is_handed_out_in_vain() {
    let directory = tempfile::tempdir().unwrap();
    // Ends come by pages of 256 and generations of 100 do not, so both kinds of edges are crossed.
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    populate(&*journal, 930).await;
    journal.wait_until_indexed();
    let full = indices(directory.path());
    assert_eq!(full.len(), named(directory.path(), "gen-").len() - 1, "{full:?}");
    // Times are known by page only; everything else exactly.
    let by_time = |question: &Asked| question.from.is_some() || question.to.is_some();
    let of_time = questions().iter().filter(|question| by_time(question)).count();
    let in_vain = check(&*journal).await;
    assert!(of_time == 3 && in_vain < 2 * of_time * 512, "{in_vain} places in vain");
    drop((journal, store));
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    journal.wait_until_indexed();
    assert_eq!(check(&*journal).await, in_vain);
}

/// The index files there are.
fn indices(directory: &Path) -> Vec<std::path::PathBuf> {
    let generations = named(directory, "gen-").into_iter();
    generations.map(|name| directory.join(name).join("terms")).filter(|path| path.exists()).collect()
}

#[tokio::test]
async fn an_index_that_is_missing_or_damaged_is_made_anew_and_leaves_nothing_out_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    populate(&*journal, 930).await;
    journal.wait_until_indexed();
    let right: Vec<Vec<u8>> = indices(directory.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    // Found damaged while it is used.
    for (number, path) in (0..).zip(indices(directory.path())) {
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() - 1 - number * bytes.len() / 16;
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
    }
    check(&*journal).await;
    journal.wait_until_indexed();
    check(&*journal).await;
    drop((journal, store));
    // Found missing, cut, of another version, or as the half that a crash left.
    for (number, path) in indices(directory.path()).into_iter().enumerate() {
        let bytes = fs::read(&path).unwrap();
        match number % 4 {
            0 => fs::remove_file(&path).unwrap(),
            1 => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
            2 => fs::write(&path, [&[200], &bytes[1..]].concat()).unwrap(),
            _ => fs::rename(&path, path.with_extension("half")).unwrap(),
        }
    }
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    check(&*journal).await;
    journal.wait_until_indexed();
    check(&*journal).await;
    let made: Vec<Vec<u8>> = indices(directory.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(made == right, "an index depends on nothing but its events");
}

#[tokio::test]
async fn a_data_directory_from_before_there_were_indices_opens_and_gets_them() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
    populate(&*journal, 430).await;
    drop((journal, store));
    indices(directory.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    assert_eq!(all(&*journal).await.len(), 430);
    journal.wait_until_indexed();
    assert_eq!(indices(directory.path()).len(), named(directory.path(), "gen-").len() - 1);
    journal_goes_on(&*journal, 430).await;
}

#[tokio::test]
async fn a_dropped_generation_takes_its_index_along() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
    fill(&*journal, 0..450, 25).await;
    journal.settle(ends(0..450)).await.unwrap();
    journal.wait_until_indexed();
    let before = indices(directory.path()).len();
    let swept = journal.sweep(Retention { age: None, bytes: Some(0) }, Millis(START)).await.unwrap();
    assert!(swept.generations > 0);
    assert_eq!(indices(directory.path()).len(), before - swept.generations as usize);
    check(&*journal).await;
    journal.wait_until_indexed();
    check(&*journal).await;
}

#[tokio::test]
async fn lost_events_are_found_by_their_end_and_nothing_else_is_lost_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options { block_bytes: 4000, ..one_generation() };
    let (journal, store) = SledJournal::open(directory.path(), options()).unwrap();
    fill(&*journal, 0..900, 30).await;
    drop((journal, store));
    drop(SledJournal::open(directory.path(), options()).unwrap());
    damage(directory.path(), 450);
    let (journal, _store) = SledJournal::open(directory.path(), options()).unwrap();
    journal.wait_until_indexed();
    let mut lost = Vec::new();
    let mut at = Seq(0);
    while let Some(block) = journal.block_from(at).await.unwrap() {
        lost.extend(block.iter().filter(|(_, entry)| entry.is_lost).map(|(place, _)| place));
        at = block.end();
    }
    assert!(lost.contains(&Seq(450)) && lost.len() < 900);
    journal
        .settle(Settling { upload: None, ends: lost.iter().map(|at| (*at, End::lost())).collect() })
        .await
        .unwrap();
    let query = Query { code: Some(End::LOST.to_owned()), ..Query::default() };
    let mut found = candidates(&*journal, &query, 1000).await;
    found.reverse();
    assert_eq!(found, lost);
    check(&*journal).await;
}

#[tokio::test]
async fn going_on_neither_skips_nor_repeats_while_events_arrive_and_generations_change() {
    for subject in [Subject::memory(), Subject::sled()] {
        let journal = subject.journal;
        fill(&*journal, 0..500, 20).await;
        let query = Asked { user: Some("user_3"), ..Asked::default() }.query();
        let (mut found, mut at, mut next) = (Vec::new(), journal.end(), 500);
        while at > journal.kept_from() {
            let sought = journal.seek(&query, at, &mut Effort::new(1)).await.unwrap();
            found.extend(sought.places);
            at = sought.looked_to;
            journal.append(events(next..next + 60)).await.unwrap();
            next += 60;
        }
        let expected = (0..500).rev().filter(|number| number % 7 == 3).map(Seq);
        let all_in_order = found.windows(2).all(|pair| pair[0] > pair[1]);
        assert!(all_in_order && expected.into_iter().all(|place| found.contains(&place)));
    }
}

#[tokio::test]
async fn a_persons_places_are_exact_and_come_newest_first() {
    for subject in [Subject::memory(), Subject::sled()] {
        let journal = subject.journal;
        fill(&*journal, 0..400, 25).await;
        let own = |number: u64, body: &str| NewEvent { body: body.into(), ..event(number) };
        let bodies = [
            r#"{"type":"identify","userId":"jane","anonymousId":"a-1"}"#,
            r#"{"type":"page","anonymousId":"jane"}"#,
            r#"{"type":"page","userId":"jane-2","traits":{"userId":"jane"}}"#,
            r#"{"type":"page","userId":"x","user\u0049d":"jane"}"#,
            r#"{"type":"page","userId":"Jane"}"#,
        ];
        let events = bodies.iter().zip(500..).map(|(body, number)| own(number, body)).collect();
        journal.append(events).await.unwrap();
        fill(&*journal, 600..900, 25).await;
        let (mut found, mut next) = (Vec::new(), Some(journal.end()));
        while let Some(before) = next {
            let places = journal.places_of("jane", before).await.unwrap();
            found.extend(places.places);
            next = places.next;
        }
        assert_eq!(found, [403, 401, 400].map(Seq));
        assert!(journal.places_of("", journal.end()).await.unwrap().places.is_empty());
    }
}
