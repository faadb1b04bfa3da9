//! What CleverTap says of one record, and how a record ends that is not taken.
//!
//! Source of the codes: <https://developer.clevertap.com/docs/api-errors>, read 2026-11. Deliberately without CleverTap's
//! own error text: it echoes the record, and with it personal data.

use super::retry::RetryReason;
use std::fmt;

/// A code of `unprocessed[].code`, as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordCode {
    /// 509
    EventNameMissing,
    /// 512
    EventStructure,
    /// 513
    RestrictedEvent,
    /// 514
    Gender,
    /// 515
    Email,
    /// 516
    Phone,
    /// 517
    Employed,
    /// 518
    Education,
    /// 519
    Married,
    /// 520
    Age,
    /// 522
    TooManyProperties,
    /// 523
    IdentityMissing,
    /// 524
    WrongType,
    /// 525
    Timestamp,
    /// 526
    ObjectId,
    /// 528
    DiscardedEvent,
    /// 530
    TokenObjectId,
    /// 531
    TokenData,
    /// 532
    TokenIdMissing,
    /// 533
    TokenTypeMissing,
    /// 534
    TokenTypeWrong,
    /// 535
    TokenKeys,
    /// 555
    ServerError,
}

/// Whether sending the same record again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// The record itself is refused.
    Never,
    /// CleverTap had a problem of its own.
    Later,
}

/// One row of the published list.
struct Row(RecordCode, u16, Resend, &'static str);

/// The published list.
const TABLE: [Row; 23] = [
    Row(RecordCode::EventNameMissing, 509, Resend::Never, "the event has no name"),
    Row(RecordCode::EventStructure, 512, Resend::Never, "the event's structure is not valid"),
    Row(
        RecordCode::RestrictedEvent,
        513,
        Resend::Never,
        "the event's name is reserved for CleverTap's own events",
    ),
    Row(RecordCode::Gender, 514, Resend::Never, "`Gender` is not valid"),
    Row(RecordCode::Email, 515, Resend::Never, "`Email` is not valid"),
    Row(RecordCode::Phone, 516, Resend::Never, "`Phone` is not valid"),
    Row(RecordCode::Employed, 517, Resend::Never, "`Employed` is neither `Y` nor `N`"),
    Row(RecordCode::Education, 518, Resend::Never, "`Education` is none of `School`, `College`, `Graduate`"),
    Row(RecordCode::Married, 519, Resend::Never, "`Married` is neither `Y` nor `N`"),
    Row(RecordCode::Age, 520, Resend::Never, "`Age` is not valid"),
    Row(
        RecordCode::TooManyProperties,
        522,
        Resend::Never,
        "the event has more properties than the account allows",
    ),
    Row(
        RecordCode::IdentityMissing,
        523,
        Resend::Never,
        "the record says not, or not validly, whom it is for",
    ),
    Row(RecordCode::WrongType, 524, Resend::Never, "the record is neither event nor profile"),
    Row(RecordCode::Timestamp, 525, Resend::Never, "`ts` is not in seconds since 1970"),
    Row(RecordCode::ObjectId, 526, Resend::Never, "`objectId` is not valid"),
    Row(
        RecordCode::DiscardedEvent,
        528,
        Resend::Never,
        "the event is set to be discarded in CleverTap's dashboard",
    ),
    Row(RecordCode::TokenObjectId, 530, Resend::Never, "the push token's `objectId` is not valid"),
    Row(RecordCode::TokenData, 531, Resend::Never, "the push token's data is not valid"),
    Row(RecordCode::TokenIdMissing, 532, Resend::Never, "the push token is missing"),
    Row(RecordCode::TokenTypeMissing, 533, Resend::Never, "the push token's type is missing"),
    Row(RecordCode::TokenTypeWrong, 534, Resend::Never, "the push token's type does not suit its `objectId`"),
    Row(RecordCode::TokenKeys, 535, Resend::Never, "the push token's data is not valid"),
    Row(RecordCode::ServerError, 555, Resend::Later, "CleverTap had a problem of its own"),
];

impl RecordCode {
    /// Reads a code; none when it is not on the list.
    pub fn parse(number: u16) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// The published number.
    pub fn number(self) -> u16 {
        self.row().map_or(0, |row| row.1)
    }

    /// Whether sending the same record again can help.
    pub fn resend(self) -> Resend {
        self.row().map_or(Resend::Never, |row| row.2)
    }

    /// What it means, in words of our own that hold nothing of the record.
    pub fn meaning(self) -> &'static str {
        self.row().map_or("", |row| row.3)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.0 == self)
    }
}

/// Why a record ends as a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// CleverTap refused it, with a code of the list.
    Listed(RecordCode),
    /// CleverTap refused it with a code that is not on the list.
    Unlisted(u16),
    /// CleverTap refused it without a code.
    Unnamed,
    /// CleverTap refuses the whole request because of this record (HTTP 400).
    Malformed,
    /// The record is too large even alone (HTTP 413).
    TooLarge,
    /// It was tried for as long as the policy says.
    RetriesExhausted(RetryReason),
    /// CleverTap's answers stayed contradictory for as often as the policy says.
    Unclear,
    /// CleverTap refuses to delete this person (HTTP 400), also when asked for nobody else.
    DeletionRefused,
}

impl Rejection {
    /// One of every kind, those of the published list each.
    pub fn every() -> impl Iterator<Item = Self> {
        // A variant that is new and missing below does not compile here.
        let next = |kind: Option<Self>| match kind {
            None | Some(Self::Listed(_)) => Some(Self::Unnamed),
            Some(Self::Unnamed) => Some(Self::Malformed),
            Some(Self::Malformed) => Some(Self::TooLarge),
            Some(Self::TooLarge) => Some(Self::RetriesExhausted(RetryReason::NoAnswer)),
            Some(Self::RetriesExhausted(_)) => Some(Self::Unclear),
            Some(Self::Unclear) => Some(Self::DeletionRefused),
            Some(Self::DeletionRefused | Self::Unlisted(_)) => None,
        };
        let others = std::iter::successors(next(None), move |kind| next(Some(*kind)));
        TABLE.iter().map(|row| Self::Listed(row.0)).chain(others)
    }

    /// What CleverTap answers where a record ends so.
    pub fn example(self) -> String {
        match self {
            Self::Listed(code) => {
                format!(r#"{{"unprocessed":[{{"code":{},"record":{{…}}}}]}}"#, code.number())
            }
            Self::Unlisted(number) => format!(r#"{{"unprocessed":[{{"code":{number},"record":{{…}}}}]}}"#),
            Self::Unnamed => r#"{"unprocessed":[{"record":{…}}]}"#.to_owned(),
            Self::Malformed => "HTTP 400 for every upload that holds this record".to_owned(),
            Self::TooLarge => "HTTP 413 for an upload of this record alone".to_owned(),
            Self::RetriesExhausted(_) => "HTTP 503, or no answer, for as long as retries last".to_owned(),
            Self::Unclear => r#"{"status":"fail","processed":1,"unprocessed":[]}"#.to_owned(),
            Self::DeletionRefused => "HTTP 400 for a delete call that names this person alone".to_owned(),
        }
    }

    /// A stable code for the end of the event.
    pub fn code(self) -> String {
        match self {
            Self::Listed(code) => format!("clevertap_{}", code.number()),
            Self::Unlisted(number) => format!("clevertap_{number}"),
            Self::Unnamed => "clevertap_refused".to_owned(),
            Self::Malformed => "malformed_request".to_owned(),
            Self::TooLarge => "record_too_large".to_owned(),
            Self::RetriesExhausted(_) => "retries_exhausted".to_owned(),
            Self::Unclear => "unclear_answer".to_owned(),
            Self::DeletionRefused => "deletion_refused".to_owned(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(code) => write!(f, "CleverTap refused a record: {}", code.meaning()),
            Self::Unlisted(number) => {
                write!(f, "CleverTap refused a record with `{number}`, which is not in its documentation")
            }
            Self::Unnamed => f.write_str("CleverTap refused a record and did not say why"),
            Self::Malformed => {
                f.write_str("CleverTap refuses any upload that holds this record as malformed (400)")
            }
            Self::TooLarge => f.write_str("CleverTap refuses the record as too large, even alone (413)"),
            Self::RetriesExhausted(reason) => write!(f, "gave up after the last retry: {reason}"),
            Self::Unclear => f.write_str(
                "CleverTap's answers stayed contradictory, so the record may or may not have been taken",
            ),
            Self::DeletionRefused => f.write_str(
                "CleverTap refuses to delete this person (400), so nothing of them was erased here either",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_list_is_found_again_by_its_number() {
        for row in &TABLE {
            assert_eq!(RecordCode::parse(row.1), Some(row.0));
            assert_eq!(row.0.number(), row.1);
            assert!(!row.0.meaning().is_empty());
        }
        assert_eq!(RecordCode::parse(511), None);
    }

    #[test]
    fn only_the_server_error_is_worth_another_try() {
        let later: Vec<u16> =
            TABLE.iter().filter(|row| row.0.resend() == Resend::Later).map(|row| row.1).collect();
        assert_eq!(later, [555]);
    }
}
