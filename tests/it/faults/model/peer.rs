//! A CleverTap that answers as told and knows what may be sent: nothing that had ended, nothing that was answered in this
//! life of the process, and each user's records in the order of their events.

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tapline::delivery::{Account, Answer as HttpAnswer, NoAnswer, NoAnswerKind, Reply, Uploader};

/// How an upload is answered. A record that says it is bad is refused for good whenever records are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Everything else is taken.
    Take,
    /// The users whose bit is set are to come later; the others' records are taken.
    Later(u8),
    /// Everything is taken, and no answer comes.
    Cut,
    /// Nothing is taken.
    Status(u16),
    /// Nothing is taken, and the answer is a page.
    Page,
}

/// One record of an event: the event's number, and which of its records.
pub(super) type Part = (u64, u8);

/// What was seen, and what may not be seen again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Records whose fate this life of the process was told.
    pub(super) answered: BTreeSet<Part>,
    /// Events that have an end in the journal.
    pub(super) ended: BTreeSet<u64>,
    /// How often each record was taken.
    pub(super) taken: BTreeMap<Part, usize>,
    /// Records taken or refused at least once.
    done: BTreeSet<Part>,
    /// The revision of the rules in the newest sending of each event.
    pub(super) revisions: BTreeMap<u64, String>,
    /// The records that each user's events become, in order.
    pub(super) expected: BTreeMap<u8, BTreeSet<Part>>,
    /// What must not have happened.
    pub(super) violations: Vec<String>,
}

/// The stand-in.
#[derive(Debug, Default)]
pub(super) struct Peer {
    seen: Mutex<Seen>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Peer {
    /// Answers the next uploads so.
    pub(super) fn answer_by(&self, answers: Vec<Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Takes everything from now on.
    pub(super) fn answer_well(&self) {
        self.answers.lock().unwrap().clear();
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

#[async_trait::async_trait]
impl Uploader for Peer {
    async fn upload(&self, _account: &Account, body: Bytes) -> Reply {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let records: Vec<Record> = body["d"].as_array().unwrap().iter().map(Record::parse).collect();
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Take);
        let refused = {
            let mut seen = self.seen();
            records.iter().for_each(|record| seen.sent(record));
            seen.answer(&records, answer)
        };
        // Whoever ends the process meanwhile does not hear the answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let known = match answer {
            Answer::Take | Answer::Later(_) => records.iter().map(|record| record.part).collect(),
            Answer::Cut | Answer::Status(_) | Answer::Page => Vec::new(),
        };
        let later: BTreeSet<Part> = refused
            .iter()
            .filter(|(_, code)| *code == 555)
            .map(|(place, _)| records[*place - 1].part)
            .collect();
        self.seen().answered.extend(known.into_iter().filter(|part| !later.contains(part)));
        match answer {
            Answer::Take | Answer::Later(_) => listed(records.len(), &refused),
            Answer::Cut => {
                Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Cut, detail: "as told".to_owned() })
            }
            Answer::Status(status) => http(status, "{}".to_owned()),
            Answer::Page => http(200, "<html></html>".to_owned()),
        }
    }

    async fn delete(&self, _account: &Account, _body: Bytes) -> Reply {
        panic!("the model asks for no deletion");
    }
}

impl Seen {
    fn sent(&mut self, record: &Record) {
        let (number, part) = record.part;
        if self.ended.contains(&number) {
            self.violations.push(format!("event {number} was sent again after its end"));
        }
        if self.answered.contains(&record.part) {
            self.violations.push(format!("record {part} of event {number} was sent again after its answer"));
        }
        self.revisions.insert(number, record.revision.clone());
    }

    /// Notes what is taken; gives the place from 1 and the code of what is not.
    fn answer(&mut self, records: &[Record], answer: Answer) -> Vec<(usize, u16)> {
        let mut refused = Vec::new();
        for (place, record) in (1..).zip(records) {
            let code = match answer {
                Answer::Status(_) | Answer::Page => continue,
                Answer::Later(users) if users & (1 << record.user) != 0 => Some(555),
                Answer::Take | Answer::Later(_) | Answer::Cut if record.is_bad => Some(515),
                Answer::Take | Answer::Later(_) | Answer::Cut => None,
            };
            match code {
                Some(555) => {}
                Some(_) => self.is_done(record),
                None => {
                    self.is_done(record);
                    *self.taken.entry(record.part).or_default() += 1;
                }
            }
            refused.extend(code.map(|code| (place, code)));
        }
        refused
    }

    /// Whoever is first to be done before an earlier one of the same user is out of order.
    fn is_done(&mut self, record: &Record) {
        if !self.done.insert(record.part) {
            return;
        }
        let earlier =
            self.expected.get(&record.user).into_iter().flat_map(|parts| parts.range(..record.part));
        if let Some(skipped) = earlier.copied().find(|part| !self.done.contains(part)) {
            self.violations.push(format!("user {}: {:?} came before {skipped:?}", record.user, record.part));
        }
    }
}

/// A record as it came.
struct Record {
    part: Part,
    user: u8,
    is_bad: bool,
    revision: String,
}

impl Record {
    fn parse(record: &Value) -> Self {
        let data = &record["evtData"];
        let number = |name: &str| data[name].as_u64().unwrap();
        Self {
            part: (number("n"), u8::try_from(number("part")).unwrap()),
            user: u8::try_from(number("user")).unwrap(),
            is_bad: data["bad"] == true,
            revision: data["revision"].as_str().unwrap().to_owned(),
        }
    }
}

/// An answer that lists what was not taken, as CleverTap does.
fn listed(records: usize, refused: &[(usize, u16)]) -> Reply {
    let entry = |(place, code): &(usize, u16)| json!({"code": code, "error": format!("Skipped record number : {place}")});
    let status = match refused.len() {
        0 => "success",
        all if all == records => "fail",
        _ => "partial",
    };
    let unprocessed: Vec<Value> = refused.iter().map(entry).collect();
    let body = json!({"status": status, "processed": records - refused.len(), "unprocessed": unprocessed});
    http(200, body.to_string())
}

fn http(status: u16, body: String) -> Reply {
    Reply::Answer(HttpAnswer { status, retry_after: None, body: body.into(), whole: true })
}
