//! Opening everything in order, serving, and closing it in order.

use super::App;
use super::guard;
use super::metric;
use super::operation::Operations;
use super::option::Options;
use super::server::{self, DRAIN_TIME};
use super::stop::{self, Stopper, Stopping};
use super::storage::{Closer, Opened};
use crate::admin::{Admin, AdminError, FirstStart, Ground, StartError, load_settings};
use crate::delivery::DeliveryStatus;
use crate::ingest::{Ingest, IngestMetrics};
use crate::journal::{Journal, JournalError};
use crate::rulebook::{LiveRules, Problem};
use crate::settings::LiveSettings;
use actix_web::dev::Server;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the journal is asked whether it still writes.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// A built application: everything is open and bound, and nothing is served yet.
pub struct Application {
    app: App,
    address: SocketAddr,
    server: Server,
    first_start: FirstStart,
    stopping: Stopping,
    stopper: Stopper,
    stop_grace: Duration,
    closer: Closer,
}

/// Why an application could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The data directory can not be made.
    #[error("the data directory `{}` can not be made: {error}; choose another with --data", directory.display())]
    Data {
        /// Which.
        directory: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The journal or the tables can not be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The stored settings can not be read.
    #[error(transparent)]
    Settings(#[from] AdminError),
    /// There are no rules to start with.
    #[error("the rules can not be used: {0}")]
    Rules(#[from] Problem),
    /// The first start could not be prepared.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The console would be open to whoever comes first.
    #[error(
        "`{listen}` is not only this machine, and there is no account yet; set TAPLINE_ADMIN_PASSWORD, \
         or start once with --listen 127.0.0.1:8080 and create the account there"
    )]
    NoAccount {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The address is taken or not this machine's.
    #[error("can not listen on `{listen}`: {error}; choose another address with --listen")]
    Listen {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// Why a running application ended in another way than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The disk refused a write. What was answered 200 is safe; nothing more can be accepted before a restart.
    #[error("the journal can not write any more ({0}); check the disk and start again")]
    JournalBroken(String),
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(io::Error),
    /// Signals can not be waited for.
    #[error("can not wait for signals: {0}")]
    Signals(io::Error),
}

impl Application {
    /// Opens journal, tables, settings and rules, and binds the listener. Needs a running tokio.
    pub async fn build(options: Options) -> Result<Self, BuildError> {
        let Opened { journal, store, closer } = Opened::open(options.storage, options.data.clone()).await?;
        let environment = Arc::new(options.environment);
        let (settings, origins) = load_settings(&*store, &environment)?;
        let rules = Arc::new(LiveRules::open(options.rules, &settings)?);
        let settings = Arc::new(LiveSettings::new(settings, origins));
        let delivery = Arc::new(DeliveryStatus::default());
        let admin = Arc::new(Admin::new(Ground {
            clock: Arc::clone(&options.clock),
            store: Arc::clone(&store),
            journal: Arc::clone(&journal),
            settings: Arc::clone(&settings),
            rules: Arc::clone(&rules),
            delivery: Arc::clone(&delivery),
            data: options.data,
            environment,
        }));
        let first_start = admin.prepare().await?;
        if !guard::may_listen(options.listen, &first_start) {
            return Err(BuildError::NoAccount { listen: options.listen });
        }
        let app = App { clock: options.clock, store, journal, settings, rules, delivery, admin };
        let refused = |error| BuildError::Listen { listen: options.listen, error };
        let listener = TcpListener::bind(options.listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let metrics = IngestMetrics::default();
        let stopping = Stopping::default();
        let registry = metric::registry(&app, &metrics);
        let operations = Operations { app: app.clone(), stopping: stopping.clone(), registry };
        let ingest = Ingest::new(
            Arc::clone(&app.clock),
            Arc::clone(&app.settings),
            Arc::clone(&app.journal),
            options.limits,
            metrics,
        );
        let server = server::serve(listener, &app, Arc::new(ingest), Arc::new(operations), options.workers)
            .map_err(refused)?;
        let stopper = Stopper::new();
        let stop_grace = options.stop_grace;
        Ok(Self { app, address, server, first_start, stopping, stopper, stop_grace, closer })
    }

    /// The address bound, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the start found: whether somebody has to create the first account.
    pub fn first_start(&self) -> &FirstStart {
        &self.first_start
    }

    /// The parts, for whoever looks in from outside, as tests do.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Stops a running application as a signal would.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until SIGTERM, SIGINT or [`Stopper::stop`]; then says so in `/readyz`, takes no more connections, finishes
    /// the requests under way, and returns. A second signal ends the wait.
    pub async fn run_until_stopped(self) -> Result<(), RunError> {
        let handle = self.server.handle();
        let journal = Arc::clone(&self.app.journal);
        let mut server = tokio::spawn(self.server);
        let ended = tokio::select! {
            served = &mut server => return flatten(served),
            signal = stop::signalled() => {
                tracing::info!(signal = signal.map_err(RunError::Signals)?, "stopping");
                Ok(())
            }
            () = self.stopper.asked() => Ok(()),
            reason = broken(&*journal) => Err(RunError::JournalBroken(reason)),
        };
        self.stopping.begin();
        if ended.is_ok() {
            tokio::time::sleep(self.stop_grace).await;
        }
        let draining = tokio::time::timeout(DRAIN_TIME + HEALTH_INTERVAL, async {
            handle.stop(true).await;
            flatten(server.await)
        });
        let drained = tokio::select! {
            drained = draining => drained.unwrap_or_else(|_| {
                tracing::warn!("requests under way were cut, because they took too long");
                Ok(())
            }),
            // Whoever asks twice does not want to wait. What was answered is durable either way.
            _ = stop::signalled() => {
                tracing::warn!("stopped at once on a second signal");
                Ok(())
            }
        };
        self.closer.close().await;
        ended.and(drained)
    }
}

/// Waits until the journal has failed, and says why.
async fn broken(journal: &dyn Journal) -> String {
    loop {
        if let Some(reason) = journal.broken() {
            return reason;
        }
        tokio::time::sleep(HEALTH_INTERVAL).await;
    }
}

fn flatten(served: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), RunError> {
    served.map_err(|error| RunError::Server(io::Error::other(error)))?.map_err(RunError::Server)
}
