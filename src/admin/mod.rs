//! What an operator can do, as use cases: sign in, set up, read and change settings, look at events, preview one, send
//! some again.
//!
//! Deliberately no HTML, no HTTP and no cookies: `web` and `api` are two skins over the same calls, so that whatever the
//! console can do the API can do too.
//!
//! First thing to know: every use case is a method of [`Admin`], written in the file named after it, and says in its type
//! what can come of it. A failure of the machine is an [`AdminError`]; everything a person can cause is an outcome.

mod account;
mod author;
mod backup;
mod case;
mod deletion;
mod digest;
mod handover;
mod idempotency;
mod overview;
mod password;
mod permission;
mod preview;
mod reason;
mod revision;
mod sandbox;
mod session;
mod settings;
mod setup;
mod start;
mod throttle;
mod token;
mod trial;
mod wire;

pub mod diff;
pub mod event;
pub mod resend;
pub mod rules;
pub mod tail;

pub use crate::delivery::TrialReport;
pub use account::{LoginOutcome, UserName};
pub use author::Author;
pub use deletion::{DeletionOutcome, DeletionState, MOST_ASKED, MOST_PERSONS};
pub use digest::{Digest, random_text};
pub use idempotency::IdempotencyKey;
pub use overview::{Overview, Share};
pub use password::{Password, PasswordProblem};
pub use permission::Permission;
pub use preview::{Candidate, MOST_EVENTS, PreviewOutcome, Sample};
pub use reason::{explanations, remedy};
pub use revision::{
    KeptFile, MOST_BYTES, MOST_REVISIONS, RevisionArchive, RuleRevision, kept_files, kept_revisions,
};
pub use rules::{RulesProblem, RulesStatus, Validation};
pub use sandbox::{EnterOutcome, LeaveOutcome, SandboxView, StandIn, Taken, Waiting};
pub use session::{IDLE_LIMIT, Session, SessionCookie, TOTAL_LIMIT};
pub use settings::{
    Check, Difference, Environment, Field, FieldProblem, Input, KeyProblem, KeyView, MOST_KEYS, MadeKey,
    NewKey, Revision, SaveOutcome, SavedBy, SecretInput, SettingsView, load as load_settings,
};
pub use setup::{ClaimOutcome, FirstStart, StartError};
pub use start::{Destination, SampleOutcome, StartView, is_taken};
pub use token::{ApiCaller, ApiToken};
pub use trial::{TrialOrder, TrialOutcome};
pub use wire::Wire;

pub use crate::rulebook::is_rule_path;

use crate::clock::{Clock, Millis};
use crate::delivery::{DeliveryStatus, PlanCount, RuleTallies, Slots};
use crate::engine::hash::ContentHash;
use crate::engine::report::Problem;
use crate::journal::{Journal, JournalError, Store};
use crate::rulebook::LiveRules;
use crate::settings::LiveSettings;
use handover::Handover;
use password::Passwords;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tail::TailDesk;
use throttle::Throttle;

/// What the use cases stand on, handed over by the composition root.
#[derive(Clone)]
pub struct Ground {
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
    /// How many requests may be at CleverTap.
    pub slots: Slots,
    /// How often each rule took effect.
    pub tallies: Arc<RuleTallies>,
    /// Whether candidates may be written into the rules directory.
    pub write_rules: bool,
    /// What takes records while the sandbox is on.
    pub stand_in: Arc<dyn StandIn>,
    /// The data directory; the first-start token is written there.
    pub data: PathBuf,
    /// The `TAPLINE_*` variables that were set when the process started.
    pub environment: Arc<Environment>,
}

/// Every use case of the console and the API. One per process, shared.
pub struct Admin {
    ground: Ground,
    passwords: Passwords,
    throttle: Throttle,
    handover: Handover,
    /// Held while settings are stored and put in force, so that the last one stored is the one in force.
    saving: tokio::sync::Mutex<()>,
    /// Held while a job that sends again is numbered and stored.
    ordering: tokio::sync::Mutex<()>,
    resends: Arc<tokio::sync::Notify>,
    tails: TailDesk,
    diffs: diff::DiffDesk,
    /// Held while a candidate is written.
    writing: tokio::sync::Mutex<()>,
    /// Held while it is stored how often rules took effect, so that what is read next is up to date.
    tallying: tokio::sync::Mutex<()>,
    /// What was counted and could not be stored yet.
    unsaved_hits: Mutex<Vec<(ContentHash, PlanCount)>>,
    /// What is odd about the rules in force, by their revision.
    lints: Mutex<Option<(ContentHash, Arc<Vec<Problem>>)>>,
}

impl Admin {
    /// Ready to use. Call [`Admin::prepare`] once before the first request.
    pub fn new(ground: Ground) -> Self {
        Self {
            ground,
            passwords: Passwords::new(),
            throttle: Throttle::default(),
            handover: Handover::default(),
            saving: tokio::sync::Mutex::default(),
            ordering: tokio::sync::Mutex::default(),
            resends: Arc::default(),
            tails: TailDesk::default(),
            diffs: diff::DiffDesk::default(),
            writing: tokio::sync::Mutex::default(),
            tallying: tokio::sync::Mutex::default(),
            unsaved_hits: Mutex::default(),
            lints: Mutex::default(),
        }
    }

    /// The time, for pages that say how long ago something was.
    pub fn now(&self) -> Millis {
        self.ground.clock.now()
    }

    /// Runs `work` where it may wait for the disk.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let store = self.ground.store.clone();
        tokio::task::spawn_blocking(move || work(&*store)).await.map_err(|_| AdminError::Interrupted)?
    }
}

/// Why a use case could not be carried out, whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No backup can be begun.
    #[error(transparent)]
    Backup(#[from] crate::journal::backup::BackupError),
    /// A stored value is not what this version writes.
    #[error("the stored {what} can not be read: {error}; restore it from a backup or remove it")]
    Unreadable {
        /// As `settings`.
        what: &'static str,
        /// What the parser said. It names positions and fields, never values.
        error: String,
    },
    /// The system gave no random numbers, so no key can be made.
    #[error("the system gave no random numbers")]
    NoRandomness,
    /// The process is stopping.
    #[error("the work was interrupted because the process is stopping")]
    Interrupted,
    /// More sign-ins at once than the machine has memory for.
    #[error("too many sign-ins at once; try again in a few seconds")]
    Busy,
}

/// Reads a stored JSON value.
fn decode<T: serde::de::DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice(bytes).map_err(|error| AdminError::Unreadable {
        what,
        // Category and place only: serde's own words would quote the value.
        error: format!("{:?} problem at line {} column {}", error.classify(), error.line(), error.column()),
    })
}

/// Writes a stored JSON value.
fn encode<T: serde::Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, AdminError> {
    serde_json::to_vec(value).map_err(|error| AdminError::Unreadable { what, error: error.to_string() })
}
