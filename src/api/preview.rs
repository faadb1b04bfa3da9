//! `POST /v1/preview`: what would become of events, with the live rules or a candidate. Stores nothing and sends nothing.

use super::call::Call;
use super::member::{Members, pointer};
use super::{Problem, RequestError, answer};
use crate::admin::{Candidate, MOST_EVENTS, PreviewOutcome};
use crate::engine::Preview;
use crate::engine::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::value::RawValue;

/// The members of the request.
const KNOWN: [&str; 6] = ["event", "events", "pack", "options", "rules", "trace"];

/// A checked request.
struct Request {
    /// Each byte for byte as it stands in the body.
    events: Vec<String>,
    candidate: Candidate,
    trace: bool,
}

#[derive(Serialize)]
struct ResultsDoc {
    results: Vec<Preview>,
}

/// Handles the call.
pub(super) async fn preview(call: Call) -> Result<HttpResponse, Problem> {
    let Request { events, candidate, trace } = parse(&call.body)?;
    let files: Vec<String> = candidate.files.keys().cloned().collect();
    match call.admin.preview_with(events, candidate, trace).await {
        PreviewOutcome::Previewed(results) => answer::json(&ResultsDoc { results }),
        PreviewOutcome::BadRules(diagnostics) => Err(Problem::Invalid(complaints(&diagnostics, &files))),
        PreviewOutcome::Unreadable(error) => {
            RequestFailed { what: Unanswered::Rules, route: None, error: Cause::told(&error) }.tell();
            Err(Problem::Failed)
        }
    }
}

fn parse(body: &[u8]) -> Result<Request, Problem> {
    let mut members = Members::parse(body)?;
    let event = members.take("event").map(|event| event.get().to_owned());
    let events: Option<Vec<Box<RawValue>>> = members.read("events", "an array of events");
    let events = match (event, events) {
        (Some(event), None) => vec![event],
        (None, Some(events)) if (1..=MOST_EVENTS).contains(&events.len()) => {
            events.iter().map(|event| event.get().to_owned()).collect()
        }
        (None, Some(events)) => {
            let detail = format!("expected 1 to {MOST_EVENTS} events, found {}", events.len());
            members.errors.push(RequestError::new("/events", detail));
            Vec::new()
        }
        (Some(_), Some(_)) => {
            members
                .errors
                .push(RequestError::new("/events", "expected either `event` or `events`, found both"));
            Vec::new()
        }
        (None, None) => {
            // Where `events` was of the wrong type, that has been said.
            if !members.errors.iter().any(|error| error.pointer == "/events") {
                members.errors.push(RequestError::new("", "expected `event` or `events`, found neither"));
            }
            Vec::new()
        }
    };
    let candidate = members.candidate();
    let trace = members.read("trace", "`true` or `false`").unwrap_or_default();
    members.finish(&KNOWN)?;
    Ok(Request { events, candidate, trace })
}

/// Complaints about candidate rules, each pointing at the part of the request that it is about.
fn complaints(diagnostics: &Diagnostics, files: &[String]) -> Vec<RequestError> {
    let complaint = |diagnostic: &Diagnostic| {
        let place = diagnostic.place.as_ref();
        let file =
            place.map(|place| place.file.as_ref()).filter(|file| files.iter().any(|known| known == file));
        let pointer = match (file, diagnostic.code) {
            (Some(file), _) => format!("/rules{}", pointer(file)),
            (None, Code::R110) => "/pack".to_owned(),
            (None, Code::R111 | Code::R112) => "/options".to_owned(),
            (None, _) => "/rules".to_owned(),
        };
        // A file of the rules directory is not in the request, so the words have to name it.
        let detail = match place {
            Some(place) if file.is_none() => format!("{place}: {}", diagnostic.message),
            _ => diagnostic.message.clone(),
        };
        RequestError {
            code: Some(diagnostic.code.as_str().to_owned()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            suggestion: diagnostic.help.clone(),
            ..RequestError::new(pointer, detail)
        }
    };
    diagnostics.iter().map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &str) -> Vec<(String, String)> {
        match parse(body.as_bytes()).map(|request| request.events) {
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|e| (e.pointer, e.detail)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_keeps_every_byte() {
        let body = br#"{"trace":true,"event": {"n" : 12345678901234567890.10,"s":"\u00fc"} }"#;
        let request = parse(body).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(request.events, [r#"{"n" : 12345678901234567890.10,"s":"\u00fc"}"#]);
        assert!(request.trace);
    }

    #[test]
    fn all_problems_are_named_at_once_with_where_they_are() {
        let found = errors(
            r#"{"events":3,"pack":[],"options":1,"rules":{"a":2},"trace":"yes","foo/bar":1,"pack":"x"}"#,
        );
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/pack", "/events", "/options", "/rules", "/trace", "/foo~1bar"]);
        assert_eq!(found[1].1, "expected an array of events, found a number");
        assert_eq!(errors("{}"), [("".to_owned(), "expected `event` or `events`, found neither".to_owned())]);
        assert_eq!(errors(r#"{"event":{},"events":[{}]}"#)[0].0, "/events");
        assert_eq!(errors(r#"{"events":[]}"#)[0].1, "expected 1 to 2500 events, found 0");
        for (body, words) in
            [("[1]", "expected a JSON object"), ("{", "this is not JSON"), ("{} x", "this is not JSON")]
        {
            assert!(errors(body)[0].1.contains(words), "{body}");
        }
    }
}
