//! The program itself: how it starts, what it says, how it ends.

use crate::support::app::{WRITE_KEY, post};
use crate::support::http::{Connection, Request};
use crate::support::process::Process;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{Journal, Seq};

#[tokio::test]
async fn wrong_usage_ends_with_2_and_help_with_0() {
    for (arguments, code) in [
        (&["dance"][..], 2),
        (&["serve", "--loud"], 2),
        (&["--loud"], 2),
        (&["serve", "--listen", "nowhere"], 2),
        (&["serve", "--max-event-bytes", "0"], 2),
        (&["serve", "--log", "tapline=loud"], 2),
        (&["simulator", "--fault", "gremlins"], 2),
        (&["--help"], 0),
        (&["serve", "--help"], 0),
        (&["simulator", "--help"], 0),
        (&["--version"], 0),
    ] {
        let ended = Process::run(arguments, &[]).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        let (said, silent) =
            if code == 0 { (ended.stdout, ended.stderr) } else { (ended.stderr, ended.stdout) };
        assert!(!said.is_empty() && silent.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn what_can_not_run_says_why_and_ends_with_2() {
    let data = tempfile::tempdir().unwrap();
    let running = Process::serve(data.path(), &[]).await;
    let taken = running.address.to_string();
    let other = tempfile::tempdir().unwrap();
    let other = other.path().to_str().unwrap();
    for (arguments, variables, words) in [
        (vec!["--data", other, "--listen", &taken], vec![], "--listen"),
        (
            vec!["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0"],
            vec![],
            "in use by another process",
        ),
        (vec!["--data", other, "--listen", "0.0.0.0:0"], vec![], "TAPLINE_ADMIN_PASSWORD"),
        (vec!["--data", other, "--pack", "nowhere"], vec![], "nowhere"),
        (vec!["--data", other], vec![("TAPLINE_REGION", "atlantis")], "atlantis"),
    ] {
        let ended = Process::run(&arguments, &variables).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_start_says_where_it_listens_and_keeps_the_token_off_what_is_no_terminal() {
    let data = tempfile::tempdir().unwrap();
    let running = Process::serve(data.path(), &[]).await;
    let token = std::fs::read_to_string(data.path().join("setup-token")).unwrap();
    assert!(running.greeting.contains(data.path().to_str().unwrap()));
    assert!(running.greeting.contains("/setup"));
    assert!(!running.greeting.contains(token.trim()), "{}", running.greeting);
    assert!(running.greeting.contains("every call is refused"), "{}", running.greeting);
    let ended = running.terminate().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    let variables = [("TAPLINE_PRINT_SETUP_LINK", "true"), ("TAPLINE_WEBHOOK_SECRET", "webhook_secret_1")];
    let told = Process::serve(data.path(), &variables).await;
    assert!(told.greeting.contains("only what Segment's webhook signs is taken"), "{}", told.greeting);
    let token = std::fs::read_to_string(data.path().join("setup-token")).unwrap();
    assert!(told.greeting.contains(&format!("/setup#{}", token.trim())), "{}", told.greeting);
}

#[tokio::test]
async fn a_signal_refuses_connections_finishes_what_is_under_way_and_ends_with_0() {
    let data = tempfile::tempdir().unwrap();
    let running = Process::serve(data.path(), &[("TAPLINE_WRITE_KEY", WRITE_KEY)]).await;
    let mut connection = Connection::open(running.address).await;
    let body = r#"{"userId":"user_1","messageId":"m1"}"#;
    let request = post("/v1/page").header("Expect", "100-continue").body(body);
    connection.write(&request.head()).await;
    connection.continued().await;
    // A connection that stays open and asks for nothing holds nobody up.
    let mut idle = Connection::open(running.address).await;
    assert_eq!(idle.send(&Request::new("GET", "/healthz")).await.status, 200);
    let start = Instant::now();
    running.signal(Signal::TERM);
    running.refuses().await;
    connection.write(body.as_bytes()).await;
    assert_eq!(connection.read().await.status, 200);
    let ended = running.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let (journal, _) = SledJournal::open(data.path(), Options::default()).unwrap();
    assert_eq!(journal.counts().accepted, 1);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_when_its_time_is_over() {
    let data = tempfile::tempdir().unwrap();
    let variables =
        [("TAPLINE_WRITE_KEY", WRITE_KEY), ("TAPLINE_STOP_DRAIN", "1"), ("TAPLINE_BODY_TIMEOUT", "60")];
    let running = Process::serve(data.path(), &variables).await;
    let mut connection = Connection::open(running.address).await;
    // So much has come that the rest has all its time.
    let body = format!(r#"{{"batch":[],"filler":"{}"#, "x".repeat(200_000));
    let request = post("/v1/batch").header("Expect", "100-continue").header("Content-Length", "300000");
    connection.write(&request.head()).await;
    connection.continued().await;
    connection.write(body.as_bytes()).await;
    let start = Instant::now();
    let ended = running.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!((1..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    connection.closed().await;
}

#[tokio::test]
async fn a_second_signal_ends_the_wait_for_load_balancers_too() {
    let data = tempfile::tempdir().unwrap();
    let running = Process::serve(data.path(), &[("TAPLINE_STOP_GRACE", "10")]).await;
    let mut connection = Connection::open(running.address).await;
    let start = Instant::now();
    running.signal(Signal::TERM);
    while connection.send(&Request::new("GET", "/readyz")).await.status != 503 {}
    running.signal(Signal::INT);
    let ended = running.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("on a second signal"), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_was_answered_200_is_there_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let running = Process::serve(data.path(), &[("TAPLINE_WRITE_KEY", WRITE_KEY)]).await;
    let mut connection = Connection::open(running.address).await;
    for n in 0..50 {
        let body = format!(r#"{{"batch":[{{"type":"page","userId":"u","messageId":"{n}"}}]}}"#);
        assert_eq!(connection.send(&post("/v1/batch").body(body)).await.status, 200);
    }
    running.kill().await;
    let (journal, _) = SledJournal::open(data.path(), Options::default()).unwrap();
    let (mut found, mut at) = (Vec::new(), Seq(0));
    while let Some(block) = journal.block_from(at).await.unwrap() {
        for (_, entry) in block.iter() {
            let event: serde_json::Value = serde_json::from_slice(&entry.body).unwrap();
            found.push(event["messageId"].as_str().unwrap().to_owned());
        }
        at = block.end();
    }
    assert_eq!(found, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn logs_hold_neither_bodies_nor_keys_nor_signatures() {
    const SIGNATURE: &str = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let data = tempfile::tempdir().unwrap();
    let variables = [
        ("TAPLINE_WRITE_KEY", "canary_key_1"),
        ("TAPLINE_WEBHOOK_SECRET", "canary_secret_1"),
        ("TAPLINE_LOG", "trace"),
        ("TAPLINE_LOG_FORMAT", "json"),
    ];
    let running = Process::serve(data.path(), &variables).await;
    let mut connection = Connection::open(running.address).await;
    let canary =
        r#"{"userId":"canary_user","traits":{"email":"canary@example.com"},"writeKey":"canary_key_2"}"#;
    for request in [
        Request::new("POST", "/v1/identify").basic("canary_key_1").body(canary),
        Request::new("POST", "/v1/identify").body(canary),
        Request::new("POST", "/v1/identify").basic("canary_key_3").body(canary),
        Request::new("POST", "/v1/track").basic("canary_key_1").body(canary),
        Request::new("POST", "/v1/track").basic("canary_key_1").body(&canary[..50]),
        Request::new("POST", "/v1/webhooks/segment").header("X-Signature", SIGNATURE).body(canary),
        Request::new("POST", "/v1/webhooks/segment").header("X-Signature", "canary").body(canary),
        Request::new("POST", "/v1/webhooks/segment").body(canary),
    ] {
        let answer = connection.send(&request).await;
        assert!(!answer.text().contains("canary") && !answer.text().contains(SIGNATURE), "{}", answer.text());
    }
    let ended = running.terminate().await;
    for said in ["request refused", "wrong_signature", "missing_signature"] {
        assert!(ended.stderr.contains(said), "{said} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("canary") && !ended.stderr.contains(SIGNATURE), "{}", ended.stderr);
    for line in ended.stderr.lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
