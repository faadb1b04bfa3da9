//! `/v1/settings/write-keys` and `/v1/settings/webhook-secrets`: several of each, made, listed and revoked.
//!
//! A key that is made here comes back once, in the answer that makes it, and never again.

use super::doc::SavedDoc;
use crate::admin::{Author, KeyView, NewKey};
use crate::api::call::Call;
use crate::api::member::{Members, pointer};
use crate::api::{Problem, RequestError, answer};
use crate::engine::event::time::render_iso;
use crate::settings::{KeyKind, Secret};
use actix_web::HttpResponse;
use serde::Serialize;

/// The members of a key to be made.
const KNOWN: [&str; 3] = ["name", "key", "successor_of"];

#[derive(Serialize)]
struct ListDoc {
    keys: Vec<KeyDoc>,
}

#[derive(Serialize)]
struct KeyDoc {
    id: String,
    name: String,
    ending: Option<String>,
    /// Nothing for what a variable sets.
    made: Option<SavedDoc>,
    used_at: Option<String>,
    /// Whether it lets senders in.
    in_force: bool,
}

/// A key that was made. Deliberately without `Debug`.
#[derive(Serialize)]
struct MadeDoc<'a> {
    id: &'a str,
    name: &'a str,
    key: &'a str,
}

impl From<KeyView> for KeyDoc {
    fn from(key: KeyView) -> Self {
        Self {
            made: key.made.as_ref().map(SavedDoc::from),
            used_at: key.used_at.map(|at| render_iso(at.0)),
            id: key.id,
            name: key.name,
            ending: key.ending,
            in_force: key.in_force,
        }
    }
}

/// Handles `GET`.
pub(in crate::api) async fn list(call: Call, kind: KeyKind) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let keys = call.admin.keys(kind).await?;
    answer::json(&ListDoc { keys: keys.into_iter().map(KeyDoc::from).collect() })
}

/// Handles `POST`.
pub(in crate::api) async fn create(call: Call, kind: KeyKind) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let mut members = Members::parse(&call.body)?;
    let name: Option<String> = members.read("name", "text");
    let key: Option<String> = members.read("key", "text");
    let successor_of = members.read("successor_of", "the id of a key as text");
    members.finish(&KNOWN)?;
    let secret = key.as_deref().and_then(Secret::parse);
    let new = NewKey { name: name.unwrap_or_default(), secret, successor_of };
    match call.admin.create_key(&Author::from(&call.caller), kind, new).await? {
        Ok(made) => answer::created(&MadeDoc { id: &made.id, name: &made.name, key: made.secret.expose() }),
        Err(problem) => Err(match problem.member() {
            Some(member) => Problem::Invalid(vec![RequestError::new(pointer(member), problem.to_string())]),
            None => Problem::Conflict(problem.to_string()),
        }),
    }
}

/// Handles `DELETE`: from now on who shows it is refused.
pub(in crate::api) async fn revoke(call: Call, kind: KeyKind) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let id = call.segment("id").to_owned();
    match call.admin.revoke_key(&Author::from(&call.caller), kind, &id).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Problem::NotFound),
    }
}
