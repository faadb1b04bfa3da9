//! A comparison: how far it has got, what changes, the events that change with both traces, and taking the candidate away.

use super::outcome::{CountView, FileView, GroupView, counts};
use crate::admin::diff::{DiffJob, DiffState, SetSource, WriteOutcome};
use crate::journal::Seq;
use crate::web::error::PageError;
use crate::web::response::{html, html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, Prose, ResultView, Shown};
use crate::web::visit::{Answer, Visit};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_DISPOSITION;
use askama::Template;
use std::sync::Arc;
use std::time::Duration;

/// Groups on a page.
const GROUPS: usize = 50;
/// Events of a group that stand on the page of all groups.
const EVENTS: usize = 5;
/// A cancellation is waited for so long.
const PATIENCE: Duration = Duration::from_millis(1500);

#[derive(Template)]
#[template(path = "page/rules_comparison.html")]
struct ComparisonPage {
    shell: Shell,
    id: u64,
    before: String,
    after: String,
    about: String,
    created: Moment,
    created_by: String,
    state: &'static str,
    is_over: bool,
    percent: u8,
    compared: u64,
    failure: Option<Prose>,
    counts: Vec<CountView>,
    rewritten: u64,
    groups: Vec<GroupView>,
    all_groups: usize,
    ungrouped: u64,
    /// Where the next page of groups begins.
    next: Option<usize>,
    /// Whether one group alone is shown.
    is_single: bool,
    files: Vec<FileView>,
    is_candidate: bool,
    may_write: bool,
    /// What came of writing.
    written: Option<(bool, Prose)>,
}

#[derive(Template)]
#[template(path = "page/rules_event.html")]
struct EventPage {
    shell: Shell,
    id: u64,
    event_id: String,
    names: (String, String),
    before: ResultView,
    after: ResultView,
}

/// `GET /rules/candidate/{id}`; `?group=N` shows one group, `?from=N` those from there on.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let job = job(&visit)?;
    html(&page(&visit, &job, None).await?)
}

/// `POST /rules/candidate/{id}/cancel`.
pub(in crate::web) async fn cancel(visit: Visit) -> Answer {
    let job = job(&visit)?;
    job.cancel();
    visit.admin.await_diff(&job, PATIENCE).await;
    Ok(see_other(&format!("/rules/candidate/{}", job.id)))
}

/// `GET /rules/candidate/{id}/rules.patch`.
pub(in crate::web) async fn patch(visit: Visit) -> Answer {
    let (_, patch) = visit.admin.candidate_changes(&*job(&visit)?).await?;
    Ok(file("text/x-diff; charset=utf-8", "rules.patch", patch))
}

/// `GET /rules/candidate/{id}/report.json`.
pub(in crate::web) async fn report(visit: Visit) -> Answer {
    let job = job(&visit)?;
    let report = job.state().report().cloned().ok_or(PageError::NotFound)?;
    let text = serde_json::to_string_pretty(&*report).map_err(|_| PageError::NotFound)?;
    Ok(file("application/json", "comparison.json", text))
}

/// `GET /rules/candidate/{id}/events/{event}`.
pub(in crate::web) async fn event(visit: Visit) -> Answer {
    let job = job(&visit)?;
    let seq = Seq::parse(visit.part("event")).ok_or(PageError::NotFound)?;
    let found = visit.admin.diffed_event(&job, seq).await?.ok_or(PageError::NotFound)?;
    let wire = visit.admin.wire();
    let result = |preview, before, prefix| {
        ResultView::new(Shown { event: &found.event, preview, before, wire: &wire, sources: &[], prefix })
    };
    let mut after = result(&found.after, Some(&found.before), "after-");
    // It compares with the other rules here, and not with the event as received.
    after.change = String::new();
    html(&EventPage {
        shell: Shell::of(&visit, Nav::Rules),
        id: job.id,
        event_id: seq.to_string(),
        names: (job.order.before.name(), job.order.after.name()),
        before: result(&found.before, None, "before-"),
        after,
    })
}

/// `POST /rules/candidate/{id}/write`.
pub(in crate::web) async fn write(visit: Visit) -> Answer {
    let job = job(&visit)?;
    let (is_good, words) = match visit.admin.write_candidate(&job).await? {
        WriteOutcome::Written(1) => {
            (true, Prose::new("One file is written. It comes into force within a second."))
        }
        WriteOutcome::Written(files) => {
            (true, Prose::new(&format!("{files} files are written. They come into force within a second.")))
        }
        WriteOutcome::NotAllowed => (
            false,
            Prose::new(
                "Nothing was written: the process was not started with `--allow-write-rules`. Take the patch.",
            ),
        ),
        WriteOutcome::NothingToWrite => (false, Prose::new("Nothing was written: no file is edited here.")),
        WriteOutcome::NotFit(why) => (false, Prose::new(&format!("Nothing was written: {why}."))),
        WriteOutcome::Refused(error) => (false, Prose::new(&format!("Not written: {error}."))),
    };
    let status = if is_good { StatusCode::OK } else { StatusCode::CONFLICT };
    html_with(status, &page(&visit, &job, Some((is_good, words))).await?)
}

fn job(visit: &Visit) -> Result<Arc<DiffJob>, PageError> {
    let id = visit.part("id").parse().map_err(|_| PageError::NotFound)?;
    visit.admin.diff_job(id).ok_or(PageError::NotFound)
}

fn file(kind: &str, name: &str, text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(text)
}

async fn page(
    visit: &Visit,
    job: &Arc<DiffJob>,
    written: Option<(bool, Prose)>,
) -> Result<ComparisonPage, PageError> {
    let (state, query) = (job.state(), visit.query());
    let number = |name: &str| query.get(name).parse::<usize>().ok();
    let report = state.report();
    let single = number("group").filter(|_| report.is_some());
    let from = single.map_or(number("from").unwrap_or_default(), |group| group.saturating_sub(1));
    let (most, events) = if single.is_some() { (1, usize::MAX) } else { (GROUPS, EVENTS) };
    let groups = report.map(|report| report.groups.as_slice()).unwrap_or_default();
    let shown = groups.iter().enumerate().skip(from).take(most);
    let (changes, _) = match state.is_over() && single.is_none() {
        true => visit.admin.candidate_changes(job).await?,
        false => Default::default(),
    };
    Ok(ComparisonPage {
        shell: Shell::of(visit, Nav::Rules),
        id: job.id,
        before: job.order.before.name(),
        after: job.order.after.name(),
        about: about(job),
        created: Moment::new(job.created_at, visit.admin.now()),
        created_by: job.created_by.clone(),
        state: state.name(),
        is_over: state.is_over(),
        // Between 0 and 100, so nothing is cut off.
        percent: (job.progress() * 100.0) as u8,
        compared: job.compared(),
        failure: match &state {
            DiffState::Failed(why) => Some(Prose::sentence(why)),
            _ => None,
        },
        counts: report.map(|report| counts(&report.counts)).unwrap_or_default(),
        rewritten: report.map_or(0, |report| report.counts.rewritten),
        groups: shown.map(|(at, group)| GroupView::new(at + 1, group, events)).collect(),
        all_groups: groups.len(),
        ungrouped: report.map_or(0, |report| report.ungrouped),
        next: Some(from + GROUPS).filter(|next| single.is_none() && *next < groups.len()),
        is_single: single.is_some(),
        files: changes.into_iter().map(FileView::from).collect(),
        is_candidate: matches!(job.order.after, SetSource::Edited(_)),
        may_write: visit.admin.may_write_rules(),
        written,
    })
}

/// Which events it is about, in words.
fn about(job: &DiffJob) -> String {
    let filter = &job.order.filter;
    let mut words = vec![format!("the newest {} events", job.order.last)];
    words.extend(filter.kind.as_ref().map(|kind| format!("of type {kind}")));
    words.extend(filter.event.as_ref().map(|event| format!("called “{event}”")));
    words.extend(filter.state.map(|state| format!("that stand as {}", state.label().to_lowercase())));
    words.join(" ")
}
