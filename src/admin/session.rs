//! Sessions: who is signed in, in which browser.
//!
//! The browser holds 256 random bits; the store holds their SHA-256 and nothing else that would open a session. A
//! session ends 30 minutes after it was last used and 12 hours after it began (ASVS 5.0, 7.3.1 and 7.3.2).

use super::{Admin, AdminError, Digest, UserName, decode, encode, random_text};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Unused for this long, a session is over.
pub const IDLE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// However much it is used, a session is over after this long.
pub const TOTAL_LIMIT: Duration = Duration::from_secs(12 * 60 * 60);
/// Noting every use would be a disk write per page; this much less of the idle time is the price.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The random value in the browser's cookie. Never shown, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCookie(String);

impl SessionCookie {
    /// Takes a cookie's value as it came; it proves nothing yet.
    pub fn from_request(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// The value to set.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie(…)")
    }
}

/// A session as stored in [`Table::Sessions`] under the SHA-256 of its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Version of this format.
    version: u32,
    /// Who is signed in.
    pub user: UserName,
    /// Since when.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub seen_at: Millis,
}

impl Session {
    /// Whether it still counts. A clock that went back does not revive one, and does not end one either.
    fn is_over(&self, now: Millis) -> bool {
        let since =
            |at: Millis| Duration::from_millis(u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0));
        since(self.seen_at) >= IDLE_LIMIT || since(self.created_at) >= TOTAL_LIMIT
    }
}

impl Admin {
    /// Starts a session and clears away those that are over.
    pub(super) async fn begin_session(&self, user: UserName) -> Result<(SessionCookie, Session), AdminError> {
        let now = self.now();
        let cookie = SessionCookie(random_text::<32>()?);
        let session = Session { version: 1, user, created_at: now, seen_at: now };
        let (digest, stored) = (cookie.digest(), session.clone());
        self.stored(move |store| {
            end_where(store, |session| session.is_over(now))?;
            Ok(store.put(Table::Sessions, digest.as_bytes(), Some(&encode("session", &stored)?))?)
        })
        .await?;
        Ok((cookie, session))
    }

    /// The session a cookie opens, if any, noting that it is in use.
    pub async fn session(&self, cookie: &SessionCookie) -> Result<Option<Session>, AdminError> {
        let now = self.now();
        let digest = cookie.digest();
        self.stored(move |store| {
            let Some(bytes) = store.get(Table::Sessions, digest.as_bytes())? else {
                return Ok(None);
            };
            let mut session: Session = decode("session", &bytes)?;
            if session.is_over(now) {
                store.put(Table::Sessions, digest.as_bytes(), None)?;
                return Ok(None);
            }
            if now.0.saturating_sub(session.seen_at.0) >= NOTED_EVERY.as_millis() as i64 {
                session.seen_at = now;
                // Swapped, not put: a session that was ended meanwhile must not come back.
                let noted = encode("session", &session)?;
                if !store.swap(Table::Sessions, digest.as_bytes(), Some(&bytes), Some(&noted))? {
                    return Ok(store.get(Table::Sessions, digest.as_bytes())?.map(|_| session));
                }
            }
            Ok(Some(session))
        })
        .await
    }

    /// Whether a cookie still opens a session. Deliberately without noting that it is in use: a page that is left open
    /// and only listens is not somebody who is there.
    pub async fn session_lasts(&self, cookie: &SessionCookie) -> Result<bool, AdminError> {
        let (now, digest) = (self.now(), cookie.digest());
        self.stored(move |store| {
            let Some(bytes) = store.get(Table::Sessions, digest.as_bytes())? else { return Ok(false) };
            Ok(!decode::<Session>("session", &bytes)?.is_over(now))
        })
        .await
    }

    /// Signs out. Ending what is no session is fine.
    pub async fn end_session(&self, cookie: &SessionCookie) -> Result<(), AdminError> {
        let digest = cookie.digest();
        self.stored(move |store| Ok(store.put(Table::Sessions, digest.as_bytes(), None)?)).await
    }
}

/// Ends every session of an account.
pub(super) fn end_all_of(store: &dyn Store, user: &UserName) -> Result<(), AdminError> {
    end_where(store, |session| session.user == *user)
}

fn end_where(store: &dyn Store, ends: impl Fn(&Session) -> bool) -> Result<(), AdminError> {
    let mut ended = Vec::new();
    for (key, bytes) in store.list(Table::Sessions)? {
        // One that can not be read opens nothing and only takes room.
        if decode::<Session>("session", &bytes).map_or(true, |session| ends(&session)) {
            ended.push((key, None));
        }
    }
    if !ended.is_empty() {
        store.put_all(Table::Sessions, &ended)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_half_an_hour_unused_or_twelve_hours_in_all() {
        let minute = 60_000;
        let session = |created: i64, seen: i64| Session {
            version: 1,
            user: UserName::admin(),
            created_at: Millis(created),
            seen_at: Millis(seen),
        };
        for (created, seen, now, over) in [
            (0, 0, 29 * minute, false),
            (0, 0, 30 * minute, true),
            (0, 719 * minute, 719 * minute + 1, false),
            (0, 719 * minute, 720 * minute, true),
            (5 * minute, 5 * minute, 0, false),
        ] {
            assert_eq!(session(created, seen).is_over(Millis(now)), over, "{created} {seen} {now}");
        }
    }
}
