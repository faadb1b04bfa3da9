//! What an [`Application`](super::Application) is built from.

use crate::admin::Environment;
use crate::clock::{Clock, SystemClock};
use crate::delivery::DeliveryPolicy;
use crate::ingest::Limits;
use crate::journal::{self, Journal, Retention, Store};
use crate::telemetry::Telemetry;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any time limit of ingest, and with some to spare within the 30 s that orchestrators give by default.
const DRAIN_TIME: Duration = Duration::from_secs(12);

/// Everything that can be chosen before the start.
pub struct Options {
    /// Where to listen; port 0 takes any.
    pub listen: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
    /// The rules directory; the rules inside the binary where it does not exist.
    pub rules: PathBuf,
    /// Whether the console and the API may write to the rules directory.
    pub write_rules: bool,
    /// What stands above the stored settings.
    pub environment: Environment,
    /// How much ingest takes.
    pub limits: Limits,
    /// How delivery decides.
    pub delivery: DeliveryPolicy,
    /// Where events and tables live.
    pub storage: Storage,
    /// How long events are kept.
    pub retention: Retention,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Threads that serve requests; one per core when none.
    pub workers: Option<usize>,
    /// How long `/readyz` says no before connections are refused, so that a load balancer can notice.
    pub stop_grace: Duration,
    /// How long requests and uploads under way may take once the process stops; whole seconds, at least one.
    pub stop_drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data: PathBuf::from("./tapline-data"),
            rules: PathBuf::from("./rules"),
            write_rules: false,
            environment: Environment::default(),
            limits: Limits::default(),
            delivery: DeliveryPolicy::default(),
            storage: Storage::Directory(journal::sled::Options::default()),
            retention: Retention::default(),
            clock: Arc::new(SystemClock),
            workers: None,
            stop_grace: Duration::ZERO,
            stop_drain: DRAIN_TIME,
        }
    }
}

impl Storage {
    /// The same; what the journal in the data directory does is told to `telemetry`.
    pub(super) fn telling(self, telemetry: &Telemetry) -> Self {
        match self {
            Self::Directory(options) => {
                Self::Directory(journal::sled::Options { telemetry: telemetry.clone(), ..options })
            }
            given @ Self::Given { .. } => given,
        }
    }
}

/// Where events and tables live.
pub enum Storage {
    /// In the data directory.
    Directory(journal::sled::Options),
    /// In what is handed in; the data directory holds only the first-start token.
    Given {
        /// The log.
        journal: Arc<dyn Journal>,
        /// The tables.
        store: Arc<dyn Store>,
    },
}
