//! Every page of the console, with the permission it needs. A row can not be written without one.

use super::page::rules::{candidate, comparison, list, revision, source};
use super::page::{
    again, case, event, events, login, overview, preview, resends, sandbox, settings, setup, start, token,
    trial,
};
use super::visit::{Answer, Visit};
use super::{asset, schema, stream, taste};
use crate::admin::Permission::{
    self, Anyone, EditSettings, ManageTokens, Preview, Resend, SeeEvents, SignedIn, WriteRules,
};
use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;

/// A page.
type Handler = fn(Visit) -> LocalBoxFuture<'static, Answer>;

/// One row of the table.
pub struct Row {
    /// `GET` or `POST`; a `GET` answers `HEAD` too.
    pub method: Method,
    /// In actix's pattern language.
    pub path: &'static str,
    /// What one must be allowed to do.
    pub permission: Permission,
    pub(super) handler: Handler,
}

const fn get(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::GET, path, permission, handler }
}

const fn post(path: &'static str, permission: Permission, handler: Handler) -> Row {
    Row { method: Method::POST, path, permission, handler }
}

/// The table. Rows of one path stand together.
pub static ROWS: &[Row] = &[
    get(asset::PATH, Anyone, |v| Box::pin(asset::serve(v))),
    get("/schema/{file}", Anyone, |v| Box::pin(schema::newest(v))),
    get("/schema/draft-07/{file}", Anyone, |v| Box::pin(schema::draft_07(v))),
    post("/theme", Anyone, |v| Box::pin(taste::choose_theme(v))),
    post("/density", Anyone, |v| Box::pin(taste::choose_density(v))),
    get("/setup", Anyone, |v| Box::pin(setup::show(v))),
    post("/setup", Anyone, |v| Box::pin(setup::claim(v))),
    get("/login", Anyone, |v| Box::pin(login::show(v))),
    post("/login", Anyone, |v| Box::pin(login::submit(v))),
    post("/logout", SignedIn, |v| Box::pin(login::leave(v))),
    get("/", SeeEvents, |v| Box::pin(overview::show(v))),
    get("/events", SeeEvents, |v| Box::pin(events::show(v))),
    // Before the address of an event, which it would be otherwise.
    get("/events/stream", SeeEvents, |v| Box::pin(stream::follow(v))),
    get("/events/{id}", SeeEvents, |v| Box::pin(event::show(v))),
    post("/events/{id}", Preview, |v| Box::pin(event::preview(v))),
    post("/events/{id}/resend", Resend, |v| Box::pin(resends::one(v))),
    get("/events/{id}/case", SeeEvents, |v| Box::pin(case::show(v))),
    get("/events/{id}/case/file", SeeEvents, |v| Box::pin(case::download(v))),
    get("/resends", SeeEvents, |v| Box::pin(resends::show(v))),
    post("/resends", Resend, |v| Box::pin(again::order(v))),
    get("/resends/new", Resend, |v| Box::pin(again::show(v))),
    get("/resends/{id}", SeeEvents, |v| Box::pin(resends::show_one(v))),
    post("/resends/{id}/cancel", Resend, |v| Box::pin(resends::cancel(v))),
    get("/preview", Preview, |v| Box::pin(preview::show(v))),
    post("/preview", Preview, |v| Box::pin(preview::submit(v))),
    post("/preview/validate", Resend, |v| Box::pin(trial::validate(v))),
    post("/preview/send", Resend, |v| Box::pin(trial::send(v))),
    get("/rules", SeeEvents, |v| Box::pin(list::show(v))),
    get("/rules/source/{file:.+}", SeeEvents, |v| Box::pin(source::show(v))),
    get("/rules/revisions", SeeEvents, |v| Box::pin(revision::show(v))),
    get("/rules/compare", SeeEvents, |v| Box::pin(revision::compare(v))),
    get("/rules/candidate", Preview, |v| Box::pin(candidate::show(v))),
    post("/rules/candidate", Preview, |v| Box::pin(candidate::submit(v))),
    post("/rules/candidate/sets", Preview, |v| Box::pin(candidate::sets(v))),
    get("/rules/candidate/{id}", SeeEvents, |v| Box::pin(comparison::show(v))),
    post("/rules/candidate/{id}/cancel", Preview, |v| Box::pin(comparison::cancel(v))),
    get("/rules/candidate/{id}/rules.patch", SeeEvents, |v| Box::pin(comparison::patch(v))),
    get("/rules/candidate/{id}/report.json", SeeEvents, |v| Box::pin(comparison::report(v))),
    get("/rules/candidate/{id}/events/{event}", SeeEvents, |v| Box::pin(comparison::event(v))),
    post("/rules/candidate/{id}/write", WriteRules, |v| Box::pin(comparison::write(v))),
    get("/settings", EditSettings, |v| Box::pin(settings::show(v))),
    post("/settings", EditSettings, |v| Box::pin(settings::submit(v))),
    post("/settings/keys/{kind}", EditSettings, |v| Box::pin(settings::create_key(v))),
    post("/settings/keys/{kind}/revoke", EditSettings, |v| Box::pin(settings::revoke_key(v))),
    get("/start", EditSettings, |v| Box::pin(start::show(v))),
    post("/start/sample", EditSettings, |v| Box::pin(start::send_sample(v))),
    get("/sandbox", SeeEvents, |v| Box::pin(sandbox::show(v))),
    post("/sandbox/enter", EditSettings, |v| Box::pin(sandbox::enter(v))),
    post("/sandbox/leave", EditSettings, |v| Box::pin(sandbox::leave(v))),
    post("/settings/tokens", ManageTokens, |v| Box::pin(token::create(v))),
    post("/settings/tokens/revoke", ManageTokens, |v| Box::pin(token::revoke(v))),
];
