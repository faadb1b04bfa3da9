//! One request from its head to its answer.

use super::admission::Admission;
use super::code::{Code, Complaint};
use super::intake::{self, Request};
use super::stamp::Receipt;
use super::{Endpoint, Ingest, answer, body, gzip};
use crate::journal::{AppendError, Appended, NewEvent};
use crate::telemetry::Word;
use crate::telemetry::event::{RequestAccepted, RequestRefused};
use actix_web::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::time::{Duration, Instant};

/// When a sender should come back to a process that must be restarted first.
const RESTART_TIME: Duration = Duration::from_secs(30);

/// Takes a request in.
pub(crate) async fn receive(
    endpoint: Endpoint,
    ingest: Data<Ingest>,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    match ingest.accept(endpoint, &request, &mut payload).await {
        Ok(accepted) => {
            accepted.tell(&ingest.telemetry);
            answer::accepted()
        }
        Err(Refused { complaint, events }) => ingest.refuse(&complaint, events, payload).await,
    }
}

/// Answers every method that a path does not take.
pub(crate) async fn refuse_method(
    endpoint: Endpoint,
    ingest: Data<Ingest>,
    payload: Payload,
) -> HttpResponse {
    let methods = endpoint.methods();
    let message = format!("expected one of the methods {methods}");
    let mut answer = ingest.refuse(&Complaint::new(Code::MethodNotAllowed, message), 0, payload).await;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// Answers every other path below `/v1/`.
pub(crate) async fn refuse_path(ingest: Data<Ingest>, payload: Payload) -> HttpResponse {
    let message = "expected `/v1/` and one of `identify`, `track`, `page`, `screen`, `group`, `alias`, `batch`, `import`";
    ingest.refuse(&Complaint::new(Code::NotFound, message), 0, payload).await
}

/// A request that is refused as a whole.
struct Refused {
    complaint: Complaint,
    /// How many events it holds.
    events: u64,
}

impl From<Complaint> for Refused {
    /// Before its events could be counted.
    fn from(complaint: Complaint) -> Self {
        Self { complaint, events: 1 }
    }
}

/// What the head of a request says about its body.
struct Head {
    gzip: bool,
    cap: usize,
    too_large: Code,
    admission: Admission,
}

impl Ingest {
    async fn accept(
        &self,
        endpoint: Endpoint,
        request: &HttpRequest,
        payload: &mut Payload,
    ) -> Result<RequestAccepted, Refused> {
        let head = self.read_head(endpoint, request)?;
        let mut share = self.budget.share();
        let mut body = body::read(payload, head.cap, head.too_large, &self.limits, &mut share).await?;
        let start = Instant::now();
        if head.gzip {
            // Whoever packed it, a proxy or Segment, packed what had been signed: signatures are of the text inside.
            let cap = match endpoint {
                Endpoint::Single(_) => self.limits.event_bytes,
                Endpoint::Batch | Endpoint::Webhook => self.limits.inflated_bytes,
            };
            body = gzip::inflate(&body, cap, &mut share)?;
        }
        let request = Request {
            endpoint,
            receipt: &Receipt::at(self.clock.now()),
            admission: &head.admission,
            limits: &self.limits,
        };
        let events = intake::read(&body, &request)?;
        head.admission.note_use(request.receipt.at);
        drop(body);
        let kept: usize = events.iter().map(|event| event.body.len()).sum();
        share.shrink_to(0);
        let count = events.len() as u64;
        let refused = |complaint| Refused { complaint, events: count };
        share.grow(kept).map_err(refused)?;
        let mut accepted = self.append(events).await.map_err(refused)?;
        accepted.took = start.elapsed();
        Ok(accepted)
    }

    /// Everything that can be said before the body is read.
    fn read_head(&self, endpoint: Endpoint, request: &HttpRequest) -> Result<Head, Complaint> {
        let admission = Admission::read(endpoint, request.headers(), self.settings.keys())?;
        let gzip =
            match request.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim()) {
                None | Some("") => false,
                Some(name) if name.eq_ignore_ascii_case("identity") => false,
                Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                    true
                }
                Some(_) => {
                    let message = "expected the body plain or in gzip, found another `Content-Encoding`";
                    return Err(Complaint::new(Code::UnsupportedEncoding, message));
                }
            };
        let (cap, too_large) = match endpoint {
            Endpoint::Single(_) => (self.limits.event_bytes, Code::EventTooLarge),
            Endpoint::Batch => (self.limits.batch_bytes, Code::BatchTooLarge),
            Endpoint::Webhook => (self.limits.inflated_bytes, Code::BatchTooLarge),
        };
        let announced =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > cap) {
            return Err(body::oversize(too_large, cap));
        }
        Ok(Head { gzip, cap, too_large, admission })
    }

    async fn append(&self, events: Vec<NewEvent>) -> Result<RequestAccepted, Complaint> {
        let mut accepted = RequestAccepted {
            code: Word::of(Code::Accepted),
            stored: 0,
            failed: 0,
            duplicate: 0,
            took: Duration::ZERO,
        };
        let failed: Vec<bool> = events.iter().map(|event| event.refusal.is_some()).collect();
        if events.is_empty() {
            return Ok(accepted);
        }
        let appended = self.journal.append(events).await.map_err(|error| match error {
            AppendError::Full { retry_after } => {
                let message = "the journal is full; send again after the time in `Retry-After`";
                Complaint::new(Code::JournalFull, message).retry_after(retry_after)
            }
            AppendError::Broken(_) => {
                let message = "the journal can not write; its operator must look at `/readyz` and restart it";
                Complaint::new(Code::JournalBroken, message).retry_after(RESTART_TIME)
            }
        })?;
        for (appended, failed) in appended.iter().zip(failed) {
            match (appended, failed) {
                (Appended::Duplicate(_), _) => accepted.duplicate += 1,
                (Appended::Stored(_), true) => accepted.failed += 1,
                (Appended::Stored(_), false) => accepted.stored += 1,
            }
        }
        Ok(accepted)
    }

    async fn refuse(&self, complaint: &Complaint, events: u64, mut payload: Payload) -> HttpResponse {
        let (code, status) = (Word::of(complaint.code), complaint.code.status());
        RequestRefused { code, status, events }.tell(&self.telemetry);
        // A body that came too slowly has had its time.
        let finished = complaint.code != Code::BodyTimeout && body::discard(&mut payload, &self.limits).await;
        answer::refused(complaint, (!finished).then_some(payload))
    }
}
