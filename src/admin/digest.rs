//! Random text and its SHA-256: how sessions, first-start tokens and API tokens are made, kept and compared.
//!
//! Only the digest of a token is ever stored. Tokens are random and long, so a fast hash is enough; passwords are not, and
//! have `password.rs`.

use super::AdminError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use subtle::ConstantTimeEq;

/// A SHA-256.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `text`.
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// Hashes `bytes`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Hashes `text` for one purpose, so that the digest says nothing of the one made for another.
    pub fn for_purpose(purpose: &str, text: &str) -> Self {
        let mut hash = sha2::Sha256::new();
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        Self(hash.finalize().into())
    }

    /// Reads 32 stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes, as a table's key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// URL-safe base64, 43 characters.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The first 12 hexadecimal digits: a public name for what the digest belongs to.
    pub fn short(&self) -> String {
        self.0.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).ok_or("expected 32 bytes in base64")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_text()
    }
}

/// Takes the same time wherever the difference is.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

/// `N` random bytes as URL-safe base64.
pub fn random_text<const N: usize>() -> Result<String, AdminError> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|_| AdminError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_the_asked_length_and_never_repeats() {
        let one = random_text::<32>().unwrap();
        assert_eq!(one.len(), 43);
        assert_ne!(one, random_text::<32>().unwrap());
    }

    #[test]
    fn a_digest_for_one_purpose_is_not_the_digest_for_another() {
        assert_ne!(Digest::for_purpose("a", "text"), Digest::for_purpose("b", "text"));
        assert_ne!(Digest::for_purpose("a", "text"), Digest::of("text"));
        assert_eq!(Digest::of("text"), Digest::from_bytes(Digest::of("text").as_bytes()).unwrap());
    }
}
