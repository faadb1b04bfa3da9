//! `rules/README.md`: every example on the page becomes what the page says.

use std::collections::BTreeMap;
use std::sync::Arc;
use tapline::engine::{Context, Evaluator, Plan, RuleFiles, preview};
use tapline::rulebook;

const PAGE: &str = include_str!("../../rules/README.md");

/// The fenced blocks of the page: what stands behind the fence, and the text inside.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = PAGE.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
fn every_example_becomes_what_the_page_says() {
    let blocks = blocks();
    let mut examples = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].0 == "yaml rules") {
        let [(_, rules), (kind, cases)] = [pair[0], pair[1]];
        assert_eq!(kind, "text", "an example's rules are followed by what becomes of events");
        let indented: String = rules.lines().map(|line| format!("  {line}\n")).collect();
        let pack = format!("version: 1\npack: page\nrules:\n{indented}");
        let files: RuleFiles = [("packs/page.yaml".to_owned(), pack)].into();
        let plan =
            Plan::compile(&files, Some("page"), &BTreeMap::new()).unwrap_or_else(|p| panic!("{p}\n{rules}"));
        let mut evaluator = Evaluator::new(Arc::new(plan));
        for case in cases.split("\n\n") {
            let event = case.lines().find_map(|line| line.strip_prefix("event: ")).unwrap();
            let result = preview(&mut evaluator, event.as_bytes(), &Context::default(), false);
            let reason = result.reason.map(|reason| format!(" {}", reason.code)).unwrap_or_default();
            let mut said = format!("event: {event}\noutcome: {}{reason}", result.outcome);
            result.records.iter().for_each(|record| said.push_str(&format!("\nrecord: {}", record.get())));
            assert_eq!(said, case.trim_end(), "{rules}");
            examples += 1;
        }
    }
    assert!(examples >= 5, "only {examples} examples were found");
}

#[test]
fn the_local_rules_of_the_page_fit_the_default_pack() {
    let (_, entry) = blocks().into_iter().find(|(kind, _)| *kind == "yaml").unwrap();
    let mut files = rulebook::embedded_files();
    files.insert("tapline.yaml".to_owned(), entry.to_owned());
    let plan = Plan::compile(&files, None, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
    let mut evaluator = Evaluator::new(Arc::new(plan));
    let event = br#"{"type":"group","anonymousId":"a1","groupId":"g1"}"#;
    let result = preview(&mut evaluator, event, &Context::default(), false);
    let expected = r#"{"type":"event","objectId":"a1","evtName":"Group Joined","evtData":{"group":"g1"}}"#;
    assert_eq!(result.records[0].get(), expected);
}

#[test]
fn the_cases_of_the_page_hold() {
    use tapline::engine::{Diagnostics, proof};
    let (_, text) = blocks().into_iter().find(|(kind, _)| *kind == "yaml tests").unwrap();
    let mut problems = Diagnostics::default();
    let cases = proof::parse("page.yaml", text, &|_| Err("no files here".into()), &mut problems);
    assert!(problems.is_empty() && cases.len() == 4, "{problems}");
    for case in cases {
        let plan = Plan::compile(&rulebook::embedded_files(), None, &case.options);
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
        let proof = proof::prove(&case, &mut Evaluator::new(Arc::new(plan)));
        assert!(proof.differences.is_empty(), "{}: {:?}", case.name, proof.differences);
    }
}

#[test]
fn every_lint_and_every_old_name_is_on_the_page() {
    use tapline::engine::diagnostic::{Code, Severity};
    use tapline::engine::rules::reader::RENAMED;
    let lints = Code::ALL.into_iter().filter(|code| code.severity() == Severity::Warning).map(Code::as_str);
    let names = lints.chain(RENAMED.into_iter().map(|(old, _)| old));
    let absent: Vec<_> = names.filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(absent.is_empty(), "rules/README.md does not name {absent:?}");
}

#[test]
fn every_operator_and_form_is_on_the_page() {
    use tapline::engine::record::Format;
    use tapline::engine::rules::operator::Operator;
    let names = Operator::ALL.map(|spec| spec.name).into_iter().chain(Format::ALL.map(|(name, _)| name));
    let absent: Vec<_> = names.filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(absent.is_empty(), "rules/README.md does not name {absent:?}");
}
