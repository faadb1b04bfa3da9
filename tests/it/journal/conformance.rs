//! What holds for every journal and every store, run for each.

use super::subject::{START, Subject, all, end, ends, event, events, fill, holds_for_every_journal, note};
use std::sync::Arc;
use tapline::clock::Millis;
use tapline::journal::{
    Appended, Block, Counts, NewEvent, Replaced, ResendId, Seq, Settling, State, Table, UploadId,
};

holds_for_every_journal! {
    events_are_numbered_in_order_and_read_back_as_they_were_given,
    a_repetition_is_answered_with_the_place_of_the_first,
    a_key_is_new_again_after_a_day,
    of_many_concurrent_repetitions_one_is_stored,
    concurrent_appends_keep_the_order_within_each,
    blocks_are_found_from_any_place_both_ways,
    growth_is_told,
    ends_are_kept_word_for_word_and_the_first_one_stays,
    an_end_is_replaced_on_purpose_only_and_the_first_is_kept,
    however_often_ends_are_replaced_each_event_is_counted_once,
    everything_before_settled_until_has_ended_and_nothing_at_it,
    ends_of_events_that_are_not_there_change_nothing,
    at_every_moment_each_event_is_counted_once,
    upload_numbers_never_repeat_and_notes_are_kept,
    a_row_is_what_was_put_last,
    of_many_concurrent_swaps_one_succeeds,
    the_same_story_is_told_as_by_the_plain_model,
}

fn stored(places: std::ops::Range<u64>) -> Vec<Appended> {
    places.map(|place| Appended::Stored(Seq(place))).collect()
}

async fn events_are_numbered_in_order_and_read_back_as_they_were_given(subject: Subject) {
    assert_eq!(subject.journal.end(), Seq(0));
    assert_eq!(all(&*subject.journal).await, []);
    assert_eq!(subject.journal.append(Vec::new()).await.unwrap(), []);
    assert_eq!(subject.journal.append(events(0..3)).await.unwrap(), stored(0..3));
    let subject = subject.reopened();
    assert_eq!(subject.journal.append(events(3..250)).await.unwrap(), stored(3..250));
    let subject = subject.reopened();
    assert_eq!(subject.journal.end(), Seq(250));
    let found = all(&*subject.journal).await;
    assert_eq!(found.len(), 250);
    for (number, (place, found, end)) in (0..).zip(found) {
        let given = event(number);
        assert_eq!(
            (place, found.received_at, found.refusal),
            (Seq(number), given.received_at, given.refusal)
        );
        assert_eq!((found.body, end), (given.body, None));
    }
}

async fn a_repetition_is_answered_with_the_place_of_the_first(subject: Subject) {
    let batch = vec![event(1), event(2), event(1), event(3)];
    let one = [Seq(0), Seq(1), Seq(2)].map(Appended::Stored);
    let answers = subject.journal.append(batch).await.unwrap();
    assert_eq!(answers, [one[0], one[1], Appended::Duplicate(Seq(0)), one[2]]);
    let subject = subject.reopened();
    let answers = subject.journal.append(vec![event(3), event(4), event(2)]).await.unwrap();
    let expected = [Appended::Duplicate(Seq(2)), Appended::Stored(Seq(3)), Appended::Duplicate(Seq(1))];
    assert_eq!(answers, expected);
    assert_eq!(subject.journal.end(), Seq(4));
    assert_eq!(subject.journal.counts().accepted, 4);
}

async fn a_key_is_new_again_after_a_day(subject: Subject) {
    let day = 24 * 60 * 60 * 1000;
    let at = |millis: i64| NewEvent { received_at: Millis(START + millis), ..event(1) };
    subject.journal.append(vec![at(0)]).await.unwrap();
    let subject = subject.reopened();
    for (millis, expected) in [
        (day, Appended::Duplicate(Seq(0))),
        (day + 1, Appended::Stored(Seq(1))),
        (day + 2, Appended::Duplicate(Seq(1))),
        (2 * day + 1, Appended::Duplicate(Seq(1))),
    ] {
        assert_eq!(subject.journal.append(vec![at(millis)]).await.unwrap(), [expected], "after {millis} ms");
    }
}

async fn of_many_concurrent_repetitions_one_is_stored(subject: Subject) {
    let tasks: Vec<_> = (0..40_u64)
        .map(|i| {
            let journal = subject.journal.clone();
            tokio::spawn(async move { journal.append(vec![event(i % 4)]).await.unwrap()[0] })
        })
        .collect();
    let mut answers = Vec::new();
    for (i, task) in (0..).zip(tasks) {
        answers.push((i % 4, task.await.unwrap()));
    }
    for key in 0..4 {
        let of_key = || answers.iter().filter(|(k, _)| *k == key).map(|(_, answer)| *answer);
        let first: Vec<_> = of_key().filter(|answer| matches!(answer, Appended::Stored(_))).collect();
        let [Appended::Stored(place)] = first[..] else { panic!("key {key} was stored as {first:?}") };
        assert_eq!(of_key().filter(|answer| *answer == Appended::Duplicate(place)).count(), 9, "key {key}");
    }
    assert_eq!(subject.journal.end(), Seq(4));
}

async fn concurrent_appends_keep_the_order_within_each(subject: Subject) {
    let tasks: Vec<_> = (0..20_u64)
        .map(|i| {
            let journal = subject.journal.clone();
            tokio::spawn(async move { journal.append(events(i * 100..i * 100 + 30)).await.unwrap() })
        })
        .collect();
    let mut places = Vec::new();
    for (i, task) in (0..20_u64).zip(tasks) {
        for (k, answer) in (0..).zip(task.await.unwrap()) {
            let Appended::Stored(place) = answer else { panic!("{answer:?}") };
            places.push((place, i * 100 + k));
        }
    }
    assert!(places.chunks(30).all(|call| call.is_sorted()));
    places.sort();
    let found = all(&*subject.reopened().journal).await;
    assert_eq!(found.len(), 600);
    for ((place, number), (at, found, _)) in places.into_iter().zip(found) {
        assert_eq!((place, event(number).body), (at, found.body));
    }
}

async fn blocks_are_found_from_any_place_both_ways(subject: Subject) {
    fill(&*subject.journal, 0..70, 1).await;
    fill(&*subject.journal, 70..330, 26).await;
    let subject = subject.reopened();
    let mut blocks: Vec<Arc<Block>> = Vec::new();
    while let Some(block) =
        subject.journal.block_from(blocks.last().map_or(Seq(0), |b| b.end())).await.unwrap()
    {
        assert_eq!(block.first, blocks.last().map_or(Seq(0), |b| b.end()));
        assert!(!block.entries.is_empty());
        blocks.push(block);
    }
    assert_eq!(blocks.last().unwrap().end(), Seq(330));
    for at in 0..330 {
        let holding = blocks.iter().find(|block| block.get(Seq(at)).is_some());
        assert_eq!(subject.journal.block_from(Seq(at)).await.unwrap().as_ref(), holding, "from {at}");
        assert_eq!(
            subject.journal.block_before(Seq(at + 1)).await.unwrap().as_ref(),
            holding,
            "before {}",
            at + 1
        );
    }
    assert_eq!(subject.journal.block_from(Seq(330)).await.unwrap(), None);
    assert_eq!(subject.journal.block_from(Seq(u64::MAX)).await.unwrap(), None);
    assert_eq!(subject.journal.block_before(Seq(0)).await.unwrap(), None);
    assert_eq!(subject.journal.block_before(Seq(u64::MAX)).await.unwrap().as_ref(), blocks.last());
}

async fn growth_is_told(subject: Subject) {
    let mut grown = subject.journal.grown();
    assert_eq!(*grown.borrow_and_update(), Seq(0));
    let journal = subject.journal.clone();
    let appending = tokio::spawn(async move { fill(&*journal, 0..10, 5).await });
    let last = *grown.wait_for(|end| *end == Seq(10)).await.unwrap();
    appending.await.unwrap();
    subject.journal.append(events(0..10)).await.unwrap();
    assert_eq!(last, subject.journal.end());
    assert!(!grown.has_changed().unwrap(), "repetitions do not grow the log");
    let subject = subject.reopened();
    assert_eq!(*subject.journal.grown().borrow(), Seq(10));
}

async fn ends_are_kept_word_for_word_and_the_first_one_stays(subject: Subject) {
    fill(&*subject.journal, 0..300, 300).await;
    let mut settling = ends(20..280);
    settling.ends.retain(|(place, _)| place.0.is_multiple_of(2));
    settling.ends.reverse();
    subject.journal.settle(settling).await.unwrap();
    let counts = subject.journal.counts();
    let subject = subject.reopened();
    let later = (20..280).step_by(2).map(|place| (Seq(place), end(place + 1))).collect();
    subject.journal.settle(Settling { upload: None, ends: later }).await.unwrap();
    subject
        .journal
        .settle(Settling { upload: None, ends: vec![(Seq(1), end(1)), (Seq(1), end(2))] })
        .await
        .unwrap();
    let subject = subject.reopened();
    for (place, _, found) in all(&*subject.journal).await {
        let ended = (20..280).contains(&place.0) && place.0.is_multiple_of(2) || place == Seq(1);
        assert_eq!(found, ended.then(|| end(place.0)), "{place}");
    }
    let filtered = counts.filtered + 1;
    assert_eq!(subject.journal.counts(), Counts { filtered, pending: counts.pending - 1, ..counts });
}

async fn an_end_is_replaced_on_purpose_only_and_the_first_is_kept(subject: Subject) {
    fill(&*subject.journal, 0..600, 200).await;
    subject.journal.settle(ends(0..300)).await.unwrap();
    let before = subject.journal.counts();
    let upload = UploadId(900);
    // Behind and above what is settled, pending ones, ones that are not there, and one twice.
    let places = [3, 3, 255, 256, 299, 300, 599, 600, 7000, u64::MAX];
    let again = places.iter().map(|place| (Seq(*place), end(place % 600 + 1))).collect();
    let settling = Settling { upload: Some(note(upload)), ends: again };
    subject.journal.replace(ResendId(7), settling).await.unwrap();
    let subject = subject.reopened();
    assert_eq!(subject.journal.upload(upload).await.unwrap(), Some(note(upload)));
    assert_eq!((subject.journal.end(), subject.journal.settled_until()), (Seq(600), Seq(300)));
    for (place, _, found) in all(&*subject.journal).await {
        let replaced = [3, 255, 256, 299].contains(&place.0);
        let expected = if replaced { place.0 + 1 } else { place.0 };
        assert_eq!(found, (place.0 < 300).then(|| end(expected)), "{place}");
        let block = subject.journal.block_from(place).await.unwrap().unwrap();
        let of_block = subject.journal.replaced(&block).await.unwrap();
        assert_eq!(of_block.len(), block.entries.len());
        let first = replaced.then(|| Replaced { first: end(place.0), by: ResendId(7) });
        assert_eq!(of_block[(place.0 - block.first.0) as usize], first, "{place}");
    }
    // Each of the four went from one state to the next: 3→4, 255→256, 256→257, 299→300.
    let Counts { delivered, filtered, failed, dead, .. } = before;
    let expected =
        Counts { delivered: delivered + 2, filtered: filtered + 1, failed, dead: dead - 3, ..before };
    assert_eq!(subject.journal.counts(), expected);
    // What delivery says of it later changes nothing any more.
    subject.journal.settle(ends(0..10)).await.unwrap();
    assert_eq!(subject.journal.counts(), expected);
}

async fn however_often_ends_are_replaced_each_event_is_counted_once(subject: Subject) {
    fill(&*subject.journal, 0..300, 100).await;
    subject.journal.settle(ends(0..280)).await.unwrap();
    let mut subject = subject;
    for round in 1..30 {
        let again = (0..300).step_by(round as usize).map(|place| (Seq(place), end(place * 7 + round)));
        let settling = Settling { upload: None, ends: again.collect() };
        subject.journal.replace(ResendId(round), settling).await.unwrap();
        if round % 10 == 0 {
            subject = subject.reopened();
        }
        let mut counted = Counts { accepted: 300, ..Counts::default() };
        for (_, _, end) in all(&*subject.journal).await {
            *match end.map(|end| end.state) {
                None => &mut counted.pending,
                Some(State::Delivered) => &mut counted.delivered,
                Some(State::Filtered) => &mut counted.filtered,
                Some(State::Failed) => &mut counted.failed,
                Some(State::Dead) => &mut counted.dead,
            } += 1;
        }
        assert_eq!(subject.journal.counts(), counted, "round {round}");
        assert_eq!(counted.pending, 20);
    }
}

async fn everything_before_settled_until_has_ended_and_nothing_at_it(subject: Subject) {
    fill(&*subject.journal, 0..600, 200).await;
    let mut subject = subject;
    // Out of order, over the edges of pages, blocks and generations, with a repetition.
    for (range, expected) in [
        (1..256, 0),
        (300..512, 0),
        (0..1, 256),
        (256..299, 299),
        (290..300, 512),
        (512..513, 513),
        (514..600, 513),
        (513..514, 600),
    ] {
        subject.journal.settle(ends(range.clone())).await.unwrap();
        assert_eq!(subject.journal.settled_until(), Seq(expected), "{range:?}");
        subject = subject.reopened();
        assert_eq!(subject.journal.settled_until(), Seq(expected), "{range:?}, opened again");
    }
    fill(&*subject.journal, 600..601, 1).await;
    assert_eq!(subject.journal.settled_until(), Seq(600));
    assert_eq!(subject.journal.counts().pending, 1);
}

async fn ends_of_events_that_are_not_there_change_nothing(subject: Subject) {
    fill(&*subject.journal, 0..5, 5).await;
    let before = subject.journal.counts();
    let upload = Some(note(UploadId(3)));
    let settling =
        Settling { upload, ends: vec![(Seq(5), end(5)), (Seq(700), end(0)), (Seq(u64::MAX), end(0))] };
    subject.journal.settle(settling).await.unwrap();
    assert_eq!(subject.journal.counts(), before);
    fill(&*subject.journal, 5..6, 1).await;
    let subject = subject.reopened();
    assert!(all(&*subject.journal).await.iter().all(|(_, _, end)| end.is_none()));
    assert_eq!(subject.journal.settled_until(), Seq(0));
    assert_eq!(subject.journal.upload(UploadId(3)).await.unwrap(), Some(note(UploadId(3))));
}

async fn at_every_moment_each_event_is_counted_once(subject: Subject) {
    let appending: Vec<_> = (0..4_u64)
        .map(|i| {
            let journal = subject.journal.clone();
            tokio::spawn(async move {
                for k in 0..10 {
                    let answers =
                        journal.append(events(i * 1000 + k * 9..i * 1000 + k * 9 + 10)).await.unwrap();
                    for answer in answers {
                        if let Appended::Stored(place) = answer {
                            journal
                                .settle(ends(place.0..place.0 + u64::from(place.0 % 5 > 0)))
                                .await
                                .unwrap();
                        }
                    }
                }
            })
        })
        .collect();
    let adds_up = |counts: Counts| {
        let Counts { accepted, delivered, filtered, failed, dead, pending } = counts;
        assert_eq!(accepted, delivered + filtered + failed + dead + pending, "{counts:?}");
    };
    while appending.iter().any(|task| !task.is_finished()) {
        adds_up(subject.journal.counts());
        tokio::task::yield_now().await;
    }
    for task in appending {
        task.await.unwrap();
    }
    let counts = subject.journal.counts();
    adds_up(counts);
    assert_eq!((counts.accepted, counts.pending), (364, 73));
    let states =
        |state: State| (0..364).filter(|place| place % 5 > 0 && end(*place).state == state).count() as u64;
    assert_eq!(counts.filtered, states(State::Filtered));
    assert_eq!(counts.dead, states(State::Dead));
    assert_eq!(subject.reopened().journal.counts(), counts);
}

async fn upload_numbers_never_repeat_and_notes_are_kept(subject: Subject) {
    let mut given = std::collections::BTreeSet::new();
    let mut subject = subject;
    for round in 0..3_u64 {
        for _ in 0..700 {
            let id = subject.journal.next_upload();
            assert!(given.insert(id), "{id:?} was given twice");
        }
        let id = subject.journal.next_upload();
        given.insert(id);
        fill(&*subject.journal, round..round + 1, 1).await;
        let settling = Settling { upload: Some(note(id)), ends: vec![(Seq(round), end(round))] };
        subject.journal.settle(settling).await.unwrap();
        subject = subject.reopened();
        assert_eq!(subject.journal.upload(id).await.unwrap(), Some(note(id)));
    }
    assert_eq!(subject.journal.upload(UploadId(1)).await.unwrap(), None);
}

async fn a_row_is_what_was_put_last(subject: Subject) {
    let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    subject.store.put(Table::Users, b"jane", Some(b"1")).unwrap();
    subject.store.put(Table::Users, b"adam", Some(b"2")).unwrap();
    subject.store.put(Table::Users, b"jane", Some(b"3")).unwrap();
    subject.store.put(Table::Sessions, b"jane", Some(b"other table")).unwrap();
    let changes =
        [(b"zoe".to_vec(), Some(b"4".to_vec())), (b"adam".to_vec(), None), (b"gone".to_vec(), None)];
    subject.store.put_all(Table::Users, &changes).unwrap();
    let subject = subject.reopened();
    assert_eq!(subject.store.get(Table::Users, b"jane").unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(subject.store.get(Table::Users, b"adam").unwrap(), None);
    assert_eq!(subject.store.list(Table::Users).unwrap(), [pair("jane", "3"), pair("zoe", "4")]);
    assert_eq!(subject.store.list(Table::Setup).unwrap(), []);
    assert!(!subject.store.swap(Table::Users, b"jane", None, Some(b"5")).unwrap());
    assert!(!subject.store.swap(Table::Users, b"jane", Some(b"2"), Some(b"5")).unwrap());
    assert!(subject.store.swap(Table::Users, b"jane", Some(b"3"), None).unwrap());
    assert!(subject.store.swap(Table::Users, b"jane", None, Some(b"6")).unwrap());
    let subject = subject.reopened();
    assert_eq!(subject.store.get(Table::Users, b"jane").unwrap().as_deref(), Some(&b"6"[..]));
    assert_eq!(subject.store.get(Table::Sessions, b"jane").unwrap().as_deref(), Some(&b"other table"[..]));
}

async fn of_many_concurrent_swaps_one_succeeds(subject: Subject) {
    let swaps: Vec<_> = (0..16_u8)
        .map(|i| {
            let store = subject.store.clone();
            tokio::task::spawn_blocking(move || store.swap(Table::Setup, b"setup", None, Some(&[i])).unwrap())
        })
        .collect();
    let mut winners = Vec::new();
    for (i, swap) in (0..16_u8).zip(swaps) {
        if swap.await.unwrap() {
            winners.push(vec![i]);
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(subject.store.get(Table::Setup, b"setup").unwrap(), winners.pop());
}

/// A run of appends, repetitions, settlings and reopenings that follows from a seed, against the plainest model.
async fn the_same_story_is_told_as_by_the_plain_model(subject: Subject) {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut model, mut subject): (Vec<(u64, Option<u64>)>, _) = (Vec::new(), subject);
    for _ in 0..120 {
        match random(10) {
            0..=4 => {
                let numbers: Vec<u64> = (0..random(20)).map(|_| random(900)).collect();
                let answers =
                    subject.journal.append(numbers.iter().map(|n| event(*n)).collect()).await.unwrap();
                for (number, answer) in numbers.into_iter().zip(answers) {
                    let known = model.iter().position(|(n, _)| *n == number);
                    let expected = known.map_or(Appended::Stored(Seq(model.len() as u64)), |i| {
                        Appended::Duplicate(Seq(i as u64))
                    });
                    assert_eq!(answer, expected);
                    if known.is_none() {
                        model.push((number, None));
                    }
                }
            }
            5..=8 => {
                let settled = model.iter().take_while(|(_, end)| end.is_some()).count() as u64;
                let places: Vec<u64> = (0..random(60)).map(|_| settled + random(40)).collect();
                let number = random(1000);
                let ends = places.iter().map(|place| (Seq(*place), end(number))).collect();
                subject.journal.settle(Settling { upload: None, ends }).await.unwrap();
                for place in places {
                    if let Some((_, end @ None)) = model.get_mut(place as usize) {
                        *end = Some(number);
                    }
                }
            }
            _ => subject = subject.reopened(),
        }
        let settled = model.iter().take_while(|(_, end)| end.is_some()).count() as u64;
        assert_eq!(subject.journal.end(), Seq(model.len() as u64));
        assert_eq!(subject.journal.settled_until(), Seq(settled));
        assert_eq!(
            subject.journal.counts().pending,
            model.iter().filter(|(_, end)| end.is_none()).count() as u64
        );
    }
    let found = all(&*subject.journal).await;
    assert_eq!(found.len(), model.len());
    for ((number, ended), (_, found, found_end)) in model.into_iter().zip(found) {
        assert_eq!((found.body, found_end), (event(number).body, ended.map(end)));
    }
}
