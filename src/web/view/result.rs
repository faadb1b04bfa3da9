//! The result of a preview: what would be sent, where every field came from, and why.

use super::fate::FateView;
use super::record::{RecordView, WarningView, event_marks, records};
use super::why::WhyView;
use super::wire::WireView;
use super::{JsonView, Pill, Prose};
use crate::admin::Wire;
use crate::admin::event::RuleSource;
use crate::engine::Preview;
use crate::engine::record::RecordKind;
use crate::engine::trace::Trace;

/// One previewed event, ready to show.
#[derive(Debug, Clone)]
pub(in crate::web) struct ResultView {
    /// What every id begins with, so that several results stand on one page.
    pub(in crate::web) prefix: String,
    pub(in crate::web) outcome: Pill,
    /// What would become of it, a sentence or two.
    pub(in crate::web) sentence: Prose,
    /// The reason's code; empty when mapped.
    pub(in crate::web) code: String,
    /// The pack option that would change this, by name; empty where none would.
    pub(in crate::web) option: &'static str,
    /// How it differs from the event as received, a sentence; empty where nothing is compared.
    pub(in crate::web) change: String,
    /// The event, every key leading to what became of it.
    pub(in crate::web) event: JsonView,
    pub(in crate::web) warnings: Vec<WarningView>,
    pub(in crate::web) records: Vec<RecordView>,
    /// The upload; none without records that can be uploaded.
    pub(in crate::web) wire: Option<WireView>,
    pub(in crate::web) fates: Vec<FateView>,
    /// What scripts printed, each with its place.
    pub(in crate::web) prints: Vec<(String, String)>,
    pub(in crate::web) why: WhyView,
    pub(in crate::web) revision: String,
}

/// What a result is made of.
pub(in crate::web) struct Shown<'a> {
    /// The event as JSON.
    pub(in crate::web) event: &'a str,
    /// What would become of it.
    pub(in crate::web) preview: &'a Preview,
    /// The preview of the event as received, where this one is of an edited copy.
    pub(in crate::web) before: Option<&'a Preview>,
    /// Where records go.
    pub(in crate::web) wire: &'a Wire,
    /// The rules that took effect, as they are written.
    pub(in crate::web) sources: &'a [RuleSource],
    /// What every id is to begin with.
    pub(in crate::web) prefix: &'a str,
}

impl ResultView {
    /// Shows a preview.
    pub(in crate::web) fn new(shown: Shown<'_>) -> Self {
        let Shown { event, preview, before, wire, sources, prefix } = shown;
        let nothing = Trace::default();
        let trace = preview.trace.as_ref().unwrap_or(&nothing);
        let count = preview.records.len();
        let code = preview.reason.as_ref().map(|reason| reason.code.to_string()).unwrap_or_default();
        let why = WhyView::new(trace, preview.outcome, sources, prefix);
        let lines = why.rules.iter().flat_map(|rule| &rule.source).map(|(id, ..)| id.clone()).collect();
        let warnings = WarningView::all(preview, prefix);
        let records = records(preview, before, &warnings, &lines, prefix);
        let fates = FateView::all(event, preview, &records, &warnings, prefix);
        let lost = fates.iter().filter(|fate| fate.is_lost());
        let lost: Vec<_> = lost.map(|fate| (fate.path.clone(), fate.id.clone())).collect();
        let marks = event_marks(&records, &warnings, &lost, prefix);
        Self {
            prefix: prefix.to_owned(),
            outcome: outcome(preview.outcome),
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
            event: JsonView::event(event, &marks),
            warnings,
            records,
            wire: WireView::new(preview, wire).filter(|_| !makes_calls(trace)),
            fates,
            prints: trace.prints.iter().map(|print| (print.place.clone(), print.text.clone())).collect(),
            why,
            revision: preview.revision.clone(),
        }
    }
}

/// How a preview ends, as a pill.
pub(super) fn outcome(outcome: &str) -> Pill {
    let (class, label) = match outcome {
        "mapped" => ("delivered", "Mapped"),
        "filtered" => ("filtered", "Filtered at destination"),
        _ => ("failed", "Failed"),
    };
    Pill { class, label }
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
