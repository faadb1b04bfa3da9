//! Serving, delivering, and ending both in order.

use super::stop::{Request, Signals};
use super::{App, Application};
use crate::admin::Admin;
use crate::admin::resend::KeptRules;
use crate::delivery::{self, DeliveryError};
use crate::journal::Journal;
use crate::resend::{self, ResendError};
use crate::rulebook::{INTERVAL, LiveRules, Look, RulesWatch};
use crate::telemetry::event::{
    JournalNotClosed, RequestsCut, RuleHitsNotKept, RulesRead, StoppedAtOnce, Stopping,
};
use crate::telemetry::{Cause, Telemetry};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

/// How often the journal is asked whether it still writes.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is kept how often rules took effect; a crash loses what was counted since.
const HITS_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is kept when keys were last used.
const NOTE_INTERVAL: Duration = Duration::from_secs(60);

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
    /// Jobs that send again can not go on. They go on after a restart.
    #[error("sending again can not go on ({0}); start again")]
    Resend(#[from] ResendError),
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
        let mut resends = resend::start(resend::Parts {
            journal: Arc::clone(&self.app.journal),
            store: Arc::clone(&self.app.store),
            clock: Arc::clone(&self.app.clock),
            desk: delivery.desk(),
            remapping: Box::new(KeptRules::new(Arc::clone(&self.app.store), Arc::clone(&self.app.rules))),
            changed: self.app.admin.resends_changed(),
        });
        let watch = tokio::spawn(watch_rules(self.app.clone()));
        let sweep = tokio::spawn(self.sweeper.run());
        let tally = tokio::spawn(keep_rule_hits(Arc::clone(&self.app.admin)));
        let noting = tokio::spawn(note_key_uses(Arc::clone(&self.app.admin)));
        let ended = tokio::select! {
            served = &mut server => flatten(served),
            () = asked_to_stop(&mut self.signals, &self.app) => Ok(()),
            () = self.stopper.asked() => Ok(()),
            reason = broken(&*self.app.journal) => Err(RunError::JournalBroken(reason)),
            error = delivery.failed() => Err(error.into()),
            error = resends.failed() => Err(error.into()),
        };
        Stopping {}.tell();
        self.stopping.begin();
        self.app.admin.end_tails();
        let grace = if ended.is_ok() { self.stop_grace } else { Duration::ZERO };
        let drain = self.stop_drain;
        let draining = async {
            handle.stop(true).await;
            // Already ended, and told how, where the server itself was the reason.
            if server.is_finished() { Ok(()) } else { flatten(server.await) }
        };
        let closing = async {
            tokio::time::sleep(grace).await;
            let (drained, delivered, resent) = tokio::join!(
                tokio::time::timeout(drain, draining),
                delivery.stop(drain),
                resends.stop(drain)
            );
            let drained = drained.unwrap_or_else(|_| {
                RequestsCut {}.tell();
                Ok(())
            });
            drained.and(delivered.map_err(RunError::from)).and(resent.map_err(RunError::from))
        };
        let closed = tokio::select! {
            closed = closing => closed,
            // Whoever asks twice does not want to wait. What was answered is durable either way.
            () = asked_to_stop(&mut self.signals, &self.app) => {
                StoppedAtOnce {}.tell();
                Ok(())
            }
        };
        watch.abort();
        sweep.abort();
        tally.abort();
        noting.abort();
        // Nothing is evaluated any more, so this is the last of it.
        save_rule_hits(&self.app.admin).await;
        let close = async {
            // What is not noted now is lost; it is a word on a page and no more.
            let _ = self.app.admin.keep_key_uses().await;
            self.closer.close().await;
        };
        if tokio::time::timeout(CLOSE_TIME, close).await.is_err() {
            JournalNotClosed {}.tell();
        }
        ended.and(closed)
    }
}

/// Waits for a signal to stop, and reads the rules anew on those that ask for it.
async fn asked_to_stop(signals: &mut Signals, app: &App) {
    while signals.next().await == Request::Reload {
        let app = app.clone();
        let reload = move || {
            app.rules.reload(&app.settings.load().0);
            tell(&app.rules, &app.telemetry);
        };
        // An error means that reading panicked, which has been told where it happened.
        let _ = tokio::task::spawn_blocking(reload).await;
    }
}

/// Takes changes of the rules directory as they come.
async fn watch_rules(app: App) {
    let mut watch = RulesWatch::start(&app.rules);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let app = app.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let look = watch.look(&app.rules, &app.settings.load().0);
            if matches!(look, Look::Reloaded | Look::Refused) {
                tell(&app.rules, &app.telemetry);
            }
            watch
        });
        // An error means that reading panicked, which has been told where it happened.
        let Ok(same) = looked.await else { return };
        watch = same;
    }
}

/// Keeps how often rules took effect, every few seconds.
async fn keep_rule_hits(admin: Arc<Admin>) {
    loop {
        tokio::time::sleep(HITS_INTERVAL).await;
        save_rule_hits(&admin).await;
    }
}

async fn save_rule_hits(admin: &Admin) {
    if let Err(error) = admin.save_rule_hits().await {
        RuleHitsNotKept { error: Cause::of(&error) }.tell();
    }
}

fn tell(rules: &LiveRules, telemetry: &Telemetry) {
    match rules.problem() {
        None => RulesRead::Taken { revision: rules.plan().revision() }.tell(telemetry),
        Some(problem) => {
            let (problems, first) = problem.summary();
            RulesRead::Refused { problems, error: Cause::told(&first) }.tell(telemetry);
        }
    }
}

/// Keeps when keys were last used, now and then.
async fn note_key_uses(admin: Arc<Admin>) {
    loop {
        tokio::time::sleep(NOTE_INTERVAL).await;
        // A store that can not be written is told by whoever must write to it.
        let _ = admin.keep_key_uses().await;
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
