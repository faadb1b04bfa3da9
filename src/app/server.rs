//! The HTTP server: its routes and its time limits.

use super::App;
use super::operation::{self, Operations};
use crate::ingest::{self, Ingest};
use crate::{api, web};
use actix_web::HttpServer;
use actix_web::dev::{Extensions, Server, Service};
use actix_web::http::ConnectionType;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use std::any::Any;
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

/// Who asks and then takes nothing of the answer is cut off after this long. The server itself waits for ever.
const UNREAD_TIME: Duration = Duration::from_secs(20);

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
        let stopping = operations.stopping.clone();
        actix_web::App::new()
            .wrap_fn(move |request, service| {
                let (answered, stopping) = (service.call(request), stopping.clone());
                async move {
                    let mut response = answered.await?;
                    if stopping.has_begun() {
                        // Whoever sent on when the connection is closed would not know whether that arrived.
                        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
                    }
                    Ok(response)
                }
            })
            .app_data(admin.clone())
            .configure(operation::configure(Arc::clone(&operations)))
            .configure(ingest::configure(Arc::clone(&ingest)))
            .configure(api::configure)
            // Last, because what no room knows gets the console's 404 page.
            .configure(web::configure)
    })
    .on_connect(bound_unread)
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

fn bound_unread(stream: &dyn Any, _data: &mut Extensions) {
    if let Some(stream) = stream.downcast_ref::<TcpStream>() {
        let millis = u32::try_from(UNREAD_TIME.as_millis()).unwrap_or(u32::MAX);
        // A socket that is gone already needs no bound.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
    }
}
