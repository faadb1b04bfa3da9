//! `tapline fmt`: one layout, the same values, every comment.

use crate::support::process::{Process, command};
use crate::support::stand::rules;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use tapline::engine::layout::{NotLaidOut, lay_out};
use tokio::io::AsyncWriteExt;

/// Every YAML text the project has: shipped rules and cases, golden packs, examples of the page, and the bad corpus.
fn corpus() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths = Vec::new();
    for directory in [rules(), golden.join("diagnostics"), golden.join("language")] {
        walk(&directory, &mut paths);
    }
    let mut texts = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.display().to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => texts.push((name, text)),
            Some("txt") if name.contains("language") => {
                let head = text.split("\n---\n").next().unwrap();
                let mut parts = head.split("\n--- ");
                texts.extend(parts.next().map(|pack| (name.clone(), format!("{pack}\n"))));
                let others = parts.filter_map(|part| part.split_once('\n'));
                let yaml = others.filter(|(file, _)| file.ends_with(".yaml"));
                texts.extend(yaml.map(|(file, part)| (format!("{name} {file}"), format!("{part}\n"))));
            }
            Some("md") => {
                let blocks = text.split("\n```").skip(1).step_by(2).filter(|block| block.starts_with("yaml"));
                let body = |block: &str| format!("{}\n", block.split_once('\n').unwrap().1);
                texts.extend(blocks.map(|block| (name.clone(), body(block))));
            }
            _ => {}
        }
    }
    texts
}

/// The values with their order; none where it is no YAML.
fn values(text: &str) -> Option<String> {
    // A mark of byte order is no part of the document.
    let text = text.trim_start_matches('\u{feff}');
    serde_yaml::from_str::<serde_yaml::Value>(text).ok().map(|value| format!("{value:?}"))
}

fn comments(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with('#')).count()
}

#[test]
fn every_text_there_is_keeps_its_values_and_comments_or_is_left_alone() {
    let corpus = corpus();
    assert!(corpus.len() > 35, "only {} texts were found", corpus.len());
    for (name, text) in corpus {
        match lay_out(&name, &text) {
            Ok(once) => {
                assert_eq!(lay_out(&name, &once).as_deref(), Ok(once.as_str()), "{name} is not settled");
                let sorted = |text: &str| {
                    let mut lines: Vec<char> = values(text).unwrap().chars().collect();
                    lines.sort_unstable();
                    lines
                };
                assert_eq!(sorted(&once), sorted(&text), "{name}");
                assert!(
                    comments(&once) <= comments(&text) && comments(&once) + 3 > comments(&text),
                    "{name}"
                );
            }
            Err(NotLaidOut::Invalid(problems)) => assert!(!problems.is_empty(), "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[tokio::test]
async fn all_shipped_files_are_laid_out() {
    let ended = Process::run(&["fmt", "--check", "--rules", rules().to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

const WILD: &str = "version:   1\nrules:\n- fail: {code: x,message: 'y'}\n  id: b # of b\n- id: c\n";
const TAME: &str =
    "version: 1\nrules:\n  - id: b # of b\n    fail: { code: x, message: \"y\" }\n\n  - id: c\n";

#[tokio::test]
async fn check_shows_the_difference_and_changes_nothing_then_fmt_does() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("tests")).unwrap();
    let files = ["tapline.yaml", "tests/a.yml"].map(|name| directory.path().join(name));
    files.iter().for_each(|file| fs::write(file, WILD).unwrap());
    fs::set_permissions(&files[0], fs::Permissions::from_mode(0o640)).unwrap();
    fs::rename(&files[1], directory.path().join("real")).unwrap();
    std::os::unix::fs::symlink("../real", &files[1]).unwrap();
    let at = directory.path().to_str().unwrap();
    let ended = Process::run(&["fmt", "--check", "--rules", at], &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert_eq!(ended.stderr, "files not in canonical layout: 2; `tapline fmt` lays them out\n");
    assert!(ended.stdout.contains("\n-version:   1\n+version: 1\n rules:\n"), "{}", ended.stdout);
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), WILD);

    let ended = Process::run(&["fmt", "--rules", at], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert_eq!(ended.stdout, files.each_ref().map(|file| format!("{}\n", file.display())).concat());
    files.iter().for_each(|file| assert_eq!(fs::read_to_string(file).unwrap(), TAME));
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(files[1].is_symlink(), "a link stays a link");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "nothing is left lying about");

    let ended = Process::run(&["fmt", "--rules", at], &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
}

#[tokio::test]
async fn a_file_that_is_no_yaml_stays_while_the_others_are_laid_out() {
    let directory = tempfile::tempdir().unwrap();
    let (bad, good) = (directory.path().join("a.yaml"), directory.path().join("b.yaml"));
    fs::write(&bad, "rules: [\n").unwrap();
    fs::write(&good, WILD).unwrap();
    let ended = Process::run(&["fmt", bad.to_str().unwrap(), good.to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("R101") && ended.stderr.contains("a.yaml:"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&bad).unwrap(), "rules: [\n");
    assert_eq!(fs::read_to_string(&good).unwrap(), TAME);
    let ended = Process::run(&["fmt", directory.path().join("none.yaml").to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[tokio::test]
async fn an_editor_pipes_a_text_through() {
    let mut command = command(&["fmt", "-"], &[]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(WILD.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), TAME);
}

/// A value in one of the many ways to write it: the lines below its key, or the text beside it.
#[derive(Debug, Clone)]
enum Written {
    Beside(String),
    Map(Vec<(String, Written, &'static str)>, usize),
    List(Vec<(Written, &'static str)>, usize),
}

fn written() -> impl Strategy<Value = Written> {
    let scalar = prop::sample::select(vec![
        "1",
        "1.50",
        "true",
        "null",
        "~",
        "",
        "text",
        "two words",
        "'it''s'",
        "\"a\\tb\"",
        "'say \"x\"'",
        "'#no'",
        "\"\"",
        "http://x/y",
        "2026-01-02",
        "0x1F",
        "ä ö 😀",
        "$name",
        "\"{a|}\"",
        "'null'",
        "\"1\"",
        "-1e3",
        "a:b",
        "|\n            kept \n              deeper\n",
        ">-\n            folded\n            twice\n\n            more\n",
    ]);
    let inline = prop::sample::select(vec!["1", "text", "'q'", "\"d\"", "ä", "a b", "''"]);
    let long = prop::collection::vec(inline.prop_map(str::to_owned), 0..40);
    let flow = (
        long,
        prop::bool::ANY,
        prop::bool::ANY,
        prop::sample::select(vec!["", " ", "  ", " # c\n            "]),
    )
        .prop_map(|(items, is_map, nested, gap)| {
            let inner = items.iter().enumerate().map(|(at, item)| match is_map {
                true => format!("{gap}k{at}: {item}"),
                false => format!("{gap}{item}"),
            });
            let mut text = inner.collect::<Vec<_>>().join(",");
            if nested {
                text = format!(
                    "{}{}[x, {{ y: [] }}]",
                    if text.is_empty() { String::new() } else { format!("{text}, ") },
                    if is_map { "n: " } else { "" }
                );
            }
            if is_map { format!("{{{text} }}") } else { format!("[{text} ]") }
        });
    let leaf = prop_oneof![scalar.prop_map(str::to_owned), flow].prop_map(Written::Beside);
    leaf.prop_recursive(4, 40, 5, |inner| {
        let note = prop::sample::select(vec!["", "", "", "# note", "#tight", "#"]);
        let key =
            prop::sample::select(vec!["id", "when", "rules", "emit", "\"*\"", "'a b'", "x", "Größe", "fail"]);
        prop_oneof![
            (prop::collection::vec((key, inner.clone(), note.clone()), 1..5), 1usize..5).prop_map(
                |(members, step)| {
                    let mut seen = std::collections::BTreeSet::new();
                    let members = members
                        .into_iter()
                        .filter(|(key, ..)| seen.insert(*key))
                        .map(|(key, value, note)| (key.to_owned(), value, note));
                    Written::Map(members.collect(), step)
                }
            ),
            (prop::collection::vec((inner, note), 1..5), 1usize..5)
                .prop_map(|(items, step)| Written::List(items, step)),
        ]
    })
}

impl Written {
    /// Writes the value behind its key or dash, each of its lines indented.
    fn write(&self, indent: usize, text: &mut String) {
        let pad = " ".repeat(indent);
        match self {
            Self::Beside(value) => {
                // What goes on in another line is written with twelve blanks, to stand deeper than whatever holds it.
                text.push_str(&format!(" {}\n", value.replace("            ", &" ".repeat(indent + 4))));
            }
            Self::Map(members, step) => {
                text.push('\n');
                for (key, value, note) in members {
                    if !note.is_empty() {
                        text.push_str(&format!("{pad}{note}\n"));
                    }
                    text.push_str(&format!("{pad}{key}:"));
                    value.write(indent + step, text);
                }
            }
            Self::List(items, step) => {
                text.push('\n');
                for (value, note) in items {
                    if !note.is_empty() {
                        text.push_str(&format!("{pad}{note}\n"));
                    }
                    text.push_str(&format!("{pad}-"));
                    value.write(indent + step, text);
                }
            }
        }
    }
}

/// YAML 1.2 wants every line of a collection in brackets deeper than the block around it, and so does `tapline check`.
#[test]
fn a_collection_that_goes_on_left_of_its_block_is_no_yaml() {
    let text = |blanks: usize| {
        format!("x:\n    x:\n        x:\n            id: [1, # c\n{}'q']\n", " ".repeat(blanks))
    };
    assert!(lay_out("t.yaml", &text(13)).is_ok());
    let Err(NotLaidOut::Invalid(problems)) = lay_out("t.yaml", &text(10)) else { panic!("it was laid out") };
    assert!(problems.to_string().contains("invalid indentation"), "{problems}");
}

/// Texts of the corpus that are quickly laid out.
static SMALL: OnceLock<Vec<String>> = OnceLock::new();

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_keeps_its_values_and_settles_at_once(written in written()) {
        let mut text = String::new();
        written.write(0, &mut text);
        let text = text.trim_start_matches(['\n', ' ']);
        match lay_out("t.yaml", text) {
            Ok(once) => {
                prop_assert_eq!(lay_out("t.yaml", &once), Ok(once.clone()), "{} became {}", text, &once);
                let sorted = |text: &str| { let mut all: Vec<char> = values(text).unwrap().chars().collect(); all.sort_unstable(); all };
                prop_assert_eq!(sorted(&once), sorted(text), "{}", text);
                prop_assert_eq!(once.matches('#').count(), text.matches('#').count(), "{}", text);
            }
            Err(error) => prop_assert!(false, "{} in {}", error, text),
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a:{}\\[\\],#&*!|>'\"%@` ?\n\r\t0é\\\\]{0,80}") {
        if let Ok(once) = lay_out("t.yaml", &text) {
            prop_assert_eq!(lay_out("t.yaml", &once), Ok(once.clone()), "{}", text);
        }
    }

    /// A real file that somebody is typing in: a stretch of it is gone, and something else stands there.
    #[test]
    fn a_file_that_is_being_typed_in_is_laid_out_faithfully_or_left_alone(
        (which, at) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        gone in 0usize..6,
        typed in "[-a:{}\\[\\],#&*!|>'\"? \n]{0,5}",
    ) {
        let texts = SMALL.get_or_init(|| corpus().into_iter().map(|(_, text)| text).filter(|text| text.len() < 2500).collect());
        let mut text: Vec<char> = which.get(texts).chars().collect();
        let at = at.index(text.len());
        let end = (at + gone).min(text.len());
        text.splice(at..end, typed.chars());
        let text: String = text.into_iter().collect();
        if let Ok(once) = lay_out("t.yaml", &text) {
            prop_assert_eq!(lay_out("t.yaml", &once), Ok(once.clone()), "{}", text);
        }
    }
}
