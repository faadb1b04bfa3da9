//! `POST /v1/deletions`: persons are to be deleted at CleverTap and erased here. `GET /v1/deletions`: how that stands.

use super::call::Call;
use super::member::{Members, kind};
use super::{Problem, RequestError, answer};
use crate::admin::{DeletionOutcome, DeletionState, MOST_ASKED, MOST_PERSONS};
use crate::engine::event::Person;
use crate::journal::{Seq, State};
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// The members of an order.
const KNOWN: [&str; 2] = ["userIds", "anonymousIds"];
/// Problems of one request that are told.
const MOST_ERRORS: usize = 100;

#[derive(Serialize)]
struct AcceptedDoc {
    /// How many persons; one who is named twice counts once.
    accepted: usize,
    /// The events, those of `userIds` first, in the order given.
    ids: Vec<String>,
    /// Those of `ids` whose person no event here is about; CleverTap is told all the same. Not looked for where very
    /// many persons are named.
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct StatesDoc {
    deletions: Vec<StateDoc>,
}

#[derive(Serialize)]
struct StateDoc {
    id: String,
    /// `pending`, `delivered`, `failed` or `dead`.
    state: &'static str,
    code: Option<String>,
    message: Option<String>,
    /// Whether the person's earlier events are erased here.
    erased: bool,
}

/// Handles `POST /v1/deletions`.
pub(super) async fn order(call: Call) -> Result<HttpResponse, Problem> {
    let people = parse(&call.body)?;
    let unknown = call.admin.unknown_persons(&people).await?;
    match call.admin.delete_persons(people).await? {
        DeletionOutcome::Accepted(places) => answer::accepted(&AcceptedDoc {
            accepted: places.len(),
            unknown: unknown.iter().filter_map(|index| places.get(*index)).map(ToString::to_string).collect(),
            ids: places.iter().map(ToString::to_string).collect(),
        }),
        DeletionOutcome::Full { .. } => Err(Problem::Busy),
    }
}

/// Handles `GET /v1/deletions?ids=ev_1,ev_2`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    let mut parameters = call.parameters();
    let expected = format!("1 to {MOST_ASKED} ids as `ev_7`, joined by commas");
    let places = parameters.read("ids", &expected, |text| {
        let places: Vec<Seq> = text.split(',').map(Seq::parse).collect::<Option<_>>()?;
        (places.len() <= MOST_ASKED).then_some(places)
    });
    parameters.finish(&["ids"])?;
    let Some(places) = places else {
        return Err(Problem::Invalid(vec![RequestError::parameter(
            "ids",
            format!("expected {expected}, found none"),
        )]));
    };
    let states = call.admin.deletion_states(&places).await?;
    answer::json(&StatesDoc { deletions: states.into_iter().map(state).collect() })
}

fn state(deletion: DeletionState) -> StateDoc {
    let DeletionState { seq, end, is_erased } = deletion;
    StateDoc {
        id: seq.to_string(),
        state: match end.as_ref().map(|end| end.state) {
            None => "pending",
            Some(State::Delivered) => "delivered",
            Some(State::Filtered) => "filtered",
            Some(State::Failed) => "failed",
            Some(State::Dead) => "dead",
        },
        code: end.as_ref().and_then(|end| end.code.clone()),
        message: end.and_then(|end| end.message),
        erased: is_erased,
    }
}

fn parse(body: &[u8]) -> Result<Vec<Person>, Problem> {
    let mut members = Members::parse(body)?;
    let (mut people, mut seen, mut named) = (Vec::new(), HashSet::new(), 0);
    for (name, person) in
        [("userIds", Person::User as fn(String) -> Person), ("anonymousIds", Person::Anonymous)]
    {
        let ids: Vec<Box<RawValue>> = members.read(name, "an array of ids").unwrap_or_default();
        named += ids.len();
        // Past the most, that is the problem to be told; the ids need not be looked at.
        for (index, raw) in ids.iter().enumerate().take(MOST_PERSONS) {
            match id(raw) {
                Ok(id) => {
                    let person = person(id);
                    if seen.insert(person.clone()) {
                        people.push(person);
                    }
                }
                Err(found) if members.errors.len() < MOST_ERRORS => {
                    let detail = format!("expected an id as text or a number, found {found}");
                    members.errors.push(RequestError::new(format!("/{name}/{index}"), detail));
                }
                Err(_) => {}
            }
        }
    }
    if !(1..=MOST_PERSONS).contains(&named) && members.errors.is_empty() {
        let detail =
            format!("expected 1 to {MOST_PERSONS} ids in `userIds` and `anonymousIds`, found {named}");
        members.errors.push(RequestError::new("", detail));
    }
    members.finish(&KNOWN)?;
    Ok(people)
}

fn id(raw: &RawValue) -> Result<String, &'static str> {
    let text = match kind(raw) {
        "text" => serde_json::from_str(raw.get()).map_err(|_| "text that is not Unicode")?,
        "a number" => raw.get().to_owned(),
        other => return Err(other),
    };
    if text.trim().is_empty() { Err("blank text") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_taken_once_and_in_order() {
        let people = parse(br#"{"anonymousIds":["a1"],"userIds":["u1",7,"u1"]}"#).unwrap_or_default();
        let user = |id: &str| Person::User(id.to_owned());
        assert_eq!(people, [user("u1"), user("7"), Person::Anonymous("a1".to_owned())]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let pointers = |body: &str| match parse(body.as_bytes()) {
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|e| e.pointer).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            pointers(r#"{"userIds":["u1"," ",null],"anonymousIds":[{}],"users":1}"#),
            ["/userIds/1", "/userIds/2", "/anonymousIds/0", "/users"]
        );
        assert_eq!(pointers(r#"{"userIds":"u1"}"#), ["/userIds"]);
        assert_eq!(
            (pointers("{}"), pointers(r#"{"userIds":[]}"#)),
            (vec![String::new()], vec![String::new()])
        );
        let many = format!("{{\"userIds\":{:?}}}", (0..=MOST_PERSONS).collect::<Vec<_>>());
        assert_eq!(pointers(&many), [""]);
    }
}
