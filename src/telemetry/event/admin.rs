//! What operators do.

use crate::telemetry::Cause;
use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::path::Path;

/// A type that names an operator's account, checked when it was made. Accounts are named in the log, because who changed
/// what must be found later; whoever sent an event never is.
pub(crate) trait AccountName: Display + Debug {}

notes! { "tapline::admin";
    /// A program asked for it; whom it is about is in the journal alone.
    info DeletionAsked { persons: usize }
    "persons are to be deleted" [persons];

    /// Without the name that was tried: people type passwords into the wrong field.
    warn SignInRefused { address: Option<IpAddr> }
    "a sign-in was refused" [client.address = address.map(tracing::field::display)];

    /// Somebody signed in.
    info SignedIn<'a> { user: &'a dyn AccountName, address: Option<IpAddr> }
    "signed in" [user.name = %user, client.address = address.map(tracing::field::display)];

    /// The first account was made, with the token of the first start.
    info FirstAccountMade<'a> { user: &'a dyn AccountName, address: Option<IpAddr> }
    "the first account was made" [user.name = %user, client.address = address.map(tracing::field::display)];

    /// The token in the file is worthless by now, so this is worth a line and no more.
    warn FirstStartTokenStayed<'a> { file: &'a Path, error: Cause<'a> }
    "the used first-start token could not be removed" [file = %file.display(), %error];

    /// Somebody had CleverTap take records that are in no journal. What they hold is not told.
    info SentByHand<'a> { by: &'a str, records: usize, taken: usize, status: u16 }
    "records were sent by hand" [user.name = by, records, taken, status];

    /// Settings were stored and are in force.
    info SettingsSaved<'a> { user: &'a dyn AccountName, revision: u64 }
    "settings saved" [user.name = %user, settings.revision = revision];

    /// `key` is its public name.
    info SenderKeyMade<'a> { user: &'a dyn AccountName, kind: &'a str, key: &'a str }
    "a key for senders was made" [user.name = %user, key.kind = kind, key.id = key];

    /// `key` is its public name.
    info SenderKeyRevoked<'a> { user: &'a dyn AccountName, kind: &'a str, key: &'a str }
    "a key for senders was revoked" [user.name = %user, key.kind = kind, key.id = key];

    /// `token` is its public name.
    info ApiTokenMade<'a> { user: &'a dyn AccountName, token: &'a str }
    "an API token was made" [user.name = %user, token.id = token];

    /// `token` is its public name.
    info ApiTokenRevoked<'a> { token: &'a str }
    "an API token was revoked" [token.id = token];

    /// They stay counted and are kept with the next ones, unless the process ends before.
    warn RuleHitsNotKept<'a> { error: Cause<'a> }
    "it could not be kept how often rules took effect" [%error];

    /// Somebody had a candidate written into the rules directory.
    info RulesWritten<'a> { files: usize, revision: &'a str }
    "rule files were written" [files, rules.revision = revision];

    /// The rules run all the same; only the console can not show this revision later.
    warn RevisionNotKept<'a> { revision: &'a str, error: Cause<'a> }
    "this revision of the rules could not be kept" [rules.revision = revision, %error];
}
