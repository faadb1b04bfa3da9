//! The program beside CleverTap's stand-in, each as its own process.

use super::app::{WRITE_KEY, post};
use super::http::{Answer, Connection, Request};
use super::process::{Ended, Process};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{Counts, End, Journal, Seq};
use tempfile::TempDir;

/// What the REST API wants to be shown.
pub(crate) const API_TOKEN: &str = "api_token_0123456789abcdef";

/// Longer than anything here takes to be delivered.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(20);

/// CleverTap's stand-in, and a data directory for servers that deliver to it.
pub(crate) struct Stand {
    simulator: Process,
    data: TempDir,
    elsewhere: Option<PathBuf>,
}

/// An event as the journal keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Its place.
    pub(crate) seq: Seq,
    /// The event as JSON.
    pub(crate) body: String,
    /// How it ended; none while it is pending.
    pub(crate) end: Option<End>,
}

/// How often what happened at the stand-in, as far as tests ask.
#[derive(Debug, Deserialize)]
pub(crate) struct Tally {
    /// Upload requests.
    pub(crate) uploads: u64,
    /// The most uploads in flight at once.
    pub(crate) most_in_flight: usize,
    /// The most records in one upload.
    pub(crate) most_records: usize,
}

impl Stand {
    /// Starts the stand-in, which takes `--fault`s and the like.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        Self { simulator: Process::simulate(arguments).await, data, elsewhere: None }
    }

    /// From now on the data directory is this one.
    pub(crate) fn move_to(&mut self, directory: &Path) {
        self.elsewhere = Some(directory.to_owned());
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.elsewhere.as_deref().unwrap_or_else(|| self.data.path())
    }

    /// Starts a server on the data directory; it must have no other.
    pub(crate) async fn serve(&self) -> Process {
        self.serve_with(&[]).await
    }

    /// The same with more variables.
    pub(crate) async fn serve_with(&self, more: &[(&str, &str)]) -> Process {
        self.serve_under(&[], more).await
    }

    /// The same, started by another program.
    pub(crate) async fn serve_under(&self, wrapper: &[&str], more: &[(&str, &str)]) -> Process {
        let variables = self.variables(more);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Process::serve_under(wrapper, self.data(), &variables).await
    }

    /// A server that is expected to end by itself.
    pub(crate) async fn serve_in_vain(&self, more: &[(&str, &str)]) -> Ended {
        let variables = self.variables(more);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let data = self.data().to_str().expect("a path in UTF-8");
        Process::run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &variables).await
    }

    fn variables<'a>(&self, more: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        let clevertap = format!("http://{}", self.simulator.address);
        let mut variables = vec![
            ("TAPLINE_WRITE_KEY", WRITE_KEY.to_owned()),
            ("TAPLINE_API_TOKEN", API_TOKEN.to_owned()),
            ("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT".to_owned()),
            ("TAPLINE_PASSCODE", "passcode_1".to_owned()),
            ("TAPLINE_CLEVERTAP_URL", clevertap),
            ("TAPLINE_RULES", rules().to_str().expect("a path in UTF-8").to_owned()),
        ];
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        variables
    }

    /// The records that the stand-in took, in order and byte for byte.
    pub(crate) async fn received(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Received {
            records: Vec<Box<RawValue>>,
        }
        let answer = get(&self.simulator, "/received").await;
        let received: Received = serde_json::from_slice(&answer.body).expect("a list of records");
        received.records.iter().map(|record| record.get().to_owned()).collect()
    }

    /// What the stand-in counted.
    pub(crate) async fn tally(&self) -> Tally {
        serde_json::from_slice(&get(&self.simulator, "/tally").await.body).expect("a tally")
    }

    /// Everything in the journal, in order. No server may run.
    pub(crate) async fn journal(&self) -> (Vec<Kept>, Counts) {
        let (journal, _store) = SledJournal::open(self.data(), Options::default()).expect("a journal");
        let (mut kept, mut at) = (Vec::new(), Seq(0));
        while let Some(block) = journal.block_from(at).await.expect("a readable journal") {
            let ends = journal.ends(&block).await.expect("readable ends");
            kept.extend(block.iter().zip(ends).map(|((seq, entry), end)| Kept {
                seq,
                body: String::from_utf8(entry.body.to_vec()).expect("an event in UTF-8"),
                end,
            }));
            at = block.end();
        }
        (kept, journal.counts())
    }
}

/// The rules of the repository.
pub(crate) fn rules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules")
}

/// Gets a page of a server.
pub(crate) async fn get(server: &Process, path: &str) -> Answer {
    Connection::open(server.address).await.send(&Request::new("GET", path)).await
}

/// Posts to a server, as a server-side SDK does.
pub(crate) async fn send(server: &Process, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    Connection::open(server.address).await.send(&post(path).body(body)).await
}

/// Waits until every event that the server accepted has ended.
pub(crate) async fn settled(server: &Process) {
    let start = Instant::now();
    loop {
        let metrics = get(server, "/metrics").await;
        let pending = metrics.text().lines().find_map(|line| line.strip_prefix("tapline_events_pending "));
        if pending.expect("a metric").parse::<f64>().expect("a number") == 0.0 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "events are still pending:\n{}", metrics.text());
        tokio::time::sleep(PAUSE).await;
    }
}
