//! Opening everything, in order.

use super::operation::Operations;
use super::option::Options;
use super::retention::Sweeper;
use super::sandbox::{Junction, Window};
use super::stop::{Signals, Stopper, Stopping};
use super::storage::{Closer, Opened};
use super::{App, guard, metric, server};
use crate::admin::{Admin, AdminError, FirstStart, Ground, RevisionArchive, StartError, load_settings};
use crate::delivery::{CleverTap, DeliveryStatus, LiveMapping, Parts, RuleTallies, Slots, Timeouts};
use crate::ingest::Ingest;
use crate::journal::JournalError;
use crate::rulebook::{LiveRules, Problem};
use crate::simulator::Sandbox;
use crate::telemetry::Telemetry;
use actix_web::dev::Server;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A built application: everything is open and bound, and nothing is served yet.
pub struct Application {
    pub(super) app: App,
    pub(super) server: Server,
    pub(super) delivery: Parts,
    pub(super) signals: Signals,
    pub(super) stopping: Stopping,
    pub(super) stopper: Stopper,
    pub(super) stop_grace: Duration,
    pub(super) stop_drain: Duration,
    pub(super) closer: Closer,
    pub(super) sweeper: Sweeper,
    address: SocketAddr,
    first_start: FirstStart,
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
    /// Signals can not be listened to.
    #[error("can not listen to signals: {0}")]
    Signals(io::Error),
}

impl Application {
    /// Opens journal, tables, settings and rules, and binds the listener. Needs a running tokio.
    pub async fn build(options: Options) -> Result<Self, BuildError> {
        let telemetry = Telemetry::default();
        let storage = options.storage.telling(&telemetry);
        let Opened { journal, store, closer } = Opened::open(storage, options.data.clone()).await?;
        let directory = options.data.clone();
        let environment = Arc::new(options.environment);
        let settings = load_settings(&*store, &environment)?;
        let archive = Arc::new(RevisionArchive::new(Arc::clone(&store), Arc::clone(&options.clock)));
        let rules = Arc::new(LiveRules::open_kept(options.rules, &settings.load().0, archive)?);
        let settings = Arc::new(settings);
        let sandbox = Arc::new(Sandbox::default());
        let delivery = Arc::new(DeliveryStatus::new(telemetry.clone()));
        let slots = Slots::new(&options.delivery.slots);
        let tallies = Arc::new(RuleTallies::default());
        let admin = Arc::new(Admin::new(Ground {
            clock: Arc::clone(&options.clock),
            store: Arc::clone(&store),
            journal: Arc::clone(&journal),
            settings: Arc::clone(&settings),
            rules: Arc::clone(&rules),
            delivery: Arc::clone(&delivery),
            slots: slots.clone(),
            tallies: Arc::clone(&tallies),
            write_rules: options.write_rules,
            stand_in: Arc::new(Window(Arc::clone(&sandbox))),
            data: options.data,
            environment,
        }));
        let first_start = admin.prepare().await?;
        if !guard::may_listen(options.listen, &first_start) {
            return Err(BuildError::NoAccount { listen: options.listen });
        }
        let app = App { clock: options.clock, store, journal, settings, rules, delivery, admin, telemetry };
        let refused = |error| BuildError::Listen { listen: options.listen, error };
        let listener = TcpListener::bind(options.listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        super::data::note_server(&directory, address);
        let stopping = Stopping::default();
        let exposition = metric::exposition(&app);
        let operations = Operations { app: app.clone(), stopping: stopping.clone(), exposition };
        let ingest = Ingest::new(
            Arc::clone(&app.clock),
            Arc::clone(&app.settings),
            Arc::clone(&app.journal),
            options.limits,
            app.telemetry.clone(),
        );
        let server = server::serve(
            listener,
            &app,
            Arc::new(ingest),
            Arc::new(operations),
            options.workers,
            options.stop_drain,
        )
        .map_err(refused)?;
        let delivery = Parts {
            journal: Arc::clone(&app.journal),
            store: Arc::clone(&app.store),
            settings: Arc::clone(&app.settings),
            clock: Arc::clone(&app.clock),
            status: Arc::clone(&app.delivery),
            mapping: Box::new(LiveMapping::new(Arc::clone(&app.rules)).counted(tallies)),
            uploader: Arc::new(Junction { clevertap: CleverTap::new(Timeouts::default()), sandbox }),
            slots,
            policy: options.delivery,
        };
        let sweeper = Sweeper::new(Arc::clone(&app.journal), Arc::clone(&app.clock), options.retention)
            .following(Arc::clone(&app.settings))
            .telling(app.telemetry.clone());
        Ok(Self {
            app,
            server,
            delivery,
            signals: Signals::listen().map_err(BuildError::Signals)?,
            stopping,
            stopper: Stopper::new(),
            stop_grace: options.stop_grace,
            stop_drain: options.stop_drain,
            closer,
            sweeper,
            address,
            first_start,
        })
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
}
