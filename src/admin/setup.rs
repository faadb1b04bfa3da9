//! The first start: how the first account comes to be without a default password and without a race.
//!
//! While there is no account, a random token is written to `setup-token` in the data directory, readable by its owner
//! only; the database holds its SHA-256. Whoever shows the token creates the account. `TAPLINE_ADMIN_PASSWORD` does the
//! same without a token.
//!
//! Invariant: of any number of claims at once, exactly one succeeds, because claiming is one compare-and-set.

use super::session::SessionCookie;
use super::{
    Admin, AdminError, Digest, Password, PasswordProblem, Session, UserName, decode, encode, random_text,
};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use crate::telemetry::Cause;
use crate::telemetry::event::{FirstAccountMade, FirstStartTokenStayed};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the file in the data directory.
const TOKEN_FILE: &str = "setup-token";
/// The one key of [`Table::Setup`].
const KEY: &[u8] = b"setup";
/// A token is good for a day; the next start makes another.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the process finds when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstStart {
    /// There is an account.
    Done,
    /// There was one, and damage took it. Nobody can make the first one again from outside, because whoever comes first
    /// would own what others made; `TAPLINE_ADMIN_PASSWORD` makes one.
    Lost,
    /// There is none; show the operator a link to `/setup#<token>`, or the path of the file.
    Open {
        /// The plaintext token. It belongs on a terminal, never in a log.
        token: String,
        /// Where it was written.
        file: PathBuf,
    },
}

/// Why the process can not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The password in the environment may not be set.
    #[error("`TAPLINE_ADMIN_PASSWORD` can not be used: {0}")]
    Password(#[from] PasswordProblem),
    /// The token could not be written.
    #[error("the first-start token can not be written to `{}`: {error}", file.display())]
    TokenFile {
        /// Where.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// What comes of showing a token.
#[derive(Debug)]
pub enum ClaimOutcome {
    /// The account exists and is signed in.
    Claimed(SessionCookie, Session),
    /// There is an account already, or another claim was faster.
    Closed,
    /// Not the token, or one that has run out.
    WrongToken,
    /// Too many tries; come back after this long.
    SlowDown(Duration),
}

#[derive(Serialize, Deserialize)]
struct StoredToken {
    version: u32,
    digest: Digest,
    until: Millis,
}

impl Admin {
    /// Prepares the first start, or applies `TAPLINE_ADMIN_PASSWORD`. Called once before the first request.
    pub async fn prepare(&self) -> Result<FirstStart, StartError> {
        let file = self.ground.data.join(TOKEN_FILE);
        if let Some(password) = self.ground.environment.admin_password() {
            let password = Password::parse(password.expose())?;
            self.apply_password(&password).await?;
        }
        if !self.has_no_account().await? {
            self.stored(|store| Ok(store.put(Table::Setup, KEY, None)?)).await?;
            remove(&file);
            return Ok(FirstStart::Done);
        }
        if self.stored(|store| Ok(store.lost())).await?.contains(&Table::Users) {
            self.stored(|store| Ok(store.put(Table::Setup, KEY, None)?)).await?;
            remove(&file);
            return Ok(FirstStart::Lost);
        }
        let token = random_text::<16>()?;
        let until = Millis(self.now().0.saturating_add(TOKEN_LIFE.as_millis() as i64));
        let stored = encode("setup token", &StoredToken { version: 1, digest: Digest::of(&token), until })?;
        write_private(&file, &token).map_err(|error| StartError::TokenFile { file: file.clone(), error })?;
        self.stored(move |store| Ok(store.put(Table::Setup, KEY, Some(&stored))?)).await?;
        Ok(FirstStart::Open { token, file })
    }

    /// Leaves the account alone when it has that password already, so that a restart does not end its sessions.
    async fn apply_password(&self, password: &Password) -> Result<(), AdminError> {
        let account = self.stored(|store| super::account::find(store, &UserName::admin())).await?;
        let hash = account.map(|account| account.password_hash);
        if !self.passwords.verify(password.expose(), hash).await? {
            self.set_password(UserName::admin(), password).await?;
        }
        Ok(())
    }

    /// Whether `/setup` exists. Once it does not, it never will again.
    pub async fn setup_is_open(&self) -> Result<bool, AdminError> {
        self.stored(is_open).await
    }

    /// Creates the first account for whoever shows the token.
    pub async fn claim(
        &self,
        token: &str,
        name: UserName,
        password: &Password,
        address: Option<IpAddr>,
    ) -> Result<ClaimOutcome, AdminError> {
        let now = self.now();
        if !self.setup_is_open().await? {
            return Ok(ClaimOutcome::Closed);
        }
        if let Err(wait) = self.throttle.take("/setup", address, now) {
            return Ok(ClaimOutcome::SlowDown(wait));
        }
        let shown = Digest::of(token.trim());
        let claimed = self
            .stored(move |store| {
                let Some(bytes) = store.get(Table::Setup, KEY)? else {
                    return Ok(None);
                };
                let stored: StoredToken = decode("setup token", &bytes)?;
                let right = stored.digest == shown && now < stored.until;
                Ok(Some((bytes, right)))
            })
            .await?;
        let expected = match claimed {
            None => return Ok(ClaimOutcome::Closed),
            Some((_, false)) => return Ok(ClaimOutcome::WrongToken),
            Some((expected, true)) => expected,
        };
        // Order matters: hashing can fail or be refused its turn, and must not cost the token.
        let password_hash = self.passwords.hash(password).await?;
        let account = super::account::new(name.clone(), password_hash, now);
        let won = self
            .stored(move |store| {
                if !store.swap(Table::Setup, KEY, Some(&expected), None)? {
                    return Ok(false);
                }
                // A crash between these two writes leaves no account and no token: the next start makes a new token.
                super::account::save(store, &account)?;
                Ok(true)
            })
            .await?;
        if !won {
            return Ok(ClaimOutcome::Closed);
        }
        remove(&self.ground.data.join(TOKEN_FILE));
        FirstAccountMade { user: &name, address }.tell();
        let (cookie, session) = self.begin_session(name).await?;
        Ok(ClaimOutcome::Claimed(cookie, session))
    }
}

fn is_open(store: &dyn Store) -> Result<bool, AdminError> {
    let is_empty = store.list(Table::Users)?.is_empty() && !store.lost().contains(&Table::Users);
    Ok(is_empty && store.get(Table::Setup, KEY)?.is_some())
}

fn remove(file: &Path) {
    if let Err(error) = std::fs::remove_file(file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        // The token in it is worthless by now, so this is worth a line and no more.
        FirstStartTokenStayed { file, error: Cause::of(&error) }.tell();
    }
}

fn write_private(file: &Path, token: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Made anew, so that neither another mode nor a link that was there before counts.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = options.open(file)?;
    writeln!(written, "{token}")?;
    written.sync_all()
}
