//! The write key: how a sender shows it, and whether it is one of those in force.
//!
//! SDKs send it as the user of HTTP Basic, with or without the colon behind it, or as `writeKey` in the body; browsers'
//! beacons can only do the latter. A key in the header decides alone. Looking one up allocates nothing.

use super::code::{Code, Complaint};
use crate::settings::{KeyKind, KeyRing};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use base64::{DecodeSliceError, Engine};

/// Not every SDK pads.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest `user:password` that is looked at. A write key has up to 256 bytes, and SDKs send no password.
const LONGEST: usize = 1024;

/// Whether the sender has shown a right key yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// In the header, and it was right; holds its place on the ring.
    Given(usize),
    /// Not in the header, so it must be in the body.
    InBody,
}

/// A complaint while there is no key that could be shown.
pub(crate) fn check_there_is_one(ring: &KeyRing) -> Result<(), Complaint> {
    if !ring.of(KeyKind::WriteKey).is_empty() {
        return Ok(());
    }
    let message = "no write key is set, so every call is refused; \
                   make one on the console's Settings page or set `TAPLINE_WRITE_KEY`";
    Err(Complaint::new(Code::NoWriteKeySet, message))
}

/// Looks at the `Authorization` header.
pub(crate) fn check_header(headers: &HeaderMap, ring: &KeyRing) -> Result<Proof, Complaint> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Proof::InBody) };
    let mut room = [0; LONGEST];
    let shown = value.to_str().ok().and_then(|value| basic_user(value, &mut room));
    match shown {
        // Another scheme, as Segment's OAuth: its write key is in the body.
        None => Ok(Proof::InBody),
        Some(Ok([])) => Ok(Proof::InBody),
        Some(Ok(user)) => ring.find(user).map(Proof::Given).ok_or_else(wrong),
        Some(Err(Unread::TooLong)) => Err(wrong()),
        Some(Err(Unread::NotBase64)) => {
            let message = "expected `Authorization: Basic` and base64 of the write key and a colon, \
                           found something that is not base64";
            Err(Complaint::new(Code::WrongWriteKey, message))
        }
    }
}

/// Looks at the body's `writeKey`; gives its place on the ring.
pub(crate) fn check_body(shown: Option<&str>, ring: &KeyRing) -> Result<usize, Complaint> {
    match shown {
        Some(shown) => ring.find(shown.as_bytes()).ok_or_else(|| wrong().at("/writeKey")),
        None => {
            let message =
                "expected the write key as the user of HTTP Basic or as `writeKey` in the body, found none";
            Err(Complaint::new(Code::MissingWriteKey, message))
        }
    }
}

enum Unread {
    NotBase64,
    TooLong,
}

/// The user of HTTP Basic, decoded into `room`; none for another scheme.
fn basic_user<'a>(value: &str, room: &'a mut [u8; LONGEST]) -> Option<Result<&'a [u8], Unread>> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let length = match BASE64.decode_slice(credentials.trim(), room) {
        Ok(length) => length,
        Err(DecodeSliceError::OutputSliceTooSmall) => return Some(Err(Unread::TooLong)),
        Err(DecodeSliceError::DecodeError(_)) => return Some(Err(Unread::NotBase64)),
    };
    let decoded = room.get(..length)?;
    Some(Ok(decoded.split(|&byte| byte == b':').next().unwrap_or_default()))
}

fn wrong() -> Complaint {
    let message = "expected a write key that is in force here, found another; compare it with the console's Settings page";
    Complaint::new(Code::WrongWriteKey, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Key, Secret};
    use actix_web::http::header::HeaderValue;

    fn ring(texts: &[&str]) -> KeyRing {
        let key = |text: &&str| Key::new(*text, Secret::parse(text).unwrap(), None);
        KeyRing::new(texts.iter().map(key).collect(), vec![], &KeyRing::default())
    }

    fn proof(header: Option<&str>) -> Result<Proof, Code> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        }
        check_header(&headers, &ring(&["key_0", "key_1"])).map_err(|complaint| complaint.code)
    }

    fn basic(user: &str) -> String {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
    }

    #[test]
    fn the_key_is_read_from_basic_with_and_without_colon_and_padding() {
        for right in ["key_1:", "key_1", "key_1:password"] {
            assert_eq!(proof(Some(&basic(right))), Ok(Proof::Given(1)), "{right}");
            assert_eq!(proof(Some(basic(right).trim_end_matches('='))), Ok(Proof::Given(1)), "{right}");
        }
        assert_eq!(proof(Some(&basic("key_1:").replace("Basic", "bAsIc"))), Ok(Proof::Given(1)));
    }

    #[test]
    fn a_wrong_key_in_the_header_is_final() {
        for wrong in ["key_2:", "key_", "key_11:", "KEY_1:"] {
            assert_eq!(proof(Some(&basic(wrong))), Err(Code::WrongWriteKey), "{wrong}");
        }
        assert_eq!(proof(Some("Basic %%%")), Err(Code::WrongWriteKey));
        for length in [255, 1023, 1024, 1025, 8000] {
            assert_eq!(proof(Some(&basic(&"k".repeat(length)))), Err(Code::WrongWriteKey), "{length}");
        }
    }

    #[test]
    fn without_a_key_in_the_header_the_body_decides() {
        for none in [None, Some("Bearer token"), Some(basic(":").as_str())] {
            assert_eq!(proof(none), Ok(Proof::InBody), "{none:?}");
        }
        let expected = ring(&["key_0", "key_1"]);
        assert_eq!(check_body(Some(" key_1"), &expected).ok(), Some(1));
        assert_eq!(check_body(Some("key_2"), &expected).unwrap_err().code, Code::WrongWriteKey);
        assert_eq!(check_body(None, &expected).unwrap_err().code, Code::MissingWriteKey);
    }
}
