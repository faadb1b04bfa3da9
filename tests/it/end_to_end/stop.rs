//! A stop in the middle of deliveries: uploads under way finish and are settled, the rest waits for the next start. An
//! upload that CleverTap does not answer is cut when its time is over, or at once on a second signal.

use super::call;
use crate::support::app::post;
use crate::support::figure::{self, Fault};
use crate::support::http::{Connection, Request};
use crate::support::process::{Ended, Process};
use crate::support::stand::{Stand, send, settled};
use rustix::process::Signal;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

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

/// A stand-in that never answers its first upload, which is all that one lane sends meanwhile.
const HANGS: [&str; 2] = ["--fault", "slow:ms=600000,first=1"];

/// Events of one user, hence of one lane.
const OF_ONE: usize = 40;

#[tokio::test]
async fn while_clevertap_hangs_a_stop_ends_when_its_time_is_over_and_loses_nothing() {
    let stand = Stand::start(&HANGS).await;
    let server = stand.serve_with(&[("TAPLINE_STOP_DRAIN", "1")]).await;
    upload_hangs(&stand, &server).await;
    let start = Instant::now();
    let ended = server.terminate().await;
    assert!((1..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert!(ended.stderr.contains("uploads in flight were cut"), "{}", ended.stderr);
    nothing_is_lost(&stand, &ended).await;
}

#[tokio::test]
async fn while_clevertap_hangs_a_second_signal_ends_at_once_and_loses_nothing() {
    let stand = Stand::start(&HANGS).await;
    let server = stand.serve_with(&[("TAPLINE_STOP_DRAIN", "60")]).await;
    upload_hangs(&stand, &server).await;
    let start = Instant::now();
    server.signal(Signal::TERM);
    server.refuses().await;
    server.signal(Signal::TERM);
    let ended = server.ended().await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(ended.stderr.contains("on a second signal"), "{}", ended.stderr);
    nothing_is_lost(&stand, &ended).await;
}

/// Sends events, and waits until an upload is on its way that will not be answered.
async fn upload_hangs(stand: &Stand, server: &Process) {
    let calls = (0..OF_ONE).map(|step| {
        json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
            "userId": "user_1", "anonymousId": "device-1", "properties": {"step": step}})
    });
    assert_eq!(send(server, "/v1/batch", call::batch(calls)).await.status, 200);
    while stand.tally().await.uploads == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Everything is pending after the end, and arrives once after the next start.
async fn nothing_is_lost(stand: &Stand, ended: &Ended) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    let (_, counts) = stand.journal().await;
    assert_eq!((counts.accepted as usize, counts.pending as usize), (OF_ONE, OF_ONE), "{counts:?}");
    assert!(stand.received().await.is_empty());
    let server = stand.serve().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    assert_eq!(stand.received().await.len(), OF_ONE);
}

/// Senders behind a load balancer that looks at `/readyz`.
const SENDERS: usize = 8;

/// What orchestrators give a process to end.
const STOP_TIME: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_says_no_in_readyz_first_and_under_load_no_connection_is_reset() {
    let stand = Stand::start(&["--fault", "slow:ms=50"]).await;
    let server = stand.serve_with(&[("TAPLINE_STOP_GRACE", "3")]).await;
    let (ready, next) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        senders.spawn(send_while_ready(server.address, ready.clone(), next.clone()));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    server.signal(Signal::TERM);
    loop {
        // On a connection of its own, because any answer may be the last of its connection now.
        let answer = Connection::open(server.address).await.send(&Request::new("GET", "/readyz")).await;
        if answer.status == 503 {
            assert_eq!(answer.json()["problems"][0]["code"], "stopping");
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let late = send(&server, "/v1/page", r#"{"userId":"user_1","messageId":"late"}"#).await;
    assert_eq!(late.status, 200, "until connections are refused, events are taken");
    assert_eq!(
        late.header("Connection"),
        Some("close"),
        "and nobody is kept on a connection that is about to end"
    );
    ready.store(false, Ordering::SeqCst);
    let (mut answered, mut resets) = (1, 0);
    for (calls, cut) in senders.join_all().await {
        answered += calls;
        resets += cut;
    }
    let ended = server.ended().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert!(start.elapsed() < STOP_TIME, "{:?}", start.elapsed());
    assert_eq!(resets, 0, "connections were reset under {answered} calls");
    assert!(answered > 50, "only {answered} calls came through");

    let took = start.elapsed();
    let server = stand.serve().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let (_, counts) = stand.journal().await;
    assert_eq!(counts.accepted as usize, answered, "{counts:?}");
    assert_eq!(counts.delivered + counts.filtered, counts.accepted, "{counts:?}");
    let received = stand.received().await.len();
    assert_eq!(received as u64, counts.delivered, "nothing twice");
    figure::fault(Fault {
        name: "SIGTERM under load, behind a load balancer",
        rounds: SENDERS,
        acknowledged: answered,
        lost: 0,
        twice: Some(0),
        recovery: took,
        mutation: "answers do not say that their connection ends",
    });
}

/// Posts one call after another until the load balancer sends no more this way. Gives how many were answered 200, and how
/// often a connection ended without an answer.
async fn send_while_ready(
    address: SocketAddr,
    ready: Arc<AtomicBool>,
    next: Arc<AtomicUsize>,
) -> (usize, usize) {
    let (mut connection, mut answered, mut resets) = (None, 0, 0);
    loop {
        if connection.is_none() {
            if !ready.load(Ordering::SeqCst) {
                return (answered, resets);
            }
            connection = Connection::try_open(address).await;
        }
        // Who is refused at once knows that nothing arrived.
        let Some(open) = connection.as_mut() else { continue };
        let step = next.fetch_add(1, Ordering::Relaxed);
        let call = json!({"event": "Step Taken", "messageId": format!("message_{step}"),
            "userId": format!("user_{}", step % 20), "anonymousId": "device-1", "properties": {"step": step}});
        open.write(&post("/v1/track").body(call.to_string()).render()).await;
        match open.try_read().await {
            Some(answer) => {
                assert_eq!(answer.status, 200, "{}", answer.text());
                answered += 1;
                if answer.header("Connection") == Some("close") {
                    connection = None;
                }
            }
            None => {
                resets += 1;
                connection = None;
            }
        }
    }
}
