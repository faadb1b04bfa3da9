//! Writing records: named fields first, then the rest, straight into the output buffer.
//!
//! Every field is written with a comma behind it, so that one can be taken out again; the last comma becomes the
//! closing brace.

use super::evaluate::{Run, Span};
use super::event::text::{self, push_escaped};
use super::event::{At, Kind};
use super::keys::{JOINT, Take};
use super::record::{RecordKind, limit};
use super::rules::NameId;
use super::rules::data::{Data, Field};
use super::rules::expression::{Expression, From};
use super::rules::record::RecordTemplate;
use super::rules::rest::{Blank, Nested, Rest};
use super::rules::rule::Rule;
use super::scope::{FieldScope, FieldSpan};
use super::trace::{FieldOrigin, Tracer};
use super::value::Value;
use super::warning::{Note, WarningCode};
use super::write;

/// What stays the same while the members of one object are copied.
#[derive(Clone, Copy)]
pub(super) struct Copying<'r> {
    pub(super) rest: &'r Rest,
    pub(super) kind: RecordKind,
    pub(super) source: u8,
    pub(super) max: usize,
}

impl<T: Tracer> Run<'_, '_, T> {
    /// Writes one record of a rule, or notes why it can not be.
    pub(super) fn record(&mut self, template: &RecordTemplate, rule: &Rule) {
        if template.when.as_ref().is_some_and(|when| !self.holds(when)) {
            return;
        }
        if let Some(call) = &template.call {
            return self.sdk_call(call, rule);
        }
        let address = template.address.iter().find_map(|(kind, origin)| {
            let value = self.origin(origin);
            self.is_id(&value).then_some((*kind, value))
        });
        let Some(address) = address else { return self.incomplete(template) };
        let start = self.out.len();
        if T::ON {
            self.tracer.open_record(template.kind, rule, self.records.len());
        }
        self.push(b"{\"type\":\"");
        self.push(template.kind.as_str().as_bytes());
        self.push(b"\",\"");
        self.push(address.0.as_str().as_bytes());
        self.push(b"\":");
        let value = self.out.len();
        self.id(&address.1);
        self.trace_part(address.0.as_str(), value, &template.place, |run| run.source_of(&address.1));
        let complete = match template.kind {
            RecordKind::Profile => {
                self.time(template);
                self.push(b",\"profileData\":");
                self.data(&template.data, template.kind, template.max_fields);
                true
            }
            RecordKind::Event => {
                let named = template.name.as_ref().is_some_and(|name| self.event_name_field(name, template));
                self.push(b",\"evtData\":");
                self.data(&template.data, template.kind, template.max_fields);
                self.time(template);
                named
            }
            RecordKind::Token => {
                self.push(b",\"tokenData\":");
                self.data(&template.data, template.kind, template.max_fields);
                self.is_whole_token(&template.data)
            }
            RecordKind::Call => false,
        };
        self.push(b"}");
        if !complete {
            self.out.truncate(start);
            if T::ON {
                self.tracer.drop_record();
            }
            return self.incomplete(template);
        }
        if let Some(script) = &rule.script
            && !self.script_record(script, template, start)
        {
            self.out.truncate(start);
            if T::ON {
                self.tracer.drop_record();
            }
            return;
        }
        let address = Some(address);
        self.records.push(Span { kind: template.kind, address, start, end: self.out.len() });
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Whether a value can be somebody's id: nothing but text and numbers can.
    #[inline]
    fn is_id(&self, value: &Value) -> bool {
        match value {
            Value::Node(at) => matches!(self.call.json.kind(*at), Kind::String | Kind::Number),
            Value::Text(..) => true,
            Value::Json(json, _) => json.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Value::Missing | Value::Items(_) | Value::Object => false,
        }
    }

    /// An id: text, or a number as it was sent, which a pack may have made text before.
    fn id(&mut self, value: &Value) {
        match value {
            Value::Node(at) => self.out.extend_from_slice(self.call.json.raw(*at).as_bytes()),
            Value::Text(text, _) | Value::Json(text, _) => {
                self.out.push(b'"');
                push_escaped(self.out, text);
                self.out.push(b'"');
            }
            Value::Missing | Value::Items(_) | Value::Object => self.out.extend_from_slice(b"\"\""),
        }
    }

    /// Whether the object just written holds every named field; only `keys`, which web push alone has, may be missing.
    fn is_whole_token(&self, data: &Data) -> bool {
        let scope = self.scopes.get(self.depth);
        data.fields
            .iter()
            .all(|field| &*field.target == "keys" || scope.is_some_and(|s| s.find(field.name).is_some()))
    }

    fn time(&mut self, template: &RecordTemplate) {
        if let Some(expression) = &template.ts {
            return self.given_time(expression, &template.place);
        }
        if let Some(seconds) = self.seconds() {
            self.push(b",\"ts\":");
            let value = self.out.len();
            self.out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
            self.trace_part("ts", value, &template.place, Self::sources_of_time);
        }
    }

    fn event_name_field(&mut self, name: &Expression, template: &RecordTemplate) -> bool {
        let (value, alternative) = self.make(name, None, false);
        let at = value.at();
        let Some(name) = self.text_of(&value) else { return false };
        let cut = text::cut_chars(&name, template.limits.most(limit::EVENT_NAME_CHARS));
        let shortened = cut.len() < name.len();
        let plain = match (&value, shortened) {
            // As received, byte for byte.
            (Value::Node(at), false) if self.call.json.kind(*at) == Kind::String => None,
            _ => Some(cut.to_owned()),
        };
        self.push(b",\"evtName\":");
        let start = self.out.len();
        match plain {
            None => self.out.extend_from_slice(self.call.json.raw(at).as_bytes()),
            Some(name) => {
                self.out.push(b'"');
                push_escaped(self.out, &name);
                self.out.push(b'"');
            }
        }
        if shortened {
            self.note(Note { code: WarningCode::EventNameCut, at, target: None });
        }
        let place = alternative.map_or(&template.place, |alternative| &alternative.place);
        self.trace_part("evtName", start, place, |run| run.source_in(alternative, at));
        true
    }

    /// Writes an object and says how many fields it has.
    fn data(&mut self, data: &Data, kind: RecordKind, max: usize) -> usize {
        if self.scopes.len() == self.depth {
            self.scopes.push(FieldScope::default());
        }
        let names = self.keys.name_count();
        if let Some(scope) = self.scopes.get_mut(self.depth) {
            scope.open(names);
        }
        let start = self.out.len();
        self.push(b"{");
        self.depth += 1;
        for field in &data.fields {
            self.field(field, kind);
        }
        for rest in data.rest.iter().chain(&data.merge) {
            if rest.expand_dots && self.has_dots(rest) {
                self.expanded(rest, kind, max);
                continue;
            }
            for (source, origin) in rest.sources.iter().enumerate() {
                if let Value::Node(at) = self.origin(origin) {
                    let source = source.min(255) as u8;
                    self.members(at, Copying { rest, kind, source, max });
                }
            }
        }
        self.depth -= 1;
        self.close(start);
        self.scopes.get(self.depth).map_or(0, FieldScope::len)
    }

    /// The object that is being written.
    #[inline]
    fn scope(&mut self) -> Option<&mut FieldScope> {
        self.scopes.get_mut(self.depth.wrapping_sub(1))
    }

    /// Ends an object: its last comma becomes the brace.
    #[inline]
    fn close(&mut self, start: usize) {
        let empty = self.out.len() == start + 1;
        match self.out.last_mut() {
            Some(last) if !empty => *last = b'}',
            _ => self.out.push(b'}'),
        }
    }

    fn field(&mut self, field: &Field, kind: RecordKind) {
        let (value, alternative) = self.make(&field.value, Some(field.name), field.standard.is_some());
        let Some(alternative) = alternative else { return };
        let (start, at) = (self.out.len(), value.at());
        self.push(&field.rendered);
        let value_start = self.out.len();
        let Some(cut) = self.write_value(&value, &alternative.from, field, kind) else {
            return self.out.truncate(start);
        };
        self.out.push(b',');
        if cut {
            self.note(Note { code: WarningCode::ValueCut, at: value.at(), target: Some(field.name) });
        }
        let span = FieldSpan {
            start,
            value: value_start,
            end: self.out.len(),
            key: At::ROOT,
            source: 0,
            final_form: true,
            plan: None,
        };
        if let Some(scope) = self.scope() {
            scope.add(field.name, span);
        }
        if self.is_traced(&value) {
            let value = self.out.get(value_start..self.out.len() - 1).unwrap_or_default();
            let origin = FieldOrigin::Named { field, alternative, at };
            self.tracer.field(&self.call, origin, value, start);
        }
    }

    /// Writes a value and says whether it was cut; nothing where there is nothing to write.
    #[inline]
    pub(super) fn write_value(
        &mut self,
        value: &Value,
        from: &From,
        field: &Field,
        kind: RecordKind,
    ) -> Option<bool> {
        match (value, from) {
            (Value::Node(at), _) => match self.call.json.kind(*at) {
                Kind::Object | Kind::Array => write::push_compact(self.out, self.call.json, *at),
                _ => return Some(write::push_scalar(self.out, self.call.json, *at, field.most)),
            },
            (Value::Text(text, _), _) => return Some(write::push_text(self.out, text, field.most)),
            (Value::Json(json, _), _) => self.out.extend_from_slice(json.as_bytes()),
            (Value::Object, From::Object(data)) => {
                let empty = self.data(data, kind, usize::MAX) == 0;
                // What a call passes stays, also when nothing is in it.
                if empty && kind != RecordKind::Call {
                    return None;
                }
            }
            (Value::Items(at), From::Each(_, item, most)) => {
                let empty = !self.items(*at, item, field.name, *most);
                match kind {
                    RecordKind::Call if empty => self.push(b"[]"),
                    _ if empty => return None,
                    _ => {}
                }
            }
            (Value::Items(_) | Value::Object | Value::Missing, _) => return None,
        }
        Some(false)
    }

    /// Writes a list of rewritten objects; says whether there is anything in it.
    fn items(&mut self, at: At, data: &Data, target: NameId, most: usize) -> bool {
        if self.call.json.kind(at) != Kind::Array {
            self.note(Note { code: WarningCode::ItemDropped, at, target: Some(target) });
            return false;
        }
        let start = self.out.len();
        self.push(b"[");
        let mut count = 0;
        for item in self.call.json.elements(at) {
            if self.call.json.kind(item) != Kind::Object {
                if self.call.json.kind(item) != Kind::Null {
                    self.note(Note { code: WarningCode::ItemDropped, at: item, target: Some(target) });
                }
                continue;
            }
            if count == most {
                self.note(Note { code: WarningCode::ItemLimit, at: item, target: Some(target) });
                continue;
            }
            let outer = self.item.replace(item);
            self.data(data, RecordKind::Event, usize::MAX);
            self.item = outer;
            self.push(b",");
            count += 1;
        }
        match self.out.last_mut() {
            Some(last) if count > 0 => *last = b']',
            _ => self.out.truncate(start),
        }
        count > 0
    }

    fn members(&mut self, object: At, copying: Copying<'_>) {
        let json = self.call.json;
        if copying.rest.spread && json.kind(object) != Kind::Object {
            return self.spread(object, copying);
        }
        for (key, value) in json.members(object) {
            let plan = if json.node(key).escaped {
                let raw = json.decoded(key);
                self.keys.find(copying.rest, copying.kind, &raw)
            } else {
                self.keys.find(copying.rest, copying.kind, json.content(key))
            };
            self.member(key, value, plan, copying);
        }
    }

    /// One member by the decision on its key.
    #[inline]
    pub(super) fn member(&mut self, key: At, value: At, plan: u32, copying: Copying<'_>) {
        let json = self.call.json;
        let Some(decided) = self.keys.get(plan) else { return };
        let (take, note, name) = (decided.take, decided.note, decided.name);
        let left_out = match take {
            Take::Skip => Some("mapped by name, or excluded"),
            Take::CopyUnless(target) if self.is_written(target) => Some("mapped by name, or excluded"),
            _ if !json.is_blank(value) => None,
            _ if json.kind(value) == Kind::Null => (copying.rest.nulls != Blank::Keep).then_some("null"),
            _ => (copying.rest.empty == Blank::Drop).then_some("empty text"),
        };
        if let Some(why) = left_out {
            if take != Take::Skip && copying.rest.nulls == Blank::Erase && json.kind(value) == Kind::Null {
                self.erase(name);
            }
            if T::ON {
                self.tracer.dropped(&self.call, value, why);
            }
            return;
        }
        let most = copying.rest.limits.most(limit::VALUE_BYTES);
        let nested = match (take, json.kind(value)) {
            (Take::Keep, _) => Nested::Keep,
            (_, Kind::Object) => copying.rest.objects,
            (_, Kind::Array) => copying.rest.arrays,
            (Take::CopyMoment, _) => return self.place_moment(key, value, plan, note, copying, most),
            _ => {
                return self.place(key, value, plan, note, copying, |out, json, at| {
                    write::push_scalar(out, json, at, most)
                });
            }
        };
        match nested {
            Nested::Drop => self.note(Note { code: WarningCode::NestedDropped, at: value, target: None }),
            Nested::Flatten => self.flatten(key, value, copying),
            Nested::Stringify => self.place(key, value, plan, note, copying, |out, json, at| {
                write::push_stringified(out, json, at, most)
            }),
            Nested::Keep => self.place(key, value, plan, note, copying, |out, json, at| {
                write::push_compact(out, json, at);
                false
            }),
        }
    }

    /// Copies the members of a nested object under the path of keys that leads to them.
    fn flatten(&mut self, key: At, object: At, copying: Copying<'_>) {
        let json = self.call.json;
        let before = self.path.len();
        self.path.push_str(&json.decoded(key));
        self.path.push(JOINT);
        let prefix = self.path.len();
        for (key, value) in json.members(object) {
            self.path.push_str(&json.decoded(key));
            let plan = self.keys.find(copying.rest, copying.kind, self.path);
            self.path.truncate(prefix);
            self.member(key, value, plan, copying);
        }
        self.path.truncate(before);
    }

    /// Writes one field of the rest, unless its key is taken.
    #[inline]
    pub(super) fn place(
        &mut self,
        key: At,
        value: At,
        plan: u32,
        note: Option<WarningCode>,
        copying: Copying<'_>,
        write: impl Fn(&mut Vec<u8>, super::event::Json<'_>, At) -> bool,
    ) {
        let Some(decided) = self.keys.get(plan) else { return };
        let name = decided.name;
        let Some(scope) = self.scopes.get_mut(self.depth.wrapping_sub(1)) else { return };
        let taken = scope.find(name);
        if taken.is_none() && scope.len() >= copying.max {
            return self.note(Note { code: WarningCode::PropertyLimit, at: value, target: None });
        }
        let start = self.out.len();
        self.out.extend_from_slice(&decided.rendered);
        let value_start = self.out.len();
        let cut = write(self.out, self.call.json, value);
        self.out.push(b',');
        let end = self.out.len();
        let mut span = FieldSpan {
            start,
            value: value_start,
            end,
            key,
            source: copying.source,
            final_form: decided.final_form,
            plan: Some(plan),
        };
        if let Some(first) = taken {
            let Some(moved) = self.collide(first, span, name, copying.rest.replaces) else { return };
            span = moved;
        }
        if let Some(scope) = self.scope() {
            scope.add(name, span);
        }
        if let Some(code) = note {
            self.notes.push(Note { code, at: key, target: None });
        }
        if cut {
            self.notes.push(Note { code: WarningCode::ValueCut, at: value, target: None });
        }
        if self.is_traced(&Value::Node(value)) {
            let text = self.out.get(span.value..span.end - 1).unwrap_or_default();
            let rendered = self.out.get(span.start..span.value - 1).unwrap_or_default();
            let origin = FieldOrigin::Copied { rest: copying.rest, rendered, at: value };
            self.tracer.field(&self.call, origin, text, span.start);
        }
    }

    /// Two fields have one key: decides which stays. Gives the second's place in the buffer if it is that one.
    #[cold]
    fn collide(
        &mut self,
        first: FieldSpan,
        second: FieldSpan,
        name: NameId,
        replaces: bool,
    ) -> Option<FieldSpan> {
        let same = self.out.get(first.value..first.end) == self.out.get(second.value..second.end);
        let same_object = first.plan.is_some() && first.source == second.source;
        let repeated = same_object && first.plan == second.plan;
        // A key that stands twice in one object: the last counts, as `JSON.parse` has it.
        let second_wins = replaces || repeated || same_object && second.final_form && !first.final_form;
        let other_object = first.plan.is_some() && first.source != second.source;
        if !same && !repeated && !other_object && !replaces {
            let loser = if second_wins { first.key } else { second.key };
            self.note(Note { code: WarningCode::KeyCollision, at: loser, target: None });
        }
        if !second_wins {
            self.out.truncate(second.start);
            return None;
        }
        let removed = first.end - first.start;
        if let Some(scope) = self.scopes.get_mut(self.depth.wrapping_sub(1)) {
            scope.remove(name, self.out);
        }
        if self.is_traced(&Value::Missing) {
            self.tracer.removed(first.start, removed);
        }
        let (start, value, end) = (second.start - removed, second.value - removed, second.end - removed);
        Some(FieldSpan { start, value, end, ..second })
    }
}
