//! Reading a request's body: its media type, its size and its time.

use super::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Payload};
use std::time::Duration;

/// A batch of 500 KB with candidate rules beside it fits several times.
pub(super) const LARGEST: usize = 2 * 1024 * 1024;
/// A body that takes longer is a stalled connection; actix itself never gives up on one.
const LONGEST: Duration = Duration::from_secs(15);

/// The whole body, if it says that it is JSON.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = header(CONTENT_TYPE);
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(Problem::MediaType(if kind.is_empty() { "nothing".to_owned() } else { kind.to_owned() }));
    }
    let encoding = header(CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(Problem::MediaType(format!("{kind}, encoded as {encoding}")));
    }
    let body = tokio::time::timeout(LONGEST, payload.to_bytes_limited(LARGEST)).await;
    let body = body.map_err(|_| Problem::Timeout)?.map_err(|_| Problem::TooLarge(LARGEST))?;
    body.map_err(|_| Problem::Timeout)
}
