//! `tapline init`, and rules directories that stand on the packs inside the program.

use crate::support::process::{Ended, Process};
use std::fs;
use std::path::Path;
use tapline::engine::Plan;
use tapline::rulebook;

async fn run(arguments: &[&str], directory: &Path) -> Ended {
    Process::run(&[arguments, &["--rules", directory.to_str().unwrap()]].concat(), &[]).await
}

async fn start(directory: &Path, pack: &str) -> Ended {
    Process::run(&["init", directory.to_str().unwrap(), "--pack", pack], &[]).await
}

#[tokio::test]
async fn what_init_writes_passes_every_check_on_every_pack() {
    let packs = rulebook::embedded_packs(Path::new("there/is/none"), &rulebook::embedded_files());
    assert!(packs.contains(&"segment-cloud".to_owned()), "{packs:?}");
    for pack in &packs {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("deep/rules");
        let ended = start(&directory, pack).await;
        if pack.starts_with("segment-device-") {
            // It can not go live, so nobody's directory can stand on it.
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(ended.code != Some(0) && said.contains("R310"), "{said}");
            assert!(!directory.exists(), "{said}");
            continue;
        }
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("Next:\n  tapline check"), "{}", ended.stderr);
        let written: Vec<&Path> = ended.stdout.lines().map(Path::new).collect();
        assert!(written.contains(&directory.join("tapline.yaml").as_path()), "{}", ended.stdout);
        assert!(written.iter().all(|file| file.is_file()), "{}", ended.stdout);
        let event = parent.path().join("event.json");
        fs::write(
            &event,
            r#"{"type":"identify","userId":"u","anonymousId":"a","traits":{"email":"x@example.com"}}"#,
        )
        .unwrap();
        for verb in [
            &["fmt", "--check"][..],
            &["check", "--deny-warnings"],
            &["test", "--min-coverage", "100"],
            &["preview", event.to_str().unwrap()],
        ] {
            let ended = run(verb, &directory).await;
            assert_eq!(ended.code, Some(0), "{pack}: {verb:?}\n{}{}", ended.stdout, ended.stderr);
            if verb == ["preview", event.to_str().unwrap()] {
                assert!(ended.stdout.contains("internal_user"), "{}", ended.stdout);
            }
        }
    }
}

#[tokio::test]
async fn the_options_that_init_shows_can_be_taken_as_they_stand() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("rules");
    start(&directory, "segment-cloud").await;
    let entry = directory.join("tapline.yaml");
    let text = fs::read_to_string(&entry).unwrap();
    let begin = text.find("# options:\n").unwrap();
    let (head, rest) = text.split_at(begin);
    let (options, tail) = rest.split_once("\n\n").unwrap();
    let options: String =
        options.lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line))).collect();
    fs::write(&entry, format!("{head}{options}\n{tail}")).unwrap();
    let files = rulebook::load_files(&directory).unwrap();
    let plan =
        Plan::compile(&files, None, &Default::default()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!plan.options().is_empty());
    for option in plan.options() {
        assert!(options.contains(&format!("  {}: {}\n", option.name, option.value)), "{options}");
        assert!(options.contains(&option.label), "{options}");
    }
}

#[tokio::test]
async fn the_rule_that_init_shows_as_a_comment_can_be_taken_as_it_stands() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("rules");
    start(&directory, "segment-cloud").await;
    let entry = directory.join("tapline.yaml");
    let text = fs::read_to_string(&entry).unwrap();
    let at = text.find("  # - id: trial-started").unwrap();
    let (head, rule) = text.split_at(at);
    fs::write(&entry, format!("{head}{}", rule.replace("  # ", "  "))).unwrap();
    assert!(rule.contains("after: event-name-restricted"), "{rule}");
    let ended = run(&["check"], &directory).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let untested: Vec<&str> = ended.stdout.lines().filter(|line| line.contains("[R608]")).collect();
    assert_eq!(untested, ["warning[R608]: no case in `tests/` reaches the rule `trial-started`"]);
    let ended = run(&["test", "--min-coverage", "100"], &directory).await;
    assert_eq!(ended.code, Some(1), "a rule without a case is told of");
    assert!(ended.stdout.contains("not covered: trial-started"), "{}", ended.stdout);
}

#[tokio::test]
async fn init_overwrites_nothing_and_says_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("tests")).unwrap();
    fs::write(directory.path().join("tests/local.yaml"), "mine").unwrap();
    let ended = start(directory.path(), "segment-cloud").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("tests/local.yaml\nname another directory"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(directory.path().join("tests/local.yaml")).unwrap(), "mine");
    assert!(!directory.path().join("tapline.yaml").exists());
    let ended = start(&directory.path().join("other"), "segment-clod").await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr, "there is no pack `segment-clod`; did you mean `segment-cloud`?\n");
}

#[tokio::test]
async fn a_directory_stands_on_the_packs_inside_the_program_and_its_own_come_first() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let plan = |at: &Path| {
        let files = rulebook::load_files(at).unwrap();
        Plan::compile(&files, None, &Default::default()).unwrap_or_else(|problems| panic!("{problems}"))
    };
    fs::write(at.join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
    let embedded = plan(at);
    assert_eq!(embedded.pack(), "segment-cloud");
    let ended = run(&["check"], at).await;
    assert!(
        ended.stdout.contains("from the program: ") && !ended.stdout.contains("from /"),
        "{}",
        ended.stdout
    );

    // In the place of one of the program's, by either ending; the others stay.
    fs::create_dir(at.join("packs")).unwrap();
    let own = "version: 1\npack: segment-cloud\nrules:\n  - id: all\n    filter: { code: own, message: m }\n";
    fs::write(at.join("packs/segment-cloud.yml"), own).unwrap();
    let shadowed = plan(at);
    assert_eq!(shadowed.rule_count(), 1);
    assert_eq!(shadowed.packs(), embedded.packs());
    assert_ne!(shadowed.revision(), embedded.revision());
    let ended = run(&["check"], at).await;
    let line = format!("\nfrom {}: segment-cloud\nfrom the program: ", at.display());
    assert!(ended.stdout.contains(&line), "{}", ended.stdout);
}

#[test]
fn the_revision_covers_the_packs_inside_the_program() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
    let mut files = rulebook::load_files(directory.path()).unwrap();
    let before = Plan::compile(&files, None, &Default::default()).unwrap().revision().to_owned();
    files.get_mut("packs/segment-cloud.yaml").unwrap().push_str("# another release\n");
    let after = Plan::compile(&files, None, &Default::default()).unwrap().revision().to_owned();
    assert_ne!(before, after);
}

#[tokio::test]
async fn programs_are_told_of_no_file_that_is_only_inside_the_program() {
    let directory = tempfile::tempdir().unwrap();
    // Only together do the two decide all that the pack's rule is for, so it is the pack's rule that is spoken of.
    let entry = "version: 1\npack: segment-cloud\nrules:\n  - id: known\n    \
                 when: { type: page, present: userId }\n    filter: { code: a, message: m }\n  - id: unknown\n    \
                 when: { type: page, missing: userId }\n    filter: { code: b, message: m }\n";
    fs::write(directory.path().join("tapline.yaml"), entry).unwrap();
    for format in ["github", "sarif", "json"] {
        let ended = run(&["check", "--format", format], directory.path()).await;
        let named = format!("{}/packs", directory.path().display());
        assert!(!ended.stdout.contains(&named), "{}", ended.stdout);
        assert!(ended.stdout.contains("inside the program)"), "{}", ended.stdout);
    }
}
