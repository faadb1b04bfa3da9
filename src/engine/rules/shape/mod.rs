//! The shape of the language: every mapping that rule files may hold, declared once, as data.
//!
//! The reader knows keys by it (`reader.rs`), editors and other programs get it as JSON Schema (`schema.rs`), people as
//! `rules/reference.md` (`reference.rs`). Words to choose from stay where they are defined; a shape only names their table.
//! Deliberately no more than shape: whether a path can be read or a rule exists, only compiling tells.
//! The first thing to know: to add a key, add its row here, then ask for it with `Fields::get`; a test fails where one of
//! the two is missing.

pub mod case;
pub mod condition;
pub mod pack;
pub mod record;
mod reference;
pub mod rule;
mod schema;
pub mod value;

pub use reference::reference;
pub use schema::{Draft, Subject, render, schema};

/// A mapping with known keys.
#[derive(Debug)]
pub struct Mapping {
    /// How schemas and the reference name it.
    pub name: &'static str,
    /// What the reader expects, in a message: `expected …, found …`.
    pub what: &'static str,
    /// What it is for, in a sentence.
    pub doc: &'static str,
    /// The keys, in the order in which they are best written.
    pub keys: &'static [Key],
    /// What stands under keys of one's own choosing; none where there are none.
    pub others: Option<Shape>,
    /// Which keys go together.
    pub together: &'static [Together],
}

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it does, in a sentence or a part of one.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What stands under it.
    pub shape: Shape,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any value that JSON has.
    Json,
    /// Any object that JSON has.
    Object,
    /// Text.
    Text,
    /// A place in the event, a `$name`, or `item` and what is in it.
    Origin,
    /// Text of this pattern.
    Pattern(&'static str),
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A whole number from 0.
    Count,
    /// This number.
    Exactly(u64),
    /// Text, a number, or `true` or `false`.
    Scalar,
    /// One of the words of a table.
    Choice(fn() -> Vec<&'static str>),
    /// One of the words of a table, in any case.
    Word(fn() -> Vec<&'static str>),
    /// A list.
    List(&'static Shape),
    /// A value or a list of them.
    OneOrMany(&'static Shape),
    /// One of several shapes.
    Either(&'static [Shape]),
    /// A mapping with known keys; a function, because mappings stand in one another in circles.
    Mapping(fn() -> &'static Mapping),
    /// A mapping whose keys are one's own.
    Members(&'static Shape),
}

/// Which keys of a mapping go together.
#[derive(Debug, Clone, Copy)]
pub enum Together {
    /// Exactly one of these is there.
    ExactlyOne(&'static [&'static str]),
    /// At most one of these is there.
    AtMostOne(&'static [&'static str]),
    /// At least one of these is there.
    AtLeastOne(&'static [&'static str]),
    /// Where the first is, the second is, too.
    Needs(&'static str, &'static str),
}

impl Key {
    /// A key that may be there.
    pub const fn may(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, doc, required: false, shape }
    }

    /// A key that must be there.
    pub const fn must(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, doc, required: true, shape }
    }
}

impl Mapping {
    /// Whether a key is one of the known ones.
    pub fn knows(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known.name == key)
    }

    /// This mapping and all that stand in it, each once, the outer before the inner.
    pub fn all(&'static self) -> Vec<&'static Self> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(mapping) = found.get(next).copied() {
            next += 1;
            let shapes = mapping.keys.iter().map(|key| &key.shape).chain(&mapping.others);
            shapes.for_each(|shape| shape.mappings(&mut found));
        }
        found
    }
}

impl Shape {
    fn mappings(&'static self, found: &mut Vec<&'static Mapping>) {
        match self {
            Self::Mapping(mapping) if found.iter().all(|known| known.name != mapping().name) => {
                found.push(mapping());
            }
            Self::List(inner) | Self::OneOrMany(inner) | Self::Members(inner) => inner.mappings(found),
            Self::Either(shapes) => shapes.iter().for_each(|shape| shape.mappings(found)),
            _ => {}
        }
    }
}

/// The words of a table.
fn words<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(word, _)| *word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proof;
    use crate::engine::rules::reader::asked;
    use crate::engine::{Diagnostics, Plan, RuleFiles};
    use std::collections::{BTreeMap, BTreeSet};

    /// Files in which every mapping of the language stands at least once.
    const PACK: &str = "version: 1\npack: all\noptions: { a: { type: boolean, default: true, label: A } }\nrules:\n  - id: a\n    when: { type: track, event: { is: x }, where: { type: x }, not: { option: { a: true } } }\n    filter: { code: x, message: m }\n  - id: b\n    require: [{ present: x, code: x, message: m }]\n    emit:\n      - profile: { address: [{ identity: userId }], max_fields: 1, data: { '**': { rest: traits }, '*': { rest: traits } } }\n      - event:\n          address: []\n          name: event\n          max_fields: { option: a }\n          data: { a: { from: x, lookup: { table: { a: b }, otherwise: { value: x } } }, b: { script: { file: x.rhai } } }\n      - token: { address: [] }\n";
    const ENTRY: &str =
        "version: 1\npack: all\nrules:\n  - id: c\n    after: a\n    fail: { code: x, message: m }\n";
    const CASES: &str = "version: 1\ncases:\n  - name: a\n    event: {}\n    expect: { outcome: failed }\n";

    #[test]
    fn the_reader_asks_for_the_keys_that_are_declared_and_for_no_others() {
        let files: RuleFiles =
            [("packs/all.yaml".into(), PACK.into()), ("tapline.yaml".into(), ENTRY.into())].into();
        // What is said of these files does not matter here; what the reader asks for does.
        drop(Plan::compile(&files, None, &BTreeMap::new()));
        proof::parse("tests/a.yaml", CASES, &|_| Err(String::new()), &mut Diagnostics::default());
        let asked: BTreeSet<String> =
            asked().iter().map(|(mapping, key)| format!("{mapping}.{key}")).collect();
        let every = Subject::ALL.into_iter().flat_map(|subject| subject.root().all());
        let declared: BTreeSet<String> = every
            .flat_map(|mapping| mapping.keys.iter().map(move |key| format!("{}.{}", mapping.name, key.name)))
            .collect();
        let undeclared: Vec<_> = asked.difference(&declared).collect();
        assert!(
            undeclared.is_empty(),
            "the reader asks for keys that have no row in rules/shape/: {undeclared:?}"
        );
        let unasked: Vec<_> = declared.difference(&asked).collect();
        assert!(unasked.is_empty(), "the reader never asks for these keys: {unasked:?}");
    }

    #[test]
    fn names_are_unique_and_everything_is_explained() {
        let mut names: BTreeMap<&str, *const Mapping> = BTreeMap::new();
        for mapping in Subject::ALL.into_iter().flat_map(|subject| subject.root().all()) {
            let first = *names.entry(mapping.name).or_insert(mapping);
            assert!(std::ptr::eq(first, mapping), "two mappings are called {}", mapping.name);
            assert!(
                !mapping.doc.is_empty() && mapping.keys.iter().all(|key| !key.doc.is_empty()),
                "{}",
                mapping.name
            );
            let together = mapping.together.iter().flat_map(|rule| match rule {
                Together::ExactlyOne(keys) | Together::AtMostOne(keys) | Together::AtLeastOne(keys) => {
                    keys.to_vec()
                }
                Together::Needs(key, other) => vec![*key, *other],
            });
            let unknown: Vec<_> = together.filter(|key| !mapping.knows(key)).collect();
            assert!(unknown.is_empty(), "{} has no {unknown:?}", mapping.name);
        }
    }
}
