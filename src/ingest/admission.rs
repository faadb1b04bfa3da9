//! Whether a request may come in: by the write key, or on Segment's webhook path by its signature.
//!
//! What can be said from the head alone is said before the body is read; the rest waits for the body.
//!
//! First thing to know: once a webhook secret is set, that path takes signed requests only. A single call then needs
//! nothing else. An array needs the write key too, because its signature covers the first call and nothing behind it.

use super::Endpoint;
use super::code::{Code, Complaint};
use super::key::{self, Proof};
use super::signature::{self, HEADER, Signature};
use crate::settings::{Secret, Settings};
use actix_web::http::header::HeaderMap;

/// What the head of a request shows, and what its body still has to.
pub(crate) struct Admission {
    means: Means,
    /// Stands for the sender where repetitions are recognised.
    source: Secret,
}

enum Means {
    /// By the write key.
    Key {
        expected: Secret,
        proof: Proof,
        /// Whether the request is signed, which nobody can check while no webhook secret is set.
        is_signed: bool,
    },
    /// By a signature; `key` is what the head says about the write key, should the body be an array.
    Signature { secret: Secret, shown: Signature, key: Result<Proof, Complaint> },
}

impl Admission {
    /// Looks at the head of a request to `endpoint`.
    pub(crate) fn read(
        endpoint: Endpoint,
        headers: &HeaderMap,
        settings: &Settings,
    ) -> Result<Self, Complaint> {
        let write_key = key::expected(settings.write_key.as_ref());
        let secret = settings.webhook_secret.as_ref().filter(|_| endpoint == Endpoint::Webhook);
        let Some(secret) = secret else {
            let is_signed = endpoint == Endpoint::Webhook && headers.contains_key(HEADER);
            let told = |complaint| if is_signed { unchecked(complaint) } else { complaint };
            let expected = write_key.map_err(told)?.clone();
            let proof = key::check_header(headers, &expected)?;
            return Ok(Self { source: expected.clone(), means: Means::Key { expected, proof, is_signed } });
        };
        let shown = Signature::shown_in(headers)?.ok_or_else(signature::missing)?;
        // The same source as for other senders, so that a call that comes both ways is one.
        let source = settings.write_key.as_ref().unwrap_or(secret).clone();
        let key = write_key.and_then(|expected| key::check_header(headers, expected));
        Ok(Self { source, means: Means::Signature { secret: secret.clone(), shown, key } })
    }

    /// What stands for the sender where repetitions are recognised.
    pub(crate) fn source(&self) -> &Secret {
        &self.source
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
            Means::Signature { secret, shown, .. } if shown.is_of(body, secret) => Ok(()),
            Means::Signature { .. } => Err(signature::wrong(false)),
        }
    }

    /// The same for an array of calls: its first call, and the write key for all others.
    pub(crate) fn check_signed_array(&self, text: &str) -> Result<(), Complaint> {
        let Means::Signature { secret, shown, key } = &self.means else { return Ok(()) };
        // An array without a first call has nothing that could be signed.
        let is_signed =
            signature::first_element(text).is_some_and(|first| shown.is_of(first.as_bytes(), secret));
        if !is_signed {
            return Err(signature::wrong(true));
        }
        match key {
            Ok(Proof::Given) => Ok(()),
            Ok(Proof::InBody) => Err(unkeyed(Code::MissingWriteKey, "found none")),
            Err(complaint) if complaint.code == Code::NoWriteKeySet => {
                let found = "and none is set here; set one on the Settings page or as `TAPLINE_WRITE_KEY`";
                Err(unkeyed(Code::NoWriteKeySet, found))
            }
            Err(complaint) => Err(complaint.clone()),
        }
    }

    /// Looks at the `writeKey` of a body, where the head shows none.
    pub(crate) fn check_key(&self, shown: Option<&str>) -> Result<(), Complaint> {
        match &self.means {
            Means::Key { expected, proof: Proof::InBody, is_signed } => key::check_body(shown, expected)
                .map_err(|complaint| if *is_signed { unchecked(complaint) } else { complaint }),
            Means::Key { .. } | Means::Signature { .. } => Ok(()),
        }
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
