//! The whole application on a port of its own, with a clock that stands still and a journal in memory.

use super::http::{Answer, Connection, Request};
use super::journal::GatedJournal;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tapline::admin::Environment;
use tapline::app::{App, Application, BuildError, Options, RunError, Stopper, Storage};
use tapline::clock::{FixedClock, Millis};
use tapline::ingest::Limits;
use tapline::journal::memory::{MemoryJournal, MemoryStore};
use tapline::journal::{Entry, Journal, Seq};
use tapline::settings::{Limit, Limits as GivenLimits};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// What senders show, unless a test says otherwise.
pub(crate) const WRITE_KEY: &str = "write_key_1";

/// 2026-01-01T00:00:10.000Z, the time at every start.
pub(crate) const START: Millis = Millis(1_767_225_610_000);

/// An application to be started.
pub(crate) struct TestAppBuilder {
    variables: BTreeMap<&'static str, String>,
    given: GivenLimits,
    options: Options,
    clock: Arc<FixedClock>,
    journal: Arc<MemoryJournal>,
    gate: Option<Arc<GatedJournal>>,
    in_memory: bool,
    data: TempDir,
}

impl TestAppBuilder {
    /// Sets a `TAPLINE_*` variable; an empty one counts as not set.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.to_owned());
        self
    }

    /// Sets numbers as flags do.
    pub(crate) fn limits_given(mut self, limits: &[(Limit, u64)]) -> Self {
        limits.iter().for_each(|(limit, value)| self.given.set(*limit, Some(*value)));
        self
    }

    /// Sets the limits of ingest.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Sets how long `/readyz` says no before a stop refuses connections.
    pub(crate) fn stop_grace(mut self, grace: Duration) -> Self {
        self.options.stop_grace = grace;
        self
    }

    /// Sets the rules directory.
    pub(crate) fn rules(mut self, rules: &Path) -> Self {
        self.options.rules = rules.to_owned();
        self
    }

    /// Lets the console write to the rules directory.
    pub(crate) fn write_rules(mut self) -> Self {
        self.options.write_rules = true;
        self
    }

    /// Sets where to listen.
    pub(crate) fn listen(mut self, listen: &str) -> Self {
        self.options.listen = listen.parse().expect("an address");
        self
    }

    /// Makes every commit wait for [`TestApp::gate`].
    pub(crate) fn gated(mut self) -> Self {
        self.gate = Some(Arc::new(GatedJournal::before(Arc::clone(&self.journal))));
        self
    }

    /// Keeps everything in the data directory, as the product does.
    pub(crate) fn durable(mut self) -> Self {
        self.in_memory = false;
        self
    }

    /// The same, with bounds of its own.
    pub(crate) fn durable_with(mut self, options: tapline::journal::sled::Options) -> Self {
        self.options.storage = Storage::Directory(options);
        self.durable()
    }

    /// Builds and serves.
    pub(crate) async fn start(self) -> TestApp {
        self.try_start().await.expect("an application")
    }

    /// Builds and serves, unless it can not be built.
    pub(crate) async fn try_start(mut self) -> Result<TestApp, BuildError> {
        let variables = std::mem::take(&mut self.variables);
        self.options.environment = Environment::read(|name| variables.get(name).cloned())
            .expect("good variables")
            .with_limits(self.given.clone());
        if self.in_memory {
            let journal: Arc<dyn Journal> = match &self.gate {
                Some(gate) => Arc::clone(gate) as _,
                None => Arc::clone(&self.journal) as _,
            };
            self.options.storage = Storage::Given { journal, store: Arc::new(MemoryStore::default()) };
        }
        let application = Application::build(self.options).await?;
        Ok(TestApp {
            app: application.app().clone(),
            address: application.address(),
            clock: self.clock,
            journal: self.journal,
            gate: self.gate,
            data: self.data,
            stopper: application.stopper(),
            running: tokio::spawn(application.run_until_stopped()),
        })
    }
}

/// A running application. Dropping it stops it without waiting.
pub(crate) struct TestApp {
    /// Its parts.
    pub(crate) app: App,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its clock.
    pub(crate) clock: Arc<FixedClock>,
    /// Its journal, unless it is durable.
    pub(crate) journal: Arc<MemoryJournal>,
    /// The gate before its journal, if there is one.
    pub(crate) gate: Option<Arc<GatedJournal>>,
    /// Its data directory.
    pub(crate) data: TempDir,
    stopper: Stopper,
    running: JoinHandle<Result<(), RunError>>,
}

impl TestApp {
    /// An application in memory with the repository's rules and a write key.
    pub(crate) fn builder() -> TestAppBuilder {
        Self::builder_in(tempfile::tempdir().expect("a temporary directory"))
    }

    /// The same, in a data directory that was there before.
    pub(crate) fn builder_in(data: TempDir) -> TestAppBuilder {
        let clock = Arc::new(FixedClock::at(START));
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.path().to_owned(),
            rules: Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"),
            clock: Arc::clone(&clock) as _,
            workers: Some(2),
            ..Options::default()
        };
        TestAppBuilder {
            variables: BTreeMap::from([("TAPLINE_WRITE_KEY", WRITE_KEY.to_owned())]),
            given: GivenLimits::default(),
            options,
            clock,
            journal: Arc::new(MemoryJournal::new()),
            gate: None,
            in_memory: true,
            data,
        }
    }

    /// An application as most tests want it.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// Posts a body as a server-side SDK does: JSON, with the write key as the user of HTTP Basic.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(&post(path).body(body)).await
    }

    /// Gets a page.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&Request::new("GET", path)).await
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        self.connect().await.send(request).await
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Everything in the journal, in order.
    pub(crate) async fn stored(&self) -> Vec<Entry> {
        let (mut entries, mut at) = (Vec::new(), Seq(0));
        while let Some(block) = self.app.journal.block_from(at).await.expect("a readable journal") {
            entries.extend(block.entries.iter().cloned());
            at = block.end();
        }
        entries
    }

    /// Waits until every event in the journal has its end.
    pub(crate) async fn settled(&self) {
        while self.app.journal.counts().pending > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for a graceful stop, and does not wait for it.
    pub(crate) fn begin_stop(&self) {
        self.stopper.stop();
    }

    /// Waits for the end; gives the data directory back.
    pub(crate) async fn ended(self) -> (Result<(), RunError>, TempDir) {
        (self.running.await.expect("a task that does not panic"), self.data)
    }

    /// Stops, and waits for it.
    pub(crate) async fn stop(self) -> TempDir {
        self.begin_stop();
        let (ended, data) = self.ended().await;
        ended.expect("a good end");
        data
    }
}

/// A post with the write key.
pub(crate) fn post(path: &str) -> Request {
    Request::new("POST", path).header("Content-Type", "application/json").basic(WRITE_KEY)
}
