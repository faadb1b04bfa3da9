use super::sums::{SumsWatch, assert_ends, assert_order};
use crate::delivery::rig::{Rig, number, settings, simulator, taken, tracks};
use crate::support::app::TestApp;
use crate::support::figure::{self, Fault};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapline::delivery::{CleverTap, Timeouts};
use tapline::settings::{Origins, Secret};
use tapline::simulator::{Options, Simulator};

const EVENTS: u64 = 400;
const USERS: u64 = 80;

/// Much shorter than the default, so that a peer that says nothing costs a test little. An answer can come later than
/// that, so where it is in force everything is in doubt.
const SHORT: Timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_millis(250) };

/// Whether what was in flight may have been taken all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InDoubt {
    No,
    Yes,
}

// Mutations, each of which makes the tests fail that name it.
const ANY_STATUS: &str = "take any answer for a success, whatever its status";
const ANY_200: &str = "take any 200 for a success, whatever its body says";
const UNANSWERED: &str = "count an upload that was not answered as taken";
const GIVEN_UP: &str = "give up what was sent and not answered";
const IMPATIENT: &str = "give up waiting for an answer after 50 ms";

/// One test for each kind of fault of an upload: what the stand-in does, in words for the table of faults.
macro_rules! faults {
    ($($test:ident: $words:literal, $faults:expr, $in_doubt:ident, $mutation:expr;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                arrives_or_is_listed($words, &$faults, InDoubt::$in_doubt, $mutation).await;
            }
        )*
    };
}

faults! {
    through_429_each_event_arrives: "429 to every second upload", ["429:rate=0.5"], No, ANY_STATUS;
    through_a_row_of_429_each_event_arrives:
        "429 to 30 uploads in a row", ["429:first=30,retry_after=0"], No, ANY_STATUS;
    through_503_each_event_arrives: "503 to every second upload", ["503:rate=0.5"], No, ANY_STATUS;
    through_a_row_of_500_each_event_arrives: "500 to 40 uploads in a row", ["500:first=40"], No, ANY_STATUS;
    through_408_each_event_arrives: "408 to every third upload", ["408:rate=0.3"], No, ANY_STATUS;
    through_400_that_no_record_deserves_each_event_arrives:
        "400 to 3 uploads in a row, whatever is in them", ["400:first=3"], No, ANY_STATUS;
    through_redirects_each_event_arrives: "redirects in a row", ["redirect:first=20"], No, ANY_STATUS;
    through_slow_answers_each_event_arrives: "every answer is slow", ["slow:ms=100"], No, IMPATIENT;
    through_silence_each_event_arrives: "no answer, ever", ["hang:rate=0.2"], Yes, UNANSWERED;
    through_answers_that_trickle_each_event_arrives:
        "an answer a byte at a time", ["trickle:rate=0.2"], Yes, GIVEN_UP;
    through_resets_each_event_arrives: "reset before the answer", ["reset:rate=0.4"], No, UNANSWERED;
    through_cut_connections_each_event_arrives:
        "taken, and cut before the answer", ["cut:rate=0.2"], Yes, GIVEN_UP;
    through_torn_answers_each_event_arrives: "reset in the body of the answer", ["torn:rate=0.2"], Yes, GIVEN_UP;
    through_pages_each_event_arrives: "200 with a page instead of JSON", ["html:rate=0.4"], No, ANY_200;
    through_empty_answers_each_event_arrives: "200 with nothing", ["empty:rate=0.4"], No, ANY_200;
    through_huge_answers_each_event_arrives: "200 with 10 MB", ["huge:rate=0.1"], No, ANY_200;
    through_answers_that_explode_each_event_arrives: "200 with a gzip bomb", ["bomb:rate=0.3"], No, ANY_200;
    through_counts_that_do_not_add_up_each_event_arrives:
        "200 with counts that do not add up", ["miscount:rate=0.3"], No, ANY_200;
    through_failures_that_list_nothing_each_event_arrives:
        "200 with `fail` and nothing listed", ["unlisted:rate=0.3"], No, ANY_200;
    through_partial_answers_each_event_arrives: "partial at random", ["partial:share=0.3"], No, ANY_200;
    through_partial_refusals_each_event_arrives_or_is_listed:
        "partial at random, with a code that is final", ["partial:share=0.1,code=528"], No, ANY_200;
    through_all_of_it_at_once_each_event_arrives:
        "all of it at once",
        ["503:rate=0.1", "429:rate=0.1", "reset:rate=0.1", "cut:rate=0.1", "html:rate=0.05", "partial:share=0.1"],
        Yes,
        UNANSWERED;
}

async fn arrives_or_is_listed(words: &str, faults: &[&str], in_doubt: InDoubt, mutation: &str) {
    let is_silent = faults.iter().any(|fault| fault.starts_with("hang") || fault.starts_with("trickle"));
    let timeouts = if is_silent { SHORT } else { Timeouts::default() };
    let simulator = simulator(faults).await;
    let mut rig = Rig::new(&simulator.base_url());
    // Contradictions are drawn by chance here, and are not to end anything.
    rig.policy.retry.doubt_limit = 1_000;
    rig.accept(tracks(EVENTS, USERS)).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_millis(1));
    let (delivery, start) = (rig.start_with(Arc::new(CleverTap::new(timeouts))), Instant::now());
    let ended = tokio::time::timeout(Duration::from_secs(60), delivery.idle()).await;
    assert!(ended.is_ok(), "{:?}, {:?}", rig.journal_counts(), rig.status);
    let recovery = start.elapsed();
    watch.end().await;
    let twice = assert_ends(&rig, &taken(&simulator)).await;
    let (tally, retried) = (simulator.tally(), rig.status.totals().retried as usize);
    let most = if in_doubt == InDoubt::Yes { retried } else { 0 };
    assert!(twice <= most, "{twice} came twice, {most} were in doubt");
    assert!(tally.most_in_flight <= 15, "{} in flight", tally.most_in_flight);
    if !faults.iter().any(|fault| fault.contains("528")) {
        assert_eq!(rig.journal_counts().delivered, EVENTS);
    }
    let user_and_number = |record: String| {
        let record: Value = serde_json::from_str(&record).unwrap();
        (record["identity"].as_str().unwrap().to_owned(), number(&record))
    };
    assert_order(simulator.received().into_iter().map(user_and_number));
    figure::fault(Fault {
        name: &format!("CleverTap: {words}"),
        rounds: (tally.uploads + tally.too_many) as usize,
        acknowledged: EVENTS as usize,
        lost: 0,
        twice: Some(twice),
        recovery,
        mutation,
    });
}

/// Mutation: go on after 401 as after 503.
#[tokio::test]
async fn a_passcode_that_is_withdrawn_under_load_costs_nothing() {
    let simulator = simulator(&["slow:ms=10"]).await;
    simulator.set_passcode(Secret::parse("first"));
    let mut rig = Rig::new(&simulator.base_url());
    rig.policy.batch.records = 10;
    rig.settings.replace(settings(&simulator.base_url(), "first"), Origins::new());
    rig.accept(tracks(1_000, 200)).await;
    let watch = SumsWatch::over(&rig.journal, Duration::from_millis(1));
    let delivery = rig.start();
    while taken(&simulator).len() < 200 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    simulator.set_passcode(Secret::parse("second"));
    while rig.status.pause().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(rig.status.pause().unwrap().code, "unauthorized");
    while rig.status.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (uploads, before) = (simulator.tally().uploads, rig.journal_counts());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(simulator.tally().uploads, uploads, "nobody tries on");
    assert!(before.pending > 0 && before.dead == 0, "{before:?}");
    let restored = Instant::now();
    rig.settings.replace(settings(&simulator.base_url(), "second"), Origins::new());
    delivery.idle().await;
    let recovery = restored.elapsed();
    watch.end().await;
    assert_eq!(assert_ends(&rig, &taken(&simulator)).await, 0);
    assert_eq!(rig.journal_counts().delivered, 1_000);
    figure::fault(Fault {
        name: "CleverTap: 401 under load, until other settings are in force",
        rounds: 1,
        acknowledged: 1_000,
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "go on after 401 as after 503",
    });
}

/// CleverTap takes identities of up to 120 characters (523); nothing here cuts one, because it would become another's.
///
/// Mutation: give up every record of an upload in which one is refused.
#[tokio::test]
async fn an_identity_that_clevertap_does_not_take_is_a_dead_letter_and_its_neighbours_arrive() {
    let clevertap = Simulator::start("127.0.0.1:0".parse().unwrap(), Options::default()).await.unwrap();
    let app = TestApp::builder()
        .variable("TAPLINE_ACCOUNT_ID", "account_1")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .start()
        .await;
    let call = |n: usize, user: String| {
        json!({"type": "track", "event": "Tested", "messageId": format!("m{n}"),
        "userId": user, "anonymousId": format!("device-{n}"), "properties": {"n": n}})
    };
    let users = ["a".repeat(120), "b".repeat(121), "ü".repeat(120), "c".to_owned()];
    let batch: Vec<Value> = users.into_iter().enumerate().map(|(n, user)| call(n, user)).collect();
    let answer = app.post("/v1/batch", json!({ "batch": batch }).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.settled().await;
    let block = app.app.journal.block_from(tapline::journal::Seq(0)).await.unwrap().unwrap();
    let ends = app.app.journal.ends(&block).await.unwrap();
    let codes: Vec<Option<String>> = ends.into_iter().map(|end| end.unwrap().code).collect();
    assert_eq!(codes, [None, Some("clevertap_523".to_owned()), None, None]);
    super::sums::assert_sums(app.app.journal.counts());
    assert_eq!(taken(&clevertap).len(), 3);
    app.stop().await;
}
