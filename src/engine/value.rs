//! Values while they are made: found in the event, built from it, brought into a form.

use super::evaluate::Run;
use super::event::{At, Json, Kind, Scanner};
use super::record::{Format, format};
use super::rules::expression::{
    Alternative, Expression, From, Kept, Miss, Part, Step, Table, Template, Trim,
};
use super::rules::rest::Blank;
use super::rules::{NameId, Origin};
use super::trace::Tracer;
use super::warning::{Note, WarningCode};
use super::write;
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
    /// An object that is yet to be written.
    Object,
}

impl Value {
    /// Whether it is nothing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The place in the event it comes from, the root where there is none.
    pub fn at(&self) -> At {
        match self {
            Self::Missing | Self::Object => At::ROOT,
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
        let mut value = match &alternative.from {
            From::Script(script) => self.script_value(script),
            from => self.start(from),
        };
        for step in &alternative.steps {
            if value.is_missing() || self.is_kept_blank(&alternative.from, &value) {
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
        let any = matches!(
            alternative.steps.last(),
            Some(Step::Format(Format::Any | Format::Json | Format::Pruned | Format::Dense))
        );
        if let Value::Node(at) = value
            && matches!(self.call.json.kind(at), Kind::Object | Kind::Array)
            && !any
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
            From::Kept(kept) => self.kept(kept),
            From::Text(text) => Value::Text(text.clone(), At::ROOT),
            From::Constant(json) => Value::Json(json.clone(), At::ROOT),
            From::Template(template) => self.template(template),
            From::Object(_) => Value::Object,
            From::Script(_) => Value::Missing,
            From::Each(origin, ..) => match self.origin(origin) {
                Value::Node(at) => Value::Items(at),
                _ => Value::Missing,
            },
        }
    }

    /// What stands at an origin, null and empty text as far as they are kept.
    #[cold]
    fn kept(&self, kept: &Kept) -> Value {
        let at = match &kept.origin {
            Origin::Path(path) => path.locate(&self.call),
            Origin::Item(Some(path), _) => self.item.and_then(|item| path.locate_from(self.call.json, item)),
            Origin::Item(None, _) => self.item,
            Origin::Value(..) => return self.origin(&kept.origin),
        };
        let Some(at) = at else { return Value::Missing };
        let wanted = match self.call.json.kind(at) {
            Kind::Null => kept.nulls == Blank::Keep,
            _ => kept.empty == Blank::Keep,
        };
        if wanted || !self.call.json.is_blank(at) { Value::Node(at) } else { Value::Missing }
    }

    /// Whether a value is null or empty text that is kept, and so has no form to be brought into.
    fn is_kept_blank(&self, from: &From, value: &Value) -> bool {
        matches!((from, value), (From::Kept(_), Value::Node(at)) if self.call.json.is_blank(*at))
    }

    /// What stands at an origin; nothing for null and empty text.
    #[inline]
    pub fn origin(&self, origin: &Origin) -> Value {
        match origin {
            Origin::Path(path) => match path.locate(&self.call) {
                Some(at) if !self.call.json.is_blank(at) => Value::Node(at),
                _ => Value::Missing,
            },
            Origin::Item(path, _) => {
                let found = match (self.item, path) {
                    (Some(item), Some(path)) => path.locate_from(self.call.json, item),
                    (item, None) => item,
                    (None, Some(_)) => None,
                };
                match found {
                    Some(at) if !self.call.json.is_blank(at) => Value::Node(at),
                    _ => Value::Missing,
                }
            }
            Origin::Value(id, _) => self.values.get(id.0 as usize).cloned().unwrap_or(Value::Missing),
        }
    }

    fn template(&self, template: &Template) -> Value {
        let mut text = String::new();
        let mut first = At::ROOT;
        for part in &template.parts {
            let (origins, default) = match part {
                Part::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Part::Origins(origins, default) => (origins, default),
            };
            let found =
                origins.iter().map(|origin| self.origin(origin)).find(|value| self.text_of(value).is_some());
            match (&found, default) {
                (Some(value), _) => {
                    let put_in = self.text_of(value).unwrap_or_default();
                    if template.escape_html {
                        push_html(&mut text, &put_in)
                    } else {
                        text.push_str(&put_in)
                    }
                    if first == At::ROOT {
                        first = value.at();
                    }
                }
                (None, Some(default)) => text.push_str(default),
                (None, None) => return Value::Missing,
            }
        }
        let text = match template.trim {
            Trim::No => &text,
            Trim::Both => text.trim(),
            Trim::End => text.trim_end(),
        };
        // Empty text is nothing, wherever it comes from.
        if text.is_empty() { Value::Missing } else { Value::Text(text.into(), first) }
    }

    /// The text of a value: of text its content, of numbers and booleans what is written.
    #[inline]
    pub fn text_of<'s>(&'s self, value: &'s Value) -> Option<Cow<'s, str>> {
        text_of(self.call.json, value)
    }

    fn step(&self, step: &Step, value: &Value) -> Result<Value, WarningCode> {
        match step {
            Step::Format(format) => bring(self.call.json, *format, value),
            Step::Lookup(table) => Ok(self.look_up(table, value)),
        }
    }

    fn look_up(&self, table: &Table, value: &Value) -> Value {
        let text = self.text_of(value);
        let key = text
            .as_ref()
            .map(|text| if table.match_case { text.to_string() } else { text.trim().to_lowercase() });
        let line = table.lines.iter().find(|(found, _)| Some(found) == key.as_ref());
        match (line, &table.otherwise) {
            (Some((_, to)), _) => Value::Text(to.as_str().into(), value.at()),
            (None, Miss::Drop) => Value::Missing,
            (None, Miss::Pass) => value.clone(),
            (None, Miss::Text(text)) => Value::Text(text.clone(), value.at()),
        }
    }
}

/// The text of a value: of text its content, of numbers and booleans what is written.
#[inline]
fn text_of<'s>(json: Json<'s>, value: &'s Value) -> Option<Cow<'s, str>> {
    match value {
        Value::Node(at) => match json.kind(*at) {
            Kind::String => Some(json.decoded(*at)),
            Kind::Number | Kind::True | Kind::False => Some(Cow::Borrowed(json.content(*at))),
            _ => None,
        },
        Value::Text(text, _) => Some(Cow::Borrowed(text)),
        Value::Json(json, _) => Some(Cow::Borrowed(json)),
        Value::Missing | Value::Items(_) | Value::Object => None,
    }
}

/// Brings a value into a form; the error is what is to be warned of.
#[inline]
pub(super) fn bring(json: Json<'_>, format: Format, value: &Value) -> Result<Value, WarningCode> {
    let at = value.at();
    match (format, value) {
        (Format::Any, _) => return Ok(value.clone()),
        (Format::Scalar, Value::Node(at)) if matches!(json.kind(*at), Kind::Object | Kind::Array) => {
            let mut compact = Vec::new();
            write::push_compact(&mut compact, json, *at);
            return Ok(Value::Text(String::from_utf8_lossy(&compact).into(), *at));
        }
        (Format::Json, Value::Node(at)) if json.kind(*at) == Kind::String => {
            return read_json(&json.decoded(*at), *at);
        }
        (Format::Json, Value::Text(text, at)) => return read_json(text, *at),
        (Format::Pruned, Value::Node(at)) => {
            let mut pruned = Vec::new();
            return Ok(match write::push_pruned(&mut pruned, json, *at) {
                true => Value::Json(String::from_utf8_lossy(&pruned).into(), *at),
                false => Value::Missing,
            });
        }
        (Format::Dense, Value::Node(at)) if json.kind(*at) == Kind::Array => {
            let mut dense = Vec::new();
            write::push_dense(&mut dense, json, *at);
            return Ok(Value::Json(String::from_utf8_lossy(&dense).into(), *at));
        }
        (Format::Moment, Value::Node(at)) if json.kind(*at) == Kind::String => {
            let moment = format::moment(&json.decoded(*at));
            return Ok(moment.map_or_else(|| value.clone(), |text| Value::Text(text.into(), *at)));
        }
        (Format::Moment, Value::Text(text, at)) => {
            return Ok(
                format::moment(text).map_or_else(|| value.clone(), |text| Value::Text(text.into(), *at))
            );
        }
        (Format::Scalar | Format::Json | Format::Pruned | Format::Dense | Format::Moment, _) => {
            return Ok(value.clone());
        }
        (Format::String, Value::Node(at)) if json.kind(*at) != Kind::String => {
            let mut compact = Vec::new();
            write::push_compact(&mut compact, json, *at);
            return Ok(Value::Text(String::from_utf8_lossy(&compact).into(), *at));
        }
        (Format::Boolean, Value::Node(at)) if matches!(json.kind(*at), Kind::True | Kind::False) => {
            return Ok(value.clone());
        }
        _ => {}
    }
    let number = match value {
        Value::Node(at) => match json.kind(*at) {
            Kind::Number => true,
            Kind::String => false,
            _ => return Err(WarningCode::InvalidValue),
        },
        Value::Json(..) => true,
        _ => false,
    };
    let Some(text) = text_of(json, value) else { return Err(WarningCode::InvalidValue) };
    if !number && text.trim().is_empty() && format != Format::String {
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
        Format::ZonedMoment => format::zoned_moment(&text).as_deref().map(made).ok_or(invalid),
        Format::Gender => format::gender(&text).map(made).ok_or(invalid),
        Format::Phone => format::phone(&text).as_deref().map(made).ok_or(invalid),
        Format::Email => match format::email(&text) {
            Some(same) if same.len() == text.len() => Ok(value.clone()),
            Some(trimmed) => Ok(made(trimmed)),
            None => Err(invalid),
        },
        Format::Seconds => format::seconds(&text).map(|n| Value::Json(n.into(), at)).ok_or(invalid),
        Format::SecondsOrNumber if number || format::is_number(&text) => Ok(value.clone()),
        Format::SecondsOrNumber => {
            format::iso_seconds(&text).map(|n| Value::Json(n.into(), at)).ok_or(invalid)
        }
        Format::Boolean => format::boolean(&text).map(|word| Value::Json(word.into(), at)).ok_or(invalid),
        Format::Trim => Ok(made(text.trim())),
        Format::Lower => Ok(made(&text.to_lowercase())),
        Format::Upper => Ok(made(&text.to_uppercase())),
        Format::Sha256 => Ok(made(&format::sha256(&text))),
        Format::String
        | Format::Any
        | Format::Scalar
        | Format::Json
        | Format::Pruned
        | Format::Dense
        | Format::Moment => Ok(value.clone()),
        Format::ObjectId if !format::is_object_id(&text) => Err(WarningCode::InvalidObjectId),
        Format::ObjectId if number => Ok(made(&text)),
        Format::ObjectId => Ok(value.clone()),
    }
}

/// The JSON that text holds. Rare enough to be scanned anew.
#[cold]
fn read_json(text: &str, at: At) -> Result<Value, WarningCode> {
    if text.trim().is_empty() {
        return Ok(Value::Missing);
    }
    let mut scanner = Scanner::default();
    let json = scanner.scan(text).map_err(|_| WarningCode::InvalidValue)?;
    let mut compact = Vec::new();
    write::push_compact(&mut compact, json, At::ROOT);
    Ok(Value::Json(String::from_utf8_lossy(&compact).into(), at))
}

/// Appends text escaped for HTML, as Handlebars does.
fn push_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '`' => out.push_str("&#x60;"),
            '=' => out.push_str("&#x3D;"),
            other => out.push(other),
        }
    }
}
