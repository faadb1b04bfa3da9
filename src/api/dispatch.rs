//! The one way into every call: token, permission, media type and size are checked here and nowhere else.

use super::answer::finish;
use super::call::{Call, bearer};
use super::route::{Body, Row};
use super::{Problem, body};
use crate::admin::{Admin, ApiCaller, Permission};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// Serves one row of the table.
pub(super) async fn serve(
    row: &'static Row,
    request: HttpRequest,
    payload: Payload,
    admin: Data<Admin>,
) -> HttpResponse {
    finish(answer(row, request, payload, admin).await)
}

async fn answer(
    row: &'static Row,
    request: HttpRequest,
    payload: Payload,
    admin: Data<Admin>,
) -> Result<HttpResponse, Problem> {
    let caller = caller(&request, &admin, row.permission).await?;
    let body = match row.body {
        Body::Nothing => Bytes::new(),
        Body::Json => body::read(&request, payload).await?,
    };
    (row.handler)(Call::new(admin, caller, body, request)).await
}

/// Who shows a good token that allows this.
async fn caller(request: &HttpRequest, admin: &Admin, permission: Permission) -> Result<ApiCaller, Problem> {
    let token = bearer(request).ok_or(Problem::Unauthorised)?;
    let caller = admin.api_caller(token).await?.ok_or(Problem::Unauthorised)?;
    if caller.may(permission) { Ok(caller) } else { Err(Problem::Forbidden) }
}

/// For addresses that are not in the table.
pub(super) async fn not_found() -> HttpResponse {
    finish(Err(Problem::NotFound))
}

/// For methods that are not in the table.
pub(super) async fn refuse_method(allowed: String) -> HttpResponse {
    finish(Err(Problem::Method(allowed)))
}
