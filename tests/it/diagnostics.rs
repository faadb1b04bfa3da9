//! Diagnostics: `tests/golden/diagnostics/<code>/` holds rules with the problem and what is said of it.
//!
//! `rules.yaml` is compiled as the pack `rules`; `# pack: NAME` and `# option: KEY=VALUE` at its head
//! stand for flags, `# entry: LINE` for a line of the entry file. Where the problem is one of cases next to rules,
//! `cases.yaml` holds those.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tapline::engine::diagnostic::Code;
use tapline::engine::proof;
use tapline::engine::{Diagnostics, Plan, RuleFiles};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diagnostics")
}

fn compile(text: &str) -> Diagnostics {
    let flag = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let option = flag("# option:").and_then(|pair| pair.split_once('='));
    let options: BTreeMap<_, _> =
        option.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
    let mut files: RuleFiles = [("packs/rules.yaml".to_owned(), text.to_owned())].into();
    if let Some(line) = flag("# entry:") {
        files.insert("tapline.yaml".to_owned(), format!("version: 1\npack: rules\n{line}\n"));
    }
    Plan::compile_live(&files, Some(flag("# pack:").unwrap_or("rules")), &options).err().unwrap_or_default()
}

fn parse_cases(text: &str) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let read = |_: &str| Err("there is no such file".to_owned());
    proof::parse("tests/cases.yaml", text, &read, &mut problems);
    problems.sort();
    problems
}

#[test]
fn every_problem_is_said_as_written_and_every_code_has_a_case() {
    let mut report = String::new();
    for code in Code::ALL {
        let case = directory().join(code.as_str());
        let read = |name: &str| std::fs::read_to_string(case.join(name));
        let problems = match (read("rules.yaml"), read("cases.yaml")) {
            (Ok(rules), _) => compile(&rules),
            (_, Ok(cases)) => parse_cases(&cases),
            _ => panic!("{code} has no case: write {}/rules.yaml or cases.yaml", case.display()),
        };
        assert!(
            problems.iter().any(|problem| problem.code == code),
            "{code} is not found in its own case:\n{problems}"
        );
        let actual = problems.render(false);
        let file = case.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected != actual {
            report.push_str(&format!(
                "{code}:\n{}\n",
                similar::TextDiff::from_lines(&expected, &actual).unified_diff()
            ));
        }
    }
    assert!(report.is_empty(), "UPDATE_GOLDEN=1 rewrites them\n{report}");
}

#[test]
fn a_set_with_seven_errors_is_told_of_all_seven() {
    let text = "version: 2\npack: other\nrulse: []\nrules:\n  - id: a\n    when: { tpye: track }\n    filter: { code: X, message: y }\n    emt: 1\n  - id: b\n    when: { missing: $x }\n    fail: { code: ok, message: y }\n";
    let problems = compile(text);
    assert_eq!(problems.len(), 7, "{problems}");
}
