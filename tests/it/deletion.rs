//! Deleting a person: by the API, by `tapline delete`, by Segment's webhook, and through kills.

use crate::support::app::{TestApp, WRITE_KEY, post};
use crate::support::figure::{self, Fault};
use crate::support::http::{Answer, Connection, Request};
use crate::support::process::Process;
use crate::support::stand::{rules, settled};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tapline::journal::sled::{Options, SledJournal};
use tapline::journal::{Block, Journal, Seq};
use tapline::simulator::{self, Simulator};

const TOKEN: &str = "api_token_0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(60);

fn order(body: impl Into<Vec<u8>>) -> Request {
    bearer(Request::new("POST", "/api/v1/deletions").header("Content-Type", "application/json").body(body))
}

fn bearer(request: Request) -> Request {
    request.header("Authorization", &format!("Bearer {TOKEN}"))
}

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).start().await
}

fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_api_stores_one_event_for_each_person_and_says_which() {
    let app = app().await;
    let body = r#"{"userIds":["user_1",7,"user_1"],"anonymousIds":["anon_1"]}"#;
    let accepted = app.send(&order(body)).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let ids = ["ev_0", "ev_1", "ev_2"];
    assert_eq!(accepted.json(), json!({"accepted": 3, "ids": ids, "unknown": ids}));
    let stored = app.stored().await;
    let bodies: Vec<Value> =
        stored.iter().map(|entry| serde_json::from_slice(&entry.body).unwrap()).collect();
    assert_eq!(bodies.iter().map(|body| &body["type"]).collect::<Vec<_>>(), ["delete"; 3]);
    assert_eq!((&bodies[0]["userId"], &bodies[1]["userId"]), (&"user_1".into(), &"7".into()));
    assert_eq!(bodies[2]["anonymousId"], "anon_1");
    assert_eq!(bodies[0]["receivedAt"], "2026-01-01T00:00:10.000Z");
    // Asked for again it is done again, because the person may have come back meanwhile.
    assert_eq!(app.send(&order(r#"{"userIds":["user_1"]}"#)).await.json()["ids"], json!(["ev_3"]));
    let states = app.send(&bearer(Request::new("GET", "/api/v1/deletions?ids=ev_0,ev_3,ev_99"))).await;
    assert_eq!(
        states.json()["deletions"],
        json!([
            {"id": "ev_0", "state": "pending", "code": null, "message": null, "erased": false},
            {"id": "ev_3", "state": "pending", "code": null, "message": null, "erased": false},
        ])
    );
}

#[tokio::test]
async fn the_api_lets_in_who_may_and_names_all_that_is_wrong_at_once() {
    let app = app().await;
    let stranger = Request::new("POST", "/api/v1/deletions").header("Content-Type", "application/json");
    assert_eq!(app.send(&stranger.body(r#"{"userIds":["user_1"]}"#)).await.status, 401);
    let wrong = app.send(&order(r#"{"userIds":["u",null,""],"anonymousIds":[[]],"users":[]}"#)).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(pointers(&wrong), ["/userIds/1", "/userIds/2", "/anonymousIds/0", "/users"]);
    let many: Vec<usize> = (0..5001).collect();
    let many = app.send(&order(json!({ "userIds": many }).to_string())).await;
    assert_eq!((many.status, pointers(&many)), (400, vec![String::new()]));
    assert!(many.text().contains("found 5001"), "{}", many.text());
    let most: Vec<usize> = (0..5000).collect();
    assert!(app.stored().await.is_empty());
    assert_eq!(app.send(&order(json!({ "userIds": most }).to_string())).await.json()["accepted"], 5000);
    for query in ["", "?ids=", "?ids=ev_1,x", "?ids=ev_1&all=1"] {
        let answer = app.send(&bearer(Request::new("GET", &format!("/api/v1/deletions{query}")))).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_preview_of_a_deletion_shows_the_call_and_stores_nothing() {
    let app = app().await;
    let request = Request::new("POST", "/api/v1/preview").header("Content-Type", "application/json");
    let answer = app.send(&bearer(request.body(r#"{"event":{"type":"delete","userId":"user_1"}}"#))).await;
    let result = &answer.json()["results"][0];
    assert_eq!((&result["outcome"], &result["reason"]), (&"mapped".into(), &Value::Null));
    assert_eq!(result["records"], json!([{"identity": ["user_1"]}]));
    assert_eq!(result["warnings"][0]["code"], "deletes_person");
    assert!(result["warnings"][0]["message"].as_str().unwrap().contains("is erased here"));
    assert!(app.stored().await.is_empty());
}

async fn clevertap(fault: &str) -> Simulator {
    let faults = vec![fault.parse().unwrap()];
    let options = simulator::Options { faults, ..simulator::Options::default() };
    Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
}

async fn serve(data: &std::path::Path, clevertap: &Simulator) -> Process {
    let rules = rules();
    let variables = [
        ("TAPLINE_WRITE_KEY", WRITE_KEY),
        ("TAPLINE_API_TOKEN", TOKEN),
        ("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT"),
        ("TAPLINE_PASSCODE", "passcode_1"),
        ("TAPLINE_CLEVERTAP_URL", &clevertap.base_url()),
        ("TAPLINE_RULES", rules.to_str().unwrap()),
    ];
    Process::serve(data, &variables).await
}

fn event(person: &str, name: &str, number: usize) -> Value {
    json!({
        "type": "track", "event": name, "userId": person, "anonymousId": format!("device-{person}"),
        "messageId": format!("{person}-{name}-{number}"), "properties": {"secret": format!("secret of {person}")},
    })
}

#[tokio::test]
async fn the_command_says_what_was_accepted_and_waits_until_it_is_done() {
    let (data, clevertap) = (tempfile::tempdir().unwrap(), clevertap("slow:ms=5").await);
    let server = serve(data.path(), &clevertap).await;
    let mut connection = Connection::open(server.address).await;
    for number in 0..3 {
        let sent =
            connection.send(&post("/v1/track").body(event("user_1", "Seen", number).to_string())).await;
        assert_eq!(sent.status, 200);
    }
    let url = format!("http://{}", server.address);
    let variables = [("TAPLINE_API_TOKEN", TOKEN)];
    let file = data.path().join("people");
    std::fs::write(&file, "user_2\n\nuser_1\n user_3 \n").unwrap();
    let file = file.to_str().unwrap();
    let done =
        Process::run(&["delete", "--server", &url, "--wait", "--file", file, "user_1"], &variables).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("deletion of 3 persons"), "{}", done.stderr);
    let mut lines: Vec<&str> = done.stdout.lines().collect();
    lines.sort_unstable();
    let unknown = "deleted: no event here was of this person, and CleverTap was told all the same";
    assert_eq!(lines, ["ev_3 deleted", &format!("ev_4 {unknown}"), &format!("ev_5 {unknown}")]);
    let mut deleted: Vec<String> = clevertap.deleted().into_iter().map(|(id, _)| id).collect();
    deleted.sort_unstable();
    assert_eq!(deleted, ["user_1", "user_2", "user_3"]);

    let accepted = Process::run(&["delete", "--server", &url, "--anonymous", "anon_1"], &variables).await;
    assert_eq!((accepted.code, accepted.stdout.as_str()), (Some(0), "ev_6\n"), "{}", accepted.stderr);
    let url = url.as_str();
    for (arguments, token, words) in [
        (vec!["delete", "--server", url], TOKEN, "nobody to delete"),
        (vec!["delete", "--server", url, "user_1"], "", "TAPLINE_API_TOKEN"),
        (vec!["delete", "--server", url, "user_1"], "another", "does not know this token"),
        (
            vec!["delete", "--server", "http://127.0.0.1:1", "user_1"],
            TOKEN,
            "is `tapline serve` running there?",
        ),
        (vec!["delete", "--server", "localhost", "user_1"], TOKEN, "expected `http://HOST:PORT`"),
        (vec!["delete", "--file", "nowhere"], TOKEN, "can not read `nowhere`"),
    ] {
        let ended = Process::run(&arguments, &[("TAPLINE_API_TOKEN", token)]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
}

/// Every event of a journal that no server has open.
async fn journal(data: &std::path::Path) -> (std::sync::Arc<SledJournal>, Vec<Block>) {
    let (journal, _store) = SledJournal::open(data, Options::default()).unwrap();
    let (mut blocks, mut at) = (Vec::new(), Seq(0));
    while let Some(block) = journal.block_from(at).await.unwrap() {
        at = block.end();
        blocks.push((*block).clone());
    }
    (journal, blocks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kills_nothing_follows_a_deletion_and_what_it_erases_stays_erased() {
    const PEOPLE: usize = 8;
    const BEFORE: usize = 4;
    let rounds = figure::rounds(6, 60);
    let (data, clevertap) = (tempfile::tempdir().unwrap(), clevertap("slow:ms=20").await);
    let person = |round: usize, number: usize| format!("person_{round}_{number}");
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let starting = Instant::now();
        let server = serve(data.path(), &clevertap).await;
        longest = longest.max(starting.elapsed());
        let mut connection = Connection::open(server.address).await;
        for number in 0..PEOPLE {
            let person = person(round, number);
            let batch: Vec<Value> = (0..BEFORE).map(|n| event(&person, "Before", n)).collect();
            let sent = connection.send(&post("/v1/batch").body(json!({ "batch": batch }).to_string())).await;
            assert_eq!(sent.status, 200);
            let sent = connection.send(&order(json!({"userIds": [person]}).to_string())).await;
            assert_eq!(sent.status, 202, "{}", sent.text());
            if number.is_multiple_of(2) {
                let after = event(&person, "After", 0).to_string();
                assert_eq!(connection.send(&post("/v1/track").body(after)).await.status, 200);
            }
        }
        tokio::time::sleep(Duration::from_millis((round as u64 * 67) % 400)).await;
        server.kill().await;
    }
    let server = serve(data.path(), &clevertap).await;
    settled(&server).await;
    let ids: Vec<String> =
        (0..rounds * (PEOPLE * (BEFORE + 1) + PEOPLE / 2)).map(|n| format!("ev_{n}")).collect();
    let started = Instant::now();
    for ids in ids.chunks(500) {
        loop {
            let request = bearer(Request::new("GET", &format!("/api/v1/deletions?ids={}", ids.join(","))));
            let states = Connection::open(server.address).await.send(&request).await.json();
            let states = states["deletions"].as_array().unwrap().clone();
            if states.iter().all(|state| state["erased"] == true) {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{states:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(server.terminate().await.code, Some(0));

    let (journal, blocks) = journal(data.path()).await;
    let counts = journal.counts();
    assert_eq!(counts.accepted as usize, ids.len());
    assert_eq!(
        counts.accepted,
        counts.delivered + counts.filtered + counts.failed + counts.dead + counts.pending
    );
    assert_eq!((counts.pending, counts.dead, counts.failed), (0, 0, 0), "{counts:?}");
    let mut whole = 0;
    for (seq, entry) in blocks.iter().flat_map(Block::iter) {
        let body = String::from_utf8_lossy(&entry.body);
        let is_after = body.contains("\"After\"");
        assert_eq!(entry.erased_at.is_none(), is_after, "{seq}: {body}");
        assert!(is_after || !body.contains("person_"), "{seq}: {body}");
        whole += usize::from(is_after);
    }
    assert_eq!(whole, rounds * PEOPLE / 2);

    let received: Vec<Value> =
        clevertap.received().iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    let deleted = clevertap.deleted();
    for person in (0..rounds).flat_map(|round| (0..PEOPLE).map(move |number| person(round, number))) {
        let calls: Vec<usize> =
            deleted.iter().filter(|(id, _)| *id == person).map(|(_, after)| *after).collect();
        let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
        for (place, record) in
            received.iter().enumerate().filter(|(_, record)| record["identity"] == person.as_str())
        {
            match record["evtName"] == "Before" {
                true => assert!(place < *first, "{person}: a record of before came after its deletion"),
                false => assert!(place >= *last, "{person}: a record of after came before its deletion"),
            }
        }
    }
    let repeated = received.len() - rounds * PEOPLE * BEFORE - whole;
    assert!(repeated <= rounds * PEOPLE * (BEFORE + 1), "{repeated} records came twice");
    assert!(clevertap.tally().most_deletions_in_flight <= 3 && clevertap.tally().too_many == 0);
    figure::fault(Fault {
        name: "kill -9 with deletions on their way: their order, and what they erase",
        rounds,
        acknowledged: counts.accepted as usize,
        lost: 0,
        twice: Some(repeated),
        recovery: longest,
        mutation: "what comes after a deletion does not wait for it",
    });
    drop((journal, blocks));

    // What an earlier run erased leaves the disk after the next start, by itself.
    let started = Instant::now();
    loop {
        let server = serve(data.path(), &clevertap).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(server.terminate().await.code, Some(0));
        let (journal, _store) = SledJournal::open(data.path(), Options::default()).unwrap();
        if journal.unpurged() == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{} events are still on the disk", journal.unpurged());
    }
}
