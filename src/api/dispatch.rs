//! The one way into every call: token, permission, media type and size are checked here and nowhere else.

use super::answer::finish;
use super::route::Row;
use super::{Problem, body};
use crate::admin::{Admin, Permission};
use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// Serves one row of the table.
pub(super) async fn serve(
    row: &'static Row,
    request: HttpRequest,
    payload: Payload,
    admin: Data<Admin>,
) -> HttpResponse {
    finish(answer(row, &request, payload, admin).await)
}

async fn answer(
    row: &'static Row,
    request: &HttpRequest,
    payload: Payload,
    admin: Data<Admin>,
) -> Result<HttpResponse, Problem> {
    check_token(request, &admin, row.permission).await?;
    // What only asks has nothing to say in a body.
    let body = match row.method == Method::GET {
        true => Bytes::new(),
        false => body::read(request, payload).await?,
    };
    (row.handler)(admin, body).await
}

async fn check_token(request: &HttpRequest, admin: &Admin, permission: Permission) -> Result<(), Problem> {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Problem::Unauthorised)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::Unauthorised);
    }
    let caller = admin.api_caller(token.trim()).await?.ok_or(Problem::Unauthorised)?;
    if caller.may(permission) { Ok(()) } else { Err(Problem::Forbidden) }
}

/// For addresses that are not in the table.
pub(super) async fn not_found() -> HttpResponse {
    finish(Err(Problem::NotFound))
}

/// For methods that are not in the table.
pub(super) async fn refuse_method(allowed: String) -> HttpResponse {
    finish(Err(Problem::Method(allowed)))
}
