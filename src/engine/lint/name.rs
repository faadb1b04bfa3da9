//! R604, an event name that only CleverTap may give, and R605, a name that is nearly one of CleverTap's own.

use super::part;
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use crate::engine::plan::Plan;
use crate::engine::record::{RecordKind, StandardField, restricted};
use crate::engine::rules::data::Data;
use crate::engine::rules::expression::{From, Part};
use crate::engine::rules::record::RecordTemplate;

/// The event of a purchase, and the keys it has a meaning for.
/// Source: <https://developer.clevertap.com/docs/upload-events-api>, read 2026-11.
const CHARGED: &str = "Charged";
const CHARGED_KEYS: [&str; 2] = ["Charged ID", "Items"];

/// Looks at the names of events and at the keys of records.
pub fn lint(plan: &Plan, found: &mut Diagnostics) {
    for record in part::every_record(&plan.pack) {
        let names = constant_names(record);
        for (name, place) in &names {
            if restricted::is_restricted(name) {
                let message = format!(
                    "only CleverTap itself may name an event `{name}`, so it refuses this one (code 513)"
                );
                let help = "take another name";
                found.push(Code::R604, Some((*place).clone()), message, Some(help.into()));
            } else if is_near(name, CHARGED) {
                let message = format!(
                    "`{name}` is nearly `{CHARGED}`, the only name under which CleverTap counts a purchase"
                );
                found.push(Code::R605, Some((*place).clone()), message, Some(format!("write `{CHARGED}`")));
            }
        }
        match record.kind {
            RecordKind::Profile => near_keys(&record.data, &StandardField::KEYS, "profiles", found),
            RecordKind::Event if names.iter().any(|(name, _)| *name == CHARGED) => {
                near_keys(&record.data, &CHARGED_KEYS, "purchases", found);
            }
            // The keys of SDK calls are those of the wrappers, also where they are odd.
            RecordKind::Event | RecordKind::Token | RecordKind::Call => {}
        }
    }
}

/// The names that a rule writes out.
fn constant_names(record: &RecordTemplate) -> Vec<(&str, &Place)> {
    let alternatives = record.name.iter().flat_map(|name| &name.alternatives);
    alternatives
        .filter_map(|alternative| match &alternative.from {
            From::Text(text) => Some((&**text, &alternative.place)),
            From::Template(template) => match template.parts.as_slice() {
                [Part::Text(text)] => Some((text.as_str(), &alternative.place)),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

fn near_keys(data: &Data, known: &[&str], whose: &str, found: &mut Diagnostics) {
    let has = |key: &str| data.fields.iter().any(|field| *field.target == *key);
    for field in &data.fields {
        // Beside the right key a copy under another name is meant.
        let near = known.iter().find(|key| is_near(&field.target, key) && !has(key));
        if let Some(key) = near {
            let message = format!(
                "`{}` is nearly `{key}`, which CleverTap knows of {whose}; this is a key of your own",
                field.target
            );
            let help = format!("write `{key}`, or `allow: [R605]` where your own is meant");
            found.push(Code::R605, Some(field.place.clone()), message, Some(help));
        }
    }
}

/// Whether one name was most likely meant to be another: the same but for case, blanks and signs, or with one letter
/// wrong. The first letter must agree and a plural does not count, so that `Game` and `Photos` are no misspelt `Name`
/// and `Photo`; short names have to be the same but for case, as few letters are soon another word's.
fn is_near(found: &str, known: &str) -> bool {
    const SHORTEST: usize = 5;
    if found == known {
        return false;
    }
    let fold = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (folded, wanted) = (fold(found), fold(known));
    if folded == wanted {
        return true;
    }
    let plural = folded.strip_suffix('s') == Some(&wanted);
    let same_start = folded.chars().next() == wanted.chars().next();
    wanted.len() >= SHORTEST && same_start && !plural && strsim::damerau_levenshtein(&folded, &wanted) == 1
}
