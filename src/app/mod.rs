//! The composition root: the only place that knows every room.
//!
//! [`Application::build`] opens everything in order and binds the listener; [`Application::run_until_stopped`] serves
//! until the process is told to stop. The same type is used by the binary and by tests, which hand in other parts and
//! port 0. Deliberately no decisions about events, rules or pages here.

mod application;
mod backup;
mod data;
mod guard;
mod metric;
mod operation;
mod option;
mod retention;
mod run;
mod sandbox;
mod server;
mod stop;
mod storage;

pub use crate::delivery::{DeliveryPolicy, RetryPolicy, SlotPolicy};
pub use crate::journal::Retention;
pub use crate::journal::backup::{BackupError, Findings};
pub use crate::journal::sled::{Options as JournalOptions, Repair, RepairError, Repaired, RestoreError};
pub use application::{Application, BuildError};
pub use backup::{BackupFile, inspect_backup, inspect_damage, repair_directory, restore_backup};
pub use data::{DataDirectory, DataError, noted_server};
pub use option::{Options, Storage};
pub use retention::Sweeper;
pub use run::RunError;
pub use stop::Stopper;

use crate::admin::Admin;
use crate::clock::Clock;
use crate::delivery::DeliveryStatus;
use crate::journal::{Journal, Store};
use crate::rulebook::LiveRules;
use crate::settings::LiveSettings;
use crate::telemetry::Telemetry;
use std::sync::Arc;

/// Everything that runs, by what it is for. Cheap to clone; every request handler holds one.
#[derive(Clone)]
pub struct App {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Small durable tables.
    pub store: Arc<dyn Store>,
    /// Accepted events and their ends.
    pub journal: Arc<dyn Journal>,
    /// The settings in force.
    pub settings: Arc<LiveSettings>,
    /// The rules in force.
    pub rules: Arc<LiveRules>,
    /// How delivery stands.
    pub delivery: Arc<DeliveryStatus>,
    /// What an operator can do.
    pub admin: Arc<Admin>,
    /// Where what happens is told.
    pub telemetry: Telemetry,
}
