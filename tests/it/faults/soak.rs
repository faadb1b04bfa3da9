//! Half of what the machine can take, for a long time: first calmly, where nothing may grow, then with kills, refusals
//! and reloads at random, where nothing may get lost.

use crate::support::app::{WRITE_KEY, post};
use crate::support::figure::{self, Fault};
use crate::support::http::{Connection, Request};
use crate::support::process::Process;
use crate::support::stand::{API_TOKEN, rules, settled};
use crate::support::vital::{Sums, Vital, disk_bytes};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tapline::delivery::LANES;
use tapline::journal::WindowPolicy;
use tapline::simulator::{Fault as SimulatorFault, Options, Simulator};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long the machine's capacity is measured.
const SPRINT: Duration = Duration::from_secs(6);
/// Calls in one request.
const BATCH: usize = 100;
const PEOPLE: usize = 200;
/// Bytes of the journal that are kept, past what has not ended.
const KEPT_BYTES: u64 = 64 << 20;
/// Memory may move by so much without growing.
const MEMORY_SWAY: f64 = 14.0 * 1024.0 * 1024.0;
/// And the disk by so much.
const DISK_SWAY: f64 = 32.0 * 1024.0 * 1024.0;
/// Bytes of memory that a known call takes, until the window of known calls is full.
const KNOWN_CALL: f64 = 64.0;
/// Bytes of memory that an event takes in the index of the generation that is written to: 16 MB for a full one, which then
/// goes to a file (`sled/index/row.rs`).
const INDEXED_CALL: f64 = 32.0;
/// Events of a generation by default.
const GENERATION: f64 = 500_000.0;
/// Bytes of disk that an event takes at most, stored and settled; these come to about 300 bytes unpacked.
const STORED_CALL: f64 = 600.0;
/// A kill comes after so many seconds of work at the least.
const LIFE: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_half_of_capacity_nothing_grows_and_at_random_faults_nothing_is_lost() {
    let seconds = figure::rounds(60, 30 * 60) as u64;
    let soak = Soak::start().await;
    let server = soak.serve().await;
    let (load, arrivals) = (Load::start(server.address), Arrivals::watch(soak.simulator.address()));
    let capacity = load.sprint(&server).await;
    load.pace(capacity / 2.0);

    let calm = Duration::from_secs(seconds * 2 / 3);
    let samples = soak.sample(&server, calm).await;
    samples.assert_flat(calm, capacity / 2.0);

    let rough = soak.rough(server, &load, Duration::from_secs(seconds) - calm).await;
    load.pace(0.0);
    let sent = load.end().await;
    settled(&rough.server).await;
    let sums = Sums::of(&rough.server).await;
    assert_eq!((sums.accepted as usize, sums.delivered as usize, sums.pending), (sent, sent, 0), "{sums:?}");
    assert_eq!(rough.server.terminate().await.code, Some(0));
    let (missing, twice) = arrivals.end(sent).await;
    let most = soak.simulator.tally().most_records;
    assert_eq!(missing, 0, "of {sent} records that many never came");
    assert!(twice <= rough.kills * LANES * most, "{twice} records came again after {} kills", rough.kills);
    samples.note(capacity);
    figure::fault(Fault {
        name: "half of capacity for long, then kills, 429s, 503s, partial answers and reloads at random",
        rounds: rough.kills,
        acknowledged: sent,
        lost: missing,
        twice: Some(twice),
        recovery: rough.recovery,
        mutation: "the journal's cache of blocks forgets nothing",
    });
}

/// What all of it runs on.
struct Soak {
    simulator: Simulator,
    data: TempDir,
}

/// What the rough part leaves.
struct Rough {
    server: Process,
    kills: usize,
    recovery: Duration,
}

impl Soak {
    async fn start() -> Self {
        let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), Options::default()).await.unwrap();
        Self { simulator, data: tempfile::tempdir().unwrap() }
    }

    async fn serve(&self) -> Process {
        let (clevertap, rules) = (self.simulator.base_url(), rules());
        let variables = [
            ("TAPLINE_WRITE_KEY", WRITE_KEY),
            ("TAPLINE_API_TOKEN", API_TOKEN),
            ("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT"),
            ("TAPLINE_PASSCODE", "passcode_1"),
            ("TAPLINE_CLEVERTAP_URL", &clevertap),
            ("TAPLINE_RULES", rules.to_str().unwrap()),
            ("TAPLINE_KEEP_BYTES", &KEPT_BYTES.to_string()),
        ];
        Process::serve(self.data.path(), &variables).await
    }

    /// Looks at the server once a second; the sums hold each time.
    async fn sample(&self, server: &Process, time: Duration) -> Samples {
        let (start, mut samples) = (Instant::now(), Samples::default());
        while start.elapsed() < time {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Sums::of(server).await;
            // The first third fills caches and pools.
            if start.elapsed() > time / 3 {
                samples.add(start.elapsed(), Vital::of(server.id()), self.data.path());
            }
        }
        samples
    }

    /// Kills at random, while CleverTap refuses at random and the rules are read anew every second.
    async fn rough(&self, mut server: Process, load: &Load, time: Duration) -> Rough {
        let faults = ["429:rate=0.1", "503:rate=0.05", "partial:share=0.02,rate=0.2", "reset:rate=0.02"];
        self.simulator.set_faults(faults.map(|fault| fault.parse::<SimulatorFault>().unwrap()).into());
        let mut random = fastrand::Rng::with_seed(17);
        let (start, mut kills, mut recovery) = (Instant::now(), 0, Duration::ZERO);
        while start.elapsed() < time {
            for _ in 0..random.u64(LIFE..2 * LIFE) {
                tokio::time::sleep(Duration::from_secs(1)).await;
                server.signal(Signal::HUP);
                Sums::of(&server).await;
            }
            load.address.send_replace(None);
            server.kill().await;
            let killed = Instant::now();
            server = self.serve().await;
            recovery = recovery.max(killed.elapsed());
            load.address.send_replace(Some(server.address));
            kills += 1;
        }
        self.simulator.set_faults(Vec::new());
        Rough { server, kills, recovery }
    }
}

/// What the process held over time.
#[derive(Default)]
struct Samples {
    memory: Vec<(f64, f64)>,
    files: Vec<(f64, f64)>,
    disk: Vec<(f64, f64)>,
}

impl Samples {
    fn add(&mut self, at: Duration, vital: Vital, data: &Path) {
        let at = at.as_secs_f64();
        self.memory.push((at, vital.resident as f64 * 1024.0));
        self.files.push((at, vital.files as f64));
        self.disk.push((at, disk_bytes(data) as f64));
    }

    /// What grew over the time by the slope of all samples is less than what may.
    fn assert_flat(&self, time: Duration, rate: f64) {
        let events = rate * time.as_secs_f64();
        let known = events.min(WindowPolicy::default().most as f64) * KNOWN_CALL;
        let indexed = events.min(GENERATION) * INDEXED_CALL;
        let memory = growth(&self.memory);
        assert!(memory < MEMORY_SWAY + known + indexed, "memory grew by {memory} bytes over {events} events");
        let files = growth(&self.files);
        assert!(files < 20.0, "{files} more files are open");
        // Until there is more than is to be kept, each event takes its room; then nothing does.
        let disk = growth(&self.disk);
        let room = (events * STORED_CALL).min(KEPT_BYTES as f64 * 3.0);
        assert!(disk < DISK_SWAY + room, "the disk grew by {disk} bytes over {events} events");
    }

    fn note(&self, capacity: f64) {
        figure::note("soak: capacity measured with the build of the tests, events a second", capacity as u64);
        let megabytes = |bytes: f64| format!("{:.1}", bytes / 1024.0 / 1024.0);
        figure::note("soak: memory grown while calm, MB", megabytes(growth(&self.memory)));
        figure::note("soak: open files more while calm", growth(&self.files) as i64);
        figure::note("soak: disk grown while calm, MB", megabytes(growth(&self.disk)));
    }
}

/// The slope of the line that fits best, times the time between the first and the last sample.
fn growth(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (at, value) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let above = samples.iter().map(|sample| (sample.0 - at) * (sample.1 - value)).sum::<f64>();
    let below = samples.iter().map(|sample| (sample.0 - at).powi(2)).sum::<f64>();
    above / below * (samples[samples.len() - 1].0 - samples[0].0)
}

/// A sender that keeps a pace and posts the same calls again until they are answered.
struct Load {
    address: watch::Sender<Option<SocketAddr>>,
    /// Events a second; none is as fast as it goes, and nought is a halt.
    rate: watch::Sender<Option<f64>>,
    sent: Arc<AtomicUsize>,
    sending: JoinHandle<()>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let address = watch::Sender::new(Some(address));
        let rate = watch::Sender::new(None);
        let sent = Arc::new(AtomicUsize::new(0));
        let sending = tokio::spawn(send_on_and_on(address.subscribe(), rate.subscribe(), sent.clone()));
        Self { address, rate, sent, sending }
    }

    /// As fast as it goes: events a second from the first call to the last end.
    async fn sprint(&self, server: &Process) -> f64 {
        let start = Instant::now();
        tokio::time::sleep(SPRINT).await;
        self.pace(0.0);
        settled(server).await;
        let took = start.elapsed();
        self.sent.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
    }

    fn pace(&self, rate: f64) {
        self.rate.send_replace(Some(rate));
    }

    /// Waits until what was begun has been answered; gives how many events were.
    async fn end(self) -> usize {
        drop((self.rate, self.address));
        self.sending.await.expect("a sender that does not panic");
        self.sent.load(Ordering::Relaxed)
    }
}

async fn send_on_and_on(
    mut address: watch::Receiver<Option<SocketAddr>>,
    mut rate: watch::Receiver<Option<f64>>,
    sent: Arc<AtomicUsize>,
) {
    let mut connection = None;
    let mut due = Instant::now();
    loop {
        let now = *rate.borrow_and_update();
        match now {
            Some(0.0) => {
                if rate.changed().await.is_err() {
                    return;
                }
                due = Instant::now();
                continue;
            }
            Some(rate) => {
                tokio::time::sleep_until(due.into()).await;
                due += Duration::from_secs_f64(BATCH as f64 / rate);
            }
            None => {}
        }
        let first = sent.load(Ordering::Relaxed);
        let calls: Vec<_> = (first..first + BATCH).map(call).collect();
        let request = post("/v1/batch").body(json!({ "batch": calls }).to_string());
        while !is_taken(&mut address, &mut connection, &request).await {
            connection = None;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sent.fetch_add(BATCH, Ordering::Relaxed);
    }
}

/// Whether a request was answered 200; not when the server died first.
async fn is_taken(
    address: &mut watch::Receiver<Option<SocketAddr>>,
    connection: &mut Option<Connection>,
    request: &Request,
) -> bool {
    if connection.is_none() {
        // The sender of addresses goes only after everything has been answered.
        let Ok(address) = address.wait_for(Option::is_some).await.map(|address| *address) else {
            return false;
        };
        *connection = Connection::try_open(address.expect("an address")).await;
    }
    let Some(connection) = connection else { return false };
    connection.write(&request.render()).await;
    match connection.try_read().await {
        None => false,
        Some(answer) => {
            assert_eq!(answer.status, 200, "{}", answer.text());
            true
        }
    }
}

fn call(step: usize) -> Value {
    let person = step % PEOPLE;
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
        "userId": format!("user_{person}"), "anonymousId": format!("device-{person}"), "properties": {"step": step}})
}

/// Who looks at what arrives while it does, because not all of it is kept.
struct Arrivals {
    stop: watch::Sender<bool>,
    watching: JoinHandle<Vec<u8>>,
}

impl Arrivals {
    fn watch(simulator: SocketAddr) -> Self {
        let (stop, stopped) = watch::channel(false);
        let watching = tokio::spawn(async move {
            let (mut times, mut after) = (Vec::new(), 0);
            loop {
                let is_last = *stopped.borrow();
                let records = page(simulator, after).await;
                after += records.len();
                for record in &records {
                    let step = usize::try_from(record["evtData"]["step"].as_u64().unwrap()).unwrap();
                    times.resize(times.len().max(step + 1), 0);
                    times[step] += 1;
                }
                if records.is_empty() && is_last {
                    return times;
                }
                if records.is_empty() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        });
        Self { stop, watching }
    }

    /// Of so many records, how many never came, and how many times one came again.
    async fn end(self, sent: usize) -> (usize, usize) {
        self.stop.send_replace(true);
        let times = self.watching.await.expect("a watch that does not panic");
        assert!(times.len() <= sent, "a record that nobody sent");
        let missing = sent - times.iter().filter(|times| **times > 0).count();
        (missing, times.iter().map(|times| usize::from(times.saturating_sub(1))).sum())
    }
}

/// A few thousand of the records that arrived.
async fn page(simulator: SocketAddr, after: usize) -> Vec<Value> {
    #[derive(Deserialize)]
    struct Received {
        records: Vec<Value>,
    }
    let request = Request::new("GET", &format!("/received?after={after}&limit=5000"));
    let answer = Connection::open(simulator).await.send(&request).await;
    serde_json::from_slice::<Received>(&answer.body).expect("a list of records").records
}
