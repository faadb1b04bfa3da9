//! Sending again: the jobs with how far they have got, and the buttons that make and cancel them.

use crate::admin::event::{Filter, StageFilter};
use crate::admin::resend::{
    JobState, Mode, OrderOutcome, Payload, ResendJob, ResendOrder, ResendReason, Selection,
};
use crate::clock::Millis;
use crate::journal::{ResendId, Seq};
use crate::web::error::PageError;
use crate::web::response::{html, html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::Moment;
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;

/// Jobs on a page.
const ROWS: usize = 25;

#[derive(Template)]
#[template(path = "page/resends.html")]
struct ResendsPage {
    shell: Shell,
    jobs: Vec<JobView>,
    /// The number that the next page begins before.
    next: Option<u64>,
    /// Why nothing came of what was asked for.
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "page/resend.html")]
struct ResendPage {
    shell: Shell,
    job: JobView,
    reasons: Vec<ReasonView>,
    /// Whether there may be more reasons than are shown.
    is_partial: bool,
    /// Why nothing is sent at the moment, while the job is open and that is so.
    paused: Option<String>,
    started: Option<Moment>,
    ended: Option<Moment>,
    cancelled_by: Option<String>,
}

/// Why events were not delivered.
struct ReasonView {
    label: &'static str,
    class: &'static str,
    code: String,
    message: String,
    events: u64,
    newest: Seq,
}

/// A job, ready to show.
struct JobView {
    id: u64,
    /// The event it is about, where that is one.
    event: Option<Seq>,
    /// What it is about, in words.
    about: String,
    rules: &'static str,
    state: &'static str,
    class: &'static str,
    percent: u8,
    is_open: bool,
    is_cancelling: bool,
    counts: Vec<(&'static str, u64)>,
    skipped: Vec<(&'static str, u64)>,
    created: Moment,
    created_by: String,
}

/// `GET /resends`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    html(&page(&visit, None).await?)
}

/// `GET /resends/{id}`.
pub(in crate::web) async fn show_one(visit: Visit) -> Answer {
    let id = visit.part("id").parse().map_err(|_| PageError::NotFound)?;
    let job = visit.admin.resend_job(ResendId(id)).await?.ok_or(PageError::NotFound)?;
    let found = visit.admin.resend_reasons(&job).await?;
    let now = visit.admin.now();
    let paused = visit.admin.delivery_pause().filter(|_| !job.state.is_over());
    html(&ResendPage {
        shell: Shell::of(&visit, Nav::Resends),
        reasons: found.reasons.into_iter().map(ReasonView::of).collect(),
        is_partial: !found.complete,
        paused: paused.map(|pause| pause.message),
        started: job.started_at.map(|at| Moment::new(at, now)),
        ended: job.ended_at.map(|at| Moment::new(at, now)),
        cancelled_by: job.cancelled_by.clone(),
        job: JobView::of(&job, now),
    })
}

/// `POST /events/{id}/resend`: sends one event again, by the rules of then or now, or an edited copy of it.
pub(in crate::web) async fn one(visit: Visit) -> Answer {
    let id = visit.part("id");
    let seq = Seq::parse(id).ok_or_else(|| PageError::NoSuchEvent(id.chars().take(40).collect()))?;
    let payload = match visit.form.get("rules") {
        "then" => Payload::Same,
        "edited" => Payload::Edited(visit.form.get("event").to_owned()),
        _ => Payload::Current,
    };
    let include_delivered = visit.form.find("include_delivered").is_some();
    let order = ResendOrder { selection: Selection::Events(vec![seq]), payload, include_delivered };
    let user = visit.user()?.to_string();
    let problem = match visit.admin.resend(order, &user, None).await? {
        OrderOutcome::Taken(_) => return Ok(see_other("/resends")),
        OrderOutcome::Unfit(problems) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        OrderOutcome::TooManyWaiting(waiting) => {
            format!("{waiting} jobs wait already; cancel some, or try again when they have ended")
        }
        // A form comes without a key.
        OrderOutcome::KeyReused => return Ok(see_other("/resends")),
    };
    html_with(StatusCode::BAD_REQUEST, &page(&visit, Some(problem)).await?)
}

/// `POST /resends/{id}/cancel`. One that is over stays as it is.
pub(in crate::web) async fn cancel(visit: Visit) -> Answer {
    let user = visit.user()?.to_string();
    let id = visit.part("id").parse().map_err(|_| PageError::NotFound)?;
    visit.admin.cancel_resend(ResendId(id), &user).await?.ok_or(PageError::NotFound)?;
    Ok(see_other("/resends"))
}

async fn page(visit: &Visit, problem: Option<String>) -> Result<ResendsPage, PageError> {
    let before = visit.query().get("before").parse().ok().map(ResendId);
    let (jobs, next) = visit.admin.resend_jobs(before, ROWS).await?;
    let now = visit.admin.now();
    Ok(ResendsPage {
        shell: Shell::of(visit, Nav::Resends),
        jobs: jobs.iter().map(|job| JobView::of(job, now)).collect(),
        next: next.map(|next| next.0),
        problem,
    })
}

/// What a job selects by, in words.
fn matching(states: &[StageFilter], filter: &Filter, now: Millis) -> String {
    let labels: Vec<&str> = states.iter().map(|state| state.label()).collect();
    let mut words = Vec::new();
    if !labels.is_empty() {
        words.push(labels.join(" or "));
    }
    let texts = [
        ("type", &filter.kind),
        ("event", &filter.event),
        ("name with", &filter.name),
        ("user", &filter.user),
        ("reason", &filter.code),
        ("JSON with", &filter.text),
    ];
    words.extend(texts.into_iter().filter_map(|(what, text)| Some(format!("{what} “{}”", text.as_ref()?))));
    words.extend(filter.from.map(|from| format!("from {}", Moment::new(from, now).text)));
    words.extend(filter.to.map(|to| format!("before {}", Moment::new(to, now).text)));
    match words.is_empty() {
        true => "all events".to_owned(),
        false => format!("all that match: {}", words.join(", ")),
    }
}

impl ReasonView {
    fn of(reason: ResendReason) -> Self {
        let (label, class) = match reason.state {
            "dead" => (StageFilter::Dead.label(), "dead"),
            "failed" => (StageFilter::Failed.label(), "failed"),
            _ => (StageFilter::Filtered.label(), "filtered"),
        };
        let ResendReason { code, message, events, newest, .. } = reason;
        Self { label, class, code, message: message.unwrap_or_default(), events, newest }
    }
}

impl JobView {
    fn of(job: &ResendJob, now: Millis) -> Self {
        let (event, about) = match &job.selection {
            Selection::Events(places) => match places.as_slice() {
                [one] => (Some(*one), one.to_string()),
                many => (None, format!("{} events", many.len())),
            },
            Selection::Matching { states, filter } => (None, matching(states, filter, now)),
        };
        let tally = &job.tally;
        let counts = [
            ("delivered", tally.delivered),
            ("dead letters", tally.dead),
            ("filtered", tally.filtered),
            ("failed", tally.failed),
        ];
        Self {
            id: job.id.0,
            event,
            about,
            rules: match job.mode {
                Mode::Same => "rules of then",
                Mode::Current => "rules of now",
                Mode::Edited => "an edited copy",
            },
            state: match (job.state, job.cancelled_by.is_some()) {
                (JobState::Waiting, _) => "Waiting",
                (JobState::Running, false) => "Sending",
                (JobState::Running, true) => "Being cancelled",
                (JobState::Done, _) => "Done",
                (JobState::Cancelled, _) => "Cancelled",
            },
            class: match job.state {
                JobState::Waiting | JobState::Running => "pending",
                JobState::Done if tally.dead + tally.failed > 0 => "dead",
                JobState::Done => "delivered",
                JobState::Cancelled => "filtered",
            },
            // Between 0 and 100, so nothing is cut off.
            percent: (job.progress() * 100.0) as u8,
            is_open: !job.state.is_over(),
            is_cancelling: job.cancelled_by.is_some(),
            counts: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
            skipped: tally.skipped.iter().map(|(reason, count)| (reason.words(), *count)).collect(),
            created: Moment::new(job.created_at, now),
            created_by: job.created_by.clone(),
        }
    }
}
