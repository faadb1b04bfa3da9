//! Writing what events become into a test file as what is expected from now on.
//!
//! Only the values that differ change (`patch.rs`); everything else of the file stays byte for byte.
//! The new text is read again before it is handed out, so that one that does not say what it should is refused.

use super::case::{Case, End, Expect, ExpectedRecord, parse};
use super::difference::compare;
use crate::engine::diagnostic::Diagnostics;
use crate::engine::layout::patch::Patch;
use crate::engine::preview::Preview;
use crate::engine::rules::source::Source;
use serde_json::{Map, Value};

/// Why a file was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The file would no longer say what it says.
    #[error("the `expect` of `{0}` can not be written without changing something else; write it by hand")]
    NotFaithful(String),
}

/// The file's text with what each event became in place of what was expected. `read` is as for [`parse`].
pub fn accept(
    file: &str,
    text: &str,
    results: &[(&Case, &Preview)],
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<String, NotAccepted> {
    let first = results.first().map(|(case, _)| case.name.clone()).unwrap_or_default();
    let new = rewrite(file, text, results).ok_or(NotAccepted::NotFaithful(first))?;
    verify(file, text, &new, results, read)?;
    Ok(new)
}

fn rewrite(file: &str, text: &str, results: &[(&Case, &Preview)]) -> Option<String> {
    let source = Source::parse(file, text, &mut Diagnostics::default())?;
    let all = serde_json::to_value(&source.value).ok()?;
    let cases = all.get("cases")?.as_array()?;
    let mut patch = Patch::new(text)?;
    for (case, result) in results {
        let written = cases.iter().find(|written| written["name"].as_str() == Some(&case.name))?;
        let expect = written.get("expect")?;
        patch.set(case.expect_place.start, expect, &wanted(expect, &case.expect, result))?;
    }
    Some(patch.apply())
}

/// What the event became, in the form of an `expect`: the keys that are named, as far as its end still has them.
fn wanted(written: &Value, before: &Expect, result: &Preview) -> Value {
    let text = |key: &str, new: &str| match written.get(key) {
        Some(old) if old.as_str().map(str::trim) == Some(new) => old.clone(),
        _ => Value::from(new),
    };
    let has_records = before.records.as_ref().is_some_and(|list| !list.is_empty());
    let was_mapped = has_records || before.outcome == Some(End::Mapped);
    let is_filled = |key| written.get(key).is_some();
    let mut members = Map::new();
    match &result.reason {
        Some(reason) => {
            if was_mapped || is_filled("outcome") {
                members.insert("outcome".into(), result.outcome.into());
            }
            if was_mapped || is_filled("reason") || !compare_ends(before, result) {
                members.insert("reason".into(), text("reason", &reason.code));
            }
            if is_filled("message") {
                members.insert("message".into(), text("message", &reason.message));
            }
        }
        None => {
            if is_filled("outcome") {
                members.insert("outcome".into(), result.outcome.into());
            }
            let lost = !was_mapped && (is_filled("reason") || is_filled("message") || is_filled("outcome"));
            if is_filled("records") || lost && !before.subset {
                members.insert("records".into(), records(written, before, result));
            } else if lost {
                members.insert("outcome".into(), result.outcome.into());
            }
        }
    }
    if before.rules.is_some() {
        members.insert("rules".into(), super::applied(result).into());
    }
    if let Some(named) = &before.warnings {
        let codes: Vec<&str> = result.warnings.iter().map(|warning| warning.code).collect();
        let kept = named.iter().map(String::as_str).filter(|code| codes.contains(code)).collect();
        members.insert("warnings".into(), if before.subset { kept } else { codes }.into());
    }
    Value::Object(members)
}

/// Whether the end is one that the case names.
fn compare_ends(before: &Expect, result: &Preview) -> bool {
    before.outcome.is_none_or(|end| end.as_str() == result.outcome)
}

fn records(written: &Value, before: &Expect, result: &Preview) -> Value {
    let named = before.records.as_deref().unwrap_or_default();
    let written = written.get("records").and_then(Value::as_array);
    // More records than are named may be there where only some are.
    let most = if before.subset { named.len() } else { usize::MAX };
    let records = result.records.iter().take(most).enumerate().map(|(index, record)| {
        let old = written.and_then(|list| list.get(index));
        let value = serde_json::from_str::<Value>(record.get()).ok();
        match (named.get(index), old, value) {
            (Some(ExpectedRecord::Text(text)), Some(old), _) if text == record.get() => old.clone(),
            (Some(ExpectedRecord::Text(_)), _, _) | (_, _, None) => Value::from(record.get()),
            (Some(ExpectedRecord::Value(named)), _, Some(value)) if before.subset => prune(named, value),
            (_, _, Some(value)) => value,
        }
    });
    records.collect()
}

/// Of `got` what `named` names.
fn prune(named: &Value, got: Value) -> Value {
    match (named, got) {
        (Value::Object(named), Value::Object(mut got)) => {
            let kept =
                named.iter().filter_map(|(key, named)| Some((key.clone(), prune(named, got.remove(key)?))));
            Value::Object(kept.collect())
        }
        (Value::Array(named), Value::Array(got)) => {
            named.iter().zip(got).map(|(named, got)| prune(named, got)).collect()
        }
        (_, got) => got,
    }
}

/// Reads the new text: the accepted cases now hold, and nothing else of any case changed.
fn verify(
    file: &str,
    old: &str,
    new: &str,
    results: &[(&Case, &Preview)],
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), NotAccepted> {
    let mut problems = Diagnostics::default();
    let before = parse(file, old, read, &mut Diagnostics::default());
    let after = parse(file, new, read, &mut problems);
    let first = results.first().map(|(case, _)| case.name.clone()).unwrap_or_default();
    if !problems.is_empty() || before.len() != after.len() {
        return Err(NotAccepted::NotFaithful(first));
    }
    for (old, new) in before.iter().zip(&after) {
        let same = |case: &Case| {
            (case.name.clone(), case.event.clone(), case.now, case.pack.clone(), case.options.clone())
        };
        let holds = match results.iter().find(|(case, _)| case.name == old.name) {
            Some((_, result)) => compare(&new.expect, result).is_empty(),
            None => old.expect == new.expect,
        };
        if same(old) != same(new) || !holds {
            return Err(NotAccepted::NotFaithful(old.name.clone()));
        }
    }
    Ok(())
}
