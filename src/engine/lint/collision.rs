//! R606: two lines of one object that write the same key, or two that a person can not tell apart.

use super::part;
use crate::engine::diagnostic::{Code, Diagnostics};
use crate::engine::keys;
use crate::engine::plan::Plan;
use crate::engine::rules::Origin;
use crate::engine::rules::data::{Data, Field};
use crate::engine::rules::expression::From;
use crate::engine::rules::rest::{KeyCase, Rest};

/// Looks at the objects that rules write.
pub fn lint(plan: &Plan, found: &mut Diagnostics) {
    for data in part::every_data(&plan.pack) {
        alike(data, found);
        for rest in data.rest.iter() {
            data.fields.iter().for_each(|field| copied_again(field, rest, found));
        }
    }
}

fn alike(data: &Data, found: &mut Diagnostics) {
    let fold = |key: &str| key.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    for (at, field) in data.fields.iter().enumerate() {
        let folded = fold(&field.target);
        let before = data.fields.iter().take(at);
        let Some(twin) = before.filter(|_| !folded.is_empty()).find(|other| fold(&other.target) == folded)
        else {
            continue;
        };
        let message = format!(
            "`{}` and `{}` in line {} differ in case and signs only",
            field.target, twin.target, twin.place.line
        );
        let help = "give one of them another name, or leave it out";
        found.push(Code::R606, Some(field.place.clone()), message, Some(help.into()));
    }
}

/// Whether the rest copies, under the same key, what a line already takes from the same object.
fn copied_again(field: &Field, rest: &Rest, found: &mut Diagnostics) {
    let taken = field.value.alternatives.iter().filter_map(|alternative| match &alternative.from {
        From::Origin(origin) => rest.sources.iter().find_map(|source| member(source, origin)),
        _ => None,
    });
    for key in taken {
        let excepted = rest.except.iter().any(|except| except == key);
        let verbatim = rest.keep.iter().chain(&rest.keep_keys).any(|pattern| pattern.matches(key));
        let case = if verbatim { KeyCase::Preserve } else { rest.keys };
        if excepted || keys::case_key(key, case) != *field.target {
            continue;
        }
        let source = rest.sources.first().map_or("", |source| source.as_str());
        let message = match rest.replaces {
            true => format!(
                "`{}` is written here, and `\"*\"` writes what stands in `{source}` over it",
                field.target
            ),
            false => {
                format!("`{}` is written here, and `\"*\"` copies it from `{source}` again", field.target)
            }
        };
        let help =
            format!("write `except: [{key}]` beside `rest`, or leave this line out if it changes nothing");
        found.push(Code::R606, Some(field.place.clone()), message, Some(help));
    }
}

/// The key, where a place is a member of another and nothing deeper.
fn member<'o>(object: &Origin, place: &'o Origin) -> Option<&'o str> {
    let key = place.as_str().strip_prefix(object.as_str())?.strip_prefix('.')?;
    (!key.is_empty() && !key.contains(['.', '[', '"'])).then_some(key)
}
