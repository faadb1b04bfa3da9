//! Scripts on their way through an event: a value made, a record changed.

use super::compile::Script;
use super::draft::{self, Draft};
use super::runner::Hand;
use super::written::Written;
use crate::engine::evaluate::Run;
use crate::engine::event::text::{cut_chars, push_escaped};
use crate::engine::event::{At, Json, OwnedJson};
use crate::engine::record::{RecordKind, limit};
use crate::engine::rules::Limits;
use crate::engine::rules::record::RecordTemplate;
use crate::engine::trace::Tracer;
use crate::engine::value::Value;
use crate::engine::warning::{Note, WarningCode};
use crate::engine::write;

impl<T: Tracer> Run<'_, '_, T> {
    /// The value that a script makes; nothing where it ended the event.
    #[cold]
    pub(in crate::engine) fn script_value(&mut self, script: &Script) -> Value {
        if self.refusal.is_some() {
            return Value::Missing;
        }
        let Some(runner) = self.scripts.as_deref_mut() else { return Value::Missing };
        let hand = self.item.map_or(Hand::Event, Hand::Item);
        let made = runner.value(script, self.call.json, &hand, self.context.stopwatch, T::ON);
        self.hear(script);
        match made {
            Ok(Written::Nothing) => Value::Missing,
            Ok(Written::Text(text)) => Value::Text(text, At::ROOT),
            Ok(Written::Json(json)) => Value::Json(json, At::ROOT),
            Err(outcome) => {
                self.refusal = Some(outcome);
                Value::Missing
            }
        }
    }

    /// Lets a rule's script change the record that begins at `start` in the buffer. Says whether the record stays.
    #[cold]
    pub(in crate::engine) fn script_record(
        &mut self,
        script: &Script,
        template: &RecordTemplate,
        start: usize,
    ) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        let Some(runner) = self.scripts.as_deref_mut() else { return true };
        let raw = std::str::from_utf8(self.out.get(start..).unwrap_or_default()).unwrap_or_default();
        let hand = Hand::Record(template.kind, raw);
        let made = runner.run(script, self.call.json, &hand, self.context.stopwatch, T::ON);
        let state = runner.state.clone();
        self.hear(script);
        if let Err(outcome) = made {
            self.refusal = Some(outcome);
            return false;
        }
        let mut draft = draft::lock(&state.draft);
        if draft.dropped {
            return false;
        }
        if !draft.is_untouched()
            && let Some(record) = draft.record()
        {
            self.out.truncate(start);
            self.rewrite(&record, &draft, template, script);
        }
        true
    }

    /// Passes what was printed on to the trace.
    fn hear(&mut self, script: &Script) {
        if T::ON
            && let Some(runner) = self.scripts.as_deref()
        {
            for text in runner.state.take_prints() {
                self.tracer.printed(&script.location.whole(), text);
            }
        }
    }

    /// Writes a record anew with the wishes of a script.
    fn rewrite(&mut self, record: &OwnedJson, draft: &Draft, template: &RecordTemplate, script: &Script) {
        let json = record.json();
        let mut ts = draft.ts.as_ref();
        self.out.push(b'{');
        for (key, value) in json.members(At::ROOT) {
            let name = json.content(key);
            let is_data = name == template.kind.data_key();
            if is_data && template.kind == RecordKind::Profile || name == "ts" {
                let is_given = ts.is_some();
                self.given_ts(ts.take());
                if name == "ts" && (is_given || draft.ts.is_some()) {
                    continue;
                }
            }
            self.out.extend_from_slice(json.raw(key).as_bytes());
            self.out.push(b':');
            match (&draft.name, name) {
                (Some(Written::Text(text)), "evtName") => self.given_name(text, template),
                _ if is_data => self.rewrite_data(json, value, draft, template, script),
                _ => self.out.extend_from_slice(json.raw(value).as_bytes()),
            }
            self.out.push(b',');
        }
        self.given_ts(ts.take());
        if let Some(last) = self.out.last_mut() {
            *last = b'}';
        }
    }

    fn given_ts(&mut self, ts: Option<&Written>) {
        if let Some(Written::Json(ts)) = ts {
            self.out.extend_from_slice(b"\"ts\":");
            self.out.extend_from_slice(ts.as_bytes());
            self.out.push(b',');
        }
    }

    fn given_name(&mut self, name: &str, template: &RecordTemplate) {
        let cut = cut_chars(name, template.limits.most(limit::EVENT_NAME_CHARS));
        if cut.len() < name.len() {
            self.note(Note { code: WarningCode::EventNameCut, at: At::ROOT, target: None });
        }
        write::push_text(self.out, cut, usize::MAX);
    }

    fn rewrite_data(
        &mut self,
        json: Json<'_>,
        data: At,
        draft: &Draft,
        template: &RecordTemplate,
        script: &Script,
    ) {
        let wish = |key: &str| draft.data.iter().find(|(name, ..)| name == key);
        let (start, mut count) = (self.out.len(), 0);
        self.out.push(b'{');
        for (key, value) in json.members(data) {
            let name = json.decoded(key);
            match wish(&name) {
                None => {
                    self.out.extend_from_slice(json.raw(key).as_bytes());
                    self.out.push(b':');
                    self.out.extend_from_slice(json.raw(value).as_bytes());
                    self.out.push(b',');
                }
                Some((_, _, Written::Nothing)) => {
                    if T::ON {
                        self.tracer.overridden(&name, None, &script.location.whole());
                    }
                    continue;
                }
                Some((_, _, written)) => self.put(&name, written, template, script),
            }
            count += 1;
        }
        for (key, _, written) in &draft.data {
            if *written == Written::Nothing || json.get(data, key).is_some() {
                continue;
            }
            if count >= template.max_fields {
                let target = Some(self.keys.name(key));
                self.note(Note { code: WarningCode::PropertyLimit, at: At::ROOT, target });
                continue;
            }
            self.put(key, written, template, script);
            count += 1;
        }
        let empty = self.out.len() == start + 1;
        match self.out.last_mut() {
            Some(last) if !empty => *last = b'}',
            _ => self.out.push(b'}'),
        }
    }

    /// Writes one field with a comma behind it, cut to what CleverTap takes.
    fn put(&mut self, key: &str, written: &Written, template: &RecordTemplate, script: &Script) {
        let cut = match template.limits {
            Limits::Cut => limit::cut_key(template.kind, key),
            Limits::Pass => key,
        };
        let target = Some(self.keys.name(cut));
        if cut.len() < key.len() {
            self.note(Note { code: WarningCode::KeyCut, at: At::ROOT, target });
        }
        self.out.push(b'"');
        push_escaped(self.out, cut);
        self.out.extend_from_slice(b"\":");
        let start = self.out.len();
        match written {
            Written::Text(text) => {
                if write::push_text(self.out, text, template.limits.most(limit::VALUE_BYTES)) {
                    self.note(Note { code: WarningCode::ValueCut, at: At::ROOT, target });
                }
            }
            Written::Json(json) => self.out.extend_from_slice(json.as_bytes()),
            Written::Nothing => self.out.extend_from_slice(b"null"),
        }
        if T::ON {
            let value = self.out.get(start..).unwrap_or_default();
            self.tracer.overridden(cut, Some(value), &script.location.whole());
        }
        self.out.push(b',');
    }
}
