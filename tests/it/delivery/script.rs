//! A CleverTap that answers as told, for tests on the paused clock.

use super::rig::number;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tapline::delivery::{Account, Answer, NoAnswer, NoAnswerKind, Reply, RetryAfter, Uploader};
use tokio::time::Instant;

type DeletionRule = dyn Fn(usize, &Value) -> Reply + Send + Sync;
type Rule = dyn Fn(usize, &[Value]) -> Reply + Send + Sync;

/// Answers every upload by a function of how many came before and what it carries, and remembers them all.
pub struct Script {
    rule: Box<Rule>,
    takes: Duration,
    begun: Instant,
    uploads: Mutex<Vec<Upload>>,
    deletion: Box<DeletionRule>,
    asked: Mutex<Vec<Asked>>,
    deletions_now: AtomicUsize,
    deletions_most: AtomicUsize,
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
        Self {
            rule: Box::new(rule),
            takes: Duration::ZERO,
            begun: Instant::now(),
            uploads: Mutex::default(),
            deletion: Box::new(|_, _| answer(200, &json!({"status": "success"}))),
            asked: Mutex::default(),
            deletions_now: AtomicUsize::new(0),
            deletions_most: AtomicUsize::new(0),
        }
    }

    /// Answers every deletion by a function of how many came before and what it asks.
    pub fn deleting(self, deletion: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static) -> Self {
        Self { deletion: Box::new(deletion), ..self }
    }

    /// Everything that was asked, in the order it began.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What every deletion asked.
    pub fn deletions(&self) -> Vec<Value> {
        let of = |asked| match asked {
            Asked::Delete(body) => Some(body),
            Asked::Upload(_) => None,
        };
        self.asked().into_iter().filter_map(of).collect()
    }

    /// The most deletions there were at once.
    pub fn most_deletions(&self) -> usize {
        self.deletions_most.load(Ordering::SeqCst)
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
        let numbers = records.iter().filter_map(|record| record["evtData"]["n"].as_u64()).collect();
        self.asked.lock().unwrap().push(Asked::Upload(numbers));
        let before = {
            let mut uploads = self.uploads.lock().unwrap();
            uploads.push(Upload { at, records: records.clone() });
            uploads.len() - 1
        };
        tokio::time::sleep(self.takes).await;
        (self.rule)(before, &records)
    }

    async fn delete(&self, _account: &Account, body: Bytes) -> Reply {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Asked::Delete(body.clone()));
            asked.iter().filter(|asked| matches!(asked, Asked::Delete(_))).count() - 1
        };
        let now = self.deletions_now.fetch_add(1, Ordering::SeqCst) + 1;
        self.deletions_most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.deletions_now.fetch_sub(1, Ordering::SeqCst);
        (self.deletion)(before, &body)
    }
}

/// An upload or a deletion that came, in the order they began.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// These numbers were uploaded.
    Upload(Vec<u64>),
    /// These persons were deleted.
    Delete(Value),
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
