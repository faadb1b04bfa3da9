//! Write keys and webhook secrets: made, listed, revoked, and put on the ring that ingest looks at.
//!
//! Several of each may be in force. One that takes over from another shares its source, so that a call sent by both is
//! known as one; both let senders in until the old one is revoked, which is how rotating loses nothing. A variable that is
//! set wins: then it alone counts, and what is made here rests.

use super::stored::{OldKey, Stored};
use super::{Environment, SavedBy};
use crate::admin::{Admin, AdminError, Author, Digest, UserName, decode, encode, random_text};
use crate::clock::Millis;
use crate::journal::{Store, Table};
use crate::settings::{Key, KeyKind, KeyRing, Secret};
use crate::telemetry::event::{SenderKeyMade, SenderKeyRevoked};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Each is compared with what a sender shows, so there are not to be many.
pub const MOST_KEYS: usize = 32;
/// The characters of a name that are kept.
const NAME: usize = 60;
/// The public name of what a variable sets.
const GIVEN: &str = "variable";

/// A key as stored in [`Table::Keys`] under its public name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    version: u32,
    kind: KeyKind,
    name: String,
    secret: Secret,
    /// Stands for the sender where repetitions are recognised; its own where it took over from none.
    source: Secret,
    created_by: Author,
    created_at: Millis,
    used_at: Option<Millis>,
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its public name, to revoke it by.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// The last characters, where it is long enough for them to give nothing away.
    pub ending: Option<String>,
    /// Who made it and when; none for what a variable sets.
    pub made: Option<SavedBy>,
    /// When it was last used, about to the minute.
    pub used_at: Option<Millis>,
    /// Whether it lets senders in: not while a variable sets another.
    pub in_force: bool,
}

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// The key itself, where senders have it already; else it is made.
    pub secret: Option<Secret>,
    /// The public name of the key that it takes over from.
    pub successor_of: Option<String>,
}

/// A key that was made. The secret is for its maker alone, once.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// Its public name.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The key.
    pub secret: Secret,
}

/// Why a key can not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// It could not be shown by a sender.
    #[error(
        "expected up to 256 letters, digits and signs without spaces; was something else copied along with it?"
    )]
    Unsendable,
    /// It is no line of text.
    #[error("expected up to 256 bytes on one line; was something else copied along with it?")]
    NotALine,
    /// It is there.
    #[error("this one is there already, as `{0}`")]
    AlreadyThere(String),
    /// There is no key to take over from.
    #[error("the key that it should take over from is not there any more")]
    NoPredecessor,
    /// There are as many as there may be.
    #[error("there are {MOST_KEYS} already; revoke one that is not used any more")]
    TooMany,
}

impl KeyProblem {
    /// The member of a request that it is about; none where it is about none.
    pub fn member(&self) -> Option<&'static str> {
        match self {
            Self::Unsendable | Self::NotALine | Self::AlreadyThere(_) => Some("key"),
            Self::NoPredecessor => Some("successor_of"),
            Self::TooMany => None,
        }
    }
}

impl StoredKey {
    fn list(store: &dyn Store) -> Result<Vec<(String, Self)>, AdminError> {
        let mut keys = Vec::new();
        for (id, bytes) in store.list(Table::Keys)? {
            let key: Self = decode("key", &bytes)?;
            keys.push((String::from_utf8_lossy(&id).into_owned(), key));
        }
        keys.sort_by(|(id, key), (other_id, other)| (key.created_at, id).cmp(&(other.created_at, other_id)));
        Ok(keys)
    }

    fn on_ring(id: String, key: Self) -> Key {
        Key::new(id, key.secret, Some(key.source))
    }
}

/// The keys in force, by what is stored and what variables set.
pub(super) fn ring(
    store: &dyn Store,
    environment: &Environment,
    before: &KeyRing,
) -> Result<KeyRing, AdminError> {
    let stored = StoredKey::list(store)?;
    let of = |kind: KeyKind| match environment.key(kind) {
        Some(given) => vec![Key::new(GIVEN, given.clone(), None)],
        None => {
            let fitting = stored.iter().filter(|(_, key)| key.kind == kind);
            fitting.map(|(id, key)| StoredKey::on_ring(id.clone(), key.clone())).collect()
        }
    };
    Ok(KeyRing::new(of(KeyKind::WriteKey), of(KeyKind::WebhookSecret), before))
}

/// Makes rows of the keys that an earlier version kept among the settings. Interrupted, it is made up for at the next
/// start: a row has the name of its key, and the settings keep the keys until all rows are there.
pub(super) fn adopt(store: &dyn Store) -> Result<(), AdminError> {
    let (stored, keys, bytes) = Stored::load_all(store)?;
    if keys.is_empty() {
        return Ok(());
    }
    for OldKey { kind, secret, saved } in keys {
        let made = saved.unwrap_or(SavedBy { user: Author::unknown(), at: Millis(0) });
        let key = StoredKey {
            version: 1,
            kind,
            name: format!("first {}", kind.label()),
            source: secret.clone(),
            created_by: made.user,
            created_at: made.at,
            used_at: None,
            secret,
        };
        store.put(Table::Keys, id_of(kind, &key.secret).as_bytes(), Some(&encode("key", &key)?))?;
    }
    stored.replace(store, bytes.as_deref())?;
    Ok(())
}

/// The same key has the same name, so that it is not made twice.
fn id_of(kind: KeyKind, secret: &Secret) -> String {
    Digest::for_purpose(kind.name(), secret.expose()).short()
}

fn check(kind: KeyKind, text: &str) -> Result<(), KeyProblem> {
    match kind {
        // It travels in HTTP headers.
        KeyKind::WriteKey if text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(KeyProblem::Unsendable)
        }
        // It is the key of a hash and travels nowhere, so all that Segment takes is taken.
        KeyKind::WebhookSecret if text.len() > 256 || text.chars().any(char::is_control) => {
            Err(KeyProblem::NotALine)
        }
        KeyKind::WriteKey | KeyKind::WebhookSecret => Ok(()),
    }
}

impl Admin {
    /// Every key of a kind, the newest first; before them what a variable sets.
    pub async fn keys(&self, kind: KeyKind) -> Result<Vec<KeyView>, AdminError> {
        let ring = self.ground.settings.keys();
        let used = |id: &str| {
            let key = ring.of(kind).iter().find(|key| key.id == id);
            key.and_then(|key| key.used().at()).map(Millis)
        };
        let given = self.ground.environment.key(kind).map(|secret| KeyView {
            id: GIVEN.to_owned(),
            name: kind.variable().to_owned(),
            ending: secret.ending().map(str::to_owned),
            made: None,
            used_at: used(GIVEN),
            in_force: true,
        });
        let in_force = given.is_none();
        let stored = self.stored(StoredKey::list).await?;
        let shown = stored.into_iter().rev().filter(|(_, key)| key.kind == kind).map(|(id, key)| KeyView {
            ending: key.secret.ending().map(str::to_owned),
            made: Some(SavedBy { user: key.created_by, at: key.created_at }),
            used_at: used(&id).max(key.used_at),
            name: key.name,
            in_force,
            id,
        });
        Ok(given.into_iter().chain(shown).collect())
    }

    /// Makes a key, or takes over one that senders have, and puts it in force.
    pub async fn create_key(
        &self,
        by: &Author,
        kind: KeyKind,
        new: NewKey,
    ) -> Result<Result<MadeKey, KeyProblem>, AdminError> {
        let secret = match new.secret {
            Some(secret) => match check(kind, secret.expose()) {
                Ok(()) => secret,
                Err(problem) => return Ok(Err(problem)),
            },
            None => Secret::parse(&random_text::<24>()?).ok_or(AdminError::NoRandomness)?,
        };
        let name: String = new.name.trim().chars().filter(|c| !c.is_control()).take(NAME).collect();
        let (id, by, now) = (id_of(kind, &secret), by.clone(), self.now());
        let (made, predecessor) = (MadeKey { id: id.clone(), name, secret }, new.successor_of);
        self.change_keys(move |store| {
            let keys: Vec<_> =
                StoredKey::list(store)?.into_iter().filter(|(_, key)| key.kind == kind).collect();
            if let Some((_, there)) = keys.iter().find(|(known, _)| *known == id) {
                return Ok(Err(KeyProblem::AlreadyThere(there.name.clone())));
            }
            if keys.len() >= MOST_KEYS {
                return Ok(Err(KeyProblem::TooMany));
            }
            let before = match &predecessor {
                None => None,
                Some(wanted) => match keys.iter().find(|(known, _)| known == wanted) {
                    Some((_, key)) => Some(key),
                    None => return Ok(Err(KeyProblem::NoPredecessor)),
                },
            };
            let inherited = before.map_or(kind.label(), |key| key.name.as_str());
            let name = if made.name.is_empty() { inherited.to_owned() } else { made.name.clone() };
            let made = MadeKey { name, ..made };
            let key = StoredKey {
                version: 1,
                kind,
                name: made.name.clone(),
                secret: made.secret.clone(),
                source: before.map_or_else(|| made.secret.clone(), |key| key.source.clone()),
                created_by: by.clone(),
                created_at: now,
                used_at: None,
            };
            store.put(Table::Keys, id.as_bytes(), Some(&encode("key", &key)?))?;
            SenderKeyMade { user: &by, kind: kind.name(), key: &id }.tell();
            Ok(Ok(made))
        })
        .await
    }

    /// Revokes a key by its public name; says whether there was one.
    pub async fn revoke_key(&self, by: &Author, kind: KeyKind, id: &str) -> Result<bool, AdminError> {
        let (id, by) = (id.to_owned(), by.clone());
        self.change_keys(move |store| {
            let Some(bytes) = store.get(Table::Keys, id.as_bytes())? else { return Ok(false) };
            if decode::<StoredKey>("key", &bytes)?.kind != kind {
                return Ok(false);
            }
            store.put(Table::Keys, id.as_bytes(), None)?;
            SenderKeyRevoked { user: &by, kind: kind.name(), key: &id }.tell();
            Ok(true)
        })
        .await
    }

    /// Keeps when keys were last used, for the next start. Whoever knows the time calls this now and then.
    pub async fn keep_key_uses(&self) -> Result<(), AdminError> {
        let ring = self.ground.settings.keys();
        self.change_keys(move |store| {
            for (id, mut key) in StoredKey::list(store)? {
                let on_ring = ring.of(key.kind).iter().find(|known| known.id == id);
                let used_at = on_ring.and_then(|known| known.used().at()).map(Millis);
                if used_at > key.used_at {
                    key.used_at = used_at;
                    store.put(Table::Keys, id.as_bytes(), Some(&encode("key", &key)?))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Makes a key for the next page of `user`, which may show it once.
    pub async fn create_key_for_page(
        &self,
        user: &UserName,
        kind: KeyKind,
        new: NewKey,
    ) -> Result<Result<String, KeyProblem>, AdminError> {
        match self.create_key(&user.into(), kind, new).await? {
            Ok(made) => {
                let parcel = BTreeMap::from([(kind.name().to_owned(), made.secret)]);
                self.hand_over(user, parcel).map(Ok)
            }
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// Whether a variable sets this kind of key.
    pub fn key_is_given(&self, kind: KeyKind) -> bool {
        self.ground.environment.key(kind).is_some()
    }

    /// Changes the stored keys and puts them in force, one change after the other.
    async fn change_keys<T: Send + 'static>(
        &self,
        change: impl FnOnce(&dyn Store) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let (live, environment) = (self.ground.settings.clone(), self.ground.environment.clone());
        let _in_order = self.saving.lock().await;
        self.stored(move |store| {
            let changed = change(store)?;
            live.replace_keys(ring(store, &environment, &live.keys())?);
            Ok(changed)
        })
        .await
    }
}
