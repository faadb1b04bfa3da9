//! The answers of the tracking API. Every one of them may be read by any web page: browsers send from the pages of the
//! sender's site, and the write key, not a cookie, is what lets them in.

use super::code::{Code, Complaint};
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What may be sent to these paths.
pub(crate) const METHODS: &str = "POST, OPTIONS";

/// Headers that SDKs in browsers send.
const REQUEST_HEADERS: &str =
    "Authorization, Content-Type, Content-Encoding, X-Retry-Count, X-Requested-With";

/// `{"success":true}`: everything is stored.
pub(crate) fn accepted() -> HttpResponse {
    start(StatusCode::OK).content_type("application/json").body(r#"{"success":true}"#)
}

/// What browsers ask before they send with headers of their own.
pub(crate) async fn preflight() -> HttpResponse {
    start(StatusCode::NO_CONTENT)
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// A complaint in the words SDKs expect: `code` and `message`. With `unread`, what is left of the request's body, the
/// connection is closed behind the answer.
pub(crate) fn refused(complaint: &Complaint, unread: Option<Payload>) -> HttpResponse {
    let status = StatusCode::from_u16(complaint.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = start(status);
    answer.content_type("application/json");
    match complaint.code {
        // Not `Basic`: browsers would ask the visitor of the page for a password.
        Code::NoWriteKeySet | Code::MissingWriteKey | Code::WrongWriteKey => {
            answer.insert_header((header::WWW_AUTHENTICATE, "WriteKey"));
        }
        Code::MissingSignature | Code::WrongSignature => {
            answer.insert_header((header::WWW_AUTHENTICATE, "WebhookSignature"));
        }
        Code::UnsupportedEncoding => {
            answer.insert_header((header::ACCEPT_ENCODING, "gzip"));
        }
        _ => {}
    }
    if let Some(wait) = complaint.retry_after {
        answer.insert_header((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
    }
    let body = ErrorBody {
        success: false,
        code: complaint.code.as_str(),
        message: &complaint.message,
        pointer: &complaint.pointer,
    };
    let json = serde_json::to_vec(&body).unwrap_or_default();
    answer.body(Closing { json: json.into(), _unread: unread })
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    success: bool,
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pointer: &'a str,
}

fn start(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
    answer.insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After")));
    answer.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    answer
}

/// An answer that holds on to what it leaves unread. The server closes the connection behind an answer whose request
/// body is still held; were it dropped, a chunked one would be read and thrown away for as long as the sender likes.
struct Closing {
    json: Bytes,
    _unread: Option<Payload>,
}

impl MessageBody for Closing {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.json.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let json = std::mem::take(&mut self.json);
        Poll::Ready((!json.is_empty()).then_some(Ok(json)))
    }
}
