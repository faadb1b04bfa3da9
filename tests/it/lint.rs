//! Lints hold for every event: what is called unreachable is never reached.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tapline::engine::diagnostic::Code;
use tapline::engine::lint::{RuleSet, lint};
use tapline::engine::{Context, Evaluator, Plan, RuleFiles, preview};

/// A single line of a condition, in YAML, over few places and values, so that conditions often contradict each other.
fn line() -> impl Strategy<Value = String> {
    let path = || prop::sample::select(vec!["properties.a", "properties.b", "properties.a.c", "event"]);
    let asked = prop::sample::select(vec![
        "x",
        "[x, y]",
        "5",
        "true",
        "{ is_not: x }",
        "{ is: X, ignore_case: true }",
        "{ starts_with: x }",
        "{ starts_with: [xy, z] }",
        "{ ends_with: y }",
        "{ contains: x }",
        "{ matches: 'x*' }",
        "{ above: 3 }",
        "{ at_least: 5 }",
        "{ below: 5 }",
        "{ at_most: 3 }",
        "{ present: true }",
        "{ present: false }",
        "{ type: text }",
        "{ type: [number, nothing] }",
        "{ type: object }",
        "{ first: text }",
        "{ restricted: true }",
    ]);
    prop_oneof![
        prop::sample::select(vec!["track", "page", "[track, page]", "identify"])
            .prop_map(|kind| format!("type: {kind}")),
        (path(), asked).prop_map(|(path, asked)| format!("where: {{ {path}: {asked} }}")),
        path().prop_map(|path| format!("present: {path}")),
        (path(), path()).prop_map(|(one, other)| format!("missing: [{one}, {other}]")),
        any::<bool>().prop_map(|value| format!("option: {{ both: {value} }}")),
        Just("integration_off: [CleverTap]".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let single = line().prop_map(|line| format!("{{ {line} }}"));
    single.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4).prop_map(|list| list.join(", "));
        prop_oneof![
            list.clone().prop_map(|list| format!("{{ all: [{list}] }}")),
            list.prop_map(|list| format!("{{ any: [{list}] }}")),
            inner.prop_map(|inner| format!("{{ not: {inner} }}")),
        ]
    })
}

fn event() -> impl Strategy<Value = String> {
    let value = || {
        prop::sample::select(vec![
            "null",
            "\"\"",
            "\"x\"",
            "\"X\"",
            "\"xy\"",
            "\"zy\"",
            "\"5\"",
            "5",
            "3",
            "4.5",
            "true",
            "false",
            "[]",
            "[\"x\"]",
            "{}",
            "{\"c\":\"x\"}",
            "{\"c\":5}",
            "\"App Launched\"",
        ])
    };
    let kind = prop::sample::select(vec!["track", "page", "Identify", "other"]);
    (kind, value(), value(), value(), any::<bool>()).prop_map(|(kind, a, b, name, off)| {
        let off = if off { ",\"integrations\":{\"CleverTap\":false}" } else { "" };
        format!("{{\"type\":\"{kind}\",\"event\":{name},\"properties\":{{\"a\":{a},\"b\":{b}}}{off}}}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_is_called_unreachable_decides_no_event(
        conditions in prop::collection::vec(condition(), 2..5),
        events in prop::collection::vec(event(), 60),
        both in any::<bool>(),
    ) {
        let rule = |(at, when): (usize, &String)| {
            format!("  - id: r{at}\n    when: {when}\n    filter: {{ code: r{at}, message: m }}\n")
        };
        let rules: String = conditions.iter().enumerate().map(rule).collect();
        let head = "version: 1\npack: p\noptions: { both: { type: boolean, default: true, label: B } }\nrules:\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), format!("{head}{rules}"))].into();
        let options: BTreeMap<_, _> = [("both".to_owned(), both.into())].into();
        let set = RuleSet { files: &files, pack: Some("p"), options: &options, live: true, cases: None, foreign: &BTreeSet::new() };
        let found = lint(&set).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        let unreachable: Vec<&str> = found
            .iter()
            .filter(|lint| lint.code == Code::R601)
            .filter_map(|lint| lint.message.split('`').nth(1))
            .collect();
        let plan = Plan::compile(&files, Some("p"), &options).expect("what lints looked at");
        let mut evaluator = Evaluator::new(Arc::new(plan));
        for event in &events {
            let result = preview(&mut evaluator, event.as_bytes(), &Context::default(), false);
            let decided = result.reason.map(|reason| reason.code.to_string()).unwrap_or_default();
            prop_assert!(!unreachable.contains(&decided.as_str()), "{decided} decides {event} by\n{rules}{found}");
        }
    }
}
