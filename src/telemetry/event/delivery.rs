//! What goes out.

use super::console::some;
use crate::telemetry::repeat::LINES;
use crate::telemetry::{Cause, Listed, Telemetry, Word};
use std::time::{Duration, Instant};

/// An upload is sent, whatever will come back.
#[derive(Debug)]
pub(crate) struct UploadSent {
    /// How many records it carries.
    pub(crate) records: u64,
}

impl UploadSent {
    /// Counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let meters = telemetry.meters();
        meters.uploads.inc();
        meters.records_sent.inc_by(self.records);
        meters.upload_records.observe(self.records as f64);
    }
}

/// Fewer uploads may be in flight from now on.
#[derive(Debug)]
pub(crate) struct UploadLimitFell {
    /// Why.
    pub(crate) why: Word,
}

impl UploadLimitFell {
    /// Counts. In a storm it falls and rises all the time, which is no line of the log each.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        telemetry.meters().upload_limit_falls.of(self.why).inc();
    }
}

/// How an upload came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadOutcome {
    /// Answered record by record.
    Read,
    /// To be sent again as a whole: no answer, or one that says to.
    Again,
    /// Refused because of some record in it.
    Split,
    /// CleverTap refused the account.
    Unauthorized,
}

impl Listed for UploadOutcome {
    const LIST: &'static [Self] = &[Self::Read, Self::Again, Self::Split, Self::Unauthorized];

    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Again => "again",
            Self::Split => "split",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// An upload came back, or will not any more.
#[derive(Debug)]
pub(crate) struct UploadEnded<'a> {
    /// Its number in the journal.
    pub(crate) upload: u64,
    /// How it came back.
    pub(crate) outcome: UploadOutcome,
    /// The HTTP status; none when no answer came.
    pub(crate) status: Option<u16>,
    /// CleverTap's word, or what happened instead.
    pub(crate) answer: Cause<'a>,
    /// How often these records had been sent, this time included.
    pub(crate) attempt: u32,
    /// From the first byte sent to the last byte read.
    pub(crate) took: Duration,
    /// Records taken.
    pub(crate) delivered: u64,
    /// Records to be sent again.
    pub(crate) retried: u64,
    /// Records that end as dead letters.
    pub(crate) rejected: u64,
}

impl UploadEnded<'_> {
    /// Writes the line, a warning where the whole upload failed, and counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let Self { upload, outcome, status, answer, attempt, took, delivered, retried, rejected } = self;
        let meters = telemetry.meters();
        meters.upload_answers.of(Word::of(outcome)).inc();
        meters.upload_seconds.observe(took.as_secs_f64());
        meters.records_delivered.inc_by(delivered);
        meters.records_retried.inc_by(retried);
        meters.records_rejected.inc_by(rejected);
        let (duration_ms, code) = (took.as_millis() as u64, outcome.word());
        if outcome == UploadOutcome::Read {
            tracing::debug!(
                target: "tapline::delivery",
                { upload.id = upload, code, status, %answer, attempt, duration_ms, delivered, retried, rejected },
                "upload answered"
            );
        } else {
            tracing::warn!(
                target: "tapline::delivery",
                { upload.id = upload, code, status, %answer, attempt, duration_ms, retried, rejected },
                "upload failed"
            );
        }
    }
}

/// An event was delivered, its end durable.
#[derive(Debug)]
pub(crate) struct EventDelivered {
    /// Since it was received.
    pub(crate) age: Duration,
}

impl EventDelivered {
    /// Counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        telemetry.meters().delivery_age_seconds.observe(self.age.as_secs_f64());
    }
}

/// Nothing is delivered until an operator has done something.
#[derive(Debug)]
pub(crate) struct DeliveryPaused<'a> {
    /// Why.
    pub(crate) code: Word,
    /// What happened and what to do.
    pub(crate) error: Cause<'a>,
}

impl DeliveryPaused<'_> {
    /// Writes the line and counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        let Self { code, error } = self;
        telemetry.meters().delivery_pauses.of(code).inc();
        tracing::warn!(target: "tapline::delivery", code = code.as_str(), %error, "delivery pauses");
    }
}

/// A push token is not sent, because the same was sent before.
#[derive(Debug)]
pub(crate) struct TokenLeftOut {}

impl TokenLeftOut {
    /// Counts.
    pub(crate) fn tell(self, telemetry: &Telemetry) {
        telemetry.meters().tokens_left_out.inc();
    }
}

/// Whether a push token was sent before can not be read, so it is sent. Once a second: it may come with every event.
#[derive(Debug)]
pub(crate) struct TokenUnknown<'a> {
    pub(crate) error: Cause<'a>,
}

impl TokenUnknown<'_> {
    /// Writes the line, unless the same was written just now.
    pub(crate) fn tell(self) {
        let error = self.error;
        if let Some(left_out) = LINES.admit(Word::of(Doubt::Token), Instant::now()) {
            let (code, left_out) = (Doubt::Token.word(), some(left_out));
            tracing::warn!(
                target: "tapline::delivery", code, %error, left_out,
                "it is not known whether a push token was sent before, so it is sent"
            );
        }
    }
}

/// Events became dead letters by one upload, their ends durable. Once a second: a mistake in the rules makes thousands.
#[derive(Debug)]
pub(crate) struct DeadLetters<'a> {
    /// How many.
    pub(crate) events: usize,
    /// The first of them, as `ev_7`.
    pub(crate) first: String,
    /// Its reason code.
    pub(crate) code: &'a str,
}

impl DeadLetters<'_> {
    /// Writes the line, unless one like it was written just now; the next one says how many were left out.
    pub(crate) fn tell(self) {
        let Self { events, first, code } = self;
        if let Some(left_out) = LINES.admit(Word::of(Doubt::DeadLetter), Instant::now()) {
            let left_out = some(left_out);
            tracing::warn!(
                target: "tapline::delivery", { event.id = first, code, events, left_out },
                "events became dead letters"
            );
        }
    }
}

/// What may be asked for every event and can fail.
#[derive(Debug, Clone, Copy)]
enum Doubt {
    /// Whether a push token was sent before.
    Token,
    /// Whether its records are ever taken.
    DeadLetter,
}

impl Listed for Doubt {
    const LIST: &'static [Self] = &[Self::Token, Self::DeadLetter];

    fn word(self) -> &'static str {
        match self {
            Self::Token => "token_unknown",
            Self::DeadLetter => "dead_letters",
        }
    }
}

notes! { "tapline::delivery";
    /// CleverTap took a delete call; it deletes within a day, which it does not report.
    info PersonsDeleted { call: u64, persons: u32, duration_ms: u64, status: Option<u16> }
    "persons deleted at CleverTap" [call.id = call, persons, duration_ms, status];

    /// A delete call was not taken: it is made again, or its event says why not.
    warn DeletionFailed<'a> { call: u64, persons: u32, duration_ms: u64, status: Option<u16>, attempt: u32, error: Cause<'a> }
    "a deletion failed" [call.id = call, persons, duration_ms, status, attempt, %error];

    /// No reader sees the earlier events of these deletions' persons any more.
    info PersonsErased { deletions: usize }
    "the events of deleted persons are erased" [deletions];

    /// Settings changed, and there is somebody to send to again.
    info DeliveryResumed {}
    "delivery goes on";

    /// They will be sent again, which CleverTap bears.
    warn TokensForgotten<'a> { error: Cause<'a> }
    "sent push tokens could not be remembered and will be sent again" [%error];

    /// The console shows fewer attempts of these events.
    warn AttemptsNotKept<'a> { error: Cause<'a> }
    "the attempts of events that were sent more than once could not be kept" [%error];

    /// The process stops and does not wait longer.
    warn UploadsCut { uploads: usize }
    "uploads in flight were cut; their events are sent again" [uploads];
}
