//! Every call of the API, with the permission it needs. A row can not be written without one.

use super::problem::Problem;
use super::{preview, rules};
use crate::admin::Admin;
use crate::admin::Permission::{self, Preview, SeeEvents};
use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Bytes, Data};
use futures_util::future::LocalBoxFuture;

/// A call, with its body; made only after token, permission and media type have been checked.
type Handler = fn(Data<Admin>, Bytes) -> LocalBoxFuture<'static, Result<HttpResponse, Problem>>;

/// One row of the table.
pub struct Row {
    /// The method.
    pub method: Method,
    /// Below `/api`.
    pub path: &'static str,
    /// What the token must allow.
    pub permission: Permission,
    pub(super) handler: Handler,
}

/// The table. Rows of one path stand together.
pub static ROWS: &[Row] = &[
    Row {
        method: Method::POST,
        path: "/v1/preview",
        permission: Preview,
        handler: |admin, body| Box::pin(preview::preview(admin, body)),
    },
    Row {
        method: Method::GET,
        path: "/v1/rules",
        permission: SeeEvents,
        handler: |admin, body| Box::pin(rules::show(admin, body)),
    },
    Row {
        method: Method::POST,
        path: "/v1/validate",
        permission: Preview,
        handler: |admin, body| Box::pin(rules::validate(admin, body)),
    },
];
