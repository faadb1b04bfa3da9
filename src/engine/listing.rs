//! The rules of a plan as a list for people and programs: what each looks for and what it does, in words.
//!
//! Deliberately without the words for every field of a record: that is what the file is for, and each rule says where it
//! is written.

use super::diagnostic::Place;
use super::plan::Plan;
use super::record::RecordKind;
use super::rules::condition::Condition;
use super::rules::expression::{Expression, From};
use super::rules::record::RecordTemplate;
use super::rules::rule::{Action, Rule};
use serde::Serialize;

/// One rule of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    /// Its id, unique in the plan.
    pub id: String,
    /// Where its id is written.
    pub place: Place,
    /// Whether it only adds records to calls that another rule maps.
    pub is_extra: bool,
    /// What must hold, a line each; none where it applies to every call.
    pub when: Vec<String>,
    /// What happens then.
    pub action: ActionNote,
    /// What must hold once it applies, each with the code with which the event fails otherwise.
    pub requires: Vec<(String, String)>,
    /// Whether a script changes its records.
    pub has_script: bool,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionNote {
    /// Makes these records, each in words.
    Emit(Vec<String>),
    /// The event ends as *Filtered at destination*.
    Filter {
        /// The reason's code.
        code: String,
        /// The reason in words.
        message: String,
    },
    /// The event fails.
    Fail {
        /// The reason's code.
        code: String,
        /// The reason in words.
        message: String,
    },
}

impl ActionNote {
    /// The word of the language, as `emit`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Emit(_) => "emit",
            Self::Filter { .. } => "filter",
            Self::Fail { .. } => "fail",
        }
    }
}

impl Plan {
    /// The rules in the order they are asked, then those that add records. A rule's place in it is the number by which
    /// [`Evaluation::applied`](super::Evaluation::applied) names it.
    pub fn rule_notes(&self) -> Vec<RuleNote> {
        let own = self.pack.rules.iter().map(|rule| note(rule, false));
        own.chain(self.pack.extras.iter().map(|rule| note(rule, true))).collect()
    }

    /// The ids of the rules, in the same order.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.pack.rules.iter().chain(&self.pack.extras).map(|rule| &*rule.id)
    }
}

fn note(rule: &Rule, is_extra: bool) -> RuleNote {
    RuleNote {
        id: rule.id.to_string(),
        place: rule.place.clone(),
        is_extra,
        when: match &rule.when {
            Condition::All(list) => list.iter().map(words).collect(),
            other => vec![words(other)],
        },
        action: match &rule.action {
            Action::Emit(records) => ActionNote::Emit(records.iter().map(record).collect()),
            Action::Filter(reason) => {
                ActionNote::Filter { code: reason.code.to_string(), message: reason.message.to_string() }
            }
            Action::Fail(reason) => {
                ActionNote::Fail { code: reason.code.to_string(), message: reason.message.to_string() }
            }
        },
        requires: rule
            .require
            .iter()
            .map(|required| (words(&required.condition), required.reason.code.to_string()))
            .collect(),
        has_script: rule.script.is_some(),
    }
}

/// A condition in a line.
fn words(condition: &Condition) -> String {
    let join = |list: &[Condition], word: &str, empty: &str| match list {
        [] => empty.to_owned(),
        [one] => words(one),
        many => many.iter().map(inside).collect::<Vec<_>>().join(word),
    };
    match condition {
        Condition::All(list) => join(list, " and ", "always"),
        Condition::Any(list) => join(list, " or ", "never"),
        Condition::Not(inner) => format!("not {}", inside(inner)),
        Condition::Test(test, _) => test.words(),
    }
}

/// The same as a part of another line.
fn inside(condition: &Condition) -> String {
    match condition {
        Condition::All(list) | Condition::Any(list) if list.len() > 1 => format!("({})", words(condition)),
        _ => words(condition),
    }
}

fn record(record: &RecordTemplate) -> String {
    let what = match (record.kind, &record.name, &record.call) {
        (RecordKind::Event, Some(name), _) => format!("event {}", named(name)),
        (RecordKind::Profile, ..) => "profile".to_owned(),
        (RecordKind::Token, ..) => "push token".to_owned(),
        (RecordKind::Call, _, Some(call)) => format!("call of `{}`", call.method),
        (kind, ..) => kind.as_str().to_owned(),
    };
    match &record.when {
        Some(when) => format!("{what}, when {}", words(when)),
        None => what,
    }
}

/// What an event is called: a name, or where the name comes from.
fn named(name: &Expression) -> String {
    let one = |from: &From| match from {
        From::Text(text) => format!("`{text}`"),
        From::Constant(json) => format!("`{}`", json.trim_matches('"')),
        From::Origin(origin) => format!("named by `{}`", origin.as_str()),
        From::Kept(kept) => format!("named by `{}`", kept.origin.as_str()),
        From::Template(_) => "with a name made of several parts".to_owned(),
        From::Script(_) => "with a name that a script makes".to_owned(),
        From::Object(_) | From::Each(..) => "with a made name".to_owned(),
    };
    name.alternatives.iter().map(|alternative| one(&alternative.from)).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RuleFiles;

    #[test]
    fn a_rule_is_told_in_words_with_its_place() {
        let rules = "version: 1\npack: p\nrules:\n  - id: order\n    when:\n      type: track\n      any:\n        - \
                     event: Bought\n        - not: { present: userId, missing: anonymousId }\n    require: [{ present: \
                     userId, code: none, message: m }]\n    emit:\n      - event:\n          address: [{ identity: \
                     userId }]\n          name: { value: Charged }\n      - event:\n          address: [{ identity: \
                     userId }]\n          when: { present: context.device }\n          name: [event, properties.name]\n  \
                     - { id: rest, filter: { code: rest, message: all others } }\n";
        let files: RuleFiles = [("packs/p.yaml".to_owned(), rules.to_owned())].into();
        let plan = Plan::compile(&files, Some("p"), &Default::default()).unwrap();
        let [order, rest] = &plan.rule_notes()[..] else { panic!("{:?}", plan.rule_notes()) };
        assert_eq!((order.id.as_str(), order.place.to_string()), ("order", "packs/p.yaml:4:9".to_owned()));
        let expected = [
            "`type` is track",
            "`event` is `Bought` or not (`userId` is there and `anonymousId` is missing)",
        ];
        assert_eq!(order.when, expected);
        let records = [
            "event `Charged`",
            "event named by `event` or named by `properties.name`, when `context.device` is there",
        ];
        assert_eq!(order.action, ActionNote::Emit(records.map(str::to_owned).to_vec()));
        assert_eq!(order.requires, [("`userId` is there".to_owned(), "none".to_owned())]);
        assert!(rest.when.is_empty());
        assert_eq!(rest.action.name(), "filter");
        assert_eq!(plan.rule_ids().collect::<Vec<_>>(), ["order", "rest"]);
    }
}
