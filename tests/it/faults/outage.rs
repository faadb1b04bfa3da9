use super::sums::{SumsWatch, assert_ends, assert_order};
use crate::delivery::rig::{Rig, number, track, tracks};
use crate::delivery::script::{Script, Upload, answer, cut, partial, success};
use crate::support::figure::{self, Fault};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tapline::delivery::{DeliveryStatus, Reply};
use tapline::journal::Journal;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How an upload is answered.
type Answers = fn(&[Value]) -> Reply;

/// A CleverTap that answers by `down` for so long and takes everything afterwards, 50 ms each.
fn down_for(lasts: Duration, down: impl Fn(&[Value]) -> Reply + Send + Sync + 'static) -> Arc<Script> {
    let begun = Instant::now();
    let answer =
        move |_, records: &[Value]| if begun.elapsed() < lasts { down(records) } else { success(records) };
    Arc::new(Script::new(answer).taking(Duration::from_millis(50)))
}

/// What was taken, in order: by whom and which.
fn taken_since(script: &Script, up: Duration) -> Vec<(String, u64)> {
    let one = |record: &Value| (record["identity"].as_str().unwrap().to_owned(), number(record));
    let up = up.saturating_sub(Duration::from_millis(50));
    script
        .uploads()
        .iter()
        .filter(|upload| upload.at >= up)
        .flat_map(|upload| upload.records.iter().map(one))
        .collect()
}

fn numbers(taken: &[(String, u64)]) -> Vec<u64> {
    taken.iter().map(|(_, number)| *number).collect()
}

/// How many uploads were sent in the busiest second between two moments.
fn most_a_second(uploads: &[Upload], from: Duration, until: Duration) -> usize {
    let sent: Vec<Duration> =
        uploads.iter().map(|upload| upload.at).filter(|at| (from..until).contains(at)).collect();
    let within = |first: &Duration| {
        sent.iter().filter(|at| **at >= *first && **at < *first + Duration::from_secs(1)).count()
    };
    sent.iter().map(within).max().unwrap_or_default()
}

async fn paused(status: &DeliveryStatus) -> String {
    tokio::time::sleep(30 * Duration::from_secs(1)).await;
    assert!(status.is_breaker_open());
    let pause = status.pause().expect("a pause that is told");
    assert!(
        pause.message.contains("is kept") || pause.message.contains("nothing is given up"),
        "{}",
        pause.message
    );
    pause.code.to_owned()
}

/// Mutations: never open the breaker; let twelve lanes try at a time while it is open.
#[tokio::test(start_paused = true)]
async fn ten_minutes_of_errors_cost_one_request_a_second_and_no_order() {
    let kinds: [(&str, Answers); 4] = [
        ("500", |_| answer(500, &json!({}))),
        ("503", |_| answer(503, &json!({}))),
        ("404", |_| answer(404, &json!({}))),
        ("a page", |_| answer(200, &json!("come back later"))),
    ];
    let mut recovery = Duration::ZERO;
    for (name, down) in kinds {
        let rig = Rig::paused();
        let script = down_for(10 * MINUTE, down);
        rig.accept(tracks(3_000, 300)).await;
        let watch = SumsWatch::over(&rig.journal, Duration::from_secs(1));
        let delivery = rig.start_with(script.clone());
        assert_eq!(paused(&rig.status).await, "unavailable", "{name}");
        tokio::time::sleep(Duration::from_secs(5 * 60)).await;
        rig.accept((3_000..4_000).map(|n| track(&format!("user_{}", n % 300), n))).await;
        delivery.idle().await;
        let drained = script.uploads().last().unwrap().at - 10 * MINUTE;
        assert!(drained < 2 * MINUTE, "{name}: drained {drained:?} after the end");
        recovery = recovery.max(drained);
        let busiest = most_a_second(&script.uploads(), Duration::from_secs(30), 10 * MINUTE);
        assert!(busiest <= 1, "{name}: {busiest} requests in one second");
        watch.end().await;
        let taken = taken_since(&script, 10 * MINUTE);
        assert_eq!(assert_ends(&rig, &numbers(&taken)).await, 0);
        assert_order(taken);
        assert_eq!((rig.status.pause(), rig.status.is_breaker_open()), (None, false));
        assert_eq!((rig.journal.counts().delivered, rig.status.breaker_openings()), (4_000, 1), "{name}");
    }
    figure::fault(Fault {
        name: "CleverTap: 500, 503, 404 or a page to everything for 10 minutes",
        rounds: kinds.len(),
        acknowledged: 4_000 * kinds.len(),
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "the breaker never opens; or twelve lanes try at a time while it is open",
    });
}

/// Mutation: let the reader go on while the lanes are full.
#[tokio::test(start_paused = true)]
async fn an_outage_of_eight_hours_grows_the_journal_and_not_the_lanes() {
    const BACKLOG: usize = 1_000_000;
    let mut rig = Rig::paused();
    rig.policy.backlog_bytes = BACKLOG;
    let script = down_for(8 * HOUR, |_| cut());
    let watch = SumsWatch::over(&rig.journal, MINUTE);
    let delivery = rig.start_with(script.clone());
    let mut held = Vec::new();
    for hour in 0..8 {
        rig.accept((0..5_000).map(|i| 5_000 * hour + i).map(|n| track(&format!("user_{}", n % 500), n)))
            .await;
        tokio::time::sleep(HOUR - Duration::from_secs(1)).await;
        held.push(rig.status.backlog().iter().sum::<usize>());
        assert_eq!(rig.journal.counts().pending, 5_000 * (hour + 1));
    }
    // An event counts as 512 bytes at least, with what it costs beside its record.
    assert!(held.iter().all(|held| *held <= BACKLOG / 256), "{held:?}");
    assert!(held.windows(2).skip(1).all(|pair| pair[0] == pair[1]), "flat: {held:?}");
    delivery.idle().await;
    watch.end().await;
    let taken = taken_since(&script, 8 * HOUR);
    assert_eq!(assert_ends(&rig, &numbers(&taken)).await, 0);
    assert_order(taken);
    assert_eq!(rig.journal.counts().delivered, 40_000);
    figure::fault(Fault {
        name: "CleverTap: every connection is cut for 8 hours",
        rounds: 1,
        acknowledged: 40_000,
        lost: 0,
        twice: Some(0),
        recovery: script.uploads().last().unwrap().at - 8 * HOUR,
        mutation: "the reader goes on while the lanes are full",
    });
    figure::note("CleverTap down for 8 hours: events waiting in the journal", 40_000);
    figure::note("CleverTap down for 8 hours: events held in memory at most", held.iter().max().unwrap());
    figure::note(
        "CleverTap down for 8 hours: requests meanwhile",
        script.uploads().iter().filter(|u| u.at < 8 * HOUR).count(),
    );
}

/// Mutation: believe every refusal of a record that stands alone.
#[tokio::test(start_paused = true)]
async fn four_hundred_to_everything_is_the_account_and_no_event_dies_of_it() {
    let rig = Rig::paused();
    let script = down_for(2 * HOUR, |_| {
        answer(400, &json!({"status": "fail", "error": "Malformed request", "code": 400}))
    });
    rig.accept(tracks(900, 300)).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_secs(1));
    let delivery = rig.start_with(script.clone());
    assert_eq!(paused(&rig.status).await, "refuses_all");
    tokio::time::sleep(HOUR).await;
    assert_eq!((rig.journal.counts().pending, rig.journal.counts().dead), (900, 0));
    delivery.idle().await;
    watch.end().await;
    let busiest = most_a_second(&script.uploads(), Duration::from_secs(30), 2 * HOUR);
    assert!(busiest <= 1, "{busiest} requests in one second");
    let taken = taken_since(&script, 2 * HOUR);
    assert_eq!(assert_ends(&rig, &numbers(&taken)).await, 0);
    assert_order(taken);
    assert_eq!(rig.journal.counts().delivered, 900);
    figure::fault(Fault {
        name: "CleverTap: 400 to everything for 2 hours",
        rounds: 1,
        acknowledged: 900,
        lost: 0,
        twice: Some(0),
        recovery: script.uploads().last().unwrap().at - 2 * HOUR,
        mutation: "every refusal of a record that stands alone is believed",
    });
}

/// Mutation: never believe a refusal of a record that stands alone.
#[tokio::test(start_paused = true)]
async fn records_that_are_refused_among_good_ones_die_and_nothing_else() {
    let rig = Rig::paused();
    let script =
        Arc::new(Script::new(|_, records| match records.iter().any(|record| number(record) % 50 == 7) {
            true => answer(400, &json!({})),
            false => success(records),
        }));
    rig.accept(tracks(1_000, 400)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    let expected = [("delivered".to_owned(), 980), ("malformed_request".to_owned(), 20)];
    assert_eq!(rig.tally().await, expected.into());
    let uploads = script.uploads();
    let is_good = |upload: &&Upload| upload.records.iter().all(|record| number(record) % 50 != 7);
    let taken: Vec<u64> = uploads.iter().filter(is_good).flat_map(|u| u.records.iter().map(number)).collect();
    // The last of the others wait until something else is taken, or as long as an event may be old.
    let all_good_taken = uploads.iter().rfind(is_good).unwrap().at;
    assert_eq!(assert_ends(&rig, &taken).await, 0);
    figure::fault(Fault {
        name: "CleverTap: 400 to every upload that holds one of 20 records",
        rounds: 1,
        acknowledged: 1_000,
        lost: 0,
        twice: Some(0),
        recovery: all_good_taken,
        mutation: "no refusal of a record that stands alone is believed",
    });
}

/// Nobody else sends anything, so only the number of tries can tell that it is the record.
///
/// Mutation: wait for another upload to be taken, for ever.
#[tokio::test(start_paused = true)]
async fn a_refused_record_that_nobody_vouches_for_dies_after_a_few_tries() {
    let rig = Rig::paused();
    let script = Arc::new(Script::new(|_, _| answer(400, &json!({}))));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.tally().await, [("malformed_request".to_owned(), 1)].into());
    assert_eq!(script.uploads().len(), 3);
    assert!(!rig.status.is_breaker_open());
}

/// Mutation: count the time of the outage towards the event's age.
#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_age_limit_makes_no_event_older() {
    let mut rig = Rig::paused();
    rig.policy.retry.age_limit = 2 * HOUR;
    let begun = Instant::now();
    // First the record is unlucky alone, then nothing works, then the record is unlucky again, then all is well.
    let script = Arc::new(Script::new(move |_, records| match begun.elapsed().as_secs() / 60 {
        0..80 => partial(records, &[(1, 555)]),
        80..190 => answer(503, &json!({})),
        190..200 => partial(records, &[(1, 555)]),
        _ => success(records),
    }));
    rig.accept(tracks(1, 1)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert!(begun.elapsed() > 3 * HOUR);
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 1)].into());
    assert_eq!(rig.status.breaker_openings(), 1);
}

/// Mutation: let the lane that tried last try again at once.
#[tokio::test(start_paused = true)]
async fn an_event_that_makes_every_try_fail_does_not_keep_other_lanes_from_theirs() {
    let rig = Rig::paused();
    let spoilt = |record: &Value| record["identity"] == "poison";
    let answer_by_record = move |_, records: &[Value]| match records.iter().any(spoilt) {
        true => answer(500, &json!({})),
        false => success(records),
    };
    let script = Arc::new(Script::new(answer_by_record).taking(Duration::from_millis(50)));
    let lane_of = |user: &str| tapline::delivery::LaneKey::of(user).lane();
    rig.accept([track("poison", 0)]).await;
    let delivery = rig.start_with(script.clone());
    assert_eq!(paused(&rig.status).await, "unavailable");
    let others =
        (0..).map(|i| format!("other_{i}")).filter(|user| lane_of(user) != lane_of("poison")).take(50);
    rig.accept(others.enumerate().map(|(i, user)| track(&user, i as u64 + 1))).await;
    let waiting = Instant::now();
    while rig.journal.counts().delivered < 50 && waiting.elapsed() < 2 * MINUTE {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let recovery = waiting.elapsed();
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 50), ("pending".to_owned(), 1)].into());
    figure::fault(Fault {
        name: "CleverTap: 500 to every upload with one user's event, until the breaker opens",
        rounds: 1,
        acknowledged: 51,
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "the lane that tried last tries again at once",
    });
    delivery.stop(Duration::from_secs(1)).await.unwrap();
}
