//! Rules read anew ten times a second and settings saved in between, while events come: each event is made by exactly
//! one set of rules, says which, and none is lost.

use crate::support::app::{TestApp, WRITE_KEY, post};
use crate::support::figure::{self, Fault};
use crate::web::{Browser, PASSWORD, field_value};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tapline::journal::{Journal, Seq, State};
use tapline::simulator::{Options, Simulator};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// How long one set of rules is the newest.
const PERIOD: Duration = Duration::from_millis(100);
/// Calls in one request.
const BATCH: usize = 20;
const SENDERS: usize = 2;
const PEOPLE: usize = 30;

/// A pack whose records, two an event, name the edition of the rules and the option that they were made with.
fn pack(edition: usize) -> String {
    let event = |name: &str| {
        format!(
            "      - event:\n          address: [{{ identity: userId }}]\n          name: {{ value: {name} }}\n          \
             data: {{ edition: {{ value: {edition} }}, loud: {{ value: true, when: {{ option: {{ loud: true }} }} }}, \
             step: properties.step }}\n"
        )
    };
    format!(
        "version: 1\npack: house\noptions:\n  loud: {{ type: boolean, default: false, label: Loud }}\nrules:\n  \
         - id: step\n    when: {{ type: track }}\n    emit:\n{}{}",
        event("First"),
        event("Second")
    )
}

/// Puts a file into the rules directory as a whole, as `git` and editors do.
fn put(rules: &Path, text: &str) {
    let draft = rules.join("house.tmp");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, rules.join("packs/house.yaml")).unwrap();
}

fn rules() -> TempDir {
    let rules = tempfile::tempdir().unwrap();
    std::fs::create_dir(rules.path().join("packs")).unwrap();
    std::fs::write(rules.path().join("tapline.yaml"), "version: 1\npack: house\n").unwrap();
    put(rules.path(), &pack(0));
    rules
}

/// What a record and an event's end say of the rules: the edition, and whether the option was on.
type Made = (usize, bool);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_made_by_one_revision_while_rules_and_settings_change_under_load() {
    let editions = figure::rounds(80, 600);
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), Options::default()).await.unwrap();
    let rules = rules();
    let app = TestApp::builder()
        .rules(rules.path())
        .variable("TAPLINE_WRITE_KEY", WRITE_KEY)
        .variable("TAPLINE_ADMIN_PASSWORD", PASSWORD)
        .variable("TAPLINE_ACCOUNT_ID", "TEST-ACCOUNT")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &simulator.base_url())
        .durable()
        .start()
        .await;
    let next = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (mut connection, next, stopped) = (app.connect().await, next.clone(), stopped.clone());
        senders.spawn(async move {
            let mut longest = Duration::ZERO;
            while !*stopped.borrow() {
                let first = next.fetch_add(BATCH, Ordering::Relaxed);
                let batch = json!({"batch": (first..first + BATCH).map(call).collect::<Vec<_>>()});
                let start = Instant::now();
                let answer = connection.send(&post("/v1/batch").body(batch.to_string())).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                longest = longest.max(start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            longest
        });
    }
    let known = change_on_and_on(&app, rules.path(), editions).await;
    stop.send_replace(true);
    let longest = senders.join_all().await.into_iter().max().unwrap();
    app.settled().await;

    let accepted = next.load(Ordering::Relaxed);
    let counts = app.app.journal.counts();
    assert_eq!((counts.accepted as usize, counts.delivered as usize), (accepted, accepted), "{counts:?}");
    let records = records(&simulator);
    assert_eq!(records.len(), accepted, "every event arrived");
    let mut used = BTreeSet::new();
    for (step, revision) in ends(&*app.app.journal).await {
        let made = known.get(&revision).unwrap_or_else(|| panic!("step {step}: nobody knows {revision}"));
        let expected =
            BTreeMap::from([("First".to_owned(), vec![*made]), ("Second".to_owned(), vec![*made])]);
        assert_eq!(records.get(&step), Some(&expected), "step {step} says {revision}");
        used.insert(*made);
    }
    assert!(used.len() > editions / 4, "only {} of {} revisions made events", used.len(), known.len());
    assert_eq!(
        used.iter().map(|(_, loud)| loud).collect::<BTreeSet<_>>().len(),
        2,
        "with and without the option"
    );
    figure::fault(Fault {
        name: "rules read anew 10 times a second, bad sets and saved settings in between",
        rounds: editions,
        acknowledged: accepted,
        lost: accepted - records.len(),
        twice: Some(0),
        recovery: longest,
        mutation: "a reload changes the revision that is noted before the plan that is used",
    });
    app.stop().await;
}

/// Puts edition after edition in force; every fourth time a bad set comes first, every tenth time the option changes.
/// Gives what every revision means.
async fn change_on_and_on(app: &TestApp, rules: &Path, editions: usize) -> BTreeMap<String, Made> {
    let browser = Browser::signed_in(app).await;
    let (mut known, mut loud) = (BTreeMap::new(), false);
    known.insert(app.app.rules.plan().revision().to_owned(), (0, loud));
    let mut tick = tokio::time::interval(PERIOD);
    for edition in 1..=editions {
        tick.tick().await;
        if edition % 4 == 0 {
            let good = app.app.rules.plan().revision().to_owned();
            put(rules, &pack(edition).replace("emit", "emits"));
            reload(app).await;
            let problem = app.app.rules.problem().expect("a bad set is refused").to_string();
            assert!(problem.contains("packs/house.yaml") && problem.contains("`emits`"), "{problem}");
            assert_eq!(app.app.rules.plan().revision(), good, "the last good one stays in force");
        }
        put(rules, &pack(edition));
        reload(app).await;
        assert!(app.app.rules.problem().is_none());
        known.insert(app.app.rules.plan().revision().to_owned(), (edition, loud));
        if edition % 10 == 0 {
            loud = !loud;
            let page = browser.get("/settings").await;
            let revision = field_value(page.text(), "revision").unwrap();
            let fields =
                [("revision", revision.as_str()), ("option.loud", if loud { "true" } else { "false" })];
            assert_eq!(browser.post("/settings", &fields).await.status, 303);
            known.insert(app.app.rules.plan().revision().to_owned(), (edition, loud));
        }
    }
    known
}

/// What SIGHUP does. The watch looks at the directory meanwhile, as it always does.
async fn reload(app: &TestApp) {
    let (rules, settings) = (app.app.rules.clone(), app.app.settings.load());
    tokio::task::spawn_blocking(move || rules.reload(&settings.0)).await.unwrap();
}

fn call(step: usize) -> Value {
    json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
        "userId": format!("user_{}", step % PEOPLE), "anonymousId": "device-1", "properties": {"step": step}})
}

/// By step and name: what each record that arrived was made with.
fn records(simulator: &Simulator) -> BTreeMap<usize, BTreeMap<String, Vec<Made>>> {
    let mut records: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
    for record in simulator.received() {
        let record: Value = serde_json::from_str(&record).unwrap();
        let (data, name) = (&record["evtData"], record["evtName"].as_str().unwrap());
        let made = (number(&data["edition"]), data["loud"] == true);
        records.entry(number(&data["step"])).or_default().entry(name.to_owned()).or_default().push(made);
    }
    records
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

/// The step of every event, and the revision that its end names.
async fn ends(journal: &dyn Journal) -> Vec<(usize, String)> {
    let (mut found, mut at) = (Vec::new(), Seq(0));
    while let Some(block) = journal.block_from(at).await.unwrap() {
        for ((_, entry), end) in block.iter().zip(journal.ends(&block).await.unwrap()) {
            let event: Value = serde_json::from_slice(&entry.body).unwrap();
            let end = end.expect("an end");
            assert_eq!(end.state, State::Delivered, "{end:?}");
            found.push((number(&event["properties"]["step"]), end.revision));
        }
        at = block.end();
    }
    found
}
