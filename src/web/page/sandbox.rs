//! The sandbox: what CleverTap would have, and the way in and out.

use crate::admin::{Author, EnterOutcome, LeaveOutcome, Taken, Waiting};
use crate::web::error::PageError;
use crate::web::response::{html_with, local_path, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::{JsonView, pretty};
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "page/sandbox.html")]
struct SandboxPage {
    shell: Shell,
    is_on: bool,
    /// Events that wait at this moment.
    waiting: u64,
    /// What CleverTap's account lacks, in words; empty when it is set.
    missing: String,
    count: usize,
    people: Vec<PersonView>,
    records: Vec<JsonView>,
    /// Why it was not entered or left, a sentence; empty where nothing was in the way.
    problem: String,
    /// What has just been done, a sentence; empty where nothing was.
    notice: &'static str,
    /// Where to go on after entering.
    next: String,
}

/// A person, as CleverTap's profile API shows one.
struct PersonView {
    /// By which names the person is known.
    names: Vec<String>,
    name: String,
    email: String,
    /// Name and how often.
    events: Vec<(String, u64)>,
    devices: usize,
    profile: JsonView,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct PersonDoc {
    names: Vec<String>,
    name: Option<String>,
    email: Option<String>,
    #[serde(rename = "profileData")]
    data: serde_json::Map<String, serde_json::Value>,
    events: BTreeMap<String, EventDoc>,
    #[serde(rename = "platformInfo")]
    platforms: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct EventDoc {
    count: u64,
}

impl PersonView {
    fn read(json: &str) -> Self {
        let person: PersonDoc = serde_json::from_str(json).unwrap_or_default();
        Self {
            names: person.names,
            name: person.name.unwrap_or_default(),
            email: person.email.unwrap_or_default(),
            events: person.events.into_iter().map(|(name, event)| (name, event.count)).collect(),
            devices: person.platforms.len(),
            profile: JsonView::exact(&pretty(&serde_json::Value::Object(person.data).to_string())),
        }
    }
}

/// `GET /sandbox`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    page(&visit, StatusCode::OK, String::new())
}

/// `POST /sandbox/enter`.
pub(in crate::web) async fn enter(visit: Visit) -> Answer {
    let waiting = Waiting::parse(visit.form.get("waiting"));
    match visit.admin.enter_sandbox(&author(&visit)?, waiting).await? {
        EnterOutcome::On => match visit.form.filled("next") {
            Some(next) => Ok(see_other(local_path(&next))),
            None => Ok(see_other("/sandbox?done=on")),
        },
        EnterOutcome::Waiting(events) => {
            let problem = format!(
                "The sandbox is still off: what waits now ({events}) would go there instead of to CleverTap. Say below \
                 that it may."
            );
            page(&visit, StatusCode::CONFLICT, problem)
        }
    }
}

/// `POST /sandbox/leave`.
pub(in crate::web) async fn leave(visit: Visit) -> Answer {
    let waiting = Waiting::parse(visit.form.get("waiting")).unwrap_or(Waiting::ToCleverTap);
    let send_again = visit.form.get("send_again") == "yes";
    match visit.admin.leave_sandbox(&author(&visit)?, waiting, send_again).await? {
        LeaveOutcome::Off(None) => Ok(see_other("/sandbox?done=off")),
        LeaveOutcome::Off(Some(_)) => Ok(see_other("/resends")),
        LeaveOutcome::Waiting(events) => {
            let problem = format!(
                "The sandbox is still on: it has not taken everything that waits ({events}). Deletions wait in any \
                 case, because they are CleverTap's to carry out. Try again, or let what waits go to CleverTap."
            );
            page(&visit, StatusCode::CONFLICT, problem)
        }
        LeaveOutcome::TooManyJobs(jobs) => {
            let problem = format!(
                "The sandbox is off. What it took is not sent to CleverTap yet, because {jobs} jobs wait already: look \
                 at them, then send the events with the code sandbox again."
            );
            page(&visit, StatusCode::CONFLICT, problem)
        }
    }
}

fn author(visit: &Visit) -> Result<Author, PageError> {
    Ok((&visit.user()?).into())
}

fn page(visit: &Visit, status: StatusCode, problem: String) -> Answer {
    let view = visit.admin.sandbox();
    let Taken { count, records, people } = view.taken;
    let query = visit.query();
    let next = visit.form.filled("next").map(|next| local_path(&next).to_owned());
    html_with(
        status,
        &SandboxPage {
            shell: Shell::of(visit, Nav::Elsewhere),
            is_on: view.is_on,
            waiting: view.waiting,
            missing: view.missing.join(" and "),
            count,
            people: people.iter().map(|person| PersonView::read(person)).collect(),
            records: records.iter().map(|record| JsonView::exact(&pretty(record))).collect(),
            problem,
            notice: match query.get("done") {
                "on" => "The sandbox is on. What is sent from now on goes there.",
                "off" => "The sandbox is off. Records go to CleverTap from now on.",
                _ => "",
            },
            next: next.unwrap_or_default(),
        },
    )
}
