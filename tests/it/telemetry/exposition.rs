//! `/metrics`: its names, its form, and that nobody outside can make it grow.

use super::scrape::{Family, Sample, Scrape, is_name};
use crate::support::app::{TestApp, WRITE_KEY, post};
use crate::support::http::Request;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Labels whose values are not out of a list of ours, and of which there is one value at a time.
const FREE: [&str; 4] = ["le", "version", "pack", "revision"];

async fn scrape(app: &TestApp) -> Scrape {
    let answer = app.get("/metrics").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    Scrape::parse(answer.text()).unwrap_or_else(|error| panic!("{error} in\n{}", answer.text()))
}

#[tokio::test]
async fn names_types_and_labels_are_those_of_the_golden_list() {
    let app = TestApp::builder().durable().start().await;
    let scrape = scrape(&app).await;
    let list: String = scrape.families.iter().map(|(name, family)| describe(name, family)).collect();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &list).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == list, "alarms lean on these; UPDATE_GOLDEN=1 rewrites {}\n{list}", file.display());
    app.stop().await;
}

/// `name type`, and a line for each label with its values.
fn describe(name: &str, family: &Family) -> String {
    let mut text = format!("{name} {}\n", family.kind);
    let labels = || family.samples.iter().flat_map(|sample| &sample.labels);
    for key in labels().map(|(key, _)| key).collect::<BTreeSet<_>>() {
        let values: BTreeSet<&str> =
            labels().filter(|(other, _)| other == key).map(|(_, value)| value.as_str()).collect();
        let values = values.into_iter().collect::<Vec<_>>().join(" ");
        match FREE.contains(&key.as_str()) {
            true if key != "le" => text.push_str(&format!("    {key}\n")),
            _ => text.push_str(&format!("    {key}: {values}\n")),
        }
    }
    text
}

#[tokio::test]
async fn every_family_keeps_the_rules_of_the_format_and_of_naming() {
    let app = TestApp::builder().durable().start().await;
    app.post("/v1/page", r#"{"userId":"user_1"}"#).await;
    for (name, Family { kind, help, samples }) in scrape(&app).await.families {
        assert!(is_name(&name) && name.starts_with("tapline_"), "{name}");
        assert!(help.len() > 10 && help.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: {help}");
        assert!(!samples.is_empty(), "{name} has no series before the first event");
        for unit in ["_ms", "_millis", "_minutes", "_kb", "_mb", "_percent", "_total", "_count"] {
            assert!(!name.ends_with(unit), "{name}: seconds and bytes, and suffixes are the format's");
        }
        assert!(!name.contains("duration") || name.ends_with("_seconds"), "{name}");
        for sample in &samples {
            assert!(sample.labels.iter().filter(|(key, _)| key != "le").count() <= 2, "{sample:?}");
        }
        if kind == "histogram" {
            check_histogram(&name, &samples);
        }
    }
    app.stop().await;
}

fn check_histogram(name: &str, samples: &[Sample]) {
    let of = |suffix: &str| -> Vec<&Sample> {
        samples.iter().filter(|sample| sample.name == format!("{name}{suffix}")).collect()
    };
    let buckets = of("_bucket");
    assert!(buckets.windows(2).all(|pair| pair[0].value <= pair[1].value), "{name} falls");
    let last = buckets.last().unwrap();
    assert_eq!(last.labels, [("le".to_owned(), "+Inf".to_owned())], "{name}");
    assert_eq!(last.value, of("_count")[0].value, "{name}");
}

#[tokio::test]
async fn no_input_adds_a_series() {
    let app = TestApp::builder().durable().start().await;
    let before = scrape(&app).await.series();
    for n in 0..300 {
        let odd = format!("x{n}\\u0000\\n\\\"{{}}");
        let path =
            ["/v1/track", "/v1/batch", "/v1/page", "/v1/nowhere", "/v1/import", "/v1/webhooks/segment"]
                [n % 6];
        let call = format!(
            r#"{{"type":"track","userId":"{odd}","event":"{odd}","messageId":"{n}","properties":{{"{odd}":1}}}}"#
        );
        let body = match n % 5 {
            0 => call,
            1 => format!(r#"{{"batch":[{call},{{"type":"{odd}"}},7]}}"#),
            2 => format!("[{call}]"),
            3 => call[..call.len() / 2].to_owned(),
            _ => format!("{}{}", "[".repeat(n), "]".repeat(n)),
        };
        let key = if n % 7 == 0 { odd.replace(['\\', '"'], "") } else { WRITE_KEY.to_owned() };
        let mut request = post(&format!("{path}?q={n}")).body(body).header("X-Odd", &format!("v{n}"));
        if n % 7 == 0 {
            request = Request::new("POST", path).basic(&key).body("{}");
        } else if n % 11 == 0 {
            request = request.header("Content-Encoding", &format!("z{n}"));
        }
        app.send(&request).await;
        app.send(&Request::new(["PUT", "GET", "DELETE"][n % 3], path)).await;
    }
    app.settled().await;
    let after = scrape(&app).await;
    let new: Vec<_> = after.series().difference(&before).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(after.sum("tapline_ingest_requests", &[]) >= 600, "nothing was counted");
    app.stop().await;
}
