//! A stop in the middle of deliveries: uploads under way finish and are settled, the rest waits for the next start.

use super::call;
use crate::support::stand::{Stand, send, settled};
use serde_json::json;
use std::time::Duration;

const EVENTS: usize = 2_000;

#[tokio::test]
async fn a_stop_in_the_middle_of_deliveries_loses_nothing_and_sends_nothing_twice() {
    let stand = Stand::start(&["--fault", "slow:ms=1500"]).await;
    let server = stand.serve().await;
    for first in (0..EVENTS).step_by(500) {
        let calls = (first..first + 500).map(|step| {
            json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
                "userId": format!("user_{}", step % 50), "anonymousId": "device-1", "properties": {"step": step}})
        });
        assert_eq!(send(&server, "/v1/batch", call::batch(calls)).await.status, 200);
    }
    // The first uploads are on their way by now, and none is answered before 1.5 s.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ended = server.terminate().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);

    let (_, counts) = stand.journal().await;
    assert_eq!(counts.accepted as usize, EVENTS);
    assert!(counts.pending > 0, "the stop came too late to show anything: {counts:?}");
    assert_eq!(stand.received().await.len() as u64, counts.delivered, "what was taken is settled");

    let server = stand.serve().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    assert_eq!(stand.received().await.len(), EVENTS);
}
