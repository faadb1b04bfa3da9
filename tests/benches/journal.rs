//! How fast the journal takes, settles, reads and opens: durable figures, on the disk of the temporary directory.
//!
//! `cargo bench --bench journal [-- EVENTS]`, a million events by default.
//! `-- open DIRECTORY` opens and reads a data directory that is not in use.
//! `-- list [EVENTS] [DIRECTORY]` measures the pages of the event list.

mod listing;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{DedupKey, End, Journal, NewEvent, Seq, Settling, State};
use tokio::runtime::Runtime;

/// A track call of about 1.6 KB, as a mobile SDK sends it; what varies in real ones varies here.
fn event(number: u64) -> NewEvent {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut id = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let properties: String = (0..20)
        .map(|i| match i % 4 {
            0 => format!(r#""numberProperty{i}":{},"#, id() % 100_000),
            1 => format!(r#""textProperty{i}":"value {}","#, id() % 1000),
            2 => format!(r#""flagProperty{i}":{},"#, id().is_multiple_of(2)),
            _ => format!(r#""identifierProperty{i}":"{:016x}","#, id()),
        })
        .collect();
    let body = format!(
        r#"{{"type":"track","event":"Product Viewed","messageId":"{:016x}{:016x}","userId":"user_{}","anonymousId":"{:016x}{:016x}","timestamp":"2026-11-23T10:{:02}:{:02}.{:03}Z","properties":{{{properties}"currency":"EUR"}},"context":{{"app":{{"name":"Sample","version":"4.2.{}","build":"{}","namespace":"com.example.sample"}},"device":{{"id":"{:016x}","manufacturer":"Example","model":"Phone {}","name":"phone","type":"android"}},"ip":"203.0.113.{}","library":{{"name":"analytics-android","version":"4.11.3"}},"locale":"en-GB","network":{{"bluetooth":false,"carrier":"Example","cellular":true,"wifi":false}},"os":{{"name":"Android","version":"14"}},"screen":{{"density":2.75,"height":2400,"width":1080}},"timezone":"Europe/London","userAgent":"Mozilla/5.0 (Linux; Android 14; Phone) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36"}}}}"#,
        id(),
        id(),
        id() % 100_000,
        id(),
        id(),
        id() % 60,
        id() % 60,
        id() % 1000,
        id() % 20,
        id() % 5000,
        id(),
        id() % 30,
        id() % 256,
    );
    NewEvent {
        dedup: DedupKey(u128::from(number) << 64 | u128::from(id())),
        received_at: Millis(1_790_000_000_000 + (number / 1000) as i64),
        refusal: None,
        body: body.into_bytes(),
    }
}

/// Made once and cloned with other keys, so that making them is little of the figures.
struct Source {
    events: Vec<NewEvent>,
    next: AtomicU64,
}

impl Source {
    fn take(&self, count: usize) -> Vec<NewEvent> {
        (0..count)
            .map(|_| {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let event = &self.events[number as usize % self.events.len()];
                NewEvent { dedup: DedupKey(event.dedup.0 ^ u128::from(number)), ..event.clone() }
            })
            .collect()
    }
}

fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let index = ((sorted.len() - 1) as f64 * part) as usize;
    sorted[index].as_secs_f64() * 1000.0
}

// User and system time of the process so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() / 1024
}

async fn appends(
    journal: &Arc<SledJournal>,
    source: &Arc<Source>,
    group: usize,
    callers: usize,
    events: usize,
) {
    let calls = (events / group / callers).max(1);
    let (started, used) = (Instant::now(), cpu());
    let mut waits = Vec::new();
    for task in (0..callers)
        .map(|_| {
            let (journal, source) = (journal.clone(), source.clone());
            async move {
                let mut waits = Vec::with_capacity(calls);
                for _ in 0..calls {
                    let batch = source.take(group);
                    let asked = Instant::now();
                    journal.append(batch).await.map(drop).unwrap_or_else(|error| eprintln!("{error}"));
                    waits.push(asked.elapsed());
                }
                waits
            }
        })
        .map(tokio::spawn)
        .collect::<Vec<_>>()
    {
        waits.extend(task.await.unwrap_or_default());
    }
    let took = started.elapsed().as_secs_f64();
    let count = (calls * group * callers) as f64;
    waits.sort();
    println!(
        "append {group:>4} × {callers:<3} callers: {:>8.0} events/s, p50 {:>6.2} ms, p99 {:>6.2} ms, {:>5.1} µs CPU an event",
        count / took,
        percentile(&waits, 0.5),
        percentile(&waits, 0.99),
        (cpu() - used) * 1e6 / count,
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return;
    };
    if let [word, directory] = &words[..]
        && word == "open"
    {
        return open_and_read(Path::new(directory), &runtime);
    }
    if let [word, words @ ..] = &words[..]
        && word == "list"
    {
        if let Err(error) = listing::run(words, &runtime) {
            eprintln!("{error}");
            std::process::exit(1);
        }
        return;
    }
    let events: usize = words.iter().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let Ok(directory) = tempfile::tempdir() else { return };
    fill_and_settle(directory.path(), &runtime, events);
    // In a process of its own, so that its memory is its own.
    let again =
        std::env::current_exe().and_then(|exe| Command::new(exe).arg("open").arg(directory.path()).status());
    if let Err(error) = again {
        eprintln!("{error}");
    }
}

fn fill_and_settle(directory: &Path, runtime: &Runtime, events: usize) {
    let source = Arc::new(Source { events: (0..5000).map(event).collect(), next: AtomicU64::new(0) });
    let length = source.events.iter().map(|event| event.body.len()).sum::<usize>() / source.events.len();
    println!("events of {length} bytes on average");
    let Ok((journal, _store)) = SledJournal::open(directory, Options::default()) else { return };
    runtime.block_on(async {
        for (group, callers, share) in
            [(1, 1, 250), (10, 1, 40), (100, 1, 8), (1000, 1, 4), (1, 64, 20), (1, 512, 20), (100, 16, 2)]
        {
            appends(&journal, &source, group, callers, events / share).await;
        }
        let total = journal.end().0;
        println!(
            "{} bytes on the disk an event, peak {} MB",
            journal.usage().disk_bytes / total.max(1),
            memory("VmHWM:")
        );
        let (started, end) = (Instant::now(), delivered());
        for first in (0..total).step_by(1000) {
            let ends = (first..total.min(first + 1000)).map(|place| (Seq(place), end.clone())).collect();
            let _ = journal.settle(Settling { upload: None, ends }).await;
        }
        println!("settle 1000 at a time: {:.0} events/s", total as f64 / started.elapsed().as_secs_f64());
    });
}

fn open_and_read(directory: &Path, runtime: &Runtime) {
    let started = Instant::now();
    let Ok((journal, _store)) = SledJournal::open(directory, Options::default()) else { return };
    let took = started.elapsed().as_secs_f64();
    println!("open {} events: {took:.2} s, {} MB resident", journal.end().0, memory("VmRSS:"));
    runtime.block_on(async {
        let (started, mut at) = (Instant::now(), Seq(0));
        while let Ok(Some(block)) = journal.block_from(at).await {
            at = block.end();
        }
        let took = started.elapsed().as_secs_f64();
        println!("read from the disk: {:.0} events/s, {} MB resident", at.0 as f64 / took, memory("VmRSS:"));
    });
}

fn delivered() -> End {
    End {
        state: State::Delivered,
        code: None,
        message: None,
        upload: None,
        revision: "0123456789ab".to_owned(),
    }
}
