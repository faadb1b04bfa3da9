//! How long a page of the event list takes, for each filter and for a search, in a large journal.
//!
//! `cargo bench --bench journal -- list [EVENTS] [DIRECTORY]`, ten million events by default. A directory that is named is
//! kept and, when it is there already, used as it is.

use super::memory;
use std::env;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tapline::admin::Admin;
use tapline::admin::event::{Filter, StageFilter};
use tapline::app::{Application, Options as AppOptions, Storage};
use tapline::clock::Millis;
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{DedupKey, End, Journal, NewEvent, Seq, Settling, State};
use tokio::runtime::Runtime;

/// Events of one call, and of one settling.
const AT_ONCE: u64 = 1000;
const START: i64 = 1_790_000_000_000;
/// How often each page is asked for.
const ROUNDS: usize = 20;

/// Small events of a million users: 98 in 100 are track calls of 50 names, the others identify calls. Three are of one
/// user that nobody else is.
fn event(number: u64, total: u64) -> NewEvent {
    let rare = number % (total / 3).max(1) == total / 10;
    let user = if rare { "rare".to_owned() } else { format!("user_{}", number % 1_000_000) };
    let body = match number % 50 {
        0 => format!(r#"{{"type":"identify","userId":"{user}","anonymousId":"a{number:x}"}}"#),
        name => format!(
            r#"{{"type":"track","event":"Step {name}","userId":"{user}","anonymousId":"a{:x}","properties":{{"total":{number}}}}}"#,
            number % 1_000_000
        ),
    };
    NewEvent {
        dedup: DedupKey(u128::from(number) << 64 | 7),
        received_at: Millis(START + number as i64),
        refusal: None,
        body: body.into_bytes(),
    }
}

/// Most are delivered; one in a hundred is filtered, one in a thousand dead, and three have a code of their own. Of the
/// identify calls none is dead, though in nearly every page of ends there are both.
fn end(number: u64, total: u64) -> End {
    let (state, code) = match number {
        _ if number % (total / 3).max(1) == total / 7 => (State::Failed, Some("rare_code")),
        _ if number % 250 == 7 => (State::Dead, Some("clevertap_516")),
        _ if number.is_multiple_of(100) => (State::Filtered, Some("missing_user_id")),
        _ => (State::Delivered, None),
    };
    let code = code.map(str::to_owned);
    End { state, code, message: None, upload: None, revision: "0123456789ab".to_owned() }
}

/// Fills a journal, and measures.
pub(super) fn run(words: &[String], runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let total = words.iter().find_map(|word| word.parse().ok()).unwrap_or(10_000_000);
    let named = words.iter().find(|word| word.parse::<u64>().is_err()).map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let directory = named.unwrap_or_else(|| temporary.path().to_owned());
    runtime.block_on(measure(&directory, total))
}

async fn measure(directory: &Path, total: u64) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let (journal, store) = SledJournal::open(&directory.join("data"), Options::default())?;
    println!("open {} events: {:.2} s", journal.end().0, started.elapsed().as_secs_f64());
    if journal.end() < Seq(total) {
        fill(&journal, total).await?;
    }
    let started = Instant::now();
    journal.wait_until_indexed();
    println!("indexed after {:.2} s, {} MB resident", started.elapsed().as_secs_f64(), memory("VmRSS:"));
    let usage = journal.usage().disk_bytes / total.max(1);
    println!("{usage} bytes on the disk an event, indices included");
    let options = AppOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        data: directory.join("app"),
        storage: Storage::Given { journal: journal.clone(), store },
        ..AppOptions::default()
    };
    let application = Application::build(options).await?;
    for (name, filter) in filters(total) {
        page(&application.app().admin, name, &filter, total).await?;
    }
    println!("{} MB resident, peak {} MB", memory("VmRSS:"), memory("VmHWM:"));
    Ok(())
}

async fn fill(journal: &Arc<SledJournal>, total: u64) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    for first in (journal.end().0..total).step_by(AT_ONCE as usize * 8) {
        let numbers = |batch: u64| (first + batch * AT_ONCE)..(first + (batch + 1) * AT_ONCE).min(total);
        let batches = (0..8).map(numbers).filter(|numbers| !numbers.is_empty());
        let appends = batches.map(|numbers| {
            let journal = journal.clone();
            async move { journal.append(numbers.map(|number| event(number, total)).collect()).await }
        });
        futures_util::future::try_join_all(appends).await?;
    }
    println!("filled at {:.0} events/s", total as f64 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    for first in (0..total.saturating_sub(AT_ONCE)).step_by(AT_ONCE as usize * 8) {
        let settlings = (0..8).map(|batch| {
            let places = (first + batch * AT_ONCE)..(first + (batch + 1) * AT_ONCE).min(total - AT_ONCE);
            let ends = places.map(|place| (Seq(place), end(place, total))).collect();
            journal.settle(Settling { upload: None, ends })
        });
        futures_util::future::try_join_all(settlings).await?;
    }
    println!("settled at {:.0} events/s", total as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

fn filters(total: u64) -> Vec<(&'static str, Filter)> {
    let some = |text: &str| Some(text.to_owned());
    let none = Filter::default;
    let at = |part: u64| Some(Millis(START + (total / 10 * part) as i64));
    let identify = Filter { kind: some("identify"), ..none() };
    let dead = Filter { state: Some(StageFilter::Dead), ..none() };
    vec![
        ("no filter", none()),
        ("type, common", Filter { kind: some("track"), ..none() }),
        ("event name", Filter { event: some("step 7"), ..none() }),
        ("event name, absent", Filter { event: some("never"), ..none() }),
        ("user with ten events", Filter { user: some("user_77"), ..none() }),
        ("user with three events", Filter { user: some("rare"), ..none() }),
        ("user, absent", Filter { user: some("nobody"), ..none() }),
        ("state delivered", Filter { state: Some(StageFilter::Delivered), ..none() }),
        ("state dead", dead.clone()),
        ("state pending", Filter { state: Some(StageFilter::Pending), ..none() }),
        ("reason code, three events", Filter { code: some("rare_code"), ..none() }),
        ("reason code, absent", Filter { code: some("never"), ..none() }),
        ("time, long ago", Filter { from: at(1), to: at(2), ..none() }),
        ("time, none", Filter { to: Some(Millis(0)), ..none() }),
        ("user and state", Filter { user: some("user_77"), ..dead.clone() }),
        ("type and time", Filter { from: at(3), to: at(4), ..identify.clone() }),
        ("type and name, common and disjoint", Filter { event: some("step 7"), ..identify.clone() }),
        ("type and state, common and disjoint", Filter { kind: identify.kind, ..dead }),
        ("part of the name, absent", Filter { name: some("never"), ..none() }),
        ("text, absent", Filter { text: some("nowhere in it"), ..none() }),
    ]
}

async fn page(admin: &Admin, name: &str, filter: &Filter, total: u64) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut found = admin.events(filter, None).await?;
    let first_rows = found.rows.len();
    for round in 0..ROUNDS {
        // Half of the pages begin in the middle of the log.
        let before = (round % 2 == 1).then(|| Seq(total / 2 + round as u64));
        let asked = Instant::now();
        found = admin.events(filter, before).await?;
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let middle = times.get(ROUNDS / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    let how =
        if found.cut_short { format!("in part, {} events searched", found.searched) } else { String::new() };
    println!("{name:<40} {first_rows:>3} rows  p50 {middle:>7.2} ms  max {worst:>7.2} ms  {how}");
    if let Some(path) = env::var_os("TAPLINE_TEST_FIGURES") {
        let mut file = File::options().append(true).create(true).open(path)?;
        writeln!(
            file,
            "a page of the list of {total} events, {name}: half of them / slowest, in ms\t{middle:.1} / {worst:.1}"
        )?;
    }
    Ok(())
}
