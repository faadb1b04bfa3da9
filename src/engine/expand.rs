//! The rare ways to copy members: keys that hold dots taken for paths, text and arrays copied by number, null that takes
//! out what is there, and a record's own `ts`.
//!
//! Only here is anything like a tree of values built, and only for objects in which a key holds a dot.

use super::diagnostic::Place;
use super::evaluate::{Outcome, Run};
use super::event::text::push_escaped;
use super::event::{At, Kind};
use super::keys::Take;
use super::mapping::Copying;
use super::reason::OwnReason;
use super::record::{Format, RecordKind, format, limit};
use super::rules::NameId;
use super::rules::expression::Expression;
use super::rules::record::RecordTemplate;
use super::rules::rest::{Nested, Rest};
use super::trace::Tracer;
use super::value::Value;
use super::warning::{Note, WarningCode};
use super::write;

/// One member of an object that is put together.
#[derive(Debug)]
struct Twig {
    key: String,
    /// The key and value in the event; of a branch those of the first member that made it one.
    from: (At, At),
    source: u8,
    /// The members, where it was put together from several.
    branch: Option<Vec<Twig>>,
}

impl<T: Tracer> Run<'_, '_, T> {
    /// Whether a key that is to be copied holds a dot.
    pub(super) fn has_dots(&self, rest: &Rest) -> bool {
        let json = self.call.json;
        rest.sources.iter().any(|origin| match self.origin(origin) {
            Value::Node(at) => json.members(at).any(|(key, _)| json.decoded(key).contains('.')),
            _ => false,
        })
    }

    /// Copies the members of a rest's objects with their dotted keys expanded. What comes later replaces what it meets.
    #[cold]
    pub(super) fn expanded(&mut self, rest: &Rest, kind: RecordKind, max: usize) {
        let json = self.call.json;
        let mut twigs = Vec::new();
        for (source, origin) in rest.sources.iter().enumerate() {
            let Value::Node(object) = self.origin(origin) else { continue };
            for (key, value) in json.members(object) {
                let raw = json.decoded(key);
                let plan = self.keys.find(rest, kind, &raw);
                if self.keys.get(plan).is_some_and(|plan| plan.take == Take::Skip) {
                    if T::ON {
                        self.tracer.dropped(&self.call, value, "mapped by name, or excluded");
                    }
                    continue;
                }
                self.grow(&mut twigs, &raw, (key, value), source.min(255) as u8);
            }
        }
        for twig in twigs {
            let (key, value) = twig.from;
            let plan = self.keys.find(rest, kind, &twig.key);
            let copying = Copying { rest, kind, source: twig.source, max };
            let Some(branch) = &twig.branch else {
                self.member(key, value, plan, copying);
                continue;
            };
            let Some((take, note)) = self.keys.get(plan).map(|plan| (plan.take, plan.note)) else { continue };
            let mut compact = Vec::new();
            self.push_branch(&mut compact, branch);
            let most = rest.limits.most(limit::VALUE_BYTES);
            let keep = take == Take::Keep || rest.objects == Nested::Keep;
            self.place(key, value, plan, note, copying, |out, _, _| match keep {
                true => {
                    out.extend_from_slice(&compact);
                    false
                }
                false => write::push_text(out, &String::from_utf8_lossy(&compact), most),
            });
        }
    }

    /// Puts a value where a dotted key says; objects on the way are opened, anything else on the way is replaced.
    fn grow(&self, twigs: &mut Vec<Twig>, path: &str, from: (At, At), source: u8) {
        let mut level = twigs;
        let mut left = path;
        loop {
            let (key, rest) = match left.split_once('.') {
                Some((key, rest)) => (key, Some(rest)),
                None => (left, None),
            };
            let place = level.iter().position(|twig| twig.key == key).unwrap_or_else(|| {
                level.push(Twig { key: key.to_owned(), from, source, branch: None });
                level.len() - 1
            });
            let Some(twig) = level.get_mut(place) else { return };
            let Some(rest) = rest else {
                *twig = Twig { key: key.to_owned(), from, source, branch: None };
                return;
            };
            level = twig.branch.get_or_insert_with(|| self.opened(twig.from, from, source));
            left = rest;
        }
    }

    /// The members of the object at a place that a longer path leads through; none where it is no object, or where the
    /// path itself has just made the place.
    fn opened(&self, here: (At, At), from: (At, At), source: u8) -> Vec<Twig> {
        let json = self.call.json;
        if here == from {
            return Vec::new();
        }
        let members = json.members(here.1);
        let twig = |(key, value)| Twig {
            key: json.decoded(key).into_owned(),
            from: (key, value),
            source,
            branch: None,
        };
        members.map(twig).collect()
    }

    fn push_branch(&self, out: &mut Vec<u8>, branch: &[Twig]) {
        out.push(b'{');
        for (i, twig) in branch.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.push(b'"');
            push_escaped(out, &twig.key);
            out.extend_from_slice(b"\":");
            match &twig.branch {
                Some(inner) => self.push_branch(out, inner),
                None => write::push_compact(out, self.call.json, twig.from.1),
            }
        }
        out.push(b'}');
    }

    /// Copies an array's elements, or the characters of text, each under its number.
    #[cold]
    pub(super) fn spread(&mut self, at: At, copying: Copying<'_>) {
        let json = self.call.json;
        if json.kind(at) == Kind::Array {
            for (i, value) in json.elements(at).enumerate() {
                let plan = self.keys.find(copying.rest, copying.kind, &i.to_string());
                self.member(value, value, plan, copying);
            }
        } else if json.kind(at) == Kind::String {
            for (i, letter) in json.decoded(at).chars().enumerate() {
                let plan = self.keys.find(copying.rest, copying.kind, &i.to_string());
                self.place(at, at, plan, None, copying, |out, _, _| {
                    write::push_text(out, letter.encode_utf8(&mut [0; 4]), usize::MAX)
                });
            }
        }
    }

    /// Takes out what stands under a key.
    #[cold]
    pub(super) fn erase(&mut self, name: NameId) {
        let Some(scope) = self.scopes.get_mut(self.depth.wrapping_sub(1)) else { return };
        let Some(field) = scope.find(name) else { return };
        scope.remove(name, self.out);
        if self.is_traced(&Value::Missing) {
            self.tracer.removed(field.start, field.end - field.start);
        }
    }

    /// Writes the `ts` that a rule gives. What was given and is no number makes the whole event fail: CleverTap would
    /// refuse the record, and without it the record would be dated to its arrival.
    pub(super) fn given_time(&mut self, expression: &Expression, place: &Place) {
        let before = self.notes.len();
        let (value, alternative) = self.make(expression, None, false);
        if value.is_missing() && self.notes.len() == before {
            return;
        }
        let number = self.text_of(&value).is_some_and(|text| format::is_number(&text));
        if !number {
            if !value.is_missing() {
                self.note(Note { code: WarningCode::InvalidValue, at: value.at(), target: None });
            }
            let message = format!("expected `ts` to be {}", Format::Seconds.expects());
            self.refusal = Some(Outcome::Failed(OwnReason::InvalidTs.because(message)));
            return;
        }
        self.out.extend_from_slice(b",\"ts\":");
        let start = self.out.len();
        match &value {
            Value::Node(at) => self.out.extend_from_slice(self.call.json.raw(*at).as_bytes()),
            Value::Text(text, _) => drop(write::push_text(self.out, text, usize::MAX)),
            Value::Json(json, _) => self.out.extend_from_slice(json.as_bytes()),
            Value::Missing | Value::Items(_) | Value::Object => {}
        }
        let (at, place) = (value.at(), alternative.map_or(place, |alternative| &alternative.place));
        self.trace_part("ts", start, place, |run| run.source_in(alternative, at));
    }

    /// Notes that a record lacks its address or one of its fields, at the first thing in the event that it is made of.
    #[cold]
    pub(super) fn incomplete(&mut self, template: &RecordTemplate) {
        let target = self.plan.kind_name(template.kind);
        let alternatives = template.data.fields.iter().flat_map(|field| &field.value.alternatives);
        let found =
            alternatives.map(|alternative| self.start(&alternative.from)).find(|value| !value.is_missing());
        let at = found.map_or(At::ROOT, |value| value.at());
        self.note(Note { code: WarningCode::RecordIncomplete, at, target });
    }
}
