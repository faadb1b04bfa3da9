//! Sandbox mode: records go to a stand-in for CleverTap inside the server, so that everything can be tried without an
//! account.
//!
//! What the stand-in took is marked so for ever and never counts as delivered: it ends as filtered, with the code
//! [`End::SANDBOX`]. Deletions wait until the sandbox is left, because a person who asks for one means CleverTap.
//!
//! First thing to know: entering and leaving both ask about the events that wait at that moment, because they go to
//! whoever is in force once they leave.

use super::event::Filter;
use super::resend::{OrderOutcome, Payload, ResendOrder, Selection};
use super::{Admin, AdminError, Author};
use crate::journal::{End, ResendId};
use std::time::Duration;
use tokio::time::Instant;

/// What is shown of what the stand-in took.
const SHOWN: usize = 50;
/// How long leaving waits for the stand-in to take what waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// The stand-in, as far as it can be looked at.
pub trait StandIn: Send + Sync + 'static {
    /// What it took, at most so many of each.
    fn taken(&self, most: usize) -> Taken;
}

/// What the stand-in took since the process was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many records.
    pub count: usize,
    /// The newest of them, the last one first, as they arrived.
    pub records: Vec<String>,
    /// The people it knows, as JSON in the shape of CleverTap's profile API, whoever was heard of last first.
    pub people: Vec<String>,
}

/// How the sandbox stands.
#[derive(Debug, Clone)]
pub struct SandboxView {
    /// Whether records go there.
    pub is_on: bool,
    /// What it took.
    pub taken: Taken,
    /// How many events wait at this moment.
    pub waiting: u64,
    /// What CleverTap's account lacks; nothing when it is set.
    pub missing: Vec<&'static str>,
}

/// Where events go that wait at the moment of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// To CleverTap.
    ToCleverTap,
    /// To the sandbox.
    ToSandbox,
}

impl Waiting {
    /// Reads the word of forms and of the API.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "to_clevertap" => Some(Self::ToCleverTap),
            "to_sandbox" => Some(Self::ToSandbox),
            _ => None,
        }
    }
}

/// What comes of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnterOutcome {
    /// It is on.
    On,
    /// So many events wait, and nobody has said that they may go to the sandbox.
    Waiting(u64),
}

/// What comes of leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveOutcome {
    /// It is off; the job that sends what the sandbox took to CleverTap, if that was asked for.
    Off(Option<ResendId>),
    /// So many events still wait, which the sandbox was to take first; it is still on.
    Waiting(u64),
    /// It is off, but what the sandbox took can not be sent again yet: so many jobs wait already.
    TooManyJobs(usize),
}

impl Admin {
    /// Whether the sandbox is on.
    pub fn is_sandbox(&self) -> bool {
        self.ground.settings.load().0.sandbox
    }

    /// How the sandbox stands, and what it took.
    pub fn sandbox(&self) -> SandboxView {
        let settings = self.ground.settings.load();
        SandboxView {
            is_on: settings.0.sandbox,
            taken: self.ground.stand_in.taken(SHOWN),
            waiting: self.ground.journal.counts().pending,
            missing: settings.0.missing_for_delivery(),
        }
    }

    /// Lets records go to the sandbox from now on. What waits goes there, too, so that has to be said.
    pub async fn enter_sandbox(
        &self,
        by: &Author,
        waiting: Option<Waiting>,
    ) -> Result<EnterOutcome, AdminError> {
        let pending = self.ground.journal.counts().pending;
        if pending > 0 && waiting != Some(Waiting::ToSandbox) && !self.is_sandbox() {
            return Ok(EnterOutcome::Waiting(pending));
        }
        self.change_settings(by, |settings| settings.sandbox = true).await?;
        Ok(EnterOutcome::On)
    }

    /// Lets records go to CleverTap from now on. With `send_again`, what the sandbox took goes there as well, by a job.
    pub async fn leave_sandbox(
        &self,
        by: &Author,
        waiting: Waiting,
        send_again: bool,
    ) -> Result<LeaveOutcome, AdminError> {
        if waiting == Waiting::ToSandbox && self.is_sandbox() {
            let end = Instant::now() + PATIENCE;
            while self.ground.journal.counts().pending > 0 {
                if Instant::now() >= end {
                    return Ok(LeaveOutcome::Waiting(self.ground.journal.counts().pending));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        self.change_settings(by, |settings| settings.sandbox = false).await?;
        if !send_again {
            return Ok(LeaveOutcome::Off(None));
        }
        let filter = Filter { code: Some(End::SANDBOX.to_owned()), ..Filter::default() };
        let order = ResendOrder {
            selection: Selection::Matching { states: Vec::new(), filter },
            payload: Payload::Current,
            include_delivered: false,
        };
        Ok(match self.resend(order, &by.to_string(), None).await? {
            OrderOutcome::Taken(job) => LeaveOutcome::Off(Some(job.id)),
            OrderOutcome::TooManyWaiting(jobs) => LeaveOutcome::TooManyJobs(jobs),
            // A filter is never unfit, and there is no key.
            OrderOutcome::Unfit(_) | OrderOutcome::KeyReused => LeaveOutcome::Off(None),
        })
    }
}
