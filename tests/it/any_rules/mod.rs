//! What holds for arbitrary valid rules over arbitrary events.

mod grammar;
mod hostile;

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tapline::engine::event::{At, Kind, Scanner};
use tapline::engine::record::RecordKind;
use tapline::engine::{Context, Evaluator, Outcome, Plan, Preview, RuleFiles, preview};

const CONTEXT: Context = Context { received_at: Some(1_767_225_610_000), stopwatch: None };

fn compile(pack: &str) -> Result<Arc<Plan>, TestCaseError> {
    let files: RuleFiles = [("packs/any.yaml".to_owned(), pack.to_owned())].into();
    let plan = Plan::compile(&files, Some("any"), &BTreeMap::new());
    plan.map(Arc::new).map_err(|problems| TestCaseError::fail(format!("{problems}\n{pack}")))
}

/// Outcome, records and warnings, as far as they can be compared.
fn made(evaluator: &mut Evaluator, event: &str) -> (Outcome, Vec<Vec<u8>>, Vec<String>) {
    let evaluation = evaluator.evaluate(event.as_bytes(), &CONTEXT);
    let records = evaluation.records().map(|record| record.json.to_vec()).collect();
    let warnings = evaluation.warnings().iter().map(|warning| format!("{warning:?}")).collect();
    (evaluation.outcome, records, warnings)
}

/// Every record is one line of JSON with the members of its kind and no others, each once.
fn check_records(evaluator: &mut Evaluator, event: &str) -> Result<(), TestCaseError> {
    let evaluation = evaluator.evaluate(event.as_bytes(), &CONTEXT);
    let mapped = evaluation.outcome == Outcome::Mapped;
    prop_assert_eq!(mapped, evaluation.records().len() > 0, "{:?}", evaluation.outcome);
    for record in evaluation.records() {
        let text = std::str::from_utf8(record.json).unwrap();
        prop_assert!(!text.contains(['\n', '\r']), "a record is one line: {}", text);
        // Not serde_json, which takes `\ud800` for no JSON; what an event holds so stands so in its record.
        let mut scanner = Scanner::default();
        let json = scanner
            .scan(text)
            .map_err(|error| TestCaseError::fail(format!("{}: {text}", error.render(text))))?;
        let keys: Vec<String> =
            json.members(At::ROOT).map(|(key, _)| json.decoded(key).into_owned()).collect();
        let kind = |key: &str| json.get(At::ROOT, key).map(|at| json.kind(at));
        let data = match record.kind {
            RecordKind::Profile => "profileData",
            RecordKind::Event => "evtData",
            RecordKind::Token => "tokenData",
        };
        let named = json.get(At::ROOT, "type").map(|at| json.content(at));
        prop_assert_eq!(named, Some(record.kind.as_str()), "{}", text);
        prop_assert_eq!(kind(data), Some(Kind::Object), "{}", text);
        let addresses: Vec<Kind> = ["identity", "objectId"].into_iter().filter_map(kind).collect();
        prop_assert!(matches!(addresses[..], [Kind::String | Kind::Number]), "{}", text);
        let name = (record.kind == RecordKind::Event).then_some(Kind::String);
        prop_assert_eq!(kind("evtName"), name, "{}", text);
        let known = ["type", "identity", "objectId", "evtName", "ts", data];
        let odd = keys.iter().enumerate().find(|(index, key)| {
            !known.contains(&key.as_str()) || keys.iter().take(*index).any(|other| other == *key)
        });
        prop_assert_eq!(odd, None, "{}", text);
    }
    Ok(())
}

fn shown(preview: &Preview) -> String {
    let Preview { outcome, reason, records, warnings, .. } = preview;
    format!("{outcome} {reason:?} {records:?} {warnings:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_valid_rules_map_any_event_without_panic_and_always_in_the_same_way(
        pack in grammar::pack(),
        events in proptest::collection::vec(hostile::event(), 1..5),
    ) {
        let plan = compile(&pack)?;
        let mut reused = Evaluator::new(plan.clone());
        for event in &events {
            let first = made(&mut reused, event);
            let second = made(&mut reused, event);
            prop_assert_eq!(&first, &second, "a second look differs: {}", event);
        }
        for event in &events {
            let mut fresh = Evaluator::new(plan.clone());
            let (alone, among_others) = (made(&mut fresh, event), made(&mut reused, event));
            prop_assert_eq!(alone, among_others, "what came before matters: {}", event);
            check_records(&mut reused, event)?;
            let traced = preview(&mut reused, event.as_bytes(), &CONTEXT, true);
            let plain = preview(&mut reused, event.as_bytes(), &CONTEXT, false);
            prop_assert_eq!(shown(&traced), shown(&plain), "a trace changes what it shows: {}", event);
        }
    }
}
