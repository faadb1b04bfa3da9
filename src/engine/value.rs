//! Values while they are made: found in the event, built from it, brought into a form.

use super::evaluate::Run;
use super::event::{At, Kind};
use super::record::{Format, format};
use super::rules::expression::{Alternative, Expression, From, Part, Step};
use super::rules::{NameId, Origin};
use super::trace::Tracer;
use super::warning::{Note, WarningCode};
use std::borrow::Cow;
use std::sync::Arc;

/// A value on its way.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Missing,
    /// As it stands in the event.
    Node(At),
    /// Text that was made, with the place it was made from.
    Text(Arc<str>, At),
    /// JSON that was made or is written in the rule.
    Json(Arc<str>, At),
    /// A list of objects in the event, to be rewritten.
    Items(At),
}

impl Value {
    /// Whether it is nothing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The place in the event it comes from, the root where there is none.
    pub fn at(&self) -> At {
        match self {
            Self::Missing => At::ROOT,
            Self::Node(at) | Self::Text(_, at) | Self::Json(_, at) | Self::Items(at) => *at,
        }
    }
}

impl<T: Tracer> Run<'_, '_, T> {
    /// What an expression yields, and by which of its alternatives. Notes what went wrong on the way.
    pub fn make<'r>(
        &mut self,
        expression: &'r Expression,
        target: Option<NameId>,
        standard: bool,
    ) -> (Value, Option<&'r Alternative>) {
        for alternative in &expression.alternatives {
            if alternative.when.as_ref().is_some_and(|when| !self.holds(when)) {
                continue;
            }
            let value = self.make_alternative(alternative, target, standard);
            if !value.is_missing() {
                return (value, Some(alternative));
            }
        }
        (Value::Missing, None)
    }

    fn make_alternative(
        &mut self,
        alternative: &Alternative,
        target: Option<NameId>,
        standard: bool,
    ) -> Value {
        let mut value = self.start(&alternative.from);
        for step in &alternative.steps {
            if value.is_missing() {
                return value;
            }
            let at = value.at();
            match self.step(step, &value) {
                Ok(next) => value = next,
                Err(mut code) => {
                    if standard && code == WarningCode::InvalidValue {
                        code = WarningCode::InvalidField;
                    }
                    self.note(Note { code, at, target });
                    return Value::Missing;
                }
            }
        }
        if let Value::Node(at) = value
            && matches!(self.call.json.kind(at), Kind::Object | Kind::Array)
        {
            self.note(Note { code: WarningCode::NestedDropped, at, target });
            return Value::Missing;
        }
        value
    }

    /// What a value starts from.
    pub(super) fn start(&self, from: &From) -> Value {
        match from {
            From::Origin(origin) => self.origin(origin),
            From::Text(text) => Value::Text(text.clone(), At::ROOT),
            From::Constant(json) => Value::Json(json.clone(), At::ROOT),
            From::Template(parts) => self.template(parts),
            From::Each(origin, _) => match self.origin(origin) {
                Value::Node(at) => Value::Items(at),
                _ => Value::Missing,
            },
        }
    }

    /// What stands at an origin; nothing for null and empty text.
    #[inline]
    pub fn origin(&self, origin: &Origin) -> Value {
        match origin {
            Origin::Path(path) => match path.locate(&self.call) {
                Some(at) if !self.call.json.is_blank(at) => Value::Node(at),
                _ => Value::Missing,
            },
            Origin::Value(id, _) => self.values.get(id.0 as usize).cloned().unwrap_or(Value::Missing),
        }
    }

    fn template(&self, parts: &[Part]) -> Value {
        let mut text = String::new();
        let mut first = At::ROOT;
        for part in parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Origin(origin) => {
                    let value = self.origin(origin);
                    match self.text_of(&value) {
                        Some(part) => text.push_str(&part),
                        None => return Value::Missing,
                    }
                    if first == At::ROOT {
                        first = value.at();
                    }
                }
            }
        }
        Value::Text(text.into(), first)
    }

    /// The text of a value: of text its content, of numbers and booleans what is written.
    pub fn text_of<'s>(&'s self, value: &'s Value) -> Option<Cow<'s, str>> {
        match value {
            Value::Node(at) => match self.call.json.kind(*at) {
                Kind::String => Some(self.call.json.decoded(*at)),
                Kind::Number | Kind::True | Kind::False => Some(Cow::Borrowed(self.call.json.content(*at))),
                _ => None,
            },
            Value::Text(text, _) => Some(Cow::Borrowed(text)),
            Value::Json(json, _) => Some(Cow::Borrowed(json)),
            Value::Missing | Value::Items(_) => None,
        }
    }

    fn step(&self, step: &Step, value: &Value) -> Result<Value, WarningCode> {
        match step {
            Step::Format(format) => self.format(*format, value),
            Step::Lookup(table) => {
                let text = self.text_of(value).map(|text| text.trim().to_lowercase());
                let line = table.iter().find(|(key, _)| Some(key) == text.as_ref());
                Ok(line.map_or(Value::Missing, |(_, to)| Value::Text(to.as_str().into(), value.at())))
            }
        }
    }

    #[inline]
    fn format(&self, format: Format, value: &Value) -> Result<Value, WarningCode> {
        let at = value.at();
        let number = match value {
            Value::Node(at) => match self.call.json.kind(*at) {
                Kind::Number => true,
                Kind::String => false,
                _ => return Err(WarningCode::InvalidValue),
            },
            Value::Json(..) => true,
            _ => false,
        };
        let Some(text) = self.text_of(value) else { return Err(WarningCode::InvalidValue) };
        if !number && text.trim().is_empty() {
            return Ok(Value::Missing);
        }
        let made = |text: &str| Value::Text(text.into(), at);
        let invalid = WarningCode::InvalidValue;
        match format {
            Format::Text if number => Ok(made(&text)),
            Format::Text => Ok(value.clone()),
            Format::Number if number => Ok(value.clone()),
            Format::Number => format::number(&text).map(|n| Value::Json(n.into(), at)).ok_or(invalid),
            Format::Date => format::date(&text).as_deref().map(made).ok_or(invalid),
            Format::Gender => format::gender(&text).map(made).ok_or(invalid),
            Format::Phone => format::phone(&text).as_deref().map(made).ok_or(invalid),
            Format::Email => match format::email(&text) {
                Some(same) if same.len() == text.len() => Ok(value.clone()),
                Some(trimmed) => Ok(made(trimmed)),
                None => Err(invalid),
            },
            Format::ObjectId if !format::is_object_id(&text) => Err(WarningCode::InvalidObjectId),
            Format::ObjectId if number => Ok(made(&text)),
            Format::ObjectId => Ok(value.clone()),
        }
    }
}
