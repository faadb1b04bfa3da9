//! The generations one after another: the whole log.
//!
//! Only the newest is written to; of the older ones a few are open at a time, because an open sled database costs memory.
//!
//! First thing to know: the name of a generation tells its first event, so the log is laid out by the names alone, and
//! only the newest generations are opened on start.

use super::database::{directory_bytes, sync_directory};
use super::generation::Generation;
use super::options::SyncHook;
use super::purge::PurgeStep;
use crate::journal::{JournalError, Seq};
use crate::point::{self, CommitPoint};
use crate::telemetry::Cause;
use crate::telemetry::event::DamageAtTheEnd;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

/// Generations that stay open after reading, beside the newest.
const OPEN_MOST: usize = 2;
/// A generation without a block is smaller than this; a larger one that shows none is not thrown away.
const EMPTY_MOST: u64 = 8 << 20;

/// How long readers may take to let go of a generation that is to be replaced.
const LET_GO: Duration = Duration::from_secs(2);

/// All generations.
#[derive(Debug)]
pub(super) struct Chain {
    directory: PathBuf,
    on_sync: Option<SyncHook>,
    slots: RwLock<BTreeMap<u64, Arc<Slot>>>,
    recent: Mutex<VecDeque<Arc<Slot>>>,
}

/// The place of one generation in the chain.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) first: Seq,
    bytes: AtomicU64,
    handle: Mutex<Handle>,
}

#[derive(Debug, Default)]
struct Handle {
    open: Option<Arc<Generation>>,
    /// Readers may hold on to a generation after it was put away; it can not be opened twice.
    lent: Weak<Generation>,
    dropped: bool,
}

/// What one of the newest generations was found to hold.
enum Found {
    /// Events, up to this place.
    Events(Generation, Seq),
    /// No event.
    Nothing(Generation),
    /// Something that can not be read; the events reached this place at least.
    Damage(Seq),
}

/// Where writing goes on.
#[derive(Debug)]
pub(super) struct Tip {
    pub(super) active: Arc<Generation>,
    /// Where new events go on.
    pub(super) end: Seq,
    /// Where the readable log ends; before `end` only when damage cost its newest events.
    pub(super) readable_end: Seq,
    /// A generation that was made ahead and not reached yet.
    pub(super) ahead: Option<Generation>,
}

impl Chain {
    /// Opens the log in `directory`, or makes one. `known_until` is the place after the last event that is known to have
    /// been there: new events start there at the earliest, so that none inherits a place or an end.
    pub(super) fn open(
        directory: &Path,
        on_sync: Option<SyncHook>,
        known_until: Seq,
    ) -> Result<(Self, Tip), JournalError> {
        let chain = Self {
            directory: directory.to_owned(),
            on_sync,
            slots: RwLock::new(BTreeMap::new()),
            recent: Mutex::new(VecDeque::new()),
        };
        let mut firsts = chain.tidy().map_err(|error| chain.failed(&error))?;
        let (mut newest, mut empty) = (None, BTreeMap::new());
        while let Some(first) = firsts.pop() {
            match chain.look_at(first)? {
                Found::Events(generation, end) => newest = Some((Some(generation), end)),
                Found::Damage(reached) => {
                    chain.insert(first, None);
                    newest = Some((None, reached.max(known_until)));
                }
                Found::Nothing(generation) => {
                    empty.insert(first.0, generation);
                    continue;
                }
            }
            break;
        }
        firsts.into_iter().for_each(|first| chain.insert(first, None));
        let tip = chain.settle_tip(newest, empty, known_until)?;
        Ok((chain, tip))
    }

    // Looks what the generation holds at its end. One that is damaged there is not written to any more.
    fn look_at(&self, first: Seq) -> Result<Found, JournalError> {
        let damaged = |error: &JournalError, reached: Seq| {
            DamageAtTheEnd { generation: first.0, until: reached.0, error: Cause::of(error) }.tell();
            Found::Damage(reached)
        };
        let generation = match self.open_generation(first) {
            Err(error @ JournalError::Damaged { .. }) => return Ok(damaged(&error, first.next())),
            opened => opened?,
        };
        match generation.sweep_unfinished().and_then(|()| generation.tip()) {
            Ok(Some((end, _))) => Ok(Found::Events(generation, end)),
            Ok(None) => Ok(Found::Nothing(generation)),
            Err(error @ JournalError::Damaged { .. }) => Ok(damaged(&error, generation.reached())),
            Err(error) => Err(error),
        }
    }

    // Decides which of the newest generations is written to, which waits, and which is left over.
    fn settle_tip(
        &self,
        newest: Option<(Option<Generation>, Seq)>,
        mut empty: BTreeMap<u64, Generation>,
        known_until: Seq,
    ) -> Result<Tip, JournalError> {
        let (mut active, mut end) = match newest {
            Some((generation, end)) => (generation.map(|generation| self.insert_open(generation)), end),
            None => (None, empty.keys().next().map_or(known_until, |first| Seq(*first))),
        };
        let readable_end = end;
        if end < known_until {
            (active, end) = (None, known_until);
        }
        let active = match (active, empty.remove(&end.0)) {
            (_, Some(reached)) => self.insert_open(reached),
            (Some(active), None) => active,
            (None, None) => self.insert_open(self.open_generation(end)?),
        };
        let mut ahead = None;
        for (first, generation) in empty {
            if first > end.0 && ahead.is_none() {
                ahead = Some(generation);
            } else {
                self.remove_empty(generation)?;
            }
        }
        Ok(Tip { active, end, readable_end, ahead })
    }

    /// Opens a generation, or makes it, without making it part of the log.
    pub(super) fn open_generation(&self, first: Seq) -> Result<Generation, JournalError> {
        Generation::open(&self.directory, first, self.on_sync.clone())
    }

    /// Makes a generation the newest part of the log.
    pub(super) fn insert_open(&self, generation: Generation) -> Arc<Generation> {
        let generation = Arc::new(generation);
        if let Some(last) = self.last() {
            self.measure(&last);
            self.note_use(last);
        }
        self.insert(generation.first(), Some(generation.clone()));
        generation
    }

    /// The first place that was not dropped.
    pub(super) fn oldest(&self) -> Seq {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.first_key_value().map_or(Seq(0), |(first, _)| Seq(*first))
    }

    /// The generation that `at` belongs to, and the place after its last event; the newest has none.
    pub(super) fn slot_at(&self, at: Seq) -> Option<(Arc<Slot>, Option<Seq>)> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let (_, slot) = slots.range(..=at.0).next_back()?;
        let next = slots.range(at.next().0..).next().map(|(first, _)| Seq(*first));
        Some((slot.clone(), next))
    }

    /// The generations, oldest first, each with the place after its last event; the newest has none.
    pub(super) fn spans(&self) -> Vec<(Arc<Slot>, Option<Seq>)> {
        let slots: Vec<_> = self.slots().into_values().collect();
        let ends = slots.iter().skip(1).map(|slot| Some(slot.first)).chain([None]).collect::<Vec<_>>();
        slots.into_iter().zip(ends).collect()
    }

    /// The open generation of a slot; none once it was dropped.
    pub(super) fn generation(&self, slot: &Arc<Slot>) -> Result<Option<Arc<Generation>>, JournalError> {
        let mut handle = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if handle.dropped {
            return Ok(None);
        }
        if let Some(open) = &handle.open {
            return Ok(Some(open.clone()));
        }
        let generation = match handle.lent.upgrade() {
            Some(lent) => lent,
            None => Arc::new(self.open_generation(slot.first)?),
        };
        handle.lent = Arc::downgrade(&generation);
        handle.open = Some(generation.clone());
        drop(handle);
        self.note_use(slot.clone());
        Ok(Some(generation))
    }

    /// Closes the older generations that were opened for reading.
    pub(super) fn put_away(&self) {
        let recent = std::mem::take(&mut *self.recent.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in recent {
            slot.handle.lock().unwrap_or_else(PoisonError::into_inner).open = None;
        }
    }

    /// Takes the oldest generation out of the log and gives its disk space back. What still reads it can finish.
    pub(super) fn drop_oldest(&self, slot: &Slot) -> Result<(), JournalError> {
        {
            let mut handle = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
            handle.dropped = true;
            handle.open = None;
        }
        self.slots.write().unwrap_or_else(PoisonError::into_inner).remove(&slot.first.0);
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.first != slot.first);
        let name = Generation::directory(&self.directory, slot.first);
        self.remove_directory(&name).map_err(|error| self.failed(&error))
    }

    /// An empty generation under another name, to become a copy of the one that starts at `first`.
    pub(super) fn draft(&self, first: Seq) -> Result<Generation, JournalError> {
        let directory = self.directory.join(DRAFT.name(first));
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(|error| self.failed(&error))?;
        }
        Generation::open_in(&directory, first, self.on_sync.clone())
    }

    /// Puts the finished draft of `slot`, which nobody may hold any more, in its place. Says no while a reader holds on to
    /// the old one. After a kill at any moment, the next start finds the old one or the draft.
    pub(super) fn replace(&self, slot: &Slot, told: &dyn Fn(PurgeStep)) -> Result<bool, JournalError> {
        // Whoever wants to read it meanwhile waits here.
        let mut handle = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.open = None;
        let started = Instant::now();
        while handle.lent.strong_count() > 0 {
            if started.elapsed() > LET_GO {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if handle.dropped {
            return Ok(true);
        }
        let (draft, whole) =
            (self.directory.join(DRAFT.name(slot.first)), self.directory.join(WHOLE.name(slot.first)));
        let swapped = rename_durably(&self.directory, &draft, &whole).and_then(|()| {
            told(PurgeStep::Whole);
            put_in_place(&self.directory, slot.first, told)
        });
        swapped.map_err(|error| self.failed(&error))?;
        drop(handle);
        self.measure(slot);
        told(PurgeStep::Removed);
        Ok(true)
    }

    /// The open generation of a slot that is known by reference; none once it was dropped.
    pub(super) fn generation_of(&self, slot: &Slot) -> Result<Option<Arc<Generation>>, JournalError> {
        let slots = self.slots();
        slots.get(&slot.first.0).map_or(Ok(None), |slot| self.generation(slot))
    }

    /// The generation that is written to.
    pub(super) fn newest(&self) -> Option<Arc<Generation>> {
        let last = self.last()?;
        last.handle.lock().unwrap_or_else(PoisonError::into_inner).open.clone()
    }

    /// Bytes of all generations on the disk. The newest is measured now, the others when they became old.
    pub(super) fn bytes(&self) -> u64 {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(|slot| slot.bytes_now()).sum()
    }

    /// How many bytes the events from `from` to `end` take, and how many events that is. Where a generation counts in
    /// part, its events are taken to be of one size.
    pub(super) fn span_from(&self, from: Seq, end: Seq) -> (u64, u64) {
        let (mut bytes, mut events) = (0_u64, 0_u64);
        for (slot, next) in self.spans() {
            let until = next.unwrap_or(end).min(end);
            let (all, part) =
                (until.0.saturating_sub(slot.first.0), until.0.saturating_sub(slot.first.0.max(from.0)));
            let share = u128::from(slot.bytes_now()) * u128::from(part) / u128::from(all.max(1));
            bytes = bytes.saturating_add(u64::try_from(share).unwrap_or(u64::MAX));
            events = events.saturating_add(part);
        }
        (bytes, events)
    }

    fn slots(&self) -> BTreeMap<u64, Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn last(&self) -> Option<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.last_key_value().map(|(_, slot)| slot.clone())
    }

    fn insert(&self, first: Seq, open: Option<Arc<Generation>>) {
        let lent = open.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let handle = Mutex::new(Handle { open, lent, dropped: false });
        let slot = Arc::new(Slot { first, bytes: AtomicU64::new(0), handle });
        self.measure(&slot);
        self.slots.write().unwrap_or_else(PoisonError::into_inner).insert(first.0, slot);
    }

    /// The directory of the generation that starts at `first`.
    pub(super) fn directory_of(&self, first: Seq) -> PathBuf {
        Generation::directory(&self.directory, first)
    }

    /// Measures a generation whose directory has another file now.
    pub(super) fn measure_again(&self, first: Seq) {
        if let Some((slot, _)) = self.slot_at(first).filter(|(slot, _)| slot.first == first) {
            self.measure(&slot);
        }
    }

    fn measure(&self, slot: &Slot) {
        let bytes = directory_bytes(&Generation::directory(&self.directory, slot.first));
        slot.bytes.store(bytes, Ordering::Relaxed);
    }

    // Puts away the generation that was used longest ago, when too many are open.
    fn note_use(&self, slot: Arc<Slot>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|known| known.first != slot.first);
        recent.push_back(slot);
        let oldest = if recent.len() > OPEN_MOST { recent.pop_front() } else { None };
        drop(recent);
        if let Some(oldest) = oldest {
            oldest.handle.lock().unwrap_or_else(PoisonError::into_inner).open = None;
        }
    }

    // Finishes what a crash interrupted, and lists the generations, oldest first.
    fn tidy(&self) -> std::io::Result<Vec<Seq>> {
        for entry in fs::read_dir(&self.directory)?.collect::<Result<Vec<_>, _>>()? {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if let Some(first) = WHOLE.parse(&name) {
                put_in_place(&self.directory, first, &|_| {})?;
            } else if DRAFT.parse(&name).is_some() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let mut firsts = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("dropped-") {
                fs::remove_dir_all(entry.path())?;
            }
            firsts.extend(Generation::parse_name(&name));
        }
        firsts.sort_unstable();
        Ok(firsts)
    }

    fn remove_empty(&self, generation: Generation) -> Result<(), JournalError> {
        let name = Generation::directory(&self.directory, generation.first());
        let bytes = generation.bytes();
        if bytes > EMPTY_MOST {
            let what = format!("`{}` has {bytes} bytes but no event that can be read", name.display());
            return Err(JournalError::Damaged { at: generation.first(), what });
        }
        drop(generation);
        self.remove_directory(&name).map_err(|error| self.failed(&error))
    }

    // The name changes first, so that half a generation is never taken for a whole one.
    fn remove_directory(&self, name: &Path) -> std::io::Result<()> {
        let dropped = set_aside(&self.directory, name)?;
        point::pass(CommitPoint::DropNamed);
        fs::remove_dir_all(dropped)
    }

    fn failed(&self, error: &std::io::Error) -> JournalError {
        JournalError::Storage(format!("the data directory `{}`: {error}", self.directory.display()))
    }
}

/// The start of a name that a copy of a generation has before it is part of the log.
struct Prefix(&'static str);

/// It is being written, and of no use after a crash.
const DRAFT: Prefix = Prefix("draft-");
/// It is whole, and to be put in place.
const WHOLE: Prefix = Prefix("whole-");

impl Prefix {
    fn name(&self, first: Seq) -> String {
        format!("{}{:020}", self.0, first.0)
    }

    fn parse(&self, name: &str) -> Option<Seq> {
        let digits = name.strip_prefix(self.0).filter(|digits| digits.len() == 20)?;
        digits.parse().ok().map(Seq)
    }
}

/// The place at which a copy begins that is whole and to be put in place of its generation, by the name of its directory.
pub(super) fn parse_whole(name: &str) -> Option<Seq> {
    WHOLE.parse(name)
}

// The old generation goes first: while the whole copy has its own name, the next start knows what was meant.
fn put_in_place(directory: &Path, first: Seq, told: &dyn Fn(PurgeStep)) -> std::io::Result<()> {
    let old = Generation::directory(directory, first);
    let aside = if old.exists() { Some(set_aside(directory, &old)?) } else { None };
    told(PurgeStep::Aside);
    rename_durably(directory, &directory.join(WHOLE.name(first)), &old)?;
    told(PurgeStep::Swapped);
    aside.map_or(Ok(()), fs::remove_dir_all)
}

fn set_aside(directory: &Path, name: &Path) -> std::io::Result<PathBuf> {
    let file_name = name.file_name().unwrap_or_default().to_string_lossy();
    let dropped = directory.join(format!("dropped-{file_name}"));
    if dropped.exists() {
        fs::remove_dir_all(&dropped)?;
    }
    point::pass(CommitPoint::DropBegun);
    fs::rename(name, &dropped)?;
    point::pass(CommitPoint::DropRenamed);
    sync_directory(directory).map(|()| dropped)
}

fn rename_durably(directory: &Path, from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(directory)
}

impl Slot {
    // Only the newest still grows, and it is always open.
    fn bytes_now(&self) -> u64 {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let open = handle.open.as_ref().map(|open| open.bytes());
        open.unwrap_or_else(|| self.bytes()).max(self.bytes())
    }

    /// Bytes on the disk, as last measured.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
