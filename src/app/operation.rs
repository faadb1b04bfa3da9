//! What machines ask about the process: `/healthz`, `/readyz`, `/version`, `/metrics`.
//!
//! Nothing here needs a sign-in, so nothing here tells about events, users or settings.

use super::App;
use super::stop::Stopping;
use crate::journal::Notice;
use crate::telemetry::Exposition;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use std::sync::Arc;

/// What these routes look at.
pub(super) struct Operations {
    pub(super) app: App,
    pub(super) stopping: Stopping,
    pub(super) exposition: Exposition,
}

/// Adds the routes.
pub(super) fn configure(operations: Arc<Operations>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let route = |path: &'static str| web::resource(path).app_data(Data::from(Arc::clone(&operations)));
        config
            .service(web::resource("/healthz").route(web::get().to(health)))
            .service(route("/readyz").route(web::get().to(ready)))
            .service(route("/version").route(web::get().to(version)))
            .service(route("/metrics").route(web::get().to(metrics)));
    }
}

/// The process answers. Whether it can do its work is `/readyz`.
async fn health() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// Why not, in words; also what is wrong although events are taken.
    problems: Vec<Problem>,
    journal: &'static str,
    rules: Rules,
    delivery: &'static str,
}

#[derive(Serialize)]
struct Problem {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Rules {
    pack: String,
    revision: String,
    newest_is_live: bool,
}

/// Whether events can be taken. Rules that do not compile and a paused delivery are told, and do not count: events are
/// kept either way.
async fn ready(operations: Data<Operations>) -> HttpResponse {
    let app = &operations.app;
    let mut problems = Vec::new();
    if operations.stopping.has_begun() {
        problems.push(Problem { code: "stopping", message: "the process is stopping".into() });
    }
    let broken = app.journal.broken();
    if let Some(reason) = &broken {
        let message = format!("the journal can not write ({reason}); restart the process");
        problems.push(Problem { code: "journal_broken", message });
    }
    let full = app.journal.full();
    if let Some(full) = &full {
        problems.push(Problem { code: "journal_full", message: full.to_string() });
    }
    for table in app.store.lost() {
        let name = table.name();
        let message = format!(
            "damage took everything from the table `{name}`; restore a backup, or make it anew: accounts by a start with \
             TAPLINE_ADMIN_PASSWORD, settings in the console"
        );
        problems.push(Problem { code: "data_lost", message });
    }
    let ready = problems.is_empty();
    for Notice { code, message } in app.journal.notices() {
        problems.push(Problem { code, message });
    }
    let rules_problem = app.rules.problem().is_some();
    if rules_problem {
        let message =
            "the newest rules hold errors and the last good ones are in force; run `tapline check`".into();
        problems.push(Problem { code: "rules_invalid", message });
    }
    let pause = app.delivery.pause();
    if let Some(pause) = &pause {
        problems.push(Problem { code: pause.code, message: pause.message.clone() });
    }
    let plan = app.rules.plan();
    let readiness = Readiness {
        ready,
        problems,
        journal: match (broken, full) {
            (Some(_), _) => "broken",
            (None, Some(_)) => "full",
            (None, None) => "writable",
        },
        rules: Rules {
            pack: plan.pack().to_owned(),
            revision: plan.revision().to_owned(),
            newest_is_live: !rules_problem,
        },
        delivery: if pause.is_none() { "running" } else { "paused" },
    };
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.insert_header((header::CACHE_CONTROL, "no-store")).json(readiness)
}

async fn version(operations: Data<Operations>) -> HttpResponse {
    let plan = operations.app.rules.plan();
    HttpResponse::Ok().json(serde_json::json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "rules": { "pack": plan.pack(), "revision": plan.revision() },
    }))
}

async fn metrics(operations: Data<Operations>) -> HttpResponse {
    match operations.exposition.render() {
        Ok(text) => HttpResponse::Ok().content_type(Exposition::CONTENT_TYPE).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
