//! `POST /1/upload`: validation, the answer per record, and the faults.

use super::answer::{self, Connection};
use super::fault::FaultKind;
use super::{State, check, credential};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Records one call may carry (<https://developer.clevertap.com/docs/upload-events-api>, 2026-06).
const RECORDS: usize = 1000;

/// CleverTap documents no bound on the body; this one only keeps the stand-in's memory.
const BODY_BYTES: usize = 64 << 20;

/// Code and words of the fault `partial`.
const NOT_NOW: &str = "Miscellaneous server error. ";

/// How long the fault `hang` says nothing.
pub(super) const HANG: std::time::Duration = std::time::Duration::from_secs(600);

/// `?dryRun=1` validates and stores nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Mode {
    #[serde(rename = "dryRun", default)]
    dry_run: Option<String>,
}

impl Mode {
    fn is_dry(&self) -> bool {
        matches!(self.dry_run.as_deref(), Some("1" | "true"))
    }
}

#[derive(Debug, Deserialize)]
struct Batch {
    d: Vec<Box<RawValue>>,
}

/// Takes a batch.
pub(super) async fn upload(
    request: HttpRequest,
    mode: web::Query<Mode>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let place = state.uploads.enter();
    // The body is read before anything is answered: a connection with an unread body can not be used again.
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_BYTES).await else { return answer::malformed() };
    let Some(place) = place else {
        state.count(|tally| tally.too_many += 1);
        return answer::error(429, answer::words(429));
    };
    state.count(|tally| {
        tally.uploads += 1;
        tally.most_bytes = tally.most_bytes.max(body.len());
    });
    if let Some(refused) = credential::refused(&request, &state) {
        return refused;
    }
    let hits = state.faults().draw();
    for hit in &hits {
        if let FaultKind::Slow(delay) = hit {
            tokio::time::sleep(*delay).await;
        }
    }
    if let Some(spoilt) = hits.iter().find_map(spoilt_answer) {
        return spoilt;
    }
    if hits.contains(&FaultKind::Hang) {
        // The caller leaves, which is not noticed here; whoever waits for longer is cut.
        drop(place);
        tokio::time::sleep(HANG).await;
        Connection::cut(&request);
        return HttpResponse::InternalServerError().finish();
    }
    if hits.contains(&FaultKind::Reset) {
        drop(place);
        Connection::cut(&request);
        return HttpResponse::InternalServerError().finish();
    }
    let answer = if credential::is_json(&request) {
        take(&body, mode.is_dry(), &hits, &state)
    } else {
        answer::malformed()
    };
    drop(place);
    if hits.contains(&FaultKind::Cut) {
        Connection::cut(&request);
    }
    if hits.contains(&FaultKind::Torn) {
        return answer::torn(answer).await;
    }
    answer
}

/// The answer of a fault that keeps everything from being taken.
pub(super) fn spoilt_answer(hit: &FaultKind) -> Option<HttpResponse> {
    match hit {
        FaultKind::Status { status, retry_after } => {
            let mut answer = answer::error(*status, answer::words(*status));
            if let Some(seconds) = retry_after {
                let name = actix_web::http::header::RETRY_AFTER;
                answer.headers_mut().insert(name, (*seconds).into());
            }
            Some(answer)
        }
        FaultKind::Html => Some(answer::html(200)),
        FaultKind::Empty => Some(HttpResponse::Ok().content_type("application/json;charset=utf-8").finish()),
        FaultKind::Huge => Some(answer::blanks()),
        FaultKind::Bomb => Some(answer::packed_blanks()),
        FaultKind::Trickle => Some(answer::trickle()),
        FaultKind::Miscount => Some(answer::json(200, &count_of(1_000_001, "success"))),
        FaultKind::Unlisted => Some(answer::json(200, &count_of(0, "fail"))),
        FaultKind::Redirect(to) => Some(answer::redirect(to)),
        FaultKind::Slow(_)
        | FaultKind::Reset
        | FaultKind::Cut
        | FaultKind::Torn
        | FaultKind::Hang
        | FaultKind::Partial { .. } => None,
    }
}

fn count_of(processed: usize, status: &str) -> Value {
    json!({"status": status, "processed": processed, "unprocessed": []})
}

fn take(body: &Bytes, dry: bool, hits: &[FaultKind], state: &State) -> HttpResponse {
    judge(body, dry, hits, state).map_or_else(answer::malformed, |verdict| answer::json(200, &verdict))
}

/// The answer to a batch, of which what is good is kept unless it is a dry run; none where it is malformed as a whole.
pub(super) fn judge(body: &[u8], dry: bool, hits: &[FaultKind], state: &State) -> Option<Value> {
    let batch = serde_json::from_slice::<Batch>(body).ok()?;
    let count = batch.d.len();
    // What a single record that is not even an object does is not documented; the whole request being refused is the
    // harshest reading, and the one that senders must survive.
    if count > RECORDS || batch.d.iter().any(|record| !record.get().starts_with('{')) {
        return None;
    }
    state.count(|tally| tally.most_records = tally.most_records.max(count));
    let partial = hits.iter().find_map(|hit| match hit {
        FaultKind::Partial { share, code } => Some((*share, *code)),
        _ => None,
    });
    let mut unprocessed = Vec::new();
    let mut taken = Vec::new();
    for (i, raw) in batch.d.into_iter().enumerate() {
        let record = serde_json::from_str::<Value>(raw.get()).ok()?;
        let mut verdict = check::record(&record, state.options.event_properties);
        if let (Ok(()), Some((share, code))) = (&verdict, partial)
            && state.faults().hits_record(share)
        {
            verdict = Err(check::Refusal::new(code, NOT_NOW));
        }
        match verdict {
            Ok(()) => taken.push(raw),
            Err(refusal) => unprocessed.push(refused(&refusal, i + 1, record)),
        }
    }
    let processed = taken.len();
    let status = match (processed, unprocessed.len()) {
        (_, 0) => "success",
        (0, _) => "fail",
        _ => "partial",
    };
    state.count(|tally| {
        tally.unprocessed += unprocessed.len() as u64;
        if !dry {
            tally.taken += processed as u64;
        }
    });
    if !dry {
        let mut intake = state.intake();
        taken.into_iter().for_each(|record| intake.push(record));
    }
    Some(json!({"status": status, "processed": processed, "unprocessed": unprocessed}))
}

fn refused(refusal: &check::Refusal, number: usize, record: Value) -> Value {
    let error = format!("{}Skipped record number : {number}", refusal.words);
    json!({"status": "fail", "code": refusal.code, "error": error, "record": echo(record, refusal.code)})
}

/// The record as CleverTap shows it back: a checked phone number has become a number, as recorded in 2018.
/// So nobody can find a record again by comparing.
fn echo(mut record: Value, code: u16) -> Value {
    const CHECKED_AFTER_THE_PHONE: std::ops::RangeInclusive<u16> = 517..=520;
    let phone = record.pointer_mut("/profileData/Phone");
    if let (true, Some(phone)) = (CHECKED_AFTER_THE_PHONE.contains(&code), phone)
        && let Some(number) = phone.as_str().and_then(|text| text.strip_prefix('+')?.parse::<u64>().ok())
    {
        *phone = number.into();
    }
    record
}
