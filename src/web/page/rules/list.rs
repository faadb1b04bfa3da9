//! The rules in force, in the order they are asked.

use super::problem::ProblemView;
use super::{moment, row_id, source_address};
use crate::admin::rules::{RuleList, RuleRow};
use crate::clock::Millis;
use crate::engine::listing::ActionNote;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, Prose};
use crate::web::visit::{Answer, Visit};
use askama::Template;

#[derive(Template)]
#[template(path = "page/rules.html")]
struct RulesPage {
    shell: Shell,
    pack: String,
    revision: String,
    since: Option<Moment>,
    /// The last time rules were read, and whether they could be used.
    last_read: Option<(Moment, bool)>,
    events: u64,
    options: Vec<(String, String)>,
    /// Each with its address and whether it is only inside the program.
    files: Vec<(String, String, bool)>,
    rows: Vec<RowView>,
    /// Why the newest set is not in force.
    refused: Option<Prose>,
    problems: Vec<ProblemView>,
    /// What is odd and about no rule that is listed.
    others: Vec<ProblemView>,
}

/// A rule, ready to show.
struct RowView {
    number: usize,
    id: String,
    row_id: String,
    is_local: bool,
    is_extra: bool,
    has_script: bool,
    when: Vec<Prose>,
    /// `emit`, `filter` or `fail`.
    action: &'static str,
    then: Prose,
    requires: Vec<Prose>,
    hits: u64,
    errors: u64,
    first: Option<Moment>,
    last: Option<Moment>,
    earlier: u64,
    earlier_last: Option<Moment>,
    place: String,
    source: String,
    is_shadowed: bool,
    /// Whether events came and none of them met it.
    is_idle: bool,
    lints: Vec<ProblemView>,
}

/// `GET /rules`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let list = visit.admin.rule_list().await?;
    let now = visit.admin.now();
    let RuleList { plan, problem, since, last_read, events, rows, lints, files, embedded } = list;
    let placed: Vec<_> = rows.iter().flat_map(|row| &row.lints).cloned().collect();
    let others: Vec<_> = lints.iter().filter(|lint| !placed.contains(lint)).cloned().collect();
    let option = |option: &crate::engine::plan::PackOption| (option.name.clone(), option.value.to_string());
    html(&RulesPage {
        shell: Shell::of(&visit, Nav::Rules),
        pack: plan.pack().to_owned(),
        revision: plan.revision().to_owned(),
        since: moment(since, now),
        last_read: last_read.map(|read| (Moment::new(read.at, now), read.good && problem.is_none())),
        events,
        options: plan.options().iter().map(option).collect(),
        files: files
            .into_iter()
            .map(|file| (source_address(&file), embedded.contains(&file), file))
            .map(|(address, is_embedded, file)| (file, address, is_embedded))
            .collect(),
        rows: rows.into_iter().enumerate().map(|(at, row)| RowView::new(at + 1, row, events, now)).collect(),
        refused: problem.as_ref().map(|problem| Prose::sentence(&problem.message)),
        problems: problem
            .map(|problem| ProblemView::all(&problem.problems, "?set=newest"))
            .unwrap_or_default(),
        others: ProblemView::all(&others, ""),
    })
}

impl RowView {
    fn new(number: usize, row: RuleRow, events: u64, now: Millis) -> Self {
        let RuleRow { note, is_local, hits, before, lints } = row;
        let reason = |code: &str, message: &str| Prose::new(&format!("`{code}`: {message}"));
        let require = |(condition, code): &(String, String)| {
            Prose::new(&format!("{condition}, else it fails with `{code}`"))
        };
        Self {
            number,
            row_id: row_id(&note.id, number),
            is_local,
            is_extra: note.is_extra,
            has_script: note.has_script,
            when: note.when.iter().map(|line| Prose::new(line)).collect(),
            action: note.action.name(),
            then: match &note.action {
                ActionNote::Emit(records) if records.is_empty() => Prose::new("no record"),
                ActionNote::Emit(records) => Prose::new(&records.join("; ")),
                ActionNote::Filter { code, message } | ActionNote::Fail { code, message } => {
                    reason(code, message)
                }
            },
            requires: note.requires.iter().map(require).collect(),
            hits: hits.hits,
            errors: hits.errors,
            first: moment(hits.first, now),
            last: moment(hits.last, now),
            earlier: before.hits,
            earlier_last: moment(before.last, now),
            place: format!("{}:{}", note.place.file, note.place.line),
            source: format!("{}#L{}", source_address(&note.place.file), note.place.line),
            is_shadowed: lints.iter().any(|lint| lint.code == "R601"),
            is_idle: hits.hits == 0 && events > 0,
            lints: ProblemView::all(&lints, ""),
            id: note.id,
        }
    }
}
