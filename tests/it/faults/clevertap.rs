use super::sums::{SumsWatch, assert_ends, assert_order};
use crate::delivery::rig::{Rig, number, settings, simulator, taken, tracks};
use crate::support::app::TestApp;
use crate::support::figure;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
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

/// Every kind of fault of an upload, alone and all together.
const FAULTS: &[(&[&str], InDoubt)] = &[
    (&["429:rate=0.5"], InDoubt::No),
    (&["429:first=30,retry_after=0"], InDoubt::No),
    (&["503:rate=0.5"], InDoubt::No),
    (&["500:first=40"], InDoubt::No),
    (&["408:rate=0.3"], InDoubt::No),
    (&["400:first=3"], InDoubt::No),
    (&["slow:ms=100"], InDoubt::No),
    (&["hang:rate=0.2"], InDoubt::Yes),
    (&["trickle:rate=0.2"], InDoubt::Yes),
    (&["reset:rate=0.4"], InDoubt::No),
    (&["cut:rate=0.2"], InDoubt::Yes),
    (&["torn:rate=0.2"], InDoubt::Yes),
    (&["html:rate=0.4"], InDoubt::No),
    (&["empty:rate=0.4"], InDoubt::No),
    (&["huge:rate=0.1"], InDoubt::No),
    (&["bomb:rate=0.3"], InDoubt::No),
    (&["miscount:rate=0.3"], InDoubt::No),
    (&["unlisted:rate=0.3"], InDoubt::No),
    (&["redirect:first=20"], InDoubt::No),
    (&["partial:share=0.3"], InDoubt::No),
    (&["partial:share=0.1,code=528"], InDoubt::No),
    (
        &[
            "503:rate=0.1",
            "429:rate=0.1",
            "reset:rate=0.1",
            "cut:rate=0.1",
            "html:rate=0.05",
            "partial:share=0.1",
        ],
        InDoubt::Yes,
    ),
];

/// Mutations: read any 200 as success (`html` and on); settle before the answer is read (`503`).
#[tokio::test]
async fn through_every_fault_each_event_arrives_or_is_listed_with_a_reason() {
    let (mut events, mut twice_in_all) = (0, 0);
    for (faults, in_doubt) in FAULTS {
        let is_silent = faults.iter().any(|fault| fault.starts_with("hang") || fault.starts_with("trickle"));
        let timeouts = if is_silent { SHORT } else { Timeouts::default() };
        let simulator = simulator(faults).await;
        let mut rig = Rig::new(&simulator.base_url());
        // Contradictions are drawn by chance here, and are not to end anything.
        rig.policy.retry.doubt_limit = 1_000;
        rig.accept(tracks(EVENTS, USERS)).await;
        let watch = SumsWatch::over(&rig.journal, Duration::from_millis(1));
        let delivery = rig.start_with(Arc::new(CleverTap::new(timeouts)));
        let ended = tokio::time::timeout(Duration::from_secs(60), delivery.idle()).await;
        assert!(ended.is_ok(), "{faults:?}: {:?}, {:?}", rig.journal_counts(), rig.status);
        watch.end().await;
        let twice = assert_ends(&rig, &taken(&simulator)).await;
        let (tally, retried) = (simulator.tally(), rig.status.totals().retried as usize);
        let most = if *in_doubt == InDoubt::Yes { retried } else { 0 };
        assert!(twice <= most, "{faults:?}: {twice} came twice, {most} were in doubt");
        assert!(tally.most_in_flight <= 15, "{faults:?}: {} in flight", tally.most_in_flight);
        if !faults.iter().any(|fault| fault.contains("528")) {
            assert_eq!(rig.journal_counts().delivered, EVENTS, "{faults:?}");
        }
        let user_and_number = |record: String| {
            let record: Value = serde_json::from_str(&record).unwrap();
            (record["identity"].as_str().unwrap().to_owned(), number(&record))
        };
        assert_order(simulator.received().into_iter().map(user_and_number));
        (events, twice_in_all) = (events + EVENTS, twice_in_all + twice);
    }
    figure::note("CleverTap's faults: kinds", FAULTS.len());
    figure::note("CleverTap's faults: events", events);
    figure::note("CleverTap's faults: records sent twice", twice_in_all);
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
    rig.settings.replace(settings(&simulator.base_url(), "second"), Origins::new());
    delivery.idle().await;
    watch.end().await;
    assert_eq!(assert_ends(&rig, &taken(&simulator)).await, 0);
    assert_eq!(rig.journal_counts().delivered, 1_000);
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
