//! `X-Signature`: what Segment's Webhooks destinations prove themselves with, and what exactly they sign.
//!
//! It is the HMAC-SHA1, in hex, of the shared secret and the JSON text as Segment wrote it. So it is compared with the
//! bytes as they came and never with JSON written anew: another program writes `1.50`, `\/` and `é` its own way.
//! Of an array (Webhooks (Actions) in batches) only the first call is signed, however many follow.
//!
//! Sources: <https://segment.com/docs/connections/destinations/catalog/webhooks/#authenticate-requests>, read 2026-11,
//! and `destinations/webhook/index.ts` of <https://github.com/segmentio/action-destinations>, read 2026-11.

use super::code::{Code, Complaint};
use crate::settings::Secret;
use actix_web::http::header::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha1::Sha1;

/// Where it stands.
pub(crate) const HEADER: &str = "X-Signature";

/// A signature as it was shown. Deliberately without `Debug`: whoever reads one could send its call again.
#[derive(Clone, Copy)]
pub(crate) struct Signature([u8; 20]);

impl Signature {
    /// Reads the header; none when there is none.
    pub(crate) fn shown_in(headers: &HeaderMap) -> Result<Option<Self>, Complaint> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        if let Some(signature) = Self::parse(value.as_bytes().trim_ascii()) {
            return Ok(Some(signature));
        }
        let message = format!(
            "expected `{HEADER}` to be an HMAC-SHA1 as 40 hexadecimal digits, found something else; \
             let Segment sign the call, or sign it in the same way"
        );
        Err(Complaint::new(Code::WrongSignature, message))
    }

    fn parse(hex: &[u8]) -> Option<Self> {
        let mut bytes = [0; 20];
        if hex.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            for digit in digits {
                let value = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(bytes))
    }

    /// Whether this is the signature of `signed`. Takes the same time wherever it differs.
    pub(crate) fn is_of(&self, signed: &[u8], secret: &Secret) -> bool {
        // Every length of key is taken, so there is always a code to compare with.
        let Ok(mut code) = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()) else { return false };
        code.update(signed);
        code.verify_slice(&self.0).is_ok()
    }
}

/// The complaint about a request without a signature.
pub(crate) fn missing() -> Complaint {
    let message = format!(
        "expected the header `{HEADER}`, because a webhook secret is set here, found none; \
         set the same secret as the shared secret of the Webhooks destination in Segment, or remove the one here"
    );
    Complaint::new(Code::MissingSignature, message)
}

/// The complaint about a signature of something else, or by another secret.
pub(crate) fn wrong(of_array: bool) -> Complaint {
    let signed = if of_array { "the array's first call" } else { "the body" };
    let message = format!(
        "expected `{HEADER}` to be the HMAC-SHA1 of {signed} as it came, made with a webhook secret that is set here, \
         found another; compare the secret with the shared secret in Segment, and let nothing in between rewrite \
         the body"
    );
    Complaint::new(Code::WrongSignature, message)
}

/// The text of an array's first element, without the white space around it; none where there is none to be read.
pub(crate) fn first_element(array: &str) -> Option<&str> {
    let inside = array.trim_start().strip_prefix('[')?;
    let first = serde_json::Deserializer::from_str(inside).into_iter::<&RawValue>().next()?.ok()?;
    Some(first.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn signatures_agree_with_published_ones() {
        for (secret, signed, hex) in [
            // RFC 2202, test case 2: <https://www.rfc-editor.org/rfc/rfc2202#section-3>.
            ("Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ("Jefe", "what do ya want for nothing?", "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79"),
            // Node: createHmac("sha1", "ключ").update('{"имя":"é"}').digest("hex").
            ("ключ", "{\"имя\":\"é\"}", "6bc4aa4d0c29576cfdaf1eeea4bb33934e0be052"),
        ] {
            let signature = Signature::parse(hex.as_bytes()).unwrap();
            let is_of = |signed: &str, secret: &str| {
                signature.is_of(signed.as_bytes(), &Secret::parse(secret).unwrap())
            };
            assert!(is_of(signed, secret), "{signed}");
            assert!(!is_of(&format!("{signed} "), secret), "{signed}");
            assert!(!is_of(signed, &format!("{secret}1")), "{signed}");
        }
    }

    #[test]
    fn what_is_no_signature_is_told_apart_from_none() {
        let shown = |value: Option<&[u8]>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                let name = HeaderName::from_static("x-signature");
                headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            }
            Signature::shown_in(&headers).map(|shown| shown.is_some()).map_err(|complaint| complaint.code)
        };
        assert_eq!(shown(None), Ok(false));
        assert_eq!(shown(Some(b" effcdf6ae5eb2fa2d27416d5f184df9c259a7c79 ")), Ok(true));
        for bad in [
            &b""[..],
            b"effcdf6ae5eb2fa2d27416d5f184df9c259a7c7",
            b"effcdf6ae5eb2fa2d27416d5f184df9c259a7c790",
            b"effcdf6ae5eb2fa2d27416d5f184df9c259a7c7g",
            b"sha1=effcdf6ae5eb2fa2d27416d5f184df9c259",
            b"\xC3\xA9fcdf6ae5eb2fa2d27416d5f184df9c259a7c7",
        ] {
            assert_eq!(shown(Some(bad)), Err(Code::WrongSignature), "{bad:?}");
        }
    }

    #[test]
    fn the_first_element_is_cut_out_as_it_stands() {
        for (array, first) in [
            (r#"[{"a":1}]"#, Some(r#"{"a":1}"#)),
            ("\n [ \t{ \"a\" : 1.50 }\r\n , {}]", Some("{ \"a\" : 1.50 }")),
            (r#"[{"a":"]},{\"","b":[1,[2]]},{"c":1}]"#, Some(r#"{"a":"]},{\"","b":[1,[2]]}"#)),
            ("[5,6]", Some("5")),
            ("[[1],2]", Some("[1]")),
            ("[]", None),
            ("[ ]", None),
            ("[", None),
            ("[{\"a\":1", None),
            ("[,{}]", None),
            ("{}", None),
            // What follows is for those to complain about who read all of it.
            ("[{} nonsense", Some("{}")),
        ] {
            assert_eq!(first_element(array), first, "{array}");
        }
    }
}
