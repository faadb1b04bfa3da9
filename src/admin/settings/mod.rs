//! Reading and changing the settings so that a change takes effect at once and nobody overwrites another unseen.
//!
//! Three layers: what is stored, the environment above it, and [`crate::settings::LiveSettings`], which every other room
//! reads. Deliberately no form and no HTTP.

mod connection;
mod environment;
mod field;
mod input;
mod stored;

pub use connection::Check;
pub use environment::Environment;
pub use field::Field;
pub use input::{FieldProblem, Input, SecretInput};
pub use stored::{Revision, SavedBy};

use super::{Admin, AdminError, UserName, random_text};
use crate::engine::Plan;
use crate::engine::plan::PackOption;
use crate::journal::Store;
use crate::settings::{Origins, Secret, Settings};
use crate::telemetry::event::SettingsSaved;
use std::collections::BTreeMap;
use stored::Stored;

/// The settings to start with: what is stored, the environment above it. For the composition root.
pub fn load(store: &dyn Store, environment: &Environment) -> Result<(Settings, Origins), AdminError> {
    let (stored, _) = Stored::load(store)?;
    Ok(environment.overlay(&stored.settings))
}

/// Everything a settings page shows.
#[derive(Debug, Clone)]
pub struct SettingsView {
    /// What a form made from this must send back.
    pub revision: Revision,
    /// The settings in force.
    pub settings: Settings,
    /// Where they came from.
    pub origins: Origins,
    /// The last change of each field.
    pub changed: BTreeMap<Field, SavedBy>,
    /// What is stored, without the environment.
    pub stored: Settings,
    /// The packs that can be live.
    pub packs: Vec<String>,
    /// The pack in force.
    pub live_pack: String,
    /// Its options with the values in force.
    pub options: Vec<PackOption>,
}

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

/// What comes of saving.
#[derive(Debug)]
pub enum SaveOutcome {
    /// Stored and in force.
    Saved(Revision),
    /// Nothing was stored.
    Invalid(Vec<FieldProblem>),
    /// Somebody saved after the form was made; nothing was stored.
    Stale {
        /// What the next try must carry.
        revision: Revision,
        /// Who saved, if known.
        saved: Option<SavedBy>,
        /// Where the two versions differ.
        differences: Vec<Difference>,
    },
}

impl Admin {
    /// What a settings page shows.
    pub async fn settings_view(&self) -> Result<SettingsView, AdminError> {
        let (stored, _) = self.stored(Stored::load).await?;
        let (settings, origins) = self.ground.environment.overlay(&stored.settings);
        let plan = self.ground.rules.plan();
        Ok(SettingsView {
            revision: stored.revision,
            settings,
            origins,
            changed: stored.changed,
            stored: stored.settings,
            packs: plan.packs().iter().filter(|pack| !plan.is_preview_only(pack)).cloned().collect(),
            live_pack: plan.pack().to_owned(),
            options: plan.options().to_vec(),
        })
    }

    /// Whether a flag sets this pack option, which makes it read-only.
    pub fn option_is_given(&self, name: &str) -> bool {
        self.ground.environment.sets_option(name)
    }

    /// Saves what `user` typed into a form made from `seen`, and puts it in force.
    pub async fn save_settings(
        &self,
        user: &UserName,
        seen: Revision,
        input: &Input,
    ) -> Result<SaveOutcome, AdminError> {
        let (stored, expected) = self.stored(Stored::load).await?;
        let plan = self.ground.rules.plan();
        let wanted = match self.wanted(input, &stored, &plan) {
            Ok(wanted) => wanted,
            Err(problems) => return Ok(SaveOutcome::Invalid(problems)),
        };
        if stored.revision != seen {
            return Ok(stale(&stored, &wanted, plan.options()));
        }
        match self.put(user, &stored, expected, wanted).await? {
            Some(revision) => Ok(SaveOutcome::Saved(revision)),
            // Somebody saved between our reading and our writing.
            None => {
                let (stored, _) = self.stored(Stored::load).await?;
                let wanted = self.wanted(input, &stored, &plan);
                Ok(wanted.map_or_else(SaveOutcome::Invalid, |wanted| stale(&stored, &wanted, plan.options())))
            }
        }
    }

    /// What is stored with the typed values over it, or everything that is wrong with them.
    fn wanted(&self, input: &Input, stored: &Stored, plan: &Plan) -> Result<Settings, Vec<FieldProblem>> {
        let applied = input.apply(&stored.settings, plan.options(), &self.ground.environment);
        let typed = input.texts.get(&Field::Pack).map(|pack| pack.trim());
        let Some(pack) = typed.filter(|pack| plan.is_preview_only(pack)) else { return applied };
        let mut problems = applied.err().unwrap_or_default();
        let message = format!(
            "The pack {pack} shows what Segment's device mode does and can send nothing, so it can not be in force \
             (R310). Try it on the preview page."
        );
        problems.push(FieldProblem { field: Field::Pack.name().to_owned(), message });
        Err(problems)
    }

    /// Makes a new write key, stores it, puts it in force, and gives the number with which the page may show it once.
    pub async fn generate_write_key(&self, user: &UserName) -> Result<String, AdminError> {
        let key = Secret::parse(&random_text::<24>()?).ok_or(AdminError::NoRandomness)?;
        loop {
            let (stored, expected) = self.stored(Stored::load).await?;
            let wanted = Settings { write_key: Some(key.clone()), ..stored.settings.clone() };
            if self.put(user, &stored, expected, wanted).await?.is_some() {
                break;
            }
        }
        self.hand_over(user, BTreeMap::from([("write_key".to_owned(), key)]))
    }

    /// Keeps secrets for the next page of `user`; see [`Admin::handed_over`].
    pub fn hand_over(
        &self,
        user: &UserName,
        secrets: BTreeMap<String, Secret>,
    ) -> Result<String, AdminError> {
        self.handover.keep(user.as_str(), secrets, self.now())
    }

    /// Gives out the secrets that [`Admin::hand_over`] kept for `user`, once.
    pub fn handed_over(&self, user: &UserName, number: &str) -> BTreeMap<String, Secret> {
        self.handover.take(user.as_str(), number, self.now())
    }

    /// Stores `wanted` if nothing was saved meanwhile, and puts it in force.
    async fn put(
        &self,
        user: &UserName,
        stored: &Stored,
        expected: Option<Vec<u8>>,
        wanted: Settings,
    ) -> Result<Option<Revision>, AdminError> {
        let next = stored.next(wanted, SavedBy { user: user.clone(), at: self.now() });
        let revision = next.revision;
        let by = user.clone();
        let (settings, origins) = self.ground.environment.overlay(&next.settings);
        let (live, rules) = (self.ground.settings.clone(), self.ground.rules.clone());
        let _in_order = self.saving.lock().await;
        self.stored(move |store| {
            if !next.replace(store, expected.as_deref())? {
                return Ok(None);
            }
            rules.reload(&settings);
            SettingsSaved { user: &by, revision: revision.0 }.tell();
            live.replace(settings, origins);
            Ok(Some(revision))
        })
        .await
    }
}

fn stale(stored: &Stored, wanted: &Settings, options: &[PackOption]) -> SaveOutcome {
    let mut differences = Vec::new();
    for field in Field::ALL {
        let (theirs, yours) = (field.shown(&stored.settings), field.shown(wanted));
        if field.secret_in(&stored.settings) != field.secret_in(wanted) {
            let in_words = |secret: Option<&Secret>, words: &str| match secret {
                Some(_) => words.to_owned(),
                None => "none".to_owned(),
            };
            differences.push(Difference {
                field: field.name().to_owned(),
                label: field.label().to_owned(),
                theirs: in_words(field.secret_in(&stored.settings), &theirs),
                yours: in_words(field.secret_in(wanted), "the new one you typed"),
            });
        } else if theirs != yours {
            differences.push(Difference {
                field: field.name().to_owned(),
                label: field.label().to_owned(),
                theirs,
                yours,
            });
        }
    }
    for option in options {
        let (theirs, yours) = (stored.settings.options.get(&option.name), wanted.options.get(&option.name));
        if theirs != yours {
            let in_words = |value: Option<&serde_json::Value>| {
                value.map_or_else(String::new, serde_json::Value::to_string)
            };
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
