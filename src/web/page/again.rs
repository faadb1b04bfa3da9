//! Sending several events again: first what that would come to, counted, and then the button that does it.
//!
//! Deliberately two steps: what is counted stands in the form word for word, so that just that is sent.

use super::events::query_of;
use crate::admin::event::{Filter, StageFilter};
use crate::admin::resend::{OrderOutcome, OrderProblem, Payload, ResendOrder, Selection, Survey};
use crate::journal::Seq;
use crate::web::form::Form;
use crate::web::response::{html, html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::Prose;
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "page/again.html")]
struct AgainPage {
    shell: Shell,
    /// What the form holds beside the choices: names and values.
    selection: Vec<(&'static str, String)>,
    /// How many events are named; none where a filter chooses.
    named: Option<usize>,
    /// Back to where the events were chosen.
    back: String,
    then: bool,
    include_delivered: bool,
    survey: Option<SurveyView>,
    problems: Vec<Prose>,
}

/// What it would come to, ready to show.
struct SurveyView {
    selected: u64,
    to_send: u64,
    records: u64,
    /// Not sent, with why.
    others: Vec<(u64, String)>,
    scanned: u64,
    complete: bool,
}

/// What a request asks for.
struct Wish {
    selection: Selection,
    pairs: Vec<(&'static str, String)>,
    back: String,
    then: bool,
    include_delivered: bool,
}

/// `GET /resends/new`: counts. Sends nothing and stores nothing.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let wish = Wish::read(&visit.query());
    let (survey, problems) = match visit.admin.resend_survey(wish.order()).await? {
        Ok(survey) => (Some(SurveyView::from(survey)), Vec::new()),
        Err(problems) => (None, said(&problems)),
    };
    html(&page(&visit, wish, survey, problems))
}

/// `POST /resends`: makes the job.
pub(in crate::web) async fn order(visit: Visit) -> Answer {
    let wish = Wish::read(&visit.form);
    let user = visit.user()?.to_string();
    let problems = match visit.admin.resend(wish.order(), &user, None).await? {
        // A form comes without a key.
        OrderOutcome::Taken(_) | OrderOutcome::KeyReused => return Ok(see_other("/resends")),
        OrderOutcome::Unfit(problems) => said(&problems),
        OrderOutcome::TooManyWaiting(waiting) => {
            let waits =
                format!("{waiting} jobs wait already; cancel some, or try again when they have ended");
            vec![Prose::sentence(&waits)]
        }
    };
    html_with(StatusCode::BAD_REQUEST, &page(&visit, wish, None, problems))
}

fn page(visit: &Visit, wish: Wish, survey: Option<SurveyView>, problems: Vec<Prose>) -> AgainPage {
    let named = match &wish.selection {
        Selection::Events(places) => Some(places.len()),
        Selection::Matching { .. } => None,
    };
    AgainPage {
        shell: Shell::of(visit, Nav::Resends),
        selection: wish.pairs,
        named,
        back: wish.back,
        then: wish.then,
        include_delivered: wish.include_delivered,
        survey,
        problems,
    }
}

fn said(problems: &[OrderProblem]) -> Vec<Prose> {
    let sentence = |problem: &OrderProblem| match problem {
        OrderProblem::NoEvent => "No event is selected; go back and select some.".to_owned(),
        problem => problem.to_string(),
    };
    problems.iter().map(|problem| Prose::sentence(&sentence(problem))).collect()
}

impl Wish {
    /// Events by id, else all that match a filter. An address without either selects nothing: who means every event says
    /// so with a filter that lets every event through, as one by time.
    fn read(form: &Form) -> Self {
        let places: Vec<Seq> =
            form.iter().filter(|(name, _)| *name == "id").filter_map(|(_, id)| Seq::parse(id)).collect();
        let (filter, _) = Filter::read(|name| form.get(name).to_owned());
        let (pairs, back, selection) = if places.is_empty() && !filter.is_empty() {
            let back = format!("/events?{}", query_of(&filter));
            let states: Vec<StageFilter> = filter.state.into_iter().collect();
            let pairs = filter.pairs();
            (pairs, back, Selection::Matching { states, filter: Filter { state: None, ..filter } })
        } else {
            let pairs = places.iter().map(|place| ("id", place.to_string())).collect();
            (pairs, "/events".to_owned(), Selection::Events(places))
        };
        let then = form.get("rules") == "then";
        let include_delivered = form.find("include_delivered").is_some();
        Self { selection, pairs, back, then, include_delivered }
    }

    fn order(&self) -> ResendOrder {
        ResendOrder {
            selection: self.selection.clone(),
            payload: if self.then { Payload::Same } else { Payload::Current },
            include_delivered: self.include_delivered,
        }
    }
}

impl From<Survey> for SurveyView {
    fn from(survey: Survey) -> Self {
        let tally = survey.tally;
        let mut others = vec![
            (tally.filtered, "filtered by the rules".to_owned()),
            (tally.failed, "not mapped by the rules".to_owned()),
        ];
        others.extend(tally.skipped.iter().map(|(reason, count)| (*count, reason.words().to_owned())));
        others.retain(|(count, _)| *count > 0);
        Self {
            selected: tally.selected,
            to_send: survey.to_send,
            records: survey.records,
            others,
            scanned: survey.scanned,
            complete: survey.complete,
        }
    }
}
