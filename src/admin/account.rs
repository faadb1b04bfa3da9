//! Accounts: who may sign in.
//!
//! There is one kind of account until roles exist. Nothing here knows a password, only its hash.

use super::session::SessionCookie;
use super::{Admin, AdminError, Password, Session, decode, encode};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use crate::telemetry::event::{AccountName, SignInRefused, SignedIn};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// The name one signs in with: 1 to 64 of letters, digits and `. _ - @`, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Checks a name. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err("a name has 1 to 64 letters, digits or `.`, `_`, `-`, `@`".to_owned());
        }
        Ok(Self(name))
    }

    /// The first account's name, and the one that `TAPLINE_ADMIN_PASSWORD` sets the password of.
    pub fn admin() -> Self {
        Self("admin".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AccountName for UserName {}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

/// An account as stored in [`Table::Users`] under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    /// Version of this format.
    version: u32,
    /// Who.
    pub(super) name: UserName,
    /// A PHC string.
    pub(super) password_hash: String,
    /// Since when.
    created_at: Millis,
}

/// What comes of an attempt to sign in. An unknown name and a wrong password are one and the same.
#[derive(Debug)]
pub enum LoginOutcome {
    /// Signed in; the cookie is for the browser only.
    SignedIn(SessionCookie, Session),
    /// Name and password do not belong together.
    Refused,
    /// Too many tries; come back after this long.
    SlowDown(Duration),
}

impl Admin {
    /// Signs in. `previous` is the session the browser had so far; it ends, so that every sign-in has a new number.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
        previous: Option<&SessionCookie>,
    ) -> Result<LoginOutcome, AdminError> {
        let name = UserName::parse(name).ok();
        // A name that can not exist is throttled, and takes as long, as one that does.
        let throttled_as = name.as_ref().map_or("?", UserName::as_str).to_owned();
        if let Err(wait) = self.throttle.take(&throttled_as, address, self.now()) {
            return Ok(LoginOutcome::SlowDown(wait));
        }
        let account = match name {
            Some(name) => self.stored(move |store| find(store, &name)).await?,
            None => None,
        };
        let stored_hash = account.as_ref().map(|account| account.password_hash.clone());
        let right = self.passwords.verify(password, stored_hash).await?;
        let Some(account) = account.filter(|_| right) else {
            // Without the name: people type passwords into the wrong field.
            SignInRefused { address }.tell();
            return Ok(LoginOutcome::Refused);
        };
        self.throttle.clear(&throttled_as, address);
        if let Some(previous) = previous {
            self.end_session(previous).await?;
        }
        SignedIn { user: &account.name, address }.tell();
        let (cookie, session) = self.begin_session(account.name).await?;
        Ok(LoginOutcome::SignedIn(cookie, session))
    }

    /// Whether nobody can sign in yet.
    pub async fn has_no_account(&self) -> Result<bool, AdminError> {
        self.stored(|store| Ok(store.list(Table::Users)?.is_empty())).await
    }

    /// Creates the account or gives it another password, which ends its sessions.
    pub(super) async fn set_password(&self, name: UserName, password: &Password) -> Result<(), AdminError> {
        let password_hash = self.passwords.hash(password).await?;
        let now = self.now();
        self.stored(move |store| {
            let created_at = find(store, &name)?.map_or(now, |account| account.created_at);
            super::session::end_all_of(store, &name)?;
            save(store, &new(name, password_hash, created_at))
        })
        .await
    }
}

/// An account as this version stores it.
pub(super) fn new(name: UserName, password_hash: String, created_at: Millis) -> Account {
    Account { version: 1, name, password_hash, created_at }
}

/// Stores an account under its name.
pub(super) fn save(store: &dyn Store, account: &Account) -> Result<(), AdminError> {
    let key = account.name.as_str().as_bytes();
    Ok(store.put(Table::Users, key, Some(&encode("account", account)?))?)
}

/// The account of that name.
pub(super) fn find(store: &dyn Store, name: &UserName) -> Result<Option<Account>, AdminError> {
    let stored = store.get(Table::Users, name.as_str().as_bytes())?;
    stored.map(|bytes| decode("account", &bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_in_lower_case_and_without_surprises() {
        assert_eq!(UserName::parse(" Jane@Example.com ").unwrap().as_str(), "jane@example.com");
        for bad in ["", "  ", "a b", "a/b", "jäne", &"a".repeat(65)] {
            assert!(UserName::parse(bad).is_err(), "{bad}");
        }
    }
}
