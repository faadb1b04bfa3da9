//! `/v1/diffs`: what other rules would make of stored events. Sends nothing and stores nothing.

use super::call::Call;
use super::member::{Members, pointer};
use super::replays::selection;
use super::{Problem, RequestError, answer};
use crate::admin::diff::{
    DEFAULT_EVENTS, DiffJob, DiffOrder, DiffOutcome, DiffState, Edits, MOST_EVENTS, SetRefusal, SetSource,
    Side, WriteOutcome,
};
use crate::admin::event::Filter;
use crate::admin::resend::Selection;
use crate::clock::Millis;
use crate::engine::Preview;
use crate::engine::change::Report;
use crate::engine::hash::ContentHash;
use crate::journal::Seq;
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// The members of an order.
const KNOWN: [&str; 9] = ["before", "after", "pack", "options", "rules", "base", "last", "filter", "values"];
/// What a set may be called.
const SETS: &str = "`live`, `directory`, `built-in`, `git:REF` or a revision";
/// An answer waits so long for a small comparison, so that most callers need not ask again.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct DiffDoc<'a> {
    id: String,
    state: &'static str,
    /// From 0 to 1.
    progress: f64,
    /// Events compared so far.
    compared: u64,
    last: u64,
    before: String,
    after: String,
    created_at: String,
    created_by: &'a str,
    /// Why it could not go on.
    failure: Option<String>,
    /// Once it is over; of one that was cancelled what it found until then.
    report: Option<Arc<Report>>,
}

#[derive(Serialize)]
struct ListDoc<'a> {
    diffs: Vec<DiffDoc<'a>>,
}

#[derive(Serialize)]
struct EventDoc<'a> {
    event: &'a str,
    before: &'a Preview,
    after: &'a Preview,
}

#[derive(Serialize)]
struct WrittenDoc {
    written: usize,
    revision: String,
}

/// Handles `POST /v1/diffs`.
pub(super) async fn order(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let order = parse(&call.body)?;
    let files: Vec<String> = match &order.after {
        SetSource::Edited(edits) => edits.files.keys().cloned().collect(),
        _ => Vec::new(),
    };
    match call.admin.diff(order, &call.caller.name).await? {
        DiffOutcome::Taken(job) => {
            call.admin.await_diff(&job, PATIENCE).await;
            let doc = DiffDoc::of(&job, true);
            if job.state().is_over() { answer::json(&doc) } else { answer::accepted(&doc) }
        }
        DiffOutcome::Refused(side, refusal) => Err(refused(side, refusal, &files)),
        DiffOutcome::TooMany(most) => Err(Problem::Conflict(format!(
            "{most} comparisons are under way already; cancel some, or try again when they have ended"
        ))),
    }
}

/// Handles `GET /v1/diffs`.
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let jobs = call.admin.diff_jobs();
    answer::json(&ListDoc { diffs: jobs.iter().map(|job| DiffDoc::of(job, false)).collect() })
}

/// Handles `GET /v1/diffs/{id}`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    answer::json(&DiffDoc::of(&*job(&call)?, true))
}

/// Handles `POST /v1/diffs/{id}/cancel`. One that is over is answered as it is.
pub(super) async fn cancel(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let job = job(&call)?;
    job.cancel();
    call.admin.await_diff(&job, PATIENCE).await;
    answer::json(&DiffDoc::of(&job, true))
}

/// Handles `GET /v1/diffs/{id}/events/{event}`: both results of one event, with their traces.
pub(super) async fn event(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let seq = Seq::parse(call.segment("event")).ok_or(Problem::NotFound)?;
    let found = call.admin.diffed_event(&job(&call)?, seq).await?.ok_or(Problem::NotFound)?;
    answer::json(&EventDoc { event: &found.event, before: &found.before, after: &found.after })
}

/// Handles `GET /v1/diffs/{id}/patch`: what `git apply` takes, with paths below the rules directory.
pub(super) async fn patch(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let (_, patch) = call.admin.candidate_changes(&*job(&call)?).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/x-diff; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"rules.patch\""))
        .body(patch))
}

/// Handles `POST /v1/diffs/{id}/write`.
pub(super) async fn write(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let job = job(&call)?;
    match call.admin.write_candidate(&job).await? {
        WriteOutcome::Written(written) => {
            answer::json(&WrittenDoc { written, revision: job.revision().to_owned() })
        }
        WriteOutcome::NotAllowed => Err(Problem::Conflict(
            "the process may not write rules; start it with `--allow-write-rules`, or apply the patch"
                .to_owned(),
        )),
        WriteOutcome::NothingToWrite => {
            Err(Problem::Conflict("this comparison changes no file of the rules directory".to_owned()))
        }
        WriteOutcome::NotFit(why) => Err(Problem::Conflict(why)),
        WriteOutcome::Refused(error) => Err(Problem::Conflict(error.to_string())),
    }
}

fn job(call: &Call) -> Result<Arc<DiffJob>, Problem> {
    call.admin.diff_job(call.segment_as("id")?).ok_or(Problem::NotFound)
}

fn parse(body: &[u8]) -> Result<DiffOrder, Problem> {
    let mut members = Members::parse(body)?;
    let before: Option<String> = members.read("before", SETS);
    let after: Option<String> = members.read("after", SETS);
    let candidate = members.candidate();
    let base: Option<String> = members.read("base", "the hash that `GET /api/v1/rules` gives as `base`");
    let last: Option<u64> = members.read("last", "how many events");
    let filter = members.take("filter");
    let values = members.read("values", "`true` or `false`").unwrap_or_default();
    let mut wrong = |at: &str, detail: String| members.errors.push(RequestError::new(pointer(at), detail));
    let mut set = |at: &str, text: Option<String>| {
        let text = text?;
        let set = SetSource::parse(&text);
        if set.is_none() {
            wrong(at, format!("expected {SETS}, found `{text}`"));
        }
        set
    };
    let (before, named) = (set("before", before), set("after", after));
    let is_edited = candidate.pack.is_some() || !candidate.options.is_empty() || !candidate.files.is_empty();
    if named.is_some() && is_edited {
        wrong(
            "after",
            "expected either `after` or a candidate by `rules`, `pack` and `options`, found both".to_owned(),
        );
    }
    let base = base.and_then(|text| {
        let hash = ContentHash::parse(&text);
        if hash.is_none() {
            wrong("base", format!("expected 64 hexadecimal digits, found `{text}`"));
        }
        hash
    });
    if let Some(found) = last.filter(|last| !(1..=MOST_EVENTS).contains(last)) {
        wrong("last", format!("expected 1 to {MOST_EVENTS}, found {found}"));
    }
    let filter = filter.map(|raw| one_filter(raw, &mut members.errors)).unwrap_or_default();
    members.finish(&KNOWN)?;
    let edits = Edits { files: candidate.files, pack: candidate.pack, options: candidate.options, base };
    let after = match named {
        Some(set) => set,
        // Without anything said it is what will be read next.
        None if !is_edited => SetSource::Directory,
        None => SetSource::Edited(edits),
    };
    let last = last.unwrap_or(DEFAULT_EVENTS);
    Ok(DiffOrder { before: before.unwrap_or(SetSource::Live), after, last, filter, values })
}

/// As for jobs that send again, with one status.
fn one_filter(raw: &RawValue, errors: &mut Vec<RequestError>) -> Filter {
    let Some(Selection::Matching { states, filter }) = selection(raw, errors) else {
        return Filter::default();
    };
    if states.len() > 1 {
        errors.push(RequestError::new(
            "/filter/status",
            format!("expected one status, found {}", states.len()),
        ));
    }
    Filter { state: states.first().copied(), ..filter }
}

/// What is wrong with a set, each complaint pointing at the part of the request that it is about.
fn refused(side: Side, refusal: SetRefusal, files: &[String]) -> Problem {
    let at = if side == Side::Before { "/before" } else { "/after" };
    let problems = match refusal {
        SetRefusal::Unreadable(why) => return Problem::Invalid(vec![RequestError::new(at, why)]),
        SetRefusal::Unfit { problems, .. } => problems,
    };
    let error = |problem: crate::engine::report::Problem| {
        let file = problem.file.as_ref().filter(|file| files.contains(file));
        let place = match (&problem.file, problem.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            _ => String::new(),
        };
        RequestError {
            code: Some(problem.code.to_owned()),
            line: problem.line,
            column: problem.column,
            suggestion: problem.help.clone(),
            ..match file {
                Some(file) => RequestError::new(format!("/rules{}", pointer(file)), problem.message.clone()),
                // A file that is not in the request has to be named by the words.
                None => RequestError::new(at, format!("{place}{}", problem.message)),
            }
        }
    };
    Problem::Invalid(problems.into_iter().map(error).collect())
}

impl<'a> DiffDoc<'a> {
    fn of(job: &'a DiffJob, with_report: bool) -> Self {
        let state = job.state();
        Self {
            id: job.id.to_string(),
            state: state.name(),
            progress: job.progress(),
            compared: job.compared(),
            last: job.order.last,
            before: job.order.before.name(),
            after: job.order.after.name(),
            created_at: moment(job.created_at),
            created_by: &job.created_by,
            failure: match &state {
                DiffState::Failed(why) => Some(why.clone()),
                _ => None,
            },
            report: state.report().filter(|_| with_report).cloned(),
        }
    }
}

/// RFC 3339, in UTC.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(body: &str) -> Vec<String> {
        match parse(body.as_bytes()) {
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_problem_of_an_order_is_named_at_once() {
        let body = r#"{"before":"main","after":7,"base":"x","last":0,"filter":{"status":"lost"},"more":1}"#;
        assert_eq!(pointers(body), ["/after", "/before", "/base", "/last", "/filter/status", "/more"]);
        assert_eq!(pointers(r#"{"after":"live","pack":"p"}"#), ["/after"]);
        assert_eq!(pointers(r#"{"filter":{"status":["failed","dead"]}}"#), ["/filter/status"]);
    }

    #[test]
    fn an_order_reads_as_it_is_written() {
        let order = parse(b"{}").unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!((order.before, order.after, order.last), (SetSource::Live, SetSource::Directory, 1000));
        let body = br#"{"before":"git:main","rules":{"a.yaml":"x"},"last":5,"filter":{"type":"track"}}"#;
        let order = parse(body).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(order.before, SetSource::Ref("main".to_owned()));
        assert!(matches!(order.after, SetSource::Edited(edits) if edits.files["a.yaml"] == "x"));
        assert_eq!((order.last, order.filter.kind.as_deref()), (5, Some("track")));
    }
}
