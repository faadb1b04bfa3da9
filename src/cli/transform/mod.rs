//! `tapline transform`: NDJSON events in, NDJSON records out, as fast as the machine goes.
//!
//! Input is cut into chunks of whole lines; each of several threads maps every so-manieth chunk; the chunks are written
//! in the order read. Memory is bounded by the chunks on their way, whatever the size of the input.
//! Deliberately nothing is sent anywhere.

mod reject;
mod worker;

use super::Failure;
use super::preview::parse_time;
use crate::backfill::{Chunk, Chunks};
use crate::clock;
use crate::engine::{Context, Plan};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reject::Rejects;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use worker::{Worker, Written};

/// Turn a file of events into the records they become, one JSON object a line, in order.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// Events, one JSON object a line; `-` is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How many threads map events [default: as many as there are processors]
    #[arg(long, value_name = "N", env = "TAPLINE_THREADS")]
    threads: Option<NonZeroUsize>,
    /// When the events were received, where they do not say so themselves (RFC 3339)
    #[arg(long, value_name = "TIME", env = "TAPLINE_NOW", value_parser = parse_time)]
    now: Option<i64>,
    /// Where to keep every event that became no record, one JSON object a line: number of its line, reason, event
    #[arg(long, value_name = "FILE", env = "TAPLINE_REJECTS")]
    rejects: Option<PathBuf>,
}

/// Chunks on their way to and from each thread.
const IN_FLIGHT: usize = 2;

/// Runs the verb. Events that failed make it end as having found problems; filtered ones do not.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let plan = Arc::new(args.rules.compile()?);
    let (input, length) = open(&args.file)?;
    if args.rejects.as_ref().is_some_and(|rejects| is_same(rejects, &args.file)) {
        let message = "expected --rejects to name another file than the events; they would be overwritten";
        return Err(Failure::CouldNotRun(message.to_owned()));
    }
    let mut rejects = Rejects::new(args.rejects.as_deref())?;
    let threads = args.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let context = Context { received_at: args.now, stopwatch: Some(clock::stopwatch) };
    let bar = progress(length);
    let done = pump(&plan, context, input, threads, &mut |written| {
        out.write_all(&written.records)?;
        // Whoever reads a pipe that fills slowly sees each record when it is made.
        out.flush()?;
        bar.inc(written.bytes as u64);
        rejects.add(written)
    });
    bar.finish_and_clear();
    done?;
    out.flush()?;
    rejects.finish()
}

/// Standard input or a file, and how long it is if it says so.
fn open(file: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if file.to_str() == Some("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let unreadable =
        |error: io::Error| Failure::CouldNotRun(format!("can not read `{}`: {error}", file.display()));
    let opened = File::open(file).map_err(unreadable)?;
    let about = opened.metadata().map_err(unreadable)?;
    if about.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    Ok((Box::new(opened), about.is_file().then_some(about.len())))
}

/// Whether two paths lead to one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| std::fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// A bar on stderr, where that is a terminal.
pub(super) fn progress(length: Option<u64>) -> ProgressBar {
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::no_length(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
    let template = match length {
        Some(_) => "{bar:30} {percent}% {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{bytes}, {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Maps a stream of lines with several threads and hands on what came of each chunk, in order.
fn pump(
    plan: &Arc<Plan>,
    context: Context,
    input: Box<dyn Read + Send>,
    threads: usize,
    take: &mut dyn FnMut(&mut Written) -> io::Result<()>,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
        // What was used goes round: reading a file of any size takes the memory of a few chunks.
        let (give_back, used) = sync_channel::<Vec<u8>>(threads * (IN_FLIGHT + 2));
        for _ in 0..threads {
            let (to, chunks) = sync_channel::<Chunk>(IN_FLIGHT);
            let (done, from) = sync_channel::<Written>(IN_FLIGHT);
            let (empty, empties) = sync_channel::<Written>(IN_FLIGHT + 1);
            let worker = Worker::new(plan.clone(), context, give_back.clone());
            scope.spawn(move || worker.run(&chunks, &empties, &done));
            to_workers.push(to);
            from_workers.push((from, empty));
        }
        drop(give_back);
        let reader = scope.spawn(move || read(input, &to_workers, &used));
        let mut outcome = Ok(());
        // The next chunk is always the next thread's, so order costs nothing.
        for (from, empty) in from_workers.iter().cycle() {
            let Ok(mut written) = from.recv() else { break };
            outcome = take(&mut written);
            if outcome.is_err() {
                break;
            }
            written.clear();
            // Where the thread has ended, nobody needs the memory.
            let _ = empty.try_send(written);
        }
        // With nobody to take results the threads end, and with them the reader.
        drop(from_workers);
        let read = reader.join().unwrap_or_else(|_| Err(io::Error::other("reading ended unexpectedly")));
        outcome?;
        read.map_err(|error| Failure::CouldNotRun(format!("can not read the events: {error}")))
    })
}

/// Cuts the input into chunks and deals them out in turn.
fn read(
    input: Box<dyn Read + Send>,
    to_workers: &[SyncSender<Chunk>],
    used: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut chunks = Chunks::new(input);
    for worker in to_workers.iter().cycle() {
        let memory = used.try_recv().unwrap_or_default();
        let Some(chunk) = chunks.next(memory)? else { break };
        if worker.send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}
