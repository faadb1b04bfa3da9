//! Packs: a file of options, values and rules that together are one mapping.

use super::allow::Allow;
use super::expression::Expression;
use super::layer::Layer;
use super::option::{self, Given, PackOption};
use super::reader::Node;
use super::rule::{Action, Rule};
use super::source::Source;
use super::survey::Survey;
use super::{Limits, Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::plan::{ENTRY, RuleFiles, pack_name};
use crate::engine::script::{Compiler, Used};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// A checked pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// Its name, that of its file.
    pub name: Arc<str>,
    /// What may be set, with the values in force.
    pub options: Vec<PackOption>,
    /// Values computed once per event, with their names.
    pub values: Vec<(String, Expression)>,
    /// Rules in order; the first that applies decides.
    pub rules: Vec<Rule>,
    /// Rules that each add records to a call that was mapped.
    pub extras: Vec<Rule>,
    /// Rules that a local file switched off, each with the place that says so. They are only shown.
    pub disabled: Vec<(Rule, Place)>,
    /// The keys that rules name, by number.
    pub names: Vec<Arc<str>>,
    /// How many rests there are.
    pub rests: u16,
    /// What its scripts use.
    pub scripts: Used,
    /// What lints look at.
    pub survey: Survey,
}

impl Pack {
    /// Where the first SDK call among its rules is written; none where everything it makes can be sent.
    pub fn first_call(&self) -> Option<&Place> {
        let actions = self.rules.iter().chain(&self.extras).map(|rule| &rule.action);
        let records = actions.flat_map(|action| match action {
            Action::Emit(records) => records.as_slice(),
            Action::Filter(_) | Action::Fail(_) => &[],
        });
        records.filter(|record| record.call.is_some()).map(|record| &record.place).next()
    }

    /// Reads a pack with option values put over its defaults and local rules put among its own; scripts are found among
    /// `files`.
    pub fn parse(
        source: &Source,
        given: &Given,
        layer: &Layer<'_>,
        files: &RuleFiles,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let fields = Node::root(source).fields(problems, &shape::pack::PACK)?;
        check_version(&fields, problems);
        let name = fields.require(problems, "pack").and_then(|node| parse_name(&node, source, problems));
        fields.get("title").map(|node| node.text(problems, "text"));
        let options = option::parse(fields.get("options"), given, problems);
        let value_nodes = fields
            .get("values")
            .map(|node| node.members(problems, "names and how to make their values"))
            .unwrap_or_default();
        let mut values = Vec::with_capacity(value_nodes.len());
        let mut known: Vec<String> = Vec::with_capacity(value_nodes.len());
        let (names, rests, scripts) = (RefCell::default(), Cell::new(0), Compiler::new(files));
        let survey = RefCell::new(Survey::default());
        for (name, node) in value_nodes.iter().chain(&layer.values) {
            // A value may use those above it, so that none can use itself.
            let limits = Limits::default();
            let scope = Scope {
                options: &options,
                values: &known,
                names: &names,
                rests: &rests,
                scripts: &scripts,
                survey: &survey,
                in_item: false,
                limits,
            };
            values.push(((*name).to_owned(), Expression::parse(node, None, &scope, problems)));
            known.push((*name).to_owned());
        }
        let limits = Limits::default();
        let scope = Scope {
            options: &options,
            values: &known,
            names: &names,
            rests: &rests,
            scripts: &scripts,
            survey: &survey,
            in_item: false,
            limits,
        };
        let list = |node: Option<Node<'_>>, problems: &mut Diagnostics| -> Vec<Rule> {
            let nodes = node.map(|node| node.list(problems, "a list of rules")).unwrap_or_default();
            nodes.iter().filter_map(|node| Rule::parse(node, &scope, problems)).collect()
        };
        let rules_node = fields.require(problems, "rules");
        let mut rules = list(rules_node, problems);
        let mut extras = list(fields.get("extras"), problems);
        let disabled = layer.apply(&mut rules, &mut extras, &scope, problems);
        check_ids(rules.iter().chain(&extras), problems);
        let mut survey = survey.into_inner();
        if let Some(node) = fields.get("allow") {
            survey.allows.extend(Allow::parse(&node, &fields.node, problems));
        }
        survey.allows.extend(layer.allows.iter().cloned());
        fields.finish(problems);
        let (names, rests, scripts) = (names.into_inner(), rests.get(), scripts.used());
        Some(Self { name: name?, options, values, rules, extras, disabled, names, rests, scripts, survey })
    }
}

fn check_ids<'r>(rules: impl Iterator<Item = &'r Rule>, problems: &mut Diagnostics) {
    let mut ids: HashMap<&str, &Rule> = HashMap::new();
    for rule in rules {
        if let Some(first) = ids.insert(&rule.id, rule) {
            // Whoever writes local rules can not rename those of a pack.
            let local = &*first.place.file == ENTRY && *rule.place.file != *ENTRY;
            let (blamed, other) = if local { (first, rule) } else { (rule, first) };
            let message = format!("two rules have the id `{}`, the other at {}", rule.id, other.place);
            let help = match local {
                true => format!("rename it, or write `replaces: {}` to put it in the other's place", rule.id),
                false => "rename one of them".to_owned(),
            };
            problems.push(Code::R107, Some(blamed.place.clone()), message, Some(help));
        }
    }
}

fn parse_name(node: &Node<'_>, source: &Source, problems: &mut Diagnostics) -> Option<Arc<str>> {
    let name = node.text(problems, "the pack's name")?;
    if let Some(file) = pack_name(&source.file).filter(|file| *file != name) {
        let message = format!("expected the name of the file, `{file}`, found `{name}`");
        node.problem(problems, Code::R106, message, None);
    }
    Some(name.into())
}

/// Every rule file says which version of the language it is written in.
pub fn check_version(fields: &super::reader::Fields<'_>, problems: &mut Diagnostics) {
    if let Some(node) = fields.require(problems, "version")
        && node.value.as_u64() != Some(1)
    {
        node.expected(problems, "version `1`");
    }
}
