//! Conditions: when a rule applies.
//!
//! A mapping holds when every line of it holds:
//! `type`, `event`, `where`, `shape`, `option`, `present`, `missing`, `integration_off`, and `all`, `any`, `not` around others.

use super::predicate::Predicate;
use super::reader::{Fields, Node};
use super::{Origin, Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use crate::engine::event::{CallKind, KindSet, Member, Path};

/// A checked condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every one holds; holds when there is none.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A single test, where it is written and how it reads.
    Test(Test, Place),
}

/// One look at the event or at an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The call is of one of these kinds.
    Type(KindSet),
    /// A pack option has this value; the pack's compilation knows whether it does.
    Option {
        /// The option.
        name: String,
        /// The value asked for.
        expected: serde_json::Value,
        /// The value in force.
        actual: serde_json::Value,
    },
    /// Something stands at one of the places at least: neither null nor empty text.
    Present(Vec<Origin>),
    /// Nothing stands at any of the places.
    Missing(Vec<Origin>),
    /// What stands at a place satisfies every one of these.
    Where {
        /// The place.
        origin: Origin,
        /// What is asked of it.
        predicates: Vec<Predicate>,
    },
    /// The call's `integrations` turn off the destination with one of these names. The first name that stands there
    /// decides, and beats `All`; an object counts as on.
    /// Source: <https://segment.com/docs/guides/filtering-data/>, read 2026-11.
    IntegrationOff(Vec<String>),
}

impl Condition {
    /// Holds for every event.
    pub fn always() -> Self {
        Self::All(Vec::new())
    }

    /// Holds for calls of one kind.
    pub fn of_kind(kind: CallKind) -> Self {
        let nowhere = Place { file: "".into(), line: 0, column: 0, start: 0, end: 0 };
        Self::Test(Test::Type(KindSet::default().with(kind)), nowhere)
    }

    /// Reads a condition.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields = node.fields(problems, &shape::condition::CONDITION)?;
        let condition = Self::parse_lines(&fields, scope, problems);
        if fields.keys().next().is_none() {
            let message = "the condition has nothing in it, so it always holds";
            let help = "leave it out, or write what must hold";
            problems.push(Code::R603, Some(node.key_place()), message, Some(help.into()));
        }
        fields.finish(problems);
        Some(condition)
    }

    /// Reads the lines of a condition beside which something else may stand.
    pub fn parse_lines(fields: &Fields<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Self {
        let mut lines = Vec::new();
        let mut line = |node: &Node<'_>, test: Option<Test>| {
            lines.extend(test.map(|test| Self::Test(test, node.key_place())));
        };
        if let Some(node) = fields.get("type") {
            line(&node, parse_types(&node, problems).map(Test::Type));
        }
        if let Some(node) = fields.get("event") {
            let origin = Origin::Path(Path::of(Member::Event));
            line(&node, Some(Test::Where { origin, predicates: Predicate::parse(&node, problems) }));
        }
        if let Some(node) = fields.get("present") {
            line(&node, Some(Test::Present(Origin::parse_list(&node, scope, problems))));
        }
        if let Some(node) = fields.get("missing") {
            line(&node, Some(Test::Missing(Origin::parse_list(&node, scope, problems))));
        }
        if let Some(node) = fields.get("integration_off") {
            line(&node, Some(Test::IntegrationOff(node.texts(problems, "a destination's name"))));
        }
        if let Some(node) = fields.get("option") {
            for (name, value) in node.members(problems, "options and their values, as `{ keep_nulls: true }`")
            {
                line(&value, parse_option(name, &value, scope, problems));
            }
        }
        if let Some(node) = fields.get("where") {
            for (path, node) in node.members(problems, "paths and what is asked of them") {
                let origin = Origin::parse_key(path, &node, scope, problems);
                let predicates = Predicate::parse(&node, problems);
                line(&node, origin.map(|origin| Test::Where { origin, predicates }));
            }
        }
        if let Some(node) = fields.get("shape") {
            for (path, node) in node.members(problems, "paths and the types of what stands there") {
                let origin = Origin::parse_key(path, &node, scope, problems);
                let predicates = Predicate::of_type(&node, problems);
                line(&node, origin.map(|origin| Test::Where { origin, predicates }));
            }
        }
        if let Some(node) = fields.get("all") {
            lines.extend(parse_many(&node, scope, problems));
        }
        if let Some(node) = fields.get("any") {
            lines.push(Self::Any(parse_many(&node, scope, problems)));
        }
        if let Some(node) = fields.get("not") {
            lines.extend(Self::parse(&node, scope, problems).map(|inner| Self::Not(Box::new(inner))));
        }
        for (key, truth) in [("all", "always"), ("any", "never")] {
            if let Some(node) = fields.get(key).filter(|node| node.is_empty_list()) {
                let message = format!("`{key}` has nothing in it, so it {truth} holds");
                problems.push(
                    Code::R603,
                    Some(node.key_place()),
                    message,
                    Some(format!("leave `{key}` out")),
                );
            }
        }
        if lines.len() == 1 { lines.remove(0) } else { Self::All(lines) }
    }
}

fn parse_many(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Vec<Condition> {
    let nodes = node.list(problems, "a list of conditions");
    nodes.iter().filter_map(|node| Condition::parse(node, scope, problems)).collect()
}

fn parse_types(node: &Node<'_>, problems: &mut Diagnostics) -> Option<KindSet> {
    let names = CallKind::ALL.map(CallKind::as_str);
    let mut set = KindSet::default();
    for node in node.one_or_many() {
        let text = node.text(problems, "a kind of call, as `track`")?;
        match CallKind::parse(text) {
            Some(kind) => set = set.with(kind),
            None => {
                let message = format!("expected one of `{}`, found `{text}`", names.join("`, `"));
                node.problem(problems, Code::R106, message, did_you_mean(text, names));
            }
        }
    }
    Some(set)
}

fn parse_option(name: &str, node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Test> {
    let Some(option) = scope.options.iter().find(|option| option.name == name) else {
        let help = did_you_mean(name, scope.options.iter().map(|option| option.name.as_str()));
        problems.push(Code::R111, Some(node.key_place()), format!("the pack has no option `{name}`"), help);
        return None;
    };
    let expected = serde_json::to_value(node.value).ok().and_then(|value| option.kind.parse(&value));
    if expected.is_none() {
        node.expected(problems, option.kind.expects());
    }
    Some(Test::Option { name: name.to_owned(), expected: expected?, actual: option.value.clone() })
}
