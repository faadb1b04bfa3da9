//! The REST API: JSON over `admin/`, for programs that show a bearer token.
//!
//! Deliberately no session and no cookie, so that no browser can be made to call it. Whatever goes wrong is answered as
//! `application/problem+json`, with all problems of a request at once.
//!
//! First thing to know: `route.rs` is the table of every call with the permission it needs.

mod answer;
mod attempt;
mod backup;
mod body;
mod call;
mod case;
mod deletion;
mod diffs;
mod dispatch;
mod events;
mod member;
mod preview;
mod problem;
mod replays;
mod route;
mod rules;
mod sandbox;
mod settings;
mod stream;
mod trials;

pub use problem::{MEDIA_TYPE, Problem, RequestError};
pub use route::{Body, ROWS, Row};

use actix_web::web;

/// Registers every call below `/api`, and a 404 for the rest of it. Needs `web::Data<Admin>` in the app.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut scope = web::scope("/api");
    let mut paths: Vec<&str> = ROWS.iter().map(|row| row.path).collect();
    paths.dedup();
    for path in paths {
        let rows: Vec<&'static Row> = ROWS.iter().filter(|row| row.path == path).collect();
        let mut resource = web::resource(path);
        for row in &rows {
            let row: &'static Row = row;
            let served = web::method(row.method.clone()).to(move |r, p, a| dispatch::serve(row, r, p, a));
            resource = resource.route(served);
        }
        let allowed: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
        let allowed = allowed.join(", ");
        scope = scope
            .service(resource.default_service(web::to(move || dispatch::refuse_method(allowed.clone()))));
    }
    config.service(scope.default_service(web::to(dispatch::not_found)));
}
