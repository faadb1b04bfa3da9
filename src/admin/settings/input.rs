//! What an operator typed, and what is wrong with it.

use super::{Environment, Field};
use crate::engine::event::Path;
use crate::engine::plan::{OptionKind, PackOption};
use crate::settings::{BaseUrl, Limit, Region, Secret, Settings};
use serde_json::Value;
use std::collections::BTreeMap;

/// Masked paths that may be set; each is looked for in every event that is shown.
const MOST_PATHS: usize = 100;

/// Typed values. What is absent stays as it is; the passcode and token of [`SecretInput::Keep`] too.
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
    /// Where an address of CleverTap's dashboard was typed as the account ID: takes it out, and the region that it names
    /// for the region. Says what is left to do, or nothing where no address was typed.
    pub fn read_dashboard(&mut self) -> Option<FieldProblem> {
        let typed = self.texts.get(&Field::AccountId).filter(|text| Region::is_dashboard(text))?.clone();
        self.texts.remove(&Field::AccountId);
        let message = match Region::of_dashboard(&typed) {
            Some(region) => {
                self.texts.insert(Field::Region, region.as_str().to_owned());
                format!(
                    "That is the dashboard's address. The region was read from it ({}); the account ID stands in \
                     CleverTap under Settings, Project.",
                    region.label()
                )
            }
            None => NO_REGION.to_owned(),
        };
        Some(FieldProblem { field: Field::AccountId.name().to_owned(), message })
    }

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
        if problems.is_empty() {
            problems.extend(check_limits(&environment.overlay(&settings).0));
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
        Field::Limit(limit) => {
            settings.limits.set(limit, given.map(|text| parse_limit(limit, text)).transpose()?)
        }
        Field::MaskPaths => settings.mask_paths = parse_paths(text)?,
        Field::AccountToken | Field::Passcode => {}
    }
    Ok(())
}

/// What is said of a dashboard's address that names no region.
pub(super) const NO_REGION: &str = "That is the dashboard's address, and it names no region. Sign in there and copy the address again, as \
     `https://in1.dashboard.clevertap.com/…`, or choose the region from the list.";

fn parse_limit(limit: Limit, text: &str) -> Result<u64, String> {
    let ((least, most), unit) = (limit.range(), limit.unit());
    let value = unit.parse(text).filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        format!("Expected {} to {}, found `{shown}`.", unit.render(least), unit.render(most))
    })
}

/// Something has to be left for what is not an upload.
fn check_limits(settings: &Settings) -> Option<FieldProblem> {
    let limits = &settings.limits;
    let (requests, uploads) =
        (limits.in_force(Limit::RequestsInFlight), limits.in_force(Limit::UploadsInFlight));
    (requests <= uploads).then(|| FieldProblem {
        field: Limit::RequestsInFlight.name().to_owned(),
        message: format!(
            "Expected more requests than the uploads among them ({uploads}), found `{requests}`: connection tests, \
             deletions and what is sent again need a place, too."
        ),
    })
}

/// One path a line; each once, in order.
fn parse_paths(text: &str) -> Result<Vec<String>, String> {
    let mut paths: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        Path::parse(line).map_err(|problem| {
            let mut chars = problem.chars();
            let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
            format!("{first}{}.", chars.as_str())
        })?;
        if !paths.iter().any(|path| path == line) {
            paths.push(line.to_owned());
        }
    }
    if paths.len() > MOST_PATHS {
        return Err(format!("Expected at most {MOST_PATHS} paths, found {}.", paths.len()));
    }
    Ok(paths)
}

fn set_secret(settings: &mut Settings, field: Field, input: &SecretInput) -> Result<(), String> {
    let secret = match input {
        SecretInput::Keep => return Ok(()),
        SecretInput::Remove => None,
        SecretInput::Replace(secret) => {
            check_secret(secret.expose())?;
            Some(secret.clone())
        }
    };
    match field {
        Field::AccountToken => settings.account_token = secret,
        Field::Passcode => settings.passcode = secret,
        Field::AccountId
        | Field::Region
        | Field::ClevertapUrl
        | Field::Pack
        | Field::Limit(_)
        | Field::MaskPaths => {}
    }
    Ok(())
}

fn check_secret(text: &str) -> Result<(), String> {
    // They travel in HTTP headers.
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

    fn typed(field: Field, text: &str) -> Result<Settings, Vec<FieldProblem>> {
        let input = Input { texts: BTreeMap::from([(field, text.to_owned())]), ..Input::default() };
        input.apply(&Settings::default(), &[], &Environment::default())
    }

    #[test]
    fn numbers_are_read_with_their_units_and_kept_within_their_bounds() {
        let set =
            |limit, text: &str| typed(Field::Limit(limit), text).map(|settings| settings.limits.get(limit));
        assert_eq!(set(Limit::KeepBytes, "2 GiB"), Ok(Some(2 << 30)));
        assert_eq!(set(Limit::RetryFor, " 90 "), Ok(Some(90)));
        assert_eq!(set(Limit::RetryFor, ""), Ok(None));
        for (limit, text) in [
            (Limit::KeepBytes, "1 MiB"),
            (Limit::UploadsInFlight, "13"),
            (Limit::RetryCap, "0"),
            (Limit::KeepDays, "a week"),
            // More uploads than requests would leave nothing for a connection test.
            (Limit::RequestsInFlight, "12"),
        ] {
            let problems = set(limit, text).unwrap_err();
            assert_eq!(problems[0].field, limit.name(), "{text}");
            assert!(problems[0].message.starts_with("Expected"), "{problems:?}");
        }
    }

    #[test]
    fn masked_paths_are_checked_and_kept_once_each_in_order() {
        let paths = |text: &str| typed(Field::MaskPaths, text).map(|settings| settings.mask_paths);
        let good = "traits.email\r\n\n properties.products[0].name \ntraits.email\ncontext.\"a.b\"";
        assert_eq!(paths(good).unwrap(), ["traits.email", "properties.products[0].name", "context.\"a.b\""]);
        assert!(paths("").unwrap().is_empty());
        let problems = paths("traits.email\ntraits..x").unwrap_err();
        assert!(problems[0].message.starts_with("Expected"), "{problems:?}");
        let many: Vec<String> = (0..101).map(|place| format!("traits.t{place}")).collect();
        assert!(paths(&many.join("\n")).is_err());
    }

    #[test]
    fn an_address_of_the_dashboard_typed_as_the_account_gives_the_region() {
        let read = |text: &str| {
            let mut input =
                Input { texts: BTreeMap::from([(Field::AccountId, text.to_owned())]), ..Input::default() };
            let problem = input.read_dashboard();
            (
                problem.is_some(),
                input.texts.get(&Field::Region).cloned(),
                input.texts.contains_key(&Field::AccountId),
            )
        };
        assert_eq!(read("https://in1.dashboard.clevertap.com/x"), (true, Some("in1".to_owned()), false));
        assert_eq!(read("https://dashboard.clevertap.com/login"), (true, None, false));
        assert_eq!(read("ABC-123-4XYZ"), (false, None, true));
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
