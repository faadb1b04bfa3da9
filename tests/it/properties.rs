//! What holds for every event, however odd.

use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use tapline::engine::event::{At, Json, Kind, Scanner};
use tapline::engine::{Context, Evaluator, Outcome, Plan};
use tapline::rulebook;

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let options = [("require_both_ids".to_owned(), false.into())].into();
    Arc::new(Plan::compile(&rulebook::embedded_files(), None, &options).unwrap())
});

fn records(evaluator: &mut Evaluator, event: &[u8]) -> (Outcome, Vec<Vec<u8>>) {
    let evaluation = evaluator.evaluate(event, &Context { received_at: Some(0), stopwatch: None });
    let records = evaluation.records().map(|record| record.json.to_vec()).collect();
    (evaluation.outcome, records)
}

/// Every object anywhere in a value names each key once.
fn keys_are_unique(json: Json<'_>, at: At) -> bool {
    let mut seen = HashSet::new();
    match json.kind(at) {
        Kind::Object => json
            .members(at)
            .all(|(key, value)| seen.insert(json.decoded(key)) && keys_are_unique(json, value)),
        Kind::Array => json.elements(at).all(|value| keys_are_unique(json, value)),
        _ => true,
    }
}

fn check(event: &[u8]) -> Result<(), TestCaseError> {
    let mut evaluator = Evaluator::new(PLAN.clone());
    let first = records(&mut evaluator, event);
    prop_assert_eq!(&first, &records(&mut evaluator, event), "a second look differs");
    prop_assert_eq!(matches!(first.0, Outcome::Mapped), !first.1.is_empty());
    for record in &first.1 {
        let text = std::str::from_utf8(record).unwrap();
        let mut scanner = Scanner::default();
        let json = scanner
            .scan(text)
            .map_err(|error| TestCaseError::fail(format!("{}: {text}", error.render(text))))?;
        prop_assert!(!text.contains('\n'), "a record is one line: {}", text);
        prop_assert!(keys_are_unique(json, At::ROOT), "a key stands twice: {}", text);
        let data = json.get(At::ROOT, "evtData").unwrap_or(At::ROOT);
        for (key, value) in json.members(data).filter(|_| data != At::ROOT) {
            prop_assert!(json.decoded(key).chars().count() <= 120);
            prop_assert!(json.kind(value) != Kind::String || json.decoded(value).len() <= 512);
        }
    }
    Ok(())
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|n| serde_json::json!(n)),
        "\\PC{0,12}".prop_map(Into::into),
        "[a-z\\n\"\\\\\u{1}é😀]{0,700}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::vec((key(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Keys that collide, keys that vanish, keys of the standard fields.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "orderID",
            "order_id",
            "OrderId",
            "orderId",
            "total",
            "products",
            "name",
            "email",
            "phone",
            "gender",
            "birthday",
            "identity",
            "firstName",
            "lastName",
            "MSG-email",
            "category-unsubscribe",
            "address",
            "---",
            "",
            "a.b",
            "é",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,10}",
        "[a-zA-Z_]{1,140}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_properties_give_records_that_are_json_without_repeated_keys(
        kind in proptest::sample::select(vec!["track", "identify", "page", "screen"]),
        event in proptest::sample::select(vec!["Order Completed", "Seen"]),
        body in proptest::collection::vec((key(), value()), 0..20),
    ) {
        let members: Vec<String> =
            body.iter().map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key.as_str()))).collect();
        let members = members.join(",");
        let event = format!(
            r#"{{"type":"{kind}","event":"{event}","userId":"u1","anonymousId":"a1","properties":{{{members}}},"traits":{{{members}}}}}"#
        );
        check(event.as_bytes())?;
    }

    #[test]
    fn any_bytes_are_answered_with_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn a_mutated_call_is_answered_with_an_outcome(
        line in 0usize..512,
        at in any::<proptest::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..4),
        cut in 0usize..4,
    ) {
        let mut event = TRACK.lines().nth(line).unwrap().as_bytes().to_vec();
        let at = at.index(event.len());
        let end = (at + cut).min(event.len());
        event.splice(at..end, with);
        check(&event)?;
    }
}

const TRACK: &str = include_str!("../fixtures/track.ndjson");

#[test]
fn a_flood_of_distinct_keys_does_not_grow_memory_or_change_results() {
    let mut evaluator = Evaluator::new(PLAN.clone());
    let fixed =
        br#"{"type":"track","event":"E","userId":"u1","properties":{"orderID":1,"order_id":2,"b":3}}"#;
    let before = records(&mut evaluator, fixed);
    for round in 0..4000 {
        let members: Vec<String> =
            (0..20).map(|i| format!("\"key{round}x{i}{}\":{i}", "y".repeat(40))).collect();
        let event =
            format!(r#"{{"type":"track","event":"E","userId":"u1","properties":{{{}}}}}"#, members.join(","));
        assert_eq!(records(&mut evaluator, event.as_bytes()).1.len(), 1);
    }
    assert_eq!(records(&mut evaluator, fixed), before);
    assert!(evaluator.remembered_bytes() < 8 << 20, "{} bytes are remembered", evaluator.remembered_bytes());
}
