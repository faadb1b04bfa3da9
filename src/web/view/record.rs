//! Records as they go on the wire, every field with where it came from.

use super::json::{Mark, Marks, slug};
use super::why::line_id;
use super::{JsonView, Prose, path_id};
use crate::admin::event::place_of;
use crate::engine::Preview;
use crate::engine::event::path::push_segment;
use crate::engine::record::RecordKind;
use crate::engine::trace::{FieldTrace, RecordTrace, Trace};
use crate::engine::warning::Warning;
use std::collections::{BTreeSet, HashMap, HashSet};

/// One record.
#[derive(Debug, Clone)]
pub(in crate::web) struct RecordView {
    pub(in crate::web) number: usize,
    /// `profile`, `event`, `token` or `call`.
    pub(in crate::web) kind: &'static str,
    pub(in crate::web) json: JsonView,
    pub(in crate::web) fields: Vec<FieldView>,
}

/// One field of a record and where it came from.
#[derive(Debug, Clone)]
pub(in crate::web) struct FieldView {
    /// Of its row in the table.
    pub(in crate::web) id: String,
    pub(in crate::web) target: String,
    pub(in crate::web) value: String,
    /// Paths in the event with their ids; empty for a constant.
    pub(in crate::web) from: Vec<(String, String)>,
    pub(in crate::web) rule: String,
    /// The id of the rule among the judged ones.
    pub(in crate::web) rule_id: String,
    pub(in crate::web) place: String,
    /// The id of that line, where it is shown; empty where it is not.
    pub(in crate::web) line: String,
    /// What was done to it.
    pub(in crate::web) how: String,
    /// How it differs from the event as received; empty where it does not.
    pub(in crate::web) change: String,
    /// The warnings about it.
    pub(in crate::web) warnings: Vec<WarningView>,
    /// The ids of everything that belongs together with it.
    pub(in crate::web) lights: String,
    /// Of its member in the shown record.
    member: String,
}

/// One warning.
#[derive(Debug, Clone)]
pub(in crate::web) struct WarningView {
    /// Of its line.
    pub(in crate::web) id: String,
    pub(in crate::web) code: String,
    pub(in crate::web) sentence: Prose,
    pub(in crate::web) path: String,
    /// The id of what it is about in the event.
    pub(in crate::web) about: String,
}

impl WarningView {
    /// Those of a preview, in order.
    pub(in crate::web) fn all(preview: &Preview, prefix: &str) -> Vec<Self> {
        let view = |(index, warning): (usize, &Warning)| Self {
            id: format!("{prefix}warning-{}", index + 1),
            code: warning.code.to_string(),
            sentence: Prose::sentence(&warning.message),
            path: warning.path.clone(),
            about: format!("{prefix}{}", path_id(&warning.path)),
        };
        preview.warnings.iter().enumerate().map(view).collect()
    }

    /// Whether it is about what stands at `path`, or inside of it.
    fn is_about(&self, path: &str) -> bool {
        let inside = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        !path.is_empty() && self.path.strip_prefix(path).is_some_and(inside)
    }
}

/// The records of a preview. `before` is the preview of the event as received, where this one is of an edited copy.
pub(in crate::web) fn records(
    preview: &Preview,
    before: Option<&Preview>,
    warnings: &[WarningView],
    lines: &HashSet<String>,
    prefix: &str,
) -> Vec<RecordView> {
    let nothing = Trace::default();
    let trace = preview.trace.as_ref().unwrap_or(&nothing);
    let earlier =
        before.map(|before| before.trace.as_ref().map_or(&[][..], |trace| trace.records.as_slice()));
    let record = |(index, json): (usize, &serde_json::value::RawValue)| {
        let number = index + 1;
        let Some(traced) = trace.records.get(index) else {
            return RecordView { number, kind: "", json: JsonView::exact(json.get()), fields: Vec::new() };
        };
        let earlier = earlier.map(|all| all.get(index));
        let fields = fields(traced, earlier, warnings, lines, (number, prefix));
        let own = format!("{prefix}r{number}-");
        let by_path = fields.iter().map(|field| (field.path(traced.kind), field.mark())).collect();
        let json = JsonView::marked(json.get(), &Marks { prefix: own, by_path });
        RecordView { number, kind: traced.kind.as_str(), json, fields }
    };
    preview.records.iter().map(AsRef::as_ref).enumerate().map(record).collect()
}

/// `earlier` is the same record of the event as received: none when nothing is compared, some of none when there was none.
fn fields(
    record: &RecordTrace,
    earlier: Option<Option<&RecordTrace>>,
    warnings: &[WarningView],
    lines: &HashSet<String>,
    (number, prefix): (usize, &str),
) -> Vec<FieldView> {
    let all = |record: &RecordTrace| {
        let parts = record.envelope.iter().map(|field| (field.clone(), true));
        parts.chain(record.fields.iter().map(|field| (field.clone(), false))).collect::<Vec<_>>()
    };
    let view = |(index, (field, is_part)): (usize, (FieldTrace, bool))| {
        let value = field.value.get();
        let was = earlier.map(|earlier| {
            let olds = earlier.map(all).unwrap_or_default();
            let same = |(old, part): &(FieldTrace, bool)| old.target == field.target && *part == is_part;
            olds.into_iter().find(same).map(|(old, _)| old.value.get().to_owned())
        });
        let id = format!("{prefix}row{number}-{index}");
        let rule_id = format!("{prefix}rule-{}", slug(&field.rule));
        let from: Vec<(String, String)> =
            field.sources().map(|path| (path.to_owned(), format!("{prefix}{}", path_id(path)))).collect();
        let mut path = if is_part { String::new() } else { record.kind.data_key().to_owned() };
        push_segment(&mut path, &field.target);
        let member = format!("{prefix}r{number}-{}", path_id(&path));
        let line = place_of(&field.place).map(|(file, line)| line_id(prefix, file, line));
        let line = line.filter(|line| lines.contains(line)).unwrap_or_default();
        let mut lights = vec![id.clone(), member.clone(), rule_id.clone()];
        lights.extend(Some(line.clone()).filter(|line| !line.is_empty()));
        lights.extend(from.iter().map(|(_, id)| id.clone()));
        let about = |warning: &&WarningView| field.sources().any(|path| warning.is_about(path));
        FieldView {
            id,
            value: value.to_owned(),
            from,
            rule_id,
            line,
            how: field.transforms.join(", "),
            change: match was {
                Some(None) => "new".to_owned(),
                Some(Some(old)) if old != value => format!("was {old}"),
                _ => String::new(),
            },
            warnings: warnings.iter().filter(about).cloned().collect(),
            lights: lights.join(" "),
            member,
            target: field.target,
            rule: field.rule,
            place: field.place,
        }
    };
    all(record).into_iter().enumerate().map(view).collect()
}

impl FieldView {
    /// Its place in the record.
    fn path(&self, kind: RecordKind) -> String {
        let mut data = kind.data_key().to_owned();
        push_segment(&mut data, &self.target);
        let mut plain = String::new();
        push_segment(&mut plain, &self.target);
        if self.member.ends_with(&path_id(&data)) { data } else { plain }
    }

    fn mark(&self) -> Mark {
        let first = self.from.first().map(|(_, id)| id.clone());
        Mark {
            to: first.unwrap_or_else(|| self.id.clone()),
            told_by: self.id.clone(),
            lights: self.lights.clone(),
            is_warned: !self.warnings.is_empty(),
        }
    }
}

/// What the members of the event lead to: the first field each is in, else what tells why it is in none.
pub(in crate::web) fn event_marks(
    records: &[RecordView],
    warnings: &[WarningView],
    lost: &[(String, String)],
    prefix: &str,
) -> Marks {
    let mut uses: HashMap<&str, Vec<&FieldView>> = HashMap::new();
    for field in records.iter().flat_map(|record| &record.fields) {
        for (path, _) in &field.from {
            uses.entry(path).or_default().push(field);
        }
    }
    let mut by_path = HashMap::new();
    for (path, fields) in uses {
        let lights: BTreeSet<&str> = fields.iter().flat_map(|field| field.lights.split(' ')).collect();
        let told_by: Vec<&str> = fields.iter().map(|field| field.id.as_str()).collect();
        let mark = Mark {
            to: fields.first().map(|field| field.member.clone()).unwrap_or_default(),
            told_by: told_by.join(" "),
            lights: lights.into_iter().collect::<Vec<_>>().join(" "),
            is_warned: false,
        };
        by_path.insert(path.to_owned(), mark);
    }
    for (path, row) in lost {
        let lights = format!("{prefix}{} {row}", path_id(path));
        let mark = Mark { to: row.clone(), told_by: row.clone(), lights, is_warned: false };
        by_path.entry(path.clone()).or_insert(mark);
    }
    for warning in warnings.iter().filter(|warning| !warning.path.is_empty()) {
        let mark = by_path.entry(warning.path.clone()).or_insert_with(|| Mark {
            to: warning.id.clone(),
            lights: format!("{} {}", warning.about, warning.id),
            ..Mark::default()
        });
        mark.is_warned = true;
        mark.told_by = format!("{} {}", warning.id, mark.told_by).trim_end().to_owned();
    }
    Marks { prefix: prefix.to_owned(), by_path }
}
