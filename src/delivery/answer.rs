//! What an answer of CleverTap's means for every record of an upload.
//!
//! HTTP 200 is not success until the body says so, record by record. The words `success`, `partial` and `fail` are not
//! believed alone: recordings of 2017 say `success` with everything unprocessed. Which record an entry of `unprocessed` is
//! about is told only by `Skipped record number : N`; the echoed record comes back altered and is not even read.
//!
//! First thing to know: nothing of an answer's text leaves this module, because it echoes personal data.

use super::client::Reply;
use super::code::{RecordCode, Rejection, Resend};
use super::retry::RetryReason;
use crate::clock::Millis;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::time::Duration;

/// What became of one record of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// CleverTap took it.
    Delivered,
    /// It was not taken, and is worth another try.
    Retry(RetryReason),
    /// It was not taken, and never will be.
    Rejected(Rejection),
    /// Some record of the upload was refused, and nothing says whether it was this one.
    Unclear,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Read record by record: one verdict for each, in the upload's order.
    Records {
        /// The verdicts.
        verdicts: Vec<Verdict>,
        /// CleverTap's own word for it: `success`, `partial` or `fail`.
        word: &'static str,
    },
    /// The whole upload is to be sent again.
    Again {
        /// Why.
        reason: RetryReason,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// The request was refused because of some record in it: send parts of it, to find which.
    Split(Rejection),
    /// Nobody lets us in with these settings.
    Unauthorised,
}

/// Reads the answer to an upload of `count` records. `now` is the wall clock, for a `Retry-After` that names a date.
pub fn read(reply: &Reply, count: usize, now: Millis) -> Reading {
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::NoAnswer(_) => return Reading::Again { reason: RetryReason::NoAnswer, after: None },
    };
    let again = |reason| Reading::Again { reason, after: answer.retry_after.map(|after| after.delay(now)) };
    match answer.status {
        200..=299 if !answer.whole => again(RetryReason::NotAnAnswer),
        200..=299 => match serde_json::from_slice::<Doc>(&answer.body).ok().and_then(|doc| doc.read(count)) {
            Some(Ok(reading)) => reading,
            Some(Err(Contradiction)) => again(RetryReason::Contradiction),
            None => again(RetryReason::NotAnAnswer),
        },
        // A page says that something before CleverTap answers, as a proxy that was spoken to in the wrong protocol.
        400 if is_page(&answer.body) => again(RetryReason::UnexpectedStatus(400)),
        400 => Reading::Split(Rejection::Malformed),
        413 => Reading::Split(Rejection::TooLarge),
        401 | 403 => Reading::Unauthorised,
        429 => again(RetryReason::TooManyRequests),
        status @ (408 | 500..=599) => again(RetryReason::ServerError(status)),
        status => again(RetryReason::UnexpectedStatus(status)),
    }
}

pub(super) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// An answer as written. Everything is optional: what is missing is found out by counting.
#[derive(Debug, Deserialize)]
struct Doc<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    processed: Option<usize>,
    #[serde(borrow, default)]
    unprocessed: Option<Vec<EntryDoc<'a>>>,
}

#[derive(Debug, Deserialize)]
struct EntryDoc<'a> {
    code: Option<Number>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[expect(dead_code, reason = "named so that it is skipped, not read")]
    record: Option<IgnoredAny>,
}

/// A number, also as text: the echo shows that CleverTap's JSON is loose about it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u16),
    Text(String),
}

/// The answer says two things at once.
struct Contradiction;

impl Doc<'_> {
    /// None when this is no answer at all.
    fn read(self, count: usize) -> Option<Result<Reading, Contradiction>> {
        let word = match self.status.as_deref()? {
            "success" => "success",
            "partial" => "partial",
            "fail" => "fail",
            _ => return None,
        };
        let entries = self.unprocessed.unwrap_or_default();
        let mut listed: Vec<Option<Verdict>> = vec![None; count];
        let mut unmatched = Vec::new();
        for entry in &entries {
            let place = entry.place().and_then(|place| listed.get_mut(place));
            match place {
                Some(place) => {
                    *place = Some(place.map_or(entry.verdict(), |first| worse(first, entry.verdict())))
                }
                None => unmatched.push(entry.verdict()),
            }
        }
        let others = listed.iter().filter(|verdict| verdict.is_none()).count();
        let rest = if unmatched.is_empty() {
            // `fail` with nothing listed falls here, too: nothing processed, and yet nothing refused.
            if self.processed != Some(others) || word == "fail" && others > 0 {
                return Some(Err(Contradiction));
            }
            Verdict::Delivered
        } else if unmatched.len() == others && unmatched.windows(2).all(|pair| pair.first() == pair.last()) {
            // As many like refusals as records left: it does not matter which is whose.
            unmatched.first().copied().unwrap_or(Verdict::Unclear)
        } else {
            Verdict::Unclear
        };
        let verdicts = listed.into_iter().map(|verdict| verdict.unwrap_or(rest)).collect();
        Some(Ok(Reading::Records { verdicts, word }))
    }
}

impl EntryDoc<'_> {
    /// Which record it is about, counted from 0.
    fn place(&self) -> Option<usize> {
        const MARK: &str = "Skipped record number";
        let (_, rest) = self.error.as_deref()?.rsplit_once(MARK)?;
        let digits = rest.trim_start().strip_prefix(':').unwrap_or(rest).trim();
        digits.parse::<usize>().ok()?.checked_sub(1)
    }

    fn verdict(&self) -> Verdict {
        let number = match &self.code {
            Some(Number::Plain(number)) => *number,
            Some(Number::Text(text)) => match text.trim().parse() {
                Ok(number) => number,
                Err(_) => return Verdict::Rejected(Rejection::Unnamed),
            },
            None => return Verdict::Rejected(Rejection::Unnamed),
        };
        match RecordCode::parse(number) {
            Some(code) if code.resend() == Resend::Later => {
                Verdict::Retry(RetryReason::RecordServerError(number))
            }
            Some(code) => Verdict::Rejected(Rejection::Listed(code)),
            None if matches!(number, 408 | 429 | 500..=504) => {
                Verdict::Retry(RetryReason::RecordServerError(number))
            }
            None => Verdict::Rejected(Rejection::Unlisted(number)),
        }
    }
}

/// Of two things said of one record, the one that sends nothing again.
fn worse(first: Verdict, second: Verdict) -> Verdict {
    if matches!(first, Verdict::Rejected(_)) { first } else { second }
}
