//! Whether a request may come in: by a write key, or on Segment's webhook path by its signature.
//!
//! What can be said from the head alone is said before the body is read; the rest waits for the body.
//!
//! First thing to know: once a webhook secret is set, that path takes signed requests only. A single call then needs
//! nothing else. An array needs the write key too, because its signature covers the first call and nothing behind it.

use super::Endpoint;
use super::code::{Code, Complaint};
use super::key::{self, Proof};
use super::signature::{self, HEADER, Signature};
use crate::clock::Millis;
use crate::settings::{Key, KeyKind, KeyRing, Secret};
use actix_web::http::header::HeaderMap;
use std::cell::Cell;
use std::sync::Arc;

/// What the head of a request shows, and what its body still has to.
pub(crate) struct Admission {
    ring: Arc<KeyRing>,
    means: Means,
    /// The write key that was shown, by its place, once one was.
    write_key: Cell<Option<usize>>,
    /// The secret it is signed with, by its place, once that was checked.
    secret: Cell<Option<usize>>,
}

enum Means {
    /// By a write key.
    Key {
        proof: Proof,
        /// Whether the request is signed, which nobody can check while no webhook secret is set.
        is_signed: bool,
    },
    /// By a signature; `key` is what the head says about the write key, should the body be an array.
    Signature { shown: Signature, key: Result<Proof, Complaint> },
}

impl Admission {
    /// Looks at the head of a request to `endpoint`.
    pub(crate) fn read(
        endpoint: Endpoint,
        headers: &HeaderMap,
        ring: Arc<KeyRing>,
    ) -> Result<Self, Complaint> {
        let is_signable = endpoint == Endpoint::Webhook;
        let means = if is_signable && !ring.of(KeyKind::WebhookSecret).is_empty() {
            let shown = Signature::shown_in(headers)?.ok_or_else(signature::missing)?;
            let key = key::check_there_is_one(&ring).and_then(|()| key::check_header(headers, &ring));
            Means::Signature { shown, key }
        } else {
            let is_signed = is_signable && headers.contains_key(HEADER);
            let told = |complaint| if is_signed { unchecked(complaint) } else { complaint };
            key::check_there_is_one(&ring).map_err(told)?;
            Means::Key { proof: key::check_header(headers, &ring)?, is_signed }
        };
        let proof = match &means {
            Means::Key { proof, .. } | Means::Signature { key: Ok(proof), .. } => Some(*proof),
            Means::Signature { key: Err(_), .. } => None,
        };
        let given = match proof {
            Some(Proof::Given(place)) => Some(place),
            Some(Proof::InBody) | None => None,
        };
        Ok(Self { ring, means, write_key: Cell::new(given), secret: Cell::default() })
    }

    /// What stands for the sender where repetitions are recognised. Who signs and shows no write key counts as the first
    /// of those who show one, so that a call that comes both ways is one.
    pub(crate) fn source(&self) -> Option<&Secret> {
        let (keys, secrets) = (self.ring.of(KeyKind::WriteKey), self.ring.of(KeyKind::WebhookSecret));
        let shown = self.write_key.get().and_then(|place| keys.get(place));
        shown.or(keys.first()).or(secrets.first()).map(|key| &key.source)
    }

    /// Notes that the keys were used, which let the request in.
    pub(crate) fn note_use(&self, now: Millis) {
        let used =
            |kind: KeyKind, place: Option<usize>| place.and_then(|place| self.ring.of(kind).get(place));
        let keys =
            [used(KeyKind::WriteKey, self.write_key.get()), used(KeyKind::WebhookSecret, self.secret.get())];
        keys.into_iter().flatten().map(Key::used).for_each(|used| used.note(now.0));
    }

    /// Whether persons may be deleted: only by who signs. A write key is shown by pages to anybody, and a deletion can not
    /// be undone.
    pub(crate) fn may_delete(&self) -> bool {
        matches!(self.means, Means::Signature { .. })
    }

    /// Looks at the body of a webhook before anything else does: all of it, which is one call.
    pub(crate) fn check_signed_call(&self, body: &[u8]) -> Result<(), Complaint> {
        match &self.means {
            Means::Key { .. } => Ok(()),
            Means::Signature { shown, .. } if self.is_signature_of(shown, body) => Ok(()),
            Means::Signature { .. } => Err(signature::wrong(false)),
        }
    }

    /// The same for an array of calls: its first call, and the write key for all others.
    pub(crate) fn check_signed_array(&self, text: &str) -> Result<(), Complaint> {
        let Means::Signature { shown, key } = &self.means else { return Ok(()) };
        // An array without a first call has nothing that could be signed.
        let is_signed =
            signature::first_element(text).is_some_and(|first| self.is_signature_of(shown, first.as_bytes()));
        if !is_signed {
            return Err(signature::wrong(true));
        }
        match key {
            Ok(Proof::Given(_)) => Ok(()),
            Ok(Proof::InBody) => Err(unkeyed(Code::MissingWriteKey, "found none")),
            Err(complaint) if complaint.code == Code::NoWriteKeySet => {
                let found =
                    "and there is none here; make one on the Settings page or set `TAPLINE_WRITE_KEY`";
                Err(unkeyed(Code::NoWriteKeySet, found))
            }
            Err(complaint) => Err(complaint.clone()),
        }
    }

    /// Looks at the `writeKey` of a body, where the head shows none.
    pub(crate) fn check_key(&self, shown: Option<&str>) -> Result<(), Complaint> {
        match &self.means {
            Means::Key { proof: Proof::InBody, is_signed } => {
                let place = key::check_body(shown, &self.ring)
                    .map_err(|complaint| if *is_signed { unchecked(complaint) } else { complaint })?;
                self.write_key.set(Some(place));
                Ok(())
            }
            Means::Key { .. } | Means::Signature { .. } => Ok(()),
        }
    }

    /// Whether it was made with any of the secrets in force.
    fn is_signature_of(&self, shown: &Signature, signed: &[u8]) -> bool {
        let secrets = self.ring.of(KeyKind::WebhookSecret);
        self.secret.set(secrets.iter().position(|key| shown.is_of(signed, &key.secret)));
        self.secret.get().is_some()
    }
}

/// The complaint about an array that is signed, and nothing more.
fn unkeyed(code: Code, found: &str) -> Complaint {
    let message = format!(
        "expected the write key beside `{HEADER}`, which covers an array's first call only, {found}; add the header \
         `Authorization: Basic` with base64 of the write key and a colon to the destination in Segment, or turn its \
         batching off"
    );
    Complaint::new(code, message)
}

/// The same complaint to a sender who signs in vain.
fn unchecked(mut complaint: Complaint) -> Complaint {
    complaint.message.push_str(
        "; `X-Signature` can not be checked while no webhook secret is set on the Settings page or as \
         `TAPLINE_WEBHOOK_SECRET`",
    );
    complaint
}
