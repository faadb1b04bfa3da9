//! The connection test of the Settings page: does CleverTap let us in with these settings?
//!
//! It validates one profile by `dryRun=1`, so nothing is stored at CleverTap.

use super::Slots;
use super::account::{Account, AccountError};
use super::client::{Answer, CleverTap, Mode, NoAnswer, NoAnswerKind, Reply, Timeouts};
use crate::settings::Settings;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// The one record that is validated. The name says whose it is should it ever be seen.
const PROBE: &[u8] =
    br#"{"d":[{"type":"profile","identity":"tapline-connection-test","profileData":{"Name":"Connection test"}}]}"#;

/// Someone waits for the page.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(15) };

/// How a connection test ended. Displays as a sentence for the Settings page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTest {
    /// What came out.
    pub verdict: ConnectionVerdict,
    /// The address that was asked, without a path; empty when none was.
    pub address: String,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
}

/// What a connection test can find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionVerdict {
    /// Let in: uploads will work.
    Authorised,
    /// Settings are missing or can not be sent.
    NotReady(AccountError),
    /// 401 or 403: account ID, passcode or region is wrong. CleverTap answers a wrong region the same way.
    Unauthorised,
    /// Let in or not, CleverTap is busy or has a problem of its own: ask again later.
    Busy,
    /// No answer came.
    Unreachable(NoAnswer),
    /// An answer came that is not CleverTap's: the address is probably another's.
    NotCleverTap,
}

impl ConnectionTest {
    /// Whether uploads will work.
    pub fn is_authorised(&self) -> bool {
        self.verdict == ConnectionVerdict::Authorised
    }
}

impl fmt::Display for ConnectionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, status) = (&self.address, self.status.unwrap_or_default());
        match &self.verdict {
            ConnectionVerdict::Authorised => {
                write!(f, "CleverTap lets Tapline in ({address}, {} ms).", self.took.as_millis())
            }
            ConnectionVerdict::NotReady(error) => write!(f, "Not tested: {error}."),
            ConnectionVerdict::Unauthorised => write!(
                f,
                "CleverTap at {address} does not know this account ID, passcode and region together ({status}). \
                 Compare all three with Settings, Project in CleverTap's dashboard; a wrong region is answered the \
                 same way."
            ),
            ConnectionVerdict::Busy => {
                write!(
                    f,
                    "CleverTap at {address} is busy or has a problem of its own ({status}). Test again in a minute."
                )
            }
            ConnectionVerdict::Unreachable(NoAnswer { kind, detail }) => {
                let advice = match kind {
                    NoAnswerKind::Connect => {
                        "Check the region or address, and that this machine may reach it."
                    }
                    NoAnswerKind::Untrusted => {
                        "The passcode was not sent. Check the address, this machine's clock and its root certificates."
                    }
                    NoAnswerKind::Timeout | NoAnswerKind::Cut => {
                        "Test again; if it stays so, check the network."
                    }
                    NoAnswerKind::Unsendable => "This machine can not make such a connection.",
                };
                write!(f, "{address} can not be reached: {} ({detail}). {advice}", kind.words())
            }
            ConnectionVerdict::NotCleverTap => write!(
                f,
                "{address} answered ({status}), but not as CleverTap does. Check the address, and any proxy in between."
            ),
        }
    }
}

/// Asks CleverTap whether it lets us in, once there is a place for the request.
pub async fn test_connection(settings: &Settings, slots: &Slots) -> ConnectionTest {
    let ended = |verdict, address, status, took| ConnectionTest { verdict, address, status, took };
    let account = match Account::of(settings) {
        Ok(account) => account,
        Err(error) => {
            return ended(ConnectionVerdict::NotReady(error), String::new(), None, Duration::ZERO);
        }
    };
    let _slot = slots.spare().await;
    let begun = Instant::now();
    let reply = CleverTap::new(TIMEOUTS).send(&account, Mode::DryRun, Bytes::from_static(PROBE)).await;
    let (verdict, status) = match reply {
        Reply::Answer(answer) => (judge(&answer), Some(answer.status)),
        Reply::NoAnswer(none) => (ConnectionVerdict::Unreachable(none), None),
    };
    ended(verdict, account.base_url, status, begun.elapsed())
}

fn judge(answer: &Answer) -> ConnectionVerdict {
    // Whether the probe itself was found valid does not matter: whoever says `processed` has let us in.
    let is_upload_answer = || {
        let body = serde_json::from_slice::<serde_json::Value>(&answer.body);
        answer.whole && body.is_ok_and(|body| body.get("processed").is_some_and(serde_json::Value::is_number))
    };
    match answer.status {
        200..=299 if is_upload_answer() => ConnectionVerdict::Authorised,
        401 | 403 => ConnectionVerdict::Unauthorised,
        408 | 429 | 500..=599 => ConnectionVerdict::Busy,
        _ => ConnectionVerdict::NotCleverTap,
    }
}
