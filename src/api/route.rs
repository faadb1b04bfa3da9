//! Every call of the API, with the permission it needs. A row can not be written without one.

use super::call::Call;
use super::problem::Problem;
use super::{
    backup, case, deletion, diffs, events, preview, replays, rules, sandbox, settings, stream, trials,
};
use crate::admin::Permission::{
    self, Backup, DeletePersons, EditSettings, Preview, Resend, SeeEvents, WriteRules,
};
use crate::settings::KeyKind::{WebhookSecret, WriteKey};
use actix_web::HttpResponse;
use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;

/// A handler; called only after token, permission and media type have been checked.
type Handler = fn(Call) -> LocalBoxFuture<'static, Result<HttpResponse, Problem>>;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A JSON body, which must say that it is one.
    Json,
    /// Nothing; a body that comes all the same is not read.
    Nothing,
}

/// One row of the table.
pub struct Row {
    /// The method.
    pub method: Method,
    /// Below `/api`, in actix's pattern language; [`Call::segment`] gives what stands in its braces.
    pub path: &'static str,
    /// What the token must allow.
    pub permission: Permission,
    /// What it carries.
    pub body: Body,
    pub(super) handler: Handler,
}

const fn get(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::GET, path, permission, body: Body::Nothing, handler }
}

const fn post(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::POST, path, permission, body: Body::Json, handler }
}

const fn put(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::PUT, path, permission, body: Body::Json, handler }
}

const fn delete(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::DELETE, path, permission, body: Body::Nothing, handler }
}

/// A `POST` that says everything by its address.
const fn act(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::POST, path, permission, body: Body::Nothing, handler }
}

/// The table. Rows of one path stand together.
pub static ROWS: &[Row] = &[
    get("/v1/backup", Backup, |call| Box::pin(backup::show(call))),
    post("/v1/deletions", DeletePersons, |call| Box::pin(deletion::order(call))),
    get("/v1/deletions", SeeEvents, |call| Box::pin(deletion::show(call))),
    get("/v1/dead-letters", SeeEvents, |call| Box::pin(events::dead_letters(call))),
    get("/v1/events", SeeEvents, |call| Box::pin(events::list(call))),
    get("/v1/events/{id}", SeeEvents, |call| Box::pin(events::show(call))),
    get("/v1/events/{id}/attempts", SeeEvents, |call| Box::pin(events::attempts(call))),
    get("/v1/events/{id}/case", SeeEvents, |call| Box::pin(case::show(call))),
    get("/v1/events/{id}/difference", SeeEvents, |call| Box::pin(case::difference(call))),
    post("/v1/diffs", Preview, |call| Box::pin(diffs::order(call))),
    get("/v1/diffs", SeeEvents, |call| Box::pin(diffs::list(call))),
    get("/v1/diffs/{id}", SeeEvents, |call| Box::pin(diffs::show(call))),
    act("/v1/diffs/{id}/cancel", Preview, |call| Box::pin(diffs::cancel(call))),
    get("/v1/diffs/{id}/events/{event}", SeeEvents, |call| Box::pin(diffs::event(call))),
    get("/v1/diffs/{id}/patch", SeeEvents, |call| Box::pin(diffs::patch(call))),
    act("/v1/diffs/{id}/write", WriteRules, |call| Box::pin(diffs::write(call))),
    post("/v1/preview", Preview, |call| Box::pin(preview::preview(call))),
    get("/v1/replays", SeeEvents, |call| Box::pin(replays::list(call))),
    post("/v1/replays", Resend, |call| Box::pin(replays::order(call))),
    get("/v1/replays/{id}", SeeEvents, |call| Box::pin(replays::show(call))),
    get("/v1/replays/{id}/reasons", SeeEvents, |call| Box::pin(replays::reasons(call))),
    act("/v1/replays/{id}/cancel", Resend, |call| Box::pin(replays::cancel(call))),
    get("/v1/rules", SeeEvents, |call| Box::pin(rules::show(call))),
    get("/v1/stream", SeeEvents, |call| Box::pin(stream::follow(call))),
    post("/v1/trials", Resend, |call| Box::pin(trials::order(call))),
    get("/v1/sandbox", SeeEvents, |call| Box::pin(sandbox::show(call))),
    post("/v1/sandbox/enter", EditSettings, |call| Box::pin(sandbox::enter(call))),
    post("/v1/sandbox/leave", EditSettings, |call| Box::pin(sandbox::leave(call))),
    get("/v1/settings", EditSettings, |call| Box::pin(settings::show(call))),
    put("/v1/settings", EditSettings, |call| Box::pin(settings::save(call))),
    post("/v1/settings/test", EditSettings, |call| Box::pin(settings::test(call))),
    get("/v1/settings/write-keys", EditSettings, |call| Box::pin(settings::key::list(call, WriteKey))),
    post("/v1/settings/write-keys", EditSettings, |call| Box::pin(settings::key::create(call, WriteKey))),
    delete("/v1/settings/write-keys/{id}", EditSettings, |call| {
        Box::pin(settings::key::revoke(call, WriteKey))
    }),
    get("/v1/settings/webhook-secrets", EditSettings, |call| {
        Box::pin(settings::key::list(call, WebhookSecret))
    }),
    post("/v1/settings/webhook-secrets", EditSettings, |call| {
        Box::pin(settings::key::create(call, WebhookSecret))
    }),
    delete("/v1/settings/webhook-secrets/{id}", EditSettings, |call| {
        Box::pin(settings::key::revoke(call, WebhookSecret))
    }),
    post("/v1/validate", Preview, |call| Box::pin(rules::validate(call))),
];
