//! What a handler gets: a call whose token, permission, media type and size have been checked.
//!
//! Deliberately without the request itself, so that no handler reads a header in a way of its own.
//!
//! First thing to know: query parameters are taken out one by one, and [`Parameters::finish`] names those that are not
//! known, together with everything else that is wrong.

use super::{Problem, RequestError};
use crate::admin::{Admin, ApiCaller, IdempotencyKey};
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, IF_MATCH};
use actix_web::web::{Bytes, Data, Query};
use std::collections::HashMap;
use std::str::FromStr;

/// The header by which a caller may repeat a `POST` without doing the thing twice
/// (draft-ietf-httpapi-idempotency-key-header-07, 2025-10).
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// A call of the API.
pub(super) struct Call {
    /// The use cases.
    pub(super) admin: Data<Admin>,
    /// Who shows the token.
    pub(super) caller: ApiCaller,
    /// The body; empty where the row takes none.
    pub(super) body: Bytes,
    request: HttpRequest,
}

impl Call {
    /// A call that has been let in.
    pub(super) fn new(admin: Data<Admin>, caller: ApiCaller, body: Bytes, request: HttpRequest) -> Self {
        Self { admin, caller, body, request }
    }

    /// A header's value, as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The token that was shown; for calls that last and have to ask again whether it still counts.
    pub(super) fn token(&self) -> &str {
        bearer(&self.request).unwrap_or_default()
    }

    /// What stands in the address where the row's path has `{name}`; empty where it has no such place.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// What stands there, read; 404 where nothing can have that name.
    pub(super) fn segment_as<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.segment(name).parse().map_err(|_| Problem::NotFound)
    }

    /// The query parameters, not yet judged.
    pub(super) fn parameters(&self) -> Parameters {
        Parameters::parse(self.request.query_string())
    }

    /// The `If-Match` header: what the caller has seen (RFC 9110 §13.1.1).
    pub(super) fn if_match(&self) -> Result<Option<String>, Problem> {
        let Some(value) = self.request.headers().get(IF_MATCH) else { return Ok(None) };
        let tag = value.to_str().ok().map(|tag| tag.trim().to_owned());
        let detail = "expected the `ETag` of what was read, as it came";
        tag.map(Some).ok_or_else(|| Problem::Invalid(vec![RequestError::parameter("If-Match", detail)]))
    }

    /// The key by which the caller may repeat this call.
    pub(super) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let Some(value) = self.request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let key = value.to_str().ok().and_then(IdempotencyKey::parse);
        key.map(Some).ok_or_else(|| {
            let detail = format!("expected 1 to {} visible characters", IdempotencyKey::MOST);
            Problem::Invalid(vec![RequestError::parameter(IDEMPOTENCY_KEY, detail)])
        })
    }
}

/// The token in a request's `Authorization` header, if that is of the kind.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The parameters of a query, and the problems found so far.
#[derive(Debug)]
pub(super) struct Parameters {
    values: HashMap<String, String>,
    errors: Vec<RequestError>,
}

impl Parameters {
    fn parse(query: &str) -> Self {
        match Query::<Vec<(String, String)>>::from_query(query) {
            Ok(pairs) => {
                let (mut values, mut errors) = (HashMap::new(), Vec::new());
                for (name, value) in pairs.into_inner() {
                    if values.insert(name.clone(), value).is_some() {
                        errors.push(RequestError::parameter(name, "it stands here twice; send it once"));
                    }
                }
                Self { values, errors }
            }
            Err(_) => Self {
                values: HashMap::new(),
                errors: vec![RequestError::parameter("", "expected a query of `name=value`, joined by `&`")],
            },
        }
    }

    /// Takes a parameter out, as text. An empty one counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a parameter out and reads it; `expected` says what it should be.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take(name)?;
        self.check(name, expected, Some(&text), parse)
    }

    /// Reads what stands elsewhere, as in a header, and is judged with the parameters.
    pub(super) fn check<T>(
        &mut self,
        name: &str,
        expected: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text?;
        let value = parse(text);
        if value.is_none() {
            self.errors.push(RequestError::parameter(name, format!("expected {expected}, found `{text}`")));
        }
        value
    }

    /// Adds what others found to be wrong.
    pub(super) fn complain(&mut self, errors: impl Iterator<Item = RequestError>) {
        self.errors.extend(errors);
    }

    /// Whatever was not taken is not known; ends in all the problems, if there are any.
    pub(super) fn finish(mut self, known: &[&str]) -> Result<(), Problem> {
        let mut unknown: Vec<String> = self.values.into_keys().collect();
        unknown.sort_unstable();
        let detail = match known {
            [] => "it is not known; this call has no parameters".to_owned(),
            known => format!("it is not known; known are `{}`", known.join("`, `")),
        };
        self.errors.extend(unknown.into_iter().map(|name| RequestError::parameter(name, detail.clone())));
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_every_problem_is_named_at_once() {
        let mut parameters = Parameters::parse("limit=10&user=j%C3%BCrgen+1&empty=&limit=x&other=1&more=2");
        assert_eq!(parameters.take("user").as_deref(), Some("jürgen 1"));
        assert_eq!(parameters.take("empty"), None);
        assert_eq!(parameters.read("limit", "a number", |text| text.parse::<u32>().ok()), None);
        let Err(Problem::Invalid(errors)) = parameters.finish(&["limit", "user"]) else { panic!() };
        let found: Vec<_> = errors.iter().map(|error| error.parameter.as_deref().unwrap()).collect();
        assert_eq!(found, ["limit", "limit", "more", "other"]);
        assert_eq!(errors[1].detail, "expected a number, found `x`");
        assert!(Parameters::parse("").finish(&[]).is_ok());
    }
}
