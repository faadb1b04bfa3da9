//! `/v1/settings`: reading, changing and testing what an operator sets, as the console's Settings page does.
//!
//! First thing to know: a change carries `If-Match` with the `ETag` of what was read, so that nobody overwrites what he has
//! not seen. Members that are absent stay as they are; `null` gives a value back to the default. Secrets go in and never
//! come out.

mod doc;
pub(super) mod key;

use super::call::Call;
use super::member::{Members, kind, pointer};
use super::{Problem, RequestError, answer};
use crate::admin::{Author, Field, FieldProblem, Input, Revision, SaveOutcome, SecretInput};
use crate::settings::Secret;
use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, HeaderValue};
use doc::SettingsDoc;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a connection test found.
#[derive(Serialize)]
struct CheckDoc {
    authorised: bool,
    verdict: String,
}

/// Handles `GET /v1/settings`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    shown(&call).await
}

/// Handles `PUT /v1/settings`.
pub(super) async fn save(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let seen = call.if_match()?.ok_or(Problem::PreconditionRequired)?;
    let input = parse(&call.body)?;
    let seen = seen.trim_matches('"').parse().map_or(Revision(u64::MAX), Revision);
    match call.admin.save_settings(&Author::from(&call.caller), seen, &input).await? {
        SaveOutcome::Saved(_) => shown(&call).await,
        SaveOutcome::Invalid(problems) => Err(invalid(problems)),
        SaveOutcome::Stale { revision, saved, differences } => Err(Problem::Stale {
            revision: revision.0,
            saved_by: saved.map(|saved| saved.user.to_string()),
            differences: differences.into_iter().map(|one| (one.field, one.theirs, one.yours)).collect(),
        }),
    }
}

/// Handles `POST /v1/settings/test`. Saves nothing; CleverTap stores nothing either.
pub(super) async fn test(call: Call) -> Result<HttpResponse, Problem> {
    call.parameters().finish(&[])?;
    let input = parse(&call.body)?;
    let check = call.admin.check_connection(&input).await?.map_err(invalid)?;
    answer::json(&CheckDoc { authorised: check.good, verdict: check.verdict })
}

async fn shown(call: &Call) -> Result<HttpResponse, Problem> {
    let view = call.admin.settings_view().await?;
    let is_given = |name: &str| call.admin.option_is_given(name);
    let mut response = answer::json(&SettingsDoc::of(&view, is_given))?;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", view.revision.0)) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// All that is wrong with typed values, by the members they came as.
fn invalid(problems: Vec<FieldProblem>) -> Problem {
    let error = |problem: FieldProblem| {
        let pointer = match problem.field.strip_prefix("option.") {
            Some(option) => format!("/options{}", pointer(option)),
            None => pointer(&problem.field),
        };
        RequestError::new(pointer, problem.message)
    };
    Problem::Invalid(problems.into_iter().map(error).collect())
}

fn parse(body: &[u8]) -> Result<Input, Problem> {
    let mut members = Members::parse(body)?;
    let mut input = Input::default();
    for field in Field::ALL {
        let Some(raw) = members.take_or_null(field.name()) else { continue };
        let read = match field {
            Field::MaskPaths => list(raw),
            Field::Limit(_) => amount(raw),
            _ => text(raw),
        };
        match read {
            Ok(text) if field.is_secret() => {
                let secret = Secret::parse(&text).map_or(SecretInput::Remove, SecretInput::Replace);
                input.secrets.insert(field, secret);
            }
            // Only this one has no value that stands for the default.
            Ok(text) if field == Field::Region && text.is_empty() => {
                input.texts.insert(field, "eu1".to_owned());
            }
            Ok(text) => {
                input.texts.insert(field, text);
            }
            Err(expected) => members.errors.push(RequestError::new(
                pointer(field.name()),
                format!("expected {expected}, found {}", kind(raw)),
            )),
        }
    }
    let options: Option<BTreeMap<String, serde_json::Value>> =
        members.read("options", "an object of option names and values");
    for (name, value) in options.unwrap_or_default() {
        let text = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        input.options.insert(name, text);
    }
    let known: Vec<&str> = Field::ALL.iter().map(|field| field.name()).chain(["options"]).collect();
    members.finish(&known)?;
    Ok(input)
}

/// Text; empty for `null`.
fn text(raw: &RawValue) -> Result<String, &'static str> {
    let read: Result<Option<String>, _> = serde_json::from_str(raw.get());
    read.map(Option::unwrap_or_default).map_err(|_| "text or `null`")
}

/// A whole number or text with a unit; empty for `null`.
fn amount(raw: &RawValue) -> Result<String, &'static str> {
    match serde_json::from_str::<Option<u64>>(raw.get()) {
        Ok(number) => Ok(number.map(|number| number.to_string()).unwrap_or_default()),
        Err(_) => text(raw).map_err(|_| "a whole number, text with a unit as `24 h`, or `null`"),
    }
}

/// A list of texts, one a line; empty for `null`.
fn list(raw: &RawValue) -> Result<String, &'static str> {
    let read: Result<Option<Vec<String>>, _> = serde_json::from_str(raw.get());
    read.map(|lines| lines.unwrap_or_default().join("\n")).map_err(|_| "an array of texts or `null`")
}
