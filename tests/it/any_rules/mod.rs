//! What holds for arbitrary valid rules over arbitrary events.

mod grammar;
mod hostile;
mod vocabulary;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::sync::Arc;
use tapline::engine::event::Person;
use tapline::engine::event::{At, Kind, Scanner};
use tapline::engine::record::{Format, RecordKind};
use tapline::engine::rules::operator::Operator;
use tapline::engine::rules::rest::KeyCase;
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
        let named = json.get(At::ROOT, "type").map(|at| json.content(at));
        prop_assert_eq!(named, Some(record.kind.as_str()), "{}", text);
        let data = match record.kind {
            RecordKind::Profile => "profileData",
            RecordKind::Event => "evtData",
            RecordKind::Token => "tokenData",
            RecordKind::Call => {
                prop_assert_eq!(keys, ["type", "method", "args"], "{}", text);
                prop_assert_eq!((kind("method"), kind("args")), (Some(Kind::String), Some(Kind::Array)));
                continue;
            }
        };
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
        }
    }

    #[test]
    fn a_trace_changes_nothing_and_places_every_rule_and_field_in_the_file(
        pack in grammar::pack(),
        event in hostile::event(),
    ) {
        let mut evaluator = Evaluator::new(compile(&pack)?);
        let traced = preview(&mut evaluator, event.as_bytes(), &CONTEXT, true);
        let plain = preview(&mut evaluator, event.as_bytes(), &CONTEXT, false);
        prop_assert_eq!(shown(&traced), shown(&plain), "a trace changes what it shows: {}", event);
        let trace = traced.trace.unwrap_or_default();
        let rules = trace.rules.iter().map(|rule| &rule.place);
        let fields = trace.records.iter().flat_map(|record| &record.fields).map(|field| &field.place);
        let lost = rules.chain(fields).find(|place| !place.starts_with("packs/any.yaml:"));
        prop_assert_eq!(lost, None);
        // No rule is asked about a deletion.
        if traced.outcome == "mapped" && Person::of_deletion(event.as_bytes()).is_none() {
            prop_assert_eq!(trace.records.len(), traced.records.len());
        }
    }
}

/// What is generated must be worth its name: nothing of the language is left out, and every end comes about.
#[test]
fn the_grammar_says_all_that_the_language_can() {
    let mut runner = TestRunner::deterministic();
    let (mut packs, mut ends) = (String::new(), BTreeMap::<&str, usize>::new());
    let (any_pack, any_event) = (grammar::pack(), hostile::event());
    for _ in 0..400 {
        let pack = any_pack.new_tree(&mut runner).unwrap().current();
        let mut evaluator = Evaluator::new(compile(&pack).unwrap());
        for _ in 0..3 {
            let event = any_event.new_tree(&mut runner).unwrap().current();
            *ends.entry(preview(&mut evaluator, event.as_bytes(), &CONTEXT, false).outcome).or_default() += 1;
        }
        packs.push_str(&pack);
    }
    let lines = "type event where shape present missing option integration_off all any not from template value script \
                 object each item lookup as default when rest keys objects arrays except keep keep_keys nulls empty \
                 expand_dots spread replaces moments moved profile event token call method args address name data ts limits max_fields require class \
                 emit filter fail extras values options";
    let operators = Operator::ALL.map(|spec| spec.name);
    let (formats, cases) = (Format::ALL.map(|(name, _)| name), KeyCase::ALL.map(|(name, _)| name));
    let words = lines.split_whitespace().chain(operators).chain(formats).chain(cases);
    let absent: Vec<&str> = words.filter(|word| !packs.contains(word)).collect();
    assert!(absent.is_empty(), "never generated: {absent:?}");
    let rare: Vec<_> = ["mapped", "filtered", "failed"].into_iter().filter(|end| ends[end] < 50).collect();
    assert!(rare.is_empty(), "{ends:?}");
}
