//! Rules: a condition and what happens when it holds.

use super::allow::Allow;
use super::condition::Condition;
use super::reader::{Fields, Node};
use super::record::RecordTemplate;
use super::{Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::reason::{Class, Reason};
use crate::engine::script::{Purpose, Script};
use std::sync::Arc;

/// A checked rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in the set.
    pub id: Arc<str>,
    /// Where it is written.
    pub place: Place,
    /// When it applies.
    pub when: Condition,
    /// What must hold once it applies; else the event fails. Only beside [`Action::Emit`].
    pub require: Vec<Requirement>,
    /// What happens then.
    pub action: Action,
    /// What changes the records that were made.
    pub script: Option<Arc<Script>>,
}

/// Something that must hold for a rule's records to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// What must hold.
    pub condition: Condition,
    /// Why the event fails where it does not.
    pub reason: Reason,
    /// Where it is written.
    pub place: Place,
}

/// What happens when a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// These records are made.
    Emit(Vec<RecordTemplate>),
    /// The event ends as *Filtered at destination*.
    Filter(Reason),
    /// The event ends as failed.
    Fail(Reason),
}

/// Where a local rule stands among the pack's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Before all of them.
    First,
    /// Before the one with this id, which stands at this place.
    Before(String, Place),
    /// After it.
    After(String, Place),
    /// Instead of it.
    Replaces(String, Place),
}

impl Rule {
    /// Reads a rule of a pack.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields = node.fields(problems, &shape::rule::RULE)?;
        Self::parse_fields(fields, scope, problems)
    }

    /// Reads a local rule: one with `before`, `after` or `replaces`, each with a rule's id, or none of them.
    pub fn parse_local(
        node: &Node<'_>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Option<(Position, Self)> {
        let fields = node.fields(problems, &shape::rule::LOCAL_RULE)?;
        let mut positions = Vec::new();
        for key in ["before", "after", "replaces"] {
            let Some(node) = fields.get(key) else { continue };
            let Some(id) = node.text(problems, "a rule's id").map(str::to_owned) else { continue };
            positions.push(match key {
                "before" => Position::Before(id, node.place()),
                "after" => Position::After(id, node.place()),
                _ => Position::Replaces(id, node.place()),
            });
        }
        if positions.len() > 1 {
            let message = "expected at most one of `before`, `after` and `replaces`";
            fields.node.problem(problems, Code::R301, message, None);
        }
        let position = positions.into_iter().next().unwrap_or(Position::First);
        Self::parse_fields(fields, scope, problems).map(|rule| (position, rule))
    }

    fn parse_fields(fields: Fields<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let id_node = fields.require(problems, "id");
        let id = id_node.as_ref().and_then(|node| node.text(problems, "the rule's name"));
        let when = match fields.get("when") {
            Some(node) => Condition::parse(&node, scope, problems),
            None => Some(Condition::always()),
        };
        if let Some(id) = id {
            scope.survey.borrow_mut().rules.push((id.into(), fields.node.extent()));
        }
        if let Some(node) = fields.get("allow") {
            let allowed = Allow::parse(&node, &fields.node, problems);
            scope.survey.borrow_mut().allows.extend(allowed);
        }
        let named = ["emit", "filter", "fail"].into_iter().filter(|key| fields.get(key).is_some()).count();
        let emit = fields.get("emit").map(|node| {
            let nodes = node.list(problems, "a list of records");
            let records = nodes.iter().filter_map(|node| RecordTemplate::parse(node, scope, problems));
            Action::Emit(records.collect())
        });
        let filter =
            fields.get("filter").and_then(|node| Some(Action::Filter(parse_reason(&node, problems)?)));
        let fail = fields.get("fail").and_then(|node| Some(Action::Fail(parse_failure(&node, problems)?)));
        let require_node = fields.get("require");
        let require = require_node.as_ref().map(|node| Requirement::parse_list(node, scope, problems));
        if let (Some(node), None) = (&require_node, &emit) {
            let message = "expected `require` beside `emit`, for whose records it must hold";
            problems.push(Code::R301, Some(node.key_place()), message, None);
        }
        let script_node = fields.get("script");
        let script =
            script_node.as_ref().and_then(|node| scope.scripts.compile(node, Purpose::Record, problems));
        if let (Some(node), None) = (&script_node, &emit) {
            let message = "expected `script` beside `emit`, whose records it changes";
            problems.push(Code::R301, Some(node.key_place()), message, None);
        }
        if let (Some(node), Some(Action::Emit(records))) = (&script_node, &emit)
            && records.iter().any(|record| record.call.is_some())
        {
            let message = "expected records that a script can change, found an SDK call";
            problems.push(Code::R301, Some(node.key_place()), message, None);
        }
        if named != 1 {
            let found = fields.found(&["emit", "filter", "fail", "drop"]);
            let message = format!("expected exactly one of `emit`, `filter` and `fail`, {found}");
            let help = "a rule makes records, leaves the event out with a reason, or lets it fail with one";
            problems.push(Code::R301, Some(fields.node.place()), message, Some(help.into()));
        }
        fields.finish(problems);
        let action = emit.or(filter).or(fail)?;
        let require = require.unwrap_or_default();
        Some(Self { id: id?.into(), place: id_node?.place(), when: when?, require, action, script })
    }
}

impl Requirement {
    /// Reads a list of conditions, each with the reason why the event fails where it does not hold.
    fn parse_list(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        let nodes = node.list(problems, "a list of conditions, each with a `code` and a `message`");
        nodes.iter().filter_map(|node| Self::parse(node, scope, problems)).collect()
    }

    fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields = node.fields(problems, &shape::rule::REQUIREMENT)?;
        let condition = Condition::parse_lines(&fields, scope, problems);
        if condition == Condition::always() {
            let message =
                "expected a condition beside `code` and `message`, as `present: properties.order_id`";
            node.problem(problems, Code::R105, message, None);
        }
        let reason = parse_words(&fields, true, problems);
        fields.finish(problems);
        Some(Self { condition, reason: reason?, place: node.place() })
    }
}

fn parse_reason(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Reason> {
    let fields = node.fields(problems, &shape::rule::REASON)?;
    let reason = parse_words(&fields, false, problems);
    fields.finish(problems);
    reason
}

/// A reason that may also say who must act.
fn parse_failure(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Reason> {
    let fields = node.fields(problems, &shape::rule::FAILURE)?;
    let reason = parse_words(&fields, true, problems);
    fields.finish(problems);
    reason
}

fn parse_words(fields: &Fields<'_>, may_have_class: bool, problems: &mut Diagnostics) -> Option<Reason> {
    let code = fields.require(problems, "code").and_then(|node| parse_code(&node, problems));
    let message = fields.require(problems, "message").and_then(|node| node.text(problems, "a sentence"));
    // Not asked for where there can be none, so that it counts as unknown there.
    let class = if may_have_class { fields.get("class") } else { None };
    let class = class.and_then(|node| node.choice(problems, &Class::ALL));
    Some(Reason { class, ..Reason::new(code?, message?.trim()) })
}

fn parse_code<'a>(node: &Node<'a>, problems: &mut Diagnostics) -> Option<&'a str> {
    let code = node.text(problems, "a code, as `missing_user_id`")?;
    let fine = Reason::is_code(code);
    if !fine {
        let message = format!("expected a code of small letters, digits and `_`, found `{code}`");
        node.problem(problems, Code::R106, message, None);
    }
    fine.then_some(code)
}
