//! How what an event became differs from what was expected, path by path.

use super::case::{End, Expect, ExpectedRecord};
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
    let mut comparison = Comparison { subset: expect.subset, found: Vec::new() };
    let outcome = expect.outcome.or(expect.records.as_ref().map(|_| End::Mapped)).map(End::as_str);
    // An empty list of records says that there are none, whatever the end.
    let empty = expect.records.as_ref().is_some_and(Vec::is_empty) && expect.outcome.is_none();
    if let Some(outcome) = outcome.filter(|outcome| !empty && *outcome != result.outcome) {
        comparison.add("outcome", Some(quote(outcome)), Some(quote(result.outcome)));
    }
    let code = result.reason.as_ref().map(|reason| &*reason.code);
    let unexpected = expect.reason.is_none() && !comparison.found.is_empty() && code.is_some();
    if unexpected || expect.reason.is_some() && expect.reason.as_deref() != code {
        comparison.add("reason", expect.reason.as_deref().map(quote), code.map(quote));
    }
    let message = result.reason.as_ref().map(|reason| &*reason.message);
    if expect.message.is_some() && expect.message.as_deref() != message {
        comparison.add("message", expect.message.as_deref().map(quote), message.map(quote));
    }
    if let Some(records) = &expect.records {
        comparison.records(records, result);
    }
    if let Some(rules) = &expect.rules {
        let got = super::applied(result);
        if !got.iter().eq(rules) {
            let expected = serde_json::json!(rules).to_string();
            comparison.add("rules", Some(expected), Some(serde_json::json!(got).to_string()));
        }
    }
    if let Some(warnings) = &expect.warnings {
        let got: Vec<&str> = result.warnings.iter().map(|warning| warning.code).collect();
        let fits = match expect.subset {
            true => warnings.iter().all(|code| got.contains(&code.as_str())),
            false => got.iter().eq(warnings),
        };
        if !fits {
            let expected = serde_json::json!(warnings).to_string();
            comparison.add("warnings", Some(expected), Some(serde_json::json!(got).to_string()));
        }
    }
    comparison.found
}

struct Comparison {
    subset: bool,
    found: Vec<Difference>,
}

impl Comparison {
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
                    let got = serde_json::from_str(got).unwrap_or_default();
                    self.value(&path, Some(expected), Some(&got));
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

    fn value(&mut self, path: &str, expected: Option<&Value>, got: Option<&Value>) {
        match (expected, got) {
            (Some(expected), Some(got)) if expected == got => {}
            (Some(Value::Object(expected)), Some(Value::Object(got))) => {
                for (key, value) in expected {
                    self.value(&member(path, key), Some(value), got.get(key));
                }
                for (key, value) in got.iter().filter(|(key, _)| !self.subset && !expected.contains_key(*key))
                {
                    self.found.push(Difference {
                        path: member(path, key),
                        expected: None,
                        got: Some(value.to_string()),
                    });
                }
            }
            (Some(Value::Array(expected)), Some(Value::Array(got))) => {
                let longest = if self.subset { expected.len() } else { expected.len().max(got.len()) };
                for index in 0..longest {
                    self.value(&format!("{path}[{index}]"), expected.get(index), got.get(index));
                }
            }
            (expected, got) => {
                self.add(path, expected.map(ToString::to_string), got.map(ToString::to_string));
            }
        }
    }
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

fn member(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { format!("{path}.{key}") } else { format!("{path}.{}", quote(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(subset: bool, expected: &str, got: &str) -> Vec<String> {
        let mut comparison = Comparison { subset, found: Vec::new() };
        let (expected, got) = (serde_json::from_str(expected).unwrap(), serde_json::from_str(got).unwrap());
        comparison.value("r", Some(&expected), Some(&got));
        let say = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
        comparison
            .found
            .into_iter()
            .map(|found| format!("{}: {} {}", found.path, say(found.expected), say(found.got)))
            .collect()
    }

    #[test]
    fn each_difference_is_named_by_its_path() {
        for (expected, got, exact, subset) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, vec![], vec![]),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, vec![r#"r.a: 1 "1""#], vec![r#"r.a: 1 "1""#]),
            (r#"{"a":1}"#, "{}", vec!["r.a: 1 nothing"], vec!["r.a: 1 nothing"]),
            ("{}", r#"{"a b":1}"#, vec![r#"r."a b": nothing 1"#], vec![]),
            (r#"{"a":[1]}"#, r#"{"a":[2,3]}"#, vec!["r.a[0]: 1 2", "r.a[1]: nothing 3"], vec!["r.a[0]: 1 2"]),
            ("[]", "{}", vec!["r: [] {}"], vec!["r: [] {}"]),
        ] {
            assert_eq!(differences(false, expected, got), exact, "{expected} {got}");
            assert_eq!(differences(true, expected, got), subset, "{expected} {got}");
        }
    }
}
