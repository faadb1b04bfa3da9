//! What holds for every journal about erased events.

use super::subject::{Subject, all, ends, event, fill, holds_for_every_journal};
use tapline::clock::Millis;
use tapline::journal::{Appended, Erasure, Seq};

holds_for_every_journal! {
    what_is_erased_is_gone_for_every_reader_and_its_end_and_count_stay,
    erasing_again_and_erasing_more_share_what_was_erased,
}

fn erasures(places: impl IntoIterator<Item = u64>) -> Vec<Erasure> {
    places.into_iter().map(|place| Erasure::whole(Seq(place))).collect()
}

async fn what_is_erased_is_gone_for_every_reader_and_its_end_and_count_stay(subject: Subject) {
    fill(&*subject.journal, 0..250, 7).await;
    subject.journal.settle(ends(0..240)).await.unwrap();
    let (counts, told) = (subject.journal.counts(), all(&*subject.journal).await);
    let remains = br#"{"type":"delete"}"#.to_vec();
    // 11 was refused on ingest; 9999 is not there.
    let mut asked = erasures([3, 11, 99, 100, 9999]);
    asked.push(Erasure { at: Seq(200), remains: remains.clone() });
    subject.journal.erase(asked, Millis(77)).await.unwrap();
    let check = async |journal: &dyn tapline::journal::Journal| {
        assert_eq!(journal.counts(), counts);
        let found = all(journal).await;
        assert_eq!(found.len(), told.len());
        for (found, told) in found.into_iter().zip(&told) {
            let (place, event, end) = found;
            assert_eq!((place, event.received_at, &end), (told.0, told.1.received_at, &told.2));
            match place.0 {
                3 | 11 | 99 | 100 => assert!(event.body.is_empty() && event.refusal.is_none(), "{place}"),
                200 => assert_eq!(event.body, remains),
                _ => assert_eq!((event.body, event.refusal), (told.1.body.clone(), told.1.refusal.clone())),
            }
            let block = journal.block_before(place.next()).await.unwrap().unwrap();
            let is_erased = [3, 11, 99, 100, 200].contains(&place.0);
            assert_eq!(block.get(place).unwrap().erased_at, is_erased.then_some(Millis(77)), "{place}");
        }
    };
    check(&*subject.journal).await;
    let subject = subject.reopened();
    check(&*subject.journal).await;
    subject.journal.purge().await.unwrap();
    assert_eq!(subject.journal.unpurged(), 0);
    check(&*subject.journal).await;
    let subject = subject.reopened();
    check(&*subject.journal).await;
    // It is still known what a repetition is, and the log goes on.
    let answers = subject.journal.append(vec![event(100), event(3), event(250)]).await.unwrap();
    let expected = [Appended::Duplicate(Seq(100)), Appended::Duplicate(Seq(3)), Appended::Stored(Seq(250))];
    assert_eq!(answers, expected);
    subject.journal.settle(ends(240..251)).await.unwrap();
    assert_eq!((subject.journal.settled_until(), subject.journal.counts().pending), (Seq(251), 0));
}

async fn erasing_again_and_erasing_more_share_what_was_erased(subject: Subject) {
    fill(&*subject.journal, 0..120, 10).await;
    subject.journal.erase(erasures([5]), Millis(1)).await.unwrap();
    subject.journal.purge().await.unwrap();
    subject.journal.erase(erasures([6, 119]), Millis(2)).await.unwrap();
    let subject = subject.reopened();
    subject.journal.purge().await.unwrap();
    subject.journal.purge().await.unwrap();
    subject.journal.erase(Vec::new(), Millis(3)).await.unwrap();
    for (place, at) in [(4, None), (5, Some(1)), (6, Some(2)), (119, Some(2))] {
        let block = subject.journal.block_from(Seq(place)).await.unwrap().unwrap();
        assert_eq!(block.get(Seq(place)).unwrap().erased_at, at.map(Millis), "{place}");
    }
    fill(&*subject.journal, 120..130, 3).await;
    assert_eq!(all(&*subject.journal).await.len(), 130);
}
