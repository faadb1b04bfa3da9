//! The REST API over a real connection.

/// What other rules would make of stored events.
mod diffs;
/// Lists of events, one event, its attempts.
mod events;
/// Settings, keys and the sandbox.
mod settings;
/// The log as it grows.
mod stream;

use crate::support::app::TestApp;
use crate::support::http::Request;
use serde_json::Value;

const TOKEN: &str = "token-of-the-test";

/// A call of preview without a token.
pub(crate) fn call(body: &str) -> Request {
    Request::new("POST", "/api/v1/preview").header("Content-Type", "application/json").body(body)
}

fn with_token(body: &str) -> Request {
    call(body).header("Authorization", &format!("Bearer {TOKEN}"))
}

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).start().await
}

/// Checks that it is a problem, and gives its errors' pointers.
fn pointers(answer: &crate::support::http::Answer) -> Vec<String> {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn preview_answers_in_the_shape_of_the_contract_and_keeps_nothing() {
    let app = app().await;
    let track =
        r#"{"type":"track","event":"a","userId":"u","anonymousId":"a1","timestamp":"2026-11-23T10:15:00Z"}"#;
    let group = r#"{"type":"group","userId":"u","anonymousId":"a1"}"#;
    let answer = app.send(&with_token(&format!("{{\"events\":[{track},{group},3]}}"))).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let results = answer.json()["results"].clone();
    let keys: Vec<&String> = results[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["outcome", "reason", "records", "warnings", "revision"]);
    assert_eq!(results[0]["outcome"], "mapped");
    assert_eq!(results[0]["reason"], Value::Null);
    assert_eq!(results[0]["records"][0]["evtName"], "a");
    assert_eq!(
        (&results[1]["outcome"], &results[1]["reason"]["code"]),
        (&"filtered".into(), &"group_unsupported".into())
    );
    assert_eq!(results[2]["outcome"], "failed");
    assert!(app.stored().await.is_empty());

    let traced = app.send(&with_token(&format!("{{\"event\":{track},\"trace\":true}}"))).await.json();
    assert!(traced["results"][0]["trace"]["rules"].as_array().is_some_and(|rules| rules.len() > 5));
}

#[tokio::test]
async fn options_packs_and_rule_files_can_be_tried_without_being_put_in_force() {
    let app = app().await;
    let revision = app.app.rules.plan().revision().to_owned();
    let event = r#"{"type":"track","event":"a","userId":"u"}"#;
    let plain = app.send(&with_token(&format!("{{\"event\":{event}}}"))).await.json();
    assert_eq!(plain["results"][0]["reason"]["code"], "missing_anonymous_id");
    let body = format!("{{\"event\":{event},\"options\":{{\"require_both_ids\":false}}}}");
    let tried = app.send(&with_token(&body)).await.json();
    assert_eq!(tried["results"][0]["outcome"], "mapped", "{tried}");
    assert_ne!(tried["results"][0]["revision"], revision.as_str());

    let rules = serde_json::json!({"packs/mine.yaml": "version: 1\npack: mine\ntitle: Mine\nrules:\n  - id: all\n    when: { type: track }\n    filter: { code: mine, message: all of mine }\n"});
    let body = format!("{{\"event\":{event},\"pack\":\"mine\",\"rules\":{rules}}}");
    let tried = app.send(&with_token(&body)).await;
    assert_eq!(tried.json()["results"][0]["reason"]["code"], "mine", "{}", tried.text());
    assert_eq!(app.app.rules.plan().revision(), revision, "the live rules are as before");
}

#[tokio::test]
async fn wrong_candidate_rules_are_complained_of_all_at_once_with_their_places() {
    let app = app().await;
    let rules = serde_json::json!({"packs/mine.yaml": "version: 1\npack: mine\ntitle: Mine\nrules:\n  - id: a\n    wen: { type: track }\n    filter: { code: x }\n"});
    let body = format!("{{\"event\":{{}},\"pack\":\"mine\",\"rules\":{rules}}}");
    let answer = app.send(&with_token(&body)).await;
    assert_eq!(answer.status, 400);
    let found = pointers(&answer);
    assert!(
        found.len() >= 2 && found.iter().all(|pointer| pointer == "/rules/packs~1mine.yaml"),
        "{}",
        answer.text()
    );
    let first = &answer.json()["errors"][0];
    assert!(
        first["code"].as_str().is_some_and(|code| code.starts_with('R')) && first["line"].as_u64() >= Some(5),
        "{first}"
    );

    let unknown = app.send(&with_token(r#"{"event":{},"pack":"segment-clod"}"#)).await;
    assert_eq!(pointers(&unknown), ["/pack"], "{}", unknown.text());
    let option =
        app.send(&with_token(r#"{"event":{},"options":{"require_both_ids":"maybe","nonsense":1}}"#)).await;
    assert_eq!(pointers(&option), ["/options", "/options"], "{}", option.text());
}

#[tokio::test]
async fn every_problem_of_a_request_is_named_at_once() {
    let app = app().await;
    let answer = app.send(&with_token(r#"{"events":{},"trace":1,"unknown":true}"#)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(pointers(&answer), ["/events", "/trace", "/unknown"]);
    for body in ["", "[]", "nonsense", "{\"event\":}", "\"\u{0}\""] {
        let answer = app.send(&with_token(body)).await;
        assert_eq!((answer.status, pointers(&answer)), (400, vec![String::new()]), "{body}");
    }
    let many = format!("{{\"events\":[{}]}}", vec!["{}"; 2501].join(","));
    assert_eq!(pointers(&app.send(&with_token(&many)).await), ["/events"]);
}

#[tokio::test]
async fn only_a_good_token_that_allows_it_is_let_in() {
    let app = app().await;
    for value in ["", "Bearer", "Bearer wrong", "Basic dG9rZW46", &format!("Bearer {TOKEN}x")] {
        let mut request = call("{\"event\":{}}");
        if !value.is_empty() {
            request = request.header("Authorization", value);
        }
        let answer = app.send(&request).await;
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"Tapline\""));
        pointers(&answer);
    }
    // A token that may do less than this call, as roles will make them.
    let digest = tapline::admin::Digest::of("tap_less");
    let stored = r#"{"version":1,"id":"x","name":"less","ending":"less","created_by":"admin","created_at":0,"used_at":null,"may":["see_events"]}"#;
    let table = tapline::journal::Table::ApiTokens;
    app.app.store.put(table, digest.as_bytes(), Some(stored.as_bytes())).unwrap();
    let answer = app.send(&call("{\"event\":{}}").header("Authorization", "Bearer tap_less")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    pointers(&answer);
}

#[tokio::test]
async fn what_is_not_a_call_is_refused_as_a_problem() {
    let app = app().await;
    let bearer = format!("Bearer {TOKEN}");
    let wrong_method =
        app.send(&Request::new("GET", "/api/v1/preview").header("Authorization", &bearer)).await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("POST")));
    pointers(&wrong_method);
    for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/preview"] {
        let answer = app.send(&Request::new("GET", path).header("Authorization", &bearer)).await;
        assert_eq!(answer.status, 404, "{path}");
        pointers(&answer);
    }
    let bare =
        Request::new("POST", "/api/v1/preview").header("Authorization", &bearer).body("{\"event\":{}}");
    assert_eq!(app.send(&bare).await.status, 415);
    assert_eq!(app.send(&bare.clone().header("Content-Type", "text/plain")).await.status, 415);
    let encoded = bare.clone().header("Content-Type", "application/json").header("Content-Encoding", "gzip");
    assert_eq!(app.send(&encoded).await.status, 415);
    let good = bare.header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(app.send(&good).await.status, 200);
    let large = with_token(&format!("{{\"event\":\"{}\"}}", "x".repeat(2 * 1024 * 1024)));
    let answer = app.send(&large).await;
    assert_eq!(answer.status, 413);
    pointers(&answer);
}

#[tokio::test]
async fn a_device_pack_can_be_tried_and_its_trace_tells_of_the_arguments() {
    let app = app().await;
    let event = r#"{"type":"identify","userId":"u1","traits":{"gender":"f","address":{"city":"Oslo"}}}"#;
    let body = format!("{{\"event\":{event},\"pack\":\"segment-device-web\",\"trace\":true}}");
    let result = app.send(&with_token(&body)).await.json()["results"][0].clone();
    let call = serde_json::json!({ "type": "call", "method": "onUserLogin.push", "args": [{ "Site": { "Identity": "u1", "Gender": "f" } }] });
    assert_eq!(result["records"], Value::Array(vec![call]));
    assert_eq!(result["warnings"][0]["path"], "traits.address");
    let record = &result["trace"]["records"][0];
    assert_eq!((&record["kind"], &record["rule"]), (&"call".into(), &"identify".into()));
    let fields: Vec<_> = record["fields"].as_array().unwrap().iter().collect();
    let said: Vec<_> = fields.iter().map(|field| (&field["target"], &field["from"])).collect();
    let expected = [("Identity".into(), "userId".into()), ("Gender".into(), "traits.gender".into())];
    assert_eq!(said, expected.iter().map(|(target, from)| (target, from)).collect::<Vec<_>>());
    assert_eq!(app.app.rules.plan().pack(), "segment-cloud");
}

fn rules() -> Request {
    Request::new("GET", "/api/v1/rules").header("Authorization", &format!("Bearer {TOKEN}"))
}

#[tokio::test]
async fn the_rules_in_force_are_told_and_why_the_newest_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tapline.yaml");
    std::fs::write(&file, "version: 1\npack: segment-cloud\n").unwrap();
    let app = TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).rules(directory.path()).start().await;
    let fine = app.send(&rules()).await;
    assert_eq!(fine.status, 200, "{}", fine.text());
    let fine = fine.json();
    let revision = app.app.rules.plan().revision().to_owned();
    assert_eq!((&fine["pack"], &fine["revision"]), (&"segment-cloud".into(), &revision.as_str().into()));
    assert_eq!((&fine["newest_is_live"], &fine["problem"]), (&true.into(), &Value::Null));
    assert_eq!(fine["options"]["require_both_ids"], true);
    assert_eq!(fine["revisions"][0]["revision"], revision.as_str());
    assert!(fine["hash"].as_str().is_some_and(|hash| hash.len() == 64 && hash.starts_with(&revision)));

    std::fs::write(&file, "version: 1\npack: segment-clout\nrulse: []\n").unwrap();
    app.app.rules.reload(&tapline::settings::Settings::default());
    let broken = app.send(&rules()).await.json();
    assert_eq!((&broken["newest_is_live"], &broken["revision"]), (&false.into(), &revision.as_str().into()));
    let problems = broken["problem"]["problems"].as_array().unwrap().clone();
    let found: Vec<_> = problems.iter().map(|p| (p["code"].as_str().unwrap(), p["line"].as_u64())).collect();
    assert_eq!(found, [("R110", Some(2)), ("R103", Some(3))], "{broken}");
    assert!(problems.iter().all(|problem| problem["file"] == "tapline.yaml"), "{broken}");
    assert_eq!(
        broken["revisions"].as_array().unwrap().iter().filter(|kept| kept["good"] == false).count(),
        1
    );
    assert_eq!(app.send(&Request::new("GET", "/api/v1/rules")).await.status, 401);
}

#[tokio::test]
async fn candidate_rules_are_judged_as_check_judges_them_and_not_put_in_force() {
    let app = app().await;
    let before = app.app.rules.plan().revision().to_owned();
    let validate = |body: Value| {
        Request::new("POST", "/api/v1/validate")
            .header("Content-Type", "application/json")
            .header("Authorization", &format!("Bearer {TOKEN}"))
            .body(body.to_string())
    };
    let local = |rule: &str| serde_json::json!({"rules": {"tapline.yaml": format!("version: 1\npack: segment-cloud\nrules:\n  - id: mine\n    {rule}\n")}});
    let fine = app
        .send(&validate(local(
            "when: { type: group, where: { groupId: g1 } }\n    filter: { code: mine, message: mine }",
        )))
        .await;
    let fine = fine.json();
    assert_eq!((&fine["valid"], &fine["problems"]), (&true.into(), &serde_json::json!([])), "{fine}");
    assert!(fine["revision"].as_str().is_some_and(|revision| revision != before));
    let odd = app
        .send(&validate(local(
            "when: { present: userId, missing: userId }\n    filter: { code: mine, message: mine }",
        )))
        .await;
    let odd = odd.json();
    assert_eq!((&odd["valid"], &odd["problems"][0]["severity"]), (&true.into(), &"warning".into()), "{odd}");
    let wrong = app.send(&validate(local("wen: { type: group }\n    filter: { code: mine }"))).await.json();
    assert_eq!((&wrong["valid"], &wrong["revision"]), (&false.into(), &Value::Null));
    let codes: Vec<_> = wrong["problems"].as_array().unwrap().iter().map(|p| p["code"].clone()).collect();
    assert!(codes.contains(&"R103".into()) && codes.contains(&"R105".into()), "{wrong}");
    let device = app.send(&validate(serde_json::json!({"pack": "segment-device-web"}))).await.json();
    assert_eq!(device["problems"][0]["code"], "R310", "{device}");
    assert_eq!(
        pointers(&app.send(&validate(serde_json::json!({"rules": 3, "trace": true}))).await),
        ["/rules", "/trace"]
    );
    assert_eq!(app.app.rules.plan().revision(), before);
}
