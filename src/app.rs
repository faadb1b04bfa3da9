//! The composition root: the only place that knows every room.

use crate::clock::Clock;
use crate::delivery::DeliveryStatus;
use crate::journal::{Journal, Store};
use crate::rulebook::LiveRules;
use crate::settings::LiveSettings;
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
}
