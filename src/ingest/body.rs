//! Reading a request body: bounded in size before it is kept, and in time while it comes.
//!
//! The server bounds neither: a body that stalls, or trickles one byte a minute, would be waited for for ever.

use super::budget::Share;
use super::code::{Code, Complaint};
use super::limit::Limits;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long what is left of a refused body is read before the connection is closed instead.
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// Reads a whole body of at most `cap` bytes. `too_large` is the complaint about more.
pub(crate) async fn read<S>(
    body: &mut S,
    cap: usize,
    too_large: Code,
    limits: &Limits,
    share: &mut Share,
) -> Result<Vec<u8>, Complaint>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let start = Instant::now();
    let mut kept = Vec::new();
    loop {
        let chunk = match timeout_at(due(start, kept.len(), limits), body.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => return Ok(kept),
            Ok(Some(Err(_))) => {
                let message = "expected the whole body, found its end before the announced length";
                return Err(Complaint::new(Code::BodyIncomplete, message));
            }
            Err(_) => return Err(too_slow(limits)),
        };
        if kept.len() + chunk.len() > cap {
            return Err(oversize(too_large, cap));
        }
        share.grow(chunk.len())?;
        kept.extend_from_slice(&chunk);
    }
}

/// The complaint about a body of more than `cap` bytes.
pub(crate) fn oversize(code: Code, cap: usize) -> Complaint {
    Complaint::new(code, format!("expected a body of at most {cap} bytes, found more; send smaller ones"))
}

fn too_slow(limits: &Limits) -> Complaint {
    let message = format!(
        "expected the whole body within {} s and at least {} bytes of it a second",
        limits.body_deadline.as_secs_f32(),
        limits.body_rate
    );
    Complaint::new(Code::BodyTimeout, message)
}

/// When the next chunk must have come: the bytes so far pay for their time at the lowest rate, up to the deadline.
fn due(start: Instant, received: usize, limits: &Limits) -> Instant {
    let paid = Duration::from_secs_f64(received as f64 / f64::from(limits.body_rate.max(1)));
    start + (limits.body_grace.saturating_add(paid)).min(limits.body_deadline)
}

/// Reads and forgets what is left of a refused body, so that the connection can be used again.
/// Says whether the end was reached; if not, the connection must be closed.
pub(crate) async fn discard<S>(body: &mut S, limits: &Limits) -> bool
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let deadline = Instant::now() + DISCARD_TIME;
    let mut left = limits.batch_bytes;
    loop {
        match timeout_at(deadline, body.next()).await {
            Ok(None) => return true,
            Ok(Some(Ok(chunk))) if chunk.len() <= left => left -= chunk.len(),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::budget::Budget;
    use futures_util::stream;

    /// A body that brings `size` bytes every `every`, `count` times, and then ends or stalls.
    fn trickle(
        size: usize,
        every: Duration,
        count: usize,
        ends: bool,
    ) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        Box::pin(stream::unfold(0, move |n| async move {
            if n == count && ends {
                return None;
            }
            if n == count {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(every).await;
            Some((Ok(Bytes::from(vec![b' '; size])), n + 1))
        }))
    }

    async fn outcome(
        mut body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
        cap: usize,
    ) -> (Result<usize, Code>, Duration) {
        let start = Instant::now();
        let mut share = Budget::new(1 << 20).share();
        let read = read(&mut body, cap, Code::BatchTooLarge, &Limits::default(), &mut share).await;
        (read.map(|kept| kept.len()).map_err(|complaint| complaint.code), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_cap_is_taken_and_one_over_it_is_not() {
        let fast = Duration::from_millis(1);
        assert_eq!(outcome(trickle(100, fast, 10, true), 1000).await.0, Ok(1000));
        assert_eq!(outcome(trickle(100, fast, 10, true), 999).await.0, Err(Code::BatchTooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_is_cut_when_its_bytes_no_longer_pay_for_its_time() {
        let (read, after) = outcome(trickle(1024, Duration::from_millis(10), 2, false), 10_000).await;
        assert_eq!(read, Err(Code::BodyTimeout));
        assert_eq!(after.as_secs(), 5, "three seconds of grace and one for each KB");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_below_the_lowest_rate_is_cut_soon_after_the_grace() {
        let (read, after) = outcome(trickle(1, Duration::from_millis(100), 1000, true), 10_000).await;
        assert_eq!(read, Err(Code::BodyTimeout));
        assert!((3..4).contains(&after.as_secs()), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_keeps_the_rate_is_still_cut_at_the_deadline() {
        let (read, after) = outcome(trickle(2048, Duration::from_secs(1), 100, true), 1 << 20).await;
        assert_eq!(read, Err(Code::BodyTimeout));
        assert_eq!(after.as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_within_the_bounds_is_taken() {
        assert_eq!(outcome(trickle(2048, Duration::from_secs(1), 9, true), 1 << 20).await.0, Ok(9 * 2048));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_rest_is_discarded_and_a_long_or_stalled_one_is_not() {
        let fast = Duration::from_millis(1);
        let limits = Limits::default();
        assert!(discard(&mut trickle(1024, fast, 500, true), &limits).await);
        assert!(!discard(&mut trickle(1024, fast, 501, true), &limits).await);
        assert!(!discard(&mut trickle(1024, fast, 1, false), &limits).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_off_is_named() {
        let mut body = stream::iter([Ok(Bytes::from_static(b"{")), Err(PayloadError::Incomplete(None))]);
        let mut share = Budget::new(10).share();
        let refused =
            read(&mut body, 10, Code::BatchTooLarge, &Limits::default(), &mut share).await.unwrap_err();
        assert_eq!(refused.code, Code::BodyIncomplete);
    }
}
