//! The `TAPLINE_*` variables that stand above what is stored.
//!
//! They are read once, when the process starts, through a function that is handed in, so that flags and tests can stand
//! in for the process's environment. A variable that is set wins on every start and is read-only in the console; an
//! empty one counts as not set.

use super::Field;
use crate::settings::{BaseUrl, KeyKind, Limit, Limits, Origin, Origins, Region, Secret, Settings};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the environment sets.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    account_id: Option<String>,
    account_token: Option<Secret>,
    passcode: Option<Secret>,
    region: Option<Region>,
    clevertap_url: Option<BaseUrl>,
    write_key: Option<Secret>,
    webhook_secret: Option<Secret>,
    pack: Option<String>,
    options: BTreeMap<String, Value>,
    limits: Limits,
    admin_password: Option<Secret>,
    api_token: Option<Secret>,
}

impl Environment {
    /// Reads every variable through `lookup`. All problems come back at once, in words.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let text =
            |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let secret = |name: &str| lookup(name).as_deref().and_then(Secret::parse);
        let mut problems = Vec::new();
        let region = text("TAPLINE_REGION").and_then(|text| {
            let region = Region::parse(&text);
            if region.is_none() {
                let names = Region::ALL.map(Region::as_str).join("`, `");
                problems.push(format!("`TAPLINE_REGION` expects one of `{names}`, found `{text}`"));
            }
            region
        });
        let clevertap_url = text("TAPLINE_CLEVERTAP_URL").and_then(|text| match BaseUrl::parse(&text) {
            Ok(url) => Some(url),
            Err(problem) => {
                problems.push(format!("`TAPLINE_CLEVERTAP_URL`: {problem}"));
                None
            }
        });
        let environment = Self {
            account_id: text("TAPLINE_ACCOUNT_ID"),
            account_token: secret("TAPLINE_TOKEN"),
            passcode: secret("TAPLINE_PASSCODE"),
            region,
            clevertap_url,
            write_key: secret("TAPLINE_WRITE_KEY"),
            webhook_secret: secret("TAPLINE_WEBHOOK_SECRET"),
            pack: text("TAPLINE_PACK"),
            options: BTreeMap::new(),
            limits: Limits::default(),
            // Trimmed, because a file mounted as a variable often ends with a line break.
            admin_password: secret("TAPLINE_ADMIN_PASSWORD"),
            api_token: secret("TAPLINE_API_TOKEN"),
        };
        if problems.is_empty() { Ok(environment) } else { Err(problems) }
    }

    /// Adds pack options given as flags; they win like variables do.
    #[must_use]
    pub fn with_options(mut self, options: BTreeMap<String, Value>) -> Self {
        self.options = options;
        self
    }

    /// Adds numbers given as flags or variables.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The write key or webhook secret that a variable sets.
    pub fn key(&self, kind: KeyKind) -> Option<&Secret> {
        match kind {
            KeyKind::WriteKey => self.write_key.as_ref(),
            KeyKind::WebhookSecret => self.webhook_secret.as_ref(),
        }
    }

    /// Lays the environment over stored settings and says where every set field came from.
    pub fn overlay(&self, stored: &Settings) -> (Settings, Origins) {
        let mut settings = stored.clone();
        let mut origins = Origins::new();
        for field in Field::ALL {
            if field.is_set_in(stored) {
                origins.insert(field.name(), Origin::Stored);
            }
            if let Some(variable) = self.variable_of(field) {
                origins.insert(field.name(), Origin::Environment(variable));
            }
        }
        let over = |above: &Option<Secret>, below: &mut Option<Secret>| {
            if above.is_some() {
                below.clone_from(above);
            }
        };
        over(&self.account_token, &mut settings.account_token);
        over(&self.passcode, &mut settings.passcode);
        for limit in Limit::ALL {
            if let Some(value) = self.limits.get(limit) {
                settings.limits.set(limit, Some(value));
            }
        }
        settings.account_id = self.account_id.clone().or(settings.account_id);
        settings.region = self.region.unwrap_or(settings.region);
        settings.clevertap_url = self.clevertap_url.clone().or(settings.clevertap_url);
        settings.pack = self.pack.clone().or(settings.pack);
        settings.options.extend(self.options.iter().map(|(name, value)| (name.clone(), value.clone())));
        (settings, origins)
    }

    /// The variable that sets a field, if it is set.
    pub fn variable_of(&self, field: Field) -> Option<&'static str> {
        let set = match field {
            Field::AccountId => self.account_id.is_some(),
            Field::AccountToken => self.account_token.is_some(),
            Field::Passcode => self.passcode.is_some(),
            Field::Region => self.region.is_some(),
            Field::ClevertapUrl => self.clevertap_url.is_some(),
            Field::Pack => self.pack.is_some(),
            Field::Limit(limit) => self.limits.get(limit).is_some(),
            Field::MaskPaths => false,
        };
        field.variable().filter(|_| set)
    }

    /// Whether a flag sets this option of the pack.
    pub fn sets_option(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// `TAPLINE_ADMIN_PASSWORD`.
    pub fn admin_password(&self) -> Option<&Secret> {
        self.admin_password.as_ref()
    }

    /// `TAPLINE_API_TOKEN`.
    pub fn api_token(&self) -> Option<&Secret> {
        self.api_token.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Environment, Vec<String>> {
        let map: BTreeMap<String, String> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Environment::read(|name| map.get(name).cloned())
    }

    #[test]
    fn a_variable_wins_over_what_is_stored_and_is_named_as_the_source() {
        let stored = Settings {
            account_id: Some("STORED".to_owned()),
            passcode: Secret::parse("stored"),
            ..Settings::default()
        };
        let environment = environment(&[
            ("TAPLINE_ACCOUNT_ID", "GIVEN"),
            ("TAPLINE_REGION", "in."),
            ("TAPLINE_TOKEN", " "),
        ]);
        let (settings, origins) = environment.unwrap().overlay(&stored);
        assert_eq!(settings.account_id.as_deref(), Some("GIVEN"));
        assert_eq!(settings.region, Region::In1);
        assert_eq!(settings.passcode, Secret::parse("stored"));
        assert_eq!(settings.account_token, None, "an empty variable is not set");
        assert_eq!(origins["account_id"], Origin::Environment("TAPLINE_ACCOUNT_ID"));
        assert_eq!(origins["passcode"], Origin::Stored);
        assert!(!origins.contains_key("account_token"));
    }

    #[test]
    fn all_bad_variables_are_named_at_once() {
        let problems =
            environment(&[("TAPLINE_REGION", "moon"), ("TAPLINE_CLEVERTAP_URL", "ftp://x")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("`TAPLINE_REGION`") && problems[0].contains("`moon`"));
        assert!(problems[1].contains("`TAPLINE_CLEVERTAP_URL`"));
    }
}
