//! The whole way: calls in over HTTP, through the durable journal and the rules, out to CleverTap's stand-in.

use crate::support::app::TestApp;
use std::collections::BTreeMap;
use tapline::engine::{Context, Evaluator, preview};
use tapline::simulator::{Options, Simulator};

/// Calls in the batch of the first user, and so on; more than one upload holds.
const CALLS: usize = 1200;
const USERS: usize = 40;

#[tokio::test]
async fn every_accepted_call_reaches_clevertap_as_preview_shows_it_and_in_order_per_user() {
    let clevertap = Simulator::start("127.0.0.1:0".parse().unwrap(), Options::default()).await.unwrap();
    let app = TestApp::builder()
        .durable()
        .variable("TAPLINE_ACCOUNT_ID", "account_1")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .start()
        .await;
    for batch in (0..CALLS).collect::<Vec<_>>().chunks(100) {
        let calls: Vec<_> = batch.iter().map(|&n| call(n)).collect();
        let answer = app.post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, calls.join(","))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    app.settled().await;

    let mut evaluator = Evaluator::new(app.app.rules.plan());
    let mut expected = Vec::new();
    for entry in app.stored().await {
        if entry.refusal.is_none() {
            let shown = preview(&mut evaluator, &entry.body, &Context::default(), false);
            expected.extend(shown.records.iter().map(|record| record.get().to_owned()));
        }
    }
    let by_user = |records: &[String]| {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in records {
            users.entry(user_of(record)).or_default().push(record.clone());
        }
        users
    };
    let received = clevertap.received();
    assert!(received.len() > CALLS / 2, "{} records", received.len());
    assert_eq!(by_user(&received), by_user(&expected));

    let counts = app.app.journal.counts();
    assert_eq!(counts.accepted, CALLS as u64);
    assert_eq!(
        counts.accepted,
        counts.delivered + counts.filtered + counts.failed + counts.dead + counts.pending
    );
    assert_eq!((counts.dead, counts.pending), (0, 0));
    assert!(counts.delivered > 0 && counts.filtered > 0 && counts.failed > 0, "{counts:?}");
    app.stop().await;
    clevertap.stop().await;
}

/// The n-th of a mix of all calls, the useless among them.
fn call(n: usize) -> String {
    let user = n % USERS;
    let ids = format!(r#""messageId":"m{n}","userId":"user_{user}","anonymousId":"anon_{user}""#);
    match n % 8 {
        0 => format!(
            r#"{{"type":"identify",{ids},"traits":{{"email":"user_{user}@example.com","planName":"p{n}"}}}}"#
        ),
        1 => format!(
            r#"{{"type":"track",{ids},"event":"Order Completed","properties":{{"total":{n}.50,"order_id":"o{n}","products":[{{"sku":"s","price":1}}]}}}}"#
        ),
        2 => format!(r#"{{"type":"page",{ids},"name":"Page {n}"}}"#),
        3 => format!(r#"{{"type":"screen",{ids},"name":"Screen {n}"}}"#),
        4 => {
            format!(r#"{{"type":"track",{ids},"event":"Song Played","properties":{{"positionInList":{n}}}}}"#)
        }
        5 => format!(r#"{{"type":"group",{ids},"groupId":"group_1"}}"#),
        6 => format!(r#"{{"type":"track",{ids}}}"#),
        _ => format!(r#"{{"type":"page","messageId":"m{n}","userId":"user_{user}"}}"#),
    }
}

/// Whose record it is: profiles go by objectId and events by identity, and both end with the user's number.
fn user_of(record: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    let id = record.get("identity").or_else(|| record.get("objectId")).unwrap();
    id.as_str().unwrap().trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned()
}
