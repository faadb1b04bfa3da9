//! Predicates: an operator with what it is given, asked of one value.
//!
//! Deliberately no table here: what operators there are, and what each takes, is `operator.rs`.

use super::operator::{Operand, Operator, ValueType};
use super::reader::{Fields, Node};
use super::shape;
use crate::engine::diagnostic::{Code, Diagnostics};
use crate::engine::event::{At, Json, Kind};
use crate::engine::record::restricted;
use serde_yaml::Value;

/// A value as rules write it.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text; also matches the written form of a number.
    Text(String),
    /// A number; matches numbers of the same value, however written.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
}

/// An operator with its operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// What is asked.
    pub operator: Operator,
    /// The operand as written, for traces.
    pub shown: String,
    /// The values it is given.
    pub literals: Vec<Literal>,
    /// The types it is given.
    pub types: Vec<ValueType>,
    /// Whether case does not count.
    pub ignore_case: bool,
}

impl Predicate {
    /// Reads the value beside a path: a value, a list of values, or a mapping of operators that must all hold.
    pub fn parse(node: &Node<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        if !node.value.is_mapping() {
            return parse_operand(Operator::Is, node, false, problems).into_iter().collect();
        }
        let Some(fields) = node.fields(problems, &shape::condition::OPERATORS) else {
            return Vec::new();
        };
        let predicates = Self::parse_fields(&fields, problems);
        fields.finish(problems);
        predicates
    }

    /// Reads a type's name or a list of them, of which what stands there must be one.
    pub fn of_type(node: &Node<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        parse_operand(Operator::Type, node, false, problems).into_iter().collect()
    }

    fn parse_fields(fields: &Fields<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        let ignore = fields.get("ignore_case").and_then(|node| node.boolean(problems)).unwrap_or(false);
        let mut predicates = Vec::new();
        for spec in Operator::ALL {
            if let Some(node) = fields.get(spec.name) {
                predicates.extend(parse_operand(spec.operator, &node, ignore, problems));
            }
        }
        // Where something is misspelt or of the wrong type, that is said and no more.
        if predicates.is_empty() && fields.keys().all(|key| key == "ignore_case") {
            let names = Operator::ALL.map(|spec| format!("`{}`", spec.name)).join(", ");
            fields.node.problem(problems, Code::R105, format!("expected an operator: one of {names}"), None);
        }
        predicates
    }

    /// Whether it holds for what stands at a place; `None` where nothing does.
    pub fn holds(&self, json: Json<'_>, at: Option<At>) -> bool {
        let at = at.filter(|at| !json.is_blank(*at));
        if self.operator == Operator::Present {
            return at.is_some() == self.switch();
        }
        let Some(at) = at else {
            return self.operator == Operator::IsNot
                || self.operator == Operator::Type && self.types.contains(&ValueType::Nothing)
                || self.operator == Operator::Restricted && !self.switch()
                || self.operator == Operator::Empty && self.switch();
        };
        match self.operator {
            Operator::Is => self.literals.iter().any(|literal| self.equals(literal, json, at)),
            Operator::IsNot => !self.literals.iter().any(|literal| self.equals(literal, json, at)),
            Operator::Contains if json.kind(at) == Kind::Array => json
                .elements(at)
                .any(|element| self.literals.iter().any(|literal| self.equals(literal, json, element))),
            Operator::Contains => self.any_text(json, at, |found, wanted| found.contains(wanted)),
            Operator::StartsWith => self.any_text(json, at, |found, wanted| found.starts_with(wanted)),
            Operator::EndsWith => self.any_text(json, at, |found, wanted| found.ends_with(wanted)),
            Operator::Matches => self.any_text(json, at, glob),
            Operator::Above => self.number(json, at).is_some_and(|(found, wanted)| found > wanted),
            Operator::AtLeast => self.number(json, at).is_some_and(|(found, wanted)| found >= wanted),
            Operator::Below => self.number(json, at).is_some_and(|(found, wanted)| found < wanted),
            Operator::AtMost => self.number(json, at).is_some_and(|(found, wanted)| found <= wanted),
            Operator::Type => self.types.iter().any(|wanted| wanted.holds(json.kind(at))),
            Operator::First => json
                .elements(at)
                .next()
                .is_some_and(|first| self.types.iter().any(|wanted| wanted.holds(json.kind(first)))),
            Operator::Restricted => restricted::is_restricted(&json.decoded(at)) == self.switch(),
            Operator::Empty => is_empty(json, at) == self.switch(),
            Operator::Present => true,
        }
    }

    /// Whether it is given `true`.
    pub fn switch(&self) -> bool {
        self.literals.first() == Some(&Literal::Boolean(true))
    }

    #[inline]
    fn equals(&self, literal: &Literal, json: Json<'_>, at: At) -> bool {
        match (literal, json.kind(at)) {
            (Literal::Text(wanted), Kind::String | Kind::Number) => {
                let found = json.decoded(at);
                if !self.ignore_case {
                    return *wanted == found;
                }
                // Text that is ASCII can only equal ASCII; the rest is rare.
                wanted.eq_ignore_ascii_case(&found) || !wanted.is_ascii() && found.to_lowercase() == *wanted
            }
            (Literal::Number(wanted), Kind::Number) => json.content(at).parse() == Ok(*wanted),
            (Literal::Boolean(wanted), Kind::True) => *wanted,
            (Literal::Boolean(wanted), Kind::False) => !*wanted,
            _ => false,
        }
    }

    fn any_text(&self, json: Json<'_>, at: At, test: impl Fn(&str, &str) -> bool) -> bool {
        if !matches!(json.kind(at), Kind::String | Kind::Number) {
            return false;
        }
        let found = json.decoded(at);
        let lower = self.ignore_case.then(|| found.to_lowercase());
        let found = lower.as_deref().unwrap_or(&found);
        self.literals.iter().any(|literal| matches!(literal, Literal::Text(wanted) if test(found, wanted)))
    }

    /// The number found, in a number or in text, and the one asked for.
    fn number(&self, json: Json<'_>, at: At) -> Option<(f64, f64)> {
        let found = match json.kind(at) {
            Kind::Number | Kind::String => json.decoded(at).trim().parse::<f64>().ok()?,
            _ => return None,
        };
        match self.literals.first() {
            Some(Literal::Number(wanted)) if found.is_finite() => Some((found, *wanted)),
            _ => None,
        }
    }
}

fn is_empty(json: Json<'_>, at: At) -> bool {
    match json.kind(at) {
        Kind::Object => json.members(at).next().is_none(),
        Kind::Array => json.elements(at).next().is_none(),
        _ => false,
    }
}

/// Whether text is a pattern in which `*` stands for any text, also none.
fn glob(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some((_, after)) = rest.split_once(middle) else { return false };
            rest = after;
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

fn parse_operand(
    operator: Operator,
    node: &Node<'_>,
    ignore_case: bool,
    problems: &mut Diagnostics,
) -> Option<Predicate> {
    let spec = operator.spec();
    let mut predicate =
        Predicate { operator, shown: String::new(), literals: Vec::new(), types: Vec::new(), ignore_case };
    let nodes = match spec.operand {
        Operand::Number | Operand::Switch => vec![node.clone()],
        Operand::Values | Operand::Texts | Operand::Types => node.one_or_many(),
    };
    for node in &nodes {
        let before = problems.len();
        let literal = match (spec.operand, node.value) {
            (Operand::Types, _) => {
                predicate.types.extend(node.choice(problems, &ValueType::ALL));
                None
            }
            (Operand::Values | Operand::Texts, Value::String(text)) => {
                Some(Literal::Text(if ignore_case { text.to_lowercase() } else { text.clone() }))
            }
            (Operand::Values | Operand::Number, Value::Number(number)) => {
                number.as_f64().map(Literal::Number)
            }
            (Operand::Values | Operand::Switch, Value::Bool(value)) => Some(Literal::Boolean(*value)),
            (Operand::Values, _) => {
                node.expected(problems, "text, a number, or `true` or `false`");
                None
            }
            (Operand::Texts, _) => {
                node.expected(problems, "text");
                None
            }
            (Operand::Number, _) => {
                node.expected(problems, "a number");
                None
            }
            (Operand::Switch, _) => {
                node.boolean(problems);
                None
            }
        };
        if problems.len() > before {
            return None;
        }
        predicate.literals.extend(literal);
    }
    let shown = nodes.iter().map(|node| match node.value {
        Value::String(text) => format!("`{text}`"),
        other => serde_json::to_string(other).unwrap_or_default(),
    });
    predicate.shown = shown.collect::<Vec<_>>().join(" or ");
    if nodes.is_empty() {
        predicate.shown.push_str("one of an empty list");
    }
    if ignore_case {
        predicate.shown.push_str(", in any case");
    }
    Some(predicate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;
    use crate::engine::rules::source::Source;

    fn holds(operators: &str, value: &str) -> bool {
        let mut problems = Diagnostics::default();
        let source = Source::parse("t.yaml", operators, &mut problems).unwrap();
        let predicates = Predicate::parse(&Node::root(&source), &mut problems);
        assert!(problems.is_empty(), "{operators}: {problems}");
        let mut scanner = Scanner::default();
        let json = scanner.scan(value).unwrap();
        predicates.iter().all(|predicate| predicate.holds(json, Some(At::ROOT)))
    }

    #[test]
    fn the_examples_of_every_operator_are_true() {
        for spec in Operator::ALL {
            let (operand, yes, no) = spec.example;
            let written = format!("{{ {}: {operand} }}", spec.name);
            assert!(holds(&written, yes), "{written} should hold for {yes}");
            assert!(!holds(&written, no), "{written} should not hold for {no}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value_and_text_by_its_letters() {
        for (operators, value, expected) in [
            ("5", "5.0", true),
            ("5", "\"5\"", false),
            ("'5'", "5", true),
            ("'5'", "5.0", false),
            ("true", "true", true),
            ("true", "\"true\"", false),
            ("{ is: Größe, ignore_case: true }", "\"GRÖSSE\"", false),
            ("{ is: ÄÖ, ignore_case: true }", "\"äö\"", true),
            ("{ contains: [a, b], ignore_case: true }", "\"xBx\"", true),
            ("{ contains: 5 }", "[1,5]", true),
            ("{ above: 1, below: 3 }", "2", true),
            ("{ above: 1, below: 3 }", "3", false),
            ("{ above: 1 }", "\"inf\"", false),
            ("{ matches: '*' }", "\"\\u0061\"", true),
            ("{ matches: a*b*c }", "\"a-b-b-c\"", true),
            ("{ matches: a*b*c }", "\"a-c-b\"", false),
            ("{ matches: ab }", "\"abc\"", false),
            ("{ is_not: x }", "{}", true),
            ("{ present: false }", "null", true),
            ("{ type: object }", "{}", true),
        ] {
            assert_eq!(holds(operators, value), expected, "{operators} for {value}");
        }
    }
}
