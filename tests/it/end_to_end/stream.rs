//! The stream of events across kill -9: no gap, nothing twice.

use super::call::batch;
use crate::support::http::Request;
use crate::support::stand::{API_TOKEN, Stand, send};
use crate::support::tail::Listening;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

const KILLS: usize = 4;
const BATCH: usize = 20;
const BATCHES: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_goes_on_after_kills_misses_no_event_and_repeats_none() {
    let stand = Stand::start(&["--fault", "slow:ms=5"]).await;
    let (mut seen, mut last) = (Vec::new(), "ev_0".to_owned());
    let mut number = 0;
    for kill in 0..=KILLS {
        let server = stand.serve().await;
        let request = Request::new("GET", "/api/v1/stream?at=ev_0")
            .header("Authorization", &format!("Bearer {API_TOKEN}"))
            .header("Last-Event-ID", &last);
        let mut listening = Listening::open(server.address, &request).await;
        let (told, mut heard) = mpsc::unbounded_channel();
        // Listens until the server dies, as a client does, and keeps what a client keeps.
        let listener = tokio::spawn(async move {
            while let Some(message) = listening.next_of(&["event"]).await {
                let Some(id) = message.id.clone() else { panic!("an event without an id: {message:?}") };
                let _ = told.send((message.event().to_owned(), id));
            }
        });
        for _ in 0..BATCHES {
            let calls = (number..number + BATCH).map(|step| {
                json!({"type": "track", "event": "Step", "messageId": format!("m{step}"),
                    "userId": format!("user_{}", step % 7), "anonymousId": format!("a{}", step % 7)})
            });
            assert_eq!(send(&server, "/v1/batch", batch(calls)).await.status, 200);
            number += BATCH;
        }
        if kill == KILLS {
            // The last one is not cut off, so that everything comes.
            while seen.len() < number {
                let (event, _) =
                    tokio::time::timeout(Duration::from_secs(30), heard.recv()).await.unwrap().unwrap();
                seen.push(event);
            }
            server.kill().await;
            break;
        }
        // Killed while the stream is busy: somewhere behind what was accepted.
        let (event, id) = heard.recv().await.expect("a first event");
        seen.push(event);
        last = id;
        server.kill().await;
        listener.await.unwrap();
        while let Ok((event, id)) = heard.try_recv() {
            seen.push(event);
            last = id;
        }
    }
    let expected: Vec<String> = (0..number).map(|place| format!("ev_{place}")).collect();
    assert_eq!(seen, expected);
}
