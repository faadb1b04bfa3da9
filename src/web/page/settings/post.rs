//! Saving and testing: what was typed becomes settings, or the form comes back with everything still in it.

use super::{Extra, StaleView, page};
use crate::admin::{Field, FieldProblem, Input, Revision, SaveOutcome, SecretInput};
use crate::settings::Secret;
use crate::web::response::{html_with, see_other};
use crate::web::view::Moment;
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use std::collections::BTreeMap;

/// `POST /settings`: saves, or with `action=test` asks CleverTap what it thinks of what is typed.
pub(in crate::web) async fn submit(visit: Visit) -> Answer {
    let user = visit.user()?;
    let drafts = visit.admin.handed_over(&user, visit.form.get("draft"));
    let input = input_of(&visit, &drafts);
    if visit.form.get("action") == "test" {
        let mut extra = Extra::default();
        match visit.admin.check_connection(&input).await? {
            Ok(check) => extra.check = Some(check),
            Err(problems) => extra.problems = as_pairs(problems),
        }
        let status =
            if extra.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        return come_back(&visit, &input, extra, status).await;
    }
    let seen = Revision(visit.form.get("revision").parse().unwrap_or_default());
    match visit.admin.save_settings(&user, seen, &input).await? {
        SaveOutcome::Saved(_) => Ok(see_other("/settings?done=saved")),
        SaveOutcome::Invalid(problems) => {
            let extra = Extra { problems: as_pairs(problems), ..Extra::default() };
            come_back(&visit, &input, extra, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        SaveOutcome::Stale { revision, saved, differences } => {
            let now = visit.admin.now();
            let by = saved.map(|by| format!("{} saved {}", by.user, Moment::new(by.at, now).ago));
            let by = by.unwrap_or_else(|| "Somebody saved".to_owned());
            let stale = Some(StaleView { by, differences });
            let extra = Extra { stale, revision: Some(revision), ..Extra::default() };
            come_back(&visit, &input, extra, StatusCode::CONFLICT).await
        }
    }
}

/// The same form again. Typed secrets wait on this side, so that they need not be typed twice nor travel back.
async fn come_back(visit: &Visit, input: &Input, mut extra: Extra, status: StatusCode) -> Answer {
    let typed: BTreeMap<String, Secret> = input
        .secrets
        .iter()
        .filter_map(|(field, input)| match input {
            SecretInput::Replace(secret) => Some((field.name().to_owned(), secret.clone())),
            SecretInput::Keep | SecretInput::Remove => None,
        })
        .collect();
    if !typed.is_empty() {
        extra.kept = Field::ALL.into_iter().filter(|field| typed.contains_key(field.name())).collect();
        extra.draft = visit.admin.hand_over(&visit.user()?, typed)?;
    }
    if extra.revision.is_none() {
        // The form keeps saying which version it was made from.
        extra.revision = Some(Revision(visit.form.get("revision").parse().unwrap_or_default()));
    }
    let view = visit.admin.settings_view().await?;
    html_with(status, &page(visit, view, Some(&visit.form), extra).await?)
}

fn input_of(visit: &Visit, drafts: &BTreeMap<String, Secret>) -> Input {
    let form = &visit.form;
    let mut input = Input::default();
    for field in Field::ALL {
        let name = field.name();
        if !field.is_secret() {
            if let Some(text) = form.find(name) {
                input.texts.insert(field, text.to_owned());
            }
            continue;
        }
        let typed = Secret::parse(form.get(name)).or_else(|| drafts.get(name).cloned());
        let secret = match typed {
            _ if form.get(&format!("remove.{name}")) == "yes" => SecretInput::Remove,
            Some(secret) => SecretInput::Replace(secret),
            None => SecretInput::Keep,
        };
        input.secrets.insert(field, secret);
    }
    for (name, value) in form.iter() {
        if let Some(option) = name.strip_prefix("option.") {
            input.options.insert(option.to_owned(), value.to_owned());
        }
    }
    input
}

fn as_pairs(problems: Vec<FieldProblem>) -> Vec<(String, String)> {
    problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
}
