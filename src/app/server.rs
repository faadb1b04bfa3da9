//! The HTTP server: its routes and its time limits.

use super::App;
use super::operation::{self, Operations};
use crate::ingest::{self, Ingest};
use crate::{api, web};
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::web::Data;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// A request's head must be there by then.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// An idle connection is kept for this long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A connection that is being closed may finish sending for this long.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Connections per thread; more wait to be taken.
const CONNECTIONS: usize = 10_000;

/// Binds nothing: serves what is bound already. Nothing is taken until the result is polled. Requests under way may take
/// `drain` once the process stops.
pub(super) fn serve(
    listener: TcpListener,
    app: &App,
    ingest: Arc<Ingest>,
    operations: Arc<Operations>,
    workers: Option<usize>,
    drain: Duration,
) -> io::Result<Server> {
    let admin = Data::from(Arc::clone(&app.admin));
    let mut server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(admin.clone())
            .configure(operation::configure(Arc::clone(&operations)))
            .configure(ingest::configure(Arc::clone(&ingest)))
            .configure(api::configure)
            // Last, because what no room knows gets the console's 404 page.
            .configure(web::configure)
    })
    .client_request_timeout(HEAD_TIME)
    .keep_alive(KEEP_ALIVE)
    .client_disconnect_timeout(CLOSE_TIME)
    .shutdown_timeout(drain.as_secs().max(1))
    .max_connections(CONNECTIONS)
    // Signals are the application's: it has more to stop than this.
    .disable_signals();
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}
