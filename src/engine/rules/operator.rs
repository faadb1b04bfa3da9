//! Operators: what a condition can ask of one value.
//!
//! One table, many readers: parsing, evaluation, traces, help and tests all go by [`Operator::ALL`]. To add an operator,
//! add a variant, its row and its arm in `Predicate::holds` of `predicate.rs`; the examples of its row are run as tests.

pub use super::value_type::ValueType;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// It is one of these.
    Is,
    /// It is none of these.
    IsNot,
    /// It holds one of these texts, or an array one of these values.
    Contains,
    /// It starts with one of these texts.
    StartsWith,
    /// It ends with one of these texts.
    EndsWith,
    /// It is one of these patterns, in which `*` stands for any text.
    Matches,
    /// It is a number above this.
    Above,
    /// It is this number or above.
    AtLeast,
    /// It is a number below this.
    Below,
    /// It is this number or below.
    AtMost,
    /// Whether something is there.
    Present,
    /// It is of this type.
    Type,
    /// Its first element is of this type; holds for arrays only.
    First,
    /// Whether it is a name that only CleverTap may give to events.
    Restricted,
    /// Whether it is an object or an array with nothing in it, or nothing itself.
    Empty,
}

/// What an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A value or a list of values.
    Values,
    /// A text or a list of texts.
    Texts,
    /// A number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A type's name or a list of them.
    Types,
}

/// An operator's row: how it is written and shown, and an event value for which it holds and one for which not.
#[derive(Debug, Clone, Copy)]
pub struct OperatorSpec {
    /// The operator.
    pub operator: Operator,
    /// As written in rules.
    pub name: &'static str,
    /// As shown in traces: `… is at least …`.
    pub label: &'static str,
    /// What it asks, in a sentence.
    pub doc: &'static str,
    /// What it takes.
    pub operand: Operand,
    /// An operand in YAML, a value in JSON for which it holds, and one for which it does not.
    pub example: (&'static str, &'static str, &'static str),
}

const fn spec(
    operator: Operator,
    name: &'static str,
    label: &'static str,
    doc: &'static str,
    operand: Operand,
    example: (&'static str, &'static str, &'static str),
) -> OperatorSpec {
    OperatorSpec { operator, name, label, doc, operand, example }
}

impl Operator {
    /// Every operator.
    pub const ALL: [OperatorSpec; 15] = [
        spec(
            Self::Is,
            "is",
            "is",
            "It is one of these.",
            Operand::Values,
            ("[gold, 5]", "\"gold\"", "\"silver\""),
        ),
        spec(
            Self::IsNot,
            "is_not",
            "is not",
            "It is none of these.",
            Operand::Values,
            ("gold", "\"silver\"", "\"gold\""),
        ),
        spec(
            Self::Contains,
            "contains",
            "contains",
            "It holds one of these texts, or as an array one of these values.",
            Operand::Values,
            ("sale", "\"summer sale\"", "\"summer\""),
        ),
        spec(
            Self::StartsWith,
            "starts_with",
            "starts with",
            "It starts with one of these texts.",
            Operand::Texts,
            ("sum", "\"summer\"", "\"a sum\""),
        ),
        spec(
            Self::EndsWith,
            "ends_with",
            "ends with",
            "It ends with one of these texts.",
            Operand::Texts,
            ("mer", "\"summer\"", "\"merry\""),
        ),
        spec(
            Self::Matches,
            "matches",
            "matches",
            "It is one of these patterns, in which `*` stands for any text.",
            Operand::Texts,
            ("s*r", "\"summer\"", "\"summers\""),
        ),
        spec(
            Self::Above,
            "above",
            "is above",
            "It is a number above this, also as text.",
            Operand::Number,
            ("10", "10.5", "10"),
        ),
        spec(
            Self::AtLeast,
            "at_least",
            "is at least",
            "It is this number or above, also as text.",
            Operand::Number,
            ("10", "\"10\"", "9.99"),
        ),
        spec(
            Self::Below,
            "below",
            "is below",
            "It is a number below this, also as text.",
            Operand::Number,
            ("10", "-3", "10"),
        ),
        spec(
            Self::AtMost,
            "at_most",
            "is at most",
            "It is this number or below, also as text.",
            Operand::Number,
            ("10", "10", "\"11\""),
        ),
        spec(
            Self::Present,
            "present",
            "is present:",
            "It is there (`true`) or not (`false`).",
            Operand::Switch,
            ("true", "0", "\"\""),
        ),
        spec(
            Self::Type,
            "type",
            "is of type",
            "It is of one of these types.",
            Operand::Types,
            ("[text, number]", "7", "[7]"),
        ),
        spec(
            Self::First,
            "first",
            "begins with",
            "It is an array whose first element is of one of these types; there `nothing` is null.",
            Operand::Types,
            ("object", "[{},1]", "[1]"),
        ),
        spec(
            Self::Restricted,
            "restricted",
            "is CleverTap's own event name:",
            "It is a name that only CleverTap may give to events (`true`) or not (`false`).",
            Operand::Switch,
            ("true", "\"app launched\"", "\"launched\""),
        ),
        spec(
            Self::Empty,
            "empty",
            "is empty:",
            "Whether it is an object or an array with nothing in it, or nothing itself.",
            Operand::Switch,
            ("true", "{}", "[0]"),
        ),
    ];

    /// The operator's row.
    pub fn spec(self) -> OperatorSpec {
        Self::ALL.into_iter().find(|spec| spec.operator == self).unwrap_or(Self::ALL[0])
    }
}
