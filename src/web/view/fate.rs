//! The difference between an event and its records, and between then and now, ready to show.

use super::json::path_id;
use super::record::{RecordView, WarningView};
use super::{Pill, Prose};
use crate::admin::event::{Fate, FateKind, Past, PastDifference, fates};
use crate::engine::Preview;

/// Longest value shown in a row, in characters; the event itself stands beside it.
const LONGEST: usize = 60;

/// What became of one part of the event.
#[derive(Debug, Clone)]
pub(in crate::web) struct FateView {
    /// Of its row.
    pub(in crate::web) id: String,
    pub(in crate::web) path: String,
    /// The id of the part in the event.
    pub(in crate::web) at: String,
    pub(in crate::web) value: String,
    pub(in crate::web) class: &'static str,
    /// In a word or two.
    pub(in crate::web) word: &'static str,
    /// The fields it is in, each with its id and, where it has another form, its value.
    pub(in crate::web) uses: Vec<(String, String, String)>,
    /// Why it is in none.
    pub(in crate::web) reason: Option<Prose>,
    /// The warnings about it.
    pub(in crate::web) warnings: Vec<WarningView>,
    /// The ids of everything that belongs together with it.
    pub(in crate::web) lights: String,
}

/// What was sent then, beside what would be sent now.
#[derive(Debug, Clone)]
pub(in crate::web) struct PastView {
    pub(in crate::web) revision: String,
    /// Whether those rules are kept.
    pub(in crate::web) is_kept: bool,
    /// How it ended by them.
    pub(in crate::web) outcome: Pill,
    pub(in crate::web) records: Vec<String>,
    pub(in crate::web) differences: Vec<PastDifference>,
}

impl FateView {
    /// What became of every part of `event`.
    pub(in crate::web) fn all(
        event: &str,
        preview: &Preview,
        records: &[RecordView],
        warnings: &[WarningView],
        prefix: &str,
    ) -> Vec<Self> {
        let fates = fates(event, preview).into_iter().enumerate();
        fates.map(|(index, fate)| Self::new(index, fate, records, warnings, prefix)).collect()
    }

    fn new(index: usize, fate: Fate, records: &[RecordView], warnings: &[WarningView], prefix: &str) -> Self {
        let (class, word) = match fate.kind {
            FateKind::Kept => ("kept", "kept"),
            FateKind::Renamed => ("renamed", "renamed"),
            FateKind::Changed => ("changed", "changed form"),
            FateKind::Dropped => ("dropped", "left out"),
            FateKind::Unused => ("unused", "in no record"),
        };
        let (id, at) = (format!("{prefix}fate-{index}"), format!("{prefix}{}", path_id(&fate.path)));
        let mut lights = vec![id.clone(), at.clone()];
        let mut uses = Vec::new();
        for one in &fate.uses {
            let fields = records.iter().filter(|record| record.number == one.record);
            let mut fields = fields.flat_map(|record| &record.fields);
            let of = |(path, _): &(String, String)| *path == fate.path;
            let field = fields.find(|field| field.target == one.field && field.from.iter().any(of));
            let changed = if one.value == fate.value { String::new() } else { short(&one.value) };
            uses.push((one.field.clone(), field.map(|field| field.id.clone()).unwrap_or_default(), changed));
            lights.extend(field.iter().flat_map(|field| field.lights.split(' ')).map(str::to_owned));
        }
        lights.sort_unstable();
        lights.dedup();
        Self {
            id,
            at,
            value: short(&fate.value),
            class,
            word,
            uses,
            reason: Some(&fate.reason)
                .filter(|reason| !reason.is_empty())
                .map(|reason| Prose::sentence(reason)),
            warnings: warnings.iter().filter(|warning| warning.path == fate.path).cloned().collect(),
            lights: lights.join(" "),
            path: fate.path,
        }
    }

    /// Whether a mark in the event leads here, because it is in no record.
    pub(in crate::web) fn is_lost(&self) -> bool {
        self.uses.is_empty()
    }
}

impl PastView {
    /// What `past` found.
    pub(in crate::web) fn new(past: Past) -> Self {
        let Past { revision, made } = past;
        let nothing = Pill { class: "filtered", label: "Not known any more" };
        let Some(made) = made else {
            return Self {
                revision,
                is_kept: false,
                outcome: nothing,
                records: Vec::new(),
                differences: Vec::new(),
            };
        };
        Self {
            revision,
            is_kept: true,
            outcome: super::result::outcome(made.preview.outcome),
            records: made.preview.records.iter().map(|record| record.get().to_owned()).collect(),
            differences: made.differences,
        }
    }
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()),
        None => value.to_owned(),
    }
}
