use super::sums::{SumsWatch, assert_ends, assert_order};
use crate::delivery::rig::{Rig, number, record, said, token, track};
use crate::delivery::script::{Script, answer, cut, partial, success};
use crate::support::figure::{self, Fault};
use crate::support::stand::{Stand, send, settled};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapline::delivery::{LANES, LaneKey};
use tapline::journal::{Journal, State};
use tokio::time::Instant;

const USERS: u64 = 50;
const EACH: u64 = 40;

/// How often each user's records fail before they are taken, drawn once: some users never, some all the time.
fn failures(user: u64, n: u64) -> u32 {
    let mut random = fastrand::Rng::with_seed(user * 1_000 + n);
    match user % 5 {
        0 => 0,
        1 => u32::from(random.f64() < 0.1),
        2 => random.u32(0..2),
        3 => random.u32(0..3),
        _ => {
            if n.is_multiple_of(10) {
                6
            } else {
                0
            }
        }
    }
}

/// Everything that came in, in order: who, which, and whether it was taken.
type Log = Arc<Mutex<Vec<(String, u64)>>>;

/// A CleverTap where each record fails as often as its user's script says, and whole uploads by chance: refused, or taken
/// and cut before the answer.
fn scripted(
    log: &Log,
    tries: &Arc<Mutex<BTreeMap<u64, u32>>>,
    random: &Arc<Mutex<fastrand::Rng>>,
    in_doubt: &Arc<AtomicUsize>,
) -> Arc<Script> {
    let (log, tries, random) = (Arc::clone(log), Arc::clone(tries), Arc::clone(random));
    let in_doubt = Arc::clone(in_doubt);
    let rule = move |_, records: &[Value]| {
        let chance = random.lock().unwrap().f64();
        if chance < 0.1 {
            return answer(503, &json!({}));
        }
        let mut refused = Vec::new();
        for (i, record) in records.iter().enumerate() {
            let (n, user) = (number(record), record["identity"].as_str().unwrap().to_owned());
            let mut tries = tries.lock().unwrap();
            let tried = tries.entry(n).or_default();
            if *tried < failures(n % USERS, n / USERS) {
                *tried += 1;
                refused.push((i + 1, 555));
            } else {
                log.lock().unwrap().push((user, n));
            }
        }
        match (chance < 0.15, refused.is_empty()) {
            (true, _) => {
                in_doubt.fetch_add(records.len() - refused.len(), Ordering::SeqCst);
                cut()
            }
            (false, true) => success(records),
            (false, false) => partial(records, &refused),
        }
    };
    Arc::new(Script::new(rule).taking(Duration::from_millis(80)))
}

/// Mutation: put what is tried again to the back of the queue.
#[tokio::test(start_paused = true)]
async fn through_scripted_failures_and_restarts_each_user_keeps_the_order() {
    let rounds = figure::rounds(10, 100);
    let (mut restarts, mut twice, mut longest) = (0, 0, Duration::ZERO);
    for round in 0..rounds {
        let mut rig = Rig::paused();
        rig.policy.seed = Some(round as u64);
        // Strictly one after the other, so that the order of arrivals is that of acceptance whatever is tried again.
        rig.policy.batch.strict = EACH as usize;
        rig.accept((0..USERS * EACH).map(|n| track(&format!("user_{}", n % USERS), n))).await;
        let watch = SumsWatch::over(&rig.journal, Duration::from_millis(100));
        let (log, tries) = (Log::default(), Arc::default());
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(round as u64)));
        let in_doubt = Arc::default();
        let begun = Instant::now();
        while rig.journal.counts().pending > 0 {
            let delivery = rig.start_with(scripted(&log, &tries, &random, &in_doubt));
            let (lives, drain) = {
                let mut random = random.lock().unwrap();
                (random.u64(100..15_000), random.u64(0..150))
            };
            let _ = tokio::time::timeout(Duration::from_millis(lives), delivery.idle()).await;
            delivery.stop(Duration::from_millis(drain)).await.unwrap();
            restarts += 1;
        }
        longest = longest.max(begun.elapsed());
        watch.end().await;
        let log = log.lock().unwrap().clone();
        let numbers: Vec<u64> = log.iter().map(|(_, number)| *number).collect();
        let came_twice = assert_ends(&rig, &numbers).await;
        // A stop that cuts an upload does so before it is taken here, so only answers that were cut leave doubt.
        let in_doubt = in_doubt.load(Ordering::SeqCst);
        assert!(came_twice <= in_doubt, "{came_twice} came twice, {in_doubt} were in doubt");
        assert_order(log);
        assert_eq!(rig.journal.counts().delivered, USERS * EACH);
        twice += came_twice;
    }
    figure::note("Scripted failures per user: restarts in all rounds", restarts);
    figure::fault(Fault {
        name: "failures scripted for each of 50 users × 40 events, restarts at random: the order of each",
        rounds,
        acknowledged: rounds * (USERS * EACH) as usize,
        lost: 0,
        twice: Some(twice),
        recovery: longest,
        mutation: "what is tried again goes to the back of the queue",
    });
}

/// Mutation: make a lane wait for the user whose record is tried again.
#[tokio::test(start_paused = true)]
async fn a_blocked_user_does_not_block_others_of_the_same_lane() {
    let rig = Rig::paused();
    let lane_of = |user: &str| LaneKey::of(user).lane();
    let neighbours: Vec<String> = (0..)
        .map(|i| format!("neighbour_{i}"))
        .filter(|user| lane_of(user) == lane_of("blocked"))
        .take(20)
        .collect();
    let script = Arc::new(Script::new(|_, records| {
        let blocked =
            records.iter().position(|record| record["identity"] == "blocked" && number(record) == 0);
        blocked.map_or_else(|| success(records), |place| partial(records, &[(place + 1, 555)]))
    }));
    let users = std::iter::once("blocked").chain(neighbours.iter().map(String::as_str)).collect::<Vec<_>>();
    rig.accept((0..210_u64).map(|n| track(users[n as usize % 21], n))).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_millis(100));
    let delivery = rig.start_with(script.clone());
    let begun = Instant::now();
    // Nothing takes time here, so nobody but the blocked user has anything to wait for.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(rig.tally().await, [("delivered".to_owned(), 200), ("pending".to_owned(), 10)].into());
    let recovery = begun.elapsed();
    let of_blocked = script.numbers().concat().into_iter().filter(|n| n % 21 == 0).collect::<BTreeSet<_>>();
    assert_eq!(of_blocked, [0].into(), "the user's own later events wait");
    watch.end().await;
    delivery.stop(Duration::from_secs(1)).await.unwrap();
    figure::fault(Fault {
        name: "CleverTap: one user's record is refused again and again, for now (555)",
        rounds: 1,
        acknowledged: 210,
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "a lane waits for the user whose record is tried again",
    });
}

/// Mutation: send the records of an event one by one.
#[tokio::test(start_paused = true)]
async fn an_identify_and_its_token_stay_together_also_when_they_are_tried_again() {
    let mut rig = Rig::paused();
    rig.policy.batch.records = 5;
    let script = Arc::new(Script::new(|before, records| match before % 3 {
        0 => answer(503, &json!({})),
        1 => cut(),
        _ => success(records),
    }));
    let identify = |n: u64| {
        let user = format!("user_{n}");
        said(&user, vec![record(&user, n), token(&user, &format!("token_{n}"))])
    };
    rig.accept((0..200).map(identify)).await;
    let delivery = rig.start_with(script.clone());
    delivery.idle().await;
    assert_eq!(rig.journal.counts().delivered, 200);
    for upload in script.uploads() {
        for pair in upload.records.chunks(2) {
            let [identify, token] = pair else { panic!("one of two travels alone: {pair:?}") };
            assert_eq!((&token["type"], &identify["identity"]), (&json!("token"), &token["objectId"]));
        }
    }
}

/// Mutation: put what is tried again to the back of the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_failures_and_kills_of_the_process_each_user_keeps_the_order() {
    let kills = figure::rounds(6, 60);
    let faults = [
        "partial:share=0.1",
        "503:rate=0.1",
        "429:rate=0.05",
        "reset:rate=0.05",
        "cut:rate=0.05",
        "slow:ms=20",
    ];
    let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let stand = Stand::start(&arguments).await;
    let variables = [("TAPLINE_RETRY_CAP", "1")];
    let mut random = fastrand::Rng::with_seed(7);
    let (server, mut longest) = (stand.serve_with(&variables).await, Duration::ZERO);
    let call = |n: u64| {
        json!({"type": "track", "event": "Tested", "messageId": format!("message_{n}"),
        "userId": format!("user_{}", n % USERS), "anonymousId": format!("device-{}", n % USERS), "properties": {"n": n}})
    };
    for first in (0..USERS * EACH).step_by(200) {
        let batch: Vec<Value> = (first..first + 200).map(call).collect();
        assert_eq!(send(&server, "/v1/batch", json!({ "batch": batch }).to_string()).await.status, 200);
    }
    let mut server = server;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.u64(50..1_500))).await;
        server.kill().await;
        let starting = std::time::Instant::now();
        server = stand.serve_with(&variables).await;
        longest = longest.max(starting.elapsed());
    }
    settled(&server).await;
    server.kill().await;
    let (kept, counts) = stand.journal().await;
    super::sums::assert_sums(counts);
    assert_eq!((counts.accepted, counts.delivered), (USERS * EACH, USERS * EACH), "{counts:?}");
    assert!(kept.iter().all(|event| event.end.as_ref().is_some_and(|end| end.state == State::Delivered)));
    let arrived: Vec<(String, u64)> = stand
        .received()
        .await
        .iter()
        .map(|record| serde_json::from_str::<Value>(record).unwrap())
        .map(|record| (record["identity"].as_str().unwrap().to_owned(), number(&record)))
        .collect();
    let distinct: BTreeSet<u64> = arrived.iter().map(|(_, number)| *number).collect();
    assert_eq!(distinct, (0..USERS * EACH).collect());
    let (twice, tally) = (arrived.len() - distinct.len(), stand.tally().await);
    assert!(tally.most_in_flight <= 15, "{} in flight", tally.most_in_flight);
    // What was in flight: one upload a lane at each kill, and every upload cut before its answer.
    let cuts = tally.uploads as usize / 5;
    assert!(twice <= (kills * LANES + cuts) * tally.most_records, "{twice} came twice");
    assert_order(arrived);
    figure::fault(Fault {
        name: "kill -9 while CleverTap fails in six ways, 50 users × 40 events: the order of each",
        rounds: kills,
        acknowledged: (USERS * EACH) as usize,
        lost: 0,
        twice: Some(twice),
        recovery: longest,
        mutation: "what is tried again goes to the back of the queue",
    });
}
