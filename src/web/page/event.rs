//! One event: the event itself, how it ended, what was sent and why; and an editable copy to preview again.

use crate::admin::event::{EventDetail, Stage, Summary};
use crate::engine::Preview;
use crate::journal::Seq;
use crate::web::error::PageError;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{
    AgainView, EndView, JsonView, Marks, Moment, PastView, Pill, ResultView, Shown, TimelineView, pretty,
};
use crate::web::visit::{Answer, Visit};
use askama::Template;

#[derive(Template)]
#[template(path = "page/event.html")]
struct EventPage {
    shell: Shell,
    id: String,
    title: String,
    summary: Summary,
    received: Moment,
    /// When it was erased, if it was: then there is nothing else to show of the event itself.
    erased: Option<Moment>,
    pill: Pill,
    /// Whether it asks for a person to be deleted.
    is_deletion: bool,
    end: EndView,
    timeline: TimelineView,
    /// What it had before it was sent again.
    again: Option<AgainView>,
    /// Whether it can be sent again: it has ended, and is an event.
    can_resend: bool,
    is_delivered: bool,
    /// What it became when it ended, where that was by other rules than those in force.
    past: Option<PastView>,
    /// What remains of it, where it was erased.
    remains: JsonView,
    /// The event as stored.
    received_text: String,
    /// What stands in the editor.
    copy: String,
    /// Whether the result is that of an edited copy.
    is_edited: bool,
    result: ResultView,
    older: Option<Seq>,
    newer: Option<Seq>,
}

/// The result alone, for a page that is there already.
#[derive(Template)]
#[template(path = "part/result.html")]
struct ResultPart {
    result: ResultView,
    is_edited: bool,
}

/// `GET /events/{id}`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let event = find(&visit).await?;
    let copy = pretty(&event.body);
    html(&page(&visit, &event, copy, None).await?)
}

/// `POST /events/{id}`: preview an edited copy. Stores nothing and sends nothing.
pub(in crate::web) async fn preview(visit: Visit) -> Answer {
    let event = find(&visit).await?;
    if event.erased_at.is_some() {
        // Its page has nothing to edit.
        return html(&page(&visit, &event, String::new(), None).await?);
    }
    let copy = visit.form.get("event").to_owned();
    let edited = visit.admin.preview_one(&copy, Some(event.received_at), true);
    if visit.wants_fragment() {
        let result = result(&visit, &event, Some((&copy, &edited))).await?;
        return html(&ResultPart { result, is_edited: true });
    }
    html(&page(&visit, &event, copy, Some(&edited)).await?)
}

pub(super) async fn find(visit: &Visit) -> Result<EventDetail, PageError> {
    let id = visit.part("id");
    let missing = || PageError::NoSuchEvent(id.chars().take(40).collect());
    let seq = Seq::parse(id).ok_or_else(missing)?;
    match visit.admin.event(seq).await? {
        Some(event) => Ok(event),
        None if visit.admin.was_dropped(seq) => Err(PageError::EventDropped(seq)),
        None => Err(missing()),
    }
}

/// What is shown of the event, or of an edited copy of it.
async fn result(
    visit: &Visit,
    event: &EventDetail,
    edited: Option<(&str, &Preview)>,
) -> Result<ResultView, PageError> {
    let (text, preview) = edited.unwrap_or((&event.body, &event.preview));
    let sources = visit.admin.rule_sources(preview).await?;
    Ok(ResultView::new(Shown {
        event: text,
        preview,
        before: edited.map(|_| &event.preview),
        wire: &visit.admin.wire(),
        sources: &sources,
        prefix: "",
    }))
}

async fn page(
    visit: &Visit,
    event: &EventDetail,
    copy: String,
    edited: Option<&Preview>,
) -> Result<EventPage, PageError> {
    let now = visit.admin.now();
    let summary = Summary::of(event.body.as_bytes());
    let title = match (summary.name.is_empty(), summary.kind.is_empty()) {
        (false, _) => summary.name.clone(),
        (true, false) => summary.kind.clone(),
        (true, true) if event.erased_at.is_some() => "Erased event".to_owned(),
        (true, true) => event.seq.to_string(),
    };
    let timeline = TimelineView::new(visit.admin.timeline(event).await?, now);
    let past = visit.admin.past(event).await?.map(PastView::new);
    let result = result(visit, event, edited.map(|edited| (copy.as_str(), edited))).await?;
    Ok(EventPage {
        shell: Shell::of(visit, Nav::Events),
        id: event.seq.to_string(),
        title,
        summary,
        received: Moment::new(event.received_at, now),
        erased: event.erased_at.map(|at| Moment::new(at, now)),
        pill: event.stage.into(),
        is_deletion: event.is_deletion(),
        end: EndView::of(event),
        timeline,
        again: AgainView::of(event),
        can_resend: !event.body.is_empty()
            && !event.is_deletion()
            && !matches!(event.stage, Stage::Pending | Stage::FailedOnIngest),
        is_delivered: event.stage == Stage::Delivered,
        past,
        remains: JsonView::event(&event.body, &Marks::default()),
        received_text: event.body.clone(),
        copy,
        is_edited: edited.is_some(),
        result,
        older: event.neighbours.0,
        newer: event.neighbours.1,
    })
}
