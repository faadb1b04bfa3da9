//! The HTTP client against peers that answer what no HTTP server would.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;
use tapline::delivery::{Account, CleverTap, Mode, NoAnswerKind, Reply, Timeouts};
use tapline::settings::Secret;

const PASSCODE: &str = "canary-passcode";

/// A peer that reads one request and does this with the connection; hands back what it read.
fn peer(then: impl FnOnce(&mut TcpStream) + Send + 'static) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"{\"d\":[]}") {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).unwrap();
            assert_ne!(read, 0, "the request ended early");
            request.extend_from_slice(&piece[..read]);
        }
        then(&mut stream);
        String::from_utf8(request).unwrap()
    });
    (format!("http://{address}"), peer)
}

async fn send(base_url: &str, mode: Mode) -> Reply {
    let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_millis(400) };
    let account = Account {
        base_url: base_url.to_owned(),
        id: "ACCOUNT".to_owned(),
        passcode: Secret::parse(PASSCODE).unwrap(),
        is_sandbox: false,
    };
    let reply = CleverTap::new(timeouts).send(&account, mode, (&b"{\"d\":[]}"[..]).into()).await;
    assert!(!format!("{reply:?}").contains(PASSCODE), "{reply:?}");
    reply
}

/// Waits for the peer without holding up the client's own work.
async fn ended<T: Send + 'static>(peer: std::thread::JoinHandle<T>) -> T {
    tokio::task::spawn_blocking(move || peer.join().unwrap()).await.unwrap()
}

fn write(text: &'static str) -> impl FnOnce(&mut TcpStream) {
    move |stream| stream.write_all(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_request_is_as_documented() {
    let (url, peer) = peer(write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}"));
    let Reply::Answer(answer) = send(&url, Mode::DryRun).await else { panic!() };
    assert_eq!((answer.status, &answer.body[..], answer.whole), (200, &b"{}"[..], true));
    assert_eq!(answer.retry_after.map(|after| after.delay(tapline::clock::Millis(0)).as_secs()), Some(7));
    let request = ended(peer).await.to_lowercase();
    assert!(request.starts_with("post /1/upload?dryrun=1 http/1.1\r\n"), "{request}");
    for header in [
        "x-clevertap-account-id: account",
        "x-clevertap-passcode: canary-passcode",
        "content-type: application/json; charset=utf-8",
    ] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{header} in {request}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (url, peer) =
        peer(write("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
    let Reply::Answer(answer) = send(&url, Mode::Keep).await else { panic!() };
    assert_eq!(answer.status, 302);
    ended(peer).await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_cut_off() {
    let (url, peer) = peer(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
        while stream.write_all(&[b' '; 65_536]).is_ok() {}
    });
    let Reply::Answer(answer) = send(&url, Mode::Keep).await else { panic!() };
    assert!(!answer.whole);
    assert!(answer.body.len() <= (1 << 20) + 32, "{}", answer.body.len());
    ended(peer).await;
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_is_not_whole() {
    let (url, peer) = peer(write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\":\"success\""));
    let Reply::Answer(answer) = send(&url, Mode::Keep).await else { panic!() };
    assert_eq!((answer.status, answer.whole), (200, false));
    ended(peer).await;
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_no_answer() {
    let (url, peer) = peer(|stream| stream.shutdown(Shutdown::Both).unwrap());
    let Reply::NoAnswer(none) = send(&url, Mode::Keep).await else { panic!() };
    assert_eq!(none.kind, NoAnswerKind::Cut);
    ended(peer).await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_left_after_the_timeout() {
    let (url, peer) = peer(|_| std::thread::sleep(Duration::from_millis(800)));
    let Reply::NoAnswer(none) = send(&url, Mode::Keep).await else { panic!() };
    assert_eq!(none.kind, NoAnswerKind::Timeout);
    ended(peer).await;
}

#[tokio::test]
async fn a_peer_that_trickles_is_left_after_the_timeout() {
    let (url, peer) = peer(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let begun = std::time::Instant::now();
    let Reply::Answer(answer) = send(&url, Mode::Keep).await else { panic!() };
    assert!(!answer.whole);
    assert!(begun.elapsed() < Duration::from_secs(2));
    ended(peer).await;
}

#[tokio::test]
async fn nobody_at_the_address_is_no_connection() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Reply::NoAnswer(none) = send(&format!("http://{free}"), Mode::Keep).await else { panic!() };
    assert_eq!(none.kind, NoAnswerKind::Connect);
    assert!(none.detail.contains("refused"), "{}", none.detail);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_no_answer() {
    let (url, peer) = peer(write("SSH-2.0-OpenSSH_9.6\r\n"));
    let Reply::NoAnswer(none) = send(&url, Mode::Keep).await else { panic!() };
    assert_eq!(none.kind, NoAnswerKind::Cut);
    ended(peer).await;
}

#[tokio::test]
async fn a_server_without_a_certificate_is_refused_before_the_passcode_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = vec![0; 4096];
        let length = stream.read(&mut read).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        read.truncate(length);
        read
    });
    let Reply::NoAnswer(none) = send(&format!("https://{address}"), Mode::Keep).await else { panic!() };
    assert!(matches!(none.kind, NoAnswerKind::Connect | NoAnswerKind::Unsendable), "{none:?}");
    if none.kind == NoAnswerKind::Connect {
        assert!(none.detail.contains("write the address with `http://`"), "{}", none.detail);
        let read = ended(peer).await;
        assert!(!read.windows(PASSCODE.len()).any(|window| window == PASSCODE.as_bytes()));
    }
}
