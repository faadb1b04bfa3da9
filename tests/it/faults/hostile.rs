//! Senders that stall, flood and send what grows: each is cut or refused, memory stays bounded, and whoever sends as one
//! should is served beside them.

use crate::support::app::post;
use crate::support::figure::{self, Fault};
use crate::support::http::{Connection, Request};
use crate::support::process::Process;
use crate::support::stand::{Stand, settled};
use crate::support::vital::{Sums, Vital, raise_open_files};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Connections that ask for nothing.
const IDLE: usize = 10_000;
/// Connections that trickle their head, as many that trickle their body, and so on.
const SLOW: usize = 100;
/// Connections that read no answer. Few, because the server keeps what they asked for until they are cut.
const UNREAD: usize = 10;
/// Files of this process that are no such connection.
const SPARE_FILES: u64 = 500;
/// The longest time until everything hostile is cut: the head has 5 s, a body 10 s, idling 15 s, not reading 20 s.
const CUT_TIME: Duration = Duration::from_secs(90);
/// Generous, because tests share their machine; without the bounds a healthy call would wait for ever.
const SERVED_TIME: Duration = Duration::from_secs(10);
/// Memory that hostile senders may make the process use, in KB: the bytes under way, lanes and cache at their bounds, and
/// 12 KB for each of 10,000 connections.
const GROWTH: u64 = 384 * 1024;
/// When a connection is cut whose answers nobody reads, with some time to spare.
const UNREAD_TIME: Duration = Duration::from_secs(30);
/// Answers asked for on a connection that reads none; each has more than a kilobyte.
const UNREAD_ANSWERS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_idle_connections_are_cut_and_a_healthy_sender_is_served_beside_them() {
    let idle =
        usize::try_from(raise_open_files().saturating_sub(SPARE_FILES)).map_or(IDLE, |most| most.min(IDLE));
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    let healthy = Healthy::start(server.address);
    let before = Vital::of(server.id());
    let start = Instant::now();
    let slow = (0..SLOW).flat_map(|_| {
        let head = post("/v1/batch").header("Content-Length", "100000").head();
        let unfinished = head[..head.len() - 2].to_vec();
        [trickle(server.address, unfinished, b"X-Slow: x\r\n"), trickle(server.address, head, b" ")]
    });
    let slow: Vec<_> = slow.map(tokio::spawn).collect();
    let unread = join_all((0..UNREAD).map(|_| ask_and_read_nothing(server.address))).await;
    let mut held = Vec::with_capacity(idle);
    while held.len() < idle {
        let some = (0..250.min(idle - held.len())).map(|_| idler(server.address));
        held.extend(join_all(some).await);
    }
    let most = Vital::of(server.id());
    assert!(
        most.files > before.files + 1000,
        "only {} connections were held at once",
        most.files - before.files
    );
    for cut in join_all(slow).await {
        let took = cut.expect("a sender that does not panic");
        assert!(took < CUT_TIME, "a slow sender was cut after {took:?}");
    }
    let after = loop {
        let now = Vital::of(server.id());
        if now.files < before.files + 50 {
            break now;
        }
        assert!(start.elapsed() < CUT_TIME, "{} of {} connections are still open", now.files, most.files);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    tokio::time::sleep_until((start + UNREAD_TIME).into()).await;
    for stream in unread {
        let came = read_to_end(stream).await;
        assert!(came < UNREAD_ANSWERS * 1024, "{came} bytes waited for somebody who read nothing");
    }
    let cut = start.elapsed();
    drop(held);
    let (sent, p99) = healthy.end().await;
    assert!(p99 < SERVED_TIME, "a healthy sender waited {p99:?}");
    let grown = after.most_resident - before.resident;
    assert!(grown < GROWTH, "grown by {grown} KB");
    nothing_is_lost(&stand, server, sent, 0).await;
    figure::note("slow and idle connections: held at once", most.files - before.files);
    figure::note("slow and idle connections: memory grown by at most, MB", grown / 1024);
    figure::note("slow and idle connections: 99th percentile of a healthy sender, ms", p99.as_millis());
    figure::fault(Fault {
        name: "slow heads, bodies and readers, and as many idle connections as may be open (up to 10,000)",
        rounds: idle + 2 * SLOW + UNREAD,
        acknowledged: sent,
        lost: 0,
        twice: Some(0),
        recovery: cut,
        mutation: "answers that nobody reads are waited for without end",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_depths_heads_and_a_million_keys_stay_within_memory() {
    const DISTINCT_KEYS: usize = 1_000_000;
    const DEEP_CALLS: usize = 20;
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    let healthy = Healthy::start(server.address);
    let packed = |body: Vec<u8>| post("/v1/batch").header("Content-Encoding", "gzip").body(body);
    let bomb = spaces(128 << 20);
    let members = gzip(&vec![b' '; 1 << 20]).repeat(300);
    // What holds itself again would be unpacked for ever by whoever goes on after the first layer.
    let nested = (0..10).fold(bomb.clone(), |inner, _| gzip(&inner));
    let deep = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let call = format!(r#"{{"type":"page","userId":"user_1","properties":{}}}"#, deep(10_000));
    let before = Vital::of(server.id());
    let start = Instant::now();
    let attacks: Vec<(&str, Request, usize, u16)> = vec![
        ("bomb", packed(bomb), 20, 413),
        ("many members", packed(members), 20, 413),
        ("gzip in gzip", packed(nested), 20, 400),
        ("half a bomb", packed(gzip(b"{}")[..10].to_vec()), 20, 400),
        ("deep call", post("/v1/page").body(call.clone()), 20, 400),
        // One bad call of a batch fails on ingest and is listed.
        ("deep call in a batch", post("/v1/batch").body(format!(r#"{{"batch":[{call}]}}"#)), DEEP_CALLS, 200),
        ("deep array", post("/v1/batch").body("[".repeat(400_000)), 20, 400),
        ("long head", post("/v1/page").header("X-Long", &"x".repeat(300_000)).body("{}"), 50, 431),
    ];
    let mut rounds = 0;
    for (name, request, times, status) in attacks {
        rounds += times;
        for answer in join_all((0..times).map(|_| try_send(server.address, &request))).await {
            // A head that is cut off in the middle may end the connection before its answer is read.
            assert!(answer == Some(status) || answer.is_none() && status == 431, "{name}: {answer:?}");
        }
    }
    let with_keys = send_distinct_keys(server.address, DISTINCT_KEYS).await;
    let (sent, p99) = healthy.end().await;
    assert!(p99 < SERVED_TIME, "a healthy sender waited {p99:?}");
    settled(&server).await;
    let took = start.elapsed();
    let grown = Vital::of(server.id()).most_resident - before.resident;
    assert!(grown < GROWTH, "grown by {grown} KB");
    nothing_is_lost(&stand, server, sent + with_keys, DEEP_CALLS).await;
    figure::note("bombs, depths, heads and a million keys: memory grown by at most, MB", grown / 1024);
    figure::note(
        "bombs, depths, heads and a million keys: 99th percentile of a healthy sender, ms",
        p99.as_millis(),
    );
    figure::fault(Fault {
        name: "gzip bombs, 10,000 levels of JSON, heads of 300 KB, a million distinct keys",
        rounds: rounds + with_keys,
        acknowledged: sent + with_keys,
        lost: 0,
        twice: Some(0),
        recovery: took,
        mutation: "a body is inflated whole before its size is looked at",
    });
}

/// Events of 500 keys each that no other has. Gives how many were sent.
async fn send_distinct_keys(address: SocketAddr, keys: usize) -> usize {
    let events = keys / 500;
    let event = |number: usize| {
        let keys: Vec<String> = (0..500).map(|key| format!(r#""key {number} {key}":1"#)).collect();
        format!(
            r#"{{"type":"track","event":"Keys Sent","messageId":"keys_{number}","userId":"user_{}",
               "anonymousId":"device-1","properties":{{{}}}}}"#,
            number % 50,
            keys.join(",")
        )
    };
    let mut connection = Connection::open(address).await;
    for first in (0..events).step_by(40) {
        let batch: Vec<String> = (first..events.min(first + 40)).map(event).collect();
        let request = post("/v1/batch").body(format!(r#"{{"batch":[{}]}}"#, batch.join(",")));
        let answer = connection.send(&request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    events
}

/// The status of an answer, if there is one.
async fn try_send(address: SocketAddr, request: &Request) -> Option<u16> {
    let mut connection = Connection::open(address).await;
    connection.write(&request.render()).await;
    connection.try_read().await.map(|answer| answer.status)
}

/// Sends a beginning and then a little every now and then, until it is answered or cut. Gives how long that took.
async fn trickle(address: SocketAddr, beginning: Vec<u8>, more: &'static [u8]) -> Duration {
    let start = Instant::now();
    let mut connection = Connection::open(address).await;
    connection.write(&beginning).await;
    while start.elapsed() < CUT_TIME {
        connection.write(more).await;
        if tokio::time::timeout(Duration::from_millis(500), connection.try_read()).await.is_ok() {
            break;
        }
    }
    start.elapsed()
}

/// Asks for a lot and takes none of it.
async fn ask_and_read_nothing(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.expect("a listening server");
    let asks = Request::new("GET", "/metrics").render().repeat(UNREAD_ANSWERS);
    // The server stops reading once nobody takes its answers.
    let _ = tokio::time::timeout(Duration::from_millis(200), stream.write_all(&asks)).await;
    stream
}

/// How many bytes still come; of a connection that was cut, what the system held.
async fn read_to_end(mut stream: TcpStream) -> usize {
    let mut bytes = Vec::new();
    // An error is the cut; a connection that goes on without end would run into the time limit.
    let _ = tokio::time::timeout(CUT_TIME, stream.read_to_end(&mut bytes)).await;
    bytes.len()
}

/// Asks once, so that the connection is a good one, and then says nothing more.
async fn idler(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&Request::new("GET", "/healthz").render()).await.ok()?;
    Some(stream)
}

/// Somebody who sends as one should, a little all the time, now and then on a new connection.
struct Healthy {
    stop: Arc<AtomicBool>,
    sending: JoinHandle<(usize, Vec<Duration>)>,
}

/// Calls in each request of a healthy sender.
const BATCH: usize = 10;

impl Healthy {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let sending = tokio::spawn(async move {
            let (mut sent, mut times) = (0, Vec::new());
            let mut connection = Connection::open(address).await;
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                if times.len() % 10 == 9 {
                    connection = Connection::open(address).await;
                }
                let calls: Vec<_> = (sent..sent + BATCH).map(step).collect();
                let answer =
                    connection.send(&post("/v1/batch").body(json!({ "batch": calls }).to_string())).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                times.push(start.elapsed());
                sent += BATCH;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (sent, times)
        });
        Self { stop, sending }
    }

    /// Stops; gives how many events were answered 200, and the time within which 99 of 100 answers came.
    async fn end(self) -> (usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let (sent, mut times) = self.sending.await.expect("a healthy sender that is served");
        times.sort_unstable();
        (sent, times[times.len() * 99 / 100])
    }
}

fn step(number: usize) -> serde_json::Value {
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{number}"),
        "userId": format!("user_{}", number % 20), "anonymousId": "device-1", "properties": {"step": number}})
}

/// Everything good that was answered arrived, once, and so many others failed.
async fn nothing_is_lost(stand: &Stand, server: Process, sent: usize, failed: usize) {
    settled(&server).await;
    let sums = Sums::of(&server).await;
    let [delivered, other, pending] = [sums.delivered, sums.other, sums.pending].map(|count| count as usize);
    assert_eq!((delivered, other, pending), (sent, failed, 0), "{sums:?}");
    assert_eq!(server.terminate().await.code, Some(0));
    assert_eq!(stand.received().await.len(), sent);
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn spaces(bytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&chunk).unwrap();
    }
    encoder.finish().unwrap()
}
