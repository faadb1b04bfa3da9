//! What happens to the log on the disk. Places are numbers of events, from 0.

use crate::telemetry::{Cause, Telemetry};
use std::path::Path;
use std::time::Duration;

/// A group of events became durable.
#[derive(Debug)]
pub(crate) struct GroupCommitted {
    /// How many events, repetitions not counted.
    pub(crate) events: u64,
    /// From the first event taken in hand to the end of the sync.
    pub(crate) took: Duration,
}

impl GroupCommitted {
    /// Counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let meters = telemetry.meters();
        meters.commit_events.observe(self.events as f64);
        meters.commit_seconds.observe(self.took.as_secs_f64());
    }
}

/// Events past their time were dropped.
#[derive(Debug)]
pub(crate) struct JournalSwept {
    /// Parts of the log.
    pub(crate) generations: u64,
    /// The events in them.
    pub(crate) events: u64,
    /// What the disk has back.
    pub(crate) bytes: u64,
}

impl JournalSwept {
    /// Writes the line and counts, where anything was dropped.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let Self { generations, events, bytes } = self;
        if generations == 0 {
            return;
        }
        telemetry.meters().dropped_events.inc_by(events);
        tracing::info!(target: "tapline::journal", generations, events, bytes, "events past their time were dropped");
    }
}

notes! { "tapline::journal";
    /// For good: what a failed sync left behind is unknown.
    error JournalBroken<'a> { error: Cause<'a> }
    "the journal can not write and takes nothing more until a restart" [%error];

    /// A bound was reached. `code` says which.
    error JournalFull<'a> { code: &'static str, error: Cause<'a> }
    "events are refused until there is room" [code, %error];

    /// Below every bound again.
    info RoomAgain {}
    "there is room again, and events are taken";

    /// Tried again soon; the bounds hold either way.
    error SweepFailed<'a> { error: Cause<'a> }
    "events past their time could not be dropped" [%error];

    /// The bytes of erased events have left one part of the log; `lost` could not be read before either.
    info GenerationPurged { from: u64, until: u64, erased: u64, lost: u64 }
    "a generation was written anew without what was erased" [from, until, erased, lost];

    /// Tried again soon.
    info GenerationInUse { from: u64 }
    "a generation is being read and is written anew later" [from];

    /// Readers see nothing of it; the bytes are still on the disk.
    error GenerationNotPurged<'a> { from: u64, error: Cause<'a> }
    "a damaged generation holds erased events and can not be written anew" [from, %error];

    /// Tried again soon; readers see nothing of what is erased either way.
    error PurgeFailed<'a> { error: Cause<'a> }
    "the bytes of erased events could not be removed yet" [%error];

    /// One part of the log is gone.
    info GenerationDropped { from: u64, until: u64, bytes: u64 }
    "a generation was dropped" [from, until, bytes];

    /// Better larger parts than taking nothing.
    warn GenerationNotMade<'a> { error: Cause<'a> }
    "no new generation could be made, the present one goes on" [%error];

    /// Stored events that can not be read; they end as lost.
    error DamageFound<'a> { from: u64, until: u64, events: u64, error: Cause<'a> }
    "the log is damaged: these events can not be read" [from, until, events, %error];

    /// Nothing more is written behind damage.
    error DamageAtTheEnd<'a> { generation: u64, until: u64, error: Cause<'a> }
    "the end of the log is damaged, a new generation goes on after it" [generation, until, %error];

    /// Events that were accepted and are not there any more.
    error EventsLost { from: u64, until: u64, events: u64 }
    "the log is damaged: the events between were accepted and can not be read any more" [from, until, events];

    /// Before sled opens it and cuts off what is behind the damage. It takes as long as writing everything anew.
    error RepairBegun<'a> { database: &'a str, places: u64 }
    "a database is damaged; the data directory is being repaired before it is opened" [database, places];

    /// What could not be had back is listed; the damaged files are kept.
    error DirectoryRepaired<'a> { lost: u64, pending_again: u64, ends_lost: u64, rows_lost: u64, aside: &'a Path }
    "the data directory was repaired" [lost, pending_again, ends_lost, rows_lost, aside = %aside.display()];

    /// Which is better than a journal that does not start.
    error RepetitionsUnknown<'a> { from: u64, until: u64, error: Cause<'a> }
    "repetitions of these events are not recognised" [from, until, %error];

    /// It is made anew; until then the events are looked through.
    warn IndexDamaged<'a> { generation: u64, error: Cause<'a> }
    "an index is damaged and made anew from the events" [generation, %error];

    /// Lists look through these events until a restart.
    warn IndexNotMade<'a> { generation: u64, error: Cause<'a> }
    "the events of this part of the log can not be indexed" [generation, %error];

    /// Lists by state and reason read every page then.
    error EndsNotIndexed<'a> { error: Cause<'a> }
    "the ends of events can not be indexed" [%error];

    /// Lists are slow then, and nothing else is.
    error IndexerStopped {}
    "the thread that indexes events stopped unexpectedly";

    /// Nobody was promised it.
    info UnfinishedBlockRemoved { from: u64 }
    "removing a block that was never finished" [from];

    /// sled's snapshots only save time.
    warn SnapshotSetAside<'a> { directory: &'a Path, files: usize }
    "damaged snapshot set aside, reading the log" [directory = %directory.display(), files];

    /// What it has to say is known.
    warn ConfSetAside<'a> { directory: &'a Path }
    "damaged file of a database's settings set aside, it is written anew" [directory = %directory.display()];

    /// A handle of this very process.
    debug WaitingForHandle<'a> { directory: &'a Path, error: Cause<'a> }
    "waiting for a closing handle" [directory = %directory.display(), %error];

    /// The journal is broken then.
    error UploadNumbersNotReserved<'a> { error: Cause<'a> }
    "no upload numbers could be reserved" [%error];
}
