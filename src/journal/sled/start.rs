//! Opening the journal: what was left by the last run, whole or killed, becomes a running one.

use super::cache::Cache;
use super::chain::{Chain, Tip};
use super::committer::{Committer, Intake};
use super::damage::Damage;
use super::erasure::Erasures;
use super::format::Encoder;
use super::generation::Generation;
use super::health::Health;
use super::index::Index;
use super::indexer::Indexer;
use super::ledger::Ledger;
use super::lock::DirectoryLock;
use super::main_database::{Changes, MainDatabase};
use super::options::Options;
use super::page::EVENTS;
use super::room::Room;
use super::rotation::Rotation;
use super::settler::Settler;
use super::shield::{self, Damaged, Extent};
use super::witness::Witness;
use super::{Parts, Repair, Salvaged, SledJournal, SledStore, repair};
use crate::clock::{Clock, SystemClock};
use crate::journal::window::{Window, WindowPolicy};
use crate::journal::{End, JournalError, Seq};
use crate::telemetry::Cause;
use crate::telemetry::event::{
    DirectoryRepaired, EventsLost, IndexerStopped, RepairBegun, RepetitionsUnknown,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Lost events whose ends are written at once.
const LOST_AT_ONCE: usize = 10_000;

pub(super) fn open(
    directory: &Path,
    options: Options,
) -> Result<(Arc<SledJournal>, Arc<SledStore>), JournalError> {
    let lock = prepare(directory)?;
    let unreadable = |error: std::io::Error| {
        JournalError::Storage(format!(
            "the data directory `{}` can not be read: {error}",
            directory.display()
        ))
    };
    let mut repair = None;
    if let Some(damaged) = shield::examine(directory, Extent::Written).map_err(unreadable)? {
        repair = Some(mend(directory, &damaged)?);
    }
    match open_locked(directory, options.clone(), lock.clone(), repair.as_ref()) {
        // What sled refuses is damaged, too, in a way that only it sees.
        Err(JournalError::Damaged { what, .. }) if repair.is_none() => {
            let repair = mend(directory, &Damaged { database: what, places: 1 })?;
            open_locked(directory, options, lock, Some(&repair))
        }
        opened => opened,
    }
}

/// The same without a look at what is damaged.
pub(super) fn open_unshielded(
    directory: &Path,
    options: Options,
) -> Result<(Arc<SledJournal>, Arc<SledStore>), JournalError> {
    let lock = prepare(directory)?;
    open_locked(directory, options, lock, None)
}

// The directory is ours, and nothing in it is half done.
fn prepare(directory: &Path) -> Result<Arc<DirectoryLock>, JournalError> {
    let lock = Arc::new(DirectoryLock::acquire(directory)?);
    super::rebuild::check_finished(directory)?;
    super::repair::finish(directory, &mut |_| {})
        .map_err(|error| JournalError::Storage(format!("a repair can not be finished: {error}")))?;
    Ok(lock)
}

// Nothing that can be read is lost by it, and a service that comes up with everything is what was promised.
fn mend(directory: &Path, damaged: &Damaged) -> Result<Repair, JournalError> {
    let Damaged { database, places } = damaged;
    RepairBegun { database, places: *places }.tell();
    let repair = repair::mend(directory, SystemClock.now(), &mut |_| {}).map_err(|error| {
        JournalError::Storage(format!(
            "`{database}` is damaged ({places} places), and could not be repaired by itself: {error}; nothing was \
             changed. Remove the cause and run `tapline verify --repair --data {}`, which keeps everything as it is \
             beside what it repairs, or restore a backup",
            directory.display()
        ))
    })?;
    let Salvaged { pending_again, ends_lost, damaged_in_main, stray_rows, .. } = repair.salvaged;
    let (lost, rows_lost, aside) = (repair.findings.lost, damaged_in_main + stray_rows, &*repair.aside);
    DirectoryRepaired { lost, pending_again, ends_lost, rows_lost, aside }.tell();
    Ok(repair)
}

fn open_locked(
    directory: &Path,
    options: Options,
    lock: Arc<DirectoryLock>,
    repair: Option<&Repair>,
) -> Result<(Arc<SledJournal>, Arc<SledStore>), JournalError> {
    shield::forget_clean_stop(directory)?;
    let health = Arc::new(Health::default());
    let log_end = Arc::new(AtomicU64::new(0));
    let hook = options.on_sync.clone();
    let main = MainDatabase::open(&directory.join("main"), hook.clone(), log_end.clone(), health.clone())?;
    let main = Arc::new(main);
    let known_until = main.known_until()?.max(noted_until(directory)?);
    let (chain, tip) = Chain::open(directory, hook, known_until)?;
    let chain = Arc::new(chain);
    if let Some((oldest, _)) = chain.spans().first() {
        // A drop that was interrupted may have left the ends of its events behind.
        main.forget_below(oldest.first.0 / EVENTS, None)?;
    }
    let window = rebuild_window(&chain, options.window, tip.end)?;
    let mut ledger = Ledger::load(&main)?;
    let Tip { active, end, readable_end, ahead } = tip;
    log_end.store(end.0, Ordering::Release);
    end_lost_events(&mut ledger, &main, readable_end, end)?;
    let grown = watch::Sender::new(end);
    let cache = Arc::new(Cache::new(options.cache_bytes));
    let index = Arc::new(Index::default());
    let intake = Arc::new(Intake::new(&options, health.clone()));
    let room = Arc::new(Room::new(&options, directory, chain.clone(), main.clone(), log_end.clone()));
    let parts = Arc::new(Parts {
        intake: intake.clone(),
        settler: Settler::new(main.clone(), health.clone(), log_end.clone())?,
        chain: chain.clone(),
        cache: cache.clone(),
        index: index.clone(),
        damage: Damage::default(),
        erasures: Erasures::load(&main)?,
        on_purge: options.on_purge.clone(),
        room: room.clone(),
        main: main.clone(),
        health: health.clone(),
        log_end: log_end.clone(),
        grown: grown.clone(),
        sweeping: Mutex::new(()),
        notices: repair.map(Repair::notice).into_iter().collect(),
        lock: lock.clone(),
    });
    let committer = Committer {
        intake,
        chain,
        cache,
        index,
        room,
        health,
        rotation: Rotation::new(&options, ahead),
        window,
        active,
        encoder: Encoder::new().map_err(|error| JournalError::Storage(format!("no compressor: {error}")))?,
        end,
        log_end,
        grown,
        options,
    };
    let settling = parts.clone();
    let makes_indices = committer.options.index;
    let mut threads = vec![
        spawn("journal-commit", parts.clone(), move || committer.run())?,
        spawn("journal-settle", parts.clone(), move || settling.settler.run(ledger))?,
    ];
    if makes_indices {
        threads.push(spawn_indexer(parts.clone())?);
    } else {
        parts.index.close();
    }
    let witness = Witness::open(directory, &main)?;
    let store = Arc::new(SledStore::new(main, witness, lock));
    Ok((Arc::new(SledJournal { parts, threads: Mutex::new(threads) }), store))
}

// The place after the last event of which the notes beside the generations tell.
fn noted_until(directory: &Path) -> Result<Seq, JournalError> {
    let names = super::rebuild::names(directory)
        .map_err(|error| JournalError::Storage(format!("the data directory can not be read: {error}")))?;
    let generations = names.iter().filter(|name| Generation::parse_name(name).is_some());
    Ok(Seq(shield::events_until(generations.map(|name| directory.join(name)))))
}

// A thread that panics leaves nobody waiting: its queue is closed, and who waits for an answer is told.
fn spawn(
    name: &'static str,
    parts: Arc<Parts>,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, JournalError> {
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            parts.health.give_up(&format!("the thread `{name}` stopped unexpectedly"));
            parts.intake.abandon();
            parts.settler.abandon();
        }
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(guarded);
    thread.map_err(|error| JournalError::Storage(format!("the thread `{name}` can not be started: {error}")))
}

// Without this thread lists are slow and nothing else is, so that it stops is told and no more.
fn spawn_indexer(parts: Arc<Parts>) -> Result<JoinHandle<()>, JournalError> {
    let index = parts.index.clone();
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(|| Indexer::run(parts))).is_err() {
            IndexerStopped {}.tell();
            index.close();
        }
    };
    let thread = std::thread::Builder::new().name("journal-index".to_owned()).spawn(guarded);
    thread.map_err(|error| {
        JournalError::Storage(format!("the thread `journal-index` can not be started: {error}"))
    })
}

// Events that damage took out of the log after they were accepted can not be delivered any more. They get an end that says
// so, because each event has one, and because nothing would ever count as settled otherwise.
fn end_lost_events(
    ledger: &mut Ledger,
    main: &MainDatabase,
    from: Seq,
    until: Seq,
) -> Result<(), JournalError> {
    if from >= until {
        return Ok(());
    }
    EventsLost { from: from.0, until: until.0, events: until.0 - from.0 }.tell();
    let end = End::lost();
    for first in (from.0..until.0).step_by(LOST_AT_ONCE) {
        let (mut proposal, mut changes) = (ledger.propose(), Changes::default());
        let last = until.0.min(first.saturating_add(LOST_AT_ONCE as u64));
        let ends: Vec<_> = (first..last).map(|place| (Seq(place), end.clone())).collect();
        ledger.add(&mut proposal, main, until, &ends)?;
        ledger.complete(&mut proposal, main, &mut changes)?;
        main.write(changes, |standing| proposal.revise(standing))?;
        ledger.keep(proposal);
    }
    Ok(())
}

fn rebuild_window(chain: &Arc<Chain>, policy: WindowPolicy, end: Seq) -> Result<Window, JournalError> {
    let mut window = Window::of_log(policy, end);
    if policy.most == 0 {
        return Ok(window);
    }
    for (slot, until) in chain.spans().iter().rev() {
        let remember = |at: Seq, key, received_at| window.push_older(at, key, received_at);
        let wants_more = chain.generation(slot).and_then(|generation| match generation {
            Some(generation) => generation.known_backwards(until.unwrap_or(end), remember),
            None => Ok(true),
        });
        match wants_more {
            Ok(true) => {}
            Ok(false) => break,
            // Its repetitions go unrecognised, which is better than a journal that does not start.
            Err(error @ JournalError::Damaged { .. }) => {
                let (from, until) = (slot.first.0, until.unwrap_or(end).0);
                RepetitionsUnknown { from, until, error: Cause::of(&error) }.tell();
            }
            Err(error) => return Err(error),
        }
    }
    // What was read for the window need not stay in memory.
    chain.put_away();
    Ok(window)
}
