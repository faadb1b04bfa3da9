//! Writing what events become into a test file as what is expected from now on.
//!
//! Only the lines of the `expect` blocks in question change; everything else of the file stays byte for byte.
//! The new text is read again before it is handed out, so that a block that could not be replaced by lines is refused.

use super::case::{Case, Expect, ExpectedRecord, parse};
use super::difference::compare;
use crate::engine::diagnostic::Diagnostics;
use crate::engine::preview::Preview;
use crate::engine::rules::source;
use serde_json::{Map, Value};

/// Why a file was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The block is not alone on its lines.
    #[error("the `expect` of `{0}` shares a line with other keys; give it a line of its own")]
    SharedLine(String),
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
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut ordered = results.to_vec();
    // From the last to the first, so that the lines of those before keep their numbers.
    ordered.sort_by_key(|(case, _)| std::cmp::Reverse(case.expect_place.line));
    for (case, result) in &ordered {
        replace(&mut lines, case, result, ending)?;
    }
    let new = lines.concat();
    verify(file, text, &new, results, read)?;
    Ok(new)
}

fn replace(lines: &mut Vec<String>, case: &Case, result: &Preview, ending: &str) -> Result<(), NotAccepted> {
    let shared = || NotAccepted::SharedLine(case.name.clone());
    let first = case.expect_place.line.saturating_sub(1) as usize;
    let column = case.expect_place.column.saturating_sub(1) as usize;
    let line = lines.get(first).ok_or_else(shared)?;
    let (before, key) = line.split_at_checked(column).ok_or_else(shared)?;
    if !before.chars().all(|c| c == ' ' || c == '-') {
        return Err(shared());
    }
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let is_inside = |line: &str| line.len() - line.trim_start_matches(' ').len() > column;
    let mut end = first + 1;
    for (index, line) in lines.iter().enumerate().skip(first + 1) {
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        if !is_inside(line) {
            break;
        }
        end = index + 1;
    }
    // A note behind `expect:` belongs to the key, and stays with it.
    let note = key.trim_end().strip_prefix("expect:").map(str::trim_start).filter(|rest| is_comment(rest));
    let note = note.map(|note| format!(" {note}")).unwrap_or_default();
    let mut block = vec![format!("{before}expect:{note}{ending}")];
    let comments = lines.iter().take(end).skip(first + 1).filter(|line| is_comment(line));
    block.extend(comments.cloned());
    let not_faithful = || NotAccepted::NotFaithful(case.name.clone());
    let yaml = source::render(&expected(&case.expect, result)).ok_or_else(not_faithful)?;
    let indent = " ".repeat(column + 2);
    for line in yaml.lines() {
        let indent = if line.is_empty() { "" } else { &indent };
        block.push(format!("{indent}{line}{ending}"));
    }
    lines.splice(first..end, block);
    Ok(())
}

/// What the event became, in the form of an `expect`.
fn expected(before: &Expect, result: &Preview) -> Value {
    let mut members = Map::new();
    match &result.reason {
        Some(reason) => {
            members.insert("outcome".into(), result.outcome.into());
            members.insert("reason".into(), Value::from(&*reason.code));
            if before.message.is_some() {
                members.insert("message".into(), Value::from(&*reason.message));
            }
        }
        None => {
            let as_text = |index| {
                let before = before.records.as_ref().and_then(|list| list.get(index));
                matches!(before, Some(ExpectedRecord::Text(_)))
            };
            let records = result.records.iter().enumerate().map(|(index, record)| {
                let value = serde_json::from_str(record.get()).ok().filter(|_| !as_text(index));
                value.unwrap_or_else(|| Value::from(record.get()))
            });
            members.insert("records".into(), records.collect());
        }
    }
    if before.rules.is_some() {
        members.insert("rules".into(), super::applied(result).into());
    }
    if before.warnings.is_some() || !result.warnings.is_empty() {
        let codes = result.warnings.iter().map(|warning| Value::from(warning.code));
        members.insert("warnings".into(), codes.collect());
    }
    Value::Object(members)
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
