//! What goes wrong with a call, as RFC 9457 says it: `application/problem+json`, with every problem of the request.

use crate::admin::AdminError;
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// 400: the request says something that can not be done. All of it at once.
    Invalid(Vec<RequestError>),
    /// 401: no token, or not a good one.
    Unauthorised,
    /// 403: the token does not allow it.
    Forbidden,
    /// 404: nothing is there.
    NotFound,
    /// 405: not with this method; holds those there are.
    Method(String),
    /// 408: the body did not come in time.
    Timeout,
    /// 409: it can not be done as things stand; holds how they stand and what to do.
    Conflict(String),
    /// 412: it was changed since it was read; holds both sides, so that nothing is lost.
    Stale {
        /// What the next try has to show.
        revision: u64,
        /// Who changed it, if known.
        saved_by: Option<String>,
        /// Name, what is stored, what was sent; secrets in words.
        differences: Vec<(String, String, String)>,
    },
    /// 428: nothing is changed unseen.
    PreconditionRequired,
    /// 413: the body is larger than this many bytes.
    TooLarge(usize),
    /// 415: not JSON; holds what was found.
    MediaType(String),
    /// 422: the `Idempotency-Key` was used for another request before.
    KeyReused,
    /// 500: our doing; the log says more.
    Failed,
    /// 503: come back in a few seconds.
    Busy,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestError {
    /// RFC 6901, into the request's body; empty for all of it.
    pub pointer: String,
    /// The query parameter or header that it is about, where it is not the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What was expected and what was found.
    pub detail: String,
    /// The stable code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Line in a rule file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in a rule file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl RequestError {
    /// With no more than where and what.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        Self { pointer, parameter: None, detail, code: None, line: None, column: None, suggestion: None }
    }

    /// About a query parameter or a header.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { parameter: Some(name.into()), ..Self::new("", detail) }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Busy => Self::Busy,
            error => {
                RequestFailed { what: Unanswered::Call, route: None, error: Cause::of(&error) }.tell();
                Self::Failed
            }
        }
    }
}

#[derive(Serialize)]
struct ProblemDoc<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [RequestError],
    /// Beside 412 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Vec<DifferenceDoc<'a>>>,
}

/// One value that differs.
#[derive(Serialize)]
struct DifferenceDoc<'a> {
    field: &'a str,
    theirs: &'a str,
    yours: &'a str,
}

impl Problem {
    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Invalid(errors) => ("The request is not valid", many(errors.len())),
            Self::Unauthorised => (
                "A token is needed",
                "send `Authorization: Bearer <token>` with a token made on the Settings page".to_owned(),
            ),
            Self::Forbidden => {
                ("Not allowed", "this token does not allow the call; make one that does".to_owned())
            }
            Self::NotFound => ("Not found", "there is nothing at this address".to_owned()),
            Self::Method(allowed) => ("Method not allowed", format!("this address takes {allowed}")),
            Self::Timeout => ("Too slow", "the body did not arrive in time".to_owned()),
            Self::Conflict(how) => ("Not as things stand", how.clone()),
            Self::Stale { saved_by, .. } => (
                "Changed meanwhile",
                format!(
                    "{} saved since you read; compare `differences`, and send again with the new `ETag` what is to hold",
                    saved_by.as_deref().unwrap_or("somebody")
                ),
            ),
            Self::PreconditionRequired => (
                "If-Match is needed",
                "read the settings, and send their `ETag` as `If-Match`, so that nobody's change is overwritten unseen"
                    .to_owned(),
            ),
            Self::KeyReused => (
                "Another request",
                "this `Idempotency-Key` was sent with another request before; make a new one".to_owned(),
            ),
            Self::TooLarge(limit) => {
                ("Too large", format!("the body may have up to {limit} bytes; send it in parts"))
            }
            Self::MediaType(found) => {
                ("Not JSON", format!("expected `Content-Type: application/json`, unencoded; found `{found}`"))
            }
            Self::Failed => {
                ("Something failed here", "it is not the request's doing; the log says what".to_owned())
            }
            Self::Busy => ("Busy", "try again in a few seconds".to_owned()),
        }
    }

    /// The answer.
    pub fn response(&self) -> HttpResponse {
        let (title, detail) = self.words();
        let status = self.status();
        let errors = if let Self::Invalid(errors) = self { errors.as_slice() } else { &[] };
        let differences = if let Self::Stale { differences, .. } = self {
            let rows = differences.iter();
            Some(rows.map(|(field, theirs, yours)| DifferenceDoc { field, theirs, yours }).collect())
        } else {
            None
        };
        let status_code = status.as_u16();
        let doc =
            ProblemDoc { r#type: "about:blank", title, status: status_code, detail, errors, differences };
        let mut response = HttpResponseBuilder::new(status)
            .content_type(MEDIA_TYPE)
            .body(serde_json::to_vec(&doc).unwrap_or_default());
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if matches!(self, Self::Unauthorised | Self::TooLarge(_) | Self::Timeout | Self::MediaType(_)) {
            // The body was not read, so nothing else can follow it on this connection.
            response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
        }
        response
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorised => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Tapline\"")))
            }
            Self::Method(allowed) => Some((ALLOW, HeaderValue::from_str(allowed).ok()?)),
            Self::Stale { revision, .. } => {
                Some((ETAG, HeaderValue::from_str(&format!("\"{revision}\"")).ok()?))
            }
            Self::Busy => Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            _ => None,
        }
    }
}

fn many(count: usize) -> String {
    if count == 1 {
        "one problem; see `errors`".to_owned()
    } else {
        format!("{count} problems; see `errors`")
    }
}
