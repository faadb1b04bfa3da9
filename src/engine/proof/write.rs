//! A new test file with one case: an event without its personal data, and what the rules make of that.
//!
//! What is written is read again and proven before it is handed out, so that a file that is handed out passes.

use super::case::parse;
use super::redact::{Redacted, Replaced, redact};
use super::{deciding_rule, prove};
use crate::engine::diagnostic::Diagnostics;
use crate::engine::event::time;
use crate::engine::layout::lay_out;
use crate::engine::{Context, Evaluator, Plan, Preview, preview};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands above the case.
const HEAD: &str = "# yaml-language-server: $schema=../schema/cases.json\n\
    # Made from a captured event. Personal values are stand-ins; look through it before it goes into git.\n";

/// What a case is made of.
#[derive(Debug, Clone)]
pub struct CaseOrder<'a> {
    /// The event as JSON.
    pub event: &'a str,
    /// Milliseconds since 1970 at which it was received.
    pub received_at: Option<i64>,
    /// The rules in force.
    pub plan: Arc<Plan>,
    /// The pack and the options that are set elsewhere than in the rules directory.
    pub pack: Option<&'a str>,
    /// See `pack`.
    pub options: &'a BTreeMap<String, Value>,
}

/// A test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCase {
    /// The name to save it under in `rules/tests/`.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What was replaced.
    pub replaced: Vec<Replaced>,
    /// How the event ends and how the redacted one does, where that is not the same: a rule looks at what was replaced.
    pub ends_otherwise: Option<(String, String)>,
}

/// Why there is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The event is no JSON object.
    #[error("expected an event as a JSON object; what is none has no case")]
    NotAnEvent,
    /// YAML would not give back what was written.
    #[error(
        "this event can not be written as YAML so that it is read as the same again; write the case by hand"
    )]
    NotFaithful,
}

/// Writes a case of an event.
pub fn write(order: &CaseOrder<'_>) -> Result<NewCase, NotWritten> {
    let event: Value = serde_json::from_str(order.event).map_err(|_| NotWritten::NotAnEvent)?;
    if !event.is_object() {
        return Err(NotWritten::NotAnEvent);
    }
    let mut evaluator = Evaluator::new(order.plan.clone());
    let context = Context { received_at: order.received_at, stopwatch: None };
    let before = preview(&mut evaluator, order.event.as_bytes(), &context, false);
    let Redacted { event, replaced } = redact(event);
    let after = preview(&mut evaluator, event.to_string().as_bytes(), &context, true);
    let title = title(&event);
    let file = format!("captured-{}.yaml", slug(&title));
    // Values are easier to read and to change; text holds what YAML has no form for.
    let forms = [false, true].into_iter();
    let mut texts = forms.map(|as_text| lay(&file, &render(order, &event, &after, &title, as_text)));
    let text = texts.find(|text| holds(&file, text, &mut evaluator)).ok_or(NotWritten::NotFaithful)?;
    let end = |preview: &Preview| match &preview.reason {
        Some(reason) => format!("{} ({})", preview.outcome, reason.code),
        None => preview.outcome.to_owned(),
    };
    let ends_otherwise = Some((end(&before), end(&after))).filter(|(before, after)| before != after);
    Ok(NewCase { file, text, replaced, ends_otherwise })
}

fn render(order: &CaseOrder<'_>, event: &Value, after: &Preview, title: &str, as_text: bool) -> String {
    let mut case = Map::new();
    let name = match &after.reason {
        Some(reason) => format!("{title} is {} with {}", after.outcome, reason.code),
        None => format!("{title} is mapped"),
    };
    case.insert("name".into(), name.into());
    case.extend(order.pack.map(|pack| ("pack".to_owned(), pack.into())));
    if !order.options.is_empty() {
        case.insert("options".into(), json!(order.options));
    }
    let has_own = event.get("receivedAt").is_some();
    let now = order.received_at.filter(|_| !has_own).map(time::render_iso);
    case.extend(now.map(|now| ("now".to_owned(), now.into())));
    case.insert("event".into(), if as_text { event.to_string().into() } else { event.clone() });
    let mut expect = Map::new();
    expect.insert("outcome".into(), after.outcome.into());
    match &after.reason {
        Some(reason) => drop(expect.insert("reason".into(), reason.code.to_string().into())),
        None => {
            let record = |record: &serde_json::value::RawValue| match as_text {
                true => Value::from(record.get()),
                false => serde_json::from_str(record.get()).unwrap_or(Value::Null),
            };
            expect.insert("records".into(), after.records.iter().map(AsRef::as_ref).map(record).collect());
        }
    }
    if after.trace.as_ref().and_then(deciding_rule).is_some() {
        expect.insert("rules".into(), super::applied(after).into());
    }
    let codes: Vec<&str> = after.warnings.iter().map(|warning| warning.code).collect();
    expect.insert("warnings".into(), codes.into());
    case.insert("expect".into(), Value::Object(expect));
    let mut text = format!("{HEAD}version: 1\ncases:\n");
    for (index, (key, value)) in case.iter().enumerate() {
        text.push_str(if index == 0 { "  - " } else { "    " });
        // JSON is YAML as long as nothing in it is wider than a line may be, and the layout sees to that.
        text.push_str(&format!("{key}: {value}\n"));
    }
    text
}

fn lay(file: &str, text: &str) -> String {
    lay_out(file, text).unwrap_or_else(|_| text.to_owned())
}

/// Whether the text is read as one case that holds.
fn holds(file: &str, text: &str, evaluator: &mut Evaluator) -> bool {
    let mut problems = Diagnostics::default();
    let cases = parse(file, text, &|_| Err("no file is named".to_owned()), &mut problems);
    let [case] = cases.as_slice() else { return false };
    problems.is_empty() && prove(case, evaluator).differences.is_empty()
}

/// What the call is called.
fn title(event: &Value) -> String {
    let text =
        |key: &str| event.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let title = text("event").or_else(|| text("name")).or_else(|| text("type")).unwrap_or("an event");
    title.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "event".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RuleFiles;

    fn plan() -> Arc<Plan> {
        let text = include_str!("../../../rules/packs/segment-cloud.yaml");
        let files: RuleFiles = [("packs/segment-cloud.yaml".to_owned(), text.to_owned())].into();
        Arc::new(Plan::compile(&files, Some("segment-cloud"), &Default::default()).unwrap())
    }

    fn written(event: &str) -> NewCase {
        let options = BTreeMap::new();
        let order = CaseOrder { event, received_at: Some(0), plan: plan(), pack: None, options: &options };
        write(&order).unwrap()
    }

    #[test]
    fn a_case_of_an_event_holds_what_the_rules_make_of_it_and_nothing_of_the_person() {
        let seeded =
            ["Grace", "Hopper", "navy.example.mil", "4085551", "203.0.113.77", "grace-1906", "c0b01"];
        let case = written(
            r#"{"type":"identify","userId":"grace-1906","anonymousId":"c0b01c0b01c0b01c0b01","traits":{"name":"Grace Hopper",
               "email":"grace@navy.example.mil","phone":"+1 408 555 1234","plan":"gold","bio":"Grace wrote a compiler",
               "score":12345678901234567890.5},"context":{"ip":"203.0.113.77"}}"#,
        );
        for seeded in seeded {
            assert!(!case.text.to_lowercase().contains(&seeded.to_lowercase()), "{seeded} in {}", case.text);
        }
        assert!(case.text.contains("user_1@example.com") && case.text.contains("gold"), "{}", case.text);
        assert_eq!(case.file, "captured-identify.yaml");
        assert_eq!(case.ends_otherwise, None);
        assert!(case.replaced.len() >= 7, "{:?}", case.replaced);
    }

    #[test]
    fn an_event_that_is_filtered_has_a_case_with_its_reason() {
        let case = written(r#"{"type":"track","event":"Seen: a \"b\"","userId":"u-1"}"#);
        assert!(case.text.contains("\"reason\": \"missing_anonymous_id\""), "{}", case.text);
        let none =
            CaseOrder { event: "[]", received_at: None, plan: plan(), pack: None, options: &BTreeMap::new() };
        assert_eq!(write(&none), Err(NotWritten::NotAnEvent));
    }
}
