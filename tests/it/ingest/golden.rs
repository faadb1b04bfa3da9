//! Runs `tests/golden/ingest/*.json`: a request, and the answer and the stored events it leads to, byte for byte.
//!
//! A case without `expect` gets one written, and fails once so that somebody looks at it; `UPDATE_GOLDEN=1` writes all
//! of them anew. Made-up message ids are shown as `tapline-*`.

use crate::support::app::{TestApp, WRITE_KEY};
use crate::support::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use tapline::journal::Refusal;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: RequestDoc,
    #[serde(default)]
    expect: Option<Expectation>,
}

/// With neither `headers` nor `write_key`, the request shows the right key by HTTP Basic.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestDoc {
    path: String,
    /// POST when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// What is set as the webhook secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// Another key by HTTP Basic; none when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    write_key: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gzip: bool,
    /// A body that is JSON, sent as it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// A body that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    status: u16,
    answer: Box<RawValue>,
    stored: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
    body: Box<RawValue>,
}

#[tokio::test]
async fn requests_are_answered_and_stored_as_the_golden_files_say() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ingest");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut problems = Vec::new();
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut changed = false;
        for case in &mut file.cases {
            let found = run(&case.request).await;
            let expected = case.expect.as_ref().map(|expect| serde_json::to_string_pretty(expect).unwrap());
            let found_text = serde_json::to_string_pretty(&found).unwrap();
            if expected.as_deref() == Some(&found_text) {
                continue;
            }
            if update || expected.is_none() {
                changed = true;
                case.expect = Some(found);
            }
            if !update {
                let diff =
                    similar::TextDiff::from_lines(expected.as_deref().unwrap_or_default(), &found_text)
                        .unified_diff()
                        .to_string();
                problems.push(format!("{}: {}\n{diff}", path.display(), case.name));
            }
        }
        if changed {
            std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
        }
    }
    assert!(problems.is_empty(), "review and commit what was written, or mend:\n{}", problems.join("\n"));
}

async fn run(doc: &RequestDoc) -> Expectation {
    let webhook_secret = doc.webhook_secret.as_deref().unwrap_or_default();
    let app = TestApp::builder().variable("TAPLINE_WEBHOOK_SECRET", webhook_secret).start().await;
    let mut request = Request::new(doc.method.as_deref().unwrap_or("POST"), &doc.path);
    match doc.write_key.as_deref() {
        None if doc.headers.is_empty() => request = request.basic(WRITE_KEY),
        None | Some("") => {}
        Some(key) => request = request.basic(key),
    }
    for (name, value) in &doc.headers {
        request = request.header(name, value);
    }
    let body = match (&doc.body, &doc.text) {
        (Some(json), None) => json.get().as_bytes().to_vec(),
        (None, Some(text)) => text.as_bytes().to_vec(),
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => panic!("a case has either `body` or `text`"),
    };
    let request = if doc.gzip {
        request.header("Content-Encoding", "gzip").body(gzip(&body))
    } else {
        request.body(body)
    };
    let answer = app.send(&request).await;
    let stored = app.stored().await.into_iter().map(|entry| Stored {
        refusal: entry.refusal,
        body: raw(&hide_made_up_ids(std::str::from_utf8(&entry.body).unwrap())),
    });
    Expectation { status: answer.status, answer: raw(answer.text()), stored: stored.collect() }
}

/// A body in gzip.
pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap_or_else(|error| panic!("{error} in {json:?}"))
}

fn hide_made_up_ids(text: &str) -> String {
    const PREFIX: &str = "tapline-";
    let mut parts = text.split(PREFIX);
    let mut hidden = parts.next().unwrap().to_owned();
    for part in parts {
        hidden.push_str(PREFIX);
        hidden.push('*');
        hidden.push_str(&part[36..]);
    }
    hidden
}
