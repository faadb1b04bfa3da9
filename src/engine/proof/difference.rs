//! How what an event became differs from what was expected, path by path.

use super::case::{End, Expect, ExpectedRecord};
use crate::engine::difference::{self, Comparison, Side};
use crate::engine::event::Scanner;
use crate::engine::preview::Preview;
use serde::Serialize;
use serde_json::Value;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, as `records[0].evtData.amount`.
    pub path: String,
    /// What was expected, as JSON; none when nothing was.
    pub expected: Option<String>,
    /// What is there, as JSON; none when nothing is.
    pub got: Option<String>,
}

/// Everything in which `result` is not what `expect` says.
pub fn compare(expect: &Expect, result: &Preview) -> Vec<Difference> {
    let mut findings = Findings { subset: expect.subset, found: Vec::new() };
    let outcome = expect.outcome.or(expect.records.as_ref().map(|_| End::Mapped)).map(End::as_str);
    // An empty list of records says that there are none, whatever the end.
    let empty = expect.records.as_ref().is_some_and(Vec::is_empty) && expect.outcome.is_none();
    if let Some(outcome) = outcome.filter(|outcome| !empty && *outcome != result.outcome) {
        findings.add("outcome", Some(quote(outcome)), Some(quote(result.outcome)));
    }
    let code = result.reason.as_ref().map(|reason| &*reason.code);
    let unexpected = expect.reason.is_none() && !findings.found.is_empty() && code.is_some();
    if unexpected || expect.reason.is_some() && expect.reason.as_deref() != code {
        findings.add("reason", expect.reason.as_deref().map(quote), code.map(quote));
    }
    if let Some(records) = &expect.records {
        findings.records(records, result);
    }
    if let Some(warnings) = &expect.warnings {
        let got: Vec<&str> = result.warnings.iter().map(|warning| warning.code).collect();
        let fits = match expect.subset {
            true => warnings.iter().all(|code| got.contains(&code.as_str())),
            false => got.iter().eq(warnings),
        };
        if !fits {
            let expected = serde_json::json!(warnings).to_string();
            findings.add("warnings", Some(expected), Some(serde_json::json!(got).to_string()));
        }
    }
    findings.found
}

struct Findings {
    subset: bool,
    found: Vec<Difference>,
}

impl Findings {
    fn add(&mut self, path: impl Into<String>, expected: Option<String>, got: Option<String>) {
        self.found.push(Difference { path: path.into(), expected, got });
    }

    fn records(&mut self, expected: &[ExpectedRecord], result: &Preview) {
        let longest = if self.subset { expected.len() } else { expected.len().max(result.records.len()) };
        for index in 0..longest {
            let path = format!("records[{index}]");
            let got = result.records.get(index).map(|record| record.get());
            match (expected.get(index), got) {
                (Some(ExpectedRecord::Value(expected)), Some(got)) => {
                    self.value(&path, expected, got);
                }
                (Some(ExpectedRecord::Text(expected)), Some(got)) if expected == got => {}
                (expected, got) => {
                    let expected = expected.map(|record| match record {
                        ExpectedRecord::Value(value) => value.to_string(),
                        ExpectedRecord::Text(text) => text.clone(),
                    });
                    self.add(path, expected, got.map(str::to_owned));
                }
            }
        }
    }

    fn value(&mut self, path: &str, expected: &Value, got: &str) {
        let expected = expected.to_string();
        let (mut one, mut other) = (Scanner::default(), Scanner::default());
        let (Ok(left), Ok(right)) = (one.scan(&expected), other.scan(got)) else {
            return self.add(path, Some(expected), Some(got.to_owned()));
        };
        // YAML has no form of a number to keep, so what is written as a mapping means its value.
        let comparison = Comparison { subset: self.subset, numbers_by_value: true };
        let (left, right) = (Some(Side::whole(left)), Some(Side::whole(right)));
        difference::walk(comparison, path, left, right, &mut |path, expected, got| {
            let text = |side: Option<Side<'_>>| side.map(|side| side.raw().to_owned());
            self.found.push(Difference { path, expected: text(expected), got: text(got) });
        });
    }
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
