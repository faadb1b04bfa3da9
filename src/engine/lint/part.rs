//! The parts of a pack, wherever they stand: conditions, expressions, objects.

use crate::engine::rules::condition::Condition;
use crate::engine::rules::data::Data;
use crate::engine::rules::expression::{Expression, From};
use crate::engine::rules::pack::Pack;
use crate::engine::rules::record::RecordTemplate;
use crate::engine::rules::rule::{Action, Rule};

/// The records that a rule emits.
pub fn records(rule: &Rule) -> &[RecordTemplate] {
    match &rule.action {
        Action::Emit(records) => records,
        Action::Filter(_) | Action::Fail(_) => &[],
    }
}

/// Every record of a pack.
pub fn every_record(pack: &Pack) -> impl Iterator<Item = &RecordTemplate> {
    pack.rules.iter().chain(&pack.extras).flat_map(records)
}

/// Every expression of a pack, those inside others after them.
pub fn every_expression(pack: &Pack) -> Vec<&Expression> {
    let mut found: Vec<&Expression> = pack.values.iter().map(|(_, expression)| expression).collect();
    for record in every_record(pack) {
        found.extend(record.name.iter().chain(&record.ts));
        found.extend(record.data.fields.iter().map(|field| &field.value));
        found.extend(record.call.iter().flat_map(|call| &call.args).map(|argument| &argument.value));
    }
    let mut at = 0;
    while let Some(expression) = found.get(at).copied() {
        let inside = data_of(expression);
        found.extend(inside.flat_map(|data| &data.fields).map(|field| &field.value));
        at += 1;
    }
    found
}

/// Every object that is written in a pack: data of records, and objects and items inside values.
pub fn every_data(pack: &Pack) -> Vec<&Data> {
    let records = every_record(pack).map(|record| &record.data);
    records.chain(every_expression(pack).into_iter().flat_map(data_of)).collect()
}

/// Every condition that a person has written.
pub fn every_condition(pack: &Pack) -> Vec<&Condition> {
    let every_rule = || pack.rules.iter().chain(&pack.extras);
    let required = every_rule().flat_map(|rule| &rule.require).map(|required| &required.condition);
    let rules = every_rule().map(|rule| &rule.when).chain(required);
    let records = every_record(pack).filter_map(|record| record.when.as_ref());
    let alternatives = every_expression(pack).into_iter().flat_map(|expression| &expression.alternatives);
    rules.chain(records).chain(alternatives.filter_map(|alternative| alternative.when.as_ref())).collect()
}

fn data_of(expression: &Expression) -> impl Iterator<Item = &Data> {
    expression.alternatives.iter().filter_map(|alternative| match &alternative.from {
        From::Object(data) | From::Each(_, data, _) => Some(&**data),
        _ => None,
    })
}
