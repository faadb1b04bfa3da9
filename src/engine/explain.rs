//! Conditions in words: whether each holds, and what was found in the event.

use super::evaluate::Run;
use super::event::CallKind;
use super::event::{At, Kind, Member};
use super::rules::Origin;
use super::rules::condition::{Condition, Test};
use super::rules::rule::{Action, Requirement, Rule};
use super::trace::Tracer;
use super::value::Value;
use serde::Serialize;

/// How one rule was judged.
#[derive(Debug, Clone, Serialize)]
pub struct RuleTrace {
    /// The rule's id.
    pub id: String,
    /// Where it is written, `file:line:col`.
    pub place: String,
    /// `emit`, `filter` or `fail`.
    pub action: &'static str,
    /// Whether it applied.
    pub verdict: Verdict,
    /// The rule before it that decided, where it is shadowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadowed_by: Option<String>,
    /// Where it was switched off, `file:line:col`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// How many single tests fail: the nearest miss is the rule with the fewest.
    pub misses: usize,
    /// Its condition.
    pub condition: ConditionTrace,
    /// What it requires of the event, where it applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<ConditionTrace>,
}

/// Whether a rule applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its condition holds and it took effect.
    Matched,
    /// Its condition does not hold.
    NotMatched,
    /// Its condition holds, and a rule before it decided.
    Shadowed,
    /// Its condition holds, and the call made no record that it could add to.
    NotReached,
    /// A local file switched it off, whether or not its condition holds.
    Disabled,
}

/// How one condition was judged.
#[derive(Debug, Clone, Serialize)]
pub struct ConditionTrace {
    /// The condition in words.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found; empty where nothing was looked at.
    pub actual: String,
    /// Where it is written, `file:line:col`; empty for groups.
    pub place: String,
    /// A place in the event that was most likely meant where nothing stands at the one that is named: its keys differ in
    /// case or in what separates their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meant: Option<String>,
    /// The conditions inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<ConditionTrace>,
}

impl RuleTrace {
    /// A judged rule.
    pub fn new(
        rule: &Rule,
        verdict: Verdict,
        shadowed_by: Option<String>,
        condition: ConditionTrace,
    ) -> Self {
        let action = match rule.action {
            Action::Emit(_) => "emit",
            Action::Filter(_) => "filter",
            Action::Fail(_) => "fail",
        };
        let (id, place) = (rule.id.to_string(), rule.place.to_string());
        Self {
            id,
            place,
            action,
            verdict,
            shadowed_by,
            disabled_at: None,
            misses: condition.misses(),
            condition,
            requires: Vec::new(),
        }
    }
}

impl ConditionTrace {
    fn misses(&self) -> usize {
        match self.holds {
            true => 0,
            false => self.inner.iter().map(Self::misses).sum::<usize>().max(1),
        }
    }
}

impl Test {
    /// The test in words, as `` `type` is track ``.
    pub fn words(&self) -> String {
        let quoted = |names: &mut dyn Iterator<Item = &str>, word: &str| {
            let names = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(word);
            if names.is_empty() { "one of an empty list".to_owned() } else { names }
        };
        let places = |origins: &[Origin]| quoted(&mut origins.iter().map(|origin| origin.as_str()), " and ");
        match self {
            Self::Type(kinds) => {
                let names = CallKind::ALL.into_iter().filter(|kind| kinds.holds(*kind)).map(CallKind::as_str);
                let names = names.collect::<Vec<_>>().join(" or ");
                format!("`type` is {}", if names.is_empty() { "one of an empty list" } else { &names })
            }
            Self::Option { name, expected, .. } => format!("the option `{name}` is {expected}"),
            Self::Present(origins) => format!("{} is there", places(origins)),
            Self::Missing(origins) => format!("{} is missing", places(origins)),
            Self::Where { origin, predicates } => {
                let asked = predicates.iter().map(|p| format!("{} {}", p.operator.spec().label, p.shown));
                format!("`{}` {}", origin.as_str(), asked.collect::<Vec<_>>().join(" and "))
            }
            Self::IntegrationOff(names) => {
                format!("`integrations` turns off {}", quoted(&mut names.iter().map(String::as_str), " or "))
            }
        }
    }
}

impl<T: Tracer> Run<'_, '_, T> {
    /// Judges a condition to its last test.
    pub(super) fn explain(&self, condition: &Condition) -> ConditionTrace {
        let holds = self.holds(condition);
        let (text, inner) = match condition {
            Condition::All(list) if list.is_empty() => ("always", Vec::new()),
            Condition::All(list) => ("all of", list.iter().map(|inner| self.explain(inner)).collect()),
            Condition::Any(list) => ("any of", list.iter().map(|inner| self.explain(inner)).collect()),
            Condition::Not(inner) => ("not", vec![self.explain(inner)]),
            Condition::Test(test, place) => {
                let (text, actual) = self.explain_test(test);
                let (place, meant) = (place.to_string(), self.meant(test));
                return ConditionTrace { text, holds, actual, place, meant, inner: Vec::new() };
            }
        };
        let (text, actual, place) = (text.to_owned(), String::new(), String::new());
        ConditionTrace { text, holds, actual, place, meant: None, inner }
    }

    /// Judges what a rule that applied requires.
    pub(super) fn explain_requirements(&self, rule: &Rule, verdict: Verdict) -> Vec<ConditionTrace> {
        let required = rule.require.iter().filter(|_| verdict == Verdict::Matched);
        let judge = |requirement: &Requirement| ConditionTrace {
            text: format!("required, else it fails with `{}`", requirement.reason.code),
            holds: self.holds(&requirement.condition),
            actual: String::new(),
            place: requirement.place.to_string(),
            meant: None,
            inner: vec![self.explain(&requirement.condition)],
        };
        required.map(judge).collect()
    }

    fn explain_test(&self, test: &Test) -> (String, String) {
        let member = |member: Member| self.show(self.call.member(member));
        let actual = match test {
            Test::Type(_) => member(Member::Type),
            Test::Option { actual, .. } => actual.to_string(),
            Test::Present(origins) | Test::Missing(origins) => self.show_origins(origins),
            Test::Where { origin, .. } => self.show_origins(std::slice::from_ref(origin)),
            Test::IntegrationOff(_) => member(Member::Integrations),
        };
        (test.words(), actual)
    }

    /// What the test most likely means where it looks at nothing.
    fn meant(&self, test: &Test) -> Option<String> {
        let origins = match test {
            Test::Where { origin, .. } => std::slice::from_ref(origin),
            Test::Present(origins) | Test::Missing(origins) => origins.as_slice(),
            Test::Type(_) | Test::Option { .. } | Test::IntegrationOff(_) => return None,
        };
        let absent = origins.iter().filter_map(|origin| match origin {
            Origin::Path(path) if path.locate(&self.call).is_none() => Some(path),
            _ => None,
        });
        let mut found = absent.filter_map(|path| path.locate_nearly(&self.call));
        found.next().map(|at| self.call.json.path_of(at))
    }

    fn show_origins(&self, origins: &[Origin]) -> String {
        let shown = origins.iter().map(|origin| match self.origin(origin) {
            Value::Missing => match origin {
                Origin::Path(path) => self.show(path.locate(&self.call)),
                Origin::Value(..) | Origin::Item(..) => "nothing".to_owned(),
            },
            Value::Node(at) | Value::Items(at) => self.show(Some(at)),
            Value::Object => "an object".to_owned(),
            Value::Text(text, _) => format!("text `{text}`"),
            Value::Json(json, _) => format!("`{json}`"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn show(&self, at: Option<At>) -> String {
        const LONGEST: usize = 80;
        let Some(at) = at else { return "absent".to_owned() };
        let json = self.call.json;
        let raw = super::event::text::cut_chars(json.raw(at), LONGEST);
        let more = if raw.len() < json.raw(at).len() { "…" } else { "" };
        match json.kind(at) {
            Kind::Null => "null".to_owned(),
            kind => format!("{} {raw}{more}", kind.noun().trim_start_matches("an ").trim_start_matches("a ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, Evaluator, Plan, RuleFiles, preview};
    use std::sync::Arc;

    #[test]
    fn a_trace_shows_what_the_rule_that_applied_requires_and_what_was_found() {
        let rules = "version: 1\npack: p\nrules:\n  - id: order\n    when: { type: track }\n    require:\n      \
                     - { shape: { properties.total: number }, code: odd, message: m }\n    emit: []\n  \
                     - id: other\n    require: [{ present: userId, code: none, message: m }]\n    emit: []\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), rules.to_owned())].into();
        let plan = Plan::compile(&files, Some("p"), &Default::default()).unwrap();
        let event = br#"{"type":"track","properties":{"total":"5"}}"#;
        let preview = preview(&mut Evaluator::new(Arc::new(plan)), event, &Context::default(), true);
        assert_eq!(preview.reason.map(|reason| reason.code.to_string()).as_deref(), Some("odd"));
        let trace = preview.trace.unwrap();
        let [order, other] = &trace.rules[..] else { panic!("{trace:?}") };
        assert!(other.requires.is_empty(), "it did not come to that");
        let [required] = &order.requires[..] else { panic!("{order:?}") };
        assert_eq!((required.text.as_str(), required.holds), ("required, else it fails with `odd`", false));
        assert_eq!(required.place, "packs/p.yaml:7:9");
        let found = required.inner.iter().map(|test| (test.text.as_str(), test.actual.as_str()));
        assert_eq!(found.collect::<Vec<_>>(), [("`properties.total` is of type `number`", "text \"5\"")]);
    }
}
