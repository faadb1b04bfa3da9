//! The settings page: what is set, where it came from, and the forms to change it. Secrets go in and never come out.

mod field;
mod key;
mod post;

use crate::admin::{Check, Field, Revision, SettingsView};
use crate::settings::{KeyKind, Limit, Region};
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::Moment;
use crate::web::visit::{Answer, Visit};
use askama::Template;
use field::{NumberField, OptionField, SecretField, TextField};
use key::{KeySection, Refused};
pub(in crate::web) use key::{create as create_key, revoke as revoke_key};
pub(in crate::web) use post::submit;

#[derive(Template)]
#[template(path = "page/settings.html")]
struct SettingsPage {
    shell: Shell,
    revision: Revision,
    /// Where typed secrets are kept while the form is back with a question.
    draft: String,
    account_id: TextField,
    region: TextField,
    regions: Vec<(&'static str, String)>,
    clevertap_url: TextField,
    base_url: String,
    passcode: SecretField,
    account_token: SecretField,
    pack: TextField,
    packs: Vec<String>,
    live_pack: String,
    options: Vec<OptionField>,
    delivery: Vec<NumberField>,
    retention: Vec<NumberField>,
    mask_paths: TextField,
    /// What was typed as the dashboard's address.
    dashboard: String,
    keys: Vec<KeySection>,
    is_sandbox: bool,
    /// Field, label, sentence.
    problems: Vec<(String, String, String)>,
    stale: Option<StaleView>,
    check: Option<Check>,
    /// What has just been done, a sentence; empty where nothing was.
    notice: String,
    fresh_token: String,
    tokens: Vec<TokenView>,
    token_is_given: bool,
    origin: String,
}

/// What somebody else saved meanwhile.
struct StaleView {
    /// Who and when, a part of a sentence.
    by: String,
    rows: Vec<StaleRow>,
}

/// One field that differs.
struct StaleRow {
    /// The name of the choice in the form.
    name: String,
    label: String,
    theirs: String,
    yours: String,
    /// Whether yours is chosen until somebody chooses: not for a field that was not touched.
    takes_yours: bool,
}

/// One API token of the list.
struct TokenView {
    id: String,
    name: String,
    ending: String,
    created: Moment,
    by: String,
    used: Option<Moment>,
}

/// What a page shows beside the settings themselves.
#[derive(Default)]
struct Extra {
    problems: Vec<(String, String)>,
    stale: Option<StaleView>,
    revision: Option<Revision>,
    check: Option<Check>,
    draft: String,
    refused: Option<Refused>,
    notice: String,
    /// The secret fields for which a typed value is kept.
    kept: Vec<Field>,
}

/// `GET /settings`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let view = visit.admin.settings_view().await?;
    html(&page(&visit, view, None, Extra::default()).await?)
}

/// The page. With `typed`, fields show what was typed instead of what is set.
async fn page(
    visit: &Visit,
    view: SettingsView,
    typed: Option<&Form>,
    extra: Extra,
) -> Result<SettingsPage, PageError> {
    let now = visit.admin.now();
    let query = visit.query();
    let fresh = visit.admin.handed_over(&visit.user()?, query.get("new"));
    let fresh = |name: &str| fresh.get(name).map(|secret| secret.expose().to_owned()).unwrap_or_default();
    let tokens = visit.admin.api_tokens().await?;
    let mut keys = Vec::new();
    for kind in KeyKind::ALL {
        keys.push(KeySection::new(visit, kind, fresh(kind.name()), extra.refused.as_ref()).await?);
    }
    let text = |field| TextField::new(field, &view, typed, &extra.problems, now);
    let number = |limit| NumberField::new(limit, &view, typed, &extra.problems, now);
    let secret = |field| SecretField::new(field, &view, &extra.problems, extra.kept.contains(&field), now);
    let option = |option| OptionField::new(option, &view, visit, typed, &extra.problems);
    Ok(SettingsPage {
        shell: Shell::of(visit, Nav::Settings),
        revision: extra.revision.unwrap_or(view.revision),
        draft: extra.draft.clone(),
        account_id: text(Field::AccountId),
        region: text(Field::Region),
        regions: Region::ALL
            .map(|region| (region.as_str(), format!("{} – {}", region.label(), region.host())))
            .into(),
        clevertap_url: text(Field::ClevertapUrl),
        base_url: view.settings.base_url(),
        passcode: secret(Field::Passcode),
        account_token: secret(Field::AccountToken),
        pack: text(Field::Pack),
        packs: view.packs.clone(),
        live_pack: view.live_pack.clone(),
        options: view.options.iter().map(option).collect(),
        delivery: [Limit::RequestsInFlight, Limit::UploadsInFlight, Limit::RetryCap, Limit::RetryFor]
            .map(number)
            .into(),
        retention: [Limit::KeepDays, Limit::KeepBytes].map(number).into(),
        mask_paths: text(Field::MaskPaths),
        dashboard: typed.map(|form| form.get("dashboard").to_owned()).unwrap_or_default(),
        keys,
        is_sandbox: view.settings.sandbox,
        problems: extra.problems.iter().map(|(field, says)| labelled(field, says, &view)).collect(),
        stale: extra.stale,
        check: extra.check,
        notice: match query.get("done") {
            "saved" => "Saved, and in force.".to_owned(),
            "revoked" => "The token is revoked; it is refused from now on.".to_owned(),
            "key-revoked" => "Revoked; who shows it is refused from now on.".to_owned(),
            _ => extra.notice,
        },
        fresh_token: fresh("api_token"),
        tokens: tokens
            .into_iter()
            .map(|token| TokenView {
                id: token.id,
                name: token.name,
                ending: token.ending,
                created: Moment::new(token.created_at, now),
                by: token.created_by.to_string(),
                used: token.used_at.map(|at| Moment::new(at, now)),
            })
            .collect(),
        token_is_given: visit.admin.api_token_is_given(),
        origin: visit.origin(),
    })
}

/// A problem with the label of its field, for the list at the top that links to the fields.
fn labelled(field: &str, says: &str, view: &SettingsView) -> (String, String, String) {
    let known =
        Field::ALL.into_iter().find(|known| known.name() == field).map(|known| known.label().to_owned());
    let option = || {
        let name = field.strip_prefix("option.")?;
        view.options.iter().find(|option| option.name == name).map(|option| option.label.clone())
    };
    let known = known.or_else(|| (field == "dashboard").then(|| "Dashboard address".to_owned()));
    (field.to_owned(), known.or_else(option).unwrap_or_else(|| field.to_owned()), says.to_owned())
}
