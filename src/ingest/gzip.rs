//! Inflating a gzip body under a bound that is checked while it runs.
//!
//! The server's own decompression is left out of the build, because it inflates before any limit is asked.

use super::budget::Share;
use super::code::{Code, Complaint};
use flate2::read::MultiGzDecoder;
use std::io::Read;

/// How much is inflated between two looks at the bound.
const STEP: usize = 16 * 1024;

/// Inflates all members of `packed` to at most `cap` bytes.
pub(crate) fn inflate(packed: &[u8], cap: usize, share: &mut Share) -> Result<Vec<u8>, Complaint> {
    let mut reader = MultiGzDecoder::new(packed);
    let mut inflated = Vec::with_capacity(cap.min(packed.len().saturating_mul(4)));
    let mut step = vec![0; STEP];
    loop {
        let read = reader.read(&mut step).map_err(|_| {
            let message =
                "expected a body in gzip, as `Content-Encoding` says, found something else or only a part";
            Complaint::new(Code::InvalidGzip, message)
        })?;
        if read == 0 {
            return Ok(inflated);
        }
        if inflated.len() + read > cap {
            let message =
                format!("expected a body that inflates to at most {cap} bytes; send smaller batches");
            return Err(Complaint::new(Code::InflatedTooLarge, message));
        }
        share.grow(read)?;
        inflated.extend_from_slice(step.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::budget::Budget;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate_to(packed: &[u8], cap: usize) -> Result<Vec<u8>, Code> {
        inflate(packed, cap, &mut Budget::new(1 << 20).share()).map_err(|complaint| complaint.code)
    }

    #[test]
    fn a_body_is_inflated_up_to_the_cap_and_not_a_byte_further() {
        let packed = gzip(&[b'x'; 50_000]);
        assert_eq!(inflate_to(&packed, 50_000).unwrap().len(), 50_000);
        assert_eq!(inflate_to(&packed, 49_999), Err(Code::InflatedTooLarge));
    }

    #[test]
    fn members_behind_the_first_count_too() {
        let packed = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(inflate_to(&packed, 7).unwrap(), b"{\"a\":1}");
        assert_eq!(inflate_to(&packed, 6), Err(Code::InflatedTooLarge));
    }

    #[test]
    fn half_a_stream_and_no_stream_are_refused() {
        let packed = gzip(b"{}");
        for bad in [&packed[..packed.len() - 3], b"{}", b"", &[&packed[..], b"tail"].concat()] {
            assert_eq!(inflate_to(bad, 100), Err(Code::InvalidGzip), "{bad:?}");
        }
    }

    #[test]
    fn inflating_counts_against_the_budget() {
        let packed = gzip(&[b'x'; 50_000]);
        let refused = inflate(&packed, 60_000, &mut Budget::new(40_000).share()).unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
    }
}
