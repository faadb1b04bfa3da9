//! `/api/v1/diffs` and what `/api/v1/rules` says of each rule.

use super::{TOKEN, pointers};
use crate::support::app::TestApp;
use crate::support::http::{Answer, Request};
use serde_json::{Value, json};
use std::process::Command;

/// A rule before the pack's that takes some events for itself.
const LOCAL: &str = "version: 1\npack: segment-cloud\nrules:\n  - id: vip\n    when: { type: track, event: Vip }\n    filter: { \
                     code: vip, message: not for CleverTap }\n";

async fn app() -> TestApp {
    TestApp::builder().variable("TAPLINE_API_TOKEN", TOKEN).start().await
}

fn bearer(method: &str, path: &str) -> Request {
    Request::new(method, path).header("Authorization", &format!("Bearer {TOKEN}"))
}

async fn order(app: &TestApp, body: &Value) -> Answer {
    let request = bearer("POST", "/api/v1/diffs").header("Content-Type", "application/json");
    app.send(&request.body(body.to_string())).await
}

/// Events that the default pack filters, so that they end without CleverTap.
async fn filtered(app: &TestApp, event: &str, count: usize) {
    let one = |number| format!(r#"{{"type":"track","event":"{event}","userId":"user_{number}"}}"#);
    let events: Vec<String> = (0..count).map(one).collect();
    assert_eq!(app.post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, events.join(","))).await.status, 200);
    app.settled().await;
}

#[tokio::test]
async fn exactly_the_events_that_a_candidate_changes_are_found_among_ten_thousand() {
    let app = app().await;
    for _ in 0..5 {
        filtered(&app, "Seen", 1990).await;
    }
    filtered(&app, "Vip", 37).await;
    filtered(&app, "Seen", 13).await;
    let body = json!({"rules": {"tapline.yaml": LOCAL}, "last": 100_000});
    let mut doc = order(&app, &body).await.json();
    while doc["state"] != "done" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        doc = app.send(&bearer("GET", "/api/v1/diffs/1")).await.json();
    }
    let counts = &doc["report"]["counts"];
    let found =
        ["events", "unchanged", "reason_changed", "changed", "newly_filtered"].map(|name| &counts[name]);
    assert_eq!(found, [&json!(10_000), &json!(9_963), &json!(37), &json!(0), &json!(0)], "{doc}");
    let [group] = &doc["report"]["groups"].as_array().unwrap()[..] else { panic!("{doc}") };
    let events: Vec<&str> =
        group["examples"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    let expected: Vec<String> = (9_950..9_987).rev().map(|number| format!("ev_{number}")).collect();
    assert_eq!(events, expected);
    assert_eq!((&doc["progress"], &doc["compared"]), (&json!(1.0), &json!(10_000)));

    let event = app.send(&bearer("GET", "/api/v1/diffs/1/events/ev_9950")).await.json();
    assert_eq!(event["before"]["reason"]["code"], "missing_anonymous_id");
    assert_eq!(event["after"]["reason"]["code"], "vip");
    assert!(
        event["after"]["trace"]["rules"].as_array().is_some_and(|rules| rules[0]["id"] == "vip"),
        "{event}"
    );
    assert_eq!(app.stored().await.len(), 10_000, "nothing is stored");
}

#[tokio::test]
async fn only_so_many_of_the_newest_that_match_are_compared() {
    let app = app().await;
    filtered(&app, "Vip", 30).await;
    filtered(&app, "Seen", 30).await;
    let rules = json!({"tapline.yaml": LOCAL});
    let counts = |doc: &Value| {
        (doc["report"]["counts"]["events"].clone(), doc["report"]["counts"]["reason_changed"].clone())
    };
    let newest = order(&app, &json!({"rules": rules, "last": 40})).await.json();
    assert_eq!(counts(&newest), (json!(40), json!(10)));
    let named =
        order(&app, &json!({"rules": rules, "filter": {"event": "vip", "status": "filtered"}})).await.json();
    assert_eq!(counts(&named), (json!(30), json!(30)));
    let none = order(&app, &json!({"rules": rules, "filter": {"status": "dead"}})).await.json();
    assert_eq!(counts(&none), (json!(0), json!(0)));
    let listed = app.send(&bearer("GET", "/api/v1/diffs")).await.json();
    let ids: Vec<&str> =
        listed["diffs"].as_array().unwrap().iter().map(|doc| doc["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["3", "2", "1"]);
    let cancelled = app.send(&bearer("POST", "/api/v1/diffs/1/cancel")).await.json();
    assert_eq!(cancelled["state"], "done", "too late");
}

#[tokio::test]
async fn what_is_wrong_with_a_candidate_points_at_the_part_of_the_request() {
    let app = app().await;
    let bad = order(&app, &json!({"rules": {"tapline.yaml": LOCAL.replace("when:", "wen:")}})).await;
    assert_eq!((bad.status, pointers(&bad)), (400, vec!["/rules/tapline.yaml".to_owned()]), "{}", bad.text());
    assert_eq!(bad.json()["errors"][0]["line"], 5);
    for (body, pointer) in [
        (json!({"after": "0123456789ab"}), "/after"),
        (json!({"before": "git:no-such-ref-at-all"}), "/before"),
        (json!({"pack": "none"}), "/after"),
        (json!({"last": 100_001}), "/last"),
    ] {
        let answer = order(&app, &body).await;
        assert_eq!((answer.status, pointers(&answer)), (400, vec![pointer.to_owned()]), "{}", answer.text());
    }
    for path in ["/api/v1/diffs/1", "/api/v1/diffs/x", "/api/v1/diffs/1/patch"] {
        assert_eq!(app.send(&bearer("GET", path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn git_takes_the_patch_and_leads_to_the_candidate() {
    let rules = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(rules.path().join("packs")).unwrap();
    std::fs::write(rules.path().join("tapline.yaml"), "version: 1\npack: segment-cloud\n# no end of line")
        .unwrap();
    let app = TestApp::builder().rules(rules.path()).variable("TAPLINE_API_TOKEN", TOKEN).start().await;
    let pack = tapline::rulebook::embedded_files()["packs/segment-cloud.yaml"]
        .replace("Segment's cloud mode\n", "Ours\n");
    let candidate = json!({"tapline.yaml": LOCAL, "packs/segment-cloud.yaml": pack});
    assert_eq!(order(&app, &json!({"rules": candidate})).await.status, 200);
    let patch = app.send(&bearer("GET", "/api/v1/diffs/1/patch")).await;
    let file = app.data.path().join("candidate.patch");
    std::fs::write(&file, patch.text()).unwrap();
    let applied = Command::new("git").current_dir(rules.path()).arg("apply").arg(&file).output().unwrap();
    assert!(applied.status.success(), "{}\n{}", String::from_utf8_lossy(&applied.stderr), patch.text());
    assert_eq!(std::fs::read_to_string(rules.path().join("tapline.yaml")).unwrap(), LOCAL);
    assert_eq!(std::fs::read_to_string(rules.path().join("packs/segment-cloud.yaml")).unwrap(), pack);
}

#[tokio::test]
async fn a_candidate_is_written_over_what_its_writer_has_seen_and_over_nothing_else() {
    let rules = tempfile::tempdir().unwrap();
    std::fs::write(rules.path().join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
    let app = TestApp::builder()
        .rules(rules.path())
        .write_rules()
        .variable("TAPLINE_API_TOKEN", TOKEN)
        .start()
        .await;
    let base = app.send(&bearer("GET", "/api/v1/rules")).await.json()["base"].as_str().unwrap().to_owned();
    let body = json!({"rules": {"tapline.yaml": LOCAL}, "base": base});
    for _ in 0..2 {
        assert_eq!(order(&app, &body).await.status, 200);
    }
    let written = app.send(&bearer("POST", "/api/v1/diffs/1/write")).await;
    assert_eq!((written.status, &written.json()["written"]), (200, &json!(1)), "{}", written.text());
    assert_eq!(std::fs::read_to_string(rules.path().join("tapline.yaml")).unwrap(), LOCAL);
    let late = app.send(&bearer("POST", "/api/v1/diffs/2/write")).await;
    assert_eq!(late.status, 409, "{}", late.text());
    let outside = json!({"rules": {"../outside.yaml": "x: 1\n"}});
    if order(&app, &outside).await.status == 200 {
        assert_eq!(app.send(&bearer("POST", "/api/v1/diffs/3/write")).await.status, 409);
    }
    assert!(!rules.path().join("../outside.yaml").exists());
}

#[tokio::test]
async fn the_rules_in_force_are_listed_with_what_they_do_and_how_often() {
    let app = app().await;
    filtered(&app, "Seen", 4).await;
    let doc = app.send(&bearer("GET", "/api/v1/rules")).await.json();
    assert_eq!((&doc["events"], &doc["last_read"]["good"]), (&json!(4), &json!(true)), "{doc}");
    let rules = doc["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["id"] == "anonymous-id-required").unwrap();
    assert_eq!((&rule["hits"], &rule["errors"], &rule["earlier"]["hits"]), (&json!(4), &json!(0), &json!(0)));
    assert_eq!(
        (&rule["file"], &rule["last_hit"]),
        (&json!("packs/segment-cloud.yaml"), &json!("2026-01-01T00:00:10Z"))
    );
    assert_eq!(rule["then"]["filter"]["code"], "missing_anonymous_id");
    assert!(rule["when"].as_array().is_some_and(|lines| lines.len() == 2), "{rule}");
    let first = &rules[0];
    assert_eq!(
        (&first["id"], &first["hits"], &first["last_hit"]),
        (&json!("unknown-type"), &json!(0), &Value::Null)
    );
}
