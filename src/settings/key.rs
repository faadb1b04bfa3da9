//! The keys by which senders are let in: write keys, and the secrets that webhooks are signed with.
//!
//! Several of each may be in force, so that one can take over from another without a call being lost. Deliberately no
//! storage: `admin` keeps keys and makes the ring anew whenever one is made or revoked.
//!
//! First thing to know: looking a key up allocates nothing, and takes the same time whichever key it is and wherever what
//! is shown differs.

use super::Secret;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use subtle::ConstantTimeEq;

/// Noting every use would write to memory that all threads read.
const NOTED_EVERY_MILLIS: i64 = 60_000;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Shown by senders with every call.
    WriteKey,
    /// Signs what Segment's webhooks post.
    WebhookSecret,
}

impl KeyKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::WriteKey, Self::WebhookSecret];

    /// The name in addresses and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteKey => "write-key",
            Self::WebhookSecret => "webhook-secret",
        }
    }

    /// The name people read, in lower case.
    pub fn label(self) -> &'static str {
        match self {
            Self::WriteKey => "write key",
            Self::WebhookSecret => "webhook secret",
        }
    }

    /// The variable that sets one.
    pub fn variable(self) -> &'static str {
        match self {
            Self::WriteKey => "TAPLINE_WRITE_KEY",
            Self::WebhookSecret => "TAPLINE_WEBHOOK_SECRET",
        }
    }
}

/// A key in force.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its public name.
    pub id: String,
    /// The key itself.
    pub secret: Secret,
    /// Stands for the sender where repetitions are recognised. A key that takes over from another has the other's, so that
    /// a call that was sent by both is one.
    pub source: Secret,
    used: Used,
}

/// When a key was last used, shared by all editions of the ring.
#[derive(Clone, Default)]
pub struct Used(Arc<AtomicI64>);

impl Used {
    /// In milliseconds since 1970, about to the minute; none when not since the start.
    pub fn at(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Notes a use at `now`, in milliseconds since 1970.
    pub fn note(&self, now: i64) {
        if now.saturating_sub(self.0.load(Ordering::Relaxed)) >= NOTED_EVERY_MILLIS {
            self.0.store(now, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.at())
    }
}

impl Key {
    /// A key whose repetitions are told apart from those of `source`, which is itself where it took over from none.
    pub fn new(id: impl Into<String>, secret: Secret, source: Option<Secret>) -> Self {
        let source = source.unwrap_or_else(|| secret.clone());
        Self { id: id.into(), secret, source, used: Used::default() }
    }

    /// When it was last used.
    pub fn used(&self) -> &Used {
        &self.used
    }
}

/// The keys in force, each kind with the oldest first.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    write_keys: Vec<Key>,
    webhook_secrets: Vec<Key>,
}

impl KeyRing {
    /// A ring of these. A key that was on `before` goes on with what is known of its use.
    pub fn new(mut write_keys: Vec<Key>, mut webhook_secrets: Vec<Key>, before: &Self) -> Self {
        for (keys, known) in
            [(&mut write_keys, &before.write_keys), (&mut webhook_secrets, &before.webhook_secrets)]
        {
            for key in keys {
                if let Some(known) = known.iter().find(|known| known.id == key.id) {
                    key.used = known.used.clone();
                }
            }
        }
        Self { write_keys, webhook_secrets }
    }

    /// Those of one kind.
    pub fn of(&self, kind: KeyKind) -> &[Key] {
        match kind {
            KeyKind::WriteKey => &self.write_keys,
            KeyKind::WebhookSecret => &self.webhook_secrets,
        }
    }

    /// The write key that is shown, by its place.
    pub fn find(&self, shown: &[u8]) -> Option<usize> {
        let shown = shown.trim_ascii();
        let mut found = None;
        for (place, key) in self.write_keys.iter().enumerate() {
            // Every key is compared, so that the time tells nothing of which one it is.
            if shown.ct_eq(key.secret.expose().as_bytes()).into() {
                found = Some(place);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, text: &str) -> Key {
        Key::new(id, Secret::parse(text).unwrap(), None)
    }

    #[test]
    fn every_key_in_force_is_found_and_no_part_of_one() {
        let ring = KeyRing::new(vec![key("a", "key_1"), key("b", "key_2")], vec![], &KeyRing::default());
        for (shown, found) in [
            ("key_1", Some(0)),
            (" key_2 ", Some(1)),
            ("key_", None),
            ("key_11", None),
            ("KEY_1", None),
            ("", None),
        ] {
            assert_eq!(ring.find(shown.as_bytes()), found, "{shown}");
        }
        assert_eq!(KeyRing::default().find(b""), None);
    }

    #[test]
    fn a_use_is_noted_to_the_minute_and_known_to_the_next_ring() {
        let ring = KeyRing::new(vec![key("a", "key_1")], vec![], &KeyRing::default());
        let used = |ring: &KeyRing| ring.of(KeyKind::WriteKey)[0].used().at();
        assert_eq!(used(&ring), None);
        ring.of(KeyKind::WriteKey)[0].used().note(100_000);
        ring.of(KeyKind::WriteKey)[0].used().note(159_999);
        assert_eq!(used(&ring), Some(100_000));
        let next = KeyRing::new(vec![key("b", "key_2"), key("a", "key_1")], vec![], &ring);
        assert_eq!(next.of(KeyKind::WriteKey)[1].used().at(), Some(100_000));
        ring.of(KeyKind::WriteKey)[0].used().note(160_000);
        assert_eq!(next.of(KeyKind::WriteKey)[1].used().at(), Some(160_000), "both are the same key");
    }
}
