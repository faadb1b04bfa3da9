//! What is sent as Segment sends it arrives as exactly the records that every preview of it shows.

use super::call;
use crate::support::app::{WRITE_KEY, post};
use crate::support::http::{Connection, Request};
use crate::support::process::Process;
use crate::support::stand::{API_TOKEN, Kept, Stand, rules, send, settled};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use tapline::journal::State;

const CALLS: usize = 1500;

#[tokio::test]
async fn a_batch_arrives_as_the_records_that_the_previews_show_byte_for_byte() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    let batch = call::batch((0..CALLS).map(call::mixed));
    assert!(batch.len() < 500_000, "{} bytes are more than Segment sends at once", batch.len());
    let answer = send(&server, "/v1/batch", batch).await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));

    let (kept, _) = stand.journal().await;
    assert_eq!(kept.len(), CALLS);
    let shown = preview(&kept).await;
    let server = stand.serve().await;
    assert_eq!(preview_over_http(&server, &kept).await, shown);
    assert_ended_as_shown(&kept, &shown);

    let (received, expected) = (stand.received().await, expected_records(&shown));
    assert_eq!(by_person(&received), by_person(&expected));
    assert!(expected.len() > CALLS / 2, "only {} records were compared", expected.len());
    let kinds: BTreeSet<_> = expected.iter().filter_map(|record| field(record, "/type")).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["event", "profile", "token"]);
}

#[tokio::test]
async fn every_way_in_leads_to_the_same_records() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    let call = |id: &str| {
        format!(
            r#"{{"type":"track","event":"Step Taken","userId":"user_1","anonymousId":"device-1","messageId":"{id}",
               "timestamp":"2026-01-01T00:00:00Z","writeKey":"{WRITE_KEY}","properties":{{"aB":1}}}}"#
        )
    };
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(format!(r#"{{"batch":[{}],"writeKey":"{WRITE_KEY}"}}"#, call("4")).as_bytes()).unwrap();
    let in_body = |path: &str| Request::new("POST", path).header("Content-Type", "text/plain");
    let requests = [
        post("/v1/track").body(call("1")),
        in_body("/v1/t").body(call("2")),
        post("/v1/import").body(format!(r#"{{"batch":[{}]}}"#, call("3"))),
        in_body("/v1/b").header("Content-Encoding", "gzip").body(zipped.finish().unwrap()),
        // As `curl -u KEY: -d` sends it.
        Request::new("POST", "/v1/track")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .basic(WRITE_KEY)
            .body(call("5")),
    ];
    let mut connection = Connection::open(server.address).await;
    for request in &requests {
        assert_eq!(connection.send(request).await.status, 200, "{request:?}");
    }
    settled(&server).await;
    let record =
        r#"{"type":"event","identity":"user_1","evtName":"Step Taken","evtData":{"a_b":1},"ts":1767225600}"#;
    assert_eq!(stand.received().await, [record; 5]);
}

/// One line of `tapline preview --format json` for each event.
async fn preview(kept: &[Kept]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for event in kept {
        writeln!(file, "{}", event.body).unwrap();
    }
    let (rules, path) = (rules(), file.path().to_str().unwrap());
    let arguments = ["preview", "--format", "json", "--rules", rules.to_str().unwrap(), path];
    let ended = Process::run(&arguments, &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout.lines().map(str::to_owned).collect()
}

/// The results of `POST /api/v1/preview`, each as it stands in the answer.
async fn preview_over_http(server: &Process, kept: &[Kept]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Results {
        results: Vec<Box<RawValue>>,
    }
    let events: Vec<&str> = kept.iter().map(|event| event.body.as_str()).collect();
    let request = Request::new("POST", "/api/v1/preview")
        .header("Authorization", &format!("Bearer {API_TOKEN}"))
        .header("Content-Type", "application/json")
        .body(format!(r#"{{"events":[{}]}}"#, events.join(",")));
    let answer = Connection::open(server.address).await.send(&request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results: Results = serde_json::from_slice(&answer.body).unwrap();
    results.results.iter().map(|result| result.get().to_owned()).collect()
}

/// Every event has the end that its preview foretells, for the same reason.
fn assert_ended_as_shown(kept: &[Kept], shown: &[String]) {
    let mut codes = BTreeSet::new();
    for (event, shown) in kept.iter().zip(shown) {
        let end = event.end.as_ref().unwrap_or_else(|| panic!("{} has not ended", event.seq));
        let outcome = match end.state {
            State::Delivered => "mapped",
            State::Filtered => "filtered",
            State::Failed => "failed",
            State::Dead => panic!("CleverTap refused {}: {end:?}", event.body),
        };
        assert_eq!(field(shown, "/outcome").as_deref(), Some(outcome), "{}: {end:?}", event.body);
        assert_eq!(field(shown, "/reason/code"), end.code, "{}", event.body);
        codes.extend(end.code.clone());
    }
    let every = [
        "alias_unsupported_in_cloud_mode",
        "group_unsupported",
        "integration_disabled",
        "missing_anonymous_id",
        "missing_event_name",
        "missing_user_id",
        "no_user_anon_id",
        "restricted_event_name",
    ];
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), every);
}

/// The records of the previews, in order, without the tokens that a device has sent already.
fn expected_records(shown: &[String]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Shown {
        records: Vec<Box<RawValue>>,
    }
    let mut tokens = HashMap::new();
    let records = shown.iter().flat_map(|line| serde_json::from_str::<Shown>(line).unwrap().records);
    let is_new = |record: &String| match field(record, "/tokenData/id") {
        None => true,
        Some(token) => tokens.insert(field(record, "/objectId"), token.clone()) != Some(token),
    };
    records.map(|record| record.get().to_owned()).filter(is_new).collect()
}

/// The records of each person in order: across people there is none.
fn by_person(records: &[String]) -> BTreeMap<String, Vec<&str>> {
    let mut people: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in records {
        let person = ["/identity", "/profileData/identity", "/objectId"];
        let person = person.iter().find_map(|pointer| field(record, pointer)).unwrap();
        people.entry(person).or_default().push(record.as_str());
    }
    people
}

/// Text somewhere in JSON.
fn field(json: &str, pointer: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).unwrap();
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}
