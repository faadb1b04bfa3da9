//! The first steps: where records go, a sample event, its delivery, a source of one's own.

use crate::admin::event::Stage;
use crate::admin::{Destination, SampleOutcome, StartView, is_taken};
use crate::journal::Seq;
use crate::settings::KeyKind;
use crate::web::error::PageError;
use crate::web::response::{html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::{EndView, Moment, Pill};
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Stands in snippets where the key is not known.
const PLACEHOLDER: &str = "YOUR_WRITE_KEY";

#[derive(Template)]
#[template(path = "page/start.html")]
struct StartPage {
    shell: Shell,
    is_sandbox: bool,
    /// What CleverTap's account lacks, in words; empty where records can go somewhere.
    missing: String,
    has_event: bool,
    is_delivered: bool,
    sample: Option<SampleView>,
    has_key: bool,
    key_used: Option<Moment>,
    /// Whether a variable sets the write key, which nobody can show here.
    key_is_given: bool,
    /// A key that was made just now, to be shown once; empty where none was.
    fresh_key: String,
    /// What stands for the key in the snippets.
    key: String,
    origin: String,
    /// The same without scheme, as the browser's library wants it.
    host: String,
    /// `http` or `https`.
    scheme: String,
    /// Why no sample was sent, a sentence; empty where nothing was in the way.
    problem: String,
}

/// The sample that was sent.
struct SampleView {
    id: String,
    pill: Pill,
    end: EndView,
    is_taken: bool,
    is_pending: bool,
}

impl StartPage {
    fn is_ready(&self) -> bool {
        self.missing.is_empty()
    }

    /// The key as HTTP Basic shows it.
    fn basic(&self) -> String {
        STANDARD.encode(format!("{}:", self.key))
    }

    /// Steps that are done, of four.
    fn done(&self) -> usize {
        let steps = [self.is_ready(), self.has_event, self.is_delivered, self.key_used.is_some()];
        steps.into_iter().filter(|done| *done).count()
    }
}

/// `GET /start`. A sample that was sent is named by `event`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    page(&visit, StatusCode::OK, String::new()).await
}

/// `POST /start/sample`.
pub(in crate::web) async fn send_sample(visit: Visit) -> Answer {
    match visit.admin.send_sample().await? {
        SampleOutcome::Sent(seq) => Ok(see_other(&format!("/start?event={seq}#delivered"))),
        SampleOutcome::Refused(why) => page(&visit, StatusCode::SERVICE_UNAVAILABLE, why).await,
    }
}

async fn page(visit: &Visit, status: StatusCode, problem: String) -> Answer {
    let query = visit.query();
    let now = visit.admin.now();
    let StartView { destination, has_event, is_delivered, has_key, key_used_at } =
        visit.admin.start_view().await?;
    let sample = match Seq::parse(query.get("event")) {
        Some(seq) => sample(visit, seq).await?,
        None => None,
    };
    let fresh = visit.admin.handed_over(&visit.user()?, query.get("new"));
    let fresh_key =
        fresh.get(KeyKind::WriteKey.name()).map(|key| key.expose().to_owned()).unwrap_or_default();
    let origin = visit.origin();
    let (scheme, host) = origin.split_once("://").unwrap_or(("http", &origin));
    let start = StartPage {
        shell: Shell::of(visit, Nav::Elsewhere),
        is_sandbox: destination == Destination::Sandbox,
        missing: match destination {
            Destination::Missing(missing) => missing.join(" and no "),
            Destination::CleverTap | Destination::Sandbox => String::new(),
        },
        has_event,
        is_delivered: is_delivered || sample.as_ref().is_some_and(|sample| sample.is_taken),
        sample,
        has_key,
        key_used: key_used_at.map(|at| Moment::new(at, now)),
        key_is_given: visit.admin.key_is_given(KeyKind::WriteKey),
        key: if fresh_key.is_empty() { PLACEHOLDER.to_owned() } else { fresh_key.clone() },
        fresh_key,
        host: host.to_owned(),
        scheme: scheme.to_owned(),
        origin,
        problem,
    };
    html_with(status, &start)
}

async fn sample(visit: &Visit, seq: Seq) -> Result<Option<SampleView>, PageError> {
    let Some(event) = visit.admin.event(seq).await? else { return Ok(None) };
    let code = event.end.as_ref().and_then(|end| end.code.as_deref());
    Ok(Some(SampleView {
        id: seq.to_string(),
        is_taken: is_taken(event.stage, code),
        is_pending: event.stage == Stage::Pending,
        pill: event.stage.into(),
        end: EndView::of(&event),
    }))
}
