//! A tail as server-sent events (WHATWG HTML, "Server-sent events", read 2026-11-23), for the console and the API alike.
//!
//! Four kinds of message, each with JSON:
//! - `event`: an event that the filter lets through. Its `id` is how far the log has been told.
//! - `change`: an event that was told has its end now, and whether the filter still lets it through (`matches`).
//! - `gap`: of the places `from` to `to` nothing more is told; a list has them.
//! - none, but an `id`: how far the log was looked at; every 15 seconds at least, so that both sides see a broken line.
//!
//! Whoever shows the last `id` again, in the header `Last-Event-ID` or as the parameter `at`, gets every later event once,
//! also after a restart. What an end leads to carries no `id`: changes, and events that a filter by state or code lets
//! through only with their end. Such a message that was told before the line broke may be told again, and says the same.
//!
//! Deliberately without a queue: the next piece is read from the log when the connection takes it, so a slow reader keeps
//! nothing in memory but the piece it is reading.

use crate::admin::event::Row;
use crate::admin::tail::{BEAT, Piece, Tail, Told};
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::convert::Infallible;
use std::fmt::Write;
use std::time::Instant;

/// The media type.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// The header with which a client says how far it got.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Told first: where the line breaks, a browser tries again after a second.
const GREETING: &str = "retry: 1000\n\n";

/// What an event is shown as: one line of JSON. `matches` is there for changes.
pub type Show = Box<dyn Fn(Row, Option<bool>) -> String>;

/// Whether whoever listens still may: asked every [`BEAT`], because a session ends and a token is revoked.
pub type MayListen = Box<dyn Fn() -> LocalBoxFuture<'static, bool>>;

#[derive(Serialize)]
struct GapDoc {
    from: String,
    to: String,
}

struct Listener {
    tail: Tail,
    show: Show,
    may_listen: MayListen,
    asked: Instant,
    is_greeted: bool,
}

/// The body of an answer that lasts until the process stops, the client goes or may not listen any more.
pub fn body(tail: Tail, show: Show, may_listen: MayListen) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let listener = Listener { tail, show, may_listen, asked: Instant::now(), is_greeted: false };
    stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok(bytes), listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.is_greeted, true) {
            return Some(Bytes::from_static(GREETING.as_bytes()));
        }
        if self.asked.elapsed() >= BEAT {
            if !(self.may_listen)().await {
                return None;
            }
            self.asked = Instant::now();
        }
        match self.tail.next().await {
            Ok(piece) => piece.map(|piece| render(piece, &self.show)),
            Err(error) => {
                RequestFailed { what: Unanswered::Stream, route: None, error: Cause::of(&error) }.tell();
                None
            }
        }
    }
}

fn render(piece: Piece, show: &Show) -> Bytes {
    let mut text = String::new();
    for told in piece.told {
        let (kind, mark, data) = match told {
            Told::Event { row, mark } => ("event", mark, show(row, None)),
            Told::Change { row, matches } => ("change", None, show(row, Some(matches))),
            Told::Gap { from, to } => {
                let gap = GapDoc { from: from.to_string(), to: to.to_string() };
                ("gap", None, serde_json::to_string(&gap).unwrap_or_default())
            }
        };
        if let Some(mark) = mark {
            // Writing to text can not fail.
            let _ = writeln!(text, "id: {mark}");
        }
        let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
    }
    // Without data it is no message, and browsers take the id all the same.
    let _ = write!(text, "id: {}\n\n", piece.mark);
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::event::{Stage, Summary};
    use crate::admin::tail::Mark;
    use crate::clock::Millis;
    use crate::journal::Seq;

    #[test]
    fn a_piece_ends_with_how_far_it_is_and_only_what_is_in_order_has_an_id() {
        let row = |place| Row {
            seq: Seq(place),
            received_at: Millis(0),
            is_erased: false,
            stage: Stage::Pending,
            summary: Summary::of(b"{}"),
            code: None,
        };
        let show: Show = Box::new(|row, matches| format!("[{},{matches:?}]", row.seq.0));
        let told = vec![
            Told::Change { row: row(3), matches: false },
            Told::Gap { from: Seq(1), to: Seq(2) },
            Told::Event { row: row(7), mark: Mark::parse("ev_8~ev_7") },
        ];
        let piece = Piece { told, mark: Mark::parse("ev_9~ev_7").unwrap() };
        let expected = "event: change\ndata: [3,Some(false)]\n\n\
            event: gap\ndata: {\"from\":\"ev_1\",\"to\":\"ev_2\"}\n\n\
            id: ev_8~ev_7\nevent: event\ndata: [7,None]\n\nid: ev_9~ev_7\n\n";
        assert_eq!(render(piece, &show), expected);
    }
}
