//! What every answer in `tests/golden/responses` means.

use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use tapline::clock::Millis;
use tapline::delivery::{Answer, NoAnswer, NoAnswerKind, Reading, Reply, RetryAfter, Verdict, read_answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for people")]
    note: String,
    records: usize,
    reply: Option<ReplyDoc>,
    reading: ReadingDoc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyDoc {
    status: u16,
    retry_after: Option<String>,
    body: String,
    #[serde(default)]
    cut: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReadingDoc {
    verdicts: Option<Vec<String>>,
    again: Option<String>,
    after: Option<u64>,
    split: Option<String>,
    unauthorised: bool,
}

impl From<Reading> for ReadingDoc {
    fn from(reading: Reading) -> Self {
        let word = |verdict: Verdict| match verdict {
            Verdict::Delivered => "delivered".to_owned(),
            Verdict::Retry(_) => "retry".to_owned(),
            Verdict::Rejected(rejection) => rejection.code(),
            Verdict::Unclear => "unclear".to_owned(),
        };
        match reading {
            Reading::Records { verdicts, .. } => {
                Self { verdicts: Some(verdicts.into_iter().map(word).collect()), ..Self::default() }
            }
            Reading::Again { reason, after } => Self {
                again: Some(reason.to_string()),
                after: after.map(|after| after.as_secs()),
                ..Self::default()
            },
            Reading::Split(rejection) => Self { split: Some(rejection.code()), ..Self::default() },
            Reading::Unauthorised => Self { unauthorised: true, ..Self::default() },
        }
    }
}

#[test]
fn every_recorded_answer_is_read_as_written_beside_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/responses");
    let mut cases = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let case: Case = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let reply = case.reply.map_or_else(
            || Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Cut, detail: String::new() }),
            |reply| {
                Reply::Answer(Answer {
                    status: reply.status,
                    retry_after: reply.retry_after.as_deref().and_then(RetryAfter::parse),
                    body: reply.body.into(),
                    whole: !reply.cut,
                })
            },
        );
        let reading = read_answer(&reply, case.records, Millis(0));
        assert_eq!(ReadingDoc::from(reading), case.reading, "{}", path.display());
        cases += 1;
    }
    assert!(cases > 30, "only {cases} cases found");
}

#[test]
fn a_date_to_wait_for_counts_from_now() {
    let after = RetryAfter::parse("Thu, 01 Jan 1970 00:01:00 GMT").unwrap();
    assert_eq!(after.delay(Millis(50_000)), Duration::from_secs(10));
}
