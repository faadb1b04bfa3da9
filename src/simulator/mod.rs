//! A stand-in for CleverTap's HTTP API: it enforces the documented validation and limits, answers with the documented
//! codes, and misbehaves on request.
//!
//! It is the tests' oracle, so it deliberately shares nothing with the engine: the rules of what CleverTap takes are
//! written here a second time, from the same pages. It keeps what it took in memory only.
//!
//! The server has it built in as its [`Sandbox`], without a socket.
//!
//! First thing to know: [`Simulator::start`] binds (port 0 for any), [`Simulator::received`] is what was taken, and a
//! [`Fault`] is what goes wrong.

mod answer;
mod check;
mod credential;
mod deletion;
mod fault;
mod gauge;
mod intake;
mod profile;
mod received;
mod sandbox;
mod upload;

pub use fault::{Fault, FaultError, FaultKind, SYNTAX as FAULT_SYNTAX};
pub use sandbox::Sandbox;

use crate::settings::Secret;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use answer::Connection;
use fault::FaultPlan;
use gauge::Gauge;
use intake::Intake;
use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Uploads CleverTap allows in flight per account (<https://developer.clevertap.com/docs/api-request-limit>, 2026-03).
pub const UPLOADS_IN_FLIGHT: usize = 15;

/// Deletions CleverTap allows in flight per account (the same page).
pub const DELETIONS_IN_FLIGHT: usize = 3;

/// How the stand-in behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The only Account ID let in; any when none.
    pub account_id: Option<String>,
    /// The only passcode let in; any when none.
    pub passcode: Option<Secret>,
    /// What goes wrong, in the order it is tried.
    pub faults: Vec<Fault>,
    /// Where the randomness of the faults starts.
    pub seed: u64,
    /// How many of the records taken are kept for `GET /received`; the oldest go first.
    pub keep: usize,
    /// Uploads let in at once; one more is answered 429.
    pub in_flight: usize,
    /// Properties an event may have. An account's limit is configurable: 256 in older documentation, 100 by default in
    /// that of 2026-06.
    pub event_properties: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            account_id: None,
            passcode: None,
            faults: Vec::new(),
            seed: 1,
            keep: 1_000_000,
            in_flight: UPLOADS_IN_FLIGHT,
            event_properties: 256,
        }
    }
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Upload requests that arrived whole, whatever the answer.
    pub uploads: u64,
    /// Records taken, dry runs not counted.
    pub taken: u64,
    /// Records answered as unprocessed.
    pub unprocessed: u64,
    /// Requests answered 429 because too many were in flight.
    pub too_many: u64,
    /// The most uploads ever in flight at once.
    pub most_in_flight: usize,
    /// The most records ever in one upload.
    pub most_records: usize,
    /// The longest upload body, in bytes.
    pub most_bytes: usize,
    /// Delete requests that were carried out.
    pub deletions: u64,
    /// The most delete requests ever in flight at once.
    pub most_deletions_in_flight: usize,
}

/// A running stand-in. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    server: ServerHandle,
    ended: watch::Receiver<bool>,
}

impl Simulator {
    /// Binds and serves in the background. Needs a running tokio.
    pub async fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(options));
        let shared = web::Data::from(state.clone());
        let server = HttpServer::new(move || App::new().app_data(shared.clone()).configure(routes))
            .on_connect(remember_connection)
            .workers(2)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener)?
            .run();
        let handle = server.handle();
        let (end, ended) = watch::channel(false);
        tokio::spawn(async move {
            // An error here means that the listening socket broke; whoever waits on `ended` sees the end either way.
            let _ = server.await;
            end.send_replace(true);
        });
        Ok(Self { address, state, server: handle, ended })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a base for requests, as `http://127.0.0.1:9090`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The records taken and still kept, in the order they were taken, as they arrived.
    pub fn received(&self) -> Vec<String> {
        self.state.intake().kept().map(|record| record.get().to_owned()).collect()
    }

    /// The identities and guids that were deleted, in order, each with how many records had been taken before.
    pub fn deleted(&self) -> Vec<(String, usize)> {
        self.state.intake().deleted().collect()
    }

    /// Forgets what was taken.
    pub fn clear(&self) {
        self.state.intake().clear();
    }

    /// Lets other things go wrong from now on; what was counted for `first=` starts anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state.faults().replace(faults);
    }

    /// Lets in only this passcode from now on; any when none.
    pub fn set_passcode(&self, passcode: Option<Secret>) {
        *self.state.passcode.lock().unwrap_or_else(PoisonError::into_inner) = passcode;
    }

    /// How often what happened since the start.
    pub fn tally(&self) -> Tally {
        self.state.tally()
    }

    /// Waits until the server has ended.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // A closed channel means that the server is gone, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Stops at once, cutting requests in flight.
    pub async fn stop(self) {
        self.server.stop(false).await;
        self.ended().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Stopping happens when the returned future is made, not when it is awaited.
        drop(self.server.stop(false));
    }
}

/// Serves until the process is interrupted. `ready` is told the address once connections are taken.
pub async fn run(listen: SocketAddr, options: Options, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let simulator = Simulator::start(listen, options).await?;
    ready(simulator.address());
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = simulator.ended() => {}
    }
    simulator.stop().await;
    Ok(())
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/1/upload", web::post().to(upload::upload))
        .route("/1/delete/profiles.json", web::post().to(deletion::delete))
        .route("/1/profile.json", web::get().to(profile::profile))
        .route("/received", web::get().to(received::list))
        .route("/received", web::delete().to(received::clear))
        .route("/tally", web::get().to(received::tally))
        .default_service(web::to(answer::not_found));
}

fn remember_connection(stream: &dyn Any, data: &mut Extensions) {
    if let Some(connection) = stream.downcast_ref::<TcpStream>().and_then(Connection::of) {
        data.insert(connection);
    }
}

/// What all requests share.
#[derive(Debug)]
struct State {
    options: Options,
    passcode: Mutex<Option<Secret>>,
    faults: Mutex<FaultPlan>,
    intake: Mutex<Intake>,
    counts: Mutex<Tally>,
    uploads: Gauge,
    deletions: Gauge,
}

impl State {
    fn new(options: Options) -> Self {
        Self {
            passcode: Mutex::new(options.passcode.clone()),
            faults: Mutex::new(FaultPlan::new(options.faults.clone(), options.seed)),
            intake: Mutex::new(Intake::new(options.keep)),
            counts: Mutex::default(),
            uploads: Gauge::new(options.in_flight),
            deletions: Gauge::new(DELETIONS_IN_FLIGHT),
            options,
        }
    }

    fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn tally(&self) -> Tally {
        let counts = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Tally {
            most_in_flight: self.uploads.most(),
            most_deletions_in_flight: self.deletions.most(),
            ..counts
        }
    }
}
