//! The stand-in itself: answers as recorded and documented, over plain HTTP.

use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tapline::settings::Secret;
use tapline::simulator::{Options, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEADERS: &str = "X-CleverTap-Account-Id: A\r\nX-CleverTap-Passcode: P\r\nContent-Type: application/json; charset=utf-8\r\n";

async fn simulator(options: Options) -> Simulator {
    Simulator::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).await.unwrap()
}

/// Status, head and body of an answer; status 0 when none came.
async fn call(simulator: &Simulator, request: &str, headers: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A cut connection may end in an error; what came before it is what counts.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_lowercase(), body.to_owned())
}

async fn upload(simulator: &Simulator, records: &Value) -> (u16, Value) {
    let (status, _, body) =
        call(simulator, "POST /1/upload", HEADERS, &json!({"d": records}).to_string()).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn event(user: &str) -> Value {
    json!({"type": "event", "identity": user, "evtName": "Viewed", "evtData": {"price": 1.50}, "ts": 1_700_000_000})
}

#[tokio::test]
async fn a_partial_answer_is_as_recorded() {
    let simulator = simulator(Options::default()).await;
    let profile = |email: &str| json!({"identity": "4", "type": "profile", "profileData": {"Email": email, "Phone": "+35922333232"}});
    let body = json!({"d": [profile("jane@example.com"), profile("$$$$$")]}).to_string();
    let (status, head, answer) = call(&simulator, "POST /1/upload", HEADERS, &body).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json;charset=utf-8"), "{head}");
    let expected = concat!(
        r#"{ "status" : "partial" , "processed" : 1 , "unprocessed" : [ { "status" : "fail" , "code" : 515 , "#,
        r#""error" : "Profile data is incorrect. Email is not valid.Skipped record number : 2" , "#,
        r#""record" : { "identity" : "4" , "type" : "profile" , "profileData" : { "Email" : "$$$$$" , "#,
        r#""Phone" : "+35922333232"}}}]}"#
    );
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn the_echo_of_a_refused_profile_is_altered_as_recorded() {
    let simulator = simulator(Options::default()).await;
    let profile =
        json!({"identity": "9", "type": "profile", "profileData": {"Phone": "+35922333232", "Age": "old"}});
    let (_, answer) = upload(&simulator, &json!([profile])).await;
    assert_eq!(answer["unprocessed"][0]["code"], 520);
    assert_eq!(answer["unprocessed"][0]["record"]["profileData"]["Phone"], json!(35_922_333_232_u64));
    assert_eq!(answer["status"], "fail");
}

#[tokio::test]
async fn what_was_taken_is_listed_in_order_byte_for_byte_and_by_pages() {
    let simulator = simulator(Options { keep: 3, ..Options::default() }).await;
    let body = r#"{"d":[{"type":"event","identity":"a","evtName":"E","evtData":{"big":12345678901234567890,"x":1.50}}]}"#;
    call(&simulator, "POST /1/upload", HEADERS, body).await;
    let (_, _, listed) = call(&simulator, "GET /received", "", "").await;
    assert_eq!(listed, body.replacen(r#"{"d":["#, r#"{"count":1,"records":["#, 1));
    for user in ["b", "c", "d", "e"] {
        upload(&simulator, &json!([event(user)])).await;
    }
    let users = async |query: &str| {
        let (_, _, body) = call(&simulator, &format!("GET /received{query}"), "", "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let users: Vec<Value> =
            body["records"].as_array().unwrap().iter().map(|r| r["identity"].clone()).collect();
        (body["count"].as_u64().unwrap(), json!(users))
    };
    assert_eq!(users("").await, (5, json!(["c", "d", "e"])), "the oldest are forgotten, but counted");
    assert_eq!(users("?after=3").await, (5, json!(["d", "e"])));
    assert_eq!(users("?after=3&limit=1").await, (5, json!(["d"])));
    assert_eq!(users("?after=9").await, (5, json!([])));
    assert_eq!(call(&simulator, "DELETE /received", "", "").await.0, 204);
    assert_eq!(users("").await, (0, json!([])));
}

#[tokio::test]
async fn a_dry_run_validates_and_stores_nothing() {
    let simulator = simulator(Options::default()).await;
    let body = json!({"d": [event("a"), {"type": "nonsense"}]}).to_string();
    let (status, _, answer) = call(&simulator, "POST /1/upload?dryRun=1", HEADERS, &body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status, &answer["processed"], &answer["unprocessed"][0]["code"]),
        (200, &json!(1), &json!(524))
    );
    assert!(simulator.received().is_empty());
    call(&simulator, "POST /1/upload?dryRun=0", HEADERS, &body).await;
    assert_eq!(simulator.received().len(), 1);
}

#[tokio::test]
async fn only_the_right_account_is_let_in() {
    let options =
        Options { account_id: Some("A".to_owned()), passcode: Secret::parse("P"), ..Options::default() };
    let simulator = simulator(options).await;
    let unknown = r#"{ "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}"#;
    let invalid = r#"{ "status" : "fail" , "error" : "Invalid Credentials" , "code" : 401}"#;
    let cases = [
        ("", 401, unknown),
        ("X-CleverTap-Account-Id: B\r\nX-CleverTap-Passcode: P\r\n", 401, unknown),
        ("X-CleverTap-Account-Id: A\r\n", 401, invalid),
        ("X-CleverTap-Account-Id: A\r\nX-CleverTap-Passcode: Q\r\n", 401, invalid),
        (HEADERS, 200, r#"{ "status" : "success" , "processed" : 0 , "unprocessed" : [ ]}"#),
    ];
    for (headers, status, body) in cases {
        let (got, _, answer) = call(&simulator, "POST /1/upload", headers, r#"{"d":[]}"#).await;
        assert_eq!((got, answer.as_str()), (status, body), "{headers}");
    }
    assert_eq!(call(&simulator, "GET /1/profile.json?identity=a", "", "").await.0, 401);
    assert_eq!(call(&simulator, "POST /1/delete/profiles.json", "", "{}").await.0, 401);
}

#[tokio::test]
async fn a_request_that_is_not_as_documented_is_malformed() {
    let simulator = simulator(Options::default()).await;
    let thousand_and_one = json!({"d": vec![event("a"); 1_001]}).to_string();
    let bodies = ["", "{", "[]", "{}", r#"{"d":{}}"#, r#"{"d":[1]}"#, r#"{"d":[{"a":]}"#, &thousand_and_one];
    for body in bodies {
        let (status, _, answer) = call(&simulator, "POST /1/upload", HEADERS, body).await;
        let expected = r#"{ "status" : "fail" , "error" : "Malformed request" , "code" : 400}"#;
        assert_eq!((status, answer.as_str()), (400, expected), "{}", body.get(..40).unwrap_or(body));
    }
    let no_type = HEADERS.replace("application/json", "text/plain");
    assert_eq!(call(&simulator, "POST /1/upload", &no_type, r#"{"d":[]}"#).await.0, 400);
    let thousand = json!(vec![event("a"); 1_000]);
    assert_eq!(upload(&simulator, &thousand).await.1["processed"], 1_000);
    assert_eq!(call(&simulator, "GET /1/nothing", "", "").await.0, 404);
}

#[tokio::test]
async fn the_sixteenth_upload_at_once_is_too_many() {
    let options = Options { faults: vec!["slow:ms=300".parse().unwrap()], ..Options::default() };
    let simulator = Arc::new(simulator(options).await);
    let calls = (0..20).map(|_| {
        let simulator = simulator.clone();
        tokio::spawn(async move { upload(&simulator, &json!([event("a")])).await })
    });
    let mut refused = 0;
    for call in calls.collect::<Vec<_>>() {
        let (status, body) = call.await.unwrap();
        if status == 429 {
            assert_eq!(body["error"], "Too many concurrent requests");
            refused += 1;
        }
    }
    assert_eq!((refused, simulator.tally().too_many), (5, 5));
    assert!(simulator.tally().most_in_flight > 15);
    assert_eq!(simulator.received().len(), 15);
}

#[tokio::test]
async fn faults_answer_as_their_names_say() {
    let simulator = simulator(Options::default()).await;
    let cases = [
        ("429:retry_after=9", 429, "retry-after: 9", "Too many concurrent requests", 0),
        ("503", 503, "", "Service Unavailable. Please retry later.", 0),
        ("401", 401, "", "Account ID is not valid", 0),
        ("400", 400, "", "Malformed request", 0),
        ("html", 200, "content-type: text/html", "<!DOCTYPE html>", 0),
        ("empty", 200, "content-length: 0", "", 0),
        ("huge", 200, "content-length: 10485760", "", 0),
        ("bomb", 200, "content-encoding: gzip", "", 0),
        ("miscount", 200, "", r#""processed" : 1000001"#, 0),
        ("unlisted", 200, "", r#""status" : "fail" , "processed" : 0"#, 0),
        ("redirect:to=http://127.0.0.1:1/x", 307, "location: http://127.0.0.1:1/x", "", 0),
        ("reset", 0, "", "", 0),
        ("cut", 0, "", "", 1),
        ("partial:share=1", 200, "", "Skipped record number : 1", 0),
        ("partial:share=1,code=515", 200, "", r#""code" : 515"#, 0),
        ("slow:ms=1", 200, "", r#""processed" : 1"#, 1),
    ];
    for (fault, status, head, body, taken) in cases {
        simulator.clear();
        simulator.set_faults(vec![fault.parse().unwrap()]);
        let request = json!({"d": [event("a")]}).to_string();
        let answer = call(&simulator, "POST /1/upload", HEADERS, &request).await;
        assert_eq!(answer.0, status, "{fault}");
        assert!(answer.1.contains(head), "{fault}: {}", answer.1);
        assert!(answer.2.contains(body), "{fault}: {}", answer.2);
        assert_eq!(simulator.received().len(), taken, "{fault}");
    }
}

#[tokio::test]
async fn a_profile_is_put_together_by_identity_and_object_id_and_can_be_deleted() {
    let simulator = simulator(Options::default()).await;
    let records = json!([
        {"type": "profile", "objectId": "anon-1", "profileData": {"identity": "u1", "Name": "Jane", "Email": "jane@example.com"}},
        {"type": "event", "identity": "u1", "evtName": "Viewed", "evtData": {}, "ts": 100},
        {"type": "event", "objectId": "anon-1", "evtName": "Viewed", "evtData": {}, "ts": 200},
        {"type": "token", "objectId": "anon-1", "tokenData": {"id": "t", "type": "fcm"}},
        {"type": "event", "identity": "u2", "evtName": "Viewed", "evtData": {}},
    ]);
    assert_eq!(upload(&simulator, &records).await.1["processed"], 5);
    for query in ["identity=u1", "objectId=anon-1", "email=jane%40example.com"] {
        let (status, _, body) = call(&simulator, &format!("GET /1/profile.json?{query}"), HEADERS, "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["record"]["profileData"]["Name"]),
            (200, &json!("Jane")),
            "{query}: {body}"
        );
        let viewed = json!({"count": 2, "first_seen": 100, "last_seen": 200});
        assert_eq!(body["record"]["events"]["Viewed"], viewed, "{query}");
        assert_eq!(body["record"]["platformInfo"][0]["push_token"], "t");
    }
    assert_eq!(call(&simulator, "GET /1/profile.json?identity=u9", HEADERS, "").await.0, 404);
    assert_eq!(call(&simulator, "GET /1/profile.json", HEADERS, "").await.0, 400);

    let delete = async |body: Value| {
        call(&simulator, "POST /1/delete/profiles.json", HEADERS, &body.to_string()).await
    };
    assert_eq!(delete(json!({"identity": ["u1"], "guid": ["anon-1"]})).await.0, 400);
    assert_eq!(delete(json!({"identity": vec!["u"; 101]})).await.0, 400);
    assert_eq!(delete(json!({"identity": ["u1"]})).await.2, r#"{ "status" : "success"}"#);
    assert_eq!(delete(json!({"guid": "anon-1"})).await.0, 200);
    assert_eq!(call(&simulator, "GET /1/profile.json?identity=u1", HEADERS, "").await.0, 404);
    assert_eq!(call(&simulator, "GET /1/profile.json?identity=u2", HEADERS, "").await.0, 200);
    assert_eq!(simulator.received().len(), 5);
}

#[tokio::test]
async fn a_stopped_simulator_takes_nothing_more() {
    let simulator = simulator(Options::default()).await;
    let address = simulator.address();
    simulator.stop().await;
    let connected = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await;
    assert!(!matches!(connected, Ok(Ok(_))));
}
