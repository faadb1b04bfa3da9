//! Writing calls: what a device-mode wrapper has CleverTap's SDK do, with the arguments that it passes.
//!
//! Values are made as those of records are. Two things differ: an object stays when nothing is in it, because that is
//! what the wrapper passes, and a trace tells of what stands in the arguments at any depth.

use super::evaluate::{Run, Span};
use super::event::{At, Kind};
use super::mapping::Copying;
use super::record::{RecordKind, format};
use super::rules::NameId;
use super::rules::call::CallTemplate;
use super::rules::data::Field;
use super::rules::rule::Rule;
use super::trace::{FieldOrigin, Tracer};
use super::value::Value;
use super::warning::WarningCode;
use super::write;

impl<T: Tracer> Run<'_, '_, T> {
    /// Writes one call of a rule.
    #[cold]
    pub(super) fn sdk_call(&mut self, call: &CallTemplate, rule: &Rule) {
        let start = self.out.len();
        if T::ON {
            self.tracer.open_record(RecordKind::Call, rule, self.records.len());
        }
        self.out.extend_from_slice(b"{\"type\":\"call\",\"method\":");
        write::push_text(self.out, &call.method, usize::MAX);
        self.out.extend_from_slice(b",\"args\":[");
        for (at, argument) in call.args.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.argument(argument);
        }
        self.out.extend_from_slice(b"]}");
        self.records.push(Span { kind: RecordKind::Call, address: None, start, end: self.out.len() });
    }

    fn argument(&mut self, argument: &Field) {
        let (value, alternative) = self.make(&argument.value, Some(argument.name), false);
        let start = self.out.len();
        let written =
            alternative.and_then(|by| self.write_value(&value, &by.from, argument, RecordKind::Call));
        if written.is_none() {
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
        }
        if let (true, Some(alternative)) = (self.is_traced(&value), alternative) {
            let written = self.out.get(start..).unwrap_or_default();
            let origin = FieldOrigin::Named { field: argument, alternative, at: value.at() };
            self.tracer.field(&self.call, origin, written, start);
        }
    }

    /// Whether a trace is told of a value that has just been written: of a record's values, and at any depth of those in
    /// the arguments of a call; there not of objects that are put together, because it is told of what is in them.
    #[inline]
    pub(super) fn is_traced(&self, value: &Value) -> bool {
        if !T::ON {
            return false;
        }
        match self.tracer.record() {
            Some(RecordKind::Call) => self.item.is_none() && !matches!(value, Value::Object),
            _ => self.depth == 1,
        }
    }

    /// Whether the object that is being written has a value with this key.
    #[cold]
    pub(super) fn is_written(&self, name: NameId) -> bool {
        self.scopes.get(self.depth.wrapping_sub(1)).is_some_and(|scope| scope.find(name).is_some())
    }

    /// Copies a value; text that is an ISO date becomes its moment.
    #[cold]
    pub(super) fn place_moment(
        &mut self,
        key: At,
        value: At,
        plan: u32,
        note: Option<WarningCode>,
        copying: Copying<'_>,
        most: usize,
    ) {
        self.place(key, value, plan, note, copying, |out, json, at| {
            let moment = match json.kind(at) {
                Kind::String => format::moment(&json.decoded(at)),
                _ => None,
            };
            match moment {
                Some(text) => write::push_text(out, &text, most),
                None => write::push_scalar(out, json, at, most),
            }
        });
    }
}
