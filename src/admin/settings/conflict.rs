//! What differs between what is stored and what a form wants that was made from an older version.
//!
//! Both sides are shown field by field, and whoever saved later chooses. Deliberately no merging by itself: two people who
//! change an account at once mean two accounts.

use super::stored::Stored;
use super::{Field, Input, SaveOutcome};
use crate::engine::plan::PackOption;
use crate::settings::{Secret, Settings};
use serde_json::Value;

/// One field that differs between what is stored now and what a stale form wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// As [`Field::name`], or `option.<name>`.
    pub field: String,
    /// Its name for people.
    pub label: String,
    /// What is stored now; secrets in words.
    pub theirs: String,
    /// What the form holds; secrets in words.
    pub yours: String,
}

impl Input {
    /// Leaves a field, named as in [`Difference::field`], as it is stored.
    pub fn leave(&mut self, field: &str) {
        if let Some(option) = field.strip_prefix("option.") {
            self.options.remove(option);
        } else if let Some(field) = Field::find(field) {
            self.texts.remove(&field);
            self.secrets.remove(&field);
        }
    }
}

/// The outcome that shows both sides.
pub(super) fn stale(stored: &Stored, wanted: &Settings, options: &[PackOption]) -> SaveOutcome {
    let fields = Field::ALL.into_iter().filter(|field| field.differs(&stored.settings, wanted));
    let mut differences: Vec<Difference> =
        fields.map(|field| of_field(field, &stored.settings, wanted)).collect();
    for option in options {
        let (theirs, yours) = (stored.settings.options.get(&option.name), wanted.options.get(&option.name));
        if theirs != yours {
            let in_words = |value: Option<&Value>| value.map_or_else(String::new, Value::to_string);
            differences.push(Difference {
                field: format!("option.{}", option.name),
                label: option.label.clone(),
                theirs: in_words(theirs),
                yours: in_words(yours),
            });
        }
    }
    SaveOutcome::Stale { revision: stored.revision, saved: stored.saved.clone(), differences }
}

fn of_field(field: Field, stored: &Settings, wanted: &Settings) -> Difference {
    let in_words = |secret: Option<&Secret>, words: &str| match secret {
        Some(_) => words.to_owned(),
        None => "none".to_owned(),
    };
    let (theirs, yours) = match field.is_secret() {
        true => (
            in_words(field.secret_in(stored), &field.shown(stored)),
            in_words(field.secret_in(wanted), "the new one you typed"),
        ),
        false => (field.shown(stored), field.shown(wanted)),
    };
    Difference { field: field.name().to_owned(), label: field.label().to_owned(), theirs, yours }
}
