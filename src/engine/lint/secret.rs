//! R609: what looks like a secret, or like something about a person, in a file that lives in git.
//!
//! The message never repeats what was found.

use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::plan::RuleFiles;
use crate::engine::rules::reader::Node;
use crate::engine::rules::source::Source;
use crate::engine::script::is_script;
use std::ops::Range;

/// Domains that belong to nobody. Source: <https://www.rfc-editor.org/rfc/rfc2606>, read 2026-11.
const NOBODYS: [&str; 3] = ["example.com", "example.org", "example.net"];
const NOBODYS_ENDS: [&str; 4] = [".example", ".test", ".invalid", ".localhost"];

/// How secrets of known services begin, and how long they are at least.
/// Source: the services' own pages on the format of their keys, read 2026-11.
const STARTS: [(&str, usize, &str); 12] = [
    ("AKIA", 20, "an access key of AWS"),
    ("ASIA", 20, "an access key of AWS"),
    ("AIza", 39, "an API key of Google"),
    ("ghp_", 40, "a token of GitHub"),
    ("gho_", 40, "a token of GitHub"),
    ("github_pat_", 40, "a token of GitHub"),
    ("glpat-", 26, "a token of GitLab"),
    ("sk_live_", 24, "a secret key of Stripe"),
    ("rk_live_", 24, "a secret key of Stripe"),
    ("xoxb-", 24, "a token of Slack"),
    ("xoxp-", 24, "a token of Slack"),
    ("-----BEGIN", 10, "a private key or certificate"),
];

/// Looks at every text of every file, of scripts at every line.
pub fn lint(files: &RuleFiles, found: &mut Diagnostics) {
    for (file, text) in files.iter().filter(|(file, _)| is_script(file)) {
        lint_script(file, text, found);
    }
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".yaml") || file.ends_with(".yml")) {
        let Some(source) = Source::parse(file, text, &mut Diagnostics::default()) else { continue };
        Node::root(&source).each_text(&mut |text, place| {
            if let Some((word, what)) = suspicious(text) {
                say(what, source.part(&place, word), found);
            }
        });
        found.add_source(source.file.clone(), text.as_str().into());
    }
}

fn lint_script(file: &str, text: &str, found: &mut Diagnostics) {
    let mut start = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if let Some((word, what)) = suspicious(line)
            && let Some(before) = line.find(word).and_then(|before| line.get(..before))
        {
            let (line, column) = (at as u32 + 1, before.chars().count() as u32 + 1);
            let start = start + before.len();
            say(what, Place { file: file.into(), line, column, start, end: start + word.len() }, found);
        }
        start += line.len();
    }
    found.add_source(file.into(), text.into());
}

fn say(what: &str, place: Place, found: &mut Diagnostics) {
    let message = format!("this looks like {what}, and rule files live in git");
    let help = match what {
        "an e-mail address" | "a phone number" => "take it out, or use one at example.com in examples",
        _ => "take it out, and renew the secret: it counts as known",
    };
    found.push(Code::R609, Some(place), message, Some(help.into()));
}

/// Whether a text holds what looks like a secret, or like something about a person.
pub fn is_personal(text: &str) -> bool {
    suspicious(text).is_some()
}

/// The word of a text that should not be there, and what it looks like.
fn suspicious(text: &str) -> Option<(&str, &'static str)> {
    if let Some(number) = phone(text) {
        return Some((number, "a phone number"));
    }
    words(text).find_map(|(_, word)| judge(word).map(|what| (word, what)))
}

/// Every stretch of a line, in bytes, that should not be shown again: the same words, and numbers wherever they stand,
/// because a line as it is written holds more than one text.
pub(in crate::engine) fn stretches(line: &str) -> Vec<Range<usize>> {
    let secrets = words(line).filter(|(_, word)| judge(word).is_some());
    let mut found: Vec<Range<usize>> = secrets.map(|(start, word)| start..start + word.len()).collect();
    for (start, _) in line.match_indices('+') {
        let rest = line.get(start + 1..).unwrap_or_default();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || " -().".contains(c))).unwrap_or(rest.len());
        let number = line.get(start..start + 1 + end).unwrap_or_default();
        found.extend(phone(number).map(|number| start..start + number.len()));
    }
    found
}

/// The words of a text, each with its first byte.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let separates = |c: char| c.is_whitespace() || "\"'`<>(){}[],;=|".contains(c);
    let mut start = 0;
    text.split_inclusive(separates).map(move |piece| {
        let at = start;
        start += piece.len();
        let word = piece.trim_end_matches(separates);
        let trims = |c: char| ".:!?".contains(c);
        let skipped = word.len() - word.trim_start_matches(trims).len();
        (at + skipped, word.trim_matches(trims))
    })
}

fn judge(word: &str) -> Option<&'static str> {
    known_start(word).or_else(|| token(word)).or_else(|| is_email(word).then_some("an e-mail address"))
}

fn known_start(word: &str) -> Option<&'static str> {
    let row = STARTS.iter().find(|(start, least, _)| word.starts_with(start) && word.len() >= *least);
    row.map(|(.., what)| *what)
}

fn is_email(word: &str) -> bool {
    let Some((local, domain)) = word.split_once('@') else { return false };
    let domain = domain.to_lowercase();
    let nobodys = NOBODYS.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")))
        || NOBODYS_ENDS.iter().any(|end| domain.ends_with(end));
    let host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let top = domain.rsplit_once('.').map_or("", |(_, top)| top);
    let shape = !local.is_empty() && domain.chars().all(host) && !domain.starts_with('.');
    shape && top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()) && !nobodys
}

/// The whole text as a number with `+` and a country code: 8 to 15 digits, as E.164 has it. What is reserved for fiction
/// (`555-01xx` in North America) is nobody's.
fn phone(text: &str) -> Option<&str> {
    let number = text.trim();
    let rest = number.strip_prefix('+')?;
    let shape = rest.chars().all(|c| c.is_ascii_digit() || " -().".contains(c));
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let fiction = digits.starts_with('1') && digits.get(4..9) == Some("55501") && digits.len() == 11;
    (shape && (8..=15).contains(&digits.len()) && !fiction).then_some(number)
}

/// Long runs that no person would type: a JSON web token, hexadecimal, base 64.
fn token(word: &str) -> Option<&'static str> {
    const HEX: usize = 32;
    const BASE64: usize = 40;
    let parts: Vec<&str> = word.split('.').collect();
    if let [head, claims, _] = parts.as_slice()
        && head.starts_with("eyJ")
        && claims.starts_with("eyJ")
    {
        return Some("a JSON web token");
    }
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    let (digit, lower, upper) =
        (has(char::is_ascii_digit), has(char::is_ascii_lowercase), has(char::is_ascii_uppercase));
    if word.len() >= HEX && word.chars().all(|c| c.is_ascii_hexdigit()) && digit && (lower || upper) {
        return Some("a key or a digest");
    }
    let base64 = word.chars().all(|c| c.is_ascii_alphanumeric() || "+/-_=".contains(c));
    let uuid = word.len() == 36 && word.split('-').count() == 5;
    (word.len() >= BASE64 && base64 && digit && lower && upper && !uuid).then_some("a key or a token")
}
