//! Local rules over a pack: added, put in place of one, or switching one off, without copying the pack.

use super::Scope;
use super::allow::Allow;
use super::reader::{Fields, Node};
use super::rule::{Position, Rule};
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};

/// What the entry file says beside the live pack's name; read once the pack's options and values are known.
#[derive(Debug, Default)]
pub struct Layer<'a> {
    /// More values, which may use the pack's.
    pub values: Vec<(&'a str, Node<'a>)>,
    rules: Vec<Node<'a>>,
    extras: Vec<Node<'a>>,
    disable: Vec<(String, Place)>,
    /// Lints silenced in the whole entry file.
    pub allows: Vec<Allow>,
}

impl<'a> Layer<'a> {
    /// Takes `values`, `rules`, `extras`, `disable` and `allow` of the entry file.
    pub fn parse(fields: &Fields<'a>, problems: &mut Diagnostics) -> Self {
        let list = |key, problems: &mut Diagnostics| {
            fields.get(key).map(|node| node.list(problems, "a list of rules")).unwrap_or_default()
        };
        let values =
            fields.get("values").map(|node| node.members(problems, "names and how to make their values"));
        let (rules, extras) = (list("rules", problems), list("extras", problems));
        let disable = fields.get("disable").map(|node| node.one_or_many()).unwrap_or_default();
        let disable = disable
            .iter()
            .filter_map(|node| Some((node.text(problems, "a rule's id")?.to_owned(), node.place())))
            .collect();
        let allows = fields.get("allow").map(|node| Allow::parse(&node, &fields.node, problems));
        let allows = allows.unwrap_or_default();
        Self { values: values.unwrap_or_default(), rules, extras, disable, allows }
    }

    /// Puts the local rules among the pack's. Gives the rules that it switches off, each with the place that says so.
    pub fn apply(
        &self,
        rules: &mut Vec<Rule>,
        extras: &mut Vec<Rule>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Vec<(Rule, Place)> {
        let mut disabled = Vec::new();
        for (at, (id, place)) in self.disable.iter().enumerate() {
            if let Some((_, first)) = self.disable.iter().take(at).find(|(other, _)| other == id) {
                let message = format!("`{id}` is listed twice in `disable`, first in line {}", first.line);
                let help = "keep one of the two";
                problems.push(Code::R102, Some(place.clone()), message, Some(help.into()));
                continue;
            }
            let before = rules.len() + extras.len();
            let ids = ids(rules, extras);
            for list in [&mut *rules, &mut *extras] {
                let taken = list.extract_if(.., |rule| *rule.id == **id);
                disabled.extend(taken.map(|rule| (rule, place.clone())));
            }
            if rules.len() + extras.len() == before {
                unknown(id, place, &ids, problems);
            }
        }
        insert(&self.rules, rules, scope, problems);
        insert(&self.extras, extras, scope, problems);
        disabled
    }
}

fn ids(rules: &[Rule], extras: &[Rule]) -> Vec<String> {
    rules.iter().chain(extras).map(|rule| rule.id.to_string()).collect()
}

fn unknown(id: &str, place: &Place, known: &[String], problems: &mut Diagnostics) {
    let help = did_you_mean(id, known.iter().map(String::as_str))
        .unwrap_or_else(|| format!("there are: {}", known.join(", ")));
    problems.push(Code::R108, Some(place.clone()), format!("the pack has no rule `{id}` here"), Some(help));
}

fn insert(nodes: &[Node<'_>], into: &mut Vec<Rule>, scope: &Scope<'_>, problems: &mut Diagnostics) {
    // Several at the head keep the order they are written in.
    let mut head = 0;
    for node in nodes {
        let Some((position, rule)) = Rule::parse_local(node, scope, problems) else { continue };
        let find = |id: &str| into.iter().position(|rule| *rule.id == *id);
        let at = match &position {
            Position::First => Some(head),
            Position::Before(id, _) | Position::Replaces(id, _) => find(id),
            Position::After(id, _) => find(id).map(|at| at + 1),
        };
        match (at, position) {
            (Some(at), Position::Replaces(..)) => {
                if let Some(slot) = into.get_mut(at) {
                    *slot = rule;
                }
            }
            (Some(at), _) => {
                head += usize::from(at <= head);
                into.insert(at.min(into.len()), rule);
            }
            (
                None,
                Position::Before(id, place) | Position::After(id, place) | Position::Replaces(id, place),
            ) => {
                unknown(&id, &place, &ids(into, &[]), problems);
            }
            (None, Position::First) => {}
        }
    }
}
