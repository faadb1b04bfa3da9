//! The console: HTML pages over `admin/`, rendered on the server, working without JavaScript.
//!
//! Deliberately no decision about data here, only about what a person sees; and no inline script or style, so that the
//! content security policy can forbid them.
//!
//! First thing to know: `route.rs` is the table of every page with the permission it needs. One dispatcher reads the
//! table, checks session, permission and form token, and only then calls the page.

mod asset;
mod cookie;
mod dispatch;
mod error;
mod form;
mod page;
mod response;
mod route;
mod schema;
mod shell;
mod stream;
mod taste;
mod view;
mod visit;

pub use route::{ROWS, Row};

use actix_web::http::Method;
use actix_web::web;

/// Registers every page. Needs `web::Data<Admin>` in the app. The default service is the console's 404 page, so this
/// comes after the other rooms' routes.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut paths: Vec<&str> = ROWS.iter().map(|row| row.path).collect();
    paths.dedup();
    for path in paths {
        let rows: Vec<&'static Row> = ROWS.iter().filter(|row| row.path == path).collect();
        let mut resource = web::resource(path);
        for row in &rows {
            let row: &'static Row = row;
            resource = resource
                .route(web::method(row.method.clone()).to(move |r, p, a| dispatch::serve(row, r, p, a)));
            if row.method == Method::GET {
                resource = resource.route(web::head().to(move |r, p, a| dispatch::serve(row, r, p, a)));
            }
        }
        let allowed: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
        let allowed = allowed.join(", ");
        config.service(
            resource.default_service(web::to(move |r, a| dispatch::refuse_method(allowed.clone(), r, a))),
        );
    }
    config.default_service(web::to(dispatch::not_found));
}
