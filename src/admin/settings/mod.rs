//! Reading and changing the settings so that a change takes effect at once and nobody overwrites another unseen.
//!
//! Three layers: what is stored, the environment above it, and [`crate::settings::LiveSettings`], which every other room
//! reads. Deliberately no form and no HTTP.

mod conflict;
mod connection;
mod environment;
mod field;
mod input;
mod key;
mod stored;

pub use conflict::Difference;
pub use connection::Check;
pub use environment::Environment;
pub use field::Field;
pub use input::{FieldProblem, Input, SecretInput};
pub use key::{KeyProblem, KeyView, MOST_KEYS, MadeKey, NewKey};
pub use stored::{Revision, SavedBy};

use super::{Admin, AdminError, Author, UserName};
use crate::engine::Plan;
use crate::engine::plan::PackOption;
use crate::journal::Store;
use crate::settings::{KeyRing, LiveSettings, Origins, Secret, Settings};
use crate::telemetry::event::SettingsSaved;
use std::collections::BTreeMap;
use stored::Stored;

/// The settings to start with: what is stored, the environment above it, the keys. For the composition root. What an
/// earlier version stored becomes what this one stores.
pub fn load(store: &dyn Store, environment: &Environment) -> Result<LiveSettings, AdminError> {
    key::adopt(store)?;
    let (stored, _) = Stored::load(store)?;
    let (settings, origins) = environment.overlay(&stored.settings);
    let live = LiveSettings::new(settings, origins);
    live.replace_keys(key::ring(store, environment, &KeyRing::default())?);
    Ok(live)
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
    /// The last save.
    pub saved: Option<SavedBy>,
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
            saved: stored.saved,
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

    /// Saves what was typed into a form made from `seen`, and puts it in force.
    pub async fn save_settings(
        &self,
        by: &Author,
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
            return Ok(conflict::stale(&stored, &wanted, plan.options()));
        }
        match self.put(by, &stored, expected, wanted).await? {
            Some(revision) => Ok(SaveOutcome::Saved(revision)),
            // Somebody saved between our reading and our writing.
            None => {
                let (stored, _) = self.stored(Stored::load).await?;
                let wanted = self.wanted(input, &stored, &plan);
                Ok(wanted.map_or_else(SaveOutcome::Invalid, |wanted| {
                    conflict::stale(&stored, &wanted, plan.options())
                }))
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

    /// Changes what is stored, whoever else is changing it, and puts it in force.
    pub(super) async fn change_settings(
        &self,
        by: &Author,
        change: impl Fn(&mut Settings),
    ) -> Result<Revision, AdminError> {
        loop {
            let (stored, expected) = self.stored(Stored::load).await?;
            let mut wanted = stored.settings.clone();
            change(&mut wanted);
            if let Some(revision) = self.put(by, &stored, expected, wanted).await? {
                return Ok(revision);
            }
        }
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
        by: &Author,
        stored: &Stored,
        expected: Option<Vec<u8>>,
        wanted: Settings,
    ) -> Result<Option<Revision>, AdminError> {
        let next = stored.next(wanted, SavedBy { user: by.clone(), at: self.now() });
        let revision = next.revision;
        let by = by.clone();
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
