//! The list of events. Its whole state is in the address, so that it can be kept, shared and gone back to.

use crate::admin::event::{EventList, Filter, FilterProblem, StageFilter};
use crate::admin::tail::Mark;
use crate::clock::Millis;
use crate::journal::Seq;
use crate::web::dispatch::encode;
use crate::web::form::Form;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, Prose, RowView};
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// The types of Segment's calls, as the filter offers them.
const KINDS: [&str; 7] = ["track", "identify", "page", "screen", "group", "alias", "delete"];

/// What the address may hold beside the filter: where a page begins, and that the live view is on.
const BESIDE: [&str; 2] = ["before", "live"];

#[derive(Template)]
#[template(path = "page/events.html")]
struct EventsPage {
    shell: Shell,
    filter: Filter,
    is_filtered: bool,
    /// What of the address was not understood: the name, and why.
    problems: Vec<(String, Prose)>,
    /// Whether the page begins with the newest event.
    is_newest: bool,
    rows: Vec<RowView>,
    /// The filter as a query, without a question mark.
    query: String,
    /// What follows begins before this.
    next: Option<Seq>,
    /// Where the live view goes on.
    mark: Mark,
    searched: u64,
    back_to: Option<Moment>,
    cut_short: bool,
    origin: String,
    has_write_key: bool,
}

impl EventsPage {
    fn states(&self) -> Vec<(&'static str, &'static str, bool)> {
        let state = |one: StageFilter| (one.name(), one.label(), self.filter.state == Some(one));
        StageFilter::ALL.into_iter().map(state).collect()
    }

    fn kinds(&self) -> Vec<(&'static str, bool)> {
        KINDS.into_iter().map(|kind| (kind, self.filter.kind.as_deref() == Some(kind))).collect()
    }

    fn text_of(&self, name: &str) -> &str {
        let value = match name {
            "event" => &self.filter.event,
            "name" => &self.filter.name,
            "user" => &self.filter.user,
            "code" => &self.filter.code,
            _ => &self.filter.text,
        };
        value.as_deref().unwrap_or_default()
    }

    // As the browser's field for a date and a time has it: to the second, without a zone.
    fn time_of(&self, name: &str) -> String {
        let value = if name == "from" { self.filter.from } else { self.filter.to };
        let text = value.map(|at: Millis| Moment::new(at, at).iso).unwrap_or_default();
        text.get(..19).unwrap_or_default().to_owned()
    }

    /// The address of what follows; of the list itself where nothing does.
    fn older(&self) -> String {
        match (self.next, self.query.is_empty()) {
            (None, _) => self.newest(),
            (Some(next), true) => format!("/events?before={next}"),
            (Some(next), false) => format!("/events?before={next}&{}", self.query),
        }
    }

    /// The address of the events before a place, which is to be written behind it.
    fn before(&self) -> String {
        match self.query.is_empty() {
            true => "/events?before=".to_owned(),
            false => format!("/events?{}&before=", self.query),
        }
    }

    /// The address of the newest events.
    fn newest(&self) -> String {
        if self.query.is_empty() { "/events".to_owned() } else { format!("/events?{}", self.query) }
    }
}

/// `GET /events`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let query = visit.query();
    let (filter, problems) = filter_of(&query);
    let before = Seq::parse(query.get("before"));
    let list = visit.admin.events(&filter, before).await?;
    let EventList { rows, next, searched, back_to, cut_short, mark } = list;
    let now = visit.admin.now();
    html(&EventsPage {
        shell: Shell::of(&visit, Nav::Events),
        is_filtered: !filter.is_empty(),
        problems: problems.iter().map(said).collect(),
        is_newest: before.is_none(),
        query: query_of(&filter),
        filter,
        next,
        mark,
        searched,
        back_to: back_to.map(|at| Moment::new(at, now)),
        cut_short,
        rows: rows.into_iter().map(|row| RowView::new(row, now)).collect(),
        origin: visit.origin(),
        has_write_key: visit.admin.overview().has_write_key,
    })
}

/// The filter of an address, and everything of the address that is none.
fn filter_of(query: &Form) -> (Filter, Vec<FilterProblem>) {
    let (filter, mut problems) = Filter::read(|name| query.get(name).to_owned());
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in query.iter() {
        let known = Filter::NAMES.contains(&name) || BESIDE.contains(&name);
        if !known && !seen.contains(&name) {
            problems.push(FilterProblem::Unknown { name: name.to_owned() });
        } else if known && seen.contains(&name) {
            problems.push(FilterProblem::Twice { name: name.to_owned() });
        }
        seen.push(name);
        if name == "before" && !value.is_empty() && Seq::parse(value).is_none() {
            problems.push(FilterProblem::Place { found: value.to_owned() });
        }
    }
    (filter, problems)
}

fn said(problem: &FilterProblem) -> (String, Prose) {
    (problem.name().chars().take(40).collect(), Prose::sentence(&problem.to_string()))
}

/// The filter as a query, without a question mark.
pub(super) fn query_of(filter: &Filter) -> String {
    let pairs = filter.pairs().into_iter().map(|(name, value)| format!("{name}={}", encode(&value)));
    pairs.collect::<Vec<_>>().join("&")
}
