//! The list of events. Its whole state is in the address, so that it can be kept, shared and gone back to.

use crate::admin::event::{Filter, StageFilter};
use crate::clock::Millis;
use crate::engine::event::time::parse_iso;
use crate::journal::Seq;
use crate::web::form::Form;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, RowView};
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// The types of Segment's calls, as the filter offers them.
const KINDS: [&str; 7] = ["track", "identify", "page", "screen", "group", "alias", "delete"];

#[derive(Template)]
#[template(path = "page/events.html")]
struct EventsPage {
    shell: Shell,
    filter: Filter,
    is_filtered: bool,
    /// A time that is none, as it came.
    not_a_time: Option<String>,
    /// Whether the page begins with the newest event.
    is_newest: bool,
    rows: Vec<RowView>,
    /// The address of what follows.
    next: Option<String>,
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
        let text = value.map(render_time).unwrap_or_default();
        text.get(..19).unwrap_or_default().to_owned()
    }
}

/// `GET /events`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let query = visit.query();
    let filter = filter_of(&query);
    let times = ["from", "to"].into_iter().filter_map(|name| query.filled(name));
    let not_a_time = times.into_iter().find(|text| parse_iso(text).is_none());
    let before = Seq::parse(query.get("before"));
    let list = visit.admin.events(&filter, before).await?;
    let now = visit.admin.now();
    html(&EventsPage {
        shell: Shell::of(&visit, Nav::Events),
        is_filtered: !filter.is_empty(),
        not_a_time,
        is_newest: before.is_none(),
        next: list.next.map(|next| address(&filter, next)),
        filter,
        searched: list.searched,
        back_to: list.back_to.map(|at| Moment::new(at, now)),
        cut_short: list.cut_short,
        rows: list.rows.into_iter().map(|row| RowView::new(row, now)).collect(),
        origin: visit.origin(),
        has_write_key: visit.admin.overview().has_write_key,
    })
}

fn filter_of(query: &Form) -> Filter {
    let time = |name| query.filled(name).as_deref().and_then(parse_iso).map(Millis);
    Filter {
        state: StageFilter::parse(query.get("state")),
        kind: query.filled("type"),
        event: query.filled("event"),
        name: query.filled("name"),
        user: query.filled("user"),
        code: query.filled("code"),
        text: query.filled("text"),
        from: time("from"),
        to: time("to"),
    }
}

fn render_time(at: Millis) -> String {
    Moment::new(at, at).iso
}

fn address(filter: &Filter, before: Seq) -> String {
    use crate::web::dispatch::encode;
    let mut address = format!("/events?before={before}");
    let state = filter.state.map(|state| state.name().to_owned());
    let parts = [
        ("state", &state),
        ("type", &filter.kind),
        ("event", &filter.event),
        ("name", &filter.name),
        ("user", &filter.user),
        ("code", &filter.code),
        ("text", &filter.text),
        ("from", &filter.from.map(render_time)),
        ("to", &filter.to.map(render_time)),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            address.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    address
}
