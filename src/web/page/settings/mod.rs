//! The settings page: what is set, where it came from, and the forms to change it. Secrets go in and never come out.

mod field;
mod post;

use crate::admin::{Check, Difference, Field, Revision, SettingsView};
use crate::settings::Region;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::response::{html, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::Moment;
use crate::web::visit::{Answer, Visit};
use askama::Template;
use field::{OptionField, SecretField, TextField};
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
    write_key: SecretField,
    webhook_secret: SecretField,
    pack: TextField,
    packs: Vec<String>,
    live_pack: String,
    options: Vec<OptionField>,
    /// Field, label, sentence.
    problems: Vec<(String, String, String)>,
    stale: Option<StaleView>,
    check: Option<Check>,
    /// What has just been done, a sentence; empty where nothing was.
    notice: &'static str,
    /// A secret to show once.
    fresh_write_key: String,
    fresh_token: String,
    tokens: Vec<TokenView>,
    token_is_given: bool,
    origin: String,
}

/// What somebody else saved meanwhile.
struct StaleView {
    /// Who and when, a part of a sentence.
    by: String,
    differences: Vec<Difference>,
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
    /// The secret fields for which a typed value is kept.
    kept: Vec<Field>,
}

/// `GET /settings`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let view = visit.admin.settings_view().await?;
    html(&page(&visit, view, None, Extra::default()).await?)
}

/// `POST /settings/write-key`: makes one, which the page then shows once.
pub(in crate::web) async fn generate_write_key(visit: Visit) -> Answer {
    let number = visit.admin.generate_write_key(&visit.user()?).await?;
    Ok(see_other(&format!("/settings?new={number}#write-key")))
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
    let text = |field| TextField::new(field, &view, typed, &extra.problems);
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
        write_key: secret(Field::WriteKey),
        webhook_secret: secret(Field::WebhookSecret),
        pack: text(Field::Pack),
        packs: view.packs.clone(),
        live_pack: view.live_pack.clone(),
        options: view.options.iter().map(option).collect(),
        problems: extra.problems.iter().map(|(field, says)| labelled(field, says, &view)).collect(),
        stale: extra.stale,
        check: extra.check,
        notice: match query.get("done") {
            "saved" => "Saved, and in force.",
            "revoked" => "The token is revoked; it is refused from now on.",
            _ => "",
        },
        fresh_write_key: fresh("write_key"),
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
    (field.to_owned(), known.or_else(option).unwrap_or_else(|| field.to_owned()), says.to_owned())
}
