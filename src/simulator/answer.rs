//! Answers in CleverTap's own form: spaces around colons and commas, `application/json;charset=utf-8`.

use actix_web::body::{SizedStream, to_bytes};
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Value, json};
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// A JSON answer.
pub(super) fn json(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::build(status_code(status)).content_type("application/json;charset=utf-8").body(render(body))
}

/// `{ "status" : "fail" , "error" : … , "code" : …}`, as CleverTap answers what concerns a whole request.
pub(super) fn error(status: u16, words: &str) -> HttpResponse {
    json(status, &failure(status, words))
}

/// Its body.
pub(super) fn failure(status: u16, words: &str) -> Value {
    json!({"status": "fail", "error": words, "code": status})
}

/// The documented answer to a body that is not what the page asks for.
pub(super) fn malformed() -> HttpResponse {
    error(400, "Malformed request")
}

/// Anything that is not there.
pub(super) async fn not_found() -> HttpResponse {
    error(404, "Not Found")
}

/// A page as a proxy in between would answer.
pub(super) fn html(status: u16) -> HttpResponse {
    let page = "<!DOCTYPE html><html><body><h1>Please come back later</h1></body></html>";
    HttpResponse::build(status_code(status)).content_type("text/html").body(page)
}

/// How much a peer answers that wants to fill our memory.
const FLOOD: usize = 10 << 20;

/// 200 with blanks, which are no JSON but could become some.
pub(super) fn blanks() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json;charset=utf-8").body(vec![b' '; FLOOD])
}

/// The same, packed, to a caller who never said that it can unpack.
pub(super) fn packed_blanks() -> HttpResponse {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory can not fail.
    let _ = io::Write::write_all(&mut packer, &vec![b' '; FLOOD]);
    let body = packer.finish().unwrap_or_default();
    HttpResponse::Ok()
        .content_type("application/json;charset=utf-8")
        .insert_header(("Content-Encoding", "gzip"))
        .body(body)
}

/// A blank at a time, for as long as somebody listens.
pub(super) fn trickle() -> HttpResponse {
    let blanks = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(b" ")), ()))
    });
    HttpResponse::Ok().content_type("application/json;charset=utf-8").streaming(blanks)
}

/// Another address to go to.
pub(super) fn redirect(to: &str) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header(("Location", to)).finish()
}

/// The first half of an answer, under the length of the whole.
pub(super) async fn torn(answer: HttpResponse) -> HttpResponse {
    let status = answer.status();
    let Ok(body) = to_bytes(answer.into_body()).await else { return HttpResponse::new(status) };
    let half = body.slice(..body.len() / 2);
    let pieces = futures_util::stream::iter([Ok(half), Err(io::Error::other("torn"))]);
    HttpResponse::build(status)
        .content_type("application/json;charset=utf-8")
        .body(SizedStream::new(body.len() as u64, pieces))
}

/// The words CleverTap documents for a status, or the standard ones.
pub(super) fn words(status: u16) -> &'static str {
    match status {
        400 => "Malformed request",
        401 => "Account ID is not valid",
        429 => "Too many concurrent requests",
        503 => "Service Unavailable. Please retry later.",
        other => status_code(other).canonical_reason().unwrap_or("error"),
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// JSON as CleverTap writes it.
pub(super) fn render(body: &Value) -> String {
    let mut bytes = Vec::new();
    // Writing to memory can not fail, and serde_json writes only UTF-8.
    let _ = body.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced));
    String::from_utf8(bytes).unwrap_or_default()
}

/// `{ "a" : 1 , "b" : [ 2 , 3]}`: how CleverTap writes JSON.
struct Spaced;

impl Formatter for Spaced {
    fn begin_object<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b"{ ")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b" , ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b" : ")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b"[ ")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b" , ") }
    }
}

/// A second handle on a connection's socket, to cut it.
#[derive(Debug, Clone)]
pub(super) struct Connection(Arc<std::net::TcpStream>);

impl Connection {
    /// A handle on this connection; none where the system has no second handles.
    #[cfg(unix)]
    pub(super) fn of(stream: &TcpStream) -> Option<Self> {
        use std::os::fd::AsFd;
        let second = stream.as_fd().try_clone_to_owned().ok()?;
        Some(Self(Arc::new(second.into())))
    }

    /// A handle on this connection; none where the system has no second handles.
    #[cfg(not(unix))]
    pub(super) fn of(_stream: &TcpStream) -> Option<Self> {
        None
    }

    /// Cuts the connection of `request` at once: whoever waits for an answer gets none.
    pub(super) fn cut(request: &HttpRequest) {
        if let Some(connection) = request.conn_data::<Self>() {
            // It may be gone already, which is as good.
            let _ = connection.0.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_in_the_recordings() {
        let body = json!({"status": "success", "processed": 1, "unprocessed": [], "x": [{"a": 1}, 2]});
        let expected =
            r#"{ "status" : "success" , "processed" : 1 , "unprocessed" : [ ] , "x" : [ { "a" : 1} , 2]}"#;
        assert_eq!(render(&body), expected);
    }
}
