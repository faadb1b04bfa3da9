//! Passwords: what is accepted, and how they are kept.
//!
//! argon2id with m = 19 MiB, t = 2, p = 1, the least the OWASP password storage cheat sheet (read 2026-11) asks for. No
//! composition rules, pasting welcome.

use super::AdminError;
use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier as _, Version};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// The fewest characters.
pub const SHORTEST: usize = 12;
/// The most characters; hashing longer ones would be work for an attacker to give away.
pub const LONGEST: usize = 128;
/// Fewer different characters than this is a pattern, not a password.
const FEWEST_DIFFERENT: usize = 5;
/// Each hash takes 19 MiB, so this bounds the memory that strangers can make the process use.
const HASHES_AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Long enough passwords that every guessing list holds.
const COMMON: [&str; 14] = [
    "administrator",
    "changeme1234",
    "iloveyou1234",
    "letmein12345",
    "password1234",
    "password12345",
    "passwordpassword",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdfghjkl",
    "taplinetapline",
    "unbelievable",
    "welcome12345",
    "1234567890ab",
];

/// A password that may be set. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a password may not be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Too few characters.
    #[error("a password needs at least {SHORTEST} characters, this one has {found}")]
    TooShort {
        /// How many it has.
        found: usize,
    },
    /// Too many characters.
    #[error("a password has at most {LONGEST} characters, this one has {found}")]
    TooLong {
        /// How many it has.
        found: usize,
    },
    /// On every guessing list, or hardly any different characters.
    #[error("this password is easy to guess; take several words or let a password manager make one")]
    Guessable,
}

impl Password {
    /// Checks a new password. Nothing is trimmed: spaces count.
    pub fn parse(text: &str) -> Result<Self, PasswordProblem> {
        let found = text.chars().count();
        if found < SHORTEST {
            return Err(PasswordProblem::TooShort { found });
        }
        if found > LONGEST {
            return Err(PasswordProblem::TooLong { found });
        }
        let mut different: Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < FEWEST_DIFFERENT || COMMON.contains(&text.to_lowercase().as_str()) {
            return Err(PasswordProblem::Guessable);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, to compare it with a stored hash.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Hashes and compares, a few at a time and off the threads that answer requests.
pub struct Passwords {
    turns: Arc<Semaphore>,
    decoy: OnceCell<String>,
}

impl Passwords {
    /// With nothing going on.
    pub fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(HASHES_AT_ONCE)), decoy: OnceCell::new() }
    }

    /// The text to store for `password`.
    pub async fn hash(&self, password: &Password) -> Result<String, AdminError> {
        let password = password.clone();
        self.in_turn(move || hash(password.0.as_bytes())).await?
    }

    /// Whether `candidate` is the password behind `stored`. Without a stored one it takes as long and says no.
    pub async fn verify(&self, candidate: &str, stored: Option<String>) -> Result<bool, AdminError> {
        if candidate.chars().count() > LONGEST {
            return Ok(false);
        }
        let decoy = self.decoy.get_or_try_init(|| self.in_turn_decoy()).await?.clone();
        let candidate = candidate.to_owned();
        self.in_turn(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or(decoy);
            argon2().verify_password(candidate.as_bytes(), stored.as_str()).is_ok() && known
        })
        .await
    }

    async fn in_turn_decoy(&self) -> Result<String, AdminError> {
        self.in_turn(|| hash(b"nobody has this password")).await?
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AdminError> {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| AdminError::Busy)?.map_err(|_| AdminError::Interrupted)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| AdminError::Interrupted)
    }
}

fn argon2() -> Argon2<'static> {
    // 19 MiB, 2 passes, 1 lane are the crate's defaults too; a test holds them.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn hash(password: &[u8]) -> Result<String, AdminError> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|_| AdminError::NoRandomness)?;
    let hash = argon2().hash_password_with_salt(password, &salt).map_err(|_| AdminError::NoRandomness)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_twelve_to_128_characters_that_are_not_a_pattern() {
        let long = "abcdefgh".repeat(17);
        for (text, expected) in [
            ("elevenchars", Err(PasswordProblem::TooShort { found: 11 })),
            ("größer als zwölf", Ok(())),
            (&long[..128], Ok(())),
            (&long[..129], Err(PasswordProblem::TooLong { found: 129 })),
            ("aaaaaaaaaaaaaaaa", Err(PasswordProblem::Guessable)),
            ("Password1234", Err(PasswordProblem::Guessable)),
            ("            x", Err(PasswordProblem::Guessable)),
        ] {
            assert_eq!(Password::parse(text).map(|_| ()), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let passwords = Passwords::new();
        let stored = passwords.hash(&Password::parse("a quiet long sentence").unwrap()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("a quiet long sentence", Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("another long sentence", Some(stored)).await.unwrap());
        assert!(!passwords.verify("nobody has this password", None).await.unwrap());
    }
}
