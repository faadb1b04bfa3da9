//! Records of one event that a person has CleverTap look at: to be validated only (`dryRun=1`), or for real.
//!
//! One request, by a place that the lanes never take, and no second try: whoever asks sees what came and may ask again.
//! Nothing of an answer's text leaves here, because it echoes personal data; codes and the program's own words do.

use super::Slots;
use super::account::Account;
use super::answer::{self, Reading, Verdict};
use super::client::{CleverTap, Mode, Reply, Timeouts};
use super::worker::words;
use crate::clock::Millis;
use crate::settings::Settings;
use std::time::Duration;
use tokio::time::Instant;

/// Someone waits for the page.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(15) };
/// How long to wait for a place among the requests at CleverTap.
const PLACE: Duration = Duration::from_secs(10);

/// What a person gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialReport {
    /// The address that was asked, without a path.
    pub address: String,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// `success`, `partial`, `fail`, or what happened instead.
    pub words: String,
    /// What CleverTap says of each record; empty where it says nothing of single ones.
    pub records: Vec<RecordVerdict>,
}

/// What CleverTap says of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordVerdict {
    /// Whether it takes it.
    pub is_taken: bool,
    /// The stable code, where it does not.
    pub code: Option<String>,
    /// In words.
    pub words: String,
}

/// Why nothing was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// Settings are missing or can not be sent.
    #[error(transparent)]
    NotReady(#[from] super::AccountError),
    /// Sandbox mode is on, and these records were to be kept.
    #[error(
        "sandbox mode is on, so nothing is sent to CleverTap; leave it on the Sandbox page, or validate only"
    )]
    Sandbox,
    /// Every place for a request is taken.
    #[error("every place for requests beside deliveries is taken; try again in a moment")]
    Busy,
}

impl TrialReport {
    /// Whether every record was taken.
    pub fn is_good(&self) -> bool {
        !self.records.is_empty() && self.records.iter().all(|record| record.is_taken)
    }
}

/// Sends `records`, each as JSON, in one upload.
pub async fn try_records(
    settings: &Settings,
    slots: &Slots,
    mode: Mode,
    records: &[&str],
    now: Millis,
) -> Result<TrialReport, TrialError> {
    if settings.sandbox && mode == Mode::Keep {
        return Err(TrialError::Sandbox);
    }
    let account = Account::of(settings)?;
    let _slot = tokio::time::timeout(PLACE, slots.spare()).await.map_err(|_| TrialError::Busy)?;
    let body = format!("{{\"d\":[{}]}}", records.join(","));
    let begun = Instant::now();
    let reply = CleverTap::new(TIMEOUTS).send(&account, mode, body.into()).await;
    let took = begun.elapsed();
    let reading = answer::read(&reply, records.len(), now);
    let status = match &reply {
        Reply::Answer(answer) => Some(answer.status),
        Reply::NoAnswer(_) => None,
    };
    let verdicts = match &reading {
        Reading::Records { verdicts, .. } => verdicts.iter().map(|verdict| judged(*verdict, mode)).collect(),
        // Alone there is nobody else whom the refusal can be about.
        Reading::Split(rejection) if records.len() == 1 => {
            vec![judged(Verdict::Rejected(*rejection), mode)]
        }
        _ => Vec::new(),
    };
    Ok(TrialReport {
        address: account.base_url,
        status,
        took,
        words: words(&reply, &reading),
        records: verdicts,
    })
}

fn judged(verdict: Verdict, mode: Mode) -> RecordVerdict {
    let refused = |code: Option<String>, words: String| RecordVerdict { is_taken: false, code, words };
    match verdict {
        Verdict::Delivered => RecordVerdict {
            is_taken: true,
            code: None,
            words: match mode {
                Mode::DryRun => "CleverTap would take it".to_owned(),
                Mode::Keep => "CleverTap took it".to_owned(),
            },
        },
        Verdict::Retry(reason) => refused(None, reason.to_string()),
        Verdict::Rejected(rejection) => refused(Some(rejection.code()), rejection.to_string()),
        Verdict::Unclear => {
            refused(None, "a record of the upload was refused, and CleverTap did not say which".to_owned())
        }
    }
}
