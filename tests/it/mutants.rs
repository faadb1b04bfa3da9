//! Mutants: a pack is changed in every place, one at a time, and its own cases have to notice.
//!
//! A line is left out, alone and with what stands below it; a member or an element is left out; a key, a value, a number,
//! a switch or a word of the language is put in place of another. A mutant is caught when it does not compile or when a
//! case of `rules/tests/<pack>.yaml` fails. Titles, labels and comments say nothing to the engine, so they stay.

use crate::support::figure;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tapline::engine::proof::{self, Case};
use tapline::engine::{Diagnostics, Evaluator, Plan, RuleFiles};
use tapline::rulebook;

/// The share of mutants that has to be caught, in percent.
const LEAST: usize = 95;

/// Words of the language that fit where the other one stands, so that only a case can tell them apart.
const NEIGHBOURS: [(&str, &str); 27] = [
    ("snake_case", "camel_case"),
    ("preserve", "snake_case"),
    ("drop", "keep"),
    ("keep", "drop"),
    ("flatten", "keep"),
    ("stringify", "keep"),
    ("erase", "keep"),
    ("text", "any"),
    ("any", "scalar"),
    ("string", "any"),
    ("scalar", "any"),
    ("number", "any"),
    ("lower", "upper"),
    ("pruned", "any"),
    ("dense", "any"),
    ("moment", "any"),
    ("zoned_moment", "moment"),
    ("present", "missing"),
    ("missing", "present"),
    ("all", "any"),
    ("filter", "fail"),
    ("fail", "filter"),
    ("identity", "objectId"),
    ("objectId", "identity"),
    ("above", "at_least"),
    ("below", "at_most"),
    ("is", "contains"),
];

/// Keys whose value is for people alone.
const FOR_PEOPLE: [&str; 2] = ["title", "label"];

/// A step down into a document.
#[derive(Clone)]
enum Step {
    Key(Value),
    Index(usize),
}

/// A change, in words, and the pack with it.
struct Mutant {
    change: String,
    text: String,
}

fn mutants(text: &str) -> Vec<Mutant> {
    let mut found = without_lines(text);
    let document: Value = serde_yaml::from_str(text).unwrap();
    let mut places = Vec::new();
    collect(&document, &mut Vec::new(), &mut places);
    for place in places {
        for (what, changed) in changes(&document, &place) {
            let words = place.iter().map(show).collect::<Vec<_>>().join(".");
            let text = serde_yaml::to_string(&changed).unwrap();
            found.push(Mutant { change: format!("{words}: {what}"), text });
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|mutant| mutant.text != text && seen.insert(mutant.text.clone()));
    found
}

/// The pack without a line, and without a line and all that is indented below it.
fn without_lines(text: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_spared = |line: &str| {
        let bare = line.trim_start();
        bare.is_empty()
            || bare.starts_with('#')
            || FOR_PEOPLE.iter().any(|key| bare.starts_with(&format!("{key}:")))
    };
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate().filter(|(_, line)| !is_spared(line)) {
        let below = lines[first + 1..].iter();
        let block = below.take_while(|next| next.trim().is_empty() || indent(next) > indent(line)).count();
        for count in BTreeSet::from([1, 1 + block]) {
            let left = lines[..first].iter().chain(&lines[first + count..]);
            let text: String = left.map(|line| format!("{line}\n")).collect();
            found.push(Mutant {
                change: format!("line {} to {} left out: {line}", first + 1, first + count),
                text,
            });
        }
    }
    found
}

/// Every place of the document but the root.
fn collect(value: &Value, here: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    let mut down = |step: Step, value: &Value, places: &mut Vec<Vec<Step>>| {
        here.push(step);
        places.push(here.clone());
        collect(value, here, places);
        here.pop();
    };
    match value {
        Value::Mapping(mapping) => {
            let meant = mapping.iter().filter(|(key, _)| !FOR_PEOPLE.iter().any(|spared| *key == *spared));
            meant.for_each(|(key, value)| down(Step::Key(key.clone()), value, places));
        }
        Value::Sequence(list) => {
            list.iter().enumerate().for_each(|(at, value)| down(Step::Index(at), value, places));
        }
        _ => {}
    }
}

fn show(step: &Step) -> String {
    match step {
        Step::Key(key) => key.as_str().map(str::to_owned).unwrap_or_else(|| format!("{key:?}")),
        Step::Index(at) => at.to_string(),
    }
}

/// Every change at one place.
fn changes(document: &Value, place: &[Step]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Value, &Step)| {
        let mut changed = document.clone();
        let (last, above) = place.split_last().unwrap();
        let parent = above.iter().fold(&mut changed, |value, step| match step {
            Step::Key(key) => value.get_mut(key).unwrap(),
            Step::Index(at) => value.get_mut(*at).unwrap(),
        });
        change(parent, last);
        found.push((what, changed));
    };
    add("left out".into(), &|parent, step| match (parent, step) {
        (Value::Mapping(mapping), Step::Key(key)) => drop(mapping.shift_remove(key)),
        (Value::Sequence(list), Step::Index(at)) => drop(list.remove(*at)),
        _ => unreachable!("a step fits what it leads through"),
    });
    let value = place.iter().fold(document, |value, step| match step {
        Step::Key(key) => &value[key],
        Step::Index(at) => &value[*at],
    });
    for other in others(value) {
        add(format!("{value:?} became {other:?}"), &|parent, step| match step {
            Step::Key(key) => parent[key] = other.clone(),
            Step::Index(at) => parent[*at] = other.clone(),
        });
    }
    if let Some(Step::Key(Value::String(key))) = place.last() {
        for other in words(key) {
            add(format!("the key became {other}"), &|parent, _| {
                let Value::Mapping(mapping) = parent else { unreachable!("a key stands in a mapping") };
                let renamed = mapping.iter().map(|(found, value)| {
                    let same = found.as_str() == Some(key);
                    (if same { Value::from(other.clone()) } else { found.clone() }, value.clone())
                });
                *mapping = renamed.collect();
            });
        }
    }
    found
}

/// What stands in for a value.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(switch) => vec![Value::Bool(!switch)],
        Value::Number(number) => vec![Value::from(number.as_i64().unwrap() + 1)],
        Value::String(text) => words(text).into_iter().map(Value::from).collect(),
        _ => Vec::new(),
    }
}

/// What stands in for a word: another one, and where the language has it a neighbour.
fn words(text: &str) -> Vec<String> {
    let neighbours =
        NEIGHBOURS.iter().filter(|(word, _)| *word == text).map(|(_, other)| (*other).to_owned());
    std::iter::once(format!("{text}x")).chain(neighbours).collect()
}

fn cases(pack: &str) -> Vec<Case> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let file = format!("tests/{pack}.yaml");
    let read = |path: &str| rulebook::read_text(&rules, path).map_err(|error| error.to_string());
    let text = read(&file).unwrap();
    let mut problems = Diagnostics::default();
    let cases = proof::parse(&file, &text, &read, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    cases
}

/// A case that fails, or why the pack does not compile; none where nothing is noticed. Looks at case number `first` first
/// and leaves there the one that failed: what catches a mutant most likely catches its neighbour too.
fn noticed(pack: &str, text: &str, cases: &[Case], first: &mut usize) -> Option<String> {
    let files: RuleFiles = [(format!("packs/{pack}.yaml"), text.to_owned())].into();
    let mut evaluators: BTreeMap<String, Evaluator> = BTreeMap::new();
    let from = *first;
    for (at, case) in cases.iter().enumerate().cycle().skip(from).take(cases.len()) {
        let key = serde_json::json!(case.options).to_string();
        if !evaluators.contains_key(&key) {
            match Plan::compile(&files, Some(pack), &case.options) {
                Ok(plan) => drop(evaluators.insert(key.clone(), Evaluator::new(Arc::new(plan)))),
                Err(problems) => return Some(problems.to_string()),
            }
        }
        let evaluator = evaluators.get_mut(&key).unwrap();
        if !proof::prove(case, evaluator).differences.is_empty() {
            *first = at;
            return Some(case.name.clone());
        }
    }
    None
}

fn is_caught_by_its_cases(pack: &str) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let text = rulebook::read_text(&rules, &format!("packs/{pack}.yaml")).unwrap();
    let cases = cases(pack);
    let mut first = 0;
    assert_eq!(noticed(pack, &text, &cases, &mut first), None, "{pack} as it is passes its own cases");
    let mutants = mutants(&text);
    let survivors: Vec<&str> = mutants
        .iter()
        .filter(|mutant| noticed(pack, &mutant.text, &cases, &mut first).is_none())
        .map(|mutant| mutant.change.as_str())
        .collect();
    let caught = mutants.len() - survivors.len();
    figure::note(
        &format!("mutants of the pack {pack} that its cases catch, in percent"),
        caught * 100 / mutants.len(),
    );
    println!("{pack}: {caught} of {} mutants are caught", mutants.len());
    survivors.iter().for_each(|change| println!("  survived: {change}"));
    assert!(mutants.len() > 150, "only {} mutants were made", mutants.len());
    assert!(caught * 100 >= mutants.len() * LEAST, "{}", survivors.join("\n"));
}

#[test]
fn changes_of_the_default_pack_are_caught_by_its_cases() {
    is_caught_by_its_cases("segment-cloud");
}

#[test]
fn changes_of_the_rudderstack_pack_are_caught_by_its_cases() {
    is_caught_by_its_cases("rudderstack");
}

#[test]
fn changes_of_the_web_pack_are_caught_by_its_cases() {
    is_caught_by_its_cases("segment-device-web");
}

#[test]
fn changes_of_the_android_pack_are_caught_by_its_cases() {
    is_caught_by_its_cases("segment-device-android");
}

#[test]
fn changes_of_the_ios_pack_are_caught_by_its_cases() {
    is_caught_by_its_cases("segment-device-ios");
}
