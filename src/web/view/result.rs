//! The result of a preview: what would be sent, where every field came from, and why.

use super::why::WhyView;
use super::{JsonView, Pill, Prose, path_id};
use crate::engine::Preview;
use crate::engine::record::RecordKind;
use crate::engine::trace::{RecordTrace, Trace};

/// One previewed event, ready to show.
#[derive(Debug, Clone)]
pub(in crate::web) struct ResultView {
    pub(in crate::web) outcome: Pill,
    /// What would become of it, a sentence or two.
    pub(in crate::web) sentence: Prose,
    /// The reason's code; empty when mapped.
    pub(in crate::web) code: String,
    /// The pack option that would change this, by name; empty where none would.
    pub(in crate::web) option: &'static str,
    /// How it differs from the event as received, a sentence; empty where nothing is compared.
    pub(in crate::web) change: String,
    pub(in crate::web) warnings: Vec<WarningView>,
    pub(in crate::web) records: Vec<RecordView>,
    /// The upload as a command; empty without records that can be uploaded.
    pub(in crate::web) curl: String,
    pub(in crate::web) dropped: Vec<(String, Prose)>,
    /// What scripts printed, each with its place.
    pub(in crate::web) prints: Vec<(String, String)>,
    pub(in crate::web) why: WhyView,
    pub(in crate::web) revision: String,
}

/// One warning.
#[derive(Debug, Clone)]
pub(in crate::web) struct WarningView {
    pub(in crate::web) code: String,
    pub(in crate::web) sentence: Prose,
    pub(in crate::web) path: String,
    pub(in crate::web) id: String,
}

/// One record.
#[derive(Debug, Clone)]
pub(in crate::web) struct RecordView {
    pub(in crate::web) number: usize,
    /// `profile`, `event`, `token` or `call`.
    pub(in crate::web) kind: &'static str,
    pub(in crate::web) json: JsonView,
    pub(in crate::web) fields: Vec<FieldView>,
}

/// One field of a record's data and where it came from.
#[derive(Debug, Clone)]
pub(in crate::web) struct FieldView {
    pub(in crate::web) target: String,
    pub(in crate::web) value: String,
    /// Paths in the event with their ids; empty for a constant.
    pub(in crate::web) from: Vec<(String, String)>,
    pub(in crate::web) rule: String,
    pub(in crate::web) place: String,
    /// What was done to it.
    pub(in crate::web) how: String,
    /// How it differs from the event as received; empty where it does not.
    pub(in crate::web) change: String,
}

impl ResultView {
    /// Shows `preview`; `before` is the preview of the event as received, where this one is of an edited copy.
    pub(in crate::web) fn new(preview: &Preview, before: Option<&Preview>) -> Self {
        let mapped = preview.outcome == "mapped";
        let nothing = Trace::default();
        let trace = preview.trace.as_ref().unwrap_or(&nothing);
        let count = preview.records.len();
        let (class, label) = match preview.outcome {
            "mapped" => ("delivered", "Mapped"),
            "filtered" => ("filtered", "Filtered at destination"),
            _ => ("failed", "Failed"),
        };
        let code = preview.reason.as_ref().map(|reason| reason.code.to_string()).unwrap_or_default();
        Self {
            outcome: Pill { class, label },
            sentence: match &preview.reason {
                Some(reason) => Prose::sentence(&reason.message),
                None if makes_calls(trace) => Prose::new(
                    "The device would make the SDK calls below. They are shown only: nothing of them can be sent from here.",
                ),
                None if count == 1 => Prose::new("One record would be sent."),
                None => Prose::new(&format!("{count} records would be sent, in one upload.")),
            },
            option: match code.as_str() {
                "missing_user_id" | "missing_anonymous_id" => "require_both_ids",
                _ => "",
            },
            code,
            change: before.map(|before| change(preview, before)).unwrap_or_default(),
            warnings: preview.warnings.iter().map(warning).collect(),
            records: records(preview, trace, before),
            curl: if makes_calls(trace) { String::new() } else { curl(preview) },
            dropped: trace
                .dropped
                .iter()
                .map(|drop| (drop.path.clone(), Prose::sentence(&drop.reason)))
                .collect(),
            prints: trace.prints.iter().map(|print| (print.place.clone(), print.text.clone())).collect(),
            why: WhyView::new(trace, mapped),
            revision: preview.revision.clone(),
        }
    }
}

fn makes_calls(trace: &Trace) -> bool {
    trace.records.iter().any(|record| record.kind == RecordKind::Call)
}

fn change(now: &Preview, before: &Preview) -> String {
    let bytes =
        |preview: &Preview| preview.records.iter().map(|record| record.get().to_owned()).collect::<Vec<_>>();
    let code = |preview: &Preview| preview.reason.as_ref().map(|reason| reason.code.clone());
    let same = now.outcome == before.outcome && code(now) == code(before) && bytes(now) == bytes(before);
    match same {
        true => "The result is the same as for the event as received.".to_owned(),
        false => "The result differs from that of the event as received.".to_owned(),
    }
}

fn warning(warning: &crate::engine::warning::Warning) -> WarningView {
    WarningView {
        code: warning.code.to_string(),
        sentence: Prose::sentence(&warning.message),
        path: warning.path.clone(),
        id: path_id(&warning.path),
    }
}

fn records(preview: &Preview, trace: &Trace, before: Option<&Preview>) -> Vec<RecordView> {
    let earlier =
        before.map(|before| before.trace.as_ref().map_or(&[][..], |trace| trace.records.as_slice()));
    let record = |(index, json): (usize, &serde_json::value::RawValue)| {
        let traced = trace.records.get(index);
        RecordView {
            number: index + 1,
            kind: traced.map_or("", |traced| traced.kind.as_str()),
            json: JsonView::exact(json.get()),
            fields: traced
                .map(|traced| fields(traced, earlier.map(|all| all.get(index))))
                .unwrap_or_default(),
        }
    };
    preview.records.iter().map(AsRef::as_ref).enumerate().map(record).collect()
}

/// `earlier` is the same record of the event as received: none when nothing is compared, some of none when there was none.
fn fields(record: &RecordTrace, earlier: Option<Option<&RecordTrace>>) -> Vec<FieldView> {
    let field = |field: &crate::engine::trace::FieldTrace| {
        let value = field.value.get();
        let was = earlier.map(|earlier| {
            let same = |old: &&crate::engine::trace::FieldTrace| old.target == field.target;
            earlier.and_then(|earlier| earlier.fields.iter().find(same)).map(|old| old.value.get())
        });
        FieldView {
            target: field.target.clone(),
            value: value.to_owned(),
            from: field
                .from
                .split(", ")
                .filter(|path| !path.is_empty())
                .map(|p| (p.to_owned(), path_id(p)))
                .collect(),
            rule: field.rule.clone(),
            place: field.place.clone(),
            how: field.transforms.join(", "),
            change: match was {
                Some(None) => "new".to_owned(),
                Some(Some(old)) if old != value => format!("was {old}"),
                _ => String::new(),
            },
        }
    };
    record.fields.iter().map(field).collect()
}

/// The upload as a shell command, with variables in the place of secrets and `dryRun=1`, so that pasting it sends nothing.
fn curl(preview: &Preview) -> String {
    if preview.records.is_empty() {
        return String::new();
    }
    let records: Vec<&str> = preview.records.iter().map(|record| record.get()).collect();
    let body = format!("{{\"d\":[{}]}}", records.join(",")).replace('\'', r"'\''");
    format!(
        "curl \"$CLEVERTAP_URL/1/upload?dryRun=1\" \\\n  -H \"X-CleverTap-Account-Id: $CLEVERTAP_ACCOUNT_ID\" \\\n  \
         -H \"X-CleverTap-Passcode: $CLEVERTAP_PASSCODE\" \\\n  -H 'Content-Type: application/json; charset=utf-8' \\\n  \
         --data-binary '{body}'"
    )
}
