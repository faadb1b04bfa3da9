//! Ten thousand damaged bodies: each is answered 2xx or 4xx, none brings anything down, and what is stored is JSON.

use crate::support::app::{TestApp, post};
use crate::support::figure::{self, Fault};
use std::time::Duration;
use tapline::engine::event::{At, Kind, Scanner};

const SEED: u64 = 0x5EED;

/// A small generator whose numbers depend on nothing but its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Pieces that often upset parsers.
const PIECES: [&[u8]; 20] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud800",
    b",",
    b":",
    b"null",
    b"-",
    b"1e999",
    b"\0",
    b"\xFF",
    b"\xC3",
    b"\xEF\xBB\xBF",
    b"{\"batch\":[",
    b"\"messageId\":",
    b"9223372036854775808",
];

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let identify = r#"{"userId":"user_1","anonymousId":"anon_1","messageId":"m","timestamp":"2026-01-01T00:00:00.000Z","sentAt":"2026-01-01T00:00:01Z","writeKey":"write_key_1","traits":{"email":"jane@example.com","age":31.50,"tags":["a",{"b":null}]}}"#;
    let track = r#"{"userId":7,"event":"Order \"Completed\"","messageId":"m","properties":{"total":1.5e3,"products":[{"sku":"\u00e9"}]},"context":{"device":{"token":"t"}}}"#;
    let batch = r#"{"batch":[{"type":"page","userId":"user_1","messageId":"a"},{"type":"track","event":"e","anonymousId":"b"},{"type":"identify","userId":"c","context":{"ip":"x"}}],"context":{"ip":"192.0.2.1","library":{"name":"n"}},"integrations":{"All":true},"sentAt":"2026-01-01T00:00:00Z","writeKey":"write_key_1"}"#;
    vec![
        ("/v1/identify", identify.into()),
        ("/v1/track", track.into()),
        ("/v1/batch", batch.into()),
        ("/v1/import", batch.into()),
    ]
}

fn mutate(body: &[u8], random: &mut Random) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(body.len() + 1);
        let length = random.below(24).min(body.len() - at);
        match random.below(7) {
            0 => body.truncate(at),
            1 => drop(body.drain(at..at + length)),
            2 => {
                let copy = body[at..at + length].to_vec();
                body.splice(at..at, copy.repeat(1 + random.below(50)));
            }
            3 if at < body.len() => body[at] ^= 1 << random.below(8),
            4 => {
                let other = random.below(body.len() + 1);
                let copy = body[at..at + length].to_vec();
                body.splice(other..other, copy);
            }
            5 => {
                let nest: &[u8] = if random.below(2) == 0 { b"[" } else { b"{\"k\":" };
                body.splice(at..at, nest.repeat(random.below(200)));
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                body.splice(at..at, piece.iter().copied());
            }
        }
    }
    body
}

#[tokio::test]
async fn ten_thousand_damaged_bodies_are_each_answered_and_bring_nothing_down() {
    let app = TestApp::start().await;
    let mut random = Random(SEED);
    let seeds = seeds();
    let (mut taken, mut refused) = (0, 0);
    let mut connection = app.connect().await;
    for round in 0..10_000 {
        let (path, body) = &seeds[random.below(seeds.len())];
        let body = mutate(body, &mut random);
        let answer = connection.send(&post(path).body(body.clone())).await;
        let shown = String::from_utf8_lossy(&body);
        match answer.status {
            200 => taken += 1,
            400..500 => {
                refused += 1;
                assert!(!answer.code().is_empty(), "round {round}: {shown}");
            }
            other => panic!("round {round}: {other} for {shown}"),
        }
        if answer.header("Connection") == Some("close") {
            connection = app.connect().await;
        }
    }
    assert!(
        taken > 1000 && refused > 1000,
        "{taken} taken, {refused} refused: the damage is of the wrong size"
    );
    let mut scanner = Scanner::default();
    for entry in app.stored().await {
        let text = std::str::from_utf8(&entry.body).expect("stored events are UTF-8");
        let event = scanner.scan(text).expect("stored events are JSON");
        for name in ["receivedAt", "messageId"] {
            let value = event.get(At::ROOT, name).expect("stored events are completed");
            assert_eq!(event.kind(value), Kind::String, "{text}");
        }
        assert_eq!(event.get(At::ROOT, "writeKey"), None, "{text}");
    }
    assert_eq!(app.get("/readyz").await.status, 200);
    figure::fault(Fault {
        name: "10,000 calls that were damaged on the way: 200 or 4xx, and nothing stored that is no event",
        rounds: taken + refused,
        acknowledged: taken,
        lost: 0,
        twice: None,
        recovery: Duration::ZERO,
        mutation: "`writeKey` stays in what is stored",
    });
}

#[tokio::test]
async fn whatever_one_call_of_a_batch_is_its_neighbours_are_stored() {
    let app = TestApp::start().await;
    let mut random = Random(SEED);
    let values = [
        "null",
        "true",
        "-0",
        "1e999",
        "\"\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[[[[]]]]",
        "{\"a\":{}}",
        "\"x\"",
        "12345678901234567890",
    ];
    let names = [
        "type",
        "userId",
        "anonymousId",
        "event",
        "messageId",
        "context",
        "integrations",
        "timestamp",
        "sentAt",
        "originalTimestamp",
        "receivedAt",
        "properties",
        "traits",
        "writeKey",
        "\\u0000",
        "",
    ];
    for round in 0..500 {
        let members: Vec<_> = (0..random.below(12))
            .map(|_| {
                format!("\"{}\":{}", names[random.below(names.len())], values[random.below(values.len())])
            })
            .collect();
        let odd = if random.below(5) == 0 {
            values[random.below(values.len())].to_owned()
        } else {
            format!("{{{}}}", members.join(","))
        };
        let good = |id: &str| format!(r#"{{"type":"page","userId":"user_1","messageId":"{id}_{round}"}}"#);
        let body =
            format!(r#"{{"batch":[{},{odd},{}],"context":{{"ip":"x"}}}}"#, good("before"), good("after"));
        assert_eq!(app.post("/v1/batch", body).await.status, 200, "{odd}");
    }
    let stored = app.stored().await;
    for side in ["before", "after"] {
        let with_side = |entry: &&tapline::journal::Entry| {
            entry.refusal.is_none() && String::from_utf8_lossy(&entry.body).contains(&format!("\"{side}_"))
        };
        assert_eq!(stored.iter().filter(with_side).count(), 500);
    }
}
