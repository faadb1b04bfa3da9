//! What an operator typed, and what is wrong with it.

use super::{Environment, Field};
use crate::engine::plan::{OptionKind, PackOption};
use crate::settings::{BaseUrl, Region, Secret, Settings};
use serde_json::Value;
use std::collections::BTreeMap;

/// Typed values. What is absent stays as it is; the passcode, token and key of [`SecretInput::Keep`] too.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Text fields by [`Field`]; secrets are not among them.
    pub texts: BTreeMap<Field, String>,
    /// Secret fields.
    pub secrets: BTreeMap<Field, SecretInput>,
    /// Pack options by name; empty text gives the choice back to the rules.
    pub options: BTreeMap<String, String>,
}

/// What is to become of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SecretInput {
    /// Nothing was typed.
    #[default]
    Keep,
    /// This is the new one.
    Replace(Secret),
    /// There shall be none.
    Remove,
}

/// What is wrong with one typed value, said to the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The name of the field, as [`Field::name`], or of the option, as `option.<name>`.
    pub field: String,
    /// A sentence. Never holds a secret.
    pub message: String,
}

impl Input {
    /// Lays the typed values over `base`. Fields that the environment sets are left alone. All problems come back at once.
    pub fn apply(
        &self,
        base: &Settings,
        options: &[PackOption],
        environment: &Environment,
    ) -> Result<Settings, Vec<FieldProblem>> {
        let mut settings = base.clone();
        let mut problems = Vec::new();
        for (field, text) in &self.texts {
            if environment.variable_of(*field).is_none()
                && let Err(message) = set_text(&mut settings, *field, text.trim())
            {
                problems.push(FieldProblem { field: field.name().to_owned(), message });
            }
        }
        for (field, input) in &self.secrets {
            if environment.variable_of(*field).is_none()
                && let Err(message) = set_secret(&mut settings, *field, input)
            {
                problems.push(FieldProblem { field: field.name().to_owned(), message });
            }
        }
        for (name, text) in &self.options {
            let option = options.iter().find(|option| option.name == *name);
            match option
                .filter(|_| !environment.sets_option(name))
                .map(|option| parse_option(option.kind, text))
            {
                // An option of another pack is not for this form to change.
                None => {}
                Some(Ok(Some(value))) => {
                    settings.options.insert(name.clone(), value);
                }
                Some(Ok(None)) => {
                    settings.options.remove(name);
                }
                Some(Err(message)) => {
                    problems.push(FieldProblem { field: format!("option.{name}"), message });
                }
            }
        }
        if settings.pack != base.pack {
            // Options of one pack mean nothing to another.
            settings.options.clear();
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

fn set_text(settings: &mut Settings, field: Field, text: &str) -> Result<(), String> {
    let given = (!text.is_empty()).then_some(text);
    match field {
        Field::AccountId => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if text.len() > 64 || !text.chars().all(allowed) {
                return Err("An account ID has letters, digits and dashes only, as `ABC-123-4XYZ`. \
                     Copy it from CleverTap under Settings, Project."
                    .to_owned());
            }
            settings.account_id = given.map(str::to_owned);
        }
        Field::Region => {
            settings.region = Region::parse(text).ok_or("Choose one of the regions in the list.")?;
        }
        Field::ClevertapUrl => {
            settings.clevertap_url = given.map(BaseUrl::parse).transpose().map_err(|problem| {
                let mut sentence = problem;
                if let Some(first) = sentence.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                sentence + "."
            })?;
        }
        Field::Pack => settings.pack = given.map(str::to_owned),
        Field::AccountToken | Field::Passcode | Field::WriteKey | Field::WebhookSecret => {}
    }
    Ok(())
}

fn set_secret(settings: &mut Settings, field: Field, input: &SecretInput) -> Result<(), String> {
    let secret = match input {
        SecretInput::Keep => return Ok(()),
        SecretInput::Remove => None,
        SecretInput::Replace(secret) => {
            check_secret(field, secret.expose())?;
            Some(secret.clone())
        }
    };
    match field {
        Field::AccountToken => settings.account_token = secret,
        Field::Passcode => settings.passcode = secret,
        Field::WriteKey => settings.write_key = secret,
        Field::WebhookSecret => settings.webhook_secret = secret,
        Field::AccountId | Field::Region | Field::ClevertapUrl | Field::Pack => {}
    }
    Ok(())
}

fn check_secret(field: Field, text: &str) -> Result<(), String> {
    if field == Field::WebhookSecret {
        // It is the key of a hash and travels nowhere, so all that Segment takes is taken.
        if text.len() > 256 || text.chars().any(char::is_control) {
            return Err("It may have up to 256 bytes on one line. Was something else copied along with it?"
                .to_owned());
        }
        return Ok(());
    }
    // The others travel in HTTP headers.
    if text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("It may have up to 256 letters, digits and signs, without spaces. \
                     Was something else copied along with it?"
            .to_owned());
    }
    Ok(())
}

fn parse_option(kind: OptionKind, text: &str) -> Result<Option<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match kind {
        OptionKind::Boolean => match text {
            "true" => Ok(Some(Value::Bool(true))),
            "false" => Ok(Some(Value::Bool(false))),
            _ => Err(format!("Expected `true` or `false`, found `{text}`.")),
        },
        OptionKind::Integer => text
            .parse::<i64>()
            .map(|number| Some(number.into()))
            .map_err(|_| "Expected a whole number.".to_owned()),
        OptionKind::String => Ok(Some(Value::String(text.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, kind: OptionKind) -> PackOption {
        PackOption {
            name: name.to_owned(),
            kind,
            default: Value::Null,
            value: Value::Null,
            label: name.to_owned(),
        }
    }

    #[test]
    fn every_wrong_value_is_named_and_no_secret_is_repeated() {
        let input = Input {
            texts: BTreeMap::from([
                (Field::AccountId, "not an id!".to_owned()),
                (Field::Region, "moon".to_owned()),
                (Field::ClevertapUrl, "nonsense".to_owned()),
            ]),
            secrets: BTreeMap::from([(
                Field::Passcode,
                SecretInput::Replace(Secret::parse("with space").unwrap()),
            )]),
            options: BTreeMap::from([("limit".to_owned(), "many".to_owned())]),
        };
        let options = [option("limit", OptionKind::Integer)];
        let problems = input.apply(&Settings::default(), &options, &Environment::default()).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["account_id", "region", "clevertap_url", "passcode", "option.limit"]);
        assert!(problems.iter().all(|problem| !problem.message.contains("with space")));
        assert!(problems[2].message.starts_with("Expected an address"), "{}", problems[2].message);
    }

    #[test]
    fn what_is_not_typed_stays_and_what_the_environment_sets_can_not_be_changed() {
        let base = Settings { passcode: Secret::parse("kept"), ..Settings::default() };
        let environment =
            Environment::read(|name| (name == "TAPLINE_ACCOUNT_ID").then(|| "GIVEN".to_owned())).unwrap();
        let input = Input {
            texts: BTreeMap::from([(Field::AccountId, "TYPED".to_owned())]),
            secrets: BTreeMap::from([(Field::Passcode, SecretInput::Keep)]),
            options: BTreeMap::from([
                ("strict".to_owned(), "true".to_owned()),
                ("other".to_owned(), "1".to_owned()),
            ]),
        };
        let options = [option("strict", OptionKind::Boolean)];
        let settings = input.apply(&base, &options, &environment).unwrap();
        assert_eq!(settings.account_id, None);
        assert_eq!(settings.passcode, Secret::parse("kept"));
        assert_eq!(settings.options, BTreeMap::from([("strict".to_owned(), Value::Bool(true))]));
    }
}
