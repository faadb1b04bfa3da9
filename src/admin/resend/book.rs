//! The jobs as they are stored. Blocks for the disk; whoever is asynchronous calls from a thread that may wait.
//!
//! Two write to a job: whoever carries it out, and whoever cancels it. So every change is a swap that is tried again.

use super::job::{JobState, ResendJob};
use crate::admin::{AdminError, decode, encode};
use crate::journal::{ResendId, Store, Table};

/// How many jobs are kept; those that ended longest ago are forgotten.
pub const MOST_JOBS: usize = 200;

const WHAT: &str = "job that sends again";

/// One job.
pub fn kept_job(store: &dyn Store, id: ResendId) -> Result<Option<ResendJob>, AdminError> {
    store.get(Table::Resends, &key(id))?.map(|bytes| decode(WHAT, &bytes)).transpose()
}

/// Every job that is kept, the newest first.
pub fn kept_jobs(store: &dyn Store) -> Result<Vec<ResendJob>, AdminError> {
    let rows = store.list(Table::Resends)?;
    let jobs = rows.into_iter().rev().filter(|(key, _)| key.len() == KEY_BYTES);
    jobs.map(|(_, bytes)| decode(WHAT, &bytes)).collect()
}

/// Changes a job and gives it as it is then; none where it is not kept any more.
pub fn update_job(
    store: &dyn Store,
    id: ResendId,
    change: impl Fn(&mut ResendJob),
) -> Result<Option<ResendJob>, AdminError> {
    loop {
        let Some(before) = store.get(Table::Resends, &key(id))? else { return Ok(None) };
        let mut job: ResendJob = decode(WHAT, &before)?;
        change(&mut job);
        let after = encode(WHAT, &job)?;
        if after == before || store.swap(Table::Resends, &key(id), Some(&before), Some(&after))? {
            return Ok(Some(job));
        }
    }
}

/// The event that is sent in the place of the stored one, for a job with an edited copy.
pub fn edited_event(store: &dyn Store, id: ResendId) -> Result<Option<Vec<u8>>, AdminError> {
    Ok(store.get(Table::Resends, &edited_key(id))?)
}

/// Lets go of the edited copy of a job that is over: it holds personal data.
pub fn forget_edited(store: &dyn Store, id: ResendId) -> Result<(), AdminError> {
    Ok(store.put(Table::Resends, &edited_key(id), None)?)
}

/// Stores a job under its number. `jobs` are those that are kept. Only
/// one caller at a time, because the event is written before its job.
pub(super) fn add(
    store: &dyn Store,
    job: &ResendJob,
    edited: Option<&str>,
    jobs: &[ResendJob],
) -> Result<(), AdminError> {
    // First the event: a crash between leaves an event that no job asks for.
    if let Some(edited) = edited {
        store.put(Table::Resends, &edited_key(job.id), Some(edited.as_bytes()))?;
    }
    store.put(Table::Resends, &key(job.id), Some(&encode(WHAT, job)?))?;
    let over = jobs.iter().filter(|job| !is_open(job));
    let too_many = (jobs.len() + 1).saturating_sub(MOST_JOBS);
    for old in over.rev().take(too_many) {
        store.put(Table::Resends, &key(old.id), None)?;
    }
    Ok(())
}

/// Whether something is still to come of it.
pub(super) fn is_open(job: &ResendJob) -> bool {
    matches!(job.state, JobState::Waiting | JobState::Running)
}

const KEY_BYTES: usize = 8;

fn key(id: ResendId) -> Vec<u8> {
    id.0.to_be_bytes().to_vec()
}

fn edited_key(id: ResendId) -> Vec<u8> {
    [&id.0.to_be_bytes()[..], b"e"].concat()
}
