//! Every kind of fault of the simulator, over real HTTP: everything arrives or is listed, nothing twice without need.

use super::rig::{Rig, all, said, simulator, sorted, taken, track, tracks};
use serde_json::json;
use std::collections::BTreeSet;
use tapline::journal::State;

#[tokio::test]
async fn hundreds_of_events_arrive_once_each() {
    let simulator = simulator(&[]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(600, 200)).await;
    let delivery = rig.start();
    delivery.idle().await;
    assert_eq!(sorted(taken(&simulator)), all(600));
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 600)].into());
    let tally = simulator.tally();
    assert!(tally.uploads < 100, "600 events of 200 users took {} uploads", tally.uploads);
    let totals = rig.status.totals();
    assert_eq!((totals.sent, totals.delivered, totals.retried, totals.rejected), (600, 600, 0, 0));
    assert_eq!(rig.status.backlog().iter().sum::<usize>(), 0);
    assert_eq!(
        rig.status.last_answer().map(|answer| (answer.status, answer.words)),
        Some((Some(200), "success".into()))
    );
}

#[tokio::test]
async fn a_fault_before_anything_is_taken_delays_and_doubles_nothing() {
    let faults = [
        "503:rate=0.3",
        "500:first=20",
        "429:rate=0.3",
        "504:rate=0.3",
        "408:first=5",
        "404:first=5",
        "reset:rate=0.3",
        "html:rate=0.3",
        "empty:rate=0.3",
        "slow:ms=15",
        "partial:share=0.3",
        "partial:share=0.3,code=429",
    ];
    for fault in faults {
        let simulator = simulator(&[fault]).await;
        let rig = Rig::new(&simulator.base_url());
        rig.accept(tracks(300, 100)).await;
        let delivery = rig.start();
        delivery.idle().await;
        assert_eq!(sorted(taken(&simulator)), all(300), "{fault}");
        assert_eq!(rig.tally().await, [("delivered".to_owned(), 300)].into(), "{fault}");
        assert_eq!(simulator.tally().too_many, 0, "{fault}");
    }
}

#[tokio::test]
async fn a_cut_after_everything_was_taken_doubles_no_more_than_the_uploads_cut() {
    let simulator = simulator(&["cut:first=4"]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(300, 100)).await;
    let delivery = rig.start();
    delivery.idle().await;
    let taken = taken(&simulator);
    let distinct: BTreeSet<u64> = taken.iter().copied().collect();
    assert_eq!(distinct, all(300).into_iter().collect());
    assert!(taken.len() > 300, "the fault was not seen");
    let resent = rig.status.totals().retried as usize;
    assert!(taken.len() - 300 <= resent, "{} doubled, {resent} in doubt", taken.len() - 300);
}

#[tokio::test]
async fn all_faults_together_lose_nothing() {
    let faults = [
        "503:rate=0.1",
        "reset:rate=0.1",
        "cut:rate=0.05",
        "html:rate=0.05",
        "partial:share=0.1",
        "slow:ms=3",
    ];
    let simulator = simulator(&faults).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(1_000, 150)).await;
    let delivery = rig.start();
    delivery.idle().await;
    assert_eq!(taken(&simulator).into_iter().collect::<BTreeSet<_>>(), all(1_000).into_iter().collect());
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1_000)].into());
}

#[tokio::test]
async fn only_the_refused_records_become_dead_letters() {
    let simulator = simulator(&["partial:share=0.3,code=528"]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(400, 400)).await;
    let delivery = rig.start();
    delivery.idle().await;
    let ends = rig.ends().await;
    let delivered = |n: &u64| ends[*n as usize].as_ref().is_some_and(|end| end.state == State::Delivered);
    let (arrived, dead): (Vec<u64>, Vec<u64>) = all(400).into_iter().partition(delivered);
    assert_eq!(sorted(taken(&simulator)), arrived);
    assert!((80..160).contains(&dead.len()), "{}", dead.len());
    for n in dead {
        let end = ends[n as usize].as_ref().unwrap();
        assert_eq!((end.state, end.code.as_deref()), (State::Dead, Some("clevertap_528")));
        assert!(end.upload.is_some());
    }
    assert_eq!(rig.status.totals().retried, 0);
}

#[tokio::test]
async fn a_record_that_spoils_the_whole_upload_is_found_and_its_neighbours_arrive() {
    for culprits in [vec![17], vec![0], vec![39], vec![3, 4, 30]] {
        let simulator = simulator(&[]).await;
        let mut rig = Rig::new(&simulator.base_url());
        rig.policy.batch.strict = 0;
        let event = |n| match culprits.contains(&n) {
            true => said("user_1", vec![json!("not a record")]),
            false => track("user_1", n),
        };
        rig.accept((0..40).map(event)).await;
        let delivery = rig.start();
        delivery.idle().await;
        let good: Vec<u64> = all(40).into_iter().filter(|n| !culprits.contains(n)).collect();
        assert_eq!(taken(&simulator), good, "{culprits:?}");
        let expected =
            [("delivered".to_owned(), good.len()), ("malformed_request".to_owned(), culprits.len())];
        assert_eq!(rig.tally().await, expected.into());
        assert!(simulator.tally().uploads < 30, "{} uploads", simulator.tally().uploads);
    }
}

#[tokio::test]
async fn a_spoilt_record_beside_a_good_one_in_the_same_event_is_told_apart() {
    let simulator = simulator(&[]).await;
    let rig = Rig::new(&simulator.base_url());
    let records = vec![super::rig::record("user_1", 0), json!(5), super::rig::record("user_1", 1)];
    rig.accept([said("user_1", records)]).await;
    let delivery = rig.start();
    delivery.idle().await;
    assert_eq!(taken(&simulator), [0, 1]);
    assert_eq!(rig.tally().await, [("malformed_request".to_owned(), 1)].into());
}

#[tokio::test]
async fn what_clevertap_says_of_a_person_stays_out_of_the_journal() {
    let simulator = simulator(&[]).await;
    let rig = Rig::new(&simulator.base_url());
    let data = json!({"Email": "canary example.com", "Phone": "canary"});
    rig.accept([said("u", vec![json!({"type": "profile", "identity": "u", "profileData": data})])]).await;
    let delivery = rig.start();
    delivery.idle().await;
    let end = rig.ends().await.pop().flatten().unwrap();
    assert_eq!(end.code.as_deref(), Some("clevertap_515"));
    assert_eq!(end.message.as_deref(), Some("CleverTap refused a record: `Email` is not valid"));
    assert!(!format!("{:?}", rig.status).contains("canary"));
}

#[tokio::test]
async fn no_more_than_twelve_uploads_are_in_flight() {
    let simulator = simulator(&["slow:ms=30"]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(2_000, 500)).await;
    let delivery = rig.start();
    delivery.idle().await;
    let tally = simulator.tally();
    assert_eq!(tally.most_in_flight, 12, "every lane is at work, and none twice");
    assert_eq!(tally.too_many, 0);
    assert_eq!(tally.taken, 2_000);
}

#[tokio::test]
async fn an_upload_carries_no_more_than_a_thousand_records() {
    let simulator = simulator(&[]).await;
    let mut rig = Rig::new(&simulator.base_url());
    rig.policy.batch.strict = 0;
    rig.accept((0..2_500).map(|n| track("user_1", n))).await;
    let delivery = rig.start();
    delivery.idle().await;
    assert_eq!(taken(&simulator), all(2_500));
    assert!(simulator.tally().most_records <= 1_000);
    assert!(simulator.tally().most_records > 500);
}
