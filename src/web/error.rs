//! What can go wrong with a page, and the page that says so: what happened and what to do next.

use super::shell::Shell;
use super::view::Prose;
use crate::admin::AdminError;
use crate::journal::Seq;
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::http::StatusCode;
use askama::Template;
use std::time::Duration;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum PageError {
    /// Nothing is there.
    NotFound,
    /// The event is not there.
    NoSuchEvent(String),
    /// The event was there, and its time to be kept is over.
    EventDropped(Seq),
    /// Not allowed.
    Forbidden,
    /// The form was not made for this browser and session.
    StaleForm,
    /// Posted by another site.
    OtherSite,
    /// The form is larger than any real one.
    TooLarge,
    /// The body did not come in time, or not as a form.
    BadForm,
    /// Not for this address; holds the methods there are.
    Method(String),
    /// Too many tries.
    SlowDown(Duration),
    /// The use case failed.
    Admin(AdminError),
    /// The page could not be rendered.
    Template(askama::Error),
}

impl From<AdminError> for PageError {
    fn from(error: AdminError) -> Self {
        Self::Admin(error)
    }
}

/// The page for an error.
#[derive(Template)]
#[template(path = "page/error.html")]
pub(super) struct ErrorPage {
    pub(super) shell: Shell,
    title: &'static str,
    what: Prose,
    next: Prose,
    link: (&'static str, &'static str),
}

impl PageError {
    /// The status to answer with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoSuchEvent(_) | Self::EventDropped(_) => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::StaleForm | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowDown(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Admin(AdminError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Admin(_) | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The page to show.
    pub(super) fn page(&self, shell: Shell) -> ErrorPage {
        let start = ("/", "Go to the overview");
        let (title, what, next, link) = match self {
            Self::NotFound => (
                "Page not found",
                "There is no page at this address.".to_owned(),
                "The link may be from another version, or may have lost a part.".to_owned(),
                start,
            ),
            Self::NoSuchEvent(id) => (
                "Event not found",
                format!("There is no event `{id}` here."),
                "It may belong to another installation, or may not have arrived yet.".to_owned(),
                ("/events", "Go to the events"),
            ),
            Self::EventDropped(seq) => (
                "Event no longer kept",
                format!("The event `{seq}` ended, and was dropped since because its time to be kept was over."),
                "It stays in the counts of the overview. `--keep-days` and `--keep-bytes` say how long events are kept."
                    .to_owned(),
                ("/events", "Go to the events"),
            ),
            Self::Forbidden => (
                "Not allowed",
                "Your account may not do this.".to_owned(),
                "Ask an administrator, or sign in with another account.".to_owned(),
                start,
            ),
            Self::StaleForm => (
                "This form is out of date",
                "Nothing was changed. The form was opened in another session, or the session has ended.".to_owned(),
                "Open the page again and repeat the step; going back in the browser brings back what you typed."
                    .to_owned(),
                start,
            ),
            Self::OtherSite => (
                "Not from here",
                "Nothing was changed. The form was sent by another site.".to_owned(),
                "If you did not expect this, the link that brought you here was not a good one.".to_owned(),
                start,
            ),
            Self::TooLarge => (
                "Too large",
                "The form holds more than 2 MB. Nothing was changed.".to_owned(),
                "For large files use `tapline preview FILE` on the command line.".to_owned(),
                ("/preview", "Go to preview"),
            ),
            Self::BadForm => (
                "The form could not be read",
                "It did not arrive whole, or not as a form. Nothing was changed.".to_owned(),
                "Go back and send it again.".to_owned(),
                start,
            ),
            Self::Method(allowed) => (
                "Not that way",
                format!("This address only takes {allowed}."),
                "Start from one of the pages of the console.".to_owned(),
                start,
            ),
            Self::SlowDown(wait) => (
                "Too many tries",
                format!("Wait {} seconds before the next one.", wait.as_secs().max(1)),
                "This slows down guessing; nothing is locked.".to_owned(),
                ("/login", "Go to sign-in"),
            ),
            Self::Admin(AdminError::Busy) => (
                "Busy",
                "Too many people are signing in at this moment.".to_owned(),
                "Try again in a few seconds.".to_owned(),
                ("/login", "Go to sign-in"),
            ),
            Self::Admin(_) | Self::Template(_) => (
                "Something failed here",
                "This is not your doing. The log of the process says what it was.".to_owned(),
                "Events are still accepted as long as `/readyz` says so.".to_owned(),
                start,
            ),
        };
        ErrorPage { shell, title, what: Prose::new(&what), next: Prose::new(&next), link }
    }

    /// Writes to the log what the page does not say. Once, here.
    pub(super) fn tell(&self, route: Option<&'static str>) {
        match self {
            Self::Admin(AdminError::Busy) => {}
            Self::Admin(error) => {
                RequestFailed { what: Unanswered::Page, route, error: Cause::of(error) }.tell();
            }
            Self::Template(error) => {
                RequestFailed { what: Unanswered::Template, route, error: Cause::of(error) }.tell();
            }
            _ => {}
        }
    }
}
