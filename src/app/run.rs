//! Serving, delivering, and ending both in order.

use super::Application;
use super::stop::{Request, Signals};
use crate::delivery::{self, DeliveryError};
use crate::journal::Journal;
use crate::rulebook::{INTERVAL, LiveRules, Look, RulesWatch};
use crate::settings::LiveSettings;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

/// How often the journal is asked whether it still writes.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How long the journal may take to close. What was answered is durable before, so a disk that hangs can be left alone.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// Why a running application ended in another way than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The disk refused a write. What was answered 200 is safe; nothing more can be accepted before a restart.
    #[error("the journal can not write any more ({0}); check the disk and start again")]
    JournalBroken(String),
    /// Delivery can not go on. What is not delivered is delivered after a restart.
    #[error("delivery can not go on ({0}); start again")]
    Delivery(#[from] DeliveryError),
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(io::Error),
}

impl Application {
    /// Serves and delivers until SIGTERM, SIGINT or [`Stopper::stop`](super::Stopper::stop); then says so in `/readyz`,
    /// takes no more connections, finishes the requests and uploads under way, and returns. That takes at most
    /// [`Options::stop_grace`](super::Options::stop_grace), [`Options::stop_drain`](super::Options::stop_drain) and the
    /// seconds in which the journal closes. A second signal ends every wait but the last. SIGHUP reads the rules anew.
    pub async fn run_until_stopped(mut self) -> Result<(), RunError> {
        let handle = self.server.handle();
        let mut server = tokio::spawn(self.server);
        let mut delivery = delivery::start(self.delivery);
        let watch = tokio::spawn(watch_rules(Arc::clone(&self.app.rules), Arc::clone(&self.app.settings)));
        let sweep = tokio::spawn(self.sweeper.run());
        let ended = tokio::select! {
            served = &mut server => flatten(served),
            () = asked_to_stop(&mut self.signals, &self.app.rules, &self.app.settings) => Ok(()),
            () = self.stopper.asked() => Ok(()),
            reason = broken(&*self.app.journal) => Err(RunError::JournalBroken(reason)),
            error = delivery.failed() => Err(error.into()),
        };
        tracing::info!("stopping");
        self.stopping.begin();
        let grace = if ended.is_ok() { self.stop_grace } else { Duration::ZERO };
        let drain = self.stop_drain;
        let draining = async {
            handle.stop(true).await;
            // Already ended, and told how, where the server itself was the reason.
            if server.is_finished() { Ok(()) } else { flatten(server.await) }
        };
        let closing = async {
            tokio::time::sleep(grace).await;
            let (drained, delivered) =
                tokio::join!(tokio::time::timeout(drain, draining), delivery.stop(drain));
            let drained = drained.unwrap_or_else(|_| {
                tracing::warn!("requests under way were cut, because they took too long");
                Ok(())
            });
            drained.and(delivered.map_err(RunError::from))
        };
        let closed = tokio::select! {
            closed = closing => closed,
            // Whoever asks twice does not want to wait. What was answered is durable either way.
            () = asked_to_stop(&mut self.signals, &self.app.rules, &self.app.settings) => {
                tracing::warn!("stopped at once on a second signal");
                Ok(())
            }
        };
        watch.abort();
        sweep.abort();
        if tokio::time::timeout(CLOSE_TIME, self.closer.close()).await.is_err() {
            tracing::warn!("the journal did not close in time; what was answered is durable all the same");
        }
        ended.and(closed)
    }
}

/// Waits for a signal to stop, and reads the rules anew on those that ask for it.
async fn asked_to_stop(signals: &mut Signals, rules: &Arc<LiveRules>, settings: &Arc<LiveSettings>) {
    while signals.next().await == Request::Reload {
        let (rules, settings) = (Arc::clone(rules), settings.load());
        // An error means that reading panicked, which has been told where it happened.
        let _ = tokio::task::spawn_blocking(move || reload(&rules, &settings.0)).await;
    }
}

/// Takes changes of the rules directory as they come.
async fn watch_rules(rules: Arc<LiveRules>, settings: Arc<LiveSettings>) {
    let mut watch = RulesWatch::start(&rules);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (rules, settings) = (Arc::clone(&rules), settings.load());
        let looked = tokio::task::spawn_blocking(move || {
            let look = watch.look(&rules, &settings.0);
            if matches!(look, Look::Reloaded | Look::Refused) {
                tell(&rules);
            }
            watch
        });
        // An error means that reading panicked, which has been told where it happened.
        let Ok(same) = looked.await else { return };
        watch = same;
    }
}

fn reload(rules: &LiveRules, settings: &crate::settings::Settings) {
    rules.reload(settings);
    tell(rules);
}

fn tell(rules: &LiveRules) {
    match rules.problem() {
        None => tracing::info!(rules.revision = rules.plan().revision(), "rules read anew"),
        Some(problem) => {
            let (count, first) = problem.summary();
            tracing::warn!(
                problems = count,
                first,
                "the new rules hold errors and the last good ones stay in force; run `tapline check`"
            );
        }
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

fn flatten(served: Result<io::Result<()>, JoinError>) -> Result<(), RunError> {
    served.map_err(|error| RunError::Server(io::Error::other(error)))?.map_err(RunError::Server)
}
