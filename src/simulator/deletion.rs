//! `POST /1/delete/profiles.json`: forgets profiles, ≤100 a call.
//!
//! What was taken stays in `GET /received`; only `GET /1/profile.json` no longer knows the profile.

use super::answer::{self, Connection};
use super::fault::FaultKind;
use super::upload::{HANG, spoilt_answer};
use super::{State, credential};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

/// Values of one kind a call may carry (CleverTap's page on deleting profiles, 2026-07).
const PROFILES: usize = 100;

/// A body longer than this holds more than 200 ids.
const BODY_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize)]
struct Doc {
    identity: Option<OneOrMany>,
    guid: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Deletes by `identity` or by `guid`; both at once are answered 400.
pub(super) async fn delete(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let place = state.deletions.enter();
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_BYTES).await else { return answer::malformed() };
    if place.is_none() {
        state.count(|tally| tally.too_many += 1);
        return answer::error(429, answer::words(429));
    }
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
        Connection::cut(&request);
        return HttpResponse::InternalServerError().finish();
    }
    let keys = match serde_json::from_slice(&body) {
        Ok(Doc { identity: Some(keys), guid: None } | Doc { identity: None, guid: Some(keys) }) => {
            keys.into_vec()
        }
        _ => return answer::malformed(),
    };
    if !(1..=PROFILES).contains(&keys.len()) || !credential::is_json(&request) {
        return answer::malformed();
    }
    {
        let mut intake = state.intake();
        keys.into_iter().for_each(|key| intake.delete(key));
    }
    state.count(|tally| tally.deletions += 1);
    if hits.contains(&FaultKind::Cut) {
        Connection::cut(&request);
    }
    let answer = answer::json(200, &json!({"status": "success"}));
    if hits.contains(&FaultKind::Torn) {
        return answer::torn(answer).await;
    }
    answer
}
