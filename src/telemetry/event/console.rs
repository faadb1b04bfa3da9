//! Pages and the API, where they fail by our own doing. Each kind at most once a second: whoever has a page open asks again.

use crate::telemetry::repeat::LINES;
use crate::telemetry::{Cause, Listed, Word};
use std::time::Instant;

/// What could not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// A page: what it shows could not be had.
    Page,
    /// A page: its template failed.
    Template,
    /// A call of the API could not be carried out.
    Call,
    /// An answer of the API could not be written.
    Json,
    /// The rules could not be read, to preview or to validate with them.
    Rules,
    /// A stream of events broke off.
    Stream,
}

impl Listed for Unanswered {
    const LIST: &'static [Self] =
        &[Self::Page, Self::Template, Self::Call, Self::Json, Self::Rules, Self::Stream];

    fn word(self) -> &'static str {
        match self {
            Self::Page => "page_not_made",
            Self::Template => "page_not_rendered",
            Self::Call => "call_failed",
            Self::Json => "answer_not_written",
            Self::Rules => "rules_not_read",
            Self::Stream => "stream_broken_off",
        }
    }
}

/// A page or a call was answered with an error that is ours. `route` is the pattern of the path, never the path.
#[derive(Debug)]
pub(crate) struct RequestFailed<'a> {
    pub(crate) what: Unanswered,
    pub(crate) route: Option<&'static str>,
    pub(crate) error: Cause<'a>,
}

impl RequestFailed<'_> {
    /// Writes the line, unless the same was written just now.
    pub(crate) fn tell(self) {
        let Self { what, route, error } = self;
        let code = Word::of(what);
        if let Some(left_out) = LINES.admit(code, Instant::now()) {
            let (code, left_out) = (code.as_str(), some(left_out));
            tracing::error!(target: "tapline::console", code, route, %error, left_out, "a request could not be answered");
        }
    }
}

/// Nothing where nothing was left out, so that the field is there only when it says something.
pub(super) fn some(left_out: u64) -> Option<u64> {
    (left_out > 0).then_some(left_out)
}
