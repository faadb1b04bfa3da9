//! A CleverTap that answers as told, for tests on the paused clock.

use super::rig::number;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;
use tapline::delivery::{Account, Answer, NoAnswer, NoAnswerKind, Reply, RetryAfter, Uploader};
use tokio::time::Instant;

type Rule = dyn Fn(usize, &[Value]) -> Reply + Send + Sync;

/// Answers every upload by a function of how many came before and what it carries, and remembers them all.
pub struct Script {
    rule: Box<Rule>,
    takes: Duration,
    begun: Instant,
    uploads: Mutex<Vec<Upload>>,
}

/// An upload that came.
#[derive(Debug, Clone)]
pub struct Upload {
    /// How long after the script's beginning.
    pub at: Duration,
    /// What it carried.
    pub records: Vec<Value>,
}

impl Script {
    /// Answers by `rule`, at once.
    pub fn new(rule: impl Fn(usize, &[Value]) -> Reply + Send + Sync + 'static) -> Self {
        Self { rule: Box::new(rule), takes: Duration::ZERO, begun: Instant::now(), uploads: Mutex::default() }
    }

    /// Answers so much later.
    pub fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// Every upload so far.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads.lock().unwrap().clone()
    }

    /// The numbers every upload carried.
    pub fn numbers(&self) -> Vec<Vec<u64>> {
        self.uploads().iter().map(|upload| upload.records.iter().map(number).collect()).collect()
    }
}

#[async_trait::async_trait]
impl Uploader for Script {
    async fn upload(&self, _account: &Account, body: Bytes) -> Reply {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let records = body["d"].as_array().unwrap().clone();
        let at = self.begun.elapsed();
        let before = {
            let mut uploads = self.uploads.lock().unwrap();
            uploads.push(Upload { at, records: records.clone() });
            uploads.len() - 1
        };
        tokio::time::sleep(self.takes).await;
        (self.rule)(before, &records)
    }
}

/// An answer with this status and body.
pub fn answer(status: u16, body: &Value) -> Reply {
    Reply::Answer(Answer { status, retry_after: None, body: body.to_string().into(), whole: true })
}

/// Everything was taken.
pub fn success(records: &[Value]) -> Reply {
    answer(200, &json!({"status": "success", "processed": records.len(), "unprocessed": []}))
}

/// Everything was taken but these, by their place from 1 and their code.
pub fn partial(records: &[Value], refused: &[(usize, u16)]) -> Reply {
    let entry = |(place, code): &(usize, u16)| json!({"code": code, "error": format!("Skipped record number : {place}")});
    let unprocessed: Vec<Value> = refused.iter().map(entry).collect();
    let status = if unprocessed.len() == records.len() { "fail" } else { "partial" };
    let processed = records.len() - unprocessed.len();
    answer(200, &json!({"status": status, "processed": processed, "unprocessed": unprocessed}))
}

/// 429 that asks to wait.
pub fn too_many(retry_after: Duration) -> Reply {
    let retry_after = Some(RetryAfter::Delay(retry_after));
    Reply::Answer(Answer { status: 429, retry_after, body: Bytes::new(), whole: true })
}

/// The connection was cut.
pub fn cut() -> Reply {
    Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Cut, detail: "as told".to_owned() })
}
