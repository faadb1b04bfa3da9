//! The schemas of rule files: what the command line prints, the console serves and `rules/` ships is one.

use crate::support::app::TestApp;
use crate::support::process::Process;
use std::path::{Path, PathBuf};
use tapline::engine::rules::shape::{self, Draft, Subject};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Fails where a file does not hold this text; rewrites it when asked to.
fn is_up_to_date(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let shipped = std::fs::read_to_string(file).unwrap_or_default();
    assert!(shipped == text, "{} is out of date; UPDATE_GOLDEN=1 rewrites it", file.display());
}

#[test]
fn the_schemas_and_the_reference_beside_the_rules_are_those_of_the_program() {
    for subject in Subject::ALL {
        let file = root().join(format!("rules/schema/{}.json", subject.name()));
        is_up_to_date(&file, &shape::render(subject, Draft::Draft07));
    }
    is_up_to_date(&root().join("rules/reference.md"), &shape::reference());
}

#[tokio::test]
async fn the_command_line_prints_each_of_them_in_each_draft() {
    for subject in Subject::ALL {
        for (name, draft) in Draft::ALL {
            let ended = Process::run(&["schema", "--for", subject.name(), "--draft", name], &[]).await;
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(ended.stdout, shape::render(subject, draft));
        }
    }
    let ended = Process::run(&["schema"], &[]).await;
    assert_eq!(ended.stdout, shape::render(Subject::Entry, Draft::Draft202012));
    let ended = Process::run(&["schema", "--draft", "4"], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

/// Every YAML file of a directory tells editors where its schema is, by a path that leads there.
#[test]
fn every_shipped_file_names_its_schema() {
    let rules = root().join("rules");
    let mut seen = 0;
    for path in tapline::rulebook::yaml_files(&rules).unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{} begins with `{first}`", path.display()));
        let below = path.strip_prefix(&rules).unwrap();
        let subject = match below.iter().next().and_then(|first| first.to_str()) {
            Some("packs") => Subject::Pack,
            Some("tests") => Subject::Cases,
            _ => Subject::Entry,
        };
        assert!(schema.ends_with(&format!("schema/{}.json", subject.name())), "{}", path.display());
        assert!(path.parent().unwrap().join(schema).is_file(), "{} leads nowhere", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} files were found");
}

#[tokio::test]
async fn the_console_serves_them_to_editors_that_sign_in_nowhere() {
    let app = TestApp::start().await;
    for subject in Subject::ALL {
        let name = subject.name();
        for (path, draft) in [
            (format!("/schema/{name}.json"), Draft::Draft202012),
            (format!("/schema/draft-07/{name}.json"), Draft::Draft07),
        ] {
            let answer = app.get(&path).await;
            assert_eq!((answer.status, answer.text()), (200, &*shape::render(subject, draft)), "{path}");
            assert_eq!(answer.header("content-type"), Some("application/schema+json"));
        }
    }
    for path in ["/schema/rule.json", "/schema/entry", "/schema/draft-04/entry.json"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
}
