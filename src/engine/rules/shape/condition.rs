//! Conditions, and what is asked of a value.

use super::Shape::{self, *};
use super::{Key, Mapping, Together, words};
use crate::engine::event::CallKind;
use crate::engine::rules::operator::{Operand, Operator, ValueType};

/// A condition.
pub static CONDITION: Mapping = Mapping {
    name: "condition",
    what: "a condition, as `type: track`",
    doc: "When something applies. Every line must hold.",
    keys: &LINES,
    others: None,
    together: &[],
};

/// The lines of a condition.
pub(super) const LINES: [Key; 11] = [
    Key::may(
        "type",
        OneOrMany(&Word(|| CallKind::ALL.map(CallKind::as_str).to_vec())),
        "The call is of one of these types.",
    ),
    Key::may("event", ASKED, "What is asked of the event's name: a value, a list of values, or operators."),
    Key::may(
        "where",
        Members(&ASKED),
        "Paths, and what is asked of what stands there: a value, a list of values, or operators.",
    ),
    Key::may(
        "present",
        OneOrMany(&Origin),
        "Something stands at one of these paths at least: neither null nor empty text.",
    ),
    Key::may("missing", OneOrMany(&Origin), "Nothing stands at any of these paths."),
    Key::may(
        "shape",
        Members(&TYPES),
        "Paths, and the type of what stands there, or a list of types; `nothing` lets it be absent.",
    ),
    Key::may("option", Members(&Json), "The pack's options have these values."),
    Key::may(
        "integration_off",
        OneOrMany(&Text),
        "The call's `integrations` turn the destination of one of these names off.",
    ),
    Key::may("all", List(&Mapping(|| &CONDITION)), "Every one of these conditions holds."),
    Key::may("any", List(&Mapping(|| &CONDITION)), "At least one of these conditions holds."),
    Key::may("not", Mapping(|| &CONDITION), "This condition does not hold."),
];

/// A type's name, or a list of them.
const TYPES: Shape = OneOrMany(&Choice(|| words(&ValueType::ALL)));

/// What is asked of a value.
const ASKED: Shape = Either(&[OneOrMany(&Scalar), Mapping(|| &OPERATORS)]);

/// Operators with what they are given; one key for each row of [`Operator::ALL`].
pub static OPERATORS: Mapping = Mapping {
    name: "operators",
    what: "operators and what they are given",
    doc: "What is asked of a value. Every operator must hold.",
    keys: &OPERATOR_KEYS,
    others: None,
    together: &[Together::AtLeastOne(&OPERATOR_NAMES)],
};

const OPERATOR_NAMES: [&str; Operator::ALL.len()] = {
    let mut names = [""; Operator::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Operator::ALL[index].name;
        index += 1;
    }
    names
};

const OPERATOR_KEYS: [Key; Operator::ALL.len() + 1] = {
    let ignore_case = Key::may("ignore_case", Boolean, "Whether the operators beside it ignore case.");
    let mut keys = [ignore_case; Operator::ALL.len() + 1];
    let mut index = 0;
    while index < Operator::ALL.len() {
        let spec = Operator::ALL[index];
        keys[index] = Key::may(spec.name, operand(spec.operand), spec.doc);
        index += 1;
    }
    keys
};

const fn operand(operand: Operand) -> Shape {
    match operand {
        Operand::Values => OneOrMany(&Scalar),
        Operand::Texts => OneOrMany(&Text),
        Operand::Number => Number,
        Operand::Switch => Boolean,
        Operand::Types => TYPES,
    }
}
