use super::sums::assert_ends;
use crate::delivery::rig::{Rig, tracks};
use crate::support::app::WRITE_KEY;
use crate::support::figure::{self, Fault};
use crate::support::process::Process;
use crate::support::stand::{get, rules, send};
use base64::Engine;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PASSCODE: &str = "canary-passcode";

/// A peer behind TLS: how often somebody connected, and every request that came out of the encryption.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    plain: Mutex<Vec<u8>>,
}

/// Serves TLS with this certificate, and takes every upload of one record.
fn peer(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> (SocketAddr, Arc<Seen>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            shared.connections.fetch_add(1, Ordering::SeqCst);
            let (config, seen) = (Arc::clone(&config), Arc::clone(&shared));
            std::thread::spawn(move || serve(config, stream, &seen));
        }
    });
    (address, seen)
}

fn serve(config: Arc<ServerConfig>, stream: TcpStream, seen: &Seen) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut piece = [0; 4096];
    // An error is a caller who does not like the certificate.
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        let mut plain = seen.plain.lock().unwrap();
        plain.extend_from_slice(&piece[..read]);
        if plain.ends_with(b"]}") {
            let body = r#"{"status":"success","processed":1,"unprocessed":[]}"#;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    }
}

/// Whom machines trust in these tests.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a host, with the years from which and until which it is good.
fn certificate(
    host: &str,
    years: (i32, i32),
    by: Option<&CertifiedIssuer<'static, KeyPair>>,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let certificate = match by {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// What `/readyz` says is wrong.
async fn problem(server: &Process) -> Option<Value> {
    let readiness = get(server, "/readyz").await;
    assert_eq!(readiness.status, 200, "events are taken whoever answers at CleverTap's address");
    readiness.json()["problems"].as_array().unwrap().first().cloned()
}

async fn metric(server: &Process, name: &str) -> u64 {
    let metrics = get(server, "/metrics").await;
    let value =
        metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
    value.expect("a metric").parse().expect("a number")
}

/// Mutation: accept invalid certificates (`danger_accept_invalid_certs`) in the client.
#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_gets_no_byte_of_the_passcode_and_no_storm() {
    let (authority, stranger) = (authority(), authority());
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, pem(authority.as_ref().der())).unwrap();
    let cases = [
        ("good", certificate("localhost", (2020, 2120), Some(&authority)), ""),
        ("expired", certificate("localhost", (2020, 2021), Some(&authority)), "expired"),
        ("not yet", certificate("localhost", (2119, 2120), Some(&authority)), "not valid yet"),
        ("another host's", certificate("example.com", (2020, 2120), Some(&authority)), "not valid for"),
        ("signed by itself", certificate("localhost", (2020, 2120), None), "invalid peer certificate"),
        (
            "signed by a stranger",
            certificate("localhost", (2020, 2120), Some(&stranger)),
            "invalid peer certificate",
        ),
    ];
    let (mut bytes, mut longest, count) = (0, Duration::ZERO, cases.len());
    for (name, (certificate, key), words) in cases {
        let (address, seen) = peer(certificate, key);
        let (data, url) = (tempfile::tempdir().unwrap(), format!("https://localhost:{}", address.port()));
        let (rules, roots) = (rules(), roots.to_str().unwrap());
        let variables = [
            ("TAPLINE_WRITE_KEY", WRITE_KEY),
            ("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT"),
            ("TAPLINE_PASSCODE", PASSCODE),
            ("TAPLINE_CLEVERTAP_URL", url.as_str()),
            ("TAPLINE_RULES", rules.to_str().unwrap()),
            ("SSL_CERT_FILE", roots),
        ];
        let server = Process::serve(data.path(), &variables).await;
        let began = Instant::now();
        let call = json!({"type": "track", "event": "Tested", "messageId": "m1", "userId": "user_1", "anonymousId": "d"});
        assert_eq!(send(&server, "/v1/track", call.to_string()).await.status, 200);
        if name == "good" {
            while metric(&server, "tapline_records_delivered_total").await < 1 {
                assert!(began.elapsed() < Duration::from_secs(30), "the good certificate must do");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(
                String::from_utf8_lossy(&seen.plain.lock().unwrap()).contains(PASSCODE),
                "the test sees it"
            );
            server.kill().await;
            continue;
        }
        let problem = loop {
            assert!(began.elapsed() < Duration::from_secs(30), "{name}: nothing is said");
            match problem(&server).await {
                Some(problem) => break problem,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        longest = longest.max(began.elapsed());
        assert_eq!(problem["code"], "unavailable", "{name}");
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.contains("the certificate is not to be trusted") && message.contains(words),
            "{name}: {message}"
        );
        assert!(!message.contains(PASSCODE), "{message}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (connections, lasted) =
            (seen.connections.load(Ordering::SeqCst), began.elapsed().as_secs() as usize);
        assert!((1..=2 + lasted).contains(&connections), "{name}: {connections} connections in {lasted} s");
        assert_eq!(metric(&server, "tapline_events_pending").await, 1, "{name}: nothing is given up");
        bytes += seen.plain.lock().unwrap().len();
        assert_eq!(bytes, 0, "{name}: something came out of the encryption");
        server.kill().await;
    }
    figure::note("Certificates not to be trusted: bytes sent to such peers", bytes);
    figure::fault(Fault {
        name: "TLS: a certificate that is expired, not yet valid, for another host, or signed by nobody trusted",
        rounds: count,
        acknowledged: count,
        lost: 0,
        twice: Some(0),
        recovery: longest,
        mutation: "invalid certificates are accepted",
    });
}

/// Mutation: follow redirects in the client.
#[tokio::test]
async fn a_redirect_is_not_followed_and_nobody_connects_there() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = format!("redirect:first=30,to=http://{}/1/upload", elsewhere.local_addr().unwrap());
    let simulator = crate::delivery::rig::simulator(&[&to]).await;
    let rig = Rig::new(&simulator.base_url());
    rig.accept(tracks(100, 20)).await;
    let (delivery, start) = (rig.start(), Instant::now());
    // Whoever follows waits for an answer there until it is too late.
    let ended = tokio::time::timeout(Duration::from_secs(20), delivery.idle()).await;
    let recovery = start.elapsed();
    let nobody = elsewhere.accept().map(|(_, from)| from).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    assert!(ended.is_ok(), "the redirects were not survived");
    assert_eq!(assert_ends(&rig, &crate::delivery::rig::taken(&simulator)).await, 0);
    assert!(simulator.tally().uploads > 30);
    figure::fault(Fault {
        name: "CleverTap: 30 redirects to elsewhere, which nobody follows",
        rounds: 30,
        acknowledged: 100,
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "redirects are followed",
    });
}

/// The name is longer than names can be, so that it is refused on this machine and nobody is asked.
///
/// Mutation: tell of name resolution as of an answer.
#[tokio::test]
async fn a_name_that_can_not_be_found_is_said_and_costs_nothing() {
    let mut recovery = Duration::ZERO;
    for scheme in ["http", "https"] {
        let rig = Rig::new(&format!("{scheme}://{}.example.com", "n".repeat(64)));
        rig.accept(tracks(20, 5)).await;
        let delivery = rig.start();
        let began = Instant::now();
        while rig.status.pause().is_none() {
            assert!(began.elapsed() < Duration::from_secs(30), "nothing is said");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        recovery = recovery.max(began.elapsed());
        let pause = rig.status.pause().unwrap();
        assert_eq!(pause.code, "unavailable");
        assert!(
            pause.message.contains("no connection") && pause.message.contains("name resolution"),
            "{}",
            pause.message
        );
        super::sums::assert_sums(rig.journal_counts());
        assert_eq!((rig.journal_counts().pending, rig.journal_counts().dead), (20, 0));
        delivery.stop(Duration::from_secs(1)).await.unwrap();
    }
    figure::fault(Fault {
        name: "a name that can not be found",
        rounds: 2,
        acknowledged: 40,
        lost: 0,
        twice: Some(0),
        recovery,
        mutation: "a failure of name resolution is told as an answer",
    });
}
