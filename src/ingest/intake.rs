//! From a body to the events to store: the whole of ingest that needs no network, no disk and no clock.

use super::Endpoint;
use super::admission::Admission;
use super::code::{Code, Complaint};
use super::envelope::{self, BatchIndex};
use super::incoming::{CallType, Given, Incoming, MessageId};
use super::limit::Limits;
use super::shared::Shared;
use super::stamp::{self, Receipt, Stamp};
use crate::engine::event::{At, Kind, Scanner};
use crate::journal::{DedupKey, NewEvent};
use crate::settings::Secret;
use std::borrow::Cow;
use xxhash_rust::xxh3::Xxh3;

/// Room for what a stamp adds to a call.
const STAMP_BYTES: usize = 1024;

/// What is known about a request beside its body.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The path.
    pub(crate) endpoint: Endpoint,
    /// When it came.
    pub(crate) receipt: &'a Receipt,
    /// What its head shows of the right to send.
    pub(crate) admission: &'a Admission,
    /// The bounds.
    pub(crate) limits: &'a Limits,
}

/// The events of a body, in order. A complaint refuses the whole request.
pub(crate) fn read(body: &[u8], request: &Request<'_>) -> Result<Vec<NewEvent>, Complaint> {
    let text = envelope::text(body)?;
    match request.endpoint {
        Endpoint::Single(kind) => read_call(text, Given::Kind(kind), request).map(|event| vec![event]),
        Endpoint::Batch => read_batch(text, "/batch", request),
        Endpoint::Webhook if text.trim_start().starts_with('[') => {
            request.admission.check_signed_array(text)?;
            envelope::check_array(text)?;
            read_batch(&format!("{{\"batch\":{text}}}"), "", request)
        }
        Endpoint::Webhook => {
            // All of the body as it came, a byte-order mark included.
            request.admission.check_signed_call(body)?;
            read_call(text, Given::Own { deletes: request.admission.may_delete() }, request)
                .map(|event| vec![event])
        }
    }
}

fn read_call(text: &str, given: Given, request: &Request<'_>) -> Result<NewEvent, Complaint> {
    let mut scanner = Scanner::default();
    let call = Incoming { json: envelope::scan_call(text, &mut scanner)?, at: At::ROOT };
    check_key(&call, request)?;
    let kind = call.check(given)?;
    let shared = Shared::default();
    Ok(complete(&call, Some(kind).filter(|kind| is_set(given, *kind)), &shared, request))
}

/// Whether the type is to be set on the call: what the path says wins, and a deletion is written in one way only, by
/// which delivery knows it.
fn is_set(given: Given, kind: CallType) -> bool {
    matches!(given, Given::Kind(_)) || kind == CallType::Deletion
}

/// The events of a batch; `list` points to where the sender put its calls.
fn read_batch(text: &str, list: &str, request: &Request<'_>) -> Result<Vec<NewEvent>, Complaint> {
    let limits = request.limits;
    let mut memory = BatchIndex::default();
    let (json, deep) = envelope::scan_batch(text, &mut memory)?;
    let batch = Incoming { json, at: At::ROOT };
    if json.kind(At::ROOT) != Kind::Object {
        let message =
            format!("expected a batch as an object with `batch`, found {}", json.kind(At::ROOT).noun());
        return Err(Complaint::new(Code::NotAnObject, message));
    }
    check_key(&batch, request)?;
    let calls = batch.member("batch").filter(|&calls| json.kind(calls) == Kind::Array).ok_or_else(|| {
        let message =
            "expected `batch` to be an array of calls, found none; send a single call to its own path";
        Complaint::new(Code::MissingBatch, message).at("/batch")
    })?;
    let count = json.elements(calls).count();
    let most = match request.endpoint {
        Endpoint::Webhook => limits.webhook_events,
        Endpoint::Single(_) | Endpoint::Batch => limits.batch_events,
    };
    if count > most {
        let message = format!("expected at most {most} calls in a batch, found {count}");
        return Err(Complaint::new(Code::TooManyEvents, message).at(list));
    }
    let shared = Shared::of(&batch, count, limits)?;
    let events = json.elements(calls).enumerate().map(|(index, at)| {
        let call = Incoming { json, at };
        let place = || format!("{list}/{index}");
        if deep.binary_search(&index).is_ok() {
            return keep_remains(&call, envelope::too_deep(), &place(), request);
        }
        if json.raw(at).len() > limits.event_bytes {
            return keep_remains(&call, too_large(limits), &place(), request);
        }
        let given = Given::Own { deletes: request.admission.may_delete() };
        match call.check(given) {
            Err(complaint) if complaint.code == Code::NotAnObject => {
                keep_remains(&call, complaint, &place(), request)
            }
            checked => {
                let kind = checked.as_ref().ok().copied().filter(|kind| is_set(given, *kind));
                let mut event = complete(&call, kind, &shared, request);
                if event.body.len() > limits.event_bytes + STAMP_BYTES {
                    return keep_remains(&call, too_large(limits), &place(), request);
                }
                event.refusal = checked.err().map(|complaint| complaint.into_refusal(&place()));
                event
            }
        }
    });
    Ok(events.collect())
}

fn check_key(body: &Incoming<'_>, request: &Request<'_>) -> Result<(), Complaint> {
    request.admission.check_key(body.text("writeKey").as_deref())
}

fn too_large(limits: &Limits) -> Complaint {
    let message = format!(
        "expected a call of at most {} bytes, the batch's `context` and `integrations` included, found more; \
         only its type and id are kept",
        limits.event_bytes
    );
    Complaint::new(Code::EventTooLarge, message)
}

fn complete(
    call: &Incoming<'_>,
    kind: Option<CallType>,
    shared: &Shared<'_>,
    request: &Request<'_>,
) -> NewEvent {
    let (id, is_new) = id_of(call);
    let stamp = Stamp { receipt: request.receipt, kind, message_id: is_new.then_some(id.as_ref()), shared };
    let body = stamp::render(call, &stamp);
    NewEvent {
        dedup: dedup_key(request.admission.source(), &id),
        received_at: request.receipt.at,
        refusal: None,
        body,
    }
}

/// An event of which only type and id are stored, beside the reason.
fn keep_remains(call: &Incoming<'_>, complaint: Complaint, place: &str, request: &Request<'_>) -> NewEvent {
    let (id, _) = id_of(call);
    // An id over its own bound would be one more thing too large to keep, but still tells repetitions apart.
    let shown = if id.len() <= request.limits.event_bytes { id.as_ref() } else { "" };
    NewEvent {
        dedup: dedup_key(request.admission.source(), &id),
        received_at: request.receipt.at,
        refusal: Some(complaint.into_refusal(place)),
        body: stamp::render_remains(call, shown, request.receipt),
    }
}

/// The call's id, and whether it must be set because the call does not hold it as text.
fn id_of<'a>(call: &Incoming<'a>) -> (Cow<'a, str>, bool) {
    match call.message_id() {
        MessageId::Text(text) => (text, false),
        MessageId::Number(digits) => (digits.into(), true),
        MessageId::Absent => (new_message_id().into(), true),
    }
}

/// An id for a call that has none. A retry of that call gets another one: only the sender can tell the two are one.
fn new_message_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without the system's randomness an address and a count still tell calls of one process apart.
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let hash = xxhash_rust::xxh3::xxh3_128(&count.to_le_bytes()) ^ u128::from(std::process::id());
        bytes = hash.to_le_bytes();
    }
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("tapline-{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// The same after a restart and on every machine, because the window of known ids is rebuilt from the journal.
fn dedup_key(source: Option<&Secret>, message_id: &str) -> DedupKey {
    let mut hash = Xxh3::new();
    // There is always one: nobody is let in without a key.
    hash.update(source.map_or("", Secret::expose).as_bytes());
    // No UTF-8 text holds this byte, so no key and id can be mistaken for another pair.
    hash.update(&[0xFF]);
    hash.update(message_id.as_bytes());
    DedupKey(hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Key, KeyRing};
    use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    fn read_with(body: &str, endpoint: Endpoint, limits: &Limits) -> Result<Vec<NewEvent>, Complaint> {
        let key = Key::new("first", Secret::parse("key_1").unwrap(), None);
        let ring = KeyRing::new(vec![key], vec![], &KeyRing::default());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic a2V5XzE6"));
        let admission = Admission::read(endpoint, &headers, ring.into()).unwrap();
        let receipt = Receipt::at(crate::clock::Millis(1_767_225_610_000));
        read(body.as_bytes(), &Request { endpoint, receipt: &receipt, admission: &admission, limits })
    }

    fn batch(body: &str, limits: &Limits) -> Vec<NewEvent> {
        read_with(body, Endpoint::Batch, limits).unwrap()
    }

    #[test]
    fn the_dedup_key_is_the_same_on_every_machine_and_for_ever() {
        let key = |write_key: &str, id: &str| dedup_key(Secret::parse(write_key).as_ref(), id);
        assert_eq!(key("key_1", "message_1"), DedupKey(249_690_016_181_733_674_284_650_926_423_964_949_062));
        assert_ne!(key("key_1", "1"), key("key_11", ""));
        assert_ne!(key("key_1", "message_1"), key("key_2", "message_1"));
    }

    #[test]
    fn made_up_ids_look_like_uuids_and_differ() {
        let id = new_message_id();
        assert_eq!(id.len(), "tapline-".len() + 36);
        assert_eq!(id.matches('-').count(), 5);
        assert_ne!(id, new_message_id());
    }

    #[test]
    fn an_oversize_call_leaves_its_type_and_id_and_none_of_its_bytes() {
        let limits = Limits { event_bytes: 200, ..Limits::default() };
        let call = |filler: usize| {
            format!(r#"{{"type":"page","userId":"u","messageId":"m","name":"{}"}}"#, "x".repeat(filler))
        };
        let fits = 200 - call(0).len();
        let events = batch(&format!(r#"{{"batch":[{},{}]}}"#, call(fits), call(fits + 1)), &limits);
        assert_eq!(events[0].refusal, None);
        let refusal = events[1].refusal.as_ref().unwrap();
        assert_eq!((refusal.code.as_str(), refusal.pointer.as_str()), ("event_too_large", "/batch/1"));
        let body = std::str::from_utf8(&events[1].body).unwrap();
        assert_eq!(body, r#"{"type":"page","messageId":"m","receivedAt":"2026-01-01T00:00:10.000Z"}"#);
        assert_eq!(events[0].dedup, events[1].dedup);
    }

    #[test]
    fn shared_parts_can_make_a_call_too_large() {
        let limits = Limits { event_bytes: 2000, ..Limits::default() };
        let filler = "x".repeat(1600);
        let body = format!(
            r#"{{"context":{{"a":"{filler}"}},"batch":[
                {{"type":"page","userId":"u","name":"{filler}"}},
                {{"type":"page","userId":"u","name":"short"}}]}}"#
        );
        let events = batch(&body, &limits);
        assert_eq!(events[0].refusal.as_ref().unwrap().code, "event_too_large");
        assert_eq!(events[1].refusal, None);
    }

    #[test]
    fn a_batch_may_hold_as_many_calls_as_the_limit_says() {
        let limits = Limits { batch_events: 3, ..Limits::default() };
        let body = |count| format!(r#"{{"batch":[{}]}}"#, vec!["{}"; count].join(","));
        assert_eq!(batch(&body(3), &limits).len(), 3);
        let refused = read_with(&body(4), Endpoint::Batch, &limits).unwrap_err();
        assert_eq!((refused.code, refused.pointer.as_str()), (Code::TooManyEvents, "/batch"));
        assert!(batch(&body(0), &limits).is_empty());
    }
}
