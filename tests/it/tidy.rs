//! The walls between rooms, the homes of crates, the sizes of files, the truth of paths in READMEs.
//!
//! What the compiler can prove is left to it: that the engine does no IO is shown by `--no-default-features`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may import. Only `app` knows everything.
const ARROWS: [(&str, &[&str]); 18] = [
    ("engine", &["engine"]),
    ("clock", &[]),
    ("point", &[]),
    ("settings", &["settings"]),
    ("telemetry", &["telemetry"]),
    ("rulebook", &["engine", "settings"]),
    ("journal", &["journal", "engine", "clock", "point", "telemetry"]),
    ("ingest", &["ingest", "journal", "engine", "clock", "settings", "telemetry"]),
    ("delivery", &["delivery", "journal", "engine", "clock", "point", "settings", "rulebook", "telemetry"]),
    ("backfill", &["backfill", "delivery", "journal", "engine", "clock", "settings"]),
    ("simulator", &["simulator", "settings"]),
    ("admin", &["admin", "delivery", "journal", "engine", "clock", "settings", "rulebook", "telemetry"]),
    ("resend", &["resend", "admin", "delivery", "journal", "clock", "telemetry"]),
    ("sse", &["admin", "clock", "journal", "telemetry"]),
    ("web", &["web", "sse", "admin", "journal", "engine", "clock", "settings", "telemetry"]),
    ("api", &["api", "sse", "admin", "journal", "engine", "clock", "settings", "telemetry"]),
    (
        "cli",
        &[
            "cli",
            "app",
            "admin",
            "backfill",
            "clock",
            // For the HTTP client alone: some verbs ask a running server.
            "delivery",
            "engine",
            "ingest",
            "rulebook",
            "settings",
            "simulator",
            "telemetry",
        ],
    ),
    ("main", &["cli"]),
];

/// Where each crate that was given for one purpose may be named.
const HOMES: [(&str, &[&str]); 15] = [
    ("sled", &["src/journal/sled/"]),
    ("reqwest", &["src/delivery/client.rs"]),
    ("askama", &["src/web/"]),
    ("serde_yaml", &["src/engine/rules/"]),
    ("saphyr_parser", &["src/engine/rules/reading.rs"]),
    ("rhai", &["src/engine/script/"]),
    ("pretty_yaml", &["src/engine/layout/"]),
    ("yaml_parser", &["src/engine/layout/"]),
    ("heck", &["src/engine/keys.rs"]),
    ("annotate_snippets", &["src/engine/diagnostic.rs"]),
    ("actix_web", &["src/ingest/", "src/web/", "src/api/", "src/simulator/", "src/app/"]),
    ("clap", &["src/cli/"]),
    // What happens is told through one type in `telemetry`, which moves the numbers and writes the line together. The
    // command line says things to a person, which for a machine are lines.
    ("tracing", &["src/telemetry/", "src/cli/log.rs"]),
    ("tracing_subscriber", &["src/telemetry/"]),
    ("prometheus_client", &["src/telemetry/"]),
];

/// Module names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "misc", "manager"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a directory as paths from the root, with `/`.
fn files(below: &str) -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("node_modules") => {}
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Some((name, std::fs::read_to_string(&path).ok()?))
    };
    found.into_iter().filter_map(read).collect()
}

/// Lines of code: no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// The word after each `before` in a line.
fn words_after<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(before).map(move |(at, _)| {
        let rest = &line[at + before.len()..];
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    })
}

#[test]
fn rooms_import_only_what_the_architecture_allows() {
    let mut wrong = Vec::new();
    for (file, text) in files("src").into_iter().filter(|(file, _)| file.ends_with(".rs")) {
        let room = file.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if ["app", "lib", "build"].contains(&room.as_str()) {
            continue;
        }
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{file} is in no known room"));
        let imported = code(&text).flat_map(|line| words_after(line, "crate::").collect::<Vec<_>>());
        wrong.extend(
            imported.filter(|name| !allowed.contains(name)).map(|name| format!("{file} imports {name}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_given_crate_is_named_only_in_its_home() {
    let mut wrong = Vec::new();
    for (file, text) in files("src").into_iter().filter(|(file, _)| file.ends_with(".rs")) {
        for (name, homes) in HOMES {
            let names = |line: &str| {
                let mention = format!("{name}::");
                line.match_indices(&mention).any(|(at, _)| {
                    let before = &line[..at];
                    // `crate::journal::sled::` and `self::sled::` are our own module.
                    let ours = ["journal::", "self::", "super::"].iter().any(|start| before.ends_with(start));
                    !ours && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            };
            if !homes.iter().any(|home| file.starts_with(home)) && code(&text).any(names) {
                wrong.push(format!("{file} names {name}, whose home is {}", homes.join(" and ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small_and_begin_by_saying_what_they_are_for() {
    let mut wrong = Vec::new();
    let mut lengths = Vec::new();
    for (file, text) in ["src", "tests/it", "templates", "static"].into_iter().flat_map(files) {
        let length = text.lines().count();
        if length > 500 {
            wrong.push(format!("{file} has {length} lines; 500 are the most"));
        }
        if file.ends_with(".rs") && file.starts_with("src/") {
            lengths.push(length);
            if !text.starts_with("//!") && !text.starts_with("#![doc") {
                wrong.push(format!("{file} does not begin with a module doc"));
            }
        }
        let stem = file.rsplit('/').next().unwrap().split('.').next().unwrap();
        if EMPTY_NAMES.contains(&stem) || EMPTY_NAMES.iter().any(|name| file.contains(&format!("/{name}/"))) {
            wrong.push(format!("{file} has a name that says nothing"));
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    if median > 180 {
        wrong.push(format!("the median file has {median} lines"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_unfinished_or_silenced() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "#[ignore",
        "test.skip",
        "it.skip",
        ".only(",
        "allow(dead_code",
    ];
    let mut wrong = Vec::new();
    for (file, text) in
        ["src", "tests"].into_iter().flat_map(files).filter(|(file, _)| !file.ends_with("tidy.rs"))
    {
        if !file.ends_with(".rs")
            && !file.ends_with(".js")
            && !file.ends_with(".mjs")
            && !file.ends_with(".ts")
        {
            continue;
        }
        let found = marks.iter().filter(|mark| code(&text).any(|line| line.contains(**mark)));
        wrong.extend(found.map(|mark| format!("{file} holds `{mark}`")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn templates_escape_everything_and_hold_no_inline_script_or_style() {
    let mut wrong = Vec::new();
    for (file, text) in files("templates") {
        for mark in ["|safe", "| safe", "<style", " style=\"", "javascript:", "hx-on", " onclick", " onload"]
        {
            if text.contains(mark) {
                wrong.push(format!("{file} holds `{mark}`"));
            }
        }
        for script in text.match_indices("<script").map(|(at, _)| &text[at..]) {
            let tag = script.split('>').next().unwrap();
            if !tag.contains("src=") && !tag.contains("application/json") {
                wrong.push(format!("{file} holds an inline script"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_path_that_a_readme_names_exists() {
    let mut wrong = Vec::new();
    let readmes = ["README.md", "src/README.md", "rules/README.md", "tests/README.md"];
    for readme in readmes.into_iter().filter(|readme| root().join(readme).exists()) {
        let text = std::fs::read_to_string(root().join(readme)).unwrap();
        let beside = root().join(readme).parent().unwrap().to_path_buf();
        for token in text.split('`').skip(1).step_by(2) {
            let is_path = token.contains('/')
                && !token.starts_with(['/', '.', '-', '$', '<'])
                && !token.contains("://")
                && token.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
            let tops: BTreeSet<&str> = ["src", "tests", "rules", "templates", "static"].into();
            let known = is_path
                && (tops.contains(token.split('/').next().unwrap())
                    || beside.join(token.split('/').next().unwrap()).is_dir());
            if known && !root().join(token).exists() && !beside.join(token).exists() {
                wrong.push(format!("{readme} names `{token}`, which does not exist"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
