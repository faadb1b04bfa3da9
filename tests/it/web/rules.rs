//! The rules page, sources, revisions and candidates, as a browser sees them.

use super::{Browser, PASSWORD, field_value, text};
use crate::support::app::{TestApp, TestAppBuilder};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tapline::engine::hash::ContentHash;
use tempfile::TempDir;

const PACK: &str = "version: 1\npack: house\nrules:\n  - id: inner\n    when: { type: track, event: Inner }\n    filter: { \
                    code: inner, message: stays here }\n  - id: never\n    when: { type: group }\n    filter: { code: \
                    group, message: no groups }\n  - id: late\n    when: { type: track, event: Inner }\n    filter: { \
                    code: late, message: too late }\n  - id: rest\n    fail: { code: rest, message: nothing applies }\n";
const FILE: &str = "packs/house.yaml";

/// A rules directory with a small pack, which is live.
fn house() -> TempDir {
    let rules = tempfile::tempdir().unwrap();
    fs::create_dir(rules.path().join("packs")).unwrap();
    fs::write(rules.path().join("tapline.yaml"), "version: 1\npack: house\n").unwrap();
    fs::write(rules.path().join(FILE), PACK).unwrap();
    rules
}

fn builder(rules: &Path) -> TestAppBuilder {
    TestApp::builder().rules(rules).variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
}

async fn track(app: &TestApp, event: &str, count: usize) {
    let one = |number| {
        format!(r#"{{"type":"track","event":"{event}","userId":"user_{number}","anonymousId":"a"}}"#)
    };
    let events: Vec<String> = (0..count).map(one).collect();
    let body = format!(r#"{{"batch":[{}]}}"#, events.join(","));
    assert_eq!(app.post("/v1/batch", body).await.status, 200);
    app.settled().await;
}

/// The part of the page about one rule.
fn row(page: &str, id: &str) -> String {
    let start = page.find(&format!("id=\"rule-{id}\"")).unwrap_or_else(|| panic!("no rule {id} in {page}"));
    let rest = &page[start..];
    rest[..rest.find("class=\"rule-row\"").unwrap_or(rest.len())]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Waits until the newest rules have been read.
async fn until(app: &TestApp, holds: impl Fn(&TestApp) -> bool) {
    while !holds(app) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_rule_is_listed_in_order_with_how_often_it_took_effect() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    let browser = Browser::signed_in(&app).await;
    let empty = browser.get("/rules").await;
    assert_eq!(empty.status, 200);
    assert!(!empty.text().contains("never hit"), "nobody knows before there are events");
    track(&app, "Inner", 3).await;
    track(&app, "Other", 2).await;
    let answer = browser.get("/rules").await;
    let page = answer.text();
    let places: Vec<_> =
        ["inner", "never", "late", "rest"].map(|id| page.find(&format!("id=\"rule-{id}\""))).into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    let inner = row(page, "inner");
    assert!(inner.contains("<strong>3</strong>") && !inner.contains("failed</span>"), "{inner}");
    assert!(inner.contains("<code>type</code> is track") && inner.contains("stays here"), "{inner}");
    assert!(inner.contains("href=\"/rules/source/packs/house.yaml#L4\""), "{inner}");
    let rest = row(page, "rest");
    assert!(rest.contains("<strong>2</strong>, <span class=\"bad\">2 failed"), "{rest}");
    assert!(row(page, "never").contains("never hit"), "events came, and it met none");
    let late = row(page, "late");
    assert!(late.contains("never reached") && late.contains("R601"), "{late}");
    assert!(text(&answer).contains("5 with this revision"), "{}", text(&answer));
}

#[tokio::test]
async fn hits_are_kept_across_a_restart_and_those_of_earlier_revisions_stand_beside() {
    let rules = house();
    let app = builder(rules.path()).durable().start().await;
    track(&app, "Inner", 3).await;
    let data = app.stop().await;
    let again = TestApp::builder_in(data).rules(rules.path()).variable("TAPLINE_ADMIN_PASSWORD", PASSWORD);
    let app = again.durable().start().await;
    let browser = Browser::signed_in(&app).await;
    assert!(row(browser.get("/rules").await.text(), "inner").contains("<strong>3</strong>"));
    track(&app, "Inner", 2).await;
    assert!(
        row(browser.get("/rules").await.text(), "inner").contains("<strong>5</strong>"),
        "both are one sum"
    );

    let before = app.app.rules.plan().revision().to_owned();
    fs::write(rules.path().join(FILE), format!("{PACK}# another revision\n")).unwrap();
    until(&app, |app| app.app.rules.plan().revision() != before).await;
    let page = browser.get("/rules").await;
    let inner = row(page.text(), "inner");
    assert!(inner.contains("<strong>0</strong>") && inner.contains("Earlier revisions</dt><dd>5"), "{inner}");
}

#[tokio::test]
async fn while_the_newest_set_is_bad_its_problems_are_shown_with_their_places_and_the_old_one_stays() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    let browser = Browser::signed_in(&app).await;
    fs::write(rules.path().join(FILE), PACK.replace("    when: { type: group }", "    wen: { type: group }"))
        .unwrap();
    until(&app, |app| app.app.rules.problem().is_some()).await;
    let answer = browser.get("/rules").await;
    let page = answer.text();
    assert!(page.contains("href=\"/rules/source/packs/house.yaml?set=newest#L8\""), "{page}");
    let words = text(&answer);
    assert!(words.contains("Did you mean when ?") && words.contains("refused"), "{words}");
    assert!(page.contains("^^^"), "the banner has the caret");
    assert!(page.contains("id=\"rule-never\""), "the rules in force are listed");

    let newest = browser.get("/rules/source/packs/house.yaml?set=newest").await;
    assert!(newest.text().contains("id=\"L8\" class=\"line-wrong\""), "{}", newest.text());
    assert!(text(&newest).contains("This set was refused"));
    let live = browser.get("/rules/source/packs/house.yaml").await;
    // The banner above shows the line of the refused set.
    let shown = live.text().split("<main").nth(1).unwrap();
    assert!(!shown.contains("wen") && shown.contains("<span class=\"k\">when</span>"), "{shown}");
    fs::write(rules.path().join(FILE), PACK).unwrap();
    until(&app, |app| app.app.rules.problem().is_none()).await;
    assert!(!browser.get("/rules").await.text().contains("refused-heading"));
}

#[tokio::test]
async fn a_source_has_a_line_for_every_line_and_its_rules_lead_to_their_rows() {
    let rules = house();
    fs::create_dir(rules.path().join("scripts")).unwrap();
    fs::write(rules.path().join("scripts/odd.rhai"), "// <b>\nlet x = \"</code>\";\n").unwrap();
    let app = builder(rules.path()).start().await;
    let browser = Browser::signed_in(&app).await;
    let source = browser.get("/rules/source/packs/house.yaml").await;
    for (line, _) in PACK.lines().enumerate() {
        assert!(source.text().contains(&format!("<tr id=\"L{}\"", line + 1)), "line {}", line + 1);
    }
    assert!(source.text().contains("href=\"/rules#rule-inner\""));
    let script = browser.get("/rules/source/scripts/odd.rhai").await;
    assert!(script.text().contains("// &#60;b&#62;") && !script.text().contains("<b>"), "{}", script.text());
    let embedded = browser.get("/rules/source/packs/segment-cloud.yaml").await;
    assert!(text(&embedded).contains("Inside the program"));
    for path in ["packs/none.yaml", "../Cargo.toml", "tests/a.yaml", "packs/house.yaml?revision=12"] {
        assert_eq!(browser.get(&format!("/rules/source/{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn two_revisions_are_compared_as_text() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    let browser = Browser::signed_in(&app).await;
    let first = app.app.rules.plan().hash();
    fs::write(rules.path().join(FILE), PACK.replace("stays here", "stays at home")).unwrap();
    until(&app, |app| app.app.rules.plan().hash() != first).await;
    let second = app.app.rules.plan().hash();
    let list = browser.get("/rules/revisions").await;
    assert!(list.text().contains(&second.to_string()) && text(&list).contains("In force"));
    let page = browser.get(&format!("/rules/compare?before={first}&after={second}")).await;
    let words = text(&page);
    assert!(words.contains("packs/house.yaml changed, 1 line added, 1 removed"), "{words}");
    assert!(page.text().contains("line-added") && words.contains("stays at home"), "{words}");
    let kept = browser.get(&format!("/rules/source/packs/house.yaml?revision={first}")).await;
    assert!(text(&kept).contains("stays here"), "what was then can be read");
    let none = ContentHash::of("none");
    assert_eq!(browser.get(&format!("/rules/compare?before={first}&after={none}")).await.status, 404);
}

/// Posts the candidate form of the last page with this text of the pack.
async fn candidate(
    browser: &Browser<'_>,
    page: &str,
    pack: &str,
    more: &[(&str, &str)],
) -> crate::support::http::Answer {
    let base = field_value(page, "base").unwrap();
    let was = field_value(page, "was:packs/house.yaml").unwrap();
    let crlf = pack.replace('\n', "\r\n");
    let mut fields =
        vec![("base", base.as_str()), ("was:packs/house.yaml", &was), ("file:packs/house.yaml", &crlf)];
    fields.extend(more);
    browser.post("/rules/candidate", &fields).await
}

#[tokio::test]
async fn a_slip_is_found_by_the_check_and_mended_by_one_button() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/rules/candidate").await.text().to_owned();
    let slip = PACK.replace("    when: { type: group }", "    wen: { type: group }");
    let checked = candidate(&browser, &page, &slip, &[("action", "check")]).await;
    assert_eq!(checked.status, 200);
    assert!(text(&checked).contains("It can not be in force as it is."), "{}", text(&checked));
    let fix = field_value(checked.text(), "fix").unwrap_or_default();
    let found =
        checked.text().split("name=\"fix\" value=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
    let fix = found.map(str::to_owned).unwrap_or(fix);
    let mended = candidate(&browser, checked.text(), &slip, &[("fix", &fix)]).await;
    assert!(
        mended.text().contains("when: { type: group }") && !mended.text().contains("wen:"),
        "{}",
        mended.text()
    );
    assert!(text(&mended).contains("It could be in force, as revision"), "{}", text(&mended));
    assert!(text(&mended).contains("edited"));
}

#[tokio::test]
async fn a_candidate_is_compared_over_stored_events_and_exactly_those_that_change_are_shown() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    track(&app, "Other", 120).await;
    track(&app, "Inner", 7).await;
    let browser = Browser::signed_in(&app).await;
    let page = browser.get("/rules/candidate").await.text().to_owned();
    let none = candidate(&browser, &page, PACK, &[("action", "compare")]).await;
    assert_eq!(none.status, 400, "nothing is edited: what comes back with other ends of lines is the same");
    let pack = PACK.replacen("code: inner", "code: outer", 1);
    let answer = candidate(&browser, &page, &pack, &[("action", "compare"), ("last", "100000")]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/rules/candidate/1")),
        "{}",
        answer.text()
    );
    let result = browser.get("/rules/candidate/1").await;
    let words = text(&result);
    for expected in ["127 events compared", "120 Unchanged", "7 Another reason", "0 Newly failed", "7 events"]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(words.contains("filtered as inner by inner → filtered as outer by inner"), "{words}");
    let group = browser.get("/rules/candidate/1?group=1").await;
    let events = (120..127).all(|number| group.text().contains(&format!("/events/ev_{number}\"")));
    assert!(events && !group.text().contains("/events/ev_119\""), "{}", group.text());
    let event = browser.get("/rules/candidate/1/events/ev_121").await;
    assert!(text(&event).contains("Rules: live") && text(&event).contains("Rules: candidate"));
    assert!(event.text().contains("<code>inner</code>") && event.text().contains("<code>outer</code>"));
    let report = browser.get("/rules/candidate/1/report.json").await.json();
    assert_eq!((&report["counts"]["events"], &report["counts"]["reason_changed"]), (&127.into(), &7.into()));
    let unknown = browser.get("/rules/candidate/9").await;
    assert_eq!(unknown.status, 404);
    assert!(app.app.rules.problem().is_none() && text(&browser.get("/rules").await).contains("stays here"));
}

#[tokio::test]
async fn a_candidate_is_written_only_where_that_is_allowed_and_nothing_has_changed_meanwhile() {
    for allowed in [false, true] {
        let rules = house();
        let app = match allowed {
            true => builder(rules.path()).write_rules().start().await,
            false => builder(rules.path()).start().await,
        };
        let browser = Browser::signed_in(&app).await;
        let page = browser.get("/rules/candidate").await.text().to_owned();
        let pack = PACK.replacen("code: inner", "code: outer", 1);
        candidate(&browser, &page, &pack, &[("action", "compare")]).await;
        let patch = browser.get("/rules/candidate/1/rules.patch").await;
        assert!(
            patch.text().contains("--- a/packs/house.yaml\n+++ b/packs/house.yaml\n@@"),
            "{}",
            patch.text()
        );
        let answer = browser.post("/rules/candidate/1/write", &[]).await;
        let on_disk = fs::read_to_string(rules.path().join(FILE)).unwrap();
        if !allowed {
            assert_eq!((answer.status, on_disk.as_str()), (409, PACK));
            continue;
        }
        assert_eq!((answer.status, on_disk), (200, pack.clone()), "{}", text(&answer));
        until(&app, |app| app.app.rules.plan().reasons().any(|(_, _, reason)| &*reason.code == "outer"))
            .await;

        // Somebody else was faster: what the editor started from is not what is there.
        let again =
            candidate(&browser, &page, &PACK.replace("inner", "mine"), &[("action", "compare")]).await;
        assert_eq!(again.status, 303, "{}", text(&again));
        let refused = browser.post("/rules/candidate/2/write", &[]).await;
        assert_eq!(refused.status, 409);
        assert!(text(&refused).contains("not those the candidate started from"), "{}", text(&refused));
        assert_eq!(fs::read_to_string(rules.path().join(FILE)).unwrap(), pack);
        let left: Vec<_> = fs::read_dir(rules.path().join("packs")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left lying about");
    }
}

#[tokio::test]
async fn two_sets_that_the_server_knows_are_compared_by_name() {
    let rules = house();
    let app = builder(rules.path()).start().await;
    track(&app, "Inner", 2).await;
    let browser = Browser::signed_in(&app).await;
    browser.get("/rules/candidate").await;
    let sets = [("before_set", "live"), ("after_set", "directory")];
    assert_eq!(browser.post("/rules/candidate/sets", &sets).await.status, 303);
    assert!(text(&browser.get("/rules/candidate/1").await).contains("Nothing changes."));
    for (set, words) in
        [("main", "There is no set called main"), ("git:main", "git"), ("0123456789ab", "is not kept")]
    {
        let answer =
            browser.post("/rules/candidate/sets", &[("before_set", "live"), ("after_set", set)]).await;
        assert_eq!(answer.status, 400, "{set}");
        assert!(text(&answer).contains(words), "{set}: {}", text(&answer));
    }
}
