//! The write key: how a sender shows it, and whether it is the right one.
//!
//! SDKs send it as the user of HTTP Basic, with or without the colon behind it, or as `writeKey` in the body; browsers'
//! beacons can only do the latter. A key in the header decides alone.

use super::code::{Code, Complaint};
use crate::settings::Secret;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use subtle::ConstantTimeEq;

/// Not every SDK pads.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether the sender has shown the right key yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// In the header, and it was right.
    Given,
    /// Not in the header, so it must be in the body.
    InBody,
}

/// The key that is to be shown; a complaint while none is set.
pub(crate) fn expected(key: Option<&Secret>) -> Result<&Secret, Complaint> {
    key.ok_or_else(|| {
        let message = "no write key is set, so every call is refused; \
                       set one on the console's Settings page or as `TAPLINE_WRITE_KEY`";
        Complaint::new(Code::NoWriteKeySet, message)
    })
}

/// Looks at the `Authorization` header.
pub(crate) fn check_header(headers: &HeaderMap, expected: &Secret) -> Result<Proof, Complaint> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Proof::InBody) };
    let shown = value.to_str().ok().and_then(basic_user);
    match shown {
        // Another scheme, as Segment's OAuth: its write key is in the body.
        None => Ok(Proof::InBody),
        Some(Ok(user)) if user.is_empty() => Ok(Proof::InBody),
        Some(Ok(user)) if is_same(&user, expected) => Ok(Proof::Given),
        Some(Ok(_)) => Err(wrong()),
        Some(Err(NotBase64)) => {
            let message = "expected `Authorization: Basic` and base64 of the write key and a colon, \
                           found something that is not base64";
            Err(Complaint::new(Code::WrongWriteKey, message))
        }
    }
}

/// Looks at the body's `writeKey`.
pub(crate) fn check_body(shown: Option<&str>, expected: &Secret) -> Result<(), Complaint> {
    match shown {
        Some(shown) if is_same(shown.as_bytes(), expected) => Ok(()),
        Some(_) => Err(wrong().at("/writeKey")),
        None => {
            let message =
                "expected the write key as the user of HTTP Basic or as `writeKey` in the body, found none";
            Err(Complaint::new(Code::MissingWriteKey, message))
        }
    }
}

struct NotBase64;

/// The user of HTTP Basic; none for another scheme.
fn basic_user(value: &str) -> Option<Result<Vec<u8>, NotBase64>> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let Ok(mut user) = BASE64.decode(credentials.trim()) else { return Some(Err(NotBase64)) };
    if let Some(colon) = user.iter().position(|&byte| byte == b':') {
        user.truncate(colon);
    }
    Some(Ok(user))
}

/// Takes the same time wherever the two differ.
fn is_same(shown: &[u8], expected: &Secret) -> bool {
    shown.trim_ascii().ct_eq(expected.expose().as_bytes()).into()
}

fn wrong() -> Complaint {
    let message =
        "expected the write key that is set here, found another; compare it with the console's Settings page";
    Complaint::new(Code::WrongWriteKey, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn proof(header: Option<&str>) -> Result<Proof, Code> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        }
        check_header(&headers, &Secret::parse("key_1").unwrap()).map_err(|complaint| complaint.code)
    }

    fn basic(user: &str) -> String {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
    }

    #[test]
    fn the_key_is_read_from_basic_with_and_without_colon_and_padding() {
        for right in ["key_1:", "key_1", "key_1:password"] {
            assert_eq!(proof(Some(&basic(right))), Ok(Proof::Given), "{right}");
            assert_eq!(proof(Some(basic(right).trim_end_matches('='))), Ok(Proof::Given), "{right}");
        }
        assert_eq!(proof(Some(&basic("key_1:").replace("Basic", "bAsIc"))), Ok(Proof::Given));
    }

    #[test]
    fn a_wrong_key_in_the_header_is_final() {
        for wrong in ["key_2:", "key_", "key_11:", "KEY_1:"] {
            assert_eq!(proof(Some(&basic(wrong))), Err(Code::WrongWriteKey), "{wrong}");
        }
        assert_eq!(proof(Some("Basic %%%")), Err(Code::WrongWriteKey));
    }

    #[test]
    fn without_a_key_in_the_header_the_body_decides() {
        for none in [None, Some("Bearer token"), Some(basic(":").as_str())] {
            assert_eq!(proof(none), Ok(Proof::InBody), "{none:?}");
        }
        let expected = Secret::parse("key_1").unwrap();
        assert!(check_body(Some("key_1"), &expected).is_ok());
        assert_eq!(check_body(Some("key_2"), &expected).unwrap_err().code, Code::WrongWriteKey);
        assert_eq!(check_body(None, &expected).unwrap_err().code, Code::MissingWriteKey);
    }
}
