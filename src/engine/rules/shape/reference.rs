//! The reference of the language for people: one table for each mapping, as Markdown.

use super::{Mapping, Shape, Subject};
use std::fmt::Write;

/// `rules/reference.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nEvery mapping that rule files may hold, and every key of it.\nThis page is made from the program's own tables; `tapline schema --for pack` gives the same to programs, and `rules/README.md` shows how it is used.\n",
    );
    let mut shown: Vec<&str> = Vec::new();
    for mapping in Subject::ALL.into_iter().flat_map(|subject| subject.root().all()) {
        if !shown.contains(&mapping.name) {
            shown.push(mapping.name);
            section(&mut text, mapping);
        }
    }
    text
}

fn section(text: &mut String, mapping: &Mapping) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n## {}\n\n{}", mapping.name, mapping.doc);
    if let Some(others) = &mapping.others {
        let _ = writeln!(text, "Under keys of one's own choosing stands {}.", describe(others));
    }
    if mapping.keys.is_empty() {
        return;
    }
    text.push_str("\n| Key | Takes | What it does |\n|---|---|---|\n");
    for key in mapping.keys {
        let required = if key.required { ", required" } else { "" };
        let takes = describe(&key.shape).replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {takes}{required} | {} |", key.name, key.doc.replace('|', "\\|"));
    }
}

fn describe(shape: &Shape) -> String {
    let list = |words: Vec<&str>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match shape {
        Shape::Json => "anything".into(),
        Shape::Object => "an object".into(),
        Shape::Text | Shape::Pattern(_) => "text".into(),
        Shape::Origin => "a path".into(),
        Shape::Boolean => "`true` or `false`".into(),
        Shape::Number => "a number".into(),
        Shape::Count => "a whole number".into(),
        Shape::Exactly(number) => format!("`{number}`"),
        Shape::Scalar => "text, a number, `true` or `false`".into(),
        Shape::Choice(words) | Shape::Word(words) => list(words()),
        Shape::List(inner) => format!("a list: {}", describe(inner)),
        Shape::OneOrMany(inner) => format!("{}, or a list", describe(inner)),
        Shape::Either(shapes) => shapes.iter().map(describe).collect::<Vec<_>>().join(", or "),
        Shape::Mapping(mapping) => format!("[{0}](#{0})", mapping().name),
        Shape::Members(inner) => format!("names, each with {}", describe(inner)),
    }
}
