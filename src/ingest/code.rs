//! The codes of ingest's answers: one table from code to name and HTTP status.

use crate::journal::Refusal;
use crate::telemetry::Listed;
use std::time::Duration;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:literal $name:literal,)+) => {
        /// How a request, or one call in a batch, was answered. Names are stable: senders and dashboards lean on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Code { $($(#[$doc])* $code,)+ }

        impl Code {
            /// Every code.
            pub(crate) const ALL: &[Self] = &[$(Self::$code,)+];

            /// The stable name.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// The HTTP status, where it answers a whole request.
            pub(crate) fn status(self) -> u16 {
                match self { $(Self::$code => $status,)+ }
            }
        }
    };
}

impl Listed for Code {
    const LIST: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

codes! {
    /// Everything in the request is stored.
    Accepted = 200 "accepted",
    /// The body is not JSON, or not even UTF-8.
    InvalidJson = 400 "invalid_json",
    /// The body says it is gzip and is not.
    InvalidGzip = 400 "invalid_gzip",
    /// The sender went away inside the body.
    BodyIncomplete = 400 "body_incomplete",
    /// A call is not a JSON object.
    NotAnObject = 400 "not_an_object",
    /// A batch without its `batch` array.
    MissingBatch = 400 "missing_batch",
    /// A member is of another JSON type than Segment's specification says.
    InvalidType = 400 "invalid_type",
    /// `type` is not one of Segment's calls.
    UnknownType = 400 "unknown_type",
    /// `type` is `delete` where only a write key is asked for.
    DeletionNotHere = 400 "deletion_not_here",
    /// Neither `userId` nor `anonymousId`. Segment's own name for it.
    NoUserAnonId = 400 "no_user_anon_id",
    /// A track call without `event`.
    MissingEventName = 400 "missing_event_name",
    /// `messageId` is longer than Segment allows.
    MessageIdTooLong = 400 "message_id_too_long",
    /// Objects and arrays nest too deep.
    TooDeep = 400 "too_deep",
    /// No write key is set yet.
    NoWriteKeySet = 401 "no_write_key_set",
    /// The request shows no write key.
    MissingWriteKey = 401 "missing_write_key",
    /// The request shows another write key.
    WrongWriteKey = 401 "wrong_write_key",
    /// A webhook secret is set, and the request is not signed.
    MissingSignature = 401 "missing_signature",
    /// The signature is not that of the body with the webhook secret.
    WrongSignature = 401 "wrong_signature",
    /// There is no such path.
    NotFound = 404 "not_found",
    /// The path takes POST only.
    MethodNotAllowed = 405 "method_not_allowed",
    /// The body came too slowly.
    BodyTimeout = 408 "body_timeout",
    /// One call is over the limit.
    EventTooLarge = 413 "event_too_large",
    /// A batch is over the limit.
    BatchTooLarge = 413 "batch_too_large",
    /// The body inflates to more than the limit.
    InflatedTooLarge = 413 "inflated_too_large",
    /// A batch's shared parts, repeated for each of its calls, are over the limit.
    SharedPartsTooLarge = 413 "shared_parts_too_large",
    /// A batch holds too many calls.
    TooManyEvents = 413 "too_many_events",
    /// The body is compressed with something other than gzip.
    UnsupportedEncoding = 415 "unsupported_encoding",
    /// Too many bytes are under way at this moment.
    Overloaded = 429 "overloaded",
    /// The journal is at its bound.
    JournalFull = 503 "journal_full",
    /// The journal can not write any more.
    JournalBroken = 503 "journal_broken",
}

/// What is wrong with a request or with one of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Which complaint.
    pub(crate) code: Code,
    /// What was expected, what was found and what to do. Never holds what the sender sent, save names of members.
    pub(crate) message: String,
    /// RFC 6901 pointer into the body; empty where no single place is to blame.
    pub(crate) pointer: String,
    /// When to come back, for those that pass by themselves.
    pub(crate) retry_after: Option<Duration>,
}

impl Complaint {
    /// A complaint about the whole request.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), pointer: String::new(), retry_after: None }
    }

    /// The same, about one place.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// The same, with the time to come back after.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same complaint as the journal keeps it, about the call at `place` of the body.
    pub(crate) fn into_refusal(self, place: &str) -> Refusal {
        let pointer = format!("{place}{}", self.pointer);
        Refusal { code: self.code.as_str().to_owned(), message: self.message, pointer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_every_refusal_has_an_error_status() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.status() >= 400, *code != Code::Accepted, "{}", code.as_str());
        }
    }
}
