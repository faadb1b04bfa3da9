//! Listening to a stream of server-sent events, message by message.

use super::http::Request;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes to be told.
const PATIENCE: Duration = Duration::from_secs(30);

/// One message; one without data only says how far the log was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// `event`, `change`, `gap`, or nothing.
    pub(crate) kind: String,
    /// The `id`, where it has one.
    pub(crate) id: Option<String>,
    /// The data; null where there is none.
    pub(crate) data: Value,
}

impl Message {
    /// The id of the event that it is about.
    pub(crate) fn event(&self) -> &str {
        self.data["id"].as_str().unwrap_or_default()
    }
}

/// A stream that is listened to.
pub(crate) struct Listening {
    stream: TcpStream,
    unread: Vec<u8>,
    body: String,
    /// The last `id`, as a browser keeps it.
    pub(crate) last_id: Option<String>,
    /// The head of the answer.
    pub(crate) head: String,
}

impl Listening {
    /// Sends the request and reads the head of the answer.
    pub(crate) async fn open(address: SocketAddr, request: &Request) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a listening server");
        stream.write_all(&request.render()).await.expect("a working socket");
        let (unread, body, head) = Default::default();
        let mut listening = Self { stream, unread, body, last_id: None, head };
        loop {
            if let Some(at) = listening.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = listening.unread.drain(..at + 4).collect();
                listening.head = String::from_utf8(head).expect("a head in ASCII");
                return listening;
            }
            assert!(listening.fill().await, "expected an answer before the end");
        }
    }

    /// The next message; none when the stream ends.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.body.split_once("\n\n") {
                let message = parse(message);
                self.body = rest.to_owned();
                if let Some(id) = &message.id {
                    self.last_id = Some(id.clone());
                }
                if message.id.is_some() || !message.kind.is_empty() {
                    return Some(message);
                }
                continue;
            }
            match self.chunk() {
                Some(chunk) if chunk.is_empty() => return None,
                Some(chunk) => self.body.push_str(&String::from_utf8(chunk).expect("UTF-8")),
                None if self.fill().await => {}
                None => return None,
            }
        }
    }

    /// The next message of one of these kinds.
    pub(crate) async fn next_of(&mut self, kinds: &[&str]) -> Option<Message> {
        loop {
            let message = self.next().await?;
            if kinds.contains(&message.kind.as_str()) {
                return Some(message);
            }
        }
    }

    /// The ids of the next `count` events.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        while events.len() < count {
            let message = self.next_of(&["event"]).await.expect("an event before the end");
            events.push(message.event().to_owned());
        }
        events
    }

    // A piece of the body, once it is whole; an empty one at its end.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.unread.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&self.unread[..line]).expect("a chunk size");
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
        let end = line + 2 + size + 2;
        if self.unread.len() < end {
            return None;
        }
        let chunk = self.unread[line + 2..end - 2].to_vec();
        self.unread.drain(..end);
        Some(chunk)
    }

    async fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("something in time") {
            // A reset is an end, too.
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.unread.extend_from_slice(&chunk[..read]);
                true
            }
        }
    }
}

fn parse(text: &str) -> Message {
    let mut message = Message { kind: String::new(), id: None, data: Value::Null };
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("event", kind)) => message.kind = kind.to_owned(),
            Some(("id", id)) => message.id = Some(id.to_owned()),
            Some(("data", data)) => message.data = serde_json::from_str(data).expect("JSON"),
            _ => {}
        }
    }
    message
}
