//! A process that writes to a journal until something ends it, and says aloud what it was told.
//!
//! It is this very test binary, started anew with one test as its work: that test looks for [`Work::given`] first.
//! First thing to know: what the journal answered is said after the answer, so everything that was heard is promised.

use super::subject::{end, event, noise, note, small};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal, SledStore};
use tapline::journal::{Appended, Journal, NewEvent, Retention, Seq, Settling, Store, Table, UploadId};

/// What the process is to do: directory, first number of its events, bytes of an event.
const WORK: &str = "TAPLINE_TEST_WRITER";
/// Numbers that one process may use.
const NUMBERS: u64 = 1_000_000;
/// How long the process lives at most; its first answer can take many seconds where the disk is busy with others.
const LIFE: Duration = Duration::from_secs(120);
/// The key under which the process writes settings.
const SETTING: &[u8] = b"written";

/// What the process was told, as far as it came to say so.
#[derive(Default)]
pub(crate) struct Told {
    /// The number of the event at each place.
    pub(crate) stored: BTreeMap<u64, u64>,
    pub(crate) settled: BTreeSet<u64>,
    pub(crate) uploads: BTreeSet<u64>,
    /// The last setting written.
    pub(crate) setting: u64,
}

/// What was promised and is not there.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Places of events that were answered.
    pub(crate) stored: Vec<u64>,
    /// Places of events whose ends were answered.
    pub(crate) settled: Vec<u64>,
    /// Whether a setting is older than the one that was answered.
    pub(crate) setting: bool,
    /// Why the journal does not open.
    pub(crate) opening: Option<String>,
}

impl std::fmt::Debug for Losses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stored, settled, setting, opening } = self;
        write!(
            f,
            "{} events, the first {:?}; {} ends, the first {:?}; ",
            stored.len(),
            stored.first(),
            settled.len(),
            settled.first()
        )?;
        write!(f, "settings: {setting}; opening: {opening:?}")
    }
}

/// The process, seen from outside. Dropping it kills it.
pub(crate) struct Writer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// What the process is to do.
pub(crate) struct Work {
    directory: PathBuf,
    from: u64,
    size: usize,
}

/// Small enough for a few generations a life, large enough to open fast.
pub(crate) fn options() -> Options {
    Options { generation_events: 800, generation_bytes: 24 << 20, block_bytes: 4000, ..small() }
}

impl Writer {
    /// Starts the process in its `life`-th life, with events of `size` bytes at least.
    pub(crate) fn start(directory: &Path, life: u64, size: usize, variables: &[(&str, &str)]) -> Self {
        let test = std::thread::current().name().unwrap().to_owned();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&test, "--exact", "--nocapture", "--test-threads=1"])
            .env(WORK, format!("{} {size} {}", life * NUMBERS, directory.display()))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            // Why it ended by itself is worth knowing, where it did.
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Listens until the process has been told that events are stored for this long, or has ended.
    pub(crate) fn hear(&mut self, told: &mut Told, enough: Duration) {
        let (before, mut first) = (told.stored.len(), None);
        while self.hear_one(told) {
            if told.stored.len() == before {
                continue;
            }
            if first.get_or_insert_with(Instant::now).elapsed() >= enough {
                return;
            }
        }
    }

    /// Ends the process by SIGKILL, unless it has ended, and hears what it had to say.
    pub(crate) fn kill(mut self, told: &mut Told) -> ExitStatus {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        // One that has ended is still ours to wait for, so the signal reaches nobody else.
        kill_process(id, Signal::KILL).unwrap();
        while self.hear_one(told) {}
        self.child.wait().unwrap()
    }

    /// Hears the process out.
    pub(crate) fn end(mut self, told: &mut Told) -> ExitStatus {
        while self.hear_one(told) {}
        self.child.wait().unwrap()
    }

    /// Hears one line; no more when a kill cut it off, because that is not believed, and after the last.
    fn hear_one(&mut self, told: &mut Told) -> bool {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return false;
        }
        let mut words = line.split_whitespace();
        let first = words.next();
        let mut number = || words.next().and_then(|word| word.parse().ok());
        match (first, number(), number()) {
            (Some("stored"), Some(place), Some(number)) => {
                assert_eq!(told.stored.insert(place, number), None, "place {place} was given twice");
            }
            (Some("settled"), Some(place), _) => drop(told.settled.insert(place)),
            (Some("upload"), Some(id), _) => assert!(told.uploads.insert(id), "upload {id} was given twice"),
            (Some("setting"), Some(number), _) => told.setting = number,
            // What the test harness says.
            _ => {}
        }
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens what was left and compares it with what was told. Whatever else must hold of every journal is asserted.
pub(crate) fn check(directory: &Path, told: &Told) -> Losses {
    let (journal, store) = match SledJournal::open(directory, options()) {
        Ok(opened) => opened,
        Err(error) => {
            let stored = told.stored.keys().copied().collect();
            return Losses { stored, opening: Some(error.to_string()), ..Losses::default() };
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let losses = runtime.block_on(compare(&journal, &store, told));
    drop((journal, store));
    losses
}

async fn compare(journal: &SledJournal, store: &SledStore, told: &Told) -> Losses {
    let (mut at, mut first, mut pending, mut numbers) = (Seq(0), None, 0, BTreeSet::new());
    let (mut settled_until, mut lost) = (None, Losses::default());
    while let Some(block) = journal.block_from(at).await.unwrap() {
        assert!(first.is_none() || block.first == at, "events are missing between {at} and {}", block.first);
        first.get_or_insert(block.first);
        for ((place, entry), found) in block.iter().zip(journal.ends(&block).await.unwrap()) {
            let number = number_of(&entry.body);
            if let Some(number) = number {
                assert!(numbers.insert(number), "event {number} is there twice");
            }
            if told.stored.get(&place.0).is_some_and(|told| number != Some(*told)) {
                lost.stored.push(place.0);
            }
            if told.settled.contains(&place.0) && found != Some(end(place.0)) {
                lost.settled.push(place.0);
            }
            if found.is_none() {
                pending += 1;
                settled_until.get_or_insert(place);
            }
        }
        at = block.end();
    }
    assert_eq!(at, journal.end());
    lost.stored.extend(told.stored.range(at.0..).map(|(place, _)| *place));
    lost.settled.extend(told.settled.range(at.0..));
    assert!(first.unwrap_or(at) <= journal.settled_until(), "what has not ended must not be dropped");
    assert_eq!(journal.settled_until(), settled_until.unwrap_or(journal.end()));
    let counts = journal.counts();
    assert_eq!((counts.accepted, counts.pending), (journal.end().0, pending));
    assert_eq!(
        counts.accepted,
        counts.delivered + counts.filtered + counts.failed + counts.dead + counts.pending
    );
    let setting = store.get(Table::Settings, SETTING).unwrap();
    let setting = setting.map_or(0, |bytes| u64::from_be_bytes(bytes[..8].try_into().unwrap()));
    lost.setting = setting < told.setting;
    // A repetition of anything answered is recognised, as long as that is kept.
    let kept = told.stored.range(journal.kept_from().0..).rev();
    for (place, number) in kept.filter(|(place, _)| !lost.stored.contains(place)).take(50) {
        let answer = journal.append(vec![event(*number)]).await.unwrap();
        assert_eq!(answer, [Appended::Duplicate(Seq(*place))]);
    }
    lost
}

/// The number of an event; none of one that is lost.
fn number_of(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).unwrap();
    text.split("Step ").nth(1).and_then(|rest| rest.split('"').next()).map(|number| number.parse().unwrap())
}

impl Work {
    /// The work of this process, if it is such a one.
    pub(crate) fn given() -> Option<Self> {
        let work = std::env::var(WORK).ok()?;
        let mut words = work.splitn(3, ' ');
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (from, size) = (number(), number() as usize);
        Some(Self { directory: words.next().unwrap().into(), from, size })
    }

    /// Writes events, ends and settings, drops what has ended, and says so.
    pub(crate) fn go_on(self) {
        let (journal, store) = SledJournal::open(&self.directory, options()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(async {
            for writer in 0..6_u64 {
                tokio::spawn(append_on_and_on(
                    journal.clone(),
                    self.from + writer * 100_000,
                    writer,
                    self.size,
                ));
            }
            tokio::spawn(settle_on_and_on(journal.clone()));
            let from = self.from;
            tokio::task::spawn_blocking(move || write_settings_on_and_on(&store, from));
            // Nobody is left to kill this process when the parent died first.
            tokio::time::sleep(LIFE).await;
            eprintln!("the writer was not killed within {LIFE:?}");
            std::process::exit(0);
        });
    }
}

/// An event whose number can be told from its body, which does not shrink beyond its first bytes.
fn sized(number: u64, size: usize) -> NewEvent {
    let mut event = event(number);
    event.body.extend(noise(number, size.saturating_sub(event.body.len())));
    event
}

async fn append_on_and_on(journal: Arc<SledJournal>, from: u64, writer: u64, size: usize) {
    let mut number = from;
    loop {
        // Large events come in small calls, as they do from senders.
        let most = (40_000 / size.max(1)).clamp(2, 23) as u64;
        let count = 1 + (number + writer * 7) % most;
        let events = (number..number + count).map(|number| sized(number, size)).collect();
        let Ok(answers) = journal.append(events).await else { return };
        let mut lines = String::new();
        for (number, answer) in (number..).zip(answers) {
            if let Appended::Stored(place) = answer {
                lines += &format!("stored {} {number}\n", place.0);
            }
        }
        say(&lines);
        number += count;
    }
}

async fn settle_on_and_on(journal: Arc<SledJournal>) {
    for round in 0_u64.. {
        let from = journal.settled_until();
        let until = journal.end().0.min(from.0 + 40);
        if from.0 == until {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let id = journal.next_upload();
        say(&format!("upload {}\n", id.0));
        let places = || (from.0..until).filter(|place| !(place + round).is_multiple_of(9));
        let ends = places().map(|place| (Seq(place), end(place))).collect();
        let settling = Settling { upload: Some(note(UploadId(id.0))), ends };
        if journal.settle(settling).await.is_err() {
            return;
        }
        say(&places().map(|place| format!("settled {place}\n")).collect::<String>());
        if round.is_multiple_of(10) {
            let retention = Retention { age: None, bytes: Some(0) };
            if journal.sweep(retention, Millis(0)).await.is_err() {
                return;
            }
        }
    }
}

fn write_settings_on_and_on(store: &SledStore, from: u64) {
    for number in from + 1.. {
        if store.put(Table::Settings, SETTING, Some(&number.to_be_bytes())).is_err() {
            return;
        }
        say(&format!("setting {number}\n"));
        std::thread::sleep(Duration::from_millis(3));
    }
}

// One write each, so that a kill cuts the last line at most.
fn say(lines: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listened is gone when this fails, and this process is soon.
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}
