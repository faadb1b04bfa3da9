//! The fields of the settings form, ready to show.

use crate::admin::{Field, SettingsView};
use crate::clock::Millis;
use crate::engine::plan::{OptionKind, PackOption};
use crate::settings::{Limit, Origin, Secret, Unit};
use crate::web::form::Form;
use crate::web::view::Moment;
use crate::web::visit::Visit;
use serde_json::Value;

/// A field whose value may be seen.
pub(super) struct TextField {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// What is wrong with it, a sentence; empty where nothing is.
    pub(super) problem: String,
    /// The variable that sets it and makes it read-only; empty where none does.
    pub(super) variable: &'static str,
    /// What was stored when the page was made, to know later whether it was touched.
    pub(super) was: String,
    /// Where its value comes from, as `Saved 3 days ago by admin.`
    pub(super) says: String,
}

/// A number with its name and what is in force where none is typed.
pub(super) struct NumberField {
    pub(super) text: TextField,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) default: String,
    pub(super) is_count: bool,
}

/// A field whose value goes in and never comes out.
pub(super) struct SecretField {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) problem: String,
    pub(super) variable: &'static str,
    /// Whether there is one.
    pub(super) is_set: bool,
    /// What may be said of it, as `Set 3 days ago by admin, ends …a1b2.`
    pub(super) says: String,
    /// Whether a newly typed one is kept while the form is back with a question.
    pub(super) is_kept: bool,
}

/// A pack option.
pub(super) struct OptionField {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) is_boolean: bool,
    pub(super) is_integer: bool,
    /// What is chosen here; empty where the choice is the rules'.
    pub(super) value: String,
    /// The rules' own value, as text.
    pub(super) default: String,
    pub(super) problem: String,
    /// Whether a flag sets it and makes it read-only.
    pub(super) is_given: bool,
    /// What was stored when the page was made.
    pub(super) was: String,
}

impl TextField {
    /// `field`, with what was typed or what is set.
    pub(super) fn new(
        field: Field,
        view: &SettingsView,
        typed: Option<&Form>,
        problems: &[(String, String)],
        now: Millis,
    ) -> Self {
        let variable = variable(field, view);
        let typed = typed.and_then(|form| form.find(field.name())).filter(|_| variable.is_empty());
        Self {
            name: field.name(),
            was: field.shown(&view.stored),
            says: match view.changed.get(&field) {
                Some(by) if view.origins.contains_key(field.name()) => {
                    format!("Saved {} by {}.", Moment::new(by.at, now).ago, by.user)
                }
                _ if view.origins.contains_key(field.name()) => "Saved.".to_owned(),
                _ => "The default.".to_owned(),
            },
            value: typed.map_or_else(|| field.shown(&view.settings), str::to_owned),
            problem: problem(field.name(), problems),
            variable,
        }
    }
}

impl NumberField {
    /// `limit`, with what was typed or what is set.
    pub(super) fn new(
        limit: Limit,
        view: &SettingsView,
        typed: Option<&Form>,
        problems: &[(String, String)],
        now: Millis,
    ) -> Self {
        Self {
            text: TextField::new(Field::Limit(limit), view, typed, problems, now),
            label: limit.label(),
            hint: limit.hint(),
            default: limit.unit().render(limit.default_value()),
            is_count: limit.unit() == Unit::Count,
        }
    }
}

impl SecretField {
    /// `field`; of its value only whether there is one and its last characters.
    pub(super) fn new(
        field: Field,
        view: &SettingsView,
        problems: &[(String, String)],
        is_kept: bool,
        now: Millis,
    ) -> Self {
        let variable = variable(field, view);
        let secret = field.secret_in(&view.settings);
        let ending = secret.and_then(Secret::ending).map(|end| format!(", ends …{end}")).unwrap_or_default();
        let changed = view.changed.get(&field).filter(|_| variable.is_empty());
        let changed = changed.map(|by| format!(" {} by {}", Moment::new(by.at, now).ago, by.user));
        Self {
            name: field.name(),
            label: field.label(),
            problem: problem(field.name(), problems),
            variable,
            is_set: secret.is_some(),
            says: match secret {
                Some(_) => format!("Set{}{ending}.", changed.unwrap_or_default()),
                None => "Not set.".to_owned(),
            },
            is_kept,
        }
    }
}

impl OptionField {
    /// `option`, with what was typed or what is stored.
    pub(super) fn new(
        option: &PackOption,
        view: &SettingsView,
        visit: &Visit,
        typed: Option<&Form>,
        problems: &[(String, String)],
    ) -> Self {
        let field = format!("option.{}", option.name);
        let is_given = visit.admin.option_is_given(&option.name);
        let typed = typed.and_then(|form| form.find(&field)).filter(|_| !is_given);
        let stored = match is_given {
            true => Some(&option.value),
            false => view.stored.options.get(&option.name),
        };
        Self {
            was: view.stored.options.get(&option.name).map(shown).unwrap_or_default(),
            value: typed.map_or_else(|| stored.map(shown).unwrap_or_default(), str::to_owned),
            default: shown(&option.default),
            name: option.name.clone(),
            label: option.label.clone(),
            is_boolean: option.kind == OptionKind::Boolean,
            is_integer: option.kind == OptionKind::Integer,
            problem: problem(&field, problems),
            is_given,
        }
    }
}

fn variable(field: Field, view: &SettingsView) -> &'static str {
    match view.origins.get(field.name()) {
        Some(Origin::Environment(variable)) => variable,
        _ => "",
    }
}

fn problem(field: &str, problems: &[(String, String)]) -> String {
    problems.iter().find(|(found, _)| found == field).map(|(_, says)| says.clone()).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
