//! The settings as JSON: each value with where it comes from.

use crate::admin::{Field, SavedBy, SettingsView};
use crate::engine::event::time::render_iso;
use crate::settings::{Origin, Secret};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All settings.
#[derive(Serialize)]
pub(super) struct SettingsDoc {
    /// Counts the saves; the `ETag` holds it, too.
    revision: u64,
    /// The last save.
    saved: Option<SavedDoc>,
    sandbox: bool,
    settings: BTreeMap<&'static str, FieldDoc>,
    options: BTreeMap<String, OptionDoc>,
    /// The packs that can be live, and the one that is.
    packs: Vec<String>,
    live_pack: String,
    /// Where records go, without a path.
    base_url: String,
}

/// Who and when.
#[derive(Serialize)]
pub(super) struct SavedDoc {
    by: String,
    at: String,
}

impl From<&SavedBy> for SavedDoc {
    fn from(saved: &SavedBy) -> Self {
        Self { by: saved.user.to_string(), at: render_iso(saved.at.0) }
    }
}

#[derive(Serialize)]
struct FieldDoc {
    /// The value; absent for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// Of a secret, whether there is one, and its last characters where they give nothing away.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<String>,
    /// `default`, `saved` or `variable`; a variable's or flag's can not be changed here.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<SavedDoc>,
}

#[derive(Serialize)]
struct OptionDoc {
    value: Value,
    default: Value,
    label: String,
    /// `rules`, `saved` or `flag`.
    source: &'static str,
}

impl SettingsDoc {
    /// What the console's page shows; `is_given` knows the options that flags set.
    pub(super) fn of(view: &SettingsView, is_given: impl Fn(&str) -> bool) -> Self {
        let options = view.options.iter().map(|option| {
            let source = match view.stored.options.contains_key(&option.name) {
                _ if is_given(&option.name) => "flag",
                true => "saved",
                false => "rules",
            };
            let doc = OptionDoc {
                value: option.value.clone(),
                default: option.default.clone(),
                label: option.label.clone(),
                source,
            };
            (option.name.clone(), doc)
        });
        Self {
            revision: view.revision.0,
            saved: view.saved.as_ref().map(SavedDoc::from),
            sandbox: view.settings.sandbox,
            settings: Field::ALL.map(|field| (field.name(), FieldDoc::of(field, view))).into(),
            options: options.collect(),
            packs: view.packs.clone(),
            live_pack: view.live_pack.clone(),
            base_url: view.settings.base_url(),
        }
    }
}

impl FieldDoc {
    fn of(field: Field, view: &SettingsView) -> Self {
        let (source, variable) = match view.origins.get(field.name()) {
            None => ("default", None),
            Some(Origin::Stored) => ("saved", None),
            Some(Origin::Environment(variable)) => ("variable", Some(*variable)),
        };
        let secret = field.secret_in(&view.settings);
        let changed = view.changed.get(&field).filter(|_| variable.is_none()).map(SavedDoc::from);
        Self {
            value: (!field.is_secret()).then(|| value(field, view)),
            set: field.is_secret().then_some(secret.is_some()),
            ending: secret.and_then(Secret::ending).map(str::to_owned),
            source,
            variable,
            changed,
        }
    }
}

fn value(field: Field, view: &SettingsView) -> Value {
    match field {
        Field::Limit(limit) => view.settings.limits.in_force(limit).into(),
        Field::MaskPaths => json!(view.settings.mask_paths),
        other => match other.shown(&view.settings) {
            text if text.is_empty() => Value::Null,
            text => text.into(),
        },
    }
}
