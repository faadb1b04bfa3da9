//! Carrying out the jobs that send events again, one after the other, oldest first.
//!
//! A job reads the log from its cursor, has what it selects evaluated and sent by workers beside the lanes, and gives the
//! events their new ends. Deliberately without a memory of its own: the job is stored with its cursor and with what it
//! came to up to there, and behind the cursor the journal tells which events the job has given an end already. So what
//! was settled is never sent twice by one job, however it is stopped, and what was in flight at a kill may be.
//!
//! First thing to know: [`start`] returns at once, and [`Resends::stop`] lets uploads in flight be answered.

mod run;
mod runner;

use crate::admin::AdminError;
use crate::admin::resend::Remapping;
use crate::clock::Clock;
use crate::delivery::{DeliveryError, Desk};
use crate::journal::{Journal, JournalError, Store};
use crate::telemetry::event::ResendCut;
use runner::Runner;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What jobs are carried out with.
pub struct Parts {
    /// Where events and their ends are.
    pub journal: Arc<dyn Journal>,
    /// Where jobs are.
    pub store: Arc<dyn Store>,
    /// The wall clock, for when jobs began and ended.
    pub clock: Arc<dyn Clock>,
    /// Where workers come from.
    pub desk: Desk,
    /// What evaluates events again: [`crate::admin::resend::KeptRules`].
    pub remapping: Box<dyn Remapping>,
    /// Told when there is a job to carry out, or one was cancelled.
    pub changed: Arc<Notify>,
}

/// Why no job can be carried out any more. The one under way goes on after a restart.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// The journal can not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A job can not be read or stored.
    #[error(transparent)]
    Job(#[from] AdminError),
    /// The workers failed.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// A fault of our own.
    #[error("sending again crashed: {0}")]
    Crashed(String),
}

/// Jobs at work. Dropping it leaves them to themselves.
pub struct Resends {
    task: JoinHandle<Result<(), ResendError>>,
    stop: watch::Sender<bool>,
}

/// Starts to carry out every job that is stored and not over. Needs a running tokio.
pub fn start(parts: Parts) -> Resends {
    let (stop, stopped) = watch::channel(false);
    Resends { task: tokio::spawn(Runner::run(parts, stopped)), stop }
}

impl Resends {
    /// Waits until jobs can not be carried out any more, and the process is to restart.
    pub async fn failed(&mut self) -> ResendError {
        match (&mut self.task).await {
            Ok(Err(error)) => error,
            Err(crash) => ResendError::Crashed(crash.to_string()),
            Ok(Ok(())) => std::future::pending().await,
        }
    }

    /// Sends nothing new, lets uploads in flight be answered, keeps how far the job has got, and cuts what takes longer
    /// than `deadline`.
    pub async fn stop(mut self, deadline: Duration) -> Result<(), ResendError> {
        self.stop.send_replace(true);
        if self.task.is_finished() {
            // Why it ended has been told by `failed`.
            return Ok(());
        }
        match tokio::time::timeout(deadline, &mut self.task).await {
            Ok(ended) => ended.unwrap_or_else(|crash| Err(ResendError::Crashed(crash.to_string()))),
            Err(_late) => {
                ResendCut {}.tell();
                self.task.abort();
                Ok(())
            }
        }
    }
}
